"""How a task that is given rows comes to be given their keys: one repair of the task and of all that uses it."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from celery_lint.findings import Applicability, Change, Fix, Import, PutStatement, RenameKeyword, Replace, Side
from celery_lint.project.modules import Class, Function
from celery_lint.project.syntax import walk
from celery_lint.records import record
from celery_lint.semantics.calls.imports import has_docstring, import_of, own_imports, reachable_name
from celery_lint.semantics.definition.taskparams import row_use, takes_key
from celery_lint.semantics.definition.uses import Filled, Use, is_none, uses_of
from celery_lint.semantics.dispatching.dispatches import VERBS
from celery_lint.semantics.dispatching.evidence import passed, site_callee
from celery_lint.semantics.inference.attributes import model_manager
from celery_lint.semantics.inference.expressions import Evaluator
from celery_lint.semantics.inference.values import (
    ClassValue,
    Constant,
    External,
    ManagerValue,
    ModelValue,
    Parameter,
    Value,
)
from celery_lint.semantics.model import Call, Task
from celery_lint.semantics.transactions.writes import same_row

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# Methods of a task class that see or change the arguments (celery/app/task.py).
_SEE_ARGUMENTS = ("__call__", "apply_async", "delay", "apply", "before_start", "on_success", "on_failure", "on_retry")
_PASS_ON_ALL = VERBS | {"run", "replace", "subtask_from_request", "signature_from_request", "__call__"}


@record()
class Keyed:
    """The repair, and the parameters that take keys after it."""

    fix: Fix
    parameters: frozenset[str]


def keyed(hub: Semantics, task: Task) -> Keyed | None:
    """The repair of a task whose every use is known, and passes a row of one model for some parameters.

    The uses pass the row's key, the parameters are renamed, and the body starts with
    fetching the rows. None where any of that is not certain.
    """
    return hub.memo.get(("keyed", task), lambda: _keyed(hub, task), None)


def _keyed(hub: Semantics, task: Task) -> Keyed | None:
    if not _may_change(hub, task):
        return None
    function = task.function
    assert function is not None
    suspects = [
        a
        for a in (*task.parameters, *function.node.args.kwonlyargs)
        if a.arg not in function.defaults or is_none(function.defaults[a.arg])
    ]
    uses = uses_of(hub, task) if suspects else None
    if not uses:
        return None
    # Where the body wants a key already, the calls alone are wrong.
    suspects = [a for a in suspects if not takes_key(hub, task, a.arg) or row_use(hub, task, a.arg) is not None]
    models = {a: m for a in suspects if (m := _model_given(hub, function, a.arg, uses)) is not None}
    rows = [_Row(hub, function, arg, model) for arg, model in models.items()]
    rows = [row for row in rows if row.is_exact]
    needs = {row.need for row in rows if row.need is not None}
    if not rows or len({need.placeholder for need in needs}) < len(needs):
        return None
    changes: list[Change] = []
    for row in rows:
        changes += row.at_uses(uses)
        changes.append(row.in_signature())
    changes.append(_fetch(function, rows))
    named = " and ".join(f"`{row.key}`" for row in rows)
    places = f"its {len(uses)} uses pass" if len(uses) > 1 else "its use passes"
    plural = "keys" if len(rows) > 1 else "the key"
    message = f"Let `{task.name}` take {plural} {named}, and load the row{'s' * (len(rows) > 1)} itself; {places} `.pk`"
    fix = Fix(Applicability.UNSAFE, message, tuple(changes), cures=("CEL101", "CEL102"))
    return Keyed(fix, frozenset(row.name for row in rows))


def _may_change(hub: Semantics, task: Task) -> bool:
    """Whether nothing but the task's uses and its body depends on its parameters."""
    function = task.function
    if function is None or function.is_async or function.is_generator or task.factory is not None:
        return False
    if hub.tasks.is_wrapped(task) or task.is_opaque or task.is_true("pydantic"):
        return False
    if hub.tasks.has_unreadable_base(task):
        return False
    if hub.tasks.overrides(task, *_SEE_ARGUMENTS):
        return False
    return not _passes_itself_on(task)


def _passes_itself_on(task: Task) -> bool:
    """Whether the body sends the task again through `self`, or reads the arguments from the request."""
    assert task.function is not None
    first = task.function.positional[0].arg if task.is_bound and task.function.positional else None
    for node in walk(task.function.node):
        if isinstance(node, ast.Attribute) and node.attr in ("args", "kwargs"):
            if ast.unparse(node.value).endswith("request"):
                return True
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == first:
            if node.attr in _PASS_ON_ALL:
                return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "retry":
            if node.args or any(k.arg in (None, "args", "kwargs") for k in node.keywords):
                return True
    return False


def _model_given(hub: Semantics, function: Function, name: str, uses: Sequence[Use]) -> Class | str | None:
    """The one Django model whose rows every use gives to a parameter; None when any may give something else.

    A parameter that may be None may also be given None, or be left out.
    """
    found: set[Class | str] = set()
    is_optional = name in function.defaults
    for use in uses:
        filled = use.given.get(name)
        if filled is None or is_none(filled.node):
            if not is_optional:
                return None
            continue
        model = _model_at(hub, filled.node, use)
        if model is None:
            value = use.call.flow.value(filled.node)
            if not (isinstance(value, Parameter) and value.function is function and value.name == name):
                return None  # handed on by the body, it is the row that the body has fetched
        else:
            found.add(model)
    model = found.pop() if len(found) == 1 else None
    if model is None or not hub.classes.is_django_model(model) or hub.serializers.can_encode(model):
        return None
    arg = function.parameters[name]
    if arg.annotation is not None:
        declared = hub.annotation(arg.annotation, function.module)
        for one in declared.alternatives():
            is_none_too = is_optional and one == Constant(None)
            if not is_none_too and not (isinstance(one, ModelValue) and one.model == model):
                return None
    return model


def _model_at(hub: Semantics, node: ast.expr, use: Use) -> Class | str | None:
    """The model of which an argument certainly is a row that the database has."""
    value = use.call.flow.value(node)
    if isinstance(value, Parameter):
        return _model_from_callers(hub, value)
    models: set[Class | str] = set()
    for one in value.alternatives():
        if not isinstance(one, ModelValue) or is_unsaved(hub, one, use.call):
            return None
        models.add(one.model)
    return models.pop() if len(models) == 1 else None


def is_unsaved(hub: Semantics, row: ModelValue, call: Call) -> bool:
    """Whether a row is one that the calling function has only constructed so far."""
    flow = call.flow
    made_by = row.origin.key[0] if row.origin is not None else None
    event = flow.events.get(made_by) if isinstance(made_by, ast.Call) else None
    if event is None:
        return False
    makers = tuple(event.callee.alternatives())
    if not any(isinstance(maker, ClassValue) or maker == External(str(row.model)) for maker in makers):
        return False
    saved = any(
        write.verb == "save" and write.call.index < call.index and same_row(write.origin, row.origin)
        for write in hub.writes.of_flow(flow)
    )
    # A form, a serializer or a helper that gets it may have saved it.
    return not saved and not any(
        row in argument.value.alternatives()
        for other in flow.calls
        if other.index < call.index
        for argument in other.args
    )


def _model_from_callers(hub: Semantics, parameter: Parameter) -> Class | str | None:
    """The model of which every caller, all of them known, gives a row to a parameter."""
    function = parameter.function
    if parameter.star or function.name == "<lambda>" or hub.calls.has_unknown_callers(function):
        return None
    models: set[Class | str] = set()
    for site in hub.calls.callers(function) or ():
        given = passed(site_callee(function, site.call.callee), parameter, site.call.args)
        if not isinstance(given, ModelValue):
            return None
        models.add(given.model)
    return models.pop() if len(models) == 1 else None


class _Row:
    """A parameter that holds a row, and what becomes of it."""

    def __init__(self, hub: Semantics, function: Function, arg: ast.arg, model: Class | str) -> None:
        self._hub = hub
        self._function = function
        self._arg = arg
        self._model = model
        self.name = arg.arg
        self.key = f"{arg.arg}_pk"
        self.need, self._called = self._import()
        self._manager = _default_manager(hub, model)

    @property
    def is_exact(self) -> bool:
        """Whether the row can be fetched, and the key's name is free."""
        if self._function.holds((self.key,)) or self._called is None:
            return False
        decorators = [n for d in self._function.decorators for n in walk(d)]
        if any(isinstance(n, ast.Constant) and n.value == self.name for n in decorators):
            return False  # `once={"keys": ["order"]}`
        if self._is_optional and self._arg.annotation is not None and self._annotation is None:
            return False  # `order: Order = None` would leave spaces round the default
        return not any(
            isinstance(n, ast.Name) and n.id == self.name and not isinstance(n.ctx, ast.Load)
            for n in walk(self._function.node)
        )

    def _import(self) -> tuple[Import | None, str | None]:
        """The import that the fetch needs, if any, and how it calls the model."""
        if isinstance(self._model, str):
            module, _, name = self._model.rpartition(".")
            return Import(module, name), f"${name}"
        if self._model.outer is not None or self._model.parent is not None:
            return None, None
        name = reachable_name(self._hub, self._model, self._function) or ""
        if name:
            return None, name
        return import_of(self._hub, self._model, self._function.module), f"${self._model.name}"

    def at_uses(self, uses: Sequence[Use]) -> list[Change]:
        changes: list[Change] = []
        for use in uses:
            source = use.call.flow.module.source
            filled: Filled | None = use.given.get(self.name)
            if filled is None:
                continue
            if not is_none(filled.node):
                changes.append(Replace(source.place(filled.node), "{}.pk"))
            if isinstance(filled.label, ast.keyword):
                changes.append(RenameKeyword(source.place(filled.label), self.key))
            elif filled.label is not None:
                quote = source.segment(filled.label)[-1]
                changes.append(Replace(source.place(filled.label), f"{quote}{self.key}{quote}"))
        return changes

    def in_signature(self) -> Change:
        """The parameter renamed; an annotation goes, or becomes the key's type."""
        place = self._function.module.source.place(self._arg)
        return Replace(place, self.key if self._annotation is None else f"{self.key}: {self._annotation}")

    @property
    def _is_optional(self) -> bool:
        return self.name in self._function.defaults

    @cached_property
    def _annotation(self) -> str | None:
        """The parameter's annotation with the key's type in the place of the model; None where that is not known."""
        node = self._arg.annotation
        if node is None or not _has_integer_key(self._hub, self._model):
            return None
        source, module = self._function.module.source, self._function.module
        if not self._is_optional:
            return "int"
        for part in walk(node):
            if isinstance(part, (ast.Name, ast.Attribute)) and self._hub.evaluate(part, module) == ClassValue(
                self._model  # type: ignore[arg-type]
            ):
                return source.segment(node).replace(source.segment(part), "int", 1)
        return None

    @property
    def fetch(self) -> str:
        """The statement that fetches the row."""
        row = f"{self._called}.{self._manager}.get(pk={self.key})"
        return (
            f"{self.name} = {row} if {self.key} is not None else None" if self._is_optional else f"{self.name} = {row}"
        )


def _fetch(function: Function, rows: Sequence[_Row]) -> Change:
    """The rows fetched where the body starts, behind its docstring and its own imports."""
    place = function.module.source.place
    code = "\n".join(row.fetch for row in rows)
    needs = tuple(row.need for row in rows if row.need is not None)
    start = has_docstring(function) + len(list(own_imports(function)))
    if start < len(function.body):
        return PutStatement(place(function.body[start]), Side.BEFORE, code, needs)
    return PutStatement(place(function.body[-1]), Side.AFTER, code, needs)


def _default_manager(hub: Semantics, model: Class | str) -> str:
    """The name of a model's default manager.

    It is the first of the nearest class that has any, unless `Meta.default_manager_name`
    says otherwise (django/db/models/options.py, `Options.managers` and `default_manager`).
    """
    if isinstance(model, str):
        return "objects"
    named = hub.classes.meta(model, "default_manager_name")
    if isinstance(named, Constant) and isinstance(named.value, str):
        return named.value
    for owner in hub.classes.ancestors(model):
        if isinstance(owner, str):
            continue
        run = Evaluator(hub, owner.module, fuel=1)
        for name, bindings in owner.assigns.items():
            value: Value | None = None
            if bindings[-1].value is not None:
                value = model_manager(run, owner, name)
            if isinstance(value, ManagerValue):
                return name
    return "objects"


def _has_integer_key(hub: Semantics, model: Class | str) -> bool:
    """Whether a model has Django's own key: every `DEFAULT_AUTO_FIELD` is an integer."""
    if isinstance(model, str):
        return False
    for one in hub.classes.ancestors(model):
        if isinstance(one, str):
            if not one.startswith(("django.db.models.", "django.contrib.auth.", "builtins.")):
                return False
            continue
        if len(hub.classes.bases(one)) != len(one.node.bases) or {"id", "pk"} & one.assigns.keys():
            return False
        for bindings in one.assigns.values():
            value = bindings[-1].value
            if isinstance(value, ast.Call) and any(k.arg == "primary_key" for k in value.keywords):
                return False
    return True
