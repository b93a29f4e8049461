"""CEL309."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import Applicability, Change, Finding, Fix, NameArgument, Replace, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.model import Argument, Call, FunctionFlow
from celery_lint.semantics.retries.retrying import Kind, given, kind_of, retry_calls

_MEANT = {"exception": "exc", "number": "countdown"}
_OUTCOMES = {
    "args": "the retry is not sent, TypeError or Reject ends the run",
    "kwargs": "the retry is not sent, and the message is rejected",
    "exc": "once the retries are used up, TypeError hides what went wrong",
}


class RetryPositionalArgument(Rule):
    """`self.retry()` gets an argument in the place of another.

    ## What it does
    Reports an exception, a number or a text that a task's `retry` gets as `args` or `kwargs`,
    by position or by keyword, and a text or a number as `exc`.

    ## Why is this bad
    The parameters are `retry(args, kwargs, exc, throw, eta, countdown, max_retries)`: the
    first is the arguments for the next run. `self.retry(exc)` and `self.retry(60)` try to
    send an exception or a number as the list of arguments, which fails with TypeError: there
    is no retry at all, and the error that should be retried is gone. A text as `exc` works
    until the retries are used up. Then it is raised, and Python raises
    `TypeError: exceptions must derive from BaseException` instead.

    ## Example
    ```python
    except CarrierDown as exc:
        raise self.retry(exc)
    ```

    ## Use instead
    ```python
    except CarrierDown as exc:
        raise self.retry(exc=exc)
    ```

    ## Silent when
    It is not certain what is passed, or the task's class has a `retry` of its own.

    ## Fix safety
    Safe: the call fails as it stands. There is none where the keyword is given as well.

    ## References
    - [Celery: Task.retry](https://docs.celeryq.dev/en/stable/reference/celery.app.task.html#celery.app.task.Task.retry)
    """

    severity = Severity.ERROR
    fixable = "safe"

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        for call in retry_calls(file.hub, flow):
            arguments = given(call) or {}
            for name in ("args", "kwargs", "exc"):
                arg = arguments.get(name)
                kind = kind_of(file.hub, arg, flow) if arg is not None else None
                if arg is None or kind is None or (name, kind) == ("exc", "exception"):
                    continue
                message = f"`{file.text(call.node, 40)}` gives {_a(kind)} as `{name}`: {_OUTCOMES[name]}"
                yield self.finding(file.place(call.node), message, fix=self._fix(call, name, arg, kind, file))
                break

    def _fix(self, call: Call, name: str, arg: Argument, kind: Kind, file: FileContext) -> Fix | None:
        change: Change | None = None
        if name == "exc":
            whole = _told(arg.node)
            inner = given(call) is not None and whole is not None and call.flow.value(whole)
            if whole is not None and inner and kind_of(file.hub, Argument(whole, inner), call.flow) == "exception":
                change = Replace(file.place(arg.node), file.module.source.segment(whole))
            label = "Pass the exception itself"
        else:
            meant = _MEANT.get(kind)
            label = f"Pass it as `{meant}`"
            if meant is not None and arg.keyword is None and meant not in (given(call) or {}):
                change = NameArgument(file.place(arg.node), meant)
        return Fix(Applicability.SAFE, label, (change,)) if change is not None else None


def _a(kind: Kind) -> str:
    return "an exception" if kind == "exception" else f"a {kind}"


def _told(node: ast.expr) -> ast.expr | None:
    """What a text is made of: `exc` of `str(exc)`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("str", "repr"):
        return node.args[0] if len(node.args) == 1 and not node.keywords else None
    return None
