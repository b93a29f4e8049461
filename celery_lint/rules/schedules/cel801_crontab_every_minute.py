"""CEL801."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import AddArguments, Applicability, Finding, Fix, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.schedules.crontabs import Crontab, crontabs, runs_a_day
from celery_lint.semantics.schedules.entries import forgets_minute


class CrontabEveryMinute(Rule):
    """A crontab names an hour or a day, and runs in every minute of it.

    ## What it does
    Reports `crontab(...)` with an hour, a day or a month and without a minute.

    ## Why is this bad
    What is left out of a crontab is `*`, each one. `crontab(hour=3)` is no run at three
    but one in each minute from 3:00 to 3:59: 60 of them. `crontab(day_of_week=1)` runs
    1440 times each Monday. Nothing complains; the mails are sent sixty times.

    ## Example
    ```python
    app.conf.beat_schedule = {
        "remind": {"task": "shop.tasks.remind", "schedule": crontab(hour=3)},
    }
    ```

    ## Use instead
    ```python
    app.conf.beat_schedule = {
        "remind": {"task": "shop.tasks.remind", "schedule": crontab(hour=3, minute=0)},
    }
    ```

    ## Silent when
    Nothing is named, as in `crontab()`; the minute is given, by position as well, even as `"*"`;
    arguments are spread with `**`; the entry's name, the variable's, or a comment on the line
    speaks of minutes; the file belongs to the tests.

    ## Fix safety
    Safe where an hour is given: the run is at its beginning. Where only days or months are, the
    fix is unsafe and says midnight: another hour may be meant.

    ## References
    - [Celery: crontab schedules](https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#crontab-schedules)
    """

    severity = Severity.ERROR
    fixable = "safe"

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        for crontab in crontabs(file.hub, file.module) if not file.is_test else ():
            if forgets_minute(file.hub, crontab):
                yield self._report(crontab, file)

    def _report(self, crontab: Crontab, file: FileContext) -> Finding:
        place = file.place(crontab.node)
        runs = runs_a_day(crontab)
        how_often = f": {runs} times a day" if runs is not None else ""
        message = f"`{file.text(crontab.node)}` names no minute, and so runs in each one{how_often}"
        if "hour" in crontab.specs:
            change = AddArguments(place, (("minute", "0"),))
            return self.finding(place, message, fix=Fix(Applicability.SAFE, "Run at minute 0", (change,)))
        change = AddArguments(place, (("hour", "0"), ("minute", "0")))
        return self.finding(place, message, fix=Fix(Applicability.UNSAFE, "Run once, at midnight", (change,)))
