"""CEL301."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import Applicability, Finding, Fix, PutStatement, Severity, Side
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.exceptions.handlers import Catch, catches, is_mute, leaves_trace, logger_name
from celery_lint.semantics.model import Task


class SwallowedException(Rule):
    """A task catches every exception and drops it.

    ## What it does
    Reports `except:`, `except Exception`, `except BaseException` (alone or in a tuple) and
    `contextlib.suppress(Exception)` in a task, when nothing is done with the failure: it
    is not raised, retried, logged, reported, stored, counted or handed on. Handlers of
    narrower exceptions are a decision, and so is a `try` around mere cleaning up.

    ## Why is this bad
    Celery knows of a failure only by an exception that leaves the task. Without one the
    run is stored as SUCCESS: there is no retry (`autoretry_for` sees nothing), no log line,
    no failure event, and a chain goes on with the next step. The bug that causes it stays
    unknown until somebody misses the work.

    ## Example
    ```python
    @shared_task
    def fetch(feed_id):
        try:
            download(feed_id)
        except Exception:
            pass
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
    or name the exceptions that may be ignored: `except FeedGone: pass`.

    ## Fix safety
    Unsafe: the task fails where it used to succeed. In a loop the failure is logged and
    the loop goes on.

    ## References
    - [Celery: states](https://docs.celeryq.dev/en/stable/userguide/tasks.html#states)
    """

    severity = Severity.WARNING
    fixable = "unsafe"

    def check_task(self, task: Task, file: FileContext) -> Iterator[Finding]:
        if task.function is None or task.function.module is not file.module:
            return
        for flow in file.hub.calls.flows_within(task.function):
            for catch in catches(flow):
                work = next((c for c in catch.guarded_calls if not is_mute(c)), None)
                # Inside a handler or a `finally` the outcome is decided already.
                if not catch.is_broad or work is None or catch.around.find("handler", "finally"):
                    continue
                if not leaves_trace(catch):
                    yield self._report(task, catch, work.node, file)

    def _report(self, task: Task, catch: Catch, work: ast.Call, file: FileContext) -> Finding:
        what = file.text(work, 40)
        if catch.around.find("loop"):
            message = f"`{task.name}` drops any error of `{what}` and goes on: nobody learns of what was left out"
        else:
            message = f"`{task.name}` drops any error of `{what}`: the run is stored as SUCCESS, nothing is logged"
        return self.finding(catch.place, message, fix=_fix(task, catch, file))


def _fix(task: Task, catch: Catch, file: FileContext) -> Fix | None:
    """Log the failure where the module has a logger, and raise it again outside of loops."""
    if not catch.body:
        return None
    logger = logger_name(file.hub, file.module, catch.flow.function)
    lines = [f'{logger}.exception("{task.name} failed")'] if logger is not None else []
    last = catch.body[-1]
    ends = isinstance(last, (ast.Pass, ast.Return, ast.Continue, ast.Break)) or _is_ellipsis(last)
    if catch.around.find("loop"):
        if not lines:
            return None
        side = (
            Side.BEFORE
            if isinstance(last, (ast.Return, ast.Continue, ast.Break))
            else Side.INSTEAD
            if ends
            else Side.AFTER
        )
    else:
        lines.append("raise")
        side = Side.INSTEAD if ends else Side.AFTER
    message = (
        "Log the failure and raise it again"
        if len(lines) == 2
        else "Raise it again"
        if lines == ["raise"]
        else "Log the failure"
    )
    return Fix(Applicability.UNSAFE, message, (PutStatement(file.place(last), side, "\n".join(lines)),))


def _is_ellipsis(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value.value is ...
