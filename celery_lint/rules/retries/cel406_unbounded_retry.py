"""CEL406."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Applicability, Finding, Fix, Related, Replace, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext, related
from celery_lint.semantics.model import Step
from celery_lint.semantics.retries.retry_options import MAX_RETRIES, is_endless, made_on, stated

_MANY = 10


class UnboundedRetry(Rule):
    """A task is retried without end.

    ## What it does
    Reports `max_retries=None` of a task that is retried, by `autoretry_for` or by
    `self.retry()`, or of the base class that such tasks are made on.

    ## Why is this bad
    None means no limit at all. A message that can never succeed (the row is gone, the
    address is wrong, the code has a defect) comes back for ever: it is never a failure that
    somebody sees, and such messages pile up, until the worker does little else.

    ## Example
    ```python
    @shared_task(autoretry_for=(ConnectionError,), retry_backoff=True, max_retries=None)
    def reserve(order_id):
        warehouse.reserve(order_id)
    ```

    ## Use instead
    ```python
    @shared_task(autoretry_for=(ConnectionError,), retry_backoff=True, max_retries=10)
    def reserve(order_id):
        warehouse.reserve(order_id)
    ```
    With a backoff, ten retries last for more than an hour.

    ## Silent when
    The body compares a number of retries or a time by itself, the task has `expires`, or
    each call of `retry()`, or `retry_kwargs`, gives a number. `max_retries=None` in those
    does not mean "without limit" (CEL405).

    ## Fix safety
    Shown only: how often is enough, only you know.

    ## References
    - [Celery: max_retries](https://docs.celeryq.dev/en/stable/reference/celery.app.task.html#celery.app.task.Task.max_retries)
    """

    severity = Severity.WARNING
    fixable = "display"

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        for one in stated(file.hub, file.module, MAX_RETRIES):
            if one.option.constant is not None:
                continue
            endless = next((task for task in made_on(file.hub, one) if is_endless(file.hub, task)), None)
            if endless is None:
                continue
            steps: tuple[Related, ...] = ()
            if one.task is None:
                place = endless.module.source.place(endless.report_node)
                steps = related([Step(place, f"`{endless.name}` is made on it")])
            message = f"`{endless.name}` is retried without end: a message that can never succeed comes back for ever"
            change = Replace(file.place(one.node), str(_MANY))
            fix = Fix(Applicability.DISPLAY, f"Give up after {_MANY} retries", (change,))
            yield self.finding(file.place(one.node), message, related=steps, fix=fix)
