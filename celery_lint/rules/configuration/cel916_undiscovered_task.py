"""CEL916."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.definition.discovery import undiscovered


class UndiscoveredTask(Rule):
    """No worker imports the module of a task.

    ## What it does
    Reports the first task of a module that nothing imports, and that `autodiscover_tasks`
    does not find, because it looks for modules of another name (`tasks`, or what
    `related_name` says), or in other packages. A migration imports modules for `migrate`,
    and for no worker.

    ## Why is this bad
    A task exists in a process that has imported its module. A worker that gets a message
    for one that it does not know logs `Received unregistered task` and throws the message
    away, as often as a schedule, or somebody who knows the name, sends it.

    ## Example
    ```python
    # shop/celery.py: app.autodiscover_tasks()
    # orders/nightly.py
    @shared_task
    def clean(): ...
    ```

    ## Use instead
    ```python
    # orders/tasks.py
    from .nightly import clean
    ```
    or move the task to `orders/tasks.py`, or name the module in `include`.

    ## Silent when
    Any other file imports the module or names it in a text, the project finds modules by
    walking folders or imports them by name (for a module beside migrations, only the former
    counts), it does not discover tasks, or it has several applications or settings that
    can't be read.

    ## References
    - [Celery: autodiscover_tasks](https://docs.celeryq.dev/en/stable/reference/celery.html#celery.Celery.autodiscover_tasks)
    """

    severity = Severity.ERROR

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        tasks = () if file.is_test else undiscovered(file.hub, file.module)
        if not tasks:
            return
        others = f" and {len(tasks) - 1} other task{'s' if len(tasks) > 2 else ''}" if len(tasks) > 1 else ""
        message = (
            f"no worker imports `{file.module.name}`: it does not know `{tasks[0].name}`{others}, "
            f"and throws messages for {'them' if others else 'it'} away"
        )
        yield self.finding(file.heading(tasks[0].report_node), message)
