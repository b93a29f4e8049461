"""CEL411."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.model import Task
from celery_lint.semantics.retries.redispatch import endless_dispatches


class UnboundedRedispatch(Rule):
    """Each run of a task sends the next one.

    ## What it does
    Reports a task that sends itself in every run: the dispatch stands in no branch or loop,
    and no run ends before it.

    ## Why is this bad
    The chain has no end of its own. Sent twice, by a redelivery, by hand or at a deployment,
    the task goes round twice, for ever; and when one run is lost, nothing starts it again.
    In an `except` it is a retry without a number: a message that can never succeed comes
    back for ever, and nobody sees a failure.

    ## Example
    ```python
    @shared_task
    def poll():
        warehouse.fetch()
        poll.apply_async(countdown=60)
    ```

    ## Use instead
    ```python
    app.conf.beat_schedule = {"poll": {"task": "shop.tasks.poll", "schedule": 60}}

    @shared_task
    def poll():
        warehouse.fetch()
    ```
    for what is to go on, `self.retry()` for what has failed, and a condition for what comes
    to an end:
    ```python
    @shared_task
    def import_page(number):
        if warehouse.fetch(number).has_next:
            import_page.delay(number + 1)
    ```

    ## References
    - [Celery: periodic tasks](https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html)
    """

    severity = Severity.ADVICE

    def check_task(self, task: Task, file: FileContext) -> Iterator[Finding]:
        if file.is_test or task.function is None or task.function.module is not file.module:
            return
        for dispatch in endless_dispatches(file.hub, task):
            in_handler = dispatch.call.frame.find("handler") is not None
            when = "that fails " if in_handler else ""
            message = f"each run of `{task.name}` {when}sends the next one, and nothing ends it"
            yield self.finding(file.place(dispatch.node), message)
