"""CEL203."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.rules.transactions import repair
from celery_lint.semantics.context import FileContext, related
from celery_lint.semantics.model import FunctionFlow
from celery_lint.semantics.transactions.hazards import Hazard


class DispatchInSignal(Rule):
    """A task is sent while the framework saves or deletes a row.

    ## What it does
    Reports a dispatch, direct or through helpers, in a handler of a model signal, in a
    model's own `save()` or `delete()`, in the admin's `save_model()` and its kin, and in
    functions that only such code calls.

    ## Why is this bad
    The code does not decide whether a transaction is open: whoever saves the row does.
    Django itself always opens one around `pre_delete`, `post_delete`, `m2m_changed`,
    `get_or_create()`, `update_or_create()` and every change in the admin; at `pre_save`
    the row is not even written. The task then reads the old row, or none.

    ## Example
    ```python
    @receiver(post_save, sender=Order)
    def announce(sender, instance, **kwargs):
        index_order.delay(instance.pk)
    ```

    ## Use instead
    ```python
    @receiver(post_save, sender=Order)
    def announce(sender, instance, **kwargs):
        transaction.on_commit(partial(index_order.delay, instance.pk))
    ```

    ## Severity
    An error where a transaction is certain or the row not yet written (`pre_save`,
    `pre_delete`, `post_delete`, `m2m_changed`, the admin); a warning at `post_save` and in
    `save()`, where it depends on the saver.

    ## Fix safety
    Unsafe: the call's AsyncResult is lost, and the task is not sent when the transaction
    is rolled back; a task that reads a row which is being deleted finds it before the commit
    at best, and never after it. A `try` around the dispatch no longer handles its failure;
    where the project needs Django 4.2 or newer, the fix asks Django to log it instead
    (`robust=True`). None is offered for a list or dictionary that is changed after the
    dispatch, and in a coroutine, where `on_commit` raises SynchronousOnlyOperation. Where
    the row is written after the dispatch (`pre_save`, `save()` before `super().save()`) none
    is offered either: outside of a transaction `on_commit` calls at once, so that the
    dispatch has to move.

    ## References
    - [Django: signals and transactions](https://docs.djangoproject.com/en/stable/topics/db/transactions/#performing-actions-after-commit)
    """

    severity = Severity.WARNING
    fixable = "unsafe"

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        if file.is_test or file.is_migration:
            return
        for hazard in file.hub.hazards.of_flow(flow):
            if hazard.kind == "hook":
                yield self.finding(
                    file.place(hazard.call.node),
                    f"`{file.text(hazard.call.node.func)}(...)` {self._what(hazard)}",
                    related=related(hazard.steps),
                    fix=repair.deferred(hazard, file),
                    severity=hazard.severity,
                )

    def _what(self, hazard: Hazard) -> str:
        role, sends = hazard.role, repair.sending(hazard)
        if role.detail == "pre_save":
            return f"{sends} at `pre_save`, before the row is written: the task reads the old row, or none"
        if hazard.transaction is not None and hazard.transaction.kind == "request":
            where = f"inside the transaction of the request ({hazard.transaction.opener})"
        elif role.kind == "admin":
            where = "inside the transaction that the admin opens"
        elif role.kind == "signal" and role.always_atomic:
            where = f"at `{role.detail}`, inside the transaction that Django opens"
        elif role.kind == "signal":
            where = f"at `{role.detail}`, in whatever transaction the saver has open"
        elif role.kind == "model":
            where = "while the row is saved, in whatever transaction the saver has open"
        else:
            where = "in code that only signal handlers and `save()` call"
        return f"{sends} {where}: the worker may run before the commit"
