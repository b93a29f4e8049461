"""CEL202."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.rules.transactions import repair
from celery_lint.semantics.context import FileContext, related
from celery_lint.semantics.model import FunctionFlow


class DispatchAfterWrite(Rule):
    """A row is written and its key sent to a task at once, in code that may run in a transaction.

    ## What it does
    Reports a dispatch of the key (or the state) of a row that the same function has just
    written, where nothing shows whether a transaction is open around it: callers are not
    all known, or the database settings can't be read. A `countdown` that is there to wait
    for the commit is the same defect.

    ## Why is this bad
    In Django's autocommit mode the row is committed already and nothing goes wrong. It
    goes wrong on the day a caller, a decorator or ATOMIC_REQUESTS opens a transaction
    around this function: the task then runs before the commit and does not find the row.
    Outside a transaction `on_commit` runs its callback at once, so deferring is right in
    both worlds.

    ## Example
    ```python
    def register(data):
        user = User.objects.create(**data)
        send_welcome.delay(user.pk)
    ```

    ## Use instead
    ```python
    def register(data):
        user = User.objects.create(**data)
        transaction.on_commit(partial(send_welcome.delay, user.pk))
    ```

    ## Silent when
    The settings can be read and have no ATOMIC_REQUESTS, and every caller is known and
    outside a transaction; in tasks and management commands. `require-on-commit = true`
    reports those as well.

    ## Fix safety
    Unsafe: the call's AsyncResult is lost, and a dispatch that fails does so at the commit,
    out of reach of a `try` around it; where the project needs Django 4.2 or newer, the fix
    asks Django to log what such a `try` handles now (`robust=True`). None is offered for a
    list or dictionary that is changed after the dispatch, and in a coroutine, where
    `on_commit` raises SynchronousOnlyOperation. Where helpers send the task, the fix is made
    in the helpers, for all who call them: outside a transaction `on_commit` sends at once.

    ## Options
    `require-on-commit`, `atomic-requests`

    ## References
    - [Django: performing actions after commit](https://docs.djangoproject.com/en/stable/topics/db/transactions/#performing-actions-after-commit)
    """

    severity = Severity.WARNING
    fixable = "unsafe"

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        if file.is_test or file.is_migration:
            return
        for hazard in file.hub.hazards.of_flow(flow):
            if hazard.kind != "write" or hazard.write is None:
                continue
            what = file.text(hazard.call.node.func)
            write = hazard.write.call
            row = f"line {write.node.lineno}"
            if write.flow.module is not file.module:
                row = f"{write.flow.module.filename}:{write.node.lineno}"
            countdown = hazard.dispatch.options.get("countdown")
            hint = ", and its countdown only makes that rarer" if countdown is not None else ""
            message = (
                f"`{what}(...)` sends a row that {row} has just written: in a transaction of any caller the"
                f" worker may not find it{hint}"
            )
            yield self.finding(
                file.place(hazard.call.node),
                message,
                related=related(hazard.steps),
                fix=repair.deferred(hazard, file),
            )
