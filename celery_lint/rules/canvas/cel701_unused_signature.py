"""CEL701."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import Applicability, Finding, Fix, Replace, Severity
from celery_lint.project.syntax import walk
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.dispatching.unsent import Unsent, unsent
from celery_lint.semantics.model import Dispatch, FunctionFlow


class UnusedSignature(Rule):
    """A signature, chain, group or chord is built, and nothing sends it.

    ## What it does
    Reports `task.s(...)`, `a.s() | b.s()`, `chain(...)`, `group(...)`, `chord(...)`,
    `task.map(...)` and the like that are dropped where they are built, that are kept in a
    variable or a list which nothing reads, or that a task returns. A call of the project's
    own function that only builds one and returns it is reported where its value is dropped.

    ## Why is this bad
    To build a signature sends nothing, and says nothing: the tasks never run. One that a task
    returns is no exception: Celery stores it as the task's result, as a dictionary, and the
    task that seemed to start the others ends as SUCCESS.

    ## Example
    ```python
    def confirm(order_id):
        chain(charge.s(order_id), send_receipt.s())
    ```

    ## Use instead
    ```python
    def confirm(order_id):
        chain(charge.s(order_id), send_receipt.s()).delay()
    ```
    In a task that is to be continued by others, `return self.replace(chain(...))`.

    ## Silent when
    It is returned by what is no task, stored, or passed on, as `on_commit(chain(...))` sends
    it; in tests, which build what they only look at. A task that returns one is left alone
    where its callers use it as a function, where its class or a decorator may take up what it
    returns, and where a function that makes signatures of what it is given
    (`maybe_signature(...)`) may read it. CEL205 reports callbacks of `on_commit` that only
    build one.

    ## Fix safety
    Unsafe: tasks run that have not run so far. Offered for what is dropped where it is built,
    outside transactions.

    ## References
    - [Celery: designing workflows](https://docs.celeryq.dev/en/stable/userguide/canvas.html)
    """

    severity = Severity.ERROR
    fixable = "unsafe"

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        for found in () if file.is_test else unsent(file.hub, flow):
            text = file.text(found.node)
            if found.task is not None:
                message = f"`{found.task.name}` returns `{text}`, which is stored as its result and never sent"
            elif found.way == "kept":
                message = f"`{text}` is kept in `{found.name}`, which nothing reads: it is never sent"
            elif isinstance(found.node, ast.Attribute):
                message = f"`{text}` is not called: nothing is sent"
            else:
                message = f"`{text}` is built and dropped: nothing is sent"
            yield self.finding(file.place(found.node), message, fix=self._fix(found, flow, file))

    def _fix(self, found: Unsent, flow: FunctionFlow, file: FileContext) -> Fix | None:
        if found.way != "dropped" or isinstance(found.node, ast.IfExp):
            return None
        inside = [flow.events[n] for n in walk(found.node) if isinstance(n, ast.Call)]
        given = tuple(sent for call in inside for part in file.hub.dispatches.of_call(call) for sent in part.sent)
        if not inside or file.hub.hazards.if_sent(Dispatch(inside[0], "delay", None, given)) is not None:
            return None  # to send it here would be another defect
        change = Replace(file.place(found.node), "{}()" if isinstance(found.node, ast.Attribute) else "{}.delay()")
        return Fix(Applicability.UNSAFE, "Send it", (change,))
