"""CEL912."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Related, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.definition.nesting import defining
from celery_lint.semantics.model import Task


class NestedTask(Rule):
    """A task is defined inside a function that workers do not run.

    ## What it does
    Reports a task that is made inside a function which sends it itself, or which answers requests, is
    a management command, or the body of another task.

    ## Why is this bad
    The task is registered in the process that runs the function, and only from then on. A worker has
    never run it: it logs `Received unregistered task`, discards the message, and the result is the
    failure NotRegistered. Even where the function runs again, Celery keeps the first of the tasks that it has
    made, with the variables that this one has seen.

    ## Example
    ```python
    def upload(request):
        @shared_task
        def resize(picture_id): ...

        resize.delay(picture.pk)
    ```

    ## Use instead
    ```python
    @shared_task
    def resize(picture_id): ...


    def upload(request):
        resize.delay(picture.pk)
    ```

    ## Silent when
    The function makes the application, gets it as a parameter, or has a name by which such functions go
    (`create_app`, `register_tasks`, `ready`); it is a decorator or a handler of a worker's signal; a
    module calls it when it is imported; it belongs to the tests.

    ## References
    - [Celery: basics of tasks](https://docs.celeryq.dev/en/stable/userguide/tasks.html#basics)
    """

    severity = Severity.ERROR

    def check_task(self, task: Task, file: FileContext) -> Iterator[Finding]:
        function = defining(file.hub, task)
        if function is None or task.function is None:
            return
        name, around = task.function.name, function.qualname
        yield self.finding(
            file.place(task.report_node),
            f"the task `{name}` exists only where `{around}` has run:"
            " a worker does not know it, and discards its messages",
            related=(Related(f"`{around}` defines it", file.heading(function.node)),),
        )
