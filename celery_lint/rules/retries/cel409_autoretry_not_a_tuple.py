"""CEL409."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Applicability, Finding, Fix, Replace, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.retries.retry_options import (
    AUTORETRY_FOR,
    Fault,
    Stated,
    fault_of,
    has_autoretry,
    made_on,
    stated,
)


class AutoretryNotATuple(Rule):
    """`autoretry_for` is no tuple of exception classes.

    ## What it does
    Reports `autoretry_for` and `dont_autoretry_for` that are a single exception class, None,
    or names of exceptions as texts, in a task's options and in its base class.

    ## Why is this bad
    Celery makes a tuple of what it is given. Of a class that raises `TypeError: 'type'
    object is not iterable`, and not where the task is defined, but where the application
    is first used: the worker does not start. With a text, the task fails with a TypeError
    in the place of the exception that was to be caught.

    ## Example
    ```python
    @shared_task(autoretry_for=ConnectionError)
    def reserve(order_id):
        warehouse.reserve(order_id)
    ```

    ## Use instead
    ```python
    @shared_task(autoretry_for=(ConnectionError,))
    def reserve(order_id):
        warehouse.reserve(order_id)
    ```
    A list or a set will do as well, and `throws=` takes a single class.

    ## Fix safety
    Safe: the class becomes a tuple of one, None an empty one. Texts are left for you to
    replace by the classes that they mean.

    ## References
    - [Celery: automatic retry](https://docs.celeryq.dev/en/stable/userguide/tasks.html#automatic-retry-for-known-exceptions)
    """

    severity = Severity.ERROR
    fixable = "safe"

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        for name in (AUTORETRY_FOR, f"dont_{AUTORETRY_FOR}"):
            for one in stated(file.hub, file.module, name):
                fault = fault_of(one.option.value)
                # Nobody looks at the exceptions of a task that is not retried.
                if fault == "text" and not any(map(has_autoretry, made_on(file.hub, one))):
                    continue
                if fault is not None:
                    yield self._report(name, fault, one, file)

    def _report(self, name: str, fault: Fault, one: Stated, file: FileContext) -> Finding:
        given = f"`{name}` of `{one.owner}`"
        if fault == "text":
            message = f"{given} holds a text and no class: what it is to catch becomes a TypeError"
        else:
            what = "None" if fault == "none" else f"the class `{file.text(one.node)}` alone"
            message = f"{given} is {what} and no tuple: TypeError when the worker starts"
        return self.finding(file.place(one.node), message, fix=_fix(fault, one, file))


def _fix(fault: Fault, one: Stated, file: FileContext) -> Fix | None:
    call = one.task.decorator if one.cls is None and one.task is not None else None
    is_spread = call is not None and any(k.arg is None and k.value is one.node for k in getattr(call, "keywords", ()))
    if fault == "text" or is_spread:
        return None
    code = "()" if fault == "none" else "({},)"
    return Fix(Applicability.SAFE, "Make it a tuple", (Replace(file.place(one.node), code),))
