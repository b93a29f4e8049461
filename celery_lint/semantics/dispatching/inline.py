"""Tasks that run in the calling process: a plain call, or `apply()`.

Calling a task runs its body where it stands, without a message, a worker, time
limits or automatic retries; `apply()` does the same and keeps what is raised in
an EagerResult (celery/app/task.py, `Task.__call__` and `Task.apply`;
celery/canvas.py, `Signature.apply`, `chain.apply`, `group.apply`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from celery_lint.project.modules import Function
from celery_lint.project.syntax import children, last_name, walk
from celery_lint.records import record
from celery_lint.semantics.dispatching.dispatches import SENDING
from celery_lint.semantics.inference.values import (
    NONE,
    BoundMethod,
    CanvasValue,
    Collection,
    External,
    FunctionValue,
    Instance,
    Partial,
    SignatureValue,
    TaskValue,
    Value,
    may_be_row,
)
from celery_lint.semantics.model import Call, Dispatch, FunctionFlow, Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

Way = Literal["call", "apply"]
MAX_CALLERS_UP = 5
_MODE_SUFFIXES = ("_sync", "_inline", "_eager", "_eagerly", "_synchronously")
# What an author writes above a call that is meant to run on the spot.
_COMMENT = re.compile(
    r"#.*\b(delay|async|synchron\w*|sync|inline|eager\w*|blocking|immediately|directly)\b", re.IGNORECASE
)
_RETRIES = frozenset({"celery.exceptions.Retry", "celery.exceptions.MaxRetriesExceededError"})
# A test of a name like these chooses between running here and sending: somebody wants both.
_MODE = re.compile(
    r"eager|(^|_)(a?sync|async_mode|synchronous|celery|debug|testing|test_mode|background|inline"
    r"|immediate(ly)?|now|queue|worker)(_|$)",
    re.IGNORECASE,
)
# Of a row's columns these do: a queue or a worker may be what the row is about.
_MODE_COLUMN = re.compile(r"(^|_)(a?sync|async_mode|synchronous|inline|immediate(ly)?)(_|$)", re.IGNORECASE)
# Where these hold, nobody is kept waiting: tasks run in the caller, or there are no users.
_TRIAL = re.compile(r"eager|(^|_)(debug|testing|test_mode)(_|$)", re.IGNORECASE)
_BY_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


@record()
class InlineRun:
    """A call that runs a task in the calling process. `task` is None where it can't be told which."""

    call: Call
    way: Way
    task: Task | None


def inline_runs(hub: Semantics, flow: FunctionFlow) -> Iterator[InlineRun]:
    """The calls of a body that run a task on the spot.

    Left out are those that are a choice: the same function sends the task
    otherwise, asks for a mode of operation, catches the task's own Retry, or
    says in its name or in a comment that it is synchronous.
    """
    for call in flow.calls:
        found = run_of(call)
        if found is not None and not is_choice(hub, found):
            yield found


def run_of(call: Call) -> InlineRun | None:
    """What a call runs on the spot, when all that it may call are tasks."""
    found: InlineRun | None = None
    for callee in call.callee.alternatives():
        if callee == NONE:
            continue
        found = _run_of(call, callee)
        if found is None:
            return None
    return found


def _run_of(call: Call, callee: Value) -> InlineRun | None:
    while callee.__class__ is Partial:
        callee = callee.function
    if callee.__class__ is TaskValue:
        if isinstance(callee.task, str) or is_covered(callee.task):
            return None
        return InlineRun(call, "call", callee.task)
    if callee.__class__ is BoundMethod and callee.name == "apply":
        receiver = callee.receiver
        if isinstance(receiver, (TaskValue, SignatureValue)):
            return InlineRun(call, "apply", receiver.task if isinstance(receiver.task, Task) else None)
        if isinstance(receiver, CanvasValue) and receiver.kind != "chunks":
            return InlineRun(call, "apply", None)
    return None


def is_covered(task: Task) -> bool:
    """Whether another decorator stands above the task's: the name is then what that one made of the task."""
    decorators = task.function.decorators if task.function is not None else ()
    return task.decorator is not None and task.decorator in decorators[1:]


def is_choice(hub: Semantics, run: InlineRun) -> bool:
    """Whether running the task on the spot is what the author wants, as far as the code says so."""
    call = run.call
    flow = call.flow
    if flow.function is not None and flow.function.name.endswith(_MODE_SUFFIXES):
        return True
    if run.task is not None and any(d.task is run.task and sends(d) for d in dispatches_within(hub, flow)):
        return True
    if call.use not in ("discarded", "awaited") and any(may_be_row(a.value) for a in call.args):
        return True  # what it gives is used, and it could not be sent as it is
    return under_mode_test(call) or (run.way == "call" and (catches_retry(call) or is_commented(call)))


def catches_retry(call: Call) -> bool:
    """Whether a `try` around the call handles the Retry that the body raises when it runs here."""
    tries = {id(f.node) for f in call.frame.chain() if f.kind == "try"}
    for _, statement, _, classes in call.flow.handlers:
        if id(statement) in tries:
            named = classes.items if isinstance(classes, Collection) and classes.items is not None else (classes,)
            if any(isinstance(c, External) and c.path in _RETRIES for c in named):
                return True
    return False


def is_commented(call: Call) -> bool:
    """Whether a comment at the call's line, or right above it or a test around it, says that it is meant."""
    lines = call.flow.module.source.lines
    rows = {call.node.lineno} | {f.node.lineno for f in call.frame.chain() if isinstance(f.node, ast.If)}
    for row in rows:
        if _COMMENT.search(lines[row - 1]):
            return True
        above = row - 2
        while above >= 0 and lines[above].lstrip().startswith("#"):
            if _COMMENT.search(lines[above]):
                return True
            above -= 1
    return False


def dispatches_within(hub: Semantics, flow: FunctionFlow) -> Iterator[Dispatch]:
    """The dispatches of a body and of the functions nested in it, such as `on_commit(lambda: task.delay(x))`."""
    for body in (flow,) if flow.function is None else hub.calls.flows_within(flow.function):
        yield from hub.dispatches.of_flow(body)


def sends(dispatch: Dispatch) -> bool:
    """Whether a dispatch sends its task, be it later, as what `partial(task.delay, x)` makes does."""
    return dispatch.verb in SENDING or (not dispatch.is_signature and dispatch.verb != "apply")


def under_mode_test(call: Call) -> bool:
    """Whether a test around a call, or one that ends the run before it, asks for a mode of operation."""
    tests = [f.node.test for f in call.frame.chain() if isinstance(f.node, ast.If)]
    tests += [e.test for e in call.flow.exits if e.index <= call.index and e.frame.encloses(call.frame)]
    return any(mentions_mode(test, call.flow) for test in tests)


def mentions_mode(test: ast.expr, flow: FunctionFlow) -> bool:
    """Whether a test names a switch between synchronous and asynchronous operation.

    Rows and times are data, and so is what is compared by order.
    """
    stack: list[ast.AST] = [test]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Compare) and any(isinstance(op, _BY_ORDER) for op in node.ops):
            continue
        if isinstance(node, ast.expr) and _is_data(flow.value(node)):
            continue
        if _names_mode(node, flow):
            return True
        stack += children(node)
    return False


def _names_mode(node: ast.AST, flow: FunctionFlow) -> bool:
    """Whether a node by itself names such a switch."""
    if isinstance(node, ast.Attribute):
        return (_MODE_COLUMN if may_be_row(flow.value(node.value)) else _MODE).search(node.attr) is not None
    name = node.id if isinstance(node, ast.Name) else node.value if isinstance(node, ast.Constant) else None
    return isinstance(name, str) and _MODE.search(name) is not None


def _is_data(value: Value) -> bool:
    """Whether a value may be a row, a time or a span of time."""
    return may_be_row(value) or any(
        isinstance(v, Instance) and isinstance(v.cls, str) and v.cls.startswith("datetime.")
        for v in value.alternatives()
    )


def is_trial(test: ast.expr) -> bool:
    """Whether a test asks for eager tasks, or for a run that serves development or tests only."""
    for node in walk(test):
        name = last_name(node)
        if _TRIAL.search(name):
            return True
    return False


def is_for_operators(hub: Semantics, function: Function | None, depth: int = MAX_CALLERS_UP) -> bool:
    """Whether a function runs only from commands, scripts and tests: only who started it waits for it."""
    if function is None:
        return True
    key = ("for operators", function, depth)
    return hub.memo.get(key, lambda: _is_for_operators(hub, function, depth), False)


def _is_for_operators(hub: Semantics, function: Function, depth: int) -> bool:
    function = function.outermost
    role = hub.roles.of(function).kind
    if role in ("command", "script", "test"):
        return True
    if role != "none" or depth <= 0:
        return False
    sites = hub.calls.callers(function)
    if not sites:
        return _is_used_by_tests_only(hub, function)
    return all(is_for_operators(hub, s.caller, depth - 1) for s in sites)


def _is_used_by_tests_only(hub: Semantics, function: Function) -> bool:
    """Whether tests mention a function, and nothing else does but its own definition."""
    name, project = function.name, hub.project
    elsewhere = project.mentioning(name)
    return (
        list(elsewhere) == [function.module.filename]
        and len(function.module.rows_of((name,))) == 1
        and len(project.mentioning_anywhere(name)) > len(elsewhere)
    )


def given_to_commit(hub: Semantics, function: Function | None) -> bool:
    """Whether a nested function or lambda is what its parent hands to `on_commit`."""
    if function is None or function.parent is None:
        return False
    return any(
        isinstance(value, FunctionValue) and value.function is function
        for _, callback in hub.calls.commit_calls(hub.flow(function.parent))
        for value in callback.value.alternatives()
    )
