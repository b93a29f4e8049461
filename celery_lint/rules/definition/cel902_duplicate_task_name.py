"""CEL902."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Related, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.definition.decorators import unnamed_wrapper
from celery_lint.semantics.definition.naming import given_name, name_of, namesakes
from celery_lint.semantics.model import Task


class DuplicateTaskName(Rule):
    """Two tasks are registered under one name.

    ## What it does
    Reports tasks of one application that have the same name: a `name=` that was copied, a function
    that is defined twice in a module, methods of one name in two classes, and tasks below whose
    decorator stands one that does not use `functools.wraps`: Celery names each of them after the
    wrapper.

    ## Why is this bad
    Celery keeps the first function that it registers under a name and drops the others. Both names
    in the code then stand for one task: sending either runs the same body, and the other
    body never runs. Which of them is kept depends on the order in which Celery comes to
    them, and for `shared_task` that is arbitrary. Celery 5.7 warns of it; older versions
    say nothing.

    ## Example
    ```python
    @shared_task(name="export")
    def export_orders(): ...


    @shared_task(name="export")
    def export_customers(): ...
    ```

    ## Use instead
    ```python
    @shared_task(name="export_orders")
    def export_orders(): ...


    @shared_task(name="export_customers")
    def export_customers(): ...
    ```

    ## Silent when
    The tasks belong to different applications, a condition decides which of them is defined
    (`if`, `try`), a name cannot be read, or the project names its tasks by itself (`gen_task_name`). Tasks
    in functions and in tests are left out.

    ## References
    - [Celery: task names](https://docs.celeryq.dev/en/stable/userguide/tasks.html#names)
    """

    severity = Severity.ERROR

    def check_task(self, task: Task, file: FileContext) -> Iterator[Finding]:
        others = namesakes(file.hub, task)
        if not others:
            return
        wrapper = unnamed_wrapper(file.hub, task) if given_name(task) is None else None
        also = f"`{others[0].name}`" if others[0].name != task.name else f"another `{task.name}`"
        why = f", the name of the wrapper in `{wrapper.parent.name}`," if wrapper and wrapper.parent else ""
        yield self.finding(
            file.place(task.report_node),
            f"`{task.name}` is registered as `{name_of(file.hub, task)}`{why} and {also} is too:"
            " one of the two bodies runs for both",
            related=tuple(
                Related(f"`{one.name}` has the same name", FileContext(file.hub, one.module).place(one.report_node))
                for one in others
            ),
        )
