"""CEL604."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext, related
from celery_lint.semantics.dispatching.fitting import expects_error
from celery_lint.semantics.dispatching.inline import under_mode_test
from celery_lint.semantics.model import FunctionFlow, Task
from celery_lint.semantics.results.readiness import is_known_ready
from celery_lint.semantics.results.stored import ignores_result
from celery_lint.semantics.results.waits import (
    TaskPath,
    Wait,
    every_wait,
    limit,
    may_wait_in_tasks,
    path_from_task,
)

# A task that asks whether it was called as a function may wait there.
_BY_CALLERS = frozenset({"called_directly"})


class ResultWaitInTask(Rule):
    """A task waits for another task's result.

    ## What it does
    Reports `get()`, `wait()`, `join()` and `collect()` of an AsyncResult, a GroupResult or an
    EagerResult (`task.apply().get()`) in a task, and in functions that tasks call.

    ## Why is this bad
    Celery forbids it: the call raises `RuntimeError: Never call result.get() within a task!`
    at once, whether the result is there or not, and the task fails. The other task has been sent
    all the same. A broad `except` hides it, and so do tests: neither an eager task called
    by a test nor the worker of `celery.contrib.testing` checks.

    `disable_sync_subtasks=False` and `allow_join_result()` switch the check off, and then the
    task holds its worker until another has run the second task. When all workers wait like
    this, none is left to run what they wait for, and they wait for ever.

    ## Example
    ```python
    @shared_task
    def build_report(month):
        rows = fetch_rows.delay(month).get()
        write_report(month, rows)
    ```

    ## Use instead
    ```python
    @shared_task
    def build_report(rows, month):
        write_report(month, rows)

    chain(fetch_rows.s(month), build_report.s(month)).delay()
    ```
    A chord passes the results of a whole group on.

    ## Silent when
    The project's pool is gevent's or eventlet's, where waiting blocks nobody; a test around
    asks for a synchronous mode; the task asks whether it was called as a function; a
    `RuntimeError` is expected; the task waited for stores no result (CEL605). `ready()`,
    `state` and `result` do not wait.

    ## References
    - [Celery: avoid launching synchronous subtasks](https://docs.celeryq.dev/en/stable/userguide/tasks.html#avoid-launching-synchronous-subtasks)
    """

    severity = Severity.ERROR

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        if flow.function is None or file.is_test:
            return
        for wait in every_wait(file.hub, flow):
            path = path_from_task(file.hub, wait.call)
            if path is not None and not self._is_harmless(wait, path, file):
                yield self._report(wait, path, file)

    def _is_harmless(self, wait: Wait, path: TaskPath, file: FileContext) -> bool:
        hub, task = file.hub, wait.result.task
        if path.task.mentions(_BY_CALLERS):
            return True
        if may_wait_in_tasks(hub) or under_mode_test(wait.call) or expects_error(wait.call, "RuntimeError"):
            return True
        if isinstance(task, Task) and not wait.result.eager and ignores_result(hub, task) is not False:
            return True
        return path.is_allowed and (wait.result.eager or is_known_ready(hub, wait.call))

    def _report(self, wait: Wait, path: TaskPath, file: FileContext) -> Finding:
        text, waiting = file.text(wait.call.node), f"`{path.task.qualname}`"
        awaited = f"`{wait.result.task.name}`" if isinstance(wait.result.task, Task) else "another task"
        if path.is_allowed:
            most = limit(wait)
            until = "until" if most is None else f"up to {file.text(most)} seconds until"
            message = (
                f"`{text}` lets {waiting} hold its worker {until} {awaited} has run:"
                " when all workers wait like this, none is left to run it"
            )
            severity = Severity.WARNING
        else:
            where = f"in the task {waiting}" if not path.steps else f"when the task {waiting} comes here"
            is_sent = isinstance(wait.result.task, Task) and not wait.result.eager
            way_out = "; a chain hands it to the task that goes on with it" if is_sent else ""
            message = f"`{text}` raises RuntimeError {where}: Celery lets no task wait for a result{way_out}"
            severity = Severity.ERROR
        place = file.place(wait.call.node)
        return self.finding(place, message, related=related((*wait.steps, *path.steps)), severity=severity)
