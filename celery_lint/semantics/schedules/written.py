"""Where the entries of beat's schedules are written.

An entry stands in the setting `beat_schedule` under any of its names and in whatever that is made
of (variables, other modules, `update`, single keys), in a call of `add_periodic_task`, in
RedBeat's entries, or in a row of django-celery-beat's `PeriodicTask`. Of what each is made is
told by syntax and by the kinds of its values; what can't be read makes the entry not whole.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import Module
from celery_lint.project.syntax import keyword_of, last_name, walk
from celery_lint.records import record
from celery_lint.semantics.configuration.configurations import loadings
from celery_lint.semantics.configuration.settings import Setting, function_around, value_at
from celery_lint.semantics.inference.bindings import MAX_DEPTH, bound, parts_of, returned, set_in
from celery_lint.semantics.inference.values import Constant, FunctionValue, Value

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

SETTING = "beat_schedule"
ADDING = "add_periodic_task"
ROW = "PeriodicTask"
_ROW_PACKAGES = ("django_celery_beat", "djcelery")
_ROW_MAKERS = frozenset(
    {"create", "get_or_create", "update_or_create", "acreate", "aget_or_create", "aupdate_or_create"}
)
# Parameters of `Celery.add_periodic_task` (celery/app/base.py); what else it is given becomes an option.
_ADDED = ("schedule", "task", "args", "kwargs", "name")
# redbeat/schedulers.py, `RedBeatSchedulerEntry`.
_REDBEAT = "RedBeatSchedulerEntry"
_REDBEAT_PARAMETERS = ("name", "task", "schedule", "args", "kwargs")
_COPYING = frozenset({"dict", "deepcopy", "copy", "OrderedDict", "MappingProxyType", "frozendict"})

# What a module says in which entries stand.
_FIELDS = ('"schedule"', "'schedule'", '"task"', "'task'")
_FIELD_GIVEN = re.compile(r"schedule\s*=[^=]")

Way = Literal["setting", "call", "redbeat", "row"]


@record()
class Part:
    """A field of an entry: where its name stands, and what it is given."""

    key: ast.AST
    value: ast.expr
    module: Module


@record()
class Entry:
    """One thing that beat sends, again and again. `node` is what describes it, `key` its name in the schedule."""

    way: Way
    module: Module
    node: ast.Call | ast.Dict
    key: ast.expr | None
    parts: Mapping[str, Part]
    is_whole: bool
    """Whether all that it is made of can be read, and nothing changes it afterwards."""

    def shows(self, part: Part) -> bool:
        """Whether a field is written in the entry itself, and not in what is spread into it."""
        first, last = self.node.lineno, self.node.end_lineno or self.node.lineno
        return part.module is self.module and first <= part.value.lineno <= last


def entries(hub: Semantics, module: Module) -> Sequence[Entry]:
    """The entries of schedules that are written in a module, in the order of the source."""
    return hub.memo.get(("entries", module), lambda: _entries_in(hub, module), ())


def _entries_in(hub: Semantics, module: Module) -> tuple[Entry, ...]:
    found = list(_by_calls(hub, module))
    # Where an answer rests on the settings, each change of them makes it be found anew.
    text = module.source.text
    if any(field in text for field in _FIELDS) or _FIELD_GIVEN.search(text):
        found += [entry for entry in _of_settings(hub) if entry.module is module]
    return tuple(sorted(found, key=lambda entry: (entry.node.lineno, entry.node.col_offset)))


def value_of(hub: Semantics, part: Part) -> Value:
    """The kind of what a field is given."""
    return value_at(hub, part.value, part.module)


# The setting


def _of_settings(hub: Semantics) -> Sequence[Entry]:
    """The entries of the schedules in all settings."""
    return hub.memo.get(("scheduled",), lambda: tuple(_Schedules(hub).all()), ())


class _Schedules:
    """Follows schedules to their entries, each part once."""

    def __init__(self, hub: Semantics) -> None:
        self._hub = hub
        self._seen: set[ast.AST] = set()

    def all(self) -> Iterator[Entry]:
        project = self._hub.project
        settings = self._hub.project_settings
        names = settings.spellings(SETTING)
        for setting in settings.all(SETTING):
            if setting.given is not None and not self._is_answer(setting):
                yield from self._of_schedule(setting.given, setting.module, 0, not is_changed(setting.module, names))
        for filename in sorted({f for name in names for f in project.mentioning(name)}):
            module = None if is_test_file(filename) else project.module_or_none(filename)
            if module is not None:
                yield from self._grown(module, names, 0)

    def _is_answer(self, setting: Setting) -> bool:
        """Whether a dictionary with a schedule is what some function answers, and no application's settings."""
        function = function_around(setting.node, setting.module) if isinstance(setting.node, ast.expr) else None
        if function is None or not isinstance(setting.holder, ast.Dict):
            return False
        inside = (node for value in returned(function) for node in walk(value))
        return setting.holder in inside and all(one.source is not setting.holder for one in loadings(self._hub))

    def _grown(self, module: Module, names: frozenset[str], depth: int) -> Iterator[Entry]:
        """What a module adds to schedules of these names."""
        is_final = not is_changed(module, names)
        for node in module.nodes_around(names):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Subscript) and last_name(target.value) in names:
                        yield from self._of_entry(target.slice, node.value, module, is_final)
            elif isinstance(node, ast.AugAssign) and last_name(node.target) in names:
                yield from self._of_schedule(node.value, module, depth, is_final)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if last_name(node.func.value) not in names:
                    continue
                if node.func.attr == "setdefault" and len(node.args) == 2:
                    yield from self._of_entry(node.args[0], node.args[1], module, is_final)
                elif node.func.attr == "update":
                    yield from self._of_call(node, module, depth, is_final)

    def _of_schedule(self, node: ast.expr, module: Module, depth: int, is_final: bool) -> Iterator[Entry]:
        """The entries of a dictionary of entries."""
        if depth > MAX_DEPTH or node in self._seen:
            return
        self._seen.add(node)
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if key is None:
                    yield from self._of_schedule(value, module, depth + 1, is_final)
                else:
                    yield from self._of_entry(key, value, module, is_final)
        elif isinstance(node, ast.DictComp):
            yield from self._of_entry(None, node.value, module, is_final)
        elif isinstance(node, ast.Call):
            yield from self._of_call(node, module, depth, is_final)
        elif isinstance(node, (ast.Name, ast.Attribute)):
            for name, value, where in bound(self._hub, node, module):
                names = frozenset({name})
                yield from self._of_schedule(value, where, depth + 1, is_final and not is_changed(where, names))
                yield from self._grown(where, names, depth + 1)
        else:
            for part in parts_of(node):
                yield from self._of_schedule(part, module, depth + 1, is_final)

    def _of_call(self, node: ast.Call, module: Module, depth: int, is_final: bool) -> Iterator[Entry]:
        callee = value_at(self._hub, node.func, module)
        if isinstance(callee, FunctionValue):
            for value in returned(callee.function):
                yield from self._of_schedule(value, callee.function.module, depth + 1, is_final)
        elif last_name(node.func) in _COPYING | {"update"}:
            for argument in node.args:
                yield from self._of_schedule(argument, module, depth + 1, is_final)
            for keyword in node.keywords:
                if keyword.arg is None:
                    yield from self._of_schedule(keyword.value, module, depth + 1, is_final)
                else:
                    yield from self._of_entry(None, keyword.value, module, is_final)

    def _of_entry(self, key: ast.expr | None, node: ast.expr, module: Module, is_final: bool) -> Iterator[Entry]:
        """The entry that an expression is, where it is written out."""
        if isinstance(node, ast.IfExp):
            for part in (node.body, node.orelse):
                if not isinstance(part, ast.IfExp):
                    yield from self._of_entry(key, part, module, is_final)
            return
        if isinstance(node, (ast.Name, ast.Attribute)):
            values = list(bound(self._hub, node, module))
            if len(values) != 1:
                return
            name, node, where = values[0]
            if is_filled(where, name):
                is_final = False
            key = key if where is module else None
            module = where
        if node in self._seen:
            return
        self._seen.add(node)
        fields = fields_of(self._hub, node, module) or made_fields(self._hub, node, module)
        if fields is not None and isinstance(node, (ast.Dict, ast.Call)):
            parts, is_whole = fields
            if parts.keys() & {"task", "schedule"}:
                yield Entry("setting", module, node, key, parts, is_whole and is_final)


def fields_of(hub: Semantics, node: ast.expr, module: Module, depth: int = 0) -> tuple[Mapping[str, Part], bool] | None:
    """The fields of a dictionary that is written out, and whether they are all; None for anything else."""
    parts: dict[str, Part] = {}
    is_whole = True
    given: list[tuple[str | None, ast.AST, ast.expr]] = []
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                given.append((None, value, value))
                continue
            name = value_at(hub, key, module)
            if isinstance(name, Constant) and isinstance(name.value, str):
                given.append((name.value, key, value))
            else:
                is_whole = False
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        given += [(None, argument, argument) for argument in node.args]
        given += [(keyword.arg, keyword, keyword.value) for keyword in node.keywords]
    else:
        return None
    for name_, key_, value in given:
        if name_ is not None:
            parts[name_] = Part(key_, value, module)
            continue
        spread = _spread(hub, value, module, depth)
        if spread is None:
            is_whole = False
        else:
            parts.update(spread[0])
            is_whole &= spread[1]
    return parts, is_whole


def made_fields(hub: Semantics, node: ast.expr, module: Module) -> tuple[Mapping[str, Part], bool] | None:
    """The fields of an entry that a function of the project makes, each parameter as what the call gives it."""
    callee = value_at(hub, node.func, module) if isinstance(node, ast.Call) else None
    if not isinstance(node, ast.Call) or not isinstance(callee, FunctionValue) or callee.function.cls is not None:
        return None
    function = callee.function
    values = list(returned(function))
    fields = fields_of(hub, values[0], function.module) if len(values) == 1 else None
    if fields is None or any(isinstance(a, ast.Starred) for a in node.args) or not all(k.arg for k in node.keywords):
        return None
    given = {name: (default, function.module) for name, default in function.defaults.items()}
    given |= {p.arg: (a, module) for p, a in zip(function.positional, node.args, strict=False)}
    given |= {keyword.arg: (keyword.value, module) for keyword in node.keywords if keyword.arg is not None}
    parts, is_whole = {}, fields[1]
    for name, part in fields[0].items():
        used = part.value.id if isinstance(part.value, ast.Name) else None
        if used is None or used not in function.parameters:
            parts[name] = part
        elif used in given and not list(set_in(function, used)):
            parts[name] = Part(part.key, *given[used])
        else:
            is_whole = False
    return parts, is_whole


def _spread(hub: Semantics, node: ast.expr, module: Module, depth: int) -> tuple[Mapping[str, Part], bool] | None:
    """The fields of `**node`."""
    if isinstance(node, (ast.Name, ast.Attribute)) and depth < MAX_DEPTH:
        values = list(bound(hub, node, module))
        if len(values) != 1 or is_filled(values[0][2], values[0][0]):
            return None
        _, node, module = values[0]
    return fields_of(hub, node, module, depth + 1) if depth < MAX_DEPTH else None


def is_changed(module: Module, names: frozenset[str]) -> bool:
    """Whether a module looks into schedules of these names, and so may change entries: `for entry in X.values()`."""
    for node in module.nodes_around(names):
        if isinstance(node, (ast.Assign, ast.AugAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(_is_inside(target, names) for target in targets):
                return True
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            receiver = node.func.value
            if node.func.attr in ("values", "items", "get", "pop") and last_name(receiver) in names:
                return True
            if isinstance(receiver, ast.Subscript) and last_name(receiver.value) in names:
                return True
        elif isinstance(node, (ast.For, ast.comprehension)) and last_name(node.iter) in names:
            return True
    return False


def _is_inside(target: ast.expr, names: frozenset[str]) -> bool:
    """Whether a target is a part of an entry: `X["nightly"]["options"]`."""
    return (
        isinstance(target, ast.Subscript)
        and isinstance(target.value, ast.Subscript)
        and last_name(target.value.value) in names
    )


def is_filled(module: Module, name: str) -> bool:
    """Whether a module puts something into a dictionary of a name, later on."""
    return any(
        (isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and last_name(node.value) == name)
        or (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("update", "setdefault", "pop")
            and last_name(node.func.value) == name
        )
        for node in module.nodes_around((name,))
    )


# Calls


def _by_calls(hub: Semantics, module: Module) -> Iterator[Entry]:
    text = module.source.text
    words = frozenset(word for word in (ADDING, _REDBEAT, ROW) if word in text)
    is_row = ROW in words and any(package in text for package in _ROW_PACKAGES)
    for node in module.nodes_around(words) if words else ():
        if not isinstance(node, ast.Call):
            continue
        last = last_name(node.func)
        if last == ADDING and isinstance(node.func, ast.Attribute):
            yield _call("call", node, module, _ADDED)
        elif last == _REDBEAT:
            yield _call("redbeat", node, module, _REDBEAT_PARAMETERS)
        elif is_row and _makes_row(node, last):
            entry = _row(hub, node, module)
            if entry.parts.keys() & {"task"}:
                yield entry


def _call(way: Way, node: ast.Call, module: Module, parameters: Sequence[str]) -> Entry:
    parts = {name: Part(a, a, module) for name, a in zip(parameters, node.args, strict=False)}
    is_whole = not any(isinstance(a, ast.Starred) for a in node.args)
    for keyword in node.keywords:
        if keyword.arg is None:
            is_whole = False
        else:
            name = "task" if keyword.arg == "sig" and way == "call" else keyword.arg
            parts[name] = Part(keyword, keyword.value, module)
    key = parts["name"].value if "name" in parts else None
    return Entry(way, module, node, key, parts, is_whole)


def _makes_row(node: ast.Call, last: str) -> bool:
    """Whether a call makes a row: `PeriodicTask(...)`, `PeriodicTask.objects.create(...)`."""
    if last == ROW:
        return True
    func = node.func
    return (
        last in _ROW_MAKERS
        and isinstance(func, ast.Attribute)
        and isinstance(func.value, ast.Attribute)
        and last_name(func.value.value) == ROW
    )


def _row(hub: Semantics, node: ast.Call, module: Module) -> Entry:
    parts: dict[str, Part] = {}
    is_whole = not node.args
    for keyword in node.keywords:
        if keyword.arg is None:
            is_whole = False
        elif keyword.arg not in ("defaults", "create_defaults"):
            parts[keyword.arg] = Part(keyword, keyword.value, module)
    for name in ("defaults", "create_defaults"):
        given = keyword_of(node, name)
        spread = _spread(hub, given, module, 0) if given is not None else None
        if spread is not None:
            parts.update(spread[0])
            is_whole &= spread[1]
        elif given is not None:
            is_whole = False
    return Entry("row", module, node, parts["name"].value if "name" in parts else None, parts, is_whole)
