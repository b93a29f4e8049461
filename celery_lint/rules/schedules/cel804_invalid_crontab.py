"""CEL804."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.configuration.settings import function_around
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.schedules.crontabs import crontabs, fault, is_guarded


class InvalidCrontab(Rule):
    """A crontab that Celery refuses, or that does not mean what it says.

    ## What it does
    Reports `crontab(...)` and `crontab.from_string(...)` with a field out of range
    (`day_of_week=7`: Sunday is 0), a text that is no crontab pattern, a value of the wrong
    type, an argument that `crontab` does not have (`minutes=30`), a day that none of the
    months has, a step longer than what it steps through (`*/90`), and a whole cron line in
    one field, of which Celery reads the beginning only.

    ## Why is this bad
    A crontab is checked when it is made. Mostly that is the import of the settings or of
    the application: web processes, workers and beat do not start. Celery before 5.7 takes
    the 31st of February, and then beat fails with `RuntimeError: unable to rollover`. A
    step that never steps runs at the first value only: `minute="*/90"` each full hour.

    ## Example
    ```python
    app.conf.beat_schedule = {
        "tidy": {"task": "shop.tasks.tidy", "schedule": crontab(minute=0, hour=4, day_of_week=7)},
    }
    ```

    ## Use instead
    ```python
    app.conf.beat_schedule = {
        "tidy": {"task": "shop.tasks.tidy", "schedule": crontab(minute=0, hour=4, day_of_week=0)},
    }
    ```

    ## Silent when
    A field can't be read, or is only one of several values; the step is exactly as long as
    the field (`*/60`), which does what it says; the code around expects the error; the file
    belongs to the tests.

    ## References
    - [Celery: crontab schedules](https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#crontab-schedules)
    """

    severity = Severity.ERROR

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        for crontab in crontabs(file.hub, file.module) if not file.is_test else ():
            found = fault(crontab)
            if found is None or is_guarded(crontab):
                continue
            outcome = {
                "raises": f"it raises an error {_when(crontab.node, file)}",
                "never comes": "Celery 5.7 refuses it, and before beat fails when it looks for the next run",
                "never steps": "it stands for the first of them only",
                "drops": "Celery drops it in silence",
            }[found.outcome]
            message = f"`{file.text(crontab.node)}`: {found.reason}: {outcome}"
            yield self.finding(file.place(crontab.node), message)


def _when(node: ast.expr, file: FileContext) -> str:
    is_inside = function_around(node, file.module) is not None
    return "when the line runs" if is_inside else "when the module is imported"
