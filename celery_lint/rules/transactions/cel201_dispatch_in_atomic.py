"""CEL201."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.rules.transactions import repair
from celery_lint.semantics.context import FileContext, related
from celery_lint.semantics.model import FunctionFlow


class DispatchInAtomic(Rule):
    """A task is sent inside a database transaction.

    ## What it does
    Reports a dispatch that runs while a transaction is open: in `with atomic():`, under
    `@atomic` or a project's own wrapper of it, in a view under ATOMIC_REQUESTS, in a
    function that such a block calls (through any number of calls and modules), and for
    SQLAlchemy in blocks that commit when they end (a context manager or unit of work of the
    project's own, too) and between a session's write and its commit, be they made in helpers.
    A row whose attribute is set counts as written. Callbacks of `on_commit`, methods
    such as `delay_on_commit` and task classes that wait for the commit are silent, and so
    are transactions that write nothing on any way that passes the dispatch (a lock alone, a
    helper that only reads), or that are opened on a database which is only read by its name
    (`using="replica"`). What a model's `save()` sends for new rows alone (`if is_new:`) is
    not reported where a row that was read is saved again, and neither is an outbox:
    `send_task` with a name that a row holds.

    ## Why is this bad
    The worker is often faster than the commit. It finds no row (`DoesNotExist`), or the
    row as it was before the transaction, without any error. When the transaction is
    rolled back, the task runs all the same. Tests in eager mode never show it: there the
    task runs inside the transaction.

    ## Example
    ```python
    with transaction.atomic():
        order = Order.objects.create(...)
        send_receipt.delay(order.pk)
    ```

    ## Use instead
    ```python
    with transaction.atomic():
        order = Order.objects.create(...)
        transaction.on_commit(partial(send_receipt.delay, order.pk))
    ```
    With Celery 5.4 or newer and Django, `send_receipt.delay_on_commit(order.pk)` does the
    same.

    ## Fix safety
    Unsafe: the call's AsyncResult is lost, the task is not sent when something later
    rolls the transaction back, and tests that run in a transaction never reach the commit
    (use `captureOnCommitCallbacks(execute=True)`). A dispatch that fails does so at the
    commit, out of reach of a `try` around it; where the project needs Django 4.2 or newer,
    the fix asks Django to log what such a `try` handles now (`robust=True`). None is offered
    for a list or dictionary that is changed after the dispatch, as the callback would send
    it as it is at the commit; in a coroutine, where `on_commit` raises
    SynchronousOnlyOperation; and in a helper whose callers open transactions on several
    databases. Where helpers send the task, the fix is made in the helpers, for all who call
    them: outside a transaction `on_commit` sends at once.

    ## Options
    `on-commit-wrappers`, `atomic-requests`

    ## References
    - [Celery: database transactions](https://docs.celeryq.dev/en/stable/userguide/tasks.html#database-transactions)
    - [Django: performing actions after commit](https://docs.djangoproject.com/en/stable/topics/db/transactions/#performing-actions-after-commit)
    """

    severity = Severity.ERROR
    fixable = "unsafe"

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        if file.is_test or file.is_migration:
            return
        for hazard in file.hub.hazards.of_flow(flow):
            if hazard.kind != "atomic" or hazard.transaction is None:
                continue
            what = file.text(hazard.call.node.func)
            opened = repair.opened(hazard.transaction, file)
            message = (
                f"`{what}(...)` {repair.sending(hazard)} inside {opened}:"
                " the worker may run before the commit, and runs even after a rollback"
            )
            yield self.finding(
                file.place(hazard.call.node),
                message,
                related=related(hazard.steps),
                fix=repair.deferred(hazard, file),
            )
