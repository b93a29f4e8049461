"""CEL803."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Related, Severity
from celery_lint.rules.arguments.wording import difference, listed, parameters
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.dispatching.fitting import Mismatch, interface, misfit_of, mismatch
from celery_lint.semantics.model import Task
from celery_lint.semantics.schedules.arguments import arguments_of, no_sequence
from celery_lint.semantics.schedules.entries import is_rewritten, task_of
from celery_lint.semantics.schedules.written import Entry, entries


class ScheduleArgumentMismatch(Rule):
    """The arguments of a scheduled task do not fit its parameters.

    ## What it does
    Reports an entry of a schedule whose `args` and `kwargs` the task cannot take: one is
    missing, there are too many, a name is unknown, or a parameter is given twice; and `args`
    that are one value for want of a comma, such as `("north")`. Entries are those of
    `beat_schedule`, `add_periodic_task` and RedBeat, and rows of django-celery-beat.

    ## Why is this bad
    Where beat has imported the task, it logs `Couldn't apply scheduled task` each time that
    the entry is due, and goes on. Elsewhere each run fails with `TypeError` in the worker.
    Nobody waits for the result of a scheduled task, so that nobody sees it fail. Often the
    task was given a parameter, and the schedule was forgotten.

    ## Example
    ```python
    @shared_task
    def remind(days): ...

    app.conf.beat_schedule = {
        "remind": {"task": "shop.tasks.remind", "schedule": crontab(minute=0, hour=7)},
    }
    ```

    ## Use instead
    ```python
    @shared_task
    def remind(days): ...

    app.conf.beat_schedule = {
        "remind": {"task": "shop.tasks.remind", "schedule": crontab(minute=0, hour=7), "args": (3,)},
    }
    ```

    ## Silent when
    The task or its arguments can't be read; the task's base class or a decorator may change the
    arguments; a migration's row is changed elsewhere; the file belongs to the tests. What a
    signature has too many of is reported by CEL106.

    ## References
    - [Celery: available fields](https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#available-fields)
    """

    severity = Severity.ERROR

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        for entry in entries(file.hub, file.module) if not file.is_test else ():
            task = task_of(file.hub, entry)
            if task is None or (file.is_migration and is_rewritten(file.hub, entry)):
                continue
            part = no_sequence(file.hub, entry)
            if part is not None:
                text = part.module.source.segment(part.value)
                message = f"`{text}` is no sequence of arguments for `{task.name}`: a comma makes it one, `({text},)`"
                yield self.finding(file.place(part.value if entry.shows(part) else entry.node), message)
                continue
            found = _mismatch(entry, task, file)
            if found is not None:
                yield self._report(found, entry, task, file)

    def _report(self, found: Mismatch, entry: Entry, task: Task, file: FileContext) -> Finding:
        names = ("task",) if found.missing else ("kwargs", "args") if found.unknown else ("args", "kwargs")
        part = next((entry.parts[n] for n in (*names, "task") if n in entry.parts), None)
        definition = task.function.node if task.function is not None and task.cls is None else task.node
        place = FileContext(file.hub, task.module).heading(definition)
        row = place.span.start.row
        where = f"line {row}" if task.module is file.module else f"{place.filename}:{row}"
        message = f"the entry {difference(found, f'`{task.name}` ({where})')}: it fails each time that it is due"
        node = part.value if part is not None and entry.shows(part) else entry.node
        shown = Related(f"`{task.name}` takes {listed(parameters(found, task))}", place)
        return self.finding(file.place(node), message, related=(shown,))


def _mismatch(entry: Entry, task: Task, file: FileContext) -> Mismatch | None:
    given = arguments_of(file.hub, entry)
    taken = interface(file.hub, task)
    if given is None or taken is None:
        return None
    found = misfit_of(taken, given.positional, given.keywords)
    if found is None or (found.missing and not given.is_whole):
        return None
    is_said = given.signature is not None and mismatch(file.hub, given.signature) is not None
    return None if is_said else found
