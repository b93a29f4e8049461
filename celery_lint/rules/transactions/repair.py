"""What the rules on transactions share: how they name a transaction, and the repair."""

from __future__ import annotations

from celery_lint.findings import Applicability, DeferToCommit, Fix
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.hazards import Hazard
from celery_lint.semantics.transactions import Transaction


def opened(transaction: Transaction, file: FileContext) -> str:
    """Words for a transaction, seen from a file: `the transaction opened at line 42`."""
    if transaction.kind == "request":
        return "the transaction of the request (ATOMIC_REQUESTS)"
    if transaction.kind == "session" and len(transaction.steps) > 1:
        return f"the session's transaction, before the commit at line {transaction.steps[1].place.span.start.row}"
    place = transaction.steps[0].place
    row = place.span.start.row
    if place.filename == file.filename:
        return f"the transaction opened at line {row}"
    return f"a transaction (opened in {place.filename}:{row})"


def deferred(hazard: Hazard, file: FileContext) -> Fix | None:
    """The dispatch put off until the commit; None where that is not exact."""
    hub, dispatch = file.hub, hazard.dispatch
    if not hazard.is_direct or hazard.call.use != "discarded" or dispatch.call is not hazard.call:
        return None
    if hazard.transaction is not None and hazard.transaction.kind == "session":
        return None
    place = file.place(hazard.call.node)
    method = None
    if dispatch.verb in ("delay", "apply_async") and hazard.using is None and hub.has_delay_on_commit(dispatch.task):
        method = f"{dispatch.verb}_on_commit"
    change = DeferToCommit(place, hazard.using, method)
    how = f"`{method}`" if method else "`transaction.on_commit(partial(...))`"
    return Fix(Applicability.UNSAFE, f"Send it after the commit, with {how}", (change,))
