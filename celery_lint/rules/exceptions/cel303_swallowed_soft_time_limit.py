"""CEL303."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import Applicability, Finding, Fix, Import, ReraiseFirst, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext, related
from celery_lint.semantics.exceptions.handlers import Catch
from celery_lint.semantics.model import Step, Task
from celery_lint.semantics.time.interruption import soft_limit, swallowing

_OUTCOMES = {
    "loop": "the loop goes on past the limit",
    "retry": "the run that was too long is sent again",
    "work": "the task goes on past the limit",
}


class SwallowedSoftTimeLimit(Rule):
    """A broad handler catches the soft time limit, and the task goes on.

    ## What it does
    Reports `except:`, `except Exception`, `except BaseException` and
    `contextlib.suppress(Exception)` in a task with a soft time limit (its own, its base
    class's or the settings') when the task goes on afterwards: with the next turn of a
    loop, with further work that may take long, or by retrying. A handler that ends the
    run, or an earlier `except SoftTimeLimitExceeded`, is silent.

    ## Why is this bad
    `SoftTimeLimitExceeded` is a plain `Exception`, and it is raised once. The handler
    takes it for a failure of whatever call it happened to hit, and the run goes on until
    the hard limit kills it in the middle of its work, or for ever where there is none.
    Only the prefork pool has soft limits: projects that set another pool are silent.

    ## Example
    ```python
    @shared_task(soft_time_limit=60, time_limit=90)
    def crawl_all(urls):
        for url in urls:
            try:
                crawl(url)
            except Exception:
                logger.exception("cannot crawl %s", url)
    ```

    ## Use instead
    ```python
    @shared_task(soft_time_limit=60, time_limit=90)
    def crawl_all(urls):
        for url in urls:
            try:
                crawl(url)
            except SoftTimeLimitExceeded:
                raise
            except Exception:
                logger.exception("cannot crawl %s", url)
    ```

    ## Fix safety
    Safe: the new first handler lets through the limit alone, which is what it is for.

    ## References
    - [Celery: time limits](https://docs.celeryq.dev/en/stable/userguide/workers.html#time-limits)
    """

    severity = Severity.WARNING
    fixable = "safe"

    def check_task(self, task: Task, file: FileContext) -> Iterator[Finding]:
        hub = file.hub
        if task.function is None or task.function.module is not file.module:
            return
        limit: Step | None = None
        for catch, how in swallowing(hub, task):
            limit = limit or soft_limit(hub, task)
            if limit is None:
                return
            yield self._report(task, catch, _OUTCOMES[how], limit, file)

    def _report(self, task: Task, catch: Catch, outcome: str, limit: Step, file: FileContext) -> Finding:
        message = f"this catches `SoftTimeLimitExceeded` in `{task.name}` as well: {outcome}"
        fix = None
        if catch.body and isinstance(catch.statement, ast.Try):  # what `except*` raises is a group
            change = ReraiseFirst(file.place(catch.statement), (Import("celery.exceptions", "SoftTimeLimitExceeded"),))
            fix = Fix(Applicability.SAFE, "Let SoftTimeLimitExceeded through first", (change,))
        return self.finding(catch.place, message, related=related([limit]), fix=fix)
