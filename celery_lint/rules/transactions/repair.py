"""What the rules on transactions share: how they name a transaction, and the repair."""

from __future__ import annotations

import ast

from celery_lint.findings import Applicability, DeferToCommit, Fix
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.dispatching.deferral import databases, guard, keeps_arguments, may_be_in_event_loop
from celery_lint.semantics.hub import Semantics
from celery_lint.semantics.inference.values import BoundMethod, TaskValue
from celery_lint.semantics.model import Call, Dispatch
from celery_lint.semantics.transactions.contexts import Transaction, dispatched_name
from celery_lint.semantics.transactions.hazards import Hazard

MAX_PLACES = 5
"""A call that sends at more places than this is for its author to untangle."""
ROBUST_SINCE = (4, 2)
"""Django logs what a callback raises, when asked to (docs.djangoproject.com/en/4.2/releases/4.2/, `robust`)."""


def opened(transaction: Transaction, file: FileContext) -> str:
    """Words for a transaction, seen from a file: `the transaction opened at line 42`."""
    if transaction.kind == "request":
        return f"the transaction of the request ({transaction.opener})"
    if transaction.commit is not None:
        return f"the session's transaction, before the commit at line {transaction.commit}"
    place = transaction.steps[0].place
    row = place.span.start.row
    if place.filename == file.filename:
        return f"the transaction opened at line {row}"
    return f"a transaction (opened in {place.filename}:{row})"


def sending(hazard: Hazard) -> str:
    """Words for what the reported call does: it is the dispatch, or leads to it."""
    dispatch = hazard.dispatch
    if hazard.is_direct and not is_handed_over(dispatch):
        return "is sent"
    return f"sends `{dispatched_name(dispatch)}`"


def is_handed_over(dispatch: Dispatch) -> bool:
    """Whether another function is given the verb to call: `run_in_threadpool(task.delay, key)`."""
    return dispatch.target is not None and any(dispatch.target is argument for argument in dispatch.node.args)


def may_wait_for_commit(hazard: Hazard) -> bool:
    """Whether `on_commit` puts the dispatch off until the row is there.

    SQLAlchemy's sessions and Pyramid's requests have none; and in autocommit it
    calls at once (django/db/backends/base/base.py, `on_commit`), so that a
    dispatch before the row is saved has to move instead.
    """
    if hazard.transaction is not None and not hazard.transaction.is_djangos:
        return False
    role, call = hazard.role, hazard.call
    if role.detail == "pre_save":
        return False
    if role.kind != "model" or call.flow.function is None:
        return True
    name = call.flow.function.name
    return any(each.name == name and _is_supers(each) for each in call.flow.calls if each.index < call.index)


def _is_supers(call: Call) -> bool:
    """Whether it is a call of a method of `super()`."""
    function = call.node.func
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Call)
        and isinstance(function.value.func, ast.Name)
        and function.value.func.id == "super"
    )


def deferred(hazard: Hazard, file: FileContext) -> Fix | None:
    """The dispatch put off until the commit; None where that is not exact.

    Dispatches that helpers make are put off in the helpers: where no transaction is
    open, `on_commit` runs its callback at once (django/db/backends/base/base.py).
    """
    if not may_wait_for_commit(hazard):
        return None
    if hazard.is_direct:
        if hazard.dispatch.call is not hazard.call:
            return None
        dispatches = [hazard.dispatch]
    else:
        dispatches = [reached.dispatch for reached in file.hub.transactions.all_sent(hazard.call)]
    changes = dict.fromkeys(_deferral(hazard, dispatch, file.hub) for dispatch in dispatches)
    exact = tuple(change for change in changes if change is not None)
    if len(exact) < len(changes) or not 0 < len(exact) <= MAX_PLACES:
        return None
    how = f"`{exact[0].method}`" if exact[0].method else "`transaction.on_commit(partial(...))`"
    where = "" if hazard.is_direct else f", in {exact[0].place.filename}:{exact[0].place.span.start.row}"
    others = f" and {len(exact) - 1} more" if len(exact) > 1 else ""
    return Fix(Applicability.UNSAFE, f"Send it after the commit, with {how}{where}{others}", exact)


def _deferral(hazard: Hazard, dispatch: Dispatch, hub: Semantics) -> DeferToCommit | None:
    """How a dispatch is put off."""
    if is_handed_over(dispatch):
        return None  # the callback would run in another thread than the one it is meant for
    if dispatch.call.use != "discarded" or (hazard.using is not None and not hazard.is_direct):
        return None  # its result is used, or the helper does not know the database
    if hazard.call is not dispatch.call and not keeps_arguments(hub, hazard.call):
        return None
    return put_off(dispatch, hazard.using, hub)


def _fits_all_callers(using: str | None, dispatch: Dispatch, hub: Semantics) -> bool:
    """Whether the database to wait for is the one of all transactions that callers open, and its name known here."""
    if isinstance(hub.transactions.around(dispatch.call.frame, dispatch.flow), Transaction):
        return True
    is_known = using is None or using[-1] in "\"'"
    return is_known and databases(hub, dispatch.call) <= {using}


def put_off(dispatch: Dispatch, using: str | None, hub: Semantics, function: str = "{}") -> DeferToCommit | None:
    """The change that sends a task after the commit, with `function` as DeferToCommit has it.

    None where other arguments would be sent then, `on_commit` refuses to work, or waits for
    another database than that of some caller. A failure to send that a `try` handles now is
    left to Django to log, if it can.
    """
    if not keeps_arguments(hub, dispatch.call) or may_be_in_event_loop(hub, dispatch.call):
        return None
    if not _fits_all_callers(using, dispatch, hub):
        return None
    is_robust = (hub.settings.django_version or (0,)) >= ROBUST_SINCE and guard(dispatch.call) is not None
    method = None
    has_method = using is None and not is_robust and may_delay_on_commit(dispatch, hub)
    if dispatch.verb in ("delay", "apply_async") and has_method and function == "{}":
        method = f"{dispatch.verb}_on_commit"
    return DeferToCommit(dispatch.flow.module.source.place(dispatch.node), using, method, function, is_robust)


def may_delay_on_commit(dispatch: Dispatch, hub: Semantics) -> bool:
    """Whether what a dispatch calls is a task, or a method of one, that has `delay_on_commit`: signatures have none."""
    tasks = (c.receiver if isinstance(c, BoundMethod) else c for c in dispatch.call.callee.alternatives())
    return all(isinstance(task, TaskValue) for task in tasks) and hub.has_delay_on_commit(dispatch.task)
