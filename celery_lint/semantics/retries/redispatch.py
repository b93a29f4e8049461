"""Tasks that send themselves again, each time they run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celery_lint.project.syntax import walk
from celery_lint.semantics.model import Dispatch, FunctionFlow, Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics


def endless_dispatches(hub: Semantics, task: Task) -> Iterator[Dispatch]:
    """The dispatches of a task in its own body that nothing stands in the way of."""
    function = task.function
    if function is None or not function.holds(("delay", "apply_async", "delay_on_commit", "send_task")):
        return
    flow = hub.flow(function)
    for dispatch in hub.dispatches.of_flow(flow):
        if dispatch.task is task and not dispatch.is_signature and not _has_end(flow, dispatch):
            yield dispatch


def _has_end(flow: FunctionFlow, dispatch: Dispatch) -> bool:
    """Whether some runs end without the dispatch: it is in a branch, or the run may have ended before."""
    call = dispatch.call
    if call.frame.find("if", "orelse", "loop") is not None or any(end.index <= call.index for end in flow.exits):
        return True
    assert flow.function is not None
    for node in walk(*flow.function.body):
        # What a `match`, a conditional expression or an `and` keeps from being run; a handler that ends the run.
        if isinstance(node, (ast.Match, ast.IfExp, ast.BoolOp)) and any(part is call.node for part in walk(node)):
            return True
        if isinstance(node, ast.Try) and not any(part is call.node for h in node.handlers for part in walk(h)):
            if any(isinstance(part, (ast.Return, ast.Raise)) for h in node.handlers for part in walk(*h.body)):
                return True
    return False


__all__ = ["endless_dispatches"]
