"""CEL110."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Related, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.dispatching.due_times import (
    COUNTDOWN,
    ETA,
    EXPIRES,
    Conflict,
    Schedule,
    conflicts,
    schedules,
)
from celery_lint.semantics.inference.values import Duration
from celery_lint.semantics.model import FunctionFlow, Task


class ConflictingSchedule(Rule):
    """The `countdown`, `eta` and `expires` of a task contradict each other, or are of a kind that Celery refuses.

    ## What it does
    Reports, at dispatches, signatures, `set()` and `retry()`:

    - `eta` beside a `countdown`;
    - `expires` that is over when the task is due, or at once: not after the `countdown` or `eta`,
      zero or less; also where the task's decorator says `expires`;
    - `countdown` or `expires` that is a `timedelta`, `countdown` that is a text, `eta` that is a number
      or a `timedelta`; `expires=timedelta(...)` in a task's decorator, too.

    ## Why is this bad
    With both given, the `countdown` wins and the `eta` has no effect. A task that has expired when it
    is due is sent and kept, then revoked: it never runs, and only a line in the worker's log
    says so. A `timedelta` raises `TypeError` or `AttributeError` when the task is sent.

    ## Example
    ```python
    send_reminder.apply_async((order.pk,), countdown=600, expires=60)
    ```

    ## Use instead
    ```python
    send_reminder.apply_async((order.pk,), countdown=600, expires=660)
    ```

    ## Silent when
    One of the values can't be read, or may be None; a time has no zone, which CEL109 reports.

    ## References
    - [Celery: ETA and countdown](https://docs.celeryq.dev/en/stable/userguide/calling.html#eta-and-countdown)
    - [Celery: expiration](https://docs.celeryq.dev/en/stable/userguide/calling.html#expiration)
    """

    severity = Severity.WARNING

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        for schedule in schedules(file.hub, flow):
            for conflict in conflicts(schedule):
                node = schedule.call.node if schedule.is_forwarded else schedule.given[conflict.name].node
                yield self.finding(
                    file.place(node),
                    _message(conflict, schedule),
                    related=_related(conflict),
                    severity=Severity.WARNING if conflict.kind == "ignored" else Severity.ERROR,
                )

    def check_task(self, task: Task, file: FileContext) -> Iterator[Finding]:
        option = task.option(EXPIRES)
        if option is None or option.node is None or option.module is not file.module:
            return
        if isinstance(option.value, Duration):
            yield self.finding(
                file.place(option.node),
                f"`expires` of `{task.name}` is a timedelta, and Celery compares it with numbers: sending the task "
                "raises TypeError",
                severity=Severity.ERROR,
            )


def _message(conflict: Conflict, schedule: Schedule) -> str:
    if conflict.kind == "ignored":
        return "`countdown` and `eta` are both given: the countdown wins, and the eta has no effect"
    if conflict.kind == "refused":
        what = "a timedelta" if isinstance(schedule.value(conflict.name), Duration) else "of another kind"
        wanted = {COUNTDOWN: "a number of seconds", ETA: "a datetime", EXPIRES: "a number of seconds or a datetime"}
        return f"`{conflict.name}` is {what}, and must be {wanted[conflict.name]}: sending the task raises an error"
    due = f"is due in {conflict.due:g} s" if conflict.due > 0 else "is due at once"
    expires = f"expires in {conflict.expires:g} s" if conflict.expires > 0 else "has expired when it is sent"
    who = f"`{schedule.task.name}`" if schedule.task is not None else "the task"
    return f"{who} {due} and {expires}: the worker revokes it, and it never runs"


def _related(conflict: Conflict) -> tuple[Related, ...]:
    option = conflict.option
    if option is None or option.node is None or option.module is None:
        return ()
    return (Related("the task expires", option.module.source.place(option.node)),)
