"""CEL210."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Related, Severity
from celery_lint.rules.base import Rule
from celery_lint.rules.transactions.repair import opened
from celery_lint.semantics.context import FileContext, related
from celery_lint.semantics.model import FunctionFlow
from celery_lint.semantics.transactions.undone import undone_by_retry


class RetryInAtomic(Rule):
    """A retry rolls back what the task has written for it.

    ## What it does
    Reports a call of a task's `retry` inside a transaction, also through a helper, when the
    task has written a row in that transaction before.

    ## Why is this bad
    `self.retry()` sends the message for the next run and raises `Retry`. On its way to the
    worker that exception leaves the transaction, which is rolled back. The counter of
    attempts, the note of what failed, the new row whose key the retry gets: all of it is
    gone when the task runs again.

    ## Example
    ```python
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order_id)
        order.attempts += 1
        order.save(update_fields=["attempts"])
        if not bank.charge(order):
            raise self.retry(countdown=60)
    ```

    ## Use instead
    ```python
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order_id)
        order.attempts += 1
        order.save(update_fields=["attempts"])
    if not bank.charge(order):
        raise self.retry(countdown=60)
    ```

    ## Silent when
    Nothing is written before the retry; the write is part of what is tried, in the `try`
    whose handler retries; the retry does not raise (`throw=False`).

    ## References
    - [Django: transactions and exceptions](https://docs.djangoproject.com/en/stable/topics/db/transactions/#controlling-transactions-explicitly)
    """

    severity = Severity.WARNING

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        if file.is_test:
            return
        for found in undone_by_retry(file.hub, flow):
            write = found.write.call.node
            message = (
                f"`{file.text(found.retry.node, 40)}` rolls back {opened(found.transaction, file)}:"
                f" what `{file.text(write, 40)}` wrote is gone when the task runs again"
            )
            notes = (Related("written here", file.place(write)), *related(found.transaction.steps))
            yield self.finding(file.place(found.retry.node), message, related=(*notes, *related(found.steps)))
