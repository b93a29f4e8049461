"""CEL208."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import Finding, Related, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.model import Call, FunctionFlow
from celery_lint.semantics.transactions.oncommit import gives_none, use_of_none, without_method


class DelayOnCommitResult(Rule):
    """`delay_on_commit()` is asked for a result, or of something that has no such method.

    ## What it does
    Reports a use of what `delay_on_commit()` or `apply_async_on_commit()` returns: an
    attribute of it, also through a variable or a helper that returns it, or a place that
    keeps it. And a call of one of them on a signature, a chain or a group, and on a task
    whose class does not have it.

    ## Why is this bad
    Both methods return None: the message is sent after the commit, and there is no result
    before that. `.id` is an AttributeError, and a stored task id is NULL. The methods come
    from Celery's `DjangoTask`. Signatures have none, and neither have tasks made on a class
    of your own below `celery.Task`: AttributeError, and the transaction is rolled back.

    ## Example
    ```python
    result = send_receipt.delay_on_commit(order.pk)
    return JsonResponse({"task": result.id})
    ```

    ## Use instead
    ```python
    task_id = uuid()
    send_receipt.apply_async_on_commit(args=(order.pk,), task_id=task_id)
    return JsonResponse({"task": task_id})
    ```
    A class of your own derives from `celery.contrib.django.task.DjangoTask`, and a signature
    is sent by `transaction.on_commit(signature.delay)`.

    ## Silent when
    The result is returned or tested, or the variable may hold another one; the task's class
    has a base that is not known, or is the application's own `app.Task`.

    ## References
    - [Celery: trigger tasks at the end of the database transaction](https://docs.celeryq.dev/en/stable/django/first-steps-with-django.html#trigger-tasks-at-the-end-of-the-database-transaction)
    """

    severity = Severity.ERROR

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        if file.is_test:
            return
        given = {argument.node for _, argument in file.hub.calls.commit_calls(flow)}
        for call in flow.calls:
            lacking = without_method(file.hub, call)
            if lacking is not None:
                message = f"{lacking} has no `{call.name}`: AttributeError, nothing is sent"
                yield self.finding(file.place(call.node), message)
            elif call.node not in given and gives_none(file.hub, call):
                use = use_of_none(call)
                if use is not None:
                    yield self._report(call, use, file)

    def _report(self, call: Call, use: ast.expr, file: FileContext) -> Finding:
        what = f"`{file.text(call.node.func)}()` gives None, the task is sent after the commit"
        if isinstance(use, ast.Attribute) and isinstance(use.ctx, ast.Load):
            message = f"{what}: `.{use.attr}` raises AttributeError"
        else:
            message = f"{what}: there is no result to keep"
        notes = () if use is call.node else (Related("used here", file.place(use)),)
        return self.finding(file.place(call.node), message, related=notes)
