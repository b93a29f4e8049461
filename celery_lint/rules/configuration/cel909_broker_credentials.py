"""CEL909."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.configuration.addresses import secrets
from celery_lint.semantics.context import FileContext


class BrokerCredentials(Rule):
    """The password of a broker or a result backend stands in the code.

    ## What it does
    Reports a password in the address of a broker or a result backend, in `broker_url`,
    `result_backend`, `Celery(broker=..., backend=...)`, also as the default of an
    environment variable.

    ## Why is this bad
    Who reads the code, now or in its history, can write messages that the workers run, and
    read those of everybody else. To change the password takes a release.

    ## Example
    ```python
    app = Celery("shop", broker="amqp://shop:tr0ub4dor@rabbit.example.com//")
    ```

    ## Use instead
    ```python
    app = Celery("shop", broker=os.environ["BROKER_URL"])
    ```

    ## Silent when
    The server is on the same machine (`guest:guest@localhost`), the account is RabbitMQ's
    default one in a container, the password is a placeholder or a value, or the file is
    named after tests, examples or development.

    ## References
    - [Celery: security, broker](https://docs.celeryq.dev/en/stable/userguide/security.html#broker)
    """

    severity = Severity.WARNING

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        if file.is_test:
            return
        for secret in secrets(file.hub, file.module):
            message = f"`{secret.name}` has the password for `{secret.host}` in the code: who reads it can send tasks"
            yield self.finding(file.place(secret.node), message)
