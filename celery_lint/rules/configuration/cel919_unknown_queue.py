"""CEL919."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.configuration.queues import declared_queues, is_rate, queues_in_settings, rates_in_settings
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.dispatching.sendoptions import options_of_set
from celery_lint.semantics.model import Dispatch, FunctionFlow, Task


class UnknownQueue(Rule):
    """A task goes to a queue that is not declared, or its rate limit can't be read.

    ## What it does
    Reports the queue of a task, a dispatch, a route or a schedule that is not among the
    queues of `task_queues`, and a `rate_limit` in a form that Celery does not know.

    ## Why is this bad
    Workers consume the queues that are declared. A message for another name goes into a
    queue that is made for it, and waits there until somebody starts a worker with `-Q`.
    With a rate limit such as `"10/min"` no worker starts at all.

    ## Example
    ```python
    app.conf.task_queues = [Queue("mail"), Queue("reports")]

    @app.task(queue="mails", rate_limit="10/min")
    def send_receipt(order_id): ...
    ```

    ## Use instead
    ```python
    @app.task(queue="mail", rate_limit="10/m")
    def send_receipt(order_id): ...
    ```

    ## Silent when
    No queues are declared, not all of them can be read, the project adds queues while it
    runs, or it has several applications. The task, or the pattern of a route, is of another
    project's tasks.

    ## Severity
    A warning for queues, an error for rate limits.

    ## References
    - [Celery: routing tasks](https://docs.celeryq.dev/en/stable/userguide/routing.html)
    - [Celery: rate_limit](https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.rate_limit)
    """

    severity = Severity.WARNING

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        if file.is_test:
            return
        for used in queues_in_settings(file.hub, file.module):
            yield from self._report(used.queue, used.node, file)
        for name, limit in rates_in_settings(file.hub, file.module):
            yield from self._report_rate(f"`{name}`", limit.value, limit, file)

    def check_task(self, task: Task, file: FileContext) -> Iterator[Finding]:
        queue, limit = task.options.get("queue"), task.options.get("rate_limit")
        if queue is not None and queue.node is not None and queue.module is file.module:
            yield from self._report(queue.constant, queue.node, file)
        if limit is not None and limit.node is not None and limit.module is file.module:
            yield from self._report_rate(f"`{task.name}`", limit.constant, limit.node, file)

    def check_dispatch(self, dispatch: Dispatch, file: FileContext) -> Iterator[Finding]:
        given = dispatch.options.get("queue")
        # A task that is only known by its name is another project's, as its queue is.
        is_named = dispatch.task is None and dispatch.verb in ("send_task", "signature", "subtask")
        if given is not None and not is_named:
            yield from self._report(getattr(given.value, "value", None), given.node, file)

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        for call in flow.calls:
            given = options_of_set(call).get("queue")
            if given is not None:
                yield from self._report(getattr(given.value, "value", None), given.node, file)

    def _report(self, queue: object, node: ast.expr, file: FileContext) -> Iterator[Finding]:
        declared = declared_queues(file.hub) if isinstance(queue, str) and not file.is_test else None
        if declared is not None and queue not in declared:
            known = ", ".join(f"`{name}`" for name in sorted(declared)[:4])
            more = ", ..." if len(declared) > 4 else ""
            message = f"no worker reads the queue `{queue}` unless `-Q` names it: declared are {known}{more}"
            yield self.finding(file.place(node), message)

    def _report_rate(self, whose: str, limit: object, node: ast.expr, file: FileContext) -> Iterator[Finding]:
        if not file.is_test and isinstance(limit, str) and not is_rate(limit):
            message = f'{whose} has the rate limit "{limit}", which Celery can\'t read: no worker starts'
            yield self.finding(file.place(node), message, severity=Severity.ERROR)
