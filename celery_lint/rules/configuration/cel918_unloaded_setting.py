"""CEL918."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.configuration.unloaded import Unloaded, unloaded_settings
from celery_lint.semantics.context import FileContext


class UnloadedSetting(Rule):
    """A setting stands where the application does not read it.

    ## What it does
    Reports names of Celery's settings that no application loads from where they stand:
    `CELERY_TASK_TIME_LIMIT` where settings are read without a namespace or with another one,
    `TASK_TIME_LIMIT` in Django's settings where they are read with one, variables beside an
    application that is not told of them, and the settings of a Django project whose
    application has no `config_from_object`.

    ## Why is this bad
    Celery takes the defaults, and says nothing: no time limit, no schedule, a broker on
    `localhost`.

    ## Example
    ```python
    # settings.py
    CELERY_TASK_TIME_LIMIT = 60

    # celery.py
    app.config_from_object("django.conf:settings")
    ```

    ## Use instead
    ```python
    # celery.py
    app.config_from_object("django.conf:settings", namespace="CELERY")
    ```

    ## Silent when
    Code of the project reads the name, the setting is given elsewhere under a name that
    counts, no application is in sight, or it can't be told what an application loads. Of
    several settings that one repair lets in, the first is reported.

    ## References
    - [Celery: Django, first steps](https://docs.celeryq.dev/en/stable/django/first-steps-with-django.html)
    """

    severity = Severity.WARNING

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        if file.is_test:
            return
        for unloaded in unloaded_settings(file.hub, file.module):
            yield self.finding(file.place(unloaded.first.target), _message(unloaded))


def _message(unloaded: Unloaded) -> str:
    name = f"`{unloaded.first.name}`"
    verb = "is"
    if unloaded.others:
        name = f"{name} and {unloaded.others} other setting{'s' if unloaded.others > 1 else ''}"
        verb = "are"
    why = {
        "namespace missing": "the application reads Django's settings without a namespace",
        "prefix missing": f"the application reads Django's settings with a namespace, where it is `{unloaded.spelled}`",
        "prefix": f"nothing is read with the namespace `CELERY` here, where it is `{unloaded.spelled}`",
        "variable": "a variable beside the application is no setting of it",
        "nothing loaded": "the application does not load Django's settings",
    }[unloaded.reason]
    return f"{name} {verb} not read: {why}"
