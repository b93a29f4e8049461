"""CEL601."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import Finding, Fix, Severity
from celery_lint.rules.base import Rule
from celery_lint.rules.results.repair import sent
from celery_lint.semantics.context import FileContext, related
from celery_lint.semantics.dispatching.inline import InlineRun, inline_runs, is_for_operators
from celery_lint.semantics.model import Dispatch, FunctionFlow, Step

# What `apply` and `apply_async` both take (celery/app/task.py).
_SHARED = frozenset({"args", "kwargs", "link", "link_error", "task_id", "headers"})


class SyncApply(Rule):
    """A task is run on the spot by `apply()`.

    ## What it does
    Reports `task.apply(...)`, and `apply()` of a signature, a chain or a group, outside
    tests, management commands and scripts.

    ## Why is this bad
    `apply()` looks like `apply_async()` and does something else: it runs the body in the
    calling process. The caller waits; retries follow each other at once, without their
    delay; and an exception is not raised but kept in the EagerResult, where nobody sees it.
    In a task, `apply().get()` raises RuntimeError.

    ## Example
    ```python
    def show(request, month):
        build_report.apply(args=[month])
    ```

    ## Use instead
    ```python
    def show(request, month):
        build_report.apply_async(args=[month])
    ```
    Where the value is needed at once, call a plain function that the task calls too.

    ## Silent when
    In tests, commands and scripts, and in what only these call, where somebody waits for it on
    purpose; where the same
    function sends the task otherwise, or asks for a synchronous mode.

    ## Fix safety
    Unsafe: what the task does is not done yet when the next line runs. Offered where the
    result is not used and no argument is a row or a queryset. In a transaction, and after a
    write of the row, the repair sends the task after the commit, as CEL201, CEL202 and
    CEL203 ask for.

    ## References
    - [Celery: Task.apply](https://docs.celeryq.dev/en/stable/reference/celery.app.task.html#celery.app.task.Task.apply)
    """

    severity = Severity.WARNING
    fixable = "unsafe"

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        if flow.function is None or file.is_test or file.is_migration:
            return
        for run in inline_runs(file.hub, flow):
            if run.way == "apply" and not is_for_operators(file.hub, flow.function):
                yield self._report(run, file)

    def _report(self, run: InlineRun, file: FileContext) -> Finding:
        call = run.call
        path = file.hub.roles.request_path(call.flow.function)
        where = (
            "in the web process, and the request waits for it"
            if path
            else "in this process, and the caller waits for it"
        )
        what = file.text(call.node.func)
        message = f"`{what}(...)` runs the task {where}; if it fails, the error stays in the EagerResult"
        steps = path or ()
        if run.task is not None:
            steps = (
                Step(run.task.module.source.place(run.task.node), f"`{run.task.name}` is a task"),
                *steps,
            )
        return self.finding(file.place(call.node), message, related=related(steps), fix=self._fix(run, file))

    def _fix(self, run: InlineRun, file: FileContext) -> Fix | None:
        node = run.call.node
        if run.call.use != "discarded" or not isinstance(node.func, ast.Attribute) or len(node.args) > 2:
            return None
        if any(k.arg not in _SHARED for k in node.keywords) or any(isinstance(a, ast.Starred) for a in node.args):
            return None
        apply = file.module.source.code(node.func)
        if any(c in apply for c in "${"):
            return None
        dispatch = next(file.hub.dispatches.of_call(run.call), Dispatch(run.call, "apply", run.task, ()))
        return sent(dispatch, f"{apply}_async", file)
