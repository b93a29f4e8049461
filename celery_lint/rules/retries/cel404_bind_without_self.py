"""CEL404."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import AddArguments, AddParameter, Applicability, Finding, Fix, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.definition.binding import SELF, Misfit, is_curable, misfit
from celery_lint.semantics.model import Task


class BindWithoutSelf(Rule):
    """`bind=True` and the task's parameters do not fit together.

    ## What it does
    Reports a task with `bind=True` whose function takes no positional parameter, or whose
    first one is plainly for data (annotated as a number, a text or a row, named or looked
    up as a key, or filled by every dispatch and plain call), and a task without `bind=True`
    whose first parameter is `self`.

    ## Why is this bad
    A bound task's function is called with the task as its first argument. Without a
    parameter for it, each call is a `TypeError`. Where the first parameter is meant for an
    argument, the task lands in it, and every argument moves on by one: the call fails, or,
    with a default behind, it runs with the wrong values and is a SUCCESS. Without `bind`,
    nobody passes `self`, and each call lacks an argument. Celery checks none of it when
    the task is defined.

    ## Example
    ```python
    @shared_task(bind=True)
    def reserve(order_id: int, express=False):
        warehouse.reserve(order_id, express)
    ```

    ## Use instead
    ```python
    @shared_task(bind=True)
    def reserve(self, order_id: int, express=False):
        warehouse.reserve(order_id, express)
    ```

    ## Silent when
    The first parameter is `*args`, is called `task` or the like, or is used as a task; a
    decorator of the project's own or a base class may pass on other arguments; the options
    can't be read; dispatches of an unbound task pass something for `self`.

    ## Fix safety
    Safe: `self` is added to a bound task, or `bind=True` where `self` is there. There is
    no fix where some caller passes arguments that fit the task as it is.

    ## References
    - [Celery: bound tasks](https://docs.celeryq.dev/en/stable/userguide/tasks.html#bound-tasks)
    """

    severity = Severity.ERROR
    fixable = "safe"

    def check_task(self, task: Task, file: FileContext) -> Iterator[Finding]:
        kind = misfit(file.hub, task)
        function = task.function
        if kind is None or function is None:
            return
        place = file.heading(function.node) if kind == "no parameter" else file.place(function.positional[0])
        yield self.finding(place, _message(kind, task), fix=_fix(kind, task, file))


def _message(kind: Misfit, task: Task) -> str:
    if kind == "no parameter":
        return f"`{task.name}` is bound and has no parameter for the task itself: each run raises TypeError"
    if kind == "not bound":
        return f"`{task.name}` is not bound, so that nobody passes `{SELF}`: a call lacks an argument"
    assert task.function is not None
    first = task.function.positional[0].arg
    return f"`{task.name}` is bound: `{first}` gets the task itself, and each argument lands one parameter further on"


def _fix(kind: Misfit, task: Task, file: FileContext) -> Fix | None:
    if not is_curable(file.hub, task):
        return None
    assert task.function is not None
    assert task.decorator is not None
    if kind == "not bound":
        bind = AddArguments(file.place(task.decorator), (("bind", "True"),))
        return Fix(Applicability.SAFE, "Bind the task: `bind=True`", (bind,))
    change = AddParameter(file.place(task.function.node), SELF)
    # The parameter that got the task itself is one for an argument then.
    return Fix(Applicability.SAFE, f"Add the parameter `{SELF}`", (change,), uncovers=("CEL102",))
