"""Which calls send a task, with which arguments."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.modules import Function
from celery_lint.project.syntax import walk
from celery_lint.semantics.calls.passing import is_only_passed
from celery_lint.semantics.calls.runners import METHODS, Runner, handed_over, runner
from celery_lint.semantics.inference.returning import is_method
from celery_lint.semantics.inference.values import (
    UNKNOWN,
    AppValue,
    BoundMethod,
    CanvasValue,
    Captured,
    Collection,
    Constant,
    External,
    Field,
    FunctionValue,
    Instance,
    Parameter,
    Partial,
    SignatureValue,
    TaskValue,
    Union,
    Value,
    union,
)
from celery_lint.semantics.model import Argument, Call, Dispatch, FunctionFlow, Sent, Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

SPREAD = frozenset({"delay", "delay_on_commit"})
"""Verbs whose own arguments are the task's."""
PACKED = frozenset({"apply_async", "apply_async_on_commit"})
"""Verbs that take the task's arguments as `args` and `kwargs`."""
DEFERRED = frozenset({"delay_on_commit", "apply_async_on_commit"})
SIGNATURES = frozenset({"s", "si", "signature", "subtask"})
SENDING = SPREAD | PACKED
MAPPING = frozenset({"map", "starmap", "chunks"})
"""Verbs that are given the arguments of many runs, one member a run."""
VERBS = SENDING | SIGNATURES | MAPPING | {"apply", "send_task"}
BY_NAME = frozenset({"send_task", "signature", "subtask", "Signature", "maybe_signature"})
"""Verbs that take a task's name in the place of the task."""
_SENDABLE = frozenset({TaskValue, SignatureValue, CanvasValue})
# Kinds of value that may send something when they are called.
_MAY_SEND = frozenset({BoundMethod, FunctionValue, External, CanvasValue, Partial})
# Names by which another package makes a signature or binds arguments to a verb.
_MAKING = frozenset({"partial", "curry", "signature", "subtask", "Signature", "maybe_signature"})
MAX_FORWARDS = 3
# Options of apply_async that come before the keyword-only ones (celery/app/task.py, Task.apply_async).
_APPLY_ASYNC = ("args", "kwargs", "task_id", "producer", "link", "link_error", "shadow")


class Dispatches:
    """Finds the dispatches of a function's flow."""

    def __init__(self, hub: Semantics) -> None:
        self._hub = hub

    def of_flow(self, flow: FunctionFlow) -> Sequence[Dispatch]:
        """The dispatches and signatures that a body makes, in their order."""
        return self._hub.memo.get(("dispatches", flow), lambda: [d for c in flow.calls for d in self.of_call(c)], ())

    def of_call(self, call: Call) -> Iterator[Dispatch]:
        """The dispatches that one call is, by itself or through a wrapper of the project."""
        seen: set[tuple[str, Task | str | None]] = set()
        for callee in call.callee.alternatives():
            may_send = callee.__class__ in _MAY_SEND or call.name in METHODS
            for dispatch in self._of_callee(call, callee) if may_send else ():
                key = (dispatch.verb, dispatch.task)
                if key not in seen:
                    seen.add(key)
                    yield dispatch

    def _of_callee(self, call: Call, callee: Value) -> Iterator[Dispatch]:
        node = call.node
        if self._hub.settings.dispatch_wrappers and self._is_declared_wrapper(callee):
            yield from self._by_declared_wrapper(call)
            return
        if callee.__class__ is FunctionValue:
            yield from self._forwarded(call, callee)
            return
        how = runner(callee, call)
        if how is not None:
            yield from self._run_elsewhere(call, how)
        elif callee.__class__ is BoundMethod:
            found = self._by_method(call, callee, call.args, node.func)
            if found is not None:
                yield found
        elif callee.__class__ is External:
            verb = callee.path.rpartition(".")[2]
            if verb not in VERBS and verb not in _MAKING:
                return
            if callee.path in ("functools.partial", "django.utils.functional.curry") and call.args:
                yield from self._of_partial(call)
            elif verb in ("signature", "subtask", "Signature", "maybe_signature") and "celery" in callee.path:
                if call.args and call.args[0].keyword is None:
                    yield self._packed(
                        call,
                        verb,
                        self._task(call.args[0].value),
                        call.args[1:],
                        ("args", "kwargs", "options"),
                        node.func,
                    )
            elif callee.path in ("celery.execute.send_task", "celery.app.send_task"):
                yield self._packed(
                    call,
                    "send_task",
                    self._task(call.args[0].value) if call.args else None,
                    call.args[1:],
                    _APPLY_ASYNC,
                    node.func,
                )
            else:
                task = foreign_task(callee.path)
                if task is not None:
                    found = self._by_method(
                        call,
                        BoundMethod(TaskValue(task), verb),
                        call.args,
                        node.func,
                    )
                    if found is not None:
                        yield found
        elif isinstance(callee, CanvasValue):
            yield Dispatch(call, "__call__", None, (), target=node.func)
        elif isinstance(callee, Partial):
            inner = callee.function
            if isinstance(inner, BoundMethod):
                later = {a.keyword for a in call.args}
                bound = [Argument(node, v) for v in callee.args]
                bound += [Argument(node, v, k) for k, v in callee.keywords if k not in later]
                found = self._by_method(call, inner, (*bound, *call.args), node.func)
                if found is not None:
                    found.is_opaque |= callee.node is None or spreads(callee.node)
                    yield found

    def _task(self, value: Value) -> Task | None:
        found = self._hub.task_named(value)
        return None if isinstance(found, str) else found

    def _by_method(
        self, call: Call, callee: BoundMethod, args: Sequence[Argument], target: ast.expr
    ) -> Dispatch | None:
        receiver, verb = callee.receiver, callee.name
        if verb not in VERBS and verb != "retry":
            return None
        if isinstance(receiver, TaskValue):
            task = None if isinstance(receiver.task, str) else receiver.task
            return self._on_task(call, verb, task, args, target)
        if isinstance(receiver, Instance) and self._hub.tasks.is_task_instance(receiver):
            return self._on_task(call, verb, None, args, target)
        if isinstance(receiver, SignatureValue):
            task = receiver.task if isinstance(receiver.task, Task) else None
            if verb in SPREAD:
                return Dispatch(
                    call,
                    verb,
                    task,
                    sent_directly(args),
                    is_opaque=True,
                    is_deferred=verb in DEFERRED,
                    target=target,
                )
            if verb in PACKED:
                found = self._packed(call, verb, task, args, _APPLY_ASYNC, target)
                found.is_opaque = True
                return found
        if isinstance(receiver, CanvasValue) and verb in SENDING:
            return Dispatch(call, verb, None, (), is_opaque=True, target=target, options=keyword_options(args))
        if isinstance(receiver, AppValue) and args:
            if verb == "send_task":
                return self._packed(call, verb, self._task(args[0].value), args[1:], _APPLY_ASYNC, target)
            if verb in ("signature", "subtask"):
                return self._packed(call, verb, self._task(args[0].value), args[1:], ("args", "kwargs"), target)
        return None

    def _on_task(
        self, call: Call, verb: str, task: Task | None, args: Sequence[Argument], target: ast.expr
    ) -> Dispatch | None:
        if verb in SPREAD:
            return Dispatch(
                call,
                verb,
                task,
                sent_directly(args),
                is_opaque=any(hides(a, call.flow) for a in args),
                is_deferred=verb in DEFERRED,
                target=target,
            )
        if verb in ("s", "si"):
            return Dispatch(
                call,
                verb,
                task,
                sent_directly(args),
                is_opaque=any(hides(a, call.flow) for a in args),
                is_signature=True,
                target=target,
            )
        if verb == "retry":
            # celery/app/task.py, Task.retry(args=None, kwargs=None, exc=None, ...)
            found = self._packed(
                call,
                verb,
                task,
                args,
                ("args", "kwargs", "exc", "throw", "eta", "countdown", "max_retries"),
                target,
            )
            return found if found.packed else None
        if verb in PACKED or verb == "apply":
            found = self._packed(call, verb, task, args, _APPLY_ASYNC, target)
            found.is_deferred = verb in DEFERRED
            return found
        if verb in ("signature", "subtask"):
            return self._packed(call, verb, task, args, ("args", "kwargs", "options"), target)
        if verb in MAPPING and args:
            members = tuple(Sent(a.node, self._member(call, a)) for a in args[:1])
            return Dispatch(call, verb, task, members, is_opaque=True, is_signature=True, target=target)
        return None

    def _member(self, call: Call, arg: Argument) -> Value:
        from celery_lint.semantics.inference.expressions import Evaluator

        return Evaluator(self._hub, call.flow.module).element(arg.value, None)

    def _packed(
        self,
        call: Call,
        verb: str,
        task: Task | None,
        args: Sequence[Argument],
        names: Sequence[str],
        target: ast.expr,
    ) -> Dispatch:
        """A dispatch whose `args` and `kwargs` hold the task's arguments."""
        given: dict[str, Argument] = {}
        more: dict[str, Argument] = {}
        opaque = False
        index = 0
        for arg in args:
            if arg.star:
                opaque = True
                more.update(keyword_options([arg]))
            elif arg.keyword is not None:
                given[arg.keyword] = arg
            elif index < len(names):
                given[names[index]] = arg
                index += 1
        sent: list[Sent] = []
        if "args" in given:
            members, whole = spread(given["args"], call.flow)
            sent += members
            opaque |= not whole
        if "kwargs" in given:
            members, whole = spread_mapping(given["kwargs"], call.flow)
            sent += members
            opaque |= not whole
        options = {k: v for k, v in {**more, **given}.items() if k not in ("args", "kwargs")}
        return Dispatch(
            call,
            verb,
            task,
            tuple(sent),
            options,
            opaque,
            is_signature=verb in SIGNATURES or "ignature" in verb,
            target=target,
            packed={k: v for k, v in given.items() if k in ("args", "kwargs")},
        )

    def _of_partial(self, call: Call) -> Iterator[Dispatch]:
        """`partial(task.delay, x)`: the arguments that are bound so far."""
        inner = call.args[0]
        for callee in inner.value.alternatives():
            if isinstance(callee, External):
                task = foreign_task(callee.path)
                callee = BoundMethod(TaskValue(task), callee.path.rpartition(".")[2]) if task is not None else callee
            if isinstance(callee, BoundMethod) and callee.name in VERBS:
                found = self._by_method(call, callee, call.args[1:], inner.node)
                if found is not None:
                    found.is_signature = True
                    yield found

    def _run_elsewhere(self, call: Call, how: Runner) -> Iterator[Dispatch]:
        """`run_in_threadpool(task.delay, x)`: a verb that another package's function calls."""
        handed = handed_over(call, how)
        for callee in handed[0].value.alternatives() if handed is not None else ():
            if handed is not None and isinstance(callee, BoundMethod) and callee.name in SENDING:
                found = self._by_method(call, callee, handed[1], handed[0].node)
                if found is not None:
                    found.is_signature |= how.is_later
                    yield found

    # Wrappers of the project

    def _is_declared_wrapper(self, callee: Value) -> bool:
        """Whether the configuration says that a function sends the task that it is given."""
        declared = self._hub.settings.dispatch_wrappers
        if not declared:
            return False
        if isinstance(callee, FunctionValue):
            return callee.function.dotted in declared
        return isinstance(callee, External) and callee.path in declared

    def _by_declared_wrapper(self, call: Call) -> Iterator[Dispatch]:
        """`enqueue(task, x)`: the first task or signature among the arguments, sent with the others."""
        sendable = next((a for a in call.args if is_sendable(a.value)), None)
        if sendable is None:
            return
        rest = [a for a in call.args if a is not sendable]
        task = next((v.task for v in sendable.value.alternatives() if isinstance(v, (TaskValue, SignatureValue))), None)
        yield Dispatch(
            call,
            "delay",
            task if isinstance(task, Task) else None,
            sent_directly(rest),
            is_opaque=True,
            target=sendable.node,
        )

    def _forwarded(self, call: Call, callee: FunctionValue) -> Iterator[Dispatch]:
        """What the project's own function does with what it gets: `call_event(task.delay, x)`, `send("name", x)`."""
        sendable = next((a.node for a in call.args if is_sendable(a.value)), None)
        by_name = any(is_text(a.value) for a in call.args) and callee.function.mentions(BY_NAME)
        if sendable is None and not by_name:
            return
        bound = self.bind(callee, call.args)
        if bound is None:
            return
        values, nodes = bound
        for dispatch in self.inside(callee, values, MAX_FORWARDS):
            named = given_name(dispatch, nodes) if by_name else None
            involved = dispatch.target is not None and mentions_parameter(dispatch.target, callee.function)
            if named is None and (sendable is None or (not involved and dispatch.forwarder is None)):
                continue
            yield Dispatch(
                call,
                dispatch.verb,
                dispatch.task,
                tuple(renamed(dispatch.sent, nodes, call.node, callee.function)),
                dispatch.options,
                dispatch.is_opaque or call.is_opaque,
                dispatch.is_signature,
                dispatch.is_deferred,
                callee.function,
                named or sendable,
            )

    def inside(self, callee: FunctionValue, values: dict[str, Value], depth: int) -> Iterator[Dispatch]:
        """The dispatches of a function called with the given values, those of its nested functions too."""
        if depth <= 0:
            return
        hub = self._hub
        flow = hub.flow_with(callee.function, values, callee.captured, 1)
        for call in flow.calls:
            yield from self.of_call(call)
        for nested, value, _ in flow.closures:
            if isinstance(value, FunctionValue) and value.captured is not None and depth == MAX_FORWARDS:
                for call in self._closure_calls(nested, value.captured):
                    yield from self.of_call(call)

    def _closure_calls(self, nested: Function, captured: Captured) -> Sequence[Call]:
        from celery_lint.semantics.inference.flow import Interpreter

        names = self._hub.parameter_values(nested, captured)
        run = Interpreter(self._hub, nested.module, nested, names, captured, fuel=1)
        return run.run(nested.body).calls

    def bind(
        self, callee: FunctionValue, args: Sequence[Argument]
    ) -> tuple[dict[str, Value], dict[str, list[Sent]]] | None:
        """The values that a call gives to a function's parameters, and the arguments they come from."""
        function = callee.function
        names = [a.arg for a in function.positional]
        if is_method(callee):
            names = names[1:]
        collecting = {a.arg for a in (function.node.args.vararg, function.node.args.kwarg) if a is not None}
        values: dict[str, Value] = {}
        nodes: dict[str, list[Sent]] = {}
        rest: list[Sent] = []
        extra: dict[str, Sent] = {}
        index = 0
        for arg in args:
            sent = Sent(arg.node, arg.value, arg.keyword)
            if arg.star:
                if arg.star == "*" and isinstance(arg.value, Collection) and arg.value.items is not None:
                    for item in arg.value.items:
                        if index < len(names):
                            values[names[index]] = item
                            index += 1
                        else:
                            rest.append(Sent(arg.node, item))
                    continue
                rest.append(Sent(arg.node, UNKNOWN))
            elif arg.keyword is None:
                if index < len(names):
                    values[names[index]] = arg.value
                    nodes[names[index]] = [sent]
                    index += 1
                else:
                    rest.append(sent)
            elif arg.keyword in function.parameters and arg.keyword not in collecting:
                values[arg.keyword] = arg.value
                nodes[arg.keyword] = [sent]
            else:
                extra[arg.keyword] = sent
        arguments = function.node.args
        if arguments.vararg is not None:
            name = arguments.vararg.arg
            members = tuple(s.value for s in rest)
            values[name] = Collection("tuple", union(*members) if members else UNKNOWN, members)
            nodes[name] = rest
        if arguments.kwarg is not None:
            name = arguments.kwarg.arg
            members = tuple(s.value for s in extra.values())
            values[name] = Collection("dict", union(*members) if members else UNKNOWN, members, tuple(extra))
            nodes[name] = list(extra.values())
        return values, nodes


def foreign_task(path: str) -> str | None:
    """The task of another package that `path` is a verb of, or None.

    `company.mail.tasks.send.delay`: a Celery verb on a name of a `tasks` module.
    """
    owner, _, verb = path.rpartition(".")
    if verb in VERBS and ("tasks" in owner.split(".")[:-1]):
        return owner
    return None


def is_sendable(value: Value) -> bool:
    """Whether a value is a task, a signature, or something that sends one when it is called."""
    if value.__class__ is BoundMethod:
        return value.name in VERBS and is_sendable(value.receiver)
    if value.__class__ is Partial:
        return is_sendable(value.function)
    if value.__class__ is Union:
        return any(map(is_sendable, value.members))
    return value.__class__ in _SENDABLE


def is_text(value: Value) -> bool:
    """Whether a value is a text of which every letter is known, as the name of a task is."""
    return isinstance(value, Constant) and isinstance(value.value, str)


def given_name(dispatch: Dispatch, nodes: dict[str, list[Sent]]) -> ast.expr | None:
    """What a wrapper's caller gives as the name by which the wrapper sends a task; None when it sends no such one."""
    if dispatch.verb not in BY_NAME:
        return None
    first = dispatch.call.args[0].node if dispatch.forwarder is None and dispatch.call.args else dispatch.target
    given = nodes.get(first.id, ()) if isinstance(first, ast.Name) else ()
    return given[0].node if len(given) == 1 and is_text(given[0].value) else None


def mentions_parameter(node: ast.expr, function: Function) -> bool:
    """Whether an expression names one of a function's parameters."""
    return any(isinstance(n, ast.Name) and n.id in function.parameters for n in walk(node))


def renamed(sent: Sequence[Sent], nodes: dict[str, list[Sent]], call: ast.Call, function: Function) -> Iterator[Sent]:
    """What a wrapper sends, told in its caller's own expressions."""
    arguments = function.node.args
    collected = {a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None}
    seen: dict[str, int] = {}
    for one in sent:
        name = one.node.id if isinstance(one.node, ast.Name) else None
        if name is None or name not in nodes:
            yield Sent(call, one.value, one.keyword)
            continue
        given = nodes[name]
        index = seen.get(name, 0)
        seen[name] = index + 1
        if len(given) == 1 and isinstance(given[0].value, Collection) and given[0].value != one.value:
            # The wrapper spreads it: `task.delay(*args)`, `task.apply_async(kwargs=kwargs)`.
            yield Sent(member_node(given[0].node, index, one.keyword), one.value, one.keyword)
        elif name not in collected:
            yield Sent(given[0].node, one.value, one.keyword)
        elif index == 0:
            yield from given


def member_node(node: ast.expr, index: int, key: str | None) -> ast.expr:
    """The expression of one member of a display, by its place or its key; the node itself when it is no display."""
    if isinstance(node, (ast.List, ast.Tuple)) and not any(isinstance(e, ast.Starred) for e in node.elts):
        return node.elts[index] if index < len(node.elts) else node
    if isinstance(node, ast.Dict):
        for name, value in zip(node.keys, node.values, strict=True):
            if isinstance(name, ast.Constant) and name.value == key:
                return value
    return node


def sent_directly(args: Sequence[Argument]) -> tuple[Sent, ...]:
    """The arguments of `delay(...)` and `s(...)`."""
    found: list[Sent] = []
    for arg in args:
        if not arg.star:
            found.append(Sent(arg.node, arg.value, arg.keyword))
        elif isinstance(arg.value, Collection) and arg.value.items is not None:
            if arg.star == "*":
                found += [Sent(arg.node, item) for item in arg.value.items]
            elif arg.value.keys is not None:
                found += [Sent(arg.node, v, k) for k, v in zip(arg.value.keys, arg.value.items, strict=True)]
        elif isinstance(arg.value, Collection) and arg.star == "*":
            found.append(Sent(arg.node, arg.value.element))
        elif isinstance(arg.value, (Parameter, Field)):
            found.append(Sent(arg.node, arg.value))
    return tuple(found)


def is_settled(arg: Argument, flow: FunctionFlow) -> bool:
    """Whether what is known of a container is all that it holds, as nothing can have changed it meanwhile."""
    if isinstance(arg.value, Collection) and arg.value.kind == "tuple":
        return True
    return isinstance(arg.node, ast.Name) and flow.function is not None and is_only_passed(arg.node.id, flow.function)


def hides(arg: Argument, flow: FunctionFlow) -> bool:
    """Whether it can't be told how many arguments `*args` or `**kwargs` stands for, or how they are called."""
    if not arg.star:
        return False
    known = isinstance(arg.value, Collection) and arg.value.items is not None
    if arg.star == "**":
        known = known and isinstance(arg.value, Collection) and arg.value.keys is not None
    return not known or not is_settled(arg, flow)


def named_members(arg: Argument) -> Iterator[Argument]:
    """What `**OPTIONS` gives by name, as far as it is known."""
    value = arg.value
    if arg.star == "**" and isinstance(value, Collection) and value.keys is not None and value.items is not None:
        for key, member in zip(value.keys, value.items, strict=True):
            yield Argument(arg.node, member, key)


def spreads(call: ast.Call) -> bool:
    """Whether `*` or `**` hides some of a call's arguments."""
    return any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords)


def spread(arg: Argument, flow: FunctionFlow) -> tuple[list[Sent], bool]:
    """The members of `args=...`, and whether they are all known."""
    if isinstance(arg.node, (ast.List, ast.Tuple)):
        elements = arg.node.elts
        whole = not any(isinstance(e, ast.Starred) for e in elements)
        return [Sent(e, flow.value(e)) for e in elements if not isinstance(e, ast.Starred)], whole
    if arg.value == Constant(None):
        return [], True
    if isinstance(arg.value, Collection):
        if arg.value.items is not None:
            return [Sent(arg.node, v) for v in arg.value.items], is_settled(arg, flow)
        return [Sent(arg.node, arg.value.element)], False
    return [], False


def spread_mapping(arg: Argument, flow: FunctionFlow) -> tuple[list[Sent], bool]:
    """The members of `kwargs=...`, and whether they are all known."""
    node = arg.node
    if isinstance(node, ast.Dict):
        found, whole = [], True
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                found.append(Sent(value, flow.value(value), key.value))
            else:
                whole = False
        return found, whole
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict" and not node.args:
        return [Sent(k.value, flow.value(k.value), k.arg) for k in node.keywords if k.arg], all(
            k.arg for k in node.keywords
        )
    if isinstance(arg.value, Collection) and arg.value.keys is not None and arg.value.items is not None:
        return [Sent(node, v, k) for k, v in zip(arg.value.keys, arg.value.items, strict=True)], is_settled(arg, flow)
    if arg.value == Constant(None):
        return [], True
    if isinstance(arg.value, Collection):
        return [Sent(node, arg.value.element, "")], False
    return [], False


def keyword_options(args: Sequence[Argument]) -> dict[str, Argument]:
    """The options that a call gives by name, those of `**OPTIONS` too."""
    return {a.keyword: a for arg in args for a in (arg, *named_members(arg)) if a.keyword is not None}


__all__ = ["BY_NAME", "DEFERRED", "SENDING", "SIGNATURES", "VERBS", "Dispatches", "is_sendable"]
