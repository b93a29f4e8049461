"""CEL117."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.model import Task
from celery_lint.semantics.results.storing import unstorable


class UnserializableResult(Rule):
    """A task returns a value that no JSON result can carry.

    ## What it does
    Reports what a task returns where the result is stored and JSON can't carry it: model
    instances, querysets, sets, generators, iterators, dataclasses, members of a plain
    `Enum`, exceptions and what else CEL104 names, also inside a list, a tuple or a dict.

    ## Why is this bad
    The body has done its work when the worker encodes what it returned:
    `EncodeError: Object of type Order is not JSON serializable`. The task ends as FAILURE,
    the rest of its chain never runs, and who sees the failure may run it again.

    ## Example
    ```python
    @shared_task
    def close(order_id):
        order = Order.objects.get(pk=order_id)
        order.close()
        return order
    ```

    ## Use instead
    ```python
    @shared_task
    def close(order_id):
        order = Order.objects.get(pk=order_id)
        order.close()
        return order.pk
    ```
    or return nothing where nobody reads it.

    ## Silent when
    No result backend is configured, or it stores pickles (`db+`, `result_serializer`); the
    task ignores its result, by `ignore_result`, the setting or how it is sent; the task is
    only called as a function; a decorator may change the value, or a `__call__` of the base class that does not
    return what the body gives;
    the settings can't be read. The result of another task (`return other.delay(x)`) is stored
    as its id.

    ## References
    - [Celery: result backends](https://docs.celeryq.dev/en/stable/userguide/tasks.html#result-backends)
    """

    severity = Severity.ERROR

    def check_task(self, task: Task, file: FileContext) -> Iterator[Finding]:
        if file.is_test:
            return
        for found in unstorable(file.hub, task):
            verb = "holds" if found.inside else "is"
            yield self.finding(
                file.place(found.node),
                f"`{file.text(found.node, 40)}` {verb} {found.what}, which no JSON result can carry:"
                f" `{task.name}` does its work and ends as FAILURE with EncodeError",
            )
