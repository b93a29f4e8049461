"""CEL408."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import AddArguments, Applicability, Finding, Fix, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.model import Task
from celery_lint.semantics.retries.retry_options import (
    AUTORETRY_FOR,
    BACKOFF,
    Stated,
    delay_of,
    has_fixed_delay,
    made_on,
    stated,
)


class RetryWithoutBackoff(Rule):
    """`autoretry_for` retries after the same time each.

    ## What it does
    Reports `autoretry_for` without `retry_backoff`, in a task's options or in its base
    class, where the task may be retried more than once.

    ## Why is this bad
    Without `retry_backoff` each retry comes three minutes after the last try, or after
    `default_retry_delay`. That is long for what passes in a second, and short for a server
    that is down for an hour: after ten minutes all retries are spent. And all messages that
    failed together come back together, to a server that is just getting up. A backoff
    doubles the time with each retry, and spreads the retries at random.

    ## Example
    ```python
    @shared_task(autoretry_for=(ConnectionError,), max_retries=5)
    def reserve(order_id):
        warehouse.reserve(order_id)
    ```

    ## Use instead
    ```python
    @shared_task(autoretry_for=(ConnectionError,), max_retries=5, retry_backoff=True)
    def reserve(order_id):
        warehouse.reserve(order_id)
    ```

    ## Fix safety
    Unsafe: the retries come at other times, and sooner: the first after about a second.
    There is no fix where the task gives a delay of its own, which a backoff would replace.

    ## References
    - [Celery: retry_backoff](https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.retry_backoff)
    """

    severity = Severity.ADVICE
    fixable = "unsafe"

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        for one in stated(file.hub, file.module, AUTORETRY_FOR):
            tasks = made_on(file.hub, one)
            if not tasks or not all(has_fixed_delay(file.hub, task) for task in tasks):
                continue
            delay = delay_of(tasks[0])
            how = "three minutes" if delay is None else "the same time"
            message = f"each retry of `{one.owner}` comes {how} after the last try: `{BACKOFF}` would spread them"
            yield self.finding(file.place(one.node), message, fix=_fix(one, tasks[0], file))


def _fix(one: Stated, task: Task, file: FileContext) -> Fix | None:
    if one.cls is not None or task.decorator is None or not task.takes_options or delay_of(task) is not None:
        return None
    change = AddArguments(file.place(task.decorator), ((BACKOFF, "True"),))
    return Fix(Applicability.UNSAFE, "Wait longer before each retry", (change,))
