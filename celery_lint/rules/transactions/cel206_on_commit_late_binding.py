"""CEL206."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import Applicability, Finding, Fix, Import, Related, Replace, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.inference.closures import Rebinding, late_bindings, may_be_bound_now
from celery_lint.semantics.inference.values import FunctionValue
from celery_lint.semantics.model import Call, FunctionFlow


class OnCommitLateBinding(Rule):
    """A callback given to `on_commit` reads a variable that has changed by the commit.

    ## What it does
    Reports a lambda or nested function handed to `on_commit` that reads a loop variable,
    a variable that is bound anew later, or the key of a row that is deleted before the
    commit, where the transaction lies around all of that.

    ## Why is this bad
    The callback runs at the commit, and looks its variables up then: every callback of
    the loop sees the last value. One row is handled many times, the others never. Django
    sets the key of a deleted row to None.

    ## Example
    ```python
    with transaction.atomic():
        for order in orders:
            transaction.on_commit(lambda: send_receipt.delay(order.pk))
    ```

    ## Use instead
    ```python
    with transaction.atomic():
        for order in orders:
            transaction.on_commit(partial(send_receipt.delay, order.pk))
    ```

    ## Silent when
    The transaction is opened and committed inside the loop's body: the callback then runs
    before the next turn.

    ## Fix safety
    Safe: `partial` keeps the values of the moment. None is offered where these are not the
    values that are meant: the row is saved for the first time after the call of `on_commit`,
    what the callback reads is worked on further, or an argument calls something.

    ## References
    - [Python: why do lambdas defined in a loop all return the same result](https://docs.python.org/3/faq/programming.html#why-do-lambdas-defined-in-a-loop-with-different-values-all-return-the-same-result)
    """

    severity = Severity.ERROR
    fixable = "safe"

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        for call, callback in file.hub.calls.commit_calls(flow):
            for value in callback.value.alternatives():
                if isinstance(value, FunctionValue) and value.function.parent is not None:
                    rebinding = late_bindings(file.hub, call, value.function)
                    if rebinding is not None:
                        yield self._report(call, callback.node, value, rebinding, file)
                    break

    def _report(
        self, call: Call, node: ast.expr, callback: FunctionValue, rebinding: Rebinding, file: FileContext
    ) -> Finding:
        name = rebinding.name
        what = {
            "loop": f"runs at the commit, after the loop: every callback sees the last `{name}`",
            "later": f"runs at the commit, when `{name}` is what line {rebinding.place.span.start.row} made of it",
            "deleted": f"runs at the commit, when `{name}` is None: the row is deleted before",
        }[rebinding.kind]
        note = {"loop": "the loop binds it", "later": "bound anew here", "deleted": "deleted here"}[rebinding.kind]
        severity = Severity.ERROR if rebinding.in_transaction else Severity.WARNING
        return self.finding(
            file.place(call.node),
            f"the callback {what}",
            related=(Related(note, rebinding.place),),
            fix=self._fix(call, node, callback, file) if self._helps(rebinding, call) else None,
            severity=severity,
        )

    def _helps(self, rebinding: Rebinding, call: Call) -> bool:
        """Whether the value of the moment is the right one: not after the row is gone."""
        return rebinding.kind != "deleted" or rebinding.place.span.start.row > call.node.lineno

    def _fix(self, call: Call, node: ast.expr, callback: FunctionValue, file: FileContext) -> Fix | None:
        if not isinstance(node, ast.Lambda) or not isinstance(node.body, ast.Call) or callback.function.parameters:
            return None
        source = file.module.source
        body = node.body
        values = [*body.args, *(keyword.value for keyword in body.keywords)]
        if not may_be_bound_now(file.hub, call, callback, values):
            return None
        parts = [source.segment(n) for n in (body.func, *body.args, *body.keywords)]
        code = f"$partial({', '.join(parts)})"
        if "{}" in code or "#" in code or not isinstance(body.func, (ast.Name, ast.Attribute)):
            return None
        change = Replace(file.place(node), code, (Import("functools", "partial"),))
        return Fix(Applicability.SAFE, "Bind the values now, with `partial`", (change,))
