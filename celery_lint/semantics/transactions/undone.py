"""What a retry inside a transaction takes back: the exception that it raises rolls the transaction back."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celery_lint.project.syntax import own_nodes
from celery_lint.records import record
from celery_lint.semantics.exceptions.handlers import catches, raised_predicates
from celery_lint.semantics.model import Call, Frame, FunctionFlow, Step, Write
from celery_lint.semantics.retries.retrying import retry_calls, throws
from celery_lint.semantics.transactions.contexts import Transaction
from celery_lint.semantics.transactions.writes import may_follow

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# celery/exceptions.py: Retry is a TaskPredicate, and that a CeleryError.
_CATCHES_RETRY = frozenset(
    {"celery.exceptions.Retry", "celery.exceptions.TaskPredicate", "celery.exceptions.CeleryError"}
)


@record()
class Undone:
    """A write that the retry of a task rolls back."""

    retry: Call
    write: Write
    transaction: Transaction
    steps: tuple[Step, ...]


def undone_by_retry(hub: Semantics, flow: FunctionFlow) -> Iterator[Undone]:
    """The retries of a body that roll a transaction back, each with the last write that is lost."""
    if flow.function is None or not hub.may_open_transaction(flow.function):
        return
    for retry, steps in _retries(hub, flow):
        transaction = hub.transactions.around(retry.frame, flow)
        if not isinstance(transaction, Transaction):
            continue
        outermost = flow.root
        if hub.transactions.decorated(flow.function) is None:
            outermost = [one for one in retry.frame.chain() if one.kind == "atomic"][-1]
        if _is_kept_inside(retry, outermost):
            continue
        lost = [w for w in hub.writes.of_flow(flow) if w.call.index < retry.index and _is_lost(w, retry, outermost)]
        if lost:
            yield Undone(retry, lost[-1], transaction, steps)


def _retries(hub: Semantics, flow: FunctionFlow) -> Iterator[tuple[Call, tuple[Step, ...]]]:
    """The calls of a body that raise `Retry`, by themselves or through helpers."""
    found: dict[ast.Call, tuple[Step, ...]] = {call.node: () for call in retry_calls(hub, flow) if throws(call)}
    for raised in raised_predicates(hub, flow):
        if raised.kind == "Retry" and isinstance(raised.node, ast.Call):
            found.setdefault(raised.node, raised.steps)
    for node, steps in found.items():
        yield flow.events[node], steps


def _is_lost(write: Write, retry: Call, outermost: Frame) -> bool:
    """Whether a write belongs to the transaction that the retry ends, and is no part of what failed."""
    around = write.call.frame
    if not outermost.encloses(around) or not may_follow(around, retry.frame, retry.flow):
        return False
    return not _is_tried(around, retry.frame)


def _is_kept_inside(retry: Call, outermost: Frame) -> bool:
    """Whether a handler inside the transaction catches `Retry`, and raises nothing itself."""
    tried = {one.node for one in retry.frame.chain() if one.kind == "try" and outermost.encloses(one)}
    return any(
        catch.statement in tried
        and (catch.is_broad or catch.names(_CATCHES_RETRY))
        and not any(isinstance(node, ast.Raise) for node in own_nodes(catch.body))
        for catch in catches(retry.flow)
    )


def _is_tried(frame: Frame, retry: Frame) -> bool:
    """Whether a place lies in the `try` whose handler retries: to take that work back is what the retry is for."""
    handled = {one.node for one in retry.chain() if one.kind == "handler"}
    return any(
        one.kind == "try" and isinstance(one.node, ast.Try) and not handled.isdisjoint(one.node.handlers)
        for one in frame.chain()
    )
