"""CEL205."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import Applicability, Finding, Fix, Replace, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.dispatching.dispatches import SENDING
from celery_lint.semantics.inference.values import (
    BoundMethod,
    CanvasValue,
    FunctionValue,
    Partial,
    SignatureValue,
    TaskValue,
    Value,
)
from celery_lint.semantics.model import Argument, FunctionFlow, Task


class OnCommitNeverDispatches(Rule):
    """The callback given to `on_commit` does not send the task.

    ## What it does
    Reports callbacks that name a dispatch without calling it (`lambda: task.delay`), that
    build a signature and drop it (`lambda: task.s(x)`, `lambda: chain(...)`), and those
    that run the task's body in this process: `on_commit(task.s(x))`,
    `on_commit(partial(task, x))` and `lambda: task(x)`.

    ## Why is this bad
    The first two do nothing at all, without an error. In the last three the body runs
    in the web process after the commit, where an exception reaches the user and no retry
    takes place: calling a signature calls the task (`Signature.__call__` in
    celery/canvas.py).

    ## Example
    ```python
    transaction.on_commit(lambda: send_receipt.s(order.pk))
    transaction.on_commit(send_receipt.s(order.pk))
    ```

    ## Use instead
    ```python
    transaction.on_commit(partial(send_receipt.delay, order.pk))
    transaction.on_commit(send_receipt.s(order.pk).delay)
    ```
    `on_commit(chain(...))` and `on_commit(group(...))` are right: calling a canvas sends it.

    ## Fix safety
    Safe: the task that was meant to be sent is sent.

    ## References
    - [Celery: signatures](https://docs.celeryq.dev/en/stable/userguide/canvas.html#signatures)
    """

    severity = Severity.ERROR
    fixable = "safe"

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        for call, callback in file.hub.calls.commit_calls(flow):
            for value in callback.value.alternatives():
                found = self._judge(value, callback, file)
                if found is not None:
                    message, code = found
                    yield self.finding(file.place(call.node), message, fix=self._fix(callback, code, file))
                    break

    def _judge(self, value: Value, callback: Argument, file: FileContext) -> tuple[str, str | None] | None:
        """What is wrong with a callback, and the code that was meant."""
        node = callback.node
        if isinstance(value, SignatureValue):
            name = file.text(node)
            return (
                f"`on_commit` calls `{name}`, which runs the task's body in this process: give it `.delay`",
                "{}.delay",
            )
        if isinstance(value, TaskValue):
            text = f"`on_commit` calls `{file.text(node)}`, which runs the task's body in this process"
            if isinstance(value.task, Task) and required(value.task):
                return text, None  # `.delay` would lack the arguments, too
            return f"{text}: give it `.delay`", "{}.delay"
        if isinstance(value, Partial):
            return self._partial(value, node, file)
        if isinstance(value, BoundMethod) and isinstance(value.receiver, TaskValue):
            return self._bound(value, value.receiver, node, file)
        if isinstance(value, FunctionValue) and isinstance(node, ast.Lambda):
            return self._lambda(value, node, file)
        if isinstance(value, FunctionValue) and value.function.parent is not None:
            return self._nested(value, file)
        return None

    def _nested(self, value: FunctionValue, file: FileContext) -> tuple[str, str | None] | None:
        """A nested function whose last statement builds a signature and drops it."""
        body = value.function.body
        if not body or not isinstance(body[-1], (ast.Expr, ast.Return)) or body[-1].value is None:
            return None
        last = body[-1].value
        flow = file.hub.flow(value.function, value.captured)
        if any(file.hub.transactions.sends(call) is not None for call in flow.calls):
            return None
        if isinstance(flow.value(last), (SignatureValue, CanvasValue)) and isinstance(last, (ast.Call, ast.BinOp)):
            return f"`{value.function.name}` builds `{file.text(last)}` and drops it: nothing is sent", None
        return None

    def _partial(self, value: Partial, node: ast.expr, file: FileContext) -> tuple[str, str | None] | None:
        inner = value.function
        if isinstance(inner, TaskValue):
            return f"`{file.text(node)}` runs the task's body in this process instead of sending it", None
        if (
            isinstance(inner, BoundMethod)
            and isinstance(inner.receiver, TaskValue)
            and inner.name in ("s", "si", "signature")
        ):
            return f"`{file.text(node)}` makes a signature and drops it: nothing is sent", None
        return None

    def _bound(
        self, value: BoundMethod, receiver: TaskValue, node: ast.expr, file: FileContext
    ) -> tuple[str, str | None] | None:
        """`on_commit(task.delay)` for a task that needs arguments."""
        task = receiver.task
        if value.name not in SENDING or not isinstance(task, Task) or value.name != "delay":
            return None
        needed = required(task)
        if not needed or task.is_opaque:
            return None
        names = ", ".join(f"`{n}`" for n in needed)
        return (
            f"`{file.text(node)}` is called without arguments after the commit, and `{task.name}` needs {names}:"
            " TypeError, nothing is sent",
            None,
        )

    def _lambda(self, value: FunctionValue, node: ast.Lambda, file: FileContext) -> tuple[str, str | None] | None:
        flow = file.hub.flow(value.function, value.captured)
        body = node.body
        result = flow.value(body)
        text = file.text(body)
        for one in result.alternatives():
            if (
                isinstance(one, BoundMethod)
                and isinstance(one.receiver, (TaskValue, SignatureValue, CanvasValue))
                and one.name in SENDING
            ):
                if not isinstance(body, ast.Attribute):
                    continue
                task = one.receiver.task if isinstance(one.receiver, TaskValue) else None
                code = file.module.source.segment(body) if not isinstance(task, Task) or not required(task) else None
                return f"the callback names `{text}` and does not call it: nothing is sent", code
            if (
                isinstance(one, Partial)
                and isinstance(one.function, BoundMethod)
                and isinstance(one.function.receiver, TaskValue)
            ):
                return (
                    f"the callback makes `{text}` and does not call it: nothing is sent",
                    file.module.source.segment(body),
                )
            if isinstance(one, (SignatureValue, CanvasValue)) and isinstance(body, (ast.Call, ast.BinOp)):
                return (
                    f"the callback builds `{text}` and drops it: nothing is sent",
                    f"({file.module.source.segment(body)}).delay"
                    if isinstance(body, ast.BinOp)
                    else f"{file.module.source.segment(body)}.delay",
                )
        if isinstance(body, ast.Call):
            inner = flow.events.get(body)
            if inner is not None and any(
                isinstance(c, (TaskValue, SignatureValue)) for c in inner.callee.alternatives()
            ):
                return f"`{text}` runs the task's body in this process instead of sending it", None
        return None

    def _fix(self, callback: Argument, code: str | None, file: FileContext) -> Fix | None:
        if code is None or ("{}" in code and code != "{}.delay") or "$" in code or "#" in code:
            return None
        change = Replace(file.place(callback.node), code)
        return Fix(Applicability.SAFE, "Send the task after the commit", (change,), uncovers=("CEL106",))


def required(task: Task) -> list[str]:
    """The parameters that a message must fill."""
    if task.function is None:
        return []
    return [a.arg for a in task.parameters if a.arg not in task.function.defaults]
