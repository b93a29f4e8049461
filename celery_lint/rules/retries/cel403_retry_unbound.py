"""CEL403."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import AddArguments, AddParameter, Applicability, Finding, Fix, Related, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.definition.binding import SELF, can_be_bound, unbound_self
from celery_lint.semantics.model import Task


class RetryUnbound(Rule):
    """A task uses `self` and is not bound.

    ## What it does
    Reports the first use of the name `self` in a task whose function has no such parameter.

    ## Why is this bad
    Only a task with `bind=True` gets itself as its first argument. Anywhere else the name
    does not exist: `NameError: name 'self' is not defined` takes the place of the retry,
    mostly in the very branch that handles a failure, and so seldom seen before production.

    ## Example
    ```python
    @shared_task(max_retries=3)
    def reserve(order_id):
        try:
            warehouse.reserve(order_id)
        except ConnectionError as error:
            raise self.retry(exc=error)
    ```

    ## Use instead
    ```python
    @shared_task(bind=True, max_retries=3)
    def reserve(self, order_id):
        try:
            warehouse.reserve(order_id)
        except ConnectionError as error:
            raise self.retry(exc=error)
    ```
    `reserve.retry(...)`, `reserve.request` and `celery.current_task` work without `bind`.

    ## Silent when
    `self` is a variable of the function, of the module or of a function around it, the
    module imports `*`, or the task is a method.

    ## Fix safety
    Safe: `bind=True` and the parameter are added together, and callers pass what they
    passed. There is no fix where a decorator of the project's own stands between the
    function and Celery, or options are spread into the decorator.

    ## References
    - [Celery: bound tasks](https://docs.celeryq.dev/en/stable/userguide/tasks.html#bound-tasks)
    """

    severity = Severity.ERROR
    fixable = "safe"

    def check_task(self, task: Task, file: FileContext) -> Iterator[Finding]:
        names = sorted(unbound_self(file.hub, task), key=lambda n: (n.lineno, n.col_offset))
        if not names:
            return
        reason = "the task is not bound" if not task.is_bound else f"its first parameter is `{_first(task)}`"
        message = f"`{task.name}` has no variable `{SELF}`: {reason}, and the line raises NameError"
        others = tuple(Related("and here", file.place(name)) for name in names[1:3])
        yield self.finding(file.place(names[0]), message, related=others, fix=_fix(task, file))


def _first(task: Task) -> str:
    assert task.function is not None
    return task.function.positional[0].arg if task.function.positional else "*"


def _fix(task: Task, file: FileContext) -> Fix | None:
    if not can_be_bound(file.hub, task):
        return None
    assert task.function is not None
    assert task.decorator is not None
    changes = (
        AddArguments(file.place(task.decorator), (("bind", "True"),)),
        AddParameter(file.place(task.function.node), SELF),
    )
    return Fix(Applicability.SAFE, f"Bind the task: `bind=True`, and the parameter `{SELF}`", changes)
