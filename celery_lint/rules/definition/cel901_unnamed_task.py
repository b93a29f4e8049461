"""CEL901."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import AddArguments, Applicability, Finding, Fix, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.definition.naming import is_in_packages, is_unnamed, name_of
from celery_lint.semantics.model import Task


class UnnamedTask(Rule):
    """A task has no name of its own.

    ## What it does
    Reports a task whose decorator gives it no `name=`. Opt-in.

    ## Why is this bad
    Celery names such a task after its module and function. A message carries that name: once the module is
    moved or the function renamed, messages that are waiting, retries, and entries of beat's
    schedule name a task that no worker knows, and are discarded. A module that is imported under
    two names (`shop.tasks` and `tasks`) makes two tasks, and a worker may not have the one that is sent.

    ## Example
    ```python
    @shared_task
    def charge(order_id): ...
    ```

    ## Use instead
    ```python
    @shared_task(name="shop.tasks.charge")
    def charge(order_id): ...
    ```

    ## Silent when
    A decorator of the project makes the task, or its options cannot be read: a name may be among them. The
    application names tasks by itself (`gen_task_name`). Tasks in tests and in functions.

    ## Fix safety
    Unsafe: the name is the one that the task has today where its module is imported by its full name from the
    source folder. Code that imports it by another name has known the task by that one. There is no fix
    where folders above the module are no packages, so that its full name is a guess, or it is also run as a script.

    ## References
    - [Celery: task names](https://docs.celeryq.dev/en/stable/userguide/tasks.html#names)
    """

    severity = Severity.ADVICE
    fixable = "unsafe"

    def check_task(self, task: Task, file: FileContext) -> Iterator[Finding]:
        if not is_unnamed(file.hub, task):
            return
        name = name_of(file.hub, task)
        called = f"`{name}`" if name is not None else "a name made of its module's"
        yield self.finding(
            file.place(task.report_node),
            f"`{task.name}` is registered as {called}:"
            " moved or renamed, it leaves messages behind that no worker knows",
            fix=_fix(task, name, file),
        )


def _fix(task: Task, name: str | None, file: FileContext) -> Fix | None:
    function = task.function
    if name != task.registered_name or function is None or task.decorator not in function.decorators:
        return None
    if not task.takes_options or file.module.run_as_script or not is_in_packages(file.hub, file.module):
        return None
    assert task.decorator is not None
    change = AddArguments(file.place(task.decorator), (("name", f'"{name}"'),))
    return Fix(Applicability.UNSAFE, "Give it the name that it has today", (change,))
