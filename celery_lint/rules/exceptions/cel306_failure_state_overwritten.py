"""CEL306."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.exceptions.states import (
    StateSet,
    failures_set,
    is_overwritten,
    set_by_helpers,
    stores_success,
)
from celery_lint.semantics.model import FunctionFlow


class FailureStateOverwritten(Rule):
    """A task sets the state of a failure, which does not last or cannot be read.

    ## What it does
    Reports `update_state(state="FAILURE")`, and that of `RETRY` and `REVOKED`, when the task
    returns afterwards, and when its `meta` is a mapping without `exc_type`, or a text.

    ## Why is this bad
    The end of a run is stored over whatever it has stored before: a task that returns is a
    SUCCESS. And Celery reads the meta of these three states back as an exception: without
    `exc_type` that is a ValueError for everybody who asks for the state or the result. With
    Redis, a cache or files as the backend, the worker itself reads it before it stores the
    end of the run, and fails: what went wrong is lost.

    ## Example
    ```python
    try:
        carrier.book(order_id)
    except CarrierDown as exc:
        self.update_state(state="FAILURE", meta={"error": str(exc)})
        return
    ```

    ## Use instead
    ```python
    carrier.book(order_id)
    ```
    An exception that leaves the task is the FAILURE. To store more than that, give Celery
    what it needs and end the run without a result:
    ```python
    except CarrierDown as exc:
        meta = {"exc_type": type(exc).__name__, "exc_message": [str(exc)], "order": order_id}
        self.update_state(state="FAILURE", meta=meta)
        raise Ignore()
    ```
    A state of your own, such as `"REJECTED_BY_CARRIER"`, can have any meta.

    ## Silent when
    The run may raise after it (`raise`, `Ignore`, `self.retry()`), or the meta can't be read. A
    state is not said to be overwritten when it is that of another task (`task_id=`), or when the
    task may ignore its result, and stores none at its end.

    ## References
    - [Celery: custom states](https://docs.celeryq.dev/en/stable/userguide/tasks.html#custom-states)
    """

    severity = Severity.ERROR

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        function = flow.function
        ends_as_success = function is not None and stores_success(file.hub, function)
        for found in failures_set(file.hub, flow):
            if not found.is_readable:
                message = f"{found.state} with a `meta` that has no `exc_type` can't be read: it is a ValueError to ask"
                yield self.finding(file.place(found.call.node), f"{message} for the state or the result")
            elif found.is_own and ends_as_success and is_overwritten(file.hub, found.call):
                yield self._overwritten(found, flow, file)
        for found in set_by_helpers(file.hub, flow) if ends_as_success else ():
            if is_overwritten(file.hub, found.call):
                yield self._overwritten(found, flow, file)

    def _overwritten(self, found: StateSet, flow: FunctionFlow, file: FileContext) -> Finding:
        name = flow.function.qualname if flow.function is not None else "?"
        message = f"{found.state} does not last: `{name}` returns after it, and SUCCESS is stored"
        return self.finding(file.place(found.call.node), message)
