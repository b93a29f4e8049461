"""CEL706."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Related, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.dispatching.canvas import errbacks
from celery_lint.semantics.dispatching.fitting import ERRBACK_ARGUMENTS, errback_mismatch
from celery_lint.semantics.model import FunctionFlow


class ErrbackSignature(Rule):
    """A task that is to run when another fails cannot take what Celery gives to it.

    ## What it does
    Reports `link_error=`, `link_error()` and `on_error()` whose task does not fit: a function that takes
    two or more arguments by position is called with the request, the exception and the
    traceback; one that takes less, a bound task, and a task that is a class are sent with
    the id of the failed task alone. What the signature has itself comes after that.

    ## Why is this bad
    The handler of the failure never runs. With processes for workers, up to Celery 5.6, its
    TypeError takes the place of the exception that the task has raised, so that the cause is lost too.

    ## Example
    ```python
    @shared_task(bind=True)
    def on_failure(self, request, exc, traceback): ...

    charge.apply_async((order_id,), link_error=on_failure.s())
    ```

    ## Use instead
    ```python
    @shared_task
    def on_failure(request, exc, traceback): ...

    charge.apply_async((order_id,), link_error=on_failure.s())
    ```
    A task that needs nothing of it is linked as `on_failure.si()`.

    ## Silent when
    The task has `*args`; the signature is immutable; versions of Celery differ in what they
    give, and one of them fits; the task's base class or a decorator changes the arguments, or can't be read.

    ## References
    - [Celery: linking](https://docs.celeryq.dev/en/stable/userguide/calling.html#linking-callbacks-errbacks)
    """

    severity = Severity.ERROR

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        for found in errbacks(file.hub, flow):
            dispatch, task = found.dispatch, found.dispatch.task
            misfit = errback_mismatch(file.hub, dispatch)
            if misfit is None or task is None:
                continue
            taken = misfit[0].interface
            names = ", ".join(f"`{name}`" for name in taken.names) or "nothing"
            given = (
                "the request, the exception and the traceback"
                if misfit[1] == ERRBACK_ARGUMENTS
                else "the id of the failed task alone"
            )
            more = " before its own arguments" if dispatch.sent else ""
            takes = "is bound and takes" if task.is_bound and task.cls is None else "takes"
            message = (
                f"`{file.text(dispatch.node)}` never runs when the task fails: it is given {given}{more},"
                f" and `{task.name}` {takes} {names}"
            )
            definition = task.function.node if task.function is not None and task.cls is None else task.node
            place = FileContext(file.hub, task.module).heading(definition)
            yield self.finding(file.place(dispatch.node), message, related=(Related(f"it takes {names}", place),))
