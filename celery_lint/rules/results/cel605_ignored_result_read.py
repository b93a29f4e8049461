"""CEL605."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext, related
from celery_lint.semantics.dispatching.inline import under_mode_test
from celery_lint.semantics.model import FunctionFlow, Step, Task
from celery_lint.semantics.results.stored import (
    NO_BACKEND,
    Read,
    backend,
    dropped_in_group,
    ignores_result,
    is_dropped_by_message,
    may_be_kept,
    reads,
)


class IgnoredResultRead(Rule):
    """A result is read that is never stored.

    ## What it does
    Reports `get()`, `ready()`, `state` and the like of the result of a task that ignores its
    result (`ignore_result=True`, of its own, of its base class or by `task_ignore_result`),
    of a group that has such a task, of a message sent with `ignore_result=True`, and of any
    task where the project has no result backend.

    ## Why is this bad
    A task that ignores its result stores neither the result nor the state. `get()` on what
    `delay()` gave returns None at once; on `AsyncResult(id)` and in a group it waits for ever.
    `ready()` stays False and `state` stays PENDING, so that a loop that polls them never ends.

    Without a result backend `get()` raises NotImplementedError, and `state` and `ready()`
    raise AttributeError.

    ## Example
    ```python
    @shared_task(ignore_result=True)
    def build_report(month): ...

    total = build_report.delay(month).get(timeout=10)
    ```

    ## Use instead
    ```python
    @shared_task
    def build_report(month): ...

    total = build_report.delay(month).get(timeout=10)
    ```
    with a `result_backend` in the settings.

    ## Silent when
    Some message of the task asks for the result (`apply_async(..., ignore_result=False)`,
    honoured from Celery 5.6 on); errors are stored all the same; the project writes states
    itself (`update_state`), for what only reads the state; settings may be there that can't be
    read; in tests; for `apply()`.

    ## References
    - [Celery: Task.ignore_result](https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.ignore_result)
    - [Celery: result backends](https://docs.celeryq.dev/en/stable/userguide/tasks.html#result-backends)
    """

    severity = Severity.ERROR

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        for read in () if file.is_test else reads(flow):
            call = flow.events.get(read.node)  # type: ignore[call-overload]
            if call is not None and under_mode_test(call):
                continue
            task = read.result.task
            dropped = dropped_in_group(file.hub, read, flow)
            if isinstance(task, Task) and ignores_result(file.hub, task) is True:
                if not self._may_be_there(read, task, file):
                    yield self._ignored(read, task, file)
            elif dropped is not None:
                yield self._ignored(read, dropped, file, "waits for ever" if read.is_waiting else None)
            elif is_dropped_by_message(file.hub, read, flow):
                outcome = _OUTCOMES.get(read.name, _NOTHING)
                message = f"`{file.text(read.node)}` {outcome}: the message says `ignore_result=True`"
                yield self.finding(file.place(read.node), message)
            elif backend(file.hub, task if isinstance(task, Task) else None) == NO_BACKEND:
                error = "NotImplementedError" if read.is_waiting else "AttributeError"
                message = f"`{file.text(read.node)}` raises {error}: no result backend is configured"
                yield self.finding(file.place(read.node), message)

    def _may_be_there(self, read: Read, task: Task, file: FileContext) -> bool:
        writes_states = not read.is_waiting and bool(file.hub.project.mentioning("update_state"))
        return writes_states or may_be_kept(file.hub, task)

    def _ignored(self, read: Read, task: Task, file: FileContext, outcome: str | None = None) -> Finding:
        what, name = f"`{file.text(read.node)}`", f"`{task.name}`"
        outcome = outcome or _OUTCOMES.get(read.name, _NOTHING)
        steps: tuple[Step, ...] = ()
        option = task.options.get("ignore_result")
        if option is not None and option.node is not None and option.module is not None:
            steps = (Step(option.module.source.place(option.node), f"{name} ignores its result"),)
        message = f"{what} {outcome}: {name} ignores its result"
        return self.finding(file.place(read.node), message, related=related(steps))


_NOTHING = "never gives what the task returns"
_OUTCOMES = {
    "ready": "stays False for ever",
    "successful": "stays False for ever",
    "failed": "stays False for ever",
    "state": "stays PENDING for ever",
    "status": "stays PENDING for ever",
}
