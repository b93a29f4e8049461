"""Calls of a task's `retry`: which calls are one, and what they are given.

`Task.retry(args=None, kwargs=None, exc=None, throw=True, eta=None, countdown=None,
max_retries=None, **options)` sends the message for the next run, and raises
`Retry` unless `throw` is false (celery/app/task.py).
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from celery_lint.project.syntax import last_name, own_nodes, walk
from celery_lint.semantics.calls.sequel import sequel, statement_of
from celery_lint.semantics.definition.taskmethods import task_calls
from celery_lint.semantics.dispatching.dispatches import SENDING
from celery_lint.semantics.exceptions.handlers import Catch, catches, is_mute
from celery_lint.semantics.exceptions.logged import LOG_METHODS
from celery_lint.semantics.inference.values import (
    UNKNOWN,
    BoundMethod,
    Collection,
    Constant,
    External,
    Field,
    FunctionValue,
    Instance,
    Parameter,
    ResultValue,
    Scalar,
    TaskValue,
    Value,
)
from celery_lint.semantics.model import Argument, Call, FunctionFlow, Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

RETRY = "retry"
PARAMETERS = ("args", "kwargs", "exc", "throw", "eta", "countdown", "max_retries")
EXHAUSTED = frozenset({"celery.exceptions.MaxRetriesExceededError", "celery.MaxRetriesExceededError"})
# What besides the limit itself catches its end (celery/exceptions.py).
_CATCHES_EXHAUSTED = EXHAUSTED | {"celery.exceptions.CeleryError", "celery.exceptions.TaskError"}
# What helpers call the exception that they are given.
_EXCEPTION_NAMES = frozenset({"exc", "exception", "error", "err"})
_EXHAUSTED_WORD = ("MaxRetriesExceededError",)
# What gives the outcome of a task, or raises what it has raised.
_OUTCOMES = ("join", "wait", "get_leaf", "maybe_throw", "join_native", "collect")
# What a body asks to find out by itself whether the limit is reached.
_LIMIT_WORDS = frozenset({"retries", "max_retries"})

MAX_HELPERS = 2

Kind = Literal["exception", "number", "text"]


def retry_calls(hub: Semantics, flow: FunctionFlow) -> Sequence[Call]:
    """The calls of a body that are Celery's own `retry` of some task, in their order."""
    return task_calls(hub, flow, RETRY)


def throws(call: Call) -> bool | None:
    """Whether a call of `retry` raises; None when it can't be told."""
    arguments = given(call)
    if arguments is None:
        return None
    throw = arguments.get("throw")
    if throw is None:
        return True
    return bool(throw.value.value) if isinstance(throw.value, Constant) else None


def given(call: Call) -> Mapping[str, Argument] | None:
    """The arguments of a call of `retry` by the names of its parameters; None when some are hidden."""
    found: dict[str, Argument] = {}
    for index, arg in enumerate(call.args):
        if arg.star == "*":
            return None
        if arg.star:
            spread = arg.value
            if last_name(arg.node) == "retry_kwargs":
                continue  # the task's own option: delays and limits
            if not isinstance(spread, Collection) or spread.keys is None or spread.items is None:
                return None
            for key, value in zip(spread.keys, spread.items, strict=True):
                found[key] = Argument(arg.node, value, key)
        elif arg.keyword is not None:
            found[arg.keyword] = arg
        elif index < len(PARAMETERS):
            found[PARAMETERS[index]] = arg
    return found


def around(call: Call) -> Catch | None:
    """The handler of an exception in which a call stands, the inmost."""
    frame = call.frame.find("handler")
    return next((c for c in catches(call.flow) if frame is not None and c.frame is frame), None)


def knows_its_end(hub: Semantics, call: Call) -> bool:
    """Whether the body sees to it by itself that the retries come to an end, or they have none.

    It asks how many there were, catches MaxRetriesExceededError, or the task retries for ever.
    """
    function = call.flow.function
    if function is not None and function.mentions(_LIMIT_WORDS) and _tests_limit(call):
        return True
    for frame in call.frame.chain():
        for catch in catches(call.flow) if frame.kind == "try" else ():
            if catch.statement is frame.node and (catch.is_broad or catch.names(_CATCHES_EXHAUSTED)):
                return True
    tasks = [_task_of(one) for one in call.callee.alternatives()]
    return any(task is not None and _is_unbounded(task) for task in tasks)


def _tests_limit(call: Call) -> bool:
    tests = call.flow.function.scan.tests if call.flow.function is not None else ()
    return any(isinstance(n, ast.Attribute) and n.attr in _LIMIT_WORDS for test in tests for n in walk(test))


def _task_of(callee: Value) -> Task | None:
    receiver = callee.receiver if isinstance(callee, BoundMethod) else None
    return receiver.task if isinstance(receiver, TaskValue) and isinstance(receiver.task, Task) else None


def _is_unbounded(task: Task) -> bool:
    limit = task.option("max_retries")
    return limit is not None and limit.constant is None


def kind_of(hub: Semantics, arg: Argument, flow: FunctionFlow) -> Kind | None:
    """Whether an argument is an exception, a number or a text for certain."""
    kinds = {_kind(hub, one) for one in arg.value.alternatives()}
    if kinds != {None}:
        return kinds.pop() if len(kinds) == 1 else None
    if isinstance(arg.value, Parameter) and not arg.value.star:
        return "exception" if arg.value.name in _EXCEPTION_NAMES else None
    if isinstance(arg.node, ast.BinOp) and isinstance(arg.node.op, ast.Pow):
        return "number"
    return "exception" if _is_caught(arg.node, flow) else None


def _kind(hub: Semantics, value: Value) -> Kind | None:
    if isinstance(value, Constant):
        kind = type(value.value).__name__
    elif isinstance(value, Scalar):
        kind = value.kind
    else:
        return "exception" if _is_exception(hub, value) else None
    return "number" if kind in ("int", "float") else "text" if kind == "str" else None


def _is_exception(hub: Semantics, value: Value) -> bool:
    if not isinstance(value, Instance):
        return False
    if not isinstance(value.cls, str):
        ancestors = [one for one in hub.classes.ancestors(value.cls) if isinstance(one, str)]
        return any(_names_exception(one) for one in ancestors)
    return _names_exception(value.cls)


def _names_exception(path: str) -> bool:
    head, _, name = path.rpartition(".")
    if head == "builtins":
        cls = getattr(builtins, name, None)
        return isinstance(cls, type) and issubclass(cls, BaseException)
    return name.endswith(("Error", "Exception"))


def _is_caught(node: ast.expr, flow: FunctionFlow) -> bool:
    """Whether a name is the variable of a handler around it, and of nothing else."""
    if not isinstance(node, ast.Name) or any(flow.assigned(node.id)):
        return False
    return any(
        handler.name == node.id and handler.lineno <= node.lineno <= (handler.end_lineno or 0)
        for handler, _, _, _ in flow.handlers
    )


def goes_on_with(call: Call) -> ast.Call | None:
    """The first work that a run does after a `retry` that does not raise.

    None where the block around ends the run on purpose, or nothing but logging follows.
    """
    function, flow = call.flow.function, call.flow
    statement = statement_of(flow, call.node)
    if function is None or statement is None or call.use not in ("discarded", "assigned"):
        return None
    after = sequel(function.body, statement)
    if after.is_explicit:
        return None
    for one in after.statements:
        for node in own_nodes([one]):
            event = flow.events.get(node) if isinstance(node, ast.Call) else None
            if event is not None and event.node is not call.node and event.name not in LOG_METHODS:
                if not is_mute(event):
                    return event.node
    return None


def useless_handlers(hub: Semantics, task: Task) -> Iterator[Catch]:
    """The handlers of MaxRetriesExceededError in a body that `autoretry_for` retries: round it, out of their reach.

    `autoretry_for` calls `retry` when the body has raised already (celery/app/autoretry.py).
    """
    option = task.option("autoretry_for")
    if task.function is None or option is None or not task.function.mentions(_EXHAUSTED_WORD):
        return
    if option.value in (Constant(None), Collection("tuple", UNKNOWN, ())):
        return
    for flow in hub.calls.flows_within(task.function):
        for catch in catches(flow):
            if catch.classes and all(isinstance(c, External) and c.path in EXHAUSTED for c in catch.classes):
                raised = (n for n in own_nodes(catch.guarded) if isinstance(n, (ast.Name, ast.Attribute)))
                if any(last_name(n) in _EXHAUSTED_WORD for n in raised):
                    continue
                if not any(_may_exhaust(hub, call) for call in catch.guarded_calls):
                    yield catch


def _may_get_result(call: Call) -> bool:
    """Whether a call may be that of `get` of a result that nobody knows for one: `tasks[name].apply().get()`."""
    return call.name == "get" and call.callee == UNKNOWN and not call.positional


def _may_retry(given: Value) -> bool:
    """Whether something that a call is given can retry: a task, its `retry`, or a function that mentions it."""
    if isinstance(given, FunctionValue):
        return given.function.mentions((RETRY, *_EXHAUSTED_WORD))
    return isinstance(given, TaskValue) or (isinstance(given, BoundMethod) and given.name == RETRY)


def _may_exhaust(hub: Semantics, call: Call, depth: int = MAX_HELPERS) -> bool:
    """Whether a call may raise MaxRetriesExceededError: by a retry, or as the outcome of another task."""
    if call.name in (RETRY, *_OUTCOMES) or _may_get_result(call):
        return True
    if any(_may_retry(v) for a in call.args for v in a.value.alternatives()):
        return True
    for one in call.callee.alternatives():
        receiver = one.receiver if isinstance(one, BoundMethod) else one.base if isinstance(one, Field) else one
        if isinstance(receiver, ResultValue) or (isinstance(receiver, TaskValue) and call.name not in SENDING):
            return True
    targets = [target.function for target in hub.calls.targets(call)]
    if any(function.mentions((RETRY, *_EXHAUSTED_WORD)) for function in targets):
        return True
    return depth > 0 and any(_may_exhaust(hub, c, depth - 1) for function in targets for c in hub.flow(function).calls)
