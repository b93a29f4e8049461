"""Every place that uses a task: what must change with the task's parameters, the tests included."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from celery_lint.project.modules import ImportBinding, Module
from celery_lint.project.syntax import children
from celery_lint.records import record
from celery_lint.semantics.dispatching.dispatches import PACKED, SIGNATURES, SPREAD
from celery_lint.semantics.inference.values import UNKNOWN, ModuleValue, TaskValue, Value
from celery_lint.semantics.model import Call, FunctionFlow, Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

_RUNS = frozenset({"run", "__call__"})
_BY_ARGS = PACKED | {"apply", "signature", "subtask"}
_BY_NAME = frozenset({"send_task", "signature", "subtask", "Signature"})
# What a task is asked for that says nothing of its arguments.
_HARMLESS = frozenset({"name", "request", "app", "backend", "max_retries", "AsyncResult"})


@record()
class Filled:
    """The expression that a call gives to a parameter. `label` is what names the parameter there, if anything does."""

    node: ast.expr
    label: ast.keyword | ast.Constant | None = None


@dataclass(eq=False, slots=True)
class Use:
    """A call that runs or sends a task, or makes a signature of it, and all that it gives, by parameter."""

    call: Call
    given: Mapping[str, Filled]
    is_direct: bool = False
    """The task is called as a function."""


class _Unreadable(Exception):
    """Some use of the task cannot be told."""


def uses_of(hub: Semantics, task: Task) -> Sequence[Use] | None:
    """All uses of a decorated task in the whole project; None when some may be hidden.

    Hidden is what hands the task on to code that nobody follows, names it in a
    string (`mock.patch("shop.tasks.send")`), or spreads arguments.
    """

    def search() -> tuple[Use, ...] | None:
        try:
            return tuple(_Search(hub, task).all())
        except _Unreadable:
            return None

    return hub.memo.get(("uses", task), search, None)


class _Search:
    """Looks through every file that mentions the task's name."""

    def __init__(self, hub: Semantics, task: Task) -> None:
        self._hub = hub
        self._task = task
        self._name = task.name.rpartition(".")[2]
        self._words = {self._name, task.registered_name.rpartition(".")[2]}

    def all(self) -> Iterator[Use]:
        function = self._task.function
        if function is None or self._task.cls is not None or function.cls is not None or function.parent is not None:
            raise _Unreadable
        if self._task.decorator not in function.decorators or len(self._task.module.bindings[self._name]) != 1:
            raise _Unreadable
        project = self._hub.project
        for filename in sorted({f for word in self._words for f in project.mentioning_anywhere(word)}):
            module = project.module_or_none(filename)
            if module is None:
                raise _Unreadable
            yield from _InModule(self._hub, self._task, module, self._name, self._words).uses()


class _InModule:
    """The uses of a task in one module."""

    def __init__(self, hub: Semantics, task: Task, module: Module, name: str, words: set[str]) -> None:
        self._hub = hub
        self._task = task
        self._module = module
        self._words = words
        self._names = {name, *self._aliases(name)}
        self._nodes = list(module.nodes_around(frozenset(self._names | words)))
        self._parents = {child: node for node in self._nodes for child in children(node)}
        self._flows = list(self._bodies())

    def uses(self) -> Iterator[Use]:
        for node in self._nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if self._words.intersection(re.split(r"[.:]", node.value)):
                    yield from self._by_name(node)
            elif isinstance(node, (ast.Name, ast.Attribute)):
                if (node.id if isinstance(node, ast.Name) else node.attr) in self._names and self._is_task(node):
                    yield from self._of_task(node)

    def _aliases(self, name: str) -> Iterator[str]:
        """The other names under which the module imports the task."""
        for node in self._module.nodes_around((name,)):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if alias.name == name and alias.asname not in (None, name):
                        assert alias.asname is not None
                        others = set(self._hub.project.mentioning(alias.asname)) - {self._module.filename}
                        if others:
                            raise _Unreadable  # it may go on from here under that name
                        yield alias.asname

    def _bodies(self) -> Iterator[FunctionFlow]:
        hub = self._hub
        top = hub.module_flow(self._module)
        yield top
        for function in self._module.holding(frozenset(self._names | self._words)):
            if function.parent is None:
                yield from hub.calls.flows_within(function)
        for nested, value, _ in top.closures:
            yield hub.flow(nested, getattr(value, "captured", None))

    def _flow_of(self, node: ast.expr) -> FunctionFlow | None:
        return next((flow for flow in self._flows if node in flow.values), None)

    def _is_task(self, node: ast.Name | ast.Attribute) -> bool:
        """Whether a name or attribute is the task. Raises _Unreadable when it may be."""
        if not isinstance(node.ctx, ast.Load):
            if isinstance(node, ast.Attribute) and self._may_be_module(node.value):
                raise _Unreadable  # another value takes its place
            return False
        flow = self._flow_of(node)
        value: Value = flow.value(node) if flow is not None else UNKNOWN
        if value == TaskValue(self._task):
            return True
        if any(v == TaskValue(self._task) for v in value.alternatives()):
            raise _Unreadable
        if value == UNKNOWN:
            hidden = node.id in self._module.bindings if isinstance(node, ast.Name) else self._may_be_module(node.value)
            if hidden:
                raise _Unreadable
        return False

    def _may_be_module(self, node: ast.expr) -> bool:
        while isinstance(node, ast.Attribute):
            node = node.value
        if not isinstance(node, ast.Name):
            return False
        value = self._hub.module_name(self._module, node.id)
        if isinstance(value, ModuleValue):
            return True
        bound = self._module.bindings.get(node.id, ())
        return value in (None, UNKNOWN) and any(isinstance(b, ImportBinding) for b in bound)

    def _of_task(self, node: ast.expr) -> Iterator[Use]:
        parent = self._parents[node]
        if isinstance(parent, ast.Attribute):
            above = self._parents[parent]
            if isinstance(above, ast.Call) and above.func is parent:
                yield from self._method(above, parent.attr)
            elif parent.attr not in _HARMLESS:
                yield self._handed_on(parent)
        elif isinstance(parent, ast.Call) and parent.func is node:
            yield Use(self._call(parent), self._spread(parent.args, parent.keywords), True)
        else:
            yield self._handed_on(node)

    def _method(self, node: ast.Call, verb: str) -> Iterator[Use]:
        """`task.delay(...)`, `task.apply_async(...)`."""
        if verb in _RUNS:
            yield Use(self._call(node), self._spread(node.args, node.keywords), True)
        elif verb in SPREAD or verb == "si":
            yield Use(self._call(node), self._spread(node.args, node.keywords))
        elif verb == "s":
            given = self._spread(node.args, node.keywords)
            if node.args:
                self._require_whole(given, node)
            yield Use(self._call(node), given)
        elif verb in _BY_ARGS:
            given = self._packed(node, 0)
            if verb in SIGNATURES:
                self._require_whole(given, node)
            yield Use(self._call(node), given)
        elif verb == "retry" or verb in _HARMLESS:
            if len(node.args) > 0 or any(k.arg in (None, "args", "kwargs") for k in node.keywords):
                raise _Unreadable
        else:
            raise _Unreadable

    def _by_name(self, node: ast.Constant) -> Iterator[Use]:
        """A string that names the task, or may do so: `send_task("shop.tasks.send", ...)`."""
        parent = self._parents[node]
        if isinstance(parent, ast.Dict) and node in parent.keys:
            return  # routes and annotations
        if isinstance(parent, (ast.List, ast.Tuple)) and is_export_list(self._parents.get(parent)):
            return
        if isinstance(parent, ast.keyword) and self._parents.get(parent) is self._task.decorator:
            return
        if isinstance(parent, ast.Expr):
            return  # a docstring of one word
        if isinstance(parent, ast.Call) and parent.args and parent.args[0] is node:
            call = self._call(parent)
            for dispatch in self._hub.dispatches.of_call(call):
                if dispatch.task is self._task and dispatch.verb in _BY_NAME:
                    given = self._packed(parent, 1)
                    if dispatch.verb != "send_task":
                        self._require_whole(given, parent)
                    yield Use(call, given)
                    return
        raise _Unreadable

    def _handed_on(self, node: ast.expr) -> Use:
        """`run_after_commit(task, x)`, `partial(task.delay, x)`: what the call gives beside the task."""
        parent = self._parents[node]
        if not isinstance(parent, ast.Call) or node not in parent.args:
            raise _Unreadable
        call = self._call(parent)
        after = parent.args[parent.args.index(node) + 1 :]
        for dispatch in self._hub.dispatches.of_call(call):
            if dispatch.task is self._task:
                sent = {id(one.node) for one in dispatch.sent}
                if {id(a) for a in (*after, *(k.value for k in parent.keywords))} != sent:
                    break
                given = self._spread(after, parent.keywords)
                self._require_whole(given, parent)
                return Use(call, given)
        raise _Unreadable

    def _call(self, node: ast.Call) -> Call:
        for flow in self._flows:
            if node in flow.events:
                return flow.events[node]
        raise _Unreadable

    def _require_whole(self, given: Mapping[str, Filled], node: ast.Call) -> None:
        """Refuse a call to which more arguments may be added later, in front of those that it has."""
        assert self._task.function is not None
        required = {a.arg for a in self._task.parameters} - self._task.function.defaults.keys()
        everything = {a.arg for a in self._task.parameters}
        above = self._parents[node]
        is_sent = (
            isinstance(above, ast.Attribute)
            and above.attr in SPREAD | PACKED
            and isinstance(call := self._parents[above], ast.Call)
            and not call.args
            and all(k.arg not in (None, "args", "kwargs") for k in call.keywords)
        )
        is_callback = isinstance(above, ast.Call) and "on_commit" in ast.unparse(above.func)
        if not everything <= given.keys() and not (required <= given.keys() and (is_sent or is_callback)):
            raise _Unreadable

    def _spread(self, args: Sequence[ast.expr], keywords: Sequence[ast.keyword]) -> dict[str, Filled]:
        """Arguments that are the task's own."""
        parameters = [a.arg for a in self._task.parameters]
        if any(isinstance(a, ast.Starred) for a in args) or len(args) > len(parameters):
            raise _Unreadable
        given = {name: Filled(node) for name, node in zip(parameters, args, strict=False)}
        for keyword in keywords:
            if keyword.arg is None or keyword.arg in given:
                raise _Unreadable
            given[keyword.arg] = Filled(keyword.value, keyword)
        return given

    def _packed(self, node: ast.Call, first: int) -> dict[str, Filled]:
        """Arguments given as `args` and `kwargs`, the first two behind the `first` ones."""
        if any(isinstance(a, ast.Starred) for a in node.args) or any(k.arg is None for k in node.keywords):
            raise _Unreadable
        by_keyword = {k.arg: k.value for k in node.keywords}
        positional = node.args[first : first + 2]
        args, kwargs = (
            positional[i] if i < len(positional) else by_keyword.get(name) for i, name in enumerate(("args", "kwargs"))
        )
        given: dict[str, Filled] = {}
        if isinstance(args, (ast.List, ast.Tuple)):
            given |= self._spread(args.elts, ())
        elif args is not None and not is_none(args):
            raise _Unreadable
        if isinstance(kwargs, ast.Dict):
            for key, value in zip(kwargs.keys, kwargs.values, strict=True):
                if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
                    raise _Unreadable
                given[key.value] = Filled(value, key)
        elif isinstance(kwargs, ast.Call) and isinstance(kwargs.func, ast.Name) and kwargs.func.id == "dict":
            if kwargs.args:
                raise _Unreadable
            given |= self._spread((), kwargs.keywords)
        elif kwargs is not None and not is_none(kwargs):
            raise _Unreadable
        return given


def is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def is_export_list(node: ast.AST | None) -> bool:
    """Whether a statement is `__all__ = ...`."""
    return isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets)
