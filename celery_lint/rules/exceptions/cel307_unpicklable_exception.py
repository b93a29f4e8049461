"""CEL307."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext, related
from celery_lint.semantics.exceptions.raised import leaving
from celery_lint.semantics.model import Task


class UnpicklableException(Rule):
    """A task raises an exception that cannot be made anew from its `args`.

    ## What it does
    Reports an exception of the project that leaves a task, raised in its body or in a helper,
    when `cls(*exc.args)` fails: its `__init__` gives fewer or other arguments to
    `super().__init__()` than it needs itself, it needs a keyword-only argument, or it is a
    class inside a function. Each class is reported once a task.

    ## Why is this bad
    Celery, as pickle does, hands an exception on as its class and its `args`, and makes it
    anew from them. Where that fails, the log, the signals and everybody who asks for the
    result get something else: the nearest exception of Python's own that it derives from,
    or `UnpickleableExceptionWrapper`. `except Rejected` around `result.get()` does not catch
    it, error trackers group it with all others, and its attributes are gone.

    ## Example
    ```python
    class Rejected(Exception):
        def __init__(self, code, message):
            super().__init__(f"{code}: {message}")
            self.code = code
    ```

    ## Use instead
    ```python
    class Rejected(Exception):
        def __init__(self, code, message):
            super().__init__(code, message)
            self.code = code
            self.message = message

        def __str__(self):
            return f"{self.code}: {self.message}"
    ```

    ## Silent when
    The class never calls `super().__init__()` (then `args` are what it was called with), sets
    `self.args`, defines `__reduce__` or `__new__`, or has bases of other packages; something
    on the way out of the task may catch the exception.

    ## References
    - [Celery: result backends and exceptions](https://docs.celeryq.dev/en/stable/userguide/tasks.html#creating-pickleable-exceptions)
    """

    severity = Severity.WARNING

    def check_task(self, task: Task, file: FileContext) -> Iterator[Finding]:
        if task.function is None or task.function.module is not file.module:
            return
        for found in leaving(file.hub, task):
            flaw = found.flaw
            message = (
                f"`{flaw.cls.name}` {flaw.why}: it leaves `{task.name}` and cannot be made anew,"
                " so that others get another exception"
            )
            steps = (*found.steps, flaw.step)
            yield self.finding(file.place(found.node), message, related=related(steps))
