"""Calls that wait for a task's result.

`get`, `wait`, `join`, `join_native` and `collect` block until a worker has
answered (celery/result.py, AsyncResult and ResultSet). `result`, `state`,
`ready()` and the like only read what the backend has.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celery_lint.project.syntax import walk
from celery_lint.records import record
from celery_lint.semantics.evidence import from_callers
from celery_lint.semantics.inline import mentions_mode
from celery_lint.semantics.model import Call, FunctionFlow, Step
from celery_lint.semantics.values import BoundMethod, Field, Parameter, ResultValue

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

WAITING = frozenset({"get", "wait", "join", "join_native", "collect", "get_leaf"})
# What tells that the result is there already (celery/result.py).
_ASKING = frozenset({"ready", "successful", "failed", "state", "status", "maybe_throw"})


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
        if found is not None and not found.result.eager and not is_known_ready(call):
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


def is_known_ready(call: Call) -> bool:
    """Whether a test around the call, or one that ends the run before it, asks if the result is there."""
    func = call.node.func
    receiver = ast.unparse(func.value) if isinstance(func, ast.Attribute) else ""
    tests = [f.node.test for f in call.frame.chain() if isinstance(f.node, (ast.If, ast.While))]
    tests += [e.test for e in call.flow.exits if e.index <= call.index and e.frame.encloses(call.frame)]
    for test in tests:
        if mentions_mode(test):
            return True
        for node in walk(test):
            if (
                isinstance(node, ast.Attribute)
                and node.attr in _ASKING
                and (isinstance(call.flow.value(node.value), ResultValue) or ast.unparse(node.value) == receiver)
            ):
                return True
    return False
