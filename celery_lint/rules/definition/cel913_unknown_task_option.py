"""CEL913."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import Applicability, Change, Finding, Fix, RenameKeyword, Replace, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.definition.options import UnknownOption, unknown_attributes, unknown_options
from celery_lint.semantics.model import Task

# What is asked of options that take effect.
_UNCOVERED = (
    "CEL303", "CEL401", "CEL405", "CEL406", "CEL407", "CEL408", "CEL409", "CEL410", "CEL502", "CEL605", "CEL908",
    "CEL919", "CEL920",
)  # fmt: skip


class UnknownTaskOption(Rule):
    """A task has an option that nobody reads.

    ## What it does
    Reports keywords of a task's decorator that neither Celery, nor the task's base class, nor the
    project's own code reads: `ignore_results`, `max_retry`, `retries`, `retry_backof`. Of a task
    class's attributes, those that are nearly an option's name.

    ## Why is this bad
    Celery makes each keyword an attribute of the task, and says nothing of one that means
    nothing to it. The option that was meant keeps its default: results are
    stored after all, the task is retried three times, or never.

    ## Example
    ```python
    @shared_task(ignore_results=True, retries=5)
    def charge(order_id): ...
    ```

    ## Use instead
    ```python
    @shared_task(ignore_result=True, max_retries=5)
    def charge(order_id): ...
    ```

    ## Silent when
    The task's base class, or the application's, comes from another package, which may read options of
    its own; the base class of the project has an attribute of that name; some code reads the name
    from any object, or the project's decorator takes it.

    ## Fix safety
    Safe: the option gets the name that was nearly written, where the value is one for it
    and the option is not given beside it.

    ## References
    - [Celery: task options](https://docs.celeryq.dev/en/stable/userguide/tasks.html#list-of-options)
    """

    severity = Severity.WARNING
    fixable = "safe"

    def check_task(self, task: Task, file: FileContext) -> Iterator[Finding]:
        for option in unknown_options(file.hub, task):
            yield self._report(option, f"of `{task.name}`", file)

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        for cls in file.module.classes:
            for option in unknown_attributes(file.hub, cls):
                yield self._report(option, f"of tasks made on `{cls.name}`", file)

    def _report(self, option: UnknownOption, whose: str, file: FileContext) -> Finding:
        message = f"the option `{option.name}` {whose} has no effect: nothing reads it"
        fix = None
        if option.meant is not None:
            message += f", and Celery's own is `{option.meant}`"
        if option.meant is not None and option.fits:
            place = file.place(option.node)
            is_keyword = isinstance(option.node, ast.keyword)
            change: Change = RenameKeyword(place, option.meant) if is_keyword else Replace(place, option.meant)
            fix = Fix(Applicability.SAFE, f"Call it `{option.meant}`", (change,), uncovers=_UNCOVERED)
        return self.finding(file.place(option.node), message, fix=fix)
