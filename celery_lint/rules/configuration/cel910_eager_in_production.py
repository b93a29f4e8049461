"""CEL910."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.configuration.eagerness import eager_in_production
from celery_lint.semantics.context import FileContext


class EagerInProduction(Rule):
    """Every task runs in the process that sends it, in production too.

    ## What it does
    Reports `task_always_eager = True` where the machines that serve read it: in the
    project's only settings, in those named after production and what they import, in
    `celeryconfig.py`, or on `app.conf` where the application is made.

    ## Why is this bad
    No message is sent. The request, or whatever else sends the task, does all of its work
    itself and waits for it. Countdowns, expiry and time limits are ignored, retries follow
    each other at once, and no result is stored. Workers stand by idle.

    ## Example
    ```python
    # settings/production.py
    CELERY_TASK_ALWAYS_EAGER = True
    ```

    ## Use instead
    ```python
    # settings/test.py
    CELERY_TASK_ALWAYS_EAGER = True
    ```

    ## Silent when
    The value is not a plain `True`, the place is under a condition, another place gives the
    setting another value, the file or class is named after tests, development or somebody's
    own machine, or settings end with the import of a module that is not in the project,
    such as `local_settings`.

    ## References
    - [Celery: task_always_eager](https://docs.celeryq.dev/en/stable/userguide/configuration.html#task-always-eager)
    """

    severity = Severity.ERROR

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        if file.is_test:
            return
        for reading in eager_in_production(file.hub, file.module):
            message = (
                f"`{reading.name}` is on outside tests: every task runs in the process that sends it, "
                f"which waits for it, and workers get nothing"
            )
            yield self.finding(file.place(reading.node), message)
