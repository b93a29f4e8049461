"""CEL308."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import Applicability, Finding, Fix, PutStatement, Severity, Side
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.exceptions.handlers import Catch, catches, is_mute
from celery_lint.semantics.exceptions.logged import guards_all, only_logs
from celery_lint.semantics.model import Task


class FailureReportedAsSuccess(Rule):
    """A task logs whatever goes wrong, and is stored as SUCCESS.

    ## What it does
    Reports a broad handler (`except:`, `except Exception`, `except BaseException`) around
    the whole body of a task that logs or prints the error, and does nothing else.

    ## Why is this bad
    The log has the error, and everybody else is told that all is well: the state is
    SUCCESS, no failure is counted, `autoretry_for` and `on_failure` see nothing, a chain
    goes on with the next step. Celery logs what leaves a task by itself, with the
    traceback, so that the handler does less than none would.

    ## Example
    ```python
    @shared_task
    def fetch(feed_id):
        try:
            download(feed_id)
        except Exception:
            logger.exception("cannot fetch feed %s", feed_id)
    ```

    ## Use instead
    ```python
    @shared_task
    def fetch(feed_id):
        try:
            download(feed_id)
        except Exception:
            logger.exception("cannot fetch feed %s", feed_id)
            raise
    ```

    ## Silent when
    The handler stores, reports or counts the failure, or returns something that tells of it;
    the `try` is but a part of the work, or stands in a loop. What does not even log is
    CEL301's.

    ## Fix safety
    Unsafe: the task fails where it used to succeed.

    ## References
    - [Celery: states](https://docs.celeryq.dev/en/stable/userguide/tasks.html#states)
    """

    severity = Severity.ADVICE
    fixable = "unsafe"

    def check_task(self, task: Task, file: FileContext) -> Iterator[Finding]:
        if task.function is None or task.function.module is not file.module:
            return
        for catch in catches(file.hub.flow(task.function)):
            if catch.body and catch.is_broad and guards_all(catch) and only_logs(catch):
                if any(not is_mute(call) for call in catch.guarded_calls):
                    message = f"`{task.name}` logs any error and returns: the run is stored as SUCCESS"
                    yield self.finding(catch.place, message, fix=_fix(catch, file))


def _fix(catch: Catch, file: FileContext) -> Fix:
    last = catch.body[-1]
    side = Side.INSTEAD if isinstance(last, (ast.Return, ast.Pass)) else Side.AFTER
    change = PutStatement(file.place(last), side, "raise")
    return Fix(Applicability.UNSAFE, "Raise it again", (change,))
