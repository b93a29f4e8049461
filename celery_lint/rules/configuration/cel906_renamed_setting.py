"""CEL906."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Applicability, Change, Finding, Fix, Severity
from celery_lint.rules.base import Rule
from celery_lint.rules.configuration.repair import UNCOVERED, renamed_at
from celery_lint.semantics.configuration.mentions import mentions
from celery_lint.semantics.configuration.readings import READS_OLD_NAMES
from celery_lint.semantics.configuration.renames import Renamed, renamed_settings, together
from celery_lint.semantics.context import FileContext


class RenamedSetting(Rule):
    """A setting has its name from before Celery 4.

    ## What it does
    Reports settings that an application reads, or should, under their old names alone:
    `CELERYD_TASK_TIME_LIMIT`, `CELERY_ALWAYS_EAGER`, `CELERYBEAT_SCHEDULE`, `BROKER_URL`,
    in Django's settings, in what `config_from_object` names, and on `app.conf`.

    ## Why is this bad
    With `config_from_object(..., namespace="CELERY")`, Celery before 5.7 does not read old
    names at all: the time limit, the schedule, the broker are not those of the settings,
    and nothing tells, but a warning about deprecated names when a worker starts. Celery 5.7
    reads them again. Without a namespace every version reads them, and Celery 6 will not.

    ## Example
    ```python
    # celery.py: app.config_from_object("django.conf:settings", namespace="CELERY")
    CELERYD_TASK_TIME_LIMIT = 60
    CELERYBEAT_SCHEDULE = {}
    ```

    ## Use instead
    ```python
    CELERY_TASK_TIME_LIMIT = 60
    CELERY_BEAT_SCHEDULE = {}
    ```

    ## Silent when
    The name is today's as well (`CELERY_RESULT_BACKEND` with the namespace `CELERY`), the
    setting is given under today's name too, other code of the project reads the name, the
    project allows Celery 3, or it can't be told which application reads the place. Old
    names among new ones are CEL907's.

    ## Severity
    An error where the project's oldest Celery does not read the name, otherwise a warning.

    ## Fix safety
    Safe: the name changes wherever it stands, and a setting gets the value that was meant
    for it. Without a namespace all old names of one place are renamed at once, as Celery
    refuses a mixture. There is no fix where something else may read the name, and none in
    Django's settings without a namespace: today's names need one there.

    ## References
    - [Celery: new lowercase settings](https://docs.celeryq.dev/en/stable/userguide/configuration.html#new-lowercase-settings)
    """

    severity = Severity.WARNING
    fixable = "safe"

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        version = file.hub.settings.celery_version
        for renamed in renamed_settings(file.hub, file.module):
            reading = renamed.reading
            is_dead = renamed.is_dead and (version is None or version < READS_OLD_NAMES)
            if is_dead:
                message = (
                    f"Celery before 5.7 does not read `{reading.name}` with the namespace `{reading.namespace}`: "
                    f"there it is `{renamed.spelled}`"
                )
            else:
                message = (
                    f"`{reading.name}` is the name of `{renamed.new}` from before Celery 4: Celery 6 will not read it"
                )
            severity = Severity.ERROR if is_dead and version is not None else None
            yield self.finding(file.place(reading.node), message, severity=severity, fix=_fix(renamed, file))


def _fix(renamed: Renamed, file: FileContext) -> Fix | None:
    """Today's name, wherever the old one stands."""
    others = together(file.hub, renamed)
    changes: list[Change] = []
    for one in others or ():
        found = mentions(file.hub, one.reading.name)
        if found is None:
            return None
        changes += [renamed_at(mention, one.spelled) for mention in found]
    if not changes:
        return None
    what = f"`{renamed.spelled}`" if len(others or ()) == 1 else "today's names"
    return Fix(Applicability.SAFE, f"Use {what}", tuple(dict.fromkeys(changes)), uncovers=UNCOVERED)
