"""CEL305."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Applicability, Finding, Fix, RaiseResult, Related, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.model import FunctionFlow
from celery_lint.semantics.retries.retrying import goes_on_with, retry_calls, throws


class RetryWithoutRaise(Rule):
    """A task calls `self.retry()` and does not raise what it gives.

    ## What it does
    Reports a call of a task's `retry` that stands as a statement by itself (advice), and
    one with `throw=False` after which the task goes on with other work (a warning).

    ## Why is this bad
    `self.retry()` raises `Retry` by itself, so that no line after it ever runs, which
    nobody sees who reads it: with `raise` in front the reader and every tool know that
    the run ends here. With `throw=False` it does not raise: the rest of the task runs, and
    the run is stored as SUCCESS while its retry is queued. Whatever the rest does is done
    again by the retry.

    ## Example
    ```python
    @shared_task(bind=True)
    def ship(self, order_id):
        try:
            carrier.book(order_id)
        except CarrierDown as exc:
            self.retry(exc=exc, throw=False)
        mark_shipped(order_id)
    ```

    ## Use instead
    ```python
    @shared_task(bind=True)
    def ship(self, order_id):
        try:
            carrier.book(order_id)
        except CarrierDown as exc:
            raise self.retry(exc=exc)
        mark_shipped(order_id)
    ```

    ## Silent when
    The result is raised, returned or kept; after `throw=False` the block returns or raises,
    or nothing but logging follows.

    ## Fix safety
    Safe: what is raised now is what the call raised by itself. There is none for
    `throw=False`, which somebody chose.

    ## References
    - [Celery: retrying](https://docs.celeryq.dev/en/stable/userguide/tasks.html#retrying)
    """

    severity = Severity.ADVICE
    fixable = "safe"

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        for call in retry_calls(file.hub, flow):
            text = file.text(call.node, 40)
            if throws(call) is False:
                work = goes_on_with(call)
                if work is not None:
                    note = Related("this runs after it", file.place(work))
                    message = f"`{text}` does not end the run: `{file.text(work, 40)}` runs, and again in the retry"
                    yield self.finding(file.place(call.node), message, related=(note,), severity=Severity.WARNING)
            elif throws(call) and call.use == "discarded":
                fix = Fix(Applicability.SAFE, "Raise it", (RaiseResult(file.place(call.node)),))
                message = f"`{text}` raises `Retry` and never returns: `raise` in front of it says so"
                yield self.finding(file.place(call.node), message, fix=fix)
