"""CEL304."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import AddArguments, Applicability, Finding, Fix, Severity
from celery_lint.project.syntax import own_nodes
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.exceptions.handlers import Catch
from celery_lint.semantics.model import Call, FunctionFlow
from celery_lint.semantics.retries.retrying import around, given, knows_its_end, retry_calls


class RetryWithoutExc(Rule):
    """`self.retry()` in an `except` handler is not told of the exception.

    ## What it does
    Reports a call of a task's `retry` inside an `except` clause without `exc=`.

    ## Why is this bad
    Once the retries are used up, `retry` raises the exception that it was given, and
    without one `MaxRetriesExceededError`. That is what is stored, what the caller's `get()`
    raises, what error trackers group by and what `throws` is compared with: the failures of
    all causes look the same. The real one is left in the traceback alone.

    ## Example
    ```python
    except CarrierDown:
        raise self.retry(countdown=60)
    ```

    ## Use instead
    ```python
    except CarrierDown as exc:
        raise self.retry(exc=exc, countdown=60)
    ```

    ## Silent when
    The task sees to the end of its retries: it asks for `self.request.retries` or
    `self.max_retries`, catches `MaxRetriesExceededError`, or has `max_retries=None`. So are
    calls with options that can't be read.

    ## Fix safety
    Safe: only the exception at the end of the retries is another. The handler must have
    a name for its exception already.

    ## References
    - [Celery: retrying](https://docs.celeryq.dev/en/stable/userguide/tasks.html#retrying)
    """

    severity = Severity.ADVICE
    fixable = "safe"

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        for call in retry_calls(file.hub, flow):
            arguments, catch = given(call), around(call)
            if catch is None or arguments is None or "exc" in arguments or knows_its_end(file.hub, call):
                continue
            caught = file.text(catch.node.type) if isinstance(catch.node, ast.ExceptHandler) and catch.node.type else ""
            message = (
                f"`{file.text(call.node, 40)}` without `exc`: once the retries are used up, MaxRetriesExceededError"
                f" stands in the place of {f'`{caught}`' if caught else 'what went wrong'}"
            )
            yield self.finding(file.place(call.node), message, fix=_fix(call, catch, file))


def _fix(call: Call, catch: Catch, file: FileContext) -> Fix | None:
    name = catch.name
    is_rebound = any(
        isinstance(n, ast.Name) and n.id == name and not isinstance(n.ctx, ast.Load) for n in own_nodes(catch.body)
    )
    if name is None or is_rebound or call.positional:
        return None
    change = AddArguments(file.place(call.node), (("exc", name),))
    return Fix(Applicability.SAFE, f"Pass `exc={name}`", (change,))
