"""CEL917."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Related, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.definition.forks import SharedConnection, shared_connections


class ConnectionBeforeFork(Rule):
    """A connection is opened at import, and all processes of a worker share it.

    ## What it does
    Reports a module or class variable that holds an open connection (`psycopg2.connect(...)`,
    `smtplib.SMTP(host)`, `pymongo.MongoClient(...)`, `pika.BlockingConnection(...)`, `engine.connect()`, ...) where a
    task uses it, itself or through functions that it calls. The project's own functions and classes that
    open one are looked into.

    ## Why is this bad
    A prefork worker imports the tasks' modules, and then forks its processes. They all have the one socket that
    the import has opened. What one process asks, another may read the answer to: rows of another
    task's query, protocol errors, hangs, now and then and under load only. A client's
    threads do not exist in the forked processes at all.

    ## Example
    ```python
    connection = psycopg2.connect(DSN)


    @shared_task
    def charge(order_id):
        with connection.cursor() as cursor: ...
    ```

    ## Use instead
    ```python
    connection = None


    @worker_process_init.connect
    def connect(**kwargs):
        global connection
        connection = psycopg2.connect(DSN)
    ```
    or open it in the task, or when it is first used.

    ## Silent when
    The client connects when it is first used (redis, requests, SQLAlchemy's engines, boto3), or is told to
    (`connect=False`); a handler of `worker_process_init`, or a function that has the variable as
    `global`, opens it anew; only functions import its module, so that each process does so for itself;
    the variable holds what was read with a connection; the settings name another pool than prefork.

    ## References
    - [Celery: worker_process_init](https://docs.celeryq.dev/en/stable/userguide/signals.html#worker-process-init)
    - [psycopg: connections and forked processes](https://www.psycopg.org/docs/usage.html#thread-and-process-safety)
    - [PyMongo: forking](https://www.mongodb.com/docs/languages/python/pymongo-driver/current/connect/mongoclient/)
    """

    severity = Severity.WARNING

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        for found in shared_connections(file.hub, file.module):
            opening = found.opening
            if opening.module is file.module:
                yield self._report(found, file, file)
            elif opening.module.filename not in file.hub.candidates:
                # Nothing else is looked for in the file that opens it.
                yield self._report(found, file, FileContext(file.hub, opening.module))

    def _report(self, found: SharedConnection, file: FileContext, home: FileContext) -> Finding:
        opening = found.opening
        opened = home.place(opening.node)
        used = FileContext(file.hub, found.user.module).heading(found.user.node)
        related = [Related(f"`{found.user.qualname}` uses it", used)]
        if home is not file:
            related.insert(0, Related("it is opened here", opened))
        return self.finding(
            opened if home is file else file.place(found.task.report_node),
            f"`{opening.name}` is opened when the module is imported, before the worker forks:"
            f" all processes that run `{found.task.name}` share one connection",
            related=tuple(related),
        )
