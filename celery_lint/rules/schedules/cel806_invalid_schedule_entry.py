"""CEL806."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import Applicability, Finding, Fix, Related, Replace, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.inference.values import Collection, Constant
from celery_lint.semantics.model import FunctionFlow
from celery_lint.semantics.schedules.entries import FIELDS, OPTIONS, repeated, taken
from celery_lint.semantics.schedules.written import Entry, Part, entries, value_of


class InvalidScheduleEntry(Rule):
    """An entry of a schedule has fields that beat does not take, or lacks one.

    ## What it does
    Reports an entry with a field that the scheduler does not know, such as `expires` or `queue`
    outside `options`, or `arg`; without `task` or `schedule`; with a text or a collection for a
    schedule; and a call of `add_periodic_task` whose signature was added before, when neither
    has a name.

    ## Why is this bad
    Beat reads all entries when it starts. An unknown field is a `TypeError`, a text for a
    schedule an `AttributeError`: beat does not start, and no entry is sent. An entry without
    a schedule never comes round, one without a task sends a message that no worker can
    read. Entries without names are kept by their signatures: the second replaces the first.

    ## Example
    ```python
    app.conf.beat_schedule = {
        "poll": {"task": "shop.tasks.poll", "schedule": 60, "expires": 50},
    }
    ```

    ## Use instead
    ```python
    app.conf.beat_schedule = {
        "poll": {"task": "shop.tasks.poll", "schedule": 60, "options": {"expires": 50}},
    }
    ```

    ## Silent when
    The entry is not written out, or other code looks into the schedule and may change it; the
    scheduler is one of the project's own (`beat_scheduler`); the columns of django-celery-beat
    and RedBeat's `enabled` count as fields where these are used; the file belongs to the tests.

    ## Fix safety
    Safe: beat does not start with the entry as it is. A field that is but a typing error is
    renamed, a single option is put into `options` where there are none yet. The rest has no fix.

    ## References
    - [Celery: available fields](https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#available-fields)
    """

    severity = Severity.ERROR
    fixable = "safe"

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        for entry in entries(file.hub, file.module) if not file.is_test else ():
            known = taken(file.hub)
            if known is None or entry.way == "row":
                continue
            schedule = entry.parts.get("schedule")
            if schedule is not None and schedule.module is file.module:
                yield from self._check_schedule(schedule, file)
            if entry.way == "setting" and entry.is_whole:
                yield from self._check_fields(entry, known, file)

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        for first, second in repeated(flow) if not file.is_test else ():
            row = first.node.lineno
            message = (
                f"`{file.text(second.node)}` replaces the entry of line {row}:"
                " it has the same signature, and neither has a name"
            )
            shown = Related("the first entry", file.place(first.node))
            yield self.finding(file.place(second.node), message, related=(shown,))

    def _check_schedule(self, part: Part, file: FileContext) -> Iterator[Finding]:
        value = value_of(file.hub, part)
        is_text = isinstance(value, Constant) and isinstance(value.value, str)
        if is_text or (isinstance(value, Collection) and value.kind in ("dict", "list", "tuple", "set")):
            message = (
                f"`{file.text(part.value)}` is no schedule: beat takes a number of seconds, a `timedelta`"
                " or a `crontab`, and fails with AttributeError when it reads it"
            )
            yield self.finding(file.place(part.value), message)

    def _check_fields(self, entry: Entry, known: frozenset[str], file: FileContext) -> Iterator[Finding]:
        unknown = [name for name in entry.parts if name not in known]
        for name in unknown:
            part = entry.parts[name]
            is_option = name in OPTIONS
            where = "stands outside `options`" if is_option else "is no field of an entry"
            place = file.place(part.key if entry.shows(part) else entry.node)
            message = f"`{name}` {where}: beat fails with TypeError when it reads the schedule"
            yield self.finding(place, message, fix=_fix(entry, name, unknown, file))
        if not unknown:
            for name in ("task", "schedule"):
                if name not in entry.parts:
                    effect = (
                        "beat sends a message that no worker can read" if name == "task" else "it never comes round"
                    )
                    yield self.finding(file.place(entry.node), f"the entry has no `{name}`: {effect}")


def _fix(entry: Entry, name: str, unknown: list[str], file: FileContext) -> Fix | None:
    part = entry.parts[name]
    if not entry.shows(part) or not isinstance(part.key, ast.Constant):
        return None
    key = file.place(part.key)
    if name in OPTIONS:
        others = [other for other in unknown if other in OPTIONS]
        if "options" in entry.parts or len(others) > 1:
            return None
        changes = (Replace(key, '"options"'), Replace(file.place(part.value), f'{{"{name}": {{}}}}'))
        return Fix(Applicability.SAFE, f"Put `{name}` into `options`", changes)
    import difflib  # takes long to load, and is seldom needed

    for near in difflib.get_close_matches(name, sorted(FIELDS - entry.parts.keys()), 1, 0.8):
        renamed = Replace(key, f'"{near}"')
        return Fix(Applicability.SAFE, f"Call it `{near}`", (renamed,), uncovers=("CEL802", "CEL803", "CEL805"))
    return None
