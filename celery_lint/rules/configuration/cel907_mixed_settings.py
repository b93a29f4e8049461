"""CEL907."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Related, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.configuration.mixtures import mixtures
from celery_lint.semantics.context import FileContext


class MixedSettings(Rule):
    """Old and new names of settings stand together.

    ## What it does
    Reports settings under their names from before Celery 4 beside others under today's, in
    what an application reads without a namespace: the module, class or dictionary that
    `config_from_object` names, or what is set on `app.conf` where it names none.

    ## Why is this bad
    Celery reads either all old names or all new ones. When it finds both, it raises
    `ImproperlyConfigured: Cannot mix new setting names with old setting names`: not where
    the application is made, but as soon as anything looks at its settings, in the worker
    and wherever a task is sent.

    ## Example
    ```python
    broker_url = "redis://localhost"
    task_time_limit = 60
    CELERY_RESULT_BACKEND = "redis://localhost"
    ```

    ## Use instead
    ```python
    broker_url = "redis://localhost"
    task_time_limit = 60
    result_backend = "redis://localhost"
    ```

    ## Silent when
    There is a namespace, the same setting is given under both names, a name is set under a
    condition, or settings of `app.conf` may have been read before.

    ## References
    - [Celery: new lowercase settings](https://docs.celeryq.dev/en/stable/userguide/configuration.html#new-lowercase-settings)
    """

    severity = Severity.ERROR

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        for mixture in mixtures(file.hub, file.module):
            odd, other = mixture.odd, mixture.other
            message = (
                f"`{odd.name}` beside `{other.name}`: Celery refuses to read old and new names together "
                f"(ImproperlyConfigured), rename it to `{mixture.to}`"
            )
            place = other.module.source.place(other.node)
            yield self.finding(file.place(odd.node), message, related=(Related("a name of the other kind", place),))
