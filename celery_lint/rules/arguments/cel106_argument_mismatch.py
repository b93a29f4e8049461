"""CEL106."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Related, Severity
from celery_lint.rules.arguments.wording import difference, listed, parameters
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.dispatching.fitting import Notice, mismatch, noticed_by
from celery_lint.semantics.dispatching.sendoptions import misplaced, unpacked
from celery_lint.semantics.model import Dispatch


class ArgumentMismatch(Rule):
    """The arguments of a dispatch do not fit the task's parameters.

    ## What it does
    Reports `delay()`, `apply_async()`, `delay_on_commit()`, `send_task()`, `retry(args=...)`,
    signatures and `partial(task.delay, ...)` whose arguments the task cannot take: one is
    missing, there are too many, a name is unknown, or a parameter is given twice. The task
    itself, which a bound task gets first, is not counted. What the project's own helpers
    send is followed to the place that calls the helper.

    A signature, and a partial, may be given more arguments later, as each step of a chain
    gets the result before it. It is reported for what nothing can cure: too many
    arguments, an unknown name, a parameter given twice. What it lacks is reported when it
    is immutable (`si()`) or sent at once.

    ## Why is this bad
    `delay()` and `apply_async()` of a plain task raise `TypeError` where they are called.
    Elsewhere the caller notices nothing: what `send_task()` sends, tasks that are classes, and
    tasks with another decorator below the task's own fail in the worker, each time. A later
    step of a chain that cannot be sent turns the finished step before it into a failure. A
    retry that cannot be sent ends the task without a result: its message is rejected.

    ## Example
    ```python
    @shared_task
    def send_receipt(order_id, language): ...

    send_receipt.delay(order.pk)
    ```

    ## Use instead
    ```python
    @shared_task
    def send_receipt(order_id, language): ...

    send_receipt.delay(order.pk, order.language)
    ```

    ## Silent when
    The task or the call has `*args` or `**kwargs` that may make it fit; the task's base class, the
    application's, or a decorator changes the arguments or can't be read; the task has
    `typing=False`; the call may be one of several dispatches, and one of them fits; a
    `TypeError` is expected around the call. CEL107 reports options of `apply_async()` that are given
    to the task, CEL108 `args` that are no list of arguments, CEL404 a task whose `bind` and parameters do
    not fit each other.

    ## References
    - [Celery: argument checking](https://docs.celeryq.dev/en/stable/userguide/tasks.html#argument-checking)
    - [Celery: partials](https://docs.celeryq.dev/en/stable/userguide/canvas.html#partials)
    """

    severity = Severity.ERROR

    def check_dispatch(self, dispatch: Dispatch, file: FileContext) -> Iterator[Finding]:
        task = dispatch.task
        found = mismatch(file.hub, dispatch)
        if found is None or task is None:
            return
        if misplaced(file.hub, dispatch) is not None or unpacked(file.hub, dispatch):
            return
        definition = task.function.node if task.function is not None and task.cls is None else task.node
        place = FileContext(file.hub, task.module).heading(definition)
        row = place.span.start.row
        where = f"line {row}" if task.module is file.module else f"{place.filename}:{row}"
        message = f"`{file.text(dispatch.node)}` {difference(found, f'`{task.name}` ({where})')}"
        yield self.finding(
            file.place(dispatch.node),
            f"{message}: {_OUTCOMES[noticed_by(file.hub, dispatch)]}",
            related=(Related(f"`{task.name}` takes {listed(parameters(found, task))}", place),),
        )


_OUTCOMES: dict[Notice, str] = {
    "caller": "the call raises TypeError, and nothing is sent",
    "worker": "nothing checks it here, and each run fails with TypeError",
    "later": "it raises TypeError when it is sent, or in the worker",
    "retry": "the retry is never sent, and the task ends without a result",
}
