"""CEL401."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import Finding, Related, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext, related
from celery_lint.semantics.model import Task
from celery_lint.semantics.retries.repeats import Repeat, repeats

_WHAT = {
    "payment": "moves money",
    "mail": "sends mail",
    "message": "sends a message",
    "request": "posts a request",
    "row": "creates a row",
    "increment": "adds to a number",
    "append": "appends to a file",
}
_GUARD = {
    "payment": "pass an idempotency key, or mark the row as paid and test the mark first",
    "mail": "mark the row as sent, and test the mark first",
    "message": "mark the row as sent, and test the mark first",
    "request": "send an idempotency key, or note that it is done and test the note first",
    "row": "use `get_or_create` with what makes the row unique, or one `atomic` block round both",
    "increment": "put both in one `atomic` block, or note that it is done and test the note first",
    "append": "test first whether the line is there",
}


class NonIdempotentRetry(Rule):
    """A task that may run again repeats something that must happen once.

    ## What it does
    Reports a payment, a mail, a text or push message, `requests.post`, a new row, `F("n") + 1` or an
    append to a file in a task that may run again (`autoretry_for`, `self.retry()`,
    `acks_late`), when something after it may fail and nothing keeps the second run from
    doing it once more.

    Late acknowledgement repeats a run only when its worker dies. For it alone, payments,
    mails and messages count, and new rows where the task sets `acks_late` itself; posted
    requests, `F("n") + 1` and appends do not.

    ## Why is this bad
    A retry runs the whole body from the start. What was done before the failure is done
    again: the customer is charged twice and gets the same mail three times. Celery delivers
    a task at least once; doing it once is the task's own work.

    ## Example
    ```python
    @shared_task(autoretry_for=(requests.RequestException,))
    def pay(order_id):
        order = Order.objects.get(pk=order_id)
        gateway.charge(order.amount)
        requests.put(f"https://stock.example.com/{order.pk}").raise_for_status()
    ```

    ## Use instead
    ```python
    @shared_task(autoretry_for=(requests.RequestException,))
    def pay(order_id):
        order = Order.objects.get(pk=order_id)
        if order.paid_at is None:
            gateway.charge(order.amount, idempotency_key=f"order-{order.pk}")
            Order.objects.filter(pk=order_id).update(paid_at=now())
        requests.put(f"https://stock.example.com/{order.pk}").raise_for_status()
    ```
    or move what comes after into a task of its own.

    ## Silent when
    A guard stands before it: a test of a status, date or flag, `exists()`, a conditional
    `update()`, `get_or_create`, `cache.add`, `set(nx=True)`, a lock, an idempotency key, a
    test of `self.request.retries`, a row that is asked for first or that the database
    refuses to make twice (`except IntegrityError`), celery-once or celery-singleton, or a
    decorator, property, query method, helper or context manager that does one of these. Also
    when a retry is given only what failed (`self.retry(args=[failed])`), when the effect is
    the last thing that may fail, and when a transaction takes it back.

    ## Options
    `idempotency-guards`

    ## References
    - [Celery: tasks should be idempotent](https://docs.celeryq.dev/en/stable/userguide/tasks.html)
    """

    severity = Severity.WARNING

    def check_task(self, task: Task, file: FileContext) -> Iterator[Finding]:
        if file.is_test or task.function is None or task.function.module is not file.module:
            return
        for repeat in repeats(file.hub, task):
            yield self._report(repeat, task, file)

    def _report(self, repeat: Repeat, task: Task, file: FileContext) -> Finding:
        effect = repeat.effect
        what = file.text(effect.call.node.func)
        own = repeat.failing is effect.call.node
        late = repeat.rerun.kind == "late"
        after = f"before line {repeat.failing.lineno} " + ("is done" if late else "may fail")
        if repeat.flow is not effect.call.flow:
            name = repeat.flow.function.qualname if repeat.flow.function else "a helper"
            after = f"before the rest of `{name}` " + ("is done" if late else "may fail")
        elif own:
            after = "for the first ones before " + ("all are done" if late else "a later one fails")
        message = (
            f"`{what}(...)` {_WHAT[effect.kind]} {after}, and `{task.name}` then does it again"
            f" ({repeat.rerun.why}): {_GUARD[effect.kind]}"
        )
        steps = list(related(effect.steps()))
        failing: ast.AST = repeat.failing
        if isinstance(failing, ast.Try):
            failing = failing.body[0]
        if not own:
            steps.append(
                Related(
                    "this comes after it" if late else "this may fail after it",
                    repeat.flow.module.source.place(failing),
                )
            )
        if repeat.rerun.place is not None:
            steps.append(Related(repeat.rerun.why, repeat.rerun.place))
        return self.finding(file.place(effect.call.node), message, related=tuple(steps))
