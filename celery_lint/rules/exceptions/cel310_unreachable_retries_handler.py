"""CEL310."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Related, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.model import Task
from celery_lint.semantics.retries.retrying import useless_handlers


class UnreachableRetriesHandler(Rule):
    """A handler of MaxRetriesExceededError stands where `autoretry_for` never raises it.

    ## What it does
    Reports `except MaxRetriesExceededError` in a task with `autoretry_for` (its own or its
    base class's), when nothing in the `try` retries by itself or waits for another task.

    ## Why is this bad
    `autoretry_for` is a wrapper around the body: it calls `retry` when the body has raised
    already and all of its handlers are left behind. Besides, it hands its exception to
    `retry`, so that the end of the retries is that exception and never
    MaxRetriesExceededError. What the handler does for the order that is given up, the alarm
    or the refund, is never done.

    ## Example
    ```python
    @shared_task(autoretry_for=(CarrierDown,), max_retries=5)
    def book(order_id):
        try:
            carrier.book(order_id)
        except MaxRetriesExceededError:
            alert_staff(order_id)
    ```

    ## Use instead
    ```python
    @shared_task(bind=True, autoretry_for=(CarrierDown,), max_retries=5)
    def book(self, order_id):
        try:
            carrier.book(order_id)
        except CarrierDown:
            if self.request.retries >= self.max_retries:
                alert_staff(order_id)
            raise
    ```
    or `on_failure` in a base class, or a retry by hand: `raise self.retry(exc=exc)`.

    ## Silent when
    The clause lists other exceptions as well; the `try` calls something that is given the
    task, or another task as a function.

    ## References
    - [Celery: automatic retry for known exceptions](https://docs.celeryq.dev/en/stable/userguide/tasks.html#automatic-retry-for-known-exceptions)
    """

    severity = Severity.WARNING

    def check_task(self, task: Task, file: FileContext) -> Iterator[Finding]:
        if task.function is None or task.function.module is not file.module:
            return
        for catch in useless_handlers(file.hub, task):
            option = task.options["autoretry_for"]
            message = f"this never runs: `autoretry_for` retries `{task.name}` after its body has raised, out of reach"
            notes: tuple[Related, ...] = ()
            if option.node is not None and option.module is not None:
                notes = (Related("the retries are made here", option.module.source.place(option.node)),)
            yield self.finding(catch.place, message, related=notes)
