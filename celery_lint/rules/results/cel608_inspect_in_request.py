"""CEL608."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext, related
from celery_lint.semantics.model import FunctionFlow
from celery_lint.semantics.results.inspections import inspections


class InspectInRequest(Rule):
    """A request asks all workers something, and waits for the answers.

    ## What it does
    Reports `app.control.inspect().active()`, `stats()`, `ping()` and the like, `app.control.ping()`,
    and other commands with `reply=True`, in code that runs for a request: views, API
    actions, middleware, signal handlers, and functions that these call.

    ## Why is this bad
    Celery does not know how many workers there are, and waits for the whole timeout, one second if
    none is given, even when all have answered. Each question costs the request that much. The
    broker carries a message to every worker and back for it, and a worker that is busy may answer too late.

    ## Example
    ```python
    def status(request):
        return JsonResponse({"workers": app.control.inspect().stats()})
    ```

    ## Use instead
    ```python
    @shared_task
    def look_at_workers():
        cache.set("workers", current_app.control.inspect().stats(), 120)

    def status(request):
        return JsonResponse({"workers": cache.get("workers")})
    ```
    with the task in the beat schedule. For what is known beforehand, `limit=` or `destination=` ends
    the waiting with the last answer.

    ## Silent when
    `limit` or `destination` is given; in commands, scripts, tasks and tests.

    ## References
    - [Celery: inspecting workers](https://docs.celeryq.dev/en/stable/userguide/workers.html#inspecting-workers)
    """

    severity = Severity.WARNING

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        if flow.function is None or file.is_test:
            return
        for found in inspections(flow):
            path = file.hub.roles.request_path(flow.function)
            if path is not None:
                unit = "second" if found.seconds in ("1", "1.0") else "seconds"
                text = file.text(found.call.node)
                message = (
                    f"`{text}` asks all workers and makes the request wait {found.seconds} {unit} for answers,"
                    " however soon they come"
                )
                yield self.finding(file.place(found.call.node), message, related=related(path))
