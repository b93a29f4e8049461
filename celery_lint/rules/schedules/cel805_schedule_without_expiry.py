"""CEL805."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import AddArguments, AddItems, Applicability, Change, Finding, Fix, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.schedules.entries import is_stored, may_expire
from celery_lint.semantics.schedules.intervals import interval
from celery_lint.semantics.schedules.written import Entry, entries

HOUR = 3600


class ScheduleWithoutExpiry(Rule):
    """A task that beat sends often is never thrown away, however late it is.

    ## What it does
    Reports an entry that is due once an hour or more often, and whose messages do not expire:
    neither the entry's `options` nor the task has `expires`.

    ## Why is this bad
    Beat sends at its times whether a worker is there or not. While workers are down or behind,
    the messages pile up: after a night there are hundreds of them, and once the workers are
    back they run one after the other, each doing what the one before has done a second ago,
    and hold up everything else in the queue.

    ## Example
    ```python
    app.conf.beat_schedule = {
        "poll": {"task": "shop.tasks.poll", "schedule": 60},
    }
    ```

    ## Use instead
    ```python
    app.conf.beat_schedule = {
        "poll": {"task": "shop.tasks.poll", "schedule": 60, "options": {"expires": 60}},
    }
    ```

    ## Silent when
    The interval, the options or the task can't be read; a crontab forgets the minute (CEL801), so that
    the interval is not what was meant; queues have a `x-message-ttl`; the file belongs to the tests.

    ## Fix safety
    Unsafe: a run that waits longer than until the next one is due is left out then. There is no
    fix with a scheduler of another package, which may take expiry by another name, and where
    the interval comes from the environment.

    ## References
    - [Celery: expiration](https://docs.celeryq.dev/en/stable/userguide/calling.html#expiration)
    - [Celery: available fields](https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#available-fields)
    """

    severity = Severity.ADVICE
    fixable = "unsafe"

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        for entry in entries(file.hub, file.module) if not file.is_test else ():
            if entry.way not in ("setting", "call") or may_expire(file.hub, entry):
                continue
            every = interval(file.hub, entry)
            if every is None or not 0 < every.seconds <= HOUR:
                continue
            task = file.text(entry.parts["task"].value) if entry.shows(entry.parts["task"]) else "the task"
            every_so_often = f"every {every.seconds:g} s" + ("" if every.is_sure else " by default")
            message = f"`{task}` is sent {every_so_often} and never expires: while no worker is there, runs pile up"
            has_fix = every.is_sure and not is_stored(file.hub)
            fix = _fix(entry, every.seconds, file) if has_fix else None
            yield self.finding(file.place(entry.node), message, fix=fix)


def _fix(entry: Entry, seconds: float, file: FileContext) -> Fix | None:
    place = file.place(entry.node)
    expires = ("expires", f"{seconds:g}")
    options = entry.parts.get("options")
    change: Change
    if entry.way == "call":
        change = AddArguments(place, (expires,))
    elif options is None:
        item = ("options", f'{{"expires": {seconds:g}}}')
        change = AddItems(place, (item,)) if isinstance(entry.node, ast.Dict) else AddArguments(place, (item,))
    elif isinstance(options.value, ast.Dict) and entry.shows(options):
        change = AddItems(file.place(options.value), (expires,))
    else:
        return None
    return Fix(Applicability.UNSAFE, f"Let it expire after {seconds:g} s", (change,))
