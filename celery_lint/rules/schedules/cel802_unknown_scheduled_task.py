"""CEL802."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.dispatching.tasknames import missing
from celery_lint.semantics.schedules.entries import is_rewritten, name_of
from celery_lint.semantics.schedules.written import entries


class UnknownScheduledTask(Rule):
    """Beat is told to send a task that does not exist.

    ## What it does
    Reports an entry of a schedule whose `task` names none of the project's tasks, though the
    name lies in one of the project's packages, or is a task's name but for a part of it.
    Entries are those of `beat_schedule` under any name and in any form, of `add_periodic_task`
    and RedBeat, and rows of django-celery-beat's `PeriodicTask`.

    ## Why is this bad
    Beat knows names only, and sends whatever it is told to. The worker logs `Received
    unregistered task`, throws the message away, and the job is never done. Nothing fails
    when the program starts or in its tests. Mostly a task was renamed, moved to another
    module or given a `name=`, its decorator was forgotten, or the name is only its module's.

    ## Example
    ```python
    @shared_task(name="reports.digest")
    def send_digest(): ...

    app.conf.beat_schedule = {
        "digest": {"task": "shop.tasks.send_digest", "schedule": crontab(minute=0, hour=7)},
    }
    ```

    ## Use instead
    ```python
    @shared_task(name="reports.digest")
    def send_digest(): ...

    app.conf.beat_schedule = {
        "digest": {"task": "reports.digest", "schedule": crontab(minute=0, hour=7)},
    }
    ```

    ## Silent when
    The name belongs to another package or service; the application makes names itself
    (`gen_task_name`); some task's name is made when the program runs and may be this one;
    a migration's row is renamed or deleted elsewhere; the file belongs to the tests.

    ## References
    - [Celery: entries](https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#entries)
    - [Celery: automatic naming](https://docs.celeryq.dev/en/stable/userguide/tasks.html#names)
    """

    severity = Severity.ERROR

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        for entry in entries(file.hub, file.module) if not file.is_test else ():
            name = name_of(file.hub, entry)
            found = missing(file.hub, name, file.module) if name is not None else None
            if name is None or found is None or (file.is_migration and is_rewritten(file.hub, entry)):
                continue
            part = entry.parts["task"]
            message = f"beat sends `{name}`, which no worker knows: {found.reason}{found.hint}"
            yield self.finding(file.place(part.value if entry.shows(part) else entry.node), message)
