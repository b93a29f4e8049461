"""CEL703."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from celery_lint.findings import Finding, Related, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.dispatching.canvas import Where, receivers
from celery_lint.semantics.dispatching.fitting import Mismatch, mismatch_after
from celery_lint.semantics.model import FunctionFlow


class ChainArgumentMismatch(Rule):
    """A step of a chain, a chord's body or a callback cannot take the result that it is given.

    ## What it does
    Reports later steps of a chain, the bodies of chords, and `link=` callbacks whose task
    cannot take the result before it as its first argument, followed by the arguments that the
    signature has itself. The members of a group that is such a step are looked at as well.

    ## Why is this bad
    `b.s(x)` in a chain is called with two arguments: the result of the step before it comes first.
    Nothing checks that when the chain is sent. The worker runs the first step, fails to send the
    second with TypeError, and stores that error as the result of the first, whose work is
    done. The rest of the chain never runs.

    ## Example
    ```python
    @shared_task
    def notify(order_id): ...

    chain(charge.s(order_id), notify.s(order_id)).delay()
    ```

    ## Use instead
    ```python
    chain(charge.s(order_id), notify.si(order_id)).delay()
    ```
    `si()` makes an immutable signature, which gets nothing. Or give the task a parameter for the result.

    ## Silent when
    The task has `*args`; the signature's own arguments do not fit in any case (CEL106); the
    task's base class or a decorator changes the arguments, or can't be read; the signature may
    be changed before it is sent.

    ## References
    - [Celery: immutability](https://docs.celeryq.dev/en/stable/userguide/canvas.html#immutability)
    - [Celery: chains](https://docs.celeryq.dev/en/stable/userguide/canvas.html#chains)
    """

    severity = Severity.ERROR

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        for found in receivers(file.hub, flow):
            dispatch, task = found.dispatch, found.dispatch.task
            misfit = mismatch_after(file.hub, dispatch)
            if misfit is None or task is None:
                continue
            definition = task.function.node if task.function is not None and task.cls is None else task.node
            heading = FileContext(file.hub, task.module).heading(definition)
            message = (
                f"`{file.text(dispatch.node)}` gets {_GIVEN[found.part.where]} as its first argument,"
                f" and {_difference(misfit, task.name)}: {_OUTCOMES[found.part.where]}{_way_out(misfit)}"
            )
            takes = f"`{task.name}` takes {_listed(misfit.interface.names)}"
            yield self.finding(file.place(dispatch.node), message, related=(Related(takes, heading),))


_GIVEN: dict[Where, str] = {
    "chain": "the result of the step before it",
    "body": "the list of the header's results",
    "callback": "the task's result",
}
_OUTCOMES: dict[Where, str] = {
    "chain": "the step before it fails when its work is done",
    "body": "the chord fails when its header is done",
    "callback": "the task fails when its work is done",
}


def _way_out(found: Mismatch) -> str:
    """What helps where the task has room for all but what comes before it."""
    is_full = found.is_too_many and found.positional == len(found.interface.positional) + 1
    return "; `.si(...)` leaves the result out" if is_full else ""


def _difference(found: Mismatch, task: str) -> str:
    """What the task cannot do with it."""
    if found.twice:
        return f"`{task}` is given {_listed(found.twice)} by name as well"
    if found.is_too_many:
        return f"`{task}` takes {_listed(found.interface.positional)} by position, and is given {found.positional}"
    return f"`{task}` also needs {_listed(found.missing)}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "nothing"
