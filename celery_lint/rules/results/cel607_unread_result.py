"""CEL607."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.model import Task
from celery_lint.semantics.results.unread import unread_value


class UnreadResult(Rule):
    """A task returns a value that is stored and that nobody reads.

    ## What it does
    Reports tasks that return a value where a result backend stores it, while every dispatch
    in the project drops what `delay()` gives.

    ## Why is this bad
    Each run writes its value, and a state, to the backend, and they stay there for a day (`result_expires`).
    That costs a round trip a run, and memory in Redis or rows in a database, for nothing.

    ## Example
    ```python
    @shared_task
    def send_receipt(order_id):
        return mail(order_id)

    send_receipt.delay(order.pk)
    ```

    ## Use instead
    ```python
    @shared_task(ignore_result=True)
    def send_receipt(order_id):
        mail(order_id)

    send_receipt.delay(order.pk)
    ```

    ## Silent when
    Somebody may read it: a dispatch whose value is kept, a signature, as in chains and
    chords, a caller, a hook of the task's class, a handler of `task_success`; the project
    reads results by their ids (`AsyncResult(...)`); nothing in the project sends the task; no
    backend is set.

    ## References
    - [Celery: ignore results you don't want](https://docs.celeryq.dev/en/stable/userguide/tasks.html#ignore-results-you-don-t-want)
    """

    severity = Severity.ADVICE

    def check_task(self, task: Task, file: FileContext) -> Iterator[Finding]:
        value = None if file.is_test else unread_value(file.hub, task)
        if value is None or task.function is None or task.function.module is not file.module:
            return
        text = file.text(value)
        message = (
            f"`{task.name}` returns `{text}`, which is stored, and nobody reads it: `ignore_result=True` spares that"
        )
        yield self.finding(file.place(value), message)
