"""CEL209."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Applicability, Finding, Fix, PutStatement, Related, Severity, Side
from celery_lint.rules.base import Rule
from celery_lint.semantics.calls.sequel import statement_of
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.model import Call, FunctionFlow
from celery_lint.semantics.transactions.stale import stale

_DELETES = ("delete", "adelete")


class DispatchBeforeWrite(Rule):
    """A row is written after its key was sent, and the task reads what is written.

    ## What it does
    Reports a dispatch with the key of a row which the same function saves, updates or
    deletes further on, when the task reads one of the columns that change, or when the row
    is made or deleted there.

    ## Why is this bad
    A worker may have the message before the function comes to its next line. The task then
    reads the row as it was: a status that makes it return at once, an old address, no row.
    It works on the developer's machine, where the worker is slower than the view.

    ## Example
    ```python
    order.status = "paid"
    ship.delay(order.pk)
    order.save()
    ```

    ## Use instead
    ```python
    order.status = "paid"
    order.save()
    ship.delay(order.pk)
    ```

    ## Silent when
    The task does not read what is written; the dispatch waits for the commit, has a
    countdown or an eta, or is waited for; it is reported by CEL201, CEL202 or CEL203.

    ## Fix safety
    Shown only: what the lines between do with the dispatch's result or rely on cannot be seen.

    ## References
    - [Celery: database transactions](https://docs.celeryq.dev/en/stable/userguide/tasks.html#database-transactions)
    """

    severity = Severity.WARNING
    fixable = "display"

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        if file.is_test or file.is_migration:
            return
        for found in stale(file.hub, flow):
            call, write = found.dispatch.call, found.write.call
            if any(hazard.call is call for hazard in file.hub.hazards.of_flow(flow)):
                continue
            what = f"writes `{found.column}`: the task may read the old value"
            if not found.column:
                is_gone = write.name in _DELETES
                what = f"{'deletes' if is_gone else 'makes'} the row: the task may find none"
            message = f"`{file.text(call.node, 40)}` is sent before `{file.text(write.node, 40)}` {what}"
            note = Related("written here", file.place(write.node))
            yield self.finding(file.place(call.node), message, related=(note,), fix=_fix(call, write, file))


def _fix(call: Call, write: Call, file: FileContext) -> Fix | None:
    """The dispatch moved behind the write, where both are lines of one block."""
    flow = call.flow
    first, last = statement_of(flow, call.node), statement_of(flow, write.node)
    if call.use != "discarded" or first is None or last is None or write.name in _DELETES:
        return None  # a deleted row has no key any more
    block = [one for one, frame in flow.frames.items() if frame is flow.frames[first]]
    if last not in block:
        return None
    moved = block[block.index(first) : block.index(last) + 1]
    if any(one.lineno != one.end_lineno for one in moved):
        return None
    texts = [file.module.source.segment(one) for one in (*moved[1:], first)]
    changes = [PutStatement(file.place(one), Side.INSTEAD, text) for one, text in zip(moved, texts, strict=True)]
    return Fix(Applicability.DISPLAY, "Send it after the row is written", tuple(changes))
