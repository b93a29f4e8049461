"""CEL903."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import Applicability, Finding, Fix, RaiseDecorator, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.definition.decorators import above, hiding, may_stand_below
from celery_lint.semantics.model import Task


class DecoratorAboveTask(Rule):
    """A decorator stands above the one that makes the task.

    ## What it does
    Reports a decorator above `@shared_task`, `@app.task` and the like that puts a function of
    its own in the task's place: `transaction.atomic`, caches, Django's view decorators, and
    the project's own decorators, which are read.

    ## Why is this bad
    Decorators apply from the bottom up: the task is made of the bare function and registered, and
    the decorator above then wraps the task. What the module has under the name is a plain
    function, so that `name.delay(...)`, `.apply_async(...)` and `.s(...)` raise
    `AttributeError`; `functools.wraps` does not bring them back. The worker finds the
    registered task and runs the bare function: no transaction, no lock, no log.

    ## Example
    ```python
    @transaction.atomic
    @shared_task
    def charge(order_id): ...
    ```

    ## Use instead
    ```python
    @shared_task
    @transaction.atomic
    def charge(order_id): ...
    ```

    ## Silent when
    The decorator gives the task back (as those that register something do), gives its wrapper
    methods such as `delay`, or cannot be read; `staticmethod` and `classmethod`.

    ## Fix safety
    Safe: the task's decorator moves to the top. There is no fix where a decorator that would then
    stand below it does not keep the function's name (`functools.wraps`), or may
    change its arguments, or keeps what the function returned.

    ## References
    - [Celery: basics of tasks](https://docs.celeryq.dev/en/stable/userguide/tasks.html#basics)
    """

    severity = Severity.ERROR
    fixable = "safe"

    def check_task(self, task: Task, file: FileContext) -> Iterator[Finding]:
        found = hiding(file.hub, task)
        if not found:
            return
        assert task.decorator is not None
        names = " and ".join(f"`@{file.text(one, limit=40)}`" for one in found)
        maker = file.text(task.decorator.func if isinstance(task.decorator, ast.Call) else task.decorator)
        plural = len(found) > 1
        message = (
            f"{names} stand{'s' * (not plural)} above `@{maker}`: `{task.name}` is no task"
            f" here and has no `.delay`, and the worker runs its body without {'them' if plural else 'it'}"
        )
        yield self.finding(file.place(found[0]), message, fix=_fix(task, file))


def _fix(task: Task, file: FileContext) -> Fix | None:
    others = above(task)
    if not all(may_stand_below(file.hub, one, file.module) for one in others):
        return None
    assert task.decorator is not None
    change = RaiseDecorator(file.place(task.decorator), file.place(others[0]))
    return Fix(Applicability.SAFE, "Put the task's decorator on top", (change,))
