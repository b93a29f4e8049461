"""CEL107."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import Applicability, Finding, Fix, MoveOptions, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.dispatching.dispatches import DEFERRED, SPREAD, spreads
from celery_lint.semantics.dispatching.sendoptions import PACKED_ARGUMENTS, Misplaced, misplaced
from celery_lint.semantics.model import Dispatch


class MisplacedOption(Rule):
    """An option of `apply_async()` is given to `delay()` or `s()`, which hand it to the task.

    ## What it does
    Reports `delay()`, `delay_on_commit()`, `s()` and `si()` with a keyword that is an option
    of `apply_async()`, such as `countdown`, `queue` or `link`, or with `args` and `kwargs`,
    when the task has no parameter of that name. Also through `partial(task.delay, ...)` and
    the project's own helpers.

    ## Why is this bad
    All arguments of `delay()` and `s()` are the task's. The task does not know the option, and
    `delay()` raises `TypeError`; a signature raises it when it is sent, inside a chain in
    the worker. A task that takes any keyword by its `**kwargs` gets the option as data and runs at
    once: the delay, or the callback, is lost without a word.

    ## Example
    ```python
    send_receipt.delay(order.pk, countdown=60)
    ```

    ## Use instead
    ```python
    send_receipt.apply_async(args=(order.pk,), countdown=60)
    ```

    ## Silent when
    The task has a parameter of that name, or `**kwargs` from which the name may be read; a base
    class or a decorator changes the arguments, or can't be read; a `TypeError` is expected
    around the call.

    ## Fix safety
    The fix is safe where the call can only fail. It is unsafe for a task with `**kwargs`: what ran
    at once will wait.

    ## References
    - [Celery: calling tasks](https://docs.celeryq.dev/en/stable/userguide/calling.html#basics)
    """

    severity = Severity.ERROR
    fixable = "safe"

    def check_dispatch(self, dispatch: Dispatch, file: FileContext) -> Iterator[Finding]:
        found = misplaced(file.hub, dispatch)
        if found is None or dispatch.task is None:
            return
        options = " and ".join(f"`{name}`" for name in found.names)
        if found.is_swallowed:
            outcome = "whose `**kwargs` swallow it: the task runs at once"
        elif dispatch.is_signature:
            outcome = "which has no such parameter: it raises TypeError when it is sent, or in the worker"
        else:
            outcome = "which has no such parameter: the call raises TypeError, and nothing is sent"
        yield self.finding(
            file.place(dispatch.node),
            f"`{file.text(dispatch.node)}` hands {options} to the task `{dispatch.task.name}`, {outcome}",
            fix=_fix(dispatch, found, file),
        )


def _fix(dispatch: Dispatch, found: Misplaced, file: FileContext) -> Fix | None:
    """The options moved to where Celery takes them."""
    node = dispatch.node
    if not isinstance(node.func, ast.Attribute) or dispatch.target is not node.func or spreads(node):
        return None
    packed = PACKED_ARGUMENTS & set(found.names)
    if packed and len(node.args) + len(node.keywords) > len(found.names):
        return None
    if dispatch.verb in SPREAD:
        method = "apply_async_on_commit" if dispatch.verb in DEFERRED else "apply_async"
    elif packed:
        return None
    else:
        method = "set"
    names = " and ".join(f"`{name}`" for name in found.names)
    return Fix(
        Applicability.UNSAFE if found.is_swallowed else Applicability.SAFE,
        f"Give {names} to `{method}()`",
        (MoveOptions(file.place(node), found.names, method),),
        uncovers=("CEL106",),
    )
