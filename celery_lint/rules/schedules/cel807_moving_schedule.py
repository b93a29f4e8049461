"""CEL807."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext, related
from celery_lint.semantics.model import Step
from celery_lint.semantics.schedules.crontabs import crontabs
from celery_lint.semantics.schedules.entries import is_scheduled
from celery_lint.semantics.schedules.moving import moving_part


class MovingSchedule(Rule):
    """A crontab is another one each time that beat starts.

    ## What it does
    Reports a crontab in a schedule, a field of which is random or comes from the clock:
    `random.randint(0, 59)`, `datetime.now().hour`, `uuid4()`, `hash("text")`, also by way of a
    variable or a function.

    ## Why is this bad
    The field is set when the settings are imported, and so anew at each start of beat.
    After a start at noon, a run that was due at 3:10 may be due at 3:50, and never come, or
    come twice: beat stores when an entry has run last and compares it with a time that was
    never meant. With a deployment a day, a daily job may be left out for days.

    ## Example
    ```python
    import random

    app.conf.beat_schedule = {
        "tidy": {"task": "shop.tasks.tidy", "schedule": crontab(minute=random.randint(0, 59), hour=3)},
    }
    ```

    ## Use instead
    ```python
    import zlib

    app.conf.beat_schedule = {
        "tidy": {"task": "shop.tasks.tidy", "schedule": crontab(minute=zlib.crc32(b"tidy") % 60, hour=3)},
    }
    ```
    Or take it from a generator with a seed, `random.Random(SECRET_KEY)`.

    ## Silent when
    The generator is seeded; the crontab is made for one occasion in a function and kept elsewhere,
    such as an entry of RedBeat or a row of django-celery-beat; the file belongs to the tests.

    ## References
    - [Celery: starting the scheduler](https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#starting-the-scheduler)
    """

    severity = Severity.WARNING

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        for crontab in crontabs(file.hub, file.module) if not file.is_test else ():
            for name, spec in crontab.specs.items():
                found = moving_part(file.hub, spec.node, file.module)
                if found is None or not is_scheduled(file.hub, crontab.node, file.module):
                    continue
                node, module = found
                text = module.source.segment(node)
                message = (
                    f"the {name.replace('_', ' ')} of `{file.text(crontab.node)}` is `{text}`, another one at each"
                    " start of beat: a run may be left out, or come twice"
                )
                step = Step(module.source.place(node), "the value is made here")
                yield self.finding(file.place(crontab.node), message, related=related((step,)))
                break
