"""CEL114."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Applicability, Finding, Fix, RenameKeyword, Replace, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.dispatching.sendoptions import SET, Unread, kept, unread
from celery_lint.semantics.model import Dispatch, FunctionFlow


class UnknownDispatchOption(Rule):
    """An option of `apply_async()` that nothing reads.

    ## What it does
    Reports keywords of `apply_async()`, `apply_async_on_commit()`, `send_task()`, `signature()`
    and a signature's `set()` that are no option of Celery, kombu or a transport: misspelt ones
    such as `count_down`, and the task's own parameters, which belong into `kwargs`.

    ## Why is this bad
    `apply_async()` takes any keyword and puts what it does not know among the properties of the message,
    where nobody looks. No error is raised: the task runs at once, in the default queue, without
    the argument.

    ## Example
    ```python
    send_receipt.apply_async((order.pk,), count_down=60)
    ```

    ## Use instead
    ```python
    send_receipt.apply_async((order.pk,), countdown=60)
    ```

    ## Silent when
    Code of the project may read the option: it names it in quotes, as a receiver of
    `before_task_publish` or a router does, or an `apply_async()` of its own has such a
    parameter. The task's class comes from another package. The name has capitals, as the properties of
    some transports.

    ## Fix safety
    The fix renames the option where one near name exists, and gives a parameter of the task in `kwargs`.
    What was said, and not done so far, is then done.

    ## References
    - [Celery: calling tasks](https://docs.celeryq.dev/en/stable/userguide/calling.html)
    - [Celery: Task.apply_async](https://docs.celeryq.dev/en/stable/reference/celery.app.task.html#celery.app.task.Task.apply_async)
    """

    severity = Severity.ERROR
    fixable = "safe"

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        for dispatch in kept(flow):
            yield from self.check_dispatch(dispatch, file)

    def check_dispatch(self, dispatch: Dispatch, file: FileContext) -> Iterator[Finding]:
        found = unread(file.hub, dispatch)
        for one in found:
            task = dispatch.task
            if one.is_parameter and task is not None:
                outcome = f"the task `{task.name}` does not get it, as its arguments are those of `args` and `kwargs`"
            elif one.meant is not None:
                outcome = f"nothing reads it; `{one.meant}` may be meant"
            else:
                outcome = "nothing reads it"
            yield self.finding(
                file.place(one.argument.node),
                f"`{one.name}` is no option of `{dispatch.verb}()`: {outcome}",
                fix=_fix(one, sum(each.is_parameter for each in found), dispatch, file),
            )


def _fix(one: Unread, parameters: int, dispatch: Dispatch, file: FileContext) -> Fix | None:
    keyword = next((k for k in dispatch.node.keywords if k.arg == one.name), None)
    if keyword is None:
        return None
    if one.is_parameter and dispatch.verb == SET:
        return None
    if one.is_parameter and parameters == 1 and "kwargs" not in dispatch.packed and not dispatch.call.is_opaque:
        others = [k.arg for k in dispatch.node.keywords if k is not keyword]
        if len(dispatch.packed) == len(dispatch.call.positional) or "args" in others:
            return Fix(
                Applicability.SAFE,
                f"Give `{one.name}` to the task",
                (
                    RenameKeyword(file.place(keyword), "kwargs"),
                    Replace(file.place(keyword.value), f'{{"{one.name}": {{}}}}'),
                ),
                uncovers=("CEL106",),
            )
    if one.meant is None or not one.is_surely_meant or one.is_parameter:
        return None
    return Fix(Applicability.SAFE, f"Call it `{one.meant}`", (RenameKeyword(file.place(keyword), one.meant),))
