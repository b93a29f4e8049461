"""CEL207."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import AddArguments, Applicability, Finding, Fix, Severity
from celery_lint.rules.base import Rule
from celery_lint.rules.transactions.repair import put_off
from celery_lint.semantics.context import FileContext, related
from celery_lint.semantics.inference.values import External
from celery_lint.semantics.model import FunctionFlow
from celery_lint.semantics.transactions.aliases import Mismatch, mismatches


class OnCommitOtherDatabase(Rule):
    """`on_commit` waits for another database than that of the transaction around it.

    ## What it does
    Reports `on_commit` inside `atomic(using="archive")` that has no `using`, or another one,
    also where a helper of the project calls it, and `delay_on_commit` in such a block, which
    always waits for the default database.

    ## Why is this bad
    Each database has a transaction of its own. Where none is open on the database that
    `on_commit` is told of, it calls at once: the task is sent in the middle of the
    transaction, and the worker does not find the row. If that transaction is rolled back,
    the task runs all the same.

    ## Example
    ```python
    with transaction.atomic(using="archive"):
        order = Order.objects.using("archive").create(customer=customer)
        transaction.on_commit(partial(send_receipt.delay, order.pk))
    ```

    ## Use instead
    ```python
    with transaction.atomic(using="archive"):
        order = Order.objects.using("archive").create(customer=customer)
        transaction.on_commit(partial(send_receipt.delay, order.pk), using="archive")
    ```

    ## Silent when
    A transaction of the database that `on_commit` waits for may be open as well, opened by
    the function, by a caller or by `ATOMIC_REQUESTS`; one of the two aliases can't be told.

    ## Fix safety
    Safe: it waits for the transaction in which it stands.

    ## References
    - [Django: performing actions after commit](https://docs.djangoproject.com/en/stable/topics/db/transactions/#performing-actions-after-commit)
    """

    severity = Severity.ERROR
    fixable = "safe"

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        if file.is_test:
            return
        for found in mismatches(file.hub, flow):
            what = file.text(found.call.node.func)
            message = (
                f"`{what}` waits for the database `{found.waits_for}`, and the transaction is one of `{found.opened}`:"
                " the task is sent before the commit"
            )
            place = file.place(found.call.node)
            yield self.finding(place, message, related=related(found.transaction.steps), fix=_fix(found, file))


def _fix(found: Mismatch, file: FileContext) -> Fix | None:
    call, code = found.call, found.code or '"default"'
    message = f"Wait for the commit of `{found.opened}`"
    if isinstance(call.callee, External):
        if len(call.positional) > 1 or call.is_opaque:
            return None
        return Fix(Applicability.SAFE, message, (AddArguments(file.place(call.node), (("using", code),)),))
    func = call.node.func
    dispatch = next(iter(file.hub.dispatches.of_call(call)), None)
    if dispatch is None or not isinstance(func, ast.Attribute) or call.use != "discarded":
        return None
    method = f"{file.module.source.segment(func.value)}.{func.attr.removesuffix('_on_commit')}"
    change = put_off(dispatch, code, file.hub, method) if not {"{", "$", "#"} & set(method) else None
    return Fix(Applicability.SAFE, message, (change,)) if change is not None else None
