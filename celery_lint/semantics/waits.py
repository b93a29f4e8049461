"""Calls that wait for a task's result.

`get`, `wait`, `join`, `join_native` and `collect` block until a worker has
answered (celery/result.py, AsyncResult and ResultSet). `result`, `state`,
`ready()` and the like only read what the backend has.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from celery_lint.records import record
from celery_lint.semantics.evidence import from_callers
from celery_lint.semantics.model import Call, FunctionFlow, Step
from celery_lint.semantics.readiness import is_known_ready
from celery_lint.semantics.values import BoundMethod, Field, Parameter, ResultValue

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

WAITING = frozenset({"get", "wait", "join", "join_native", "collect", "get_leaf"})


@record()
class Wait:
    """A call that waits; `steps` lead to the dispatch when the result comes from a caller."""

    call: Call
    result: ResultValue
    steps: tuple[Step, ...] = ()


def waits(hub: Semantics, flow: FunctionFlow) -> Iterator[Wait]:
    """The calls of a body that wait for a result which may not be there yet."""
    for call in flow.calls:
        found = _wait(hub, call)
        if found is not None and not found.result.eager and not is_known_ready(hub, call):
            yield found


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
