"""CEL111."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Related, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.dispatching.due_times import schedules
from celery_lint.semantics.model import FunctionFlow, Task
from celery_lint.semantics.retries.redelivery import Patience, Stay, patience, stay_of_schedule, stays_of_task


class EtaPastVisibilityTimeout(Rule):
    """A task is held back longer than the broker waits for its acknowledgement, so that it runs twice.

    ## What it does
    Reports, where the broker is known to be Redis or SQS, what lasts longer than its `visibility_timeout`
    (by default 3600 seconds on Redis, 1800 on SQS):

    - `countdown` and `eta` of dispatches, signatures, `set()` and `retry()`;
    - `default_retry_delay` of a task that retries, `countdown` in its `retry_kwargs`, and
      `retry_backoff_max` where the backoff gets that far within `max_retries`;
    - the `time_limit` of a task that acknowledges late.

    ## Why is this bad
    A worker takes a task with a `countdown` or an `eta` from the broker at once, and keeps it until it
    is due without acknowledging it. After the `visibility_timeout` the broker takes that worker for dead and
    gives the message to another one, and so on once more after that: each of them runs it when it is
    due. A task with `acks_late` that runs longer is given to another worker while it is still running.

    ## Example
    ```python
    send_reminder.apply_async((order.pk,), countdown=86400)
    ```

    ## Use instead
    A row that says when to send it, with a periodic task that looks for what is due; or a
    `visibility_timeout` above the longest wait:

    ```python
    app.conf.broker_transport_options = {"visibility_timeout": 172800}
    ```

    ## Silent when
    The broker, or what it is told, can't be read from the settings; another broker has the messages.
    Of a setting that comes from the environment, its default counts.

    ## References
    - [Celery: visibility timeout of Redis](https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html#visibility-timeout)
    - [Celery: ETA and countdown](https://docs.celeryq.dev/en/stable/userguide/calling.html#eta-and-countdown)
    """

    severity = Severity.WARNING

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        for schedule in schedules(file.hub, flow):
            stay = stay_of_schedule(schedule)
            if stay is not None:
                yield from self._report(stay, schedule.task, file)

    def check_task(self, task: Task, file: FileContext) -> Iterator[Finding]:
        for stay in stays_of_task(file.hub, task):
            yield from self._report(stay, task, file)

    def _report(self, stay: Stay, task: Task | None, file: FileContext) -> Iterator[Finding]:
        limit = patience(file.hub, task) if not file.is_test else None
        if limit is not None and stay.seconds > limit.seconds:
            related = (Related("the visibility timeout", limit.place),) if limit.place is not None else ()
            yield self.finding(file.place(stay.node), _message(stay, limit), related=related)


def _message(stay: Stay, limit: Patience) -> str:
    said = "" if limit.place is not None else ", the default"
    waits = f"{limit.broker} waits for an acknowledgement ({limit.seconds:g} s, `visibility_timeout`{said})"
    if stay.why == "late":
        return (
            f"a run of {stay.seconds:g} s, which `time_limit` allows, lasts longer than {waits}: "
            "with late acknowledgement another worker starts it as well"
        )
    who = f"`{stay.why}` holds" if stay.why not in ("retry_kwargs",) else "the `countdown` of `retry_kwargs` holds"
    least = "at least " if stay.why == "eta" else ""  # a naive one may be meant for any zone
    return (
        f"{who} the task back for {least}{stay.seconds:g} s, longer than {waits}: "
        "another worker gets it as well, and it runs twice"
    )
