"""CEL407."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.inference.values import External
from celery_lint.semantics.retries.reruns import last_name, members
from celery_lint.semantics.retries.retry_options import AUTORETRY_FOR, is_narrowed, stated

_EVERY = External("builtins.Exception")
_ALL = External("builtins.BaseException")


class OverbroadAutoretry(Rule):
    """`autoretry_for` retries whatever goes wrong.

    ## What it does
    Reports `autoretry_for` with `Exception` or `BaseException` in it, and no
    `dont_autoretry_for`, in a task's options or in its base class.

    ## Why is this bad
    A retry cures what passes by itself: a broken connection, a busy server. A `TypeError`
    comes back each time, runs everything before it again, and is known as a failure only
    after the last retry. Among the exceptions that Celery retries then are `Reject`, which
    was to take the message out of the queue, and `SoftTimeLimitExceeded`: a run that is too
    slow is run again. With `BaseException`, the end of the process is retried as well
    (`SystemExit`), and the task fails for good with an error about that.

    ## Example
    ```python
    @shared_task(autoretry_for=(Exception,), retry_backoff=True)
    def reserve(order_id):
        warehouse.reserve(order_id)
    ```

    ## Use instead
    ```python
    @shared_task(autoretry_for=(ConnectionError, TimeoutError), retry_backoff=True)
    def reserve(order_id):
        warehouse.reserve(order_id)
    ```
    or, on Celery 5.1 and newer, name what no retry can cure:
    ```python
    @shared_task(
        autoretry_for=(Exception,),
        dont_autoretry_for=(TypeError, ValueError, Reject, SoftTimeLimitExceeded),
        retry_backoff=True,
    )
    def reserve(order_id):
        warehouse.reserve(order_id)
    ```

    ## References
    - [Celery: automatic retry](https://docs.celeryq.dev/en/stable/userguide/tasks.html#automatic-retry-for-known-exceptions)
    """

    severity = Severity.ADVICE

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        for one in stated(file.hub, file.module, AUTORETRY_FOR):
            named = [cls for cls in members(one.option.value) if cls in (_EVERY, _ALL)]
            if not named or is_narrowed(file.hub, one):
                continue
            broadest = _ALL if _ALL in named else _EVERY
            what = "the end of the process too" if broadest == _ALL else "defects in the code, and the soft time limit"
            message = f"`{one.owner}` is retried on `{last_name(broadest)}`: on {what}, which no retry cures"
            severity = Severity.WARNING if broadest == _ALL else None
            yield self.finding(file.place(one.node), message, severity=severity)
