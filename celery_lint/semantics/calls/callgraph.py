"""Who calls whom: the functions that a call runs, and the calls that run a function."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import Class, Function, Module
from celery_lint.project.syntax import last_name, own_nodes, walk
from celery_lint.records import record
from celery_lint.semantics.calls.context_managers import is_context_manager
from celery_lint.semantics.dispatching.dispatches import is_sendable
from celery_lint.semantics.frameworks.signal_handlers import signals_of
from celery_lint.semantics.inference.receivers import Scope, may_be_meant
from celery_lint.semantics.inference.values import (
    BoundMethod,
    Captured,
    ClassValue,
    Collection,
    Constant,
    Dynamic,
    External,
    Field,
    FunctionValue,
    Instance,
    ModelValue,
    Parameter,
    Partial,
    TaskValue,
    Union,
    Unknown,
    Value,
)
from celery_lint.semantics.model import Argument, Call, FunctionFlow

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

_SENDS = frozenset({"send", "send_robust", "asend", "asend_robust"})
MAX_DYNAMIC = 12
MAX_FAMILY = 3
MANY_FILES = 60
"""A name mentioned in more files than this says too little to look for its callers."""
# Methods of built-in and framework types: a project's method of such a name is not recognised by name alone.
COMMON = frozenset(
    """save delete create update get set add remove clear pop append extend insert index count copy keys values
    items filter exclude all first last exists order_by run start stop close open read write send receive call
    apply execute handle process validate clean render dispatch perform register connect disconnect emit notify
    publish commit rollback load dump loads dumps parse format join split strip replace match search find group
    groups encode decode refresh reset init setup teardown build make check test debug info warning error
    exception log json text data post put patch head options delay apply_async retry signature""".split()
)
ON_COMMIT = frozenset(
    f"django.db.{path}.on_commit" for path in ("transaction", "connection", "transaction.get_connection()")
)


# Kinds of value that, called, run nothing of the project's, unless they are `on_commit`.
_NEVER_RUN = frozenset({External, BoundMethod})
# Kinds that may be a function of the project which hands its argument to `on_commit`.
_MAY_HAND_ON = frozenset({FunctionValue, Union})
# Kinds of which a method's name is all that is known.
_OPEN = frozenset({Field, BoundMethod, Unknown})


@record()
class Target:
    """A function that a call runs: now, or (`deferred`) after the commit."""

    function: Function
    captured: Captured | None = None
    values: tuple[tuple[str, Value], ...] | None = None
    deferred: bool = False


@record()
class CallSite:
    """A call that runs a function, and the function that makes it."""

    call: Call
    caller: Function | None
    deferred: bool = False


class CallGraph:
    """Calls between the functions of a project, resolved by what is known of their receivers."""

    def __init__(self, hub: Semantics) -> None:
        self._hub = hub
        self._callbacks: dict[Call, tuple[Argument | None, int]] = {}
        self._by_name: dict[FunctionFlow, dict[str, list[Call]]] = {}

    # Downwards

    def targets(self, call: Call) -> Sequence[Target]:
        """The project's functions that a call runs."""
        if call.callee.__class__ in _NEVER_RUN and self.commit_callback(call) is None:
            return ()
        return self._hub.memo.get(("targets", call), self._targets, (), call)

    def _targets(self, call: Call) -> Sequence[Target]:
        callback = self.commit_callback(call)
        if callback is not None:
            return [Target(t.function, t.captured, t.values, True) for t in self._of_value(callback.value, call, ())]
        return [target for callee in call.callee.alternatives() for target in self._of_value(callee, call, call.args)]

    def _of_value(self, callee: Value, call: Call, args: Sequence[Argument]) -> Iterator[Target]:
        if isinstance(callee, FunctionValue):
            values = None
            if any(self._may_be_run(a.value) for a in args):
                bound = self._hub.dispatches.bind(callee, args)
                values = tuple(sorted(bound[0].items(), key=lambda kv: kv[0])) if bound is not None else None
            yield Target(callee.function, callee.captured, values, self.defers(callee.function))
        elif isinstance(callee, ClassValue):
            init = self._hub.classes.function(callee.cls, "__init__")
            if init is not None:
                yield Target(init)
        elif isinstance(callee, Partial):
            yield from self._of_value(callee.function, call, args)
        elif isinstance(callee, TaskValue):
            if not isinstance(callee.task, str) and callee.task.function is not None:
                function = callee.task.function
                yield Target(function, deferred=self.defers(function))
        elif isinstance(callee, Instance) and isinstance(callee.cls, Class):
            method = self._hub.classes.function(callee.cls, "__call__")
            if method is not None:
                yield Target(method)
        elif isinstance(callee, Dynamic):
            own = call.flow.function.cls if call.flow.function is not None else None
            methods = [m for m in self.methods_named(callee.name) if m.cls is not None and m.cls is not own]
            if len(methods) <= MAX_DYNAMIC:
                yield from (Target(method) for method in methods)
        elif isinstance(callee, (Field, Unknown)) and isinstance(call.node.func, ast.Attribute):
            yield from (Target(method) for method in self.meant(call))

    def entering(self, expression: ast.expr, flow: FunctionFlow) -> Iterator[Function]:
        """The project's functions that run when a `with` statement enters the value of an expression."""
        event = flow.events.get(expression) if isinstance(expression, ast.Call) else None
        for target in self.targets(event) if event is not None else ():
            if is_context_manager(self._hub, target.function):
                yield target.function
        for one in flow.value(expression).alternatives():
            if isinstance(one, Instance) and isinstance(one.cls, Class):
                for name in ("__enter__", "__aenter__"):
                    method = self._hub.classes.function(one.cls, name)
                    if method is not None:
                        yield method

    def candidates(self, call: Call) -> Sequence[Function]:
        """All methods that a call on an unknown object may run, when its name is telling; the trivial ones left out.

        What holds for each of them holds for the call, whatever the object is.
        """
        func = call.node.func
        if not isinstance(func, ast.Attribute) or not any(
            isinstance(c, (Field, Unknown)) for c in call.callee.alternatives()
        ):
            return ()
        name = func.attr
        if "_" not in name.strip("_") or len(name) < 8 or len(self._hub.project.defining(name)) > MAX_DYNAMIC:
            return ()
        return tuple(m for m in self.methods_named(name) if m.cls is not None and not is_trivial(m))

    def _may_be_run(self, value: Value) -> bool:
        """Whether a function that gets a value may run or send what the value stands for."""
        if value.__class__ is Constant:
            return self.names_method(value)
        return value.__class__ is FunctionValue or holds_sendable(value)

    def names_method(self, value: Value) -> bool:
        """Whether a value is the name of some method of the project, for a `getattr` further down."""
        return (
            isinstance(value, Constant)
            and isinstance(value.value, str)
            and len(value.value) >= 5
            and value.value.isidentifier()
            and bool(self._hub.project.defining(value.value))
        )

    def meant(self, call: Call) -> Sequence[Function]:
        """The methods meant by `x.name()` on an unknown `x`."""
        func, flow = call.node.func, call.flow
        methods = self.family(func.attr) if isinstance(func, ast.Attribute) else ()
        if not methods or not isinstance(func, ast.Attribute):
            return ()
        scope = Scope(self._hub, flow.module, flow.function, flow.value)
        return methods if may_be_meant(func, methods, scope) else ()

    def family(self, name: str) -> Sequence[Function]:
        """The methods that a call of this name on an unknown object might run.

        There are any only where the name is telling, and all that bear it are methods
        of one module's classes: one class, or a base and its kin.
        """
        if len(name) < 5 or name in COMMON:
            return ()
        if len(self._hub.project.defining(name, nested=True)) != 1:
            return ()
        methods = tuple(m for m in self.methods_named(name) if m.cls is not None)
        if not methods or len(methods) > MAX_FAMILY or len({m.module.name for m in methods}) > 1:
            return ()
        return methods

    def methods_named(self, name: str) -> tuple[Function, ...]:
        """The methods and functions of a name, tests left out."""

        def search() -> tuple[Function, ...]:
            found: list[Function] = []
            for filename in self._hub.project.defining(name):
                module = self._hub.project.module_or_none(filename)
                if module is not None:
                    found += [f for f in module.functions if f.name == name]
            return tuple(found)

        return self._hub.memo.get(("methods named", name), search, ())

    def commit_callback(self, call: Call) -> Argument | None:
        """The callback, when the call is Django's `on_commit` or a declared wrapper of it."""
        if call.callee.__class__ not in _MAY_HAND_ON and not self._is_on_commit(call.callee, call):
            return None
        inputs = self._hub.project.inputs
        known = self._callbacks.get(call)
        if known is None:
            collected, inputs.collected = inputs.collected, 0
            known = self._callbacks[call] = (self._commit_callback(call), inputs.collected)
            inputs.collected = collected
        inputs.collected |= known[1]
        return known[0]

    def _commit_callback(self, call: Call) -> Argument | None:
        for callee in call.callee.alternatives():
            is_commit = self._is_on_commit(callee, call)
            if isinstance(callee, FunctionValue) and not is_commit:
                handed = self.commit_parameter(callee.function)
                # A call that gives arguments for the callback as well is followed into the wrapper.
                if handed is not None and (handed[1] or len(call.args) == 1):
                    bound = self._hub.dispatches.bind(callee, call.args)
                    sent = bound[1].get(handed[0]) if bound is not None else None
                    if sent:
                        return next((a for a in call.args if a.node is sent[0].node), None)
            if is_commit:
                for arg in call.args:
                    if arg.keyword in (None, "func") and not arg.star:
                        return arg
        return None

    def commit_calls(self, flow: FunctionFlow) -> Sequence[tuple[Call, Argument]]:
        """The calls of a body that are `on_commit` or like it, each with its callback."""
        return self._hub.memo.get(("commit calls", flow), self._commit_calls, (), flow)

    def _commit_calls(self, flow: FunctionFlow) -> Sequence[tuple[Call, Argument]]:
        found = ((call, self.commit_callback(call)) for call in flow.calls)
        made = [(call, callback) for call, callback in found if callback is not None]
        return [*made, *self._commit_decorators(flow)]

    def _commit_decorators(self, flow: FunctionFlow) -> Iterator[tuple[Call, Argument]]:
        """The nested functions under `@on_commit`, each with the call that Python makes of the decorator."""
        for function, value, frame in flow.closures:
            decorator = function.decorators[-1] if function.decorators else None
            if decorator is None or isinstance(decorator, ast.Call) or not isinstance(value, FunctionValue):
                continue
            name = ast.copy_location(ast.Name(function.name, ast.Load()), decorator)
            node = ast.copy_location(ast.Call(decorator, [name], []), decorator)
            given = Argument(name, value)
            before = sum(each.node.lineno < decorator.lineno for each in flow.calls)
            call = Call(node, flow.value(decorator), (given,), frame, before, flow, use="discarded")
            if self._is_on_commit(call.callee, call):
                yield call, given

    def _is_on_commit(self, callee: Value, call: Call) -> bool:
        """Whether a call of this is `on_commit` or declared to be like it."""
        declared = self._hub.settings.on_commit_wrappers
        if callee.__class__ is External:
            return callee.path in ON_COMMIT or callee.path in declared
        if callee.__class__ is FunctionValue:
            return bool(declared) and callee.function.dotted in declared
        return callee.__class__ in _OPEN and call.name == "on_commit"

    def commit_parameter(self, function: Function) -> tuple[str, bool] | None:
        """The parameter that a project's own wrapper hands to `on_commit`, and whether as it is: not in a `partial`."""
        if function.parent is not None or not function.mentions(("on_commit",)):
            return None
        return self._hub.memo.get(("commit parameter", function), self._commit_parameter, None, function)

    def _commit_parameter(self, function: Function) -> tuple[str, bool] | None:
        for call in self._hub.flow(function).calls:
            callee = call.callee
            if isinstance(callee, External) and callee.path in ON_COMMIT and call.args:
                value = given = call.args[0].value
                while isinstance(value, Partial):
                    value = value.function
                if isinstance(value, Parameter) and value.function is function and not value.star:
                    return value.name, value is given
        return None

    def defers(self, function: Function) -> bool:
        """Whether a decorator puts off the function's body, until the commit or to a time that cannot be told."""
        return bool(function.decorators) and self._hub.memo.get(("defers", function), self._defers, False, function)

    def _defers(self, function: Function) -> bool:
        for decorator in function.decorators:
            value = self._hub.evaluate(decorator, function.module)
            if isinstance(value, External) and value.path in ON_COMMIT:
                return True
            if isinstance(value, FunctionValue) and self.decorator_defers(value.function):
                return True
            if getattr(decorator, "func", None) is not None:
                inner = self._hub.evaluate(decorator.func, function.module)  # type: ignore[attr-defined]
                if isinstance(inner, FunctionValue) and self.decorator_defers(inner.function):
                    return True
        return False

    def decorator_defers(self, decorator: Function) -> bool:
        """Whether a decorator of the project hands what it decorates to `on_commit`, or to others to run."""

        def decide() -> bool:
            if hands_on(decorator):
                return True
            if not decorator.mentions(("on_commit",)):
                return False
            for flow in self.flows_within(decorator):
                for call in flow.calls:
                    if self.commit_callback(call) is not None:
                        return True
            return False

        return self._hub.memo.get(("decorator defers", decorator), decide, False)

    def flows_within(self, function: Function) -> Iterator[FunctionFlow]:
        """The flow of a function and of those defined inside it."""
        stack: list[tuple[Function, Captured | None]] = [(function, None)]
        seen: set[Function] = set()
        while stack:
            one, captured = stack.pop()
            if one in seen:
                continue
            seen.add(one)
            flow = self._hub.flow(one, captured)
            yield flow
            for nested, value, _ in flow.closures:
                if isinstance(value, FunctionValue):
                    stack.append((nested, value.captured))
                elif isinstance(value, TaskValue):
                    stack.append((nested, Captured({})))

    # Upwards

    def callers(self, function: Function) -> Sequence[CallSite] | None:
        """The calls that run a function, those in tests left out; None when its name says too little."""
        return self._hub.memo.get(("callers", function), self._callers, (), function)

    def _callers(self, function: Function) -> Sequence[CallSite] | None:
        name = function.name
        project = self._hub.project
        files = list(project.mentioning(name))
        if name.startswith("__") or len(files) > MANY_FILES:
            homes = dict.fromkeys((function.module.filename, *self._bases_files(function)))
            files = [home for home in homes if home in files]
            if not files:
                return None
        found: list[CallSite] = []
        for filename in files:
            if is_test_file(filename) or "/migrations/" in filename:
                continue
            module = project.module_or_none(filename)
            if module is not None:
                found += self._calls_in(module, function)
        return tuple(found)

    def _bases_files(self, function: Function) -> Iterator[str]:
        """Where the classes that a method's own class inherits from are: they may call what it overrides."""
        if function.cls is not None and not function.name.startswith("__"):
            yield from (c.module.filename for c in self._hub.classes.lineage(function.cls).classes)

    def has_unknown_callers(self, function: Function) -> bool:
        """Whether a call of the method's name stands on an object of which nothing is known."""
        return self._hub.memo.get(("unknown callers", function), lambda: self._has_unknown_callers(function), False)

    def _has_unknown_callers(self, function: Function) -> bool:
        name = function.name
        if function.cls is None or name.startswith("__"):
            return False
        files = self._hub.project.mentioning(name)
        if len(files) > MANY_FILES:
            return True
        for filename in files:
            module = None if is_test_file(filename) else self._hub.project.module_or_none(filename)
            for one in module.holding((name,)) if module is not None else ():
                if one.mentions((name,)):
                    for call in self._hub.flow(one).calls:
                        unknown = any(isinstance(c, (Field, Unknown)) for c in call.callee.alternatives())
                        if call.name == name and unknown and not self.targets(call):
                            return True
        return False

    def _calls_in(self, module: Module, function: Function) -> Iterator[CallSite]:
        name = function.name
        names = (name,)
        for one in module.holding(names):
            if not one.mentions(names):
                continue
            for flow in self.flows_within(one):
                for call in self._calls_by_name(flow).get(name, ()):
                    for target in self.targets(call):
                        if self.runs(target.function, function, call):
                            yield CallSite(call, flow.function, target.deferred)

    def _calls_by_name(self, flow: FunctionFlow) -> Mapping[str, Sequence[Call]]:
        """The calls of a body by the names of what they call, and of the functions that they get as arguments."""
        known = self._by_name.get(flow)
        if known is None:
            known = self._by_name[flow] = {}
            for call in flow.calls:
                # A function out of a table, or under another name, is called by that of a variable.
                called = {c.function.name for c in call.callee.alternatives() if isinstance(c, FunctionValue)}
                for name in {call.name, *names_in_args(call), *called}:
                    known.setdefault(name, []).append(call)
        return known

    def signal_sends(self, function: Function) -> Sequence[Call]:
        """The calls that send a signal of the project which the function handles."""
        return self._hub.memo.get(("signal sends", function), lambda: tuple(self._signal_sends(function)), ())

    def _signal_sends(self, function: Function) -> Iterator[Call]:
        names = {n.removeprefix("custom:") for n, _ in signals_of(self._hub, function) if n.startswith("custom:")}
        for name in sorted(names):
            for filename in self._hub.project.mentioning(name):
                module = None if is_test_file(filename) else self._hub.project.module_or_none(filename)
                for one in module.holding((name,)) if module is not None else ():
                    if not one.holds(_SENDS):
                        continue
                    for call in self._hub.flow(one).calls:
                        func = call.node.func
                        if isinstance(func, ast.Attribute) and func.attr in _SENDS and last_name(func.value) == name:
                            yield call

    def runs(self, target: Function, function: Function, call: Call) -> bool:
        """Whether a call resolved to `target` may run `function`: itself, or an override of it in a subclass."""
        if target is function:
            return True
        if target.name != function.name or target.cls is None or function.cls is None:
            return False
        if target.module.name == function.module.name and target.cls is function.cls:
            return True
        if not self._hub.classes.inherits(function.cls, target.cls):
            return False
        # Only a call on the method's own `self` or `cls` is open to overrides.
        for callee in call.callee.alternatives():
            if isinstance(callee, FunctionValue) and callee.receiver is not None:
                receiver = callee.receiver
                own = (
                    receiver.cls
                    if isinstance(receiver, (Instance, ClassValue))
                    else receiver.model
                    if isinstance(receiver, ModelValue)
                    else None
                )
                caller = call.flow.function
                if (
                    isinstance(own, Class)
                    and self._hub.classes.inherits(function.cls, own)
                    and caller is not None
                    and caller.cls is own
                ):
                    return True
        return False


def hands_on(decorator: Function) -> bool:
    """Whether a decorator's wrapper never calls what it decorates, and gives it to another call: a queue, a thread."""
    for outer in walk(decorator.node):
        if not isinstance(outer, (ast.FunctionDef, ast.AsyncFunctionDef)) or not outer.args.args:
            continue
        name = outer.args.args[0].arg
        returned = returned_names(outer)
        for wrapper in outer.body:
            if isinstance(wrapper, (ast.FunctionDef, ast.AsyncFunctionDef)) and wrapper.name in returned:
                if is_decorator(wrapper):
                    continue  # `outer` only makes it, and gets no function
                calls = [n for statement in wrapper.body for n in walk(statement) if isinstance(n, ast.Call)]
                if any(is_given(name, call) for call in calls) and not any(is_run(name, call) for call in calls):
                    return True
    return False


def returned_names(node: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """The variables that a function returns as they are."""
    return {n.value.id for n in own_nodes(node.body) if isinstance(n, ast.Return) and isinstance(n.value, ast.Name)}


def is_decorator(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function of one parameter returns that, or a function defined in it."""
    arguments = node.args
    if len(arguments.args) != 1 or arguments.vararg is not None or arguments.kwarg is not None:
        return False
    inner = {n.name for n in node.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))}
    return not returned_names(node).isdisjoint(inner | {arguments.args[0].arg})


def is_given(name: str, call: ast.Call) -> bool:
    """Whether a variable is an argument of a call."""
    return any(isinstance(a, ast.Name) and a.id == name for a in (*call.args, *(k.value for k in call.keywords)))


def is_run(name: str, call: ast.Call) -> bool:
    """Whether a call runs what a variable holds: `f(...)`, `wrap(f)(...)`."""
    func = call.func
    return (isinstance(func, ast.Name) and func.id == name) or (isinstance(func, ast.Call) and is_given(name, func))


def is_trivial(function: Function) -> bool:
    """Whether a body only documents, passes, raises NotImplementedError or returns a parameter or constant."""
    for statement in function.body:
        if isinstance(statement, ast.Pass) or (
            isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        ):
            continue
        if isinstance(statement, ast.Raise):
            continue
        if isinstance(statement, ast.Return) and isinstance(statement.value, (ast.Constant, ast.Name, type(None))):
            continue
        return False
    return True


def holds_sendable(value: Value) -> bool:
    """Whether a value, or what a container holds, is something that a function may send."""
    return is_sendable(value) or (
        isinstance(value, Collection) and any(is_sendable(v) for v in (value.element, *(value.items or ())))
    )


def names_in_args(call: Call) -> set[str]:
    """The names of functions that a call gets as arguments."""
    found: set[str] = set()
    for arg in call.args:
        for value in arg.value.alternatives():
            while value.__class__ is Partial:
                value = value.function
            if value.__class__ is FunctionValue:
                found.add(value.function.name)
            elif value.__class__ is Field or value.__class__ is BoundMethod:
                found.add(value.name)
    return found


__all__ = ["ON_COMMIT", "CallGraph", "CallSite", "Target"]
