"""CEL204."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import Applicability, Finding, Fix, Import, Replace, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.dispatching.dispatches import SENDING
from celery_lint.semantics.inference.values import CanvasValue, Partial
from celery_lint.semantics.model import Argument, Call, FunctionFlow

# To call one of these is to send it (celery/canvas.py); of the others, and of signatures, it runs the body.
_SENT = frozenset({"chain", "group", "chord", "chunks"})


class OnCommitCalledImmediately(Rule):
    """`on_commit` gets the result of a dispatch instead of a callback.

    ## What it does
    Reports `on_commit(task.delay(x))`, `on_commit(partial(task.delay, x)())` and
    `on_commit(chain(...)())`: the argument is evaluated, and the task sent, before
    `on_commit` is called.

    ## Why is this bad
    The task leaves inside the transaction, where the worker does not see the row yet. Then
    `on_commit` raises `TypeError: on_commit()'s callback must be a callable`, and the
    transaction is rolled back: the task runs for a row that never was.

    ## Example
    ```python
    transaction.on_commit(send_receipt.delay(order.pk))
    ```

    ## Use instead
    ```python
    transaction.on_commit(partial(send_receipt.delay, order.pk))
    ```

    ## Fix safety
    Safe: the present code can only fail.

    ## References
    - [Django: performing actions after commit](https://docs.djangoproject.com/en/stable/topics/db/transactions/#performing-actions-after-commit)
    """

    severity = Severity.ERROR
    fixable = "safe"

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        for call, callback in file.hub.calls.commit_calls(flow):
            if not isinstance(callback.node, ast.Call):
                continue
            inner = flow.events.get(callback.node)
            if inner is None:
                continue
            code = self._callback_code(inner, file)
            if code is None:
                continue
            what = file.text(callback.node.func)
            message = (
                f"`{what}(...)` is called at once and its result given to `on_commit`,"
                " which raises TypeError and rolls back"
            )
            yield self.finding(file.place(call.node), message, fix=self._fix(callback, code, file))

    def _callback_code(self, inner: Call, file: FileContext) -> str | None:
        """The callback that was meant; None when the argument is no dispatch's result."""
        func = inner.node.func
        if isinstance(func, ast.Call) and any(isinstance(c, Partial) for c in inner.callee.alternatives()):
            return file.module.source.segment(func) if not inner.args else None
        if not inner.args and all(isinstance(c, CanvasValue) and c.kind in _SENT for c in inner.callee.alternatives()):
            return file.module.source.segment(func)
        for dispatch in file.hub.dispatches.of_call(inner):
            if (
                dispatch.verb in SENDING | {"send_task"}
                and not dispatch.is_signature
                and dispatch.call is inner
                and dispatch.forwarder is None
            ):
                name = file.module.source.segment(func)
                arguments = [file.module.source.segment(n) for n in (*inner.node.args, *inner.node.keywords)]
                return f"$partial({', '.join([name, *arguments])})" if arguments else name
        return None

    def _fix(self, callback: Argument, code: str, file: FileContext) -> Fix | None:
        if "{}" in code or "#" in code:
            return None
        imports = (Import("functools", "partial"),) if code.startswith("$partial") else ()
        change = Replace(file.place(callback.node), code, imports)
        return Fix(Applicability.SAFE, "Give `on_commit` a callback", (change,))
