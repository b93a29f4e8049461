"""Values that tasks return and that nobody reads."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from celery_lint.project.index import is_test_file
from celery_lint.semantics.definition.taskmethods import SEE_RESULTS
from celery_lint.semantics.dispatching.dispatches import SENDING
from celery_lint.semantics.dispatching.inline import given_to_commit
from celery_lint.semantics.inference.values import NONE, BoundMethod, TaskValue
from celery_lint.semantics.model import Dispatch, Task
from celery_lint.semantics.results.stored import NO_BACKEND, backend, ignores_result
from celery_lint.semantics.time.limits import FOREIGN, app_of_task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# How results are read by their ids, and who hears of all of them (celery/result.py, celery/signals.py).
_READERS = ("AsyncResult", "GroupResult", "TaskResult", "task_success", "task_postrun", "ResultSet", "ResultBase")
_CALLBACKS = frozenset({"link", "ignore_result"})


def unread_value(hub: Semantics, task: Task) -> ast.expr | None:
    """A value that a task returns, whose result is stored and that nobody can want; None where somebody may."""
    function = task.function
    if function is None or not function.scan.returns_value or function.is_generator or function.is_async:
        return None
    if ignores_result(hub, task) is not False or task.is_opaque or not _has_backend(hub, task) or _has_readers(hub):
        return None
    if hub.tasks.overrides(task, *SEE_RESULTS):
        return None
    dispatches = [d for d in hub.dispatches_of(task) if d.verb != "retry"]
    if not dispatches or not all(_is_forgotten(hub, d) for d in dispatches) or hub.calls.callers(function) != ():
        return None
    return next(
        (
            statement.value
            for statement, value in hub.flow(function).returns
            if isinstance(statement, ast.Return) and statement.value is not None and value != NONE
            if not _is_replaced(hub, task, statement.value)
        ),
        None,
    )


def _has_backend(hub: Semantics, task: Task) -> bool:
    """Whether results are stored somewhere: where it can be told, or where some setting says so."""
    app = app_of_task(hub, task)
    if app == FOREIGN:
        return False
    kind = backend(hub, task)
    if kind is not None:
        return kind != NO_BACKEND
    return hub.project_settings.is_set("result_backend") or any(
        "backend" in one.keywords for one in hub.project_settings.all_apps
    )


def _has_readers(hub: Semantics) -> bool:
    """Whether the project reads results by their keys, or hears of all of them."""
    return any(not is_test_file(f) for name in _READERS for f in hub.project.mentioning(name))


def _is_forgotten(hub: Semantics, dispatch: Dispatch) -> bool:
    """Whether nobody keeps what a dispatch gives, its key included."""
    if dispatch.verb not in SENDING or _CALLBACKS & dispatch.options.keys():
        return False
    call = dispatch.call
    if dispatch.is_signature:  # `on_commit(partial(task.delay, x))`
        callbacks = [hub.calls.commit_callback(one) for one in dispatch.flow.calls]
        return any(callback is not None and callback.node is call.node for callback in callbacks)
    return call.use == "discarded" or given_to_commit(hub, call.flow.function)


def _is_replaced(hub: Semantics, task: Task, node: ast.expr) -> bool:
    """Whether what is returned is no value, but the task's successor or its next try."""
    assert task.function is not None
    flow = hub.flow(task.function)
    call = flow.events.get(node) if isinstance(node, ast.Call) else None
    callee = call.callee if call is not None else None
    return isinstance(callee, BoundMethod) and isinstance(callee.receiver, TaskValue)
