"""CEL603."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext, related
from celery_lint.semantics.model import FunctionFlow, Task
from celery_lint.semantics.results.waits import limit, waits


class ResultWaitInRequest(Rule):
    """A request waits for a task's result.

    ## What it does
    Reports `get()`, `wait()`, `join()` and `collect()` of an AsyncResult or GroupResult in
    code that runs for a request: views, API actions, consumers, middleware, signal handlers,
    and functions that these call.

    ## Why is this bad
    The task was queued so that the request need not wait, and then the request waits: for a
    free worker and for the task. When all workers are busy, all web processes are soon
    waiting, and the site stands still. Without a timeout it waits for ever if the message
    is lost; with no result backend it raises NotImplementedError.

    ## Example
    ```python
    def show(request):
        return JsonResponse(make_report.delay(request.user.pk).get(timeout=30))
    ```

    ## Use instead
    Answer with the task's id, and let the client ask for it:
    ```python
    def show(request):
        return JsonResponse({"task": make_report.delay(request.user.pk).id}, status=202)

    def state(request, task_id):
        result = AsyncResult(task_id)
        return JsonResponse({"state": result.state, "report": result.result})
    ```

    ## Silent when
    A test has asked whether the result is there (`ready()`, `state`, `successful()`), itself or
    through a variable or a function; in commands and scripts, and in handlers of the signals
    that a worker sends; where tasks are eager; for `apply()`, which has run the task already (CEL601).

    ## References
    - [Celery: avoid launching synchronous subtasks](https://docs.celeryq.dev/en/stable/userguide/tasks.html#avoid-launching-synchronous-subtasks)
    """

    severity = Severity.WARNING

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        if flow.function is None or file.is_test:
            return
        for wait in waits(file.hub, flow):
            path = file.hub.roles.request_path(flow.function)
            if path is None:
                continue
            call = wait.call
            task = f"`{wait.result.task.name}`" if isinstance(wait.result.task, Task) else "the task"
            most = limit(wait)
            how_long = f"up to {file.text(most)} seconds" if most is not None else "without a limit"
            message = f"`{file.text(call.node)}` makes the request wait {how_long} until a worker has run {task}"
            yield self.finding(file.place(call.node), message, related=related((*wait.steps, *path)))
