"""CEL914."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Related, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.definition.leftovers import leftovers
from celery_lint.semantics.model import Task


class StateOnTaskInstance(Rule):
    """A task keeps state of one run on itself, where the next run finds it.

    ## What it does
    Reports `self.x = ...` in a task where some run reads `self.x` without having set it: it is set
    under a condition, in a loop that may have nothing to go through, after it is read, or
    added to (`self.total += 1`). The task's methods, its base class and its hooks are followed.

    ## Why is this bad
    Celery makes one object of a task in each process, and all runs use it. What a run puts on
    `self` is still there in the next: one customer's order is charged with
    another's discount, totals grow from run to run. In pools of threads or greenlets, runs also see each other's
    values at the same time. A test that runs the task once sees nothing of it.

    ## Example
    ```python
    @app.task(bind=True)
    def charge(self, order_id, code=None):
        if code:
            self.discount = discount_for(code)
        return price(order_id) - getattr(self, "discount", 0)
    ```

    ## Use instead
    ```python
    @app.task(bind=True)
    def charge(self, order_id, code=None):
        discount = discount_for(code) if code else 0
        return price(order_id) - discount
    ```

    ## Silent when
    Each run sets the attribute before it reads it; the attribute is a cache, filled where a test finds it
    empty (`if self.client is None:`), as Celery's own documentation does it, or old (`if self.day != day:`); a
    `finally` clears it; the task is handed to code that may set it.

    ## References
    - [Celery: instantiation](https://docs.celeryq.dev/en/stable/userguide/tasks.html#instantiation)
    """

    severity = Severity.WARNING

    def check_task(self, task: Task, file: FileContext) -> Iterator[Finding]:
        for found in leftovers(file.hub, task):
            name = file.text(found.store)
            what = (
                f"`{name}` of `{task.name}` grows from run to run"
                if found.grows
                else f"`{name}` of `{task.name}` is not set in each run before it is read"
            )
            yield self.finding(
                file.place(found.store),
                f"{what}: all runs in a process share the task object, and find what the last one left",
                related=(Related("it is read here", file.place(found.read)),) if found.read is not found.store else (),
            )
