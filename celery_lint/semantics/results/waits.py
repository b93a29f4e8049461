"""Calls that wait for a task's result.

`get`, `wait`, `join`, `join_native` and `collect` block until a worker has
answered (celery/result.py, AsyncResult and ResultSet). `result`, `state`,
`ready()` and the like only read what the backend has.

In a worker they do not even wait: `assert_will_not_block` raises there, for
results that are there already too, unless the call, or a block around it, says
that it is meant (celery/result.py; celery/worker/components.py, Pool).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import Function
from celery_lint.project.syntax import last_name, walk
from celery_lint.records import record
from celery_lint.semantics.dispatching.evidence import from_callers
from celery_lint.semantics.frameworks.signal_handlers import signals_of
from celery_lint.semantics.inference.switches import is_switched_off, switches
from celery_lint.semantics.inference.values import NONE, BoundMethod, Constant, Field, Parameter, ResultValue
from celery_lint.semantics.model import Call, FunctionFlow, Step
from celery_lint.semantics.results.readiness import is_known_ready

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

WAITING = frozenset({"get", "wait", "join", "join_native", "collect", "get_leaf"})
# Those whose first argument is the timeout.
_TIMED = frozenset({"get", "wait", "join", "join_native"})
# Pools whose tasks may wait (celery/concurrency/gevent.py and eventlet.py, `task_join_will_block`).
_PATIENT_POOLS = frozenset({"gevent", "eventlet"})
_ALLOWING = "allow_join_result"
_SWITCHING_OFF = ("_set_task_join_will_block", "task_join_will_block", "assert_will_not_block")
# What asks whether a task is running (celery/_state.py).
_RUNNING = frozenset({"current_task", "current_worker_task", "get_current_task", "get_current_worker_task"})
MAX_UP = 4


@record()
class Wait:
    """A call that waits; `steps` lead to the dispatch when the result comes from a caller."""

    call: Call
    result: ResultValue
    steps: tuple[Step, ...] = ()


def limit(wait: Wait) -> ast.expr | None:
    """How many seconds a call waits at most, as it is written; None where it says nothing of that."""
    call = wait.call
    given = call.keyword("timeout") or (call.positional[0] if call.positional and call.name in _TIMED else None)
    return given.node if given is not None and given.value != NONE else None


def waits(hub: Semantics, flow: FunctionFlow) -> Iterator[Wait]:
    """The calls of a body that wait for a result which may not be there yet."""
    for found in every_wait(hub, flow):
        if not found.result.eager and not is_known_ready(hub, found.call):
            yield found


def every_wait(hub: Semantics, flow: FunctionFlow) -> Sequence[Wait]:
    """The calls of a body that wait for a result, or would if it were not there."""

    def search() -> tuple[Wait, ...]:
        return tuple(found for call in flow.calls if (found := _wait(hub, call)) is not None)

    return hub.memo.get(("waits", flow), search, ())


def _wait(hub: Semantics, call: Call) -> Wait | None:
    for callee in call.callee.alternatives():
        if isinstance(callee, BoundMethod) and callee.name in WAITING and isinstance(callee.receiver, ResultValue):
            return Wait(call, callee.receiver)
        # A mapping's `get` has a key.
        if not isinstance(callee, Field) or callee.name not in WAITING or call.positional:
            continue
        if isinstance(callee.base, Parameter) and not callee.base.star:
            for given, steps in from_callers(hub, callee.base, 2):
                for one in given.alternatives():
                    if isinstance(one, ResultValue):
                        return Wait(call, one, steps)
    return None


# In a task


def is_allowed(call: Call) -> bool:
    """Whether a call, or a block or decorator around it, says that it may wait in a task."""
    given = call.keyword("disable_sync_subtasks")
    if given is not None:
        return given.value != Constant(True)
    expressions = [
        item.context_expr
        for frame in call.frame.chain()
        if isinstance(frame.node, (ast.With, ast.AsyncWith))
        for item in frame.node.items
    ]
    function = call.flow.function
    expressions += function.decorators if function is not None else ()
    return any(last_name(n) == _ALLOWING for n in walk(*expressions))


def may_wait_in_tasks(hub: Semantics) -> bool:
    """Whether the project's workers let tasks wait: by their pool, or as the project switches Celery's check off."""
    if hub.project_settings.constant("worker_pool") in _PATIENT_POOLS:
        return True
    return any(not is_test_file(f) for name in _SWITCHING_OFF for f in hub.project.mentioning(name))


@record()
class TaskPath:
    """The calls that lead from a task to a call, outermost first."""

    task: Function
    steps: tuple[Step, ...]
    is_allowed: bool
    """Whether a block on the way lets tasks wait."""


def path_from_task(hub: Semantics, call: Call, depth: int = MAX_UP) -> TaskPath | None:
    """How a task comes to make a call; None when none is known to."""
    function = call.flow.function
    return _path(hub, function, call, depth, frozenset()) if function is not None else None


def _path(hub: Semantics, function: Function, call: Call, depth: int, seen: frozenset[Function]) -> TaskPath | None:
    allowed = is_allowed(call)
    if _is_run_as_task(hub, function):
        return TaskPath(function, (), allowed)
    if function.mentions(_RUNNING):
        return None  # it asks whether a task runs it, and waits when none does
    if depth <= 0 or function in seen or hub.roles.of(function).kind in ("test", "command", "script"):
        return None
    for site in hub.calls.callers(function) or ():
        if site.caller is None or site.deferred or _is_off(hub, site.call, function, call):
            continue
        above = _path(hub, site.caller, site.call, depth - 1, seen | {function})
        if above is not None:
            place = site.call.flow.module.source.place(site.call.node)
            step = Step(place, f"`{function.qualname}` is called here")
            return TaskPath(above.task, (*above.steps, step), allowed or above.is_allowed)
    return None


def _is_off(hub: Semantics, site: Call, function: Function, call: Call) -> bool:
    """Whether the arguments of a call of a function switch off what stands in it."""
    return call.flow.function is function and is_switched_off(call, call.flow, switches(hub, site, function))


def _is_run_as_task(hub: Semantics, function: Function) -> bool:
    """Whether a worker runs a function in place of a message, or around it."""
    return hub.roles.of(function).kind == "task" and not any(signals_of(hub, function))
