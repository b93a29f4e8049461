"""CEL705."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.dispatching.fanout import fan_outs
from celery_lint.semantics.model import FunctionFlow


class DispatchInLoop(Rule):
    """A message is sent for each row of a query.

    ## What it does
    Reports `delay()` and `apply_async()` in a loop over a queryset or a query.

    ## Why is this bad
    Each message is a round trip to the broker, and is taken, acknowledged and logged by a worker. A table
    of 100,000 rows becomes 100,000 of each, ahead of everything else in the queue, and in a
    request or a transaction the loop runs all that time. A group saves nothing: it sends one
    message for each of its tasks as well.

    ## Example
    ```python
    for order in Order.objects.filter(paid=False):
        remind.delay(order.pk)
    ```

    ## Use instead
    ```python
    keys = Order.objects.filter(paid=False).values_list("pk")
    remind.chunks(keys.iterator(), 100).apply_async()
    ```
    or one task that gets a list of keys, or that makes the query itself.

    ## Silent when
    The query is cut to a few rows or a page; what `delay()` gives is used; the loop ends with
    its first row; what is sent is no part of the row, as a batch that is full; messages are
    spread over time (`countdown`, `eta`); in tests and migrations.

    ## References
    - [Celery: chunks](https://docs.celeryq.dev/en/stable/userguide/canvas.html#chunks)
    - [Celery: granularity](https://docs.celeryq.dev/en/stable/userguide/tasks.html#granularity)
    """

    severity = Severity.ADVICE

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        for found in () if file.is_test or file.is_migration else fan_outs(file.hub, flow):
            message = (
                f"`{file.text(found.dispatch.node)}` sends a message for each row of `{file.text(found.rows)}`:"
                " send chunks of keys, or one task for all"
            )
            yield self.finding(file.place(found.dispatch.node), message)
