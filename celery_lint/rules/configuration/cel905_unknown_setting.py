"""CEL905."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Applicability, Finding, Fix, Severity
from celery_lint.rules.base import Rule
from celery_lint.rules.configuration.repair import UNCOVERED, renamed_at
from celery_lint.semantics.configuration.mentions import mentions
from celery_lint.semantics.configuration.misspellings import Unknown, unknown_settings
from celery_lint.semantics.configuration.renames import is_given
from celery_lint.semantics.context import FileContext


class UnknownSetting(Rule):
    """A setting has a name that Celery does not read.

    ## What it does
    Reports names that are given to an application as settings, in Django's settings under
    the application's namespace, in what `config_from_object` names, and on `app.conf`, when
    no setting has such a name: it is misspelt, in the wrong case, of another family than
    it should be (`CELERY_CONCURRENCY`), gone since Celery 4, or made up in a family of
    Celery's own, such as `CELERY_TASK_MAX_RETRIES`.

    ## Why is this bad
    Celery ignores names that it does not know, and says nothing. The limit, the queue or
    the schedule is not in force, until somebody misses it.

    ## Example
    ```python
    # celery.py: app.config_from_object("django.conf:settings", namespace="CELERY")
    CELERY_TASK_SOFT_TIMELIMIT = 60
    ```

    ## Use instead
    ```python
    CELERY_TASK_SOFT_TIME_LIMIT = 60
    ```

    ## Silent when
    Code of the project reads the name, a known package beside Celery does, the project
    uses a newer Celery than the names are known of, or the name looks like none of Celery's.
    Old names are CEL906's.

    ## Fix safety
    Safe where the name differs from a setting's by case, underscores or a letter or two:
    the setting gets the value that was meant for it. There is no fix where that setting is
    given already, or where the name stands in other code too.

    ## References
    - [Celery: configuration](https://docs.celeryq.dev/en/stable/userguide/configuration.html)
    """

    severity = Severity.ERROR
    fixable = "safe"

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        for unknown in unknown_settings(file.hub, file.module):
            yield self.finding(file.place(unknown.reading.node), _message(unknown), fix=_fix(unknown, file))


def _message(unknown: Unknown) -> str:
    name = unknown.reading.name
    if unknown.is_gone:
        return f"`{name}` has no effect: Celery 4 has done away with this setting"
    if unknown.meant is None:
        return f"`{name}` has no effect: Celery has no such setting, and nothing in the project reads it"
    return f"`{name}` has no effect: Celery has no such setting, but `{unknown.meant}`"


def _fix(unknown: Unknown, file: FileContext) -> Fix | None:
    """The name of the setting that is meant."""
    name, meant = unknown.reading.name, unknown.meant
    if not unknown.is_typo or meant is None or unknown.new is None or is_given(file.hub, unknown.new, name):
        return None
    found = mentions(file.hub, name)
    if not found:
        return None
    changes = tuple(renamed_at(mention, meant) for mention in found)
    return Fix(Applicability.SAFE, f"Use `{meant}`", changes, uncovers=UNCOVERED)
