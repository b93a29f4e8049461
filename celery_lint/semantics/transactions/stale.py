"""Rows that are written after a task was sent their key, and what of them the task reads."""

from __future__ import annotations

import ast
from collections.abc import Collection as AnyOf
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class, Function
from celery_lint.project.syntax import own_nodes
from celery_lint.records import record
from celery_lint.semantics.calls.callgraph import Target
from celery_lint.semantics.dispatching.signatures import signatures_sent
from celery_lint.semantics.frameworks.generic_views import columns_saved
from celery_lint.semantics.inference.values import (
    BoundMethod,
    Collection,
    Constant,
    KeyValue,
    ManagerValue,
    ModelValue,
    Origin,
    Parameter,
    QuerySetValue,
    ResultValue,
    Value,
)
from celery_lint.semantics.model import Call, Dispatch, FunctionFlow, Task, Write
from celery_lint.semantics.transactions.reads import is_part_of
from celery_lint.semantics.transactions.writes import may_follow, origin_of, same_row

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

MAX_HELPERS = 2
_SAVES = frozenset({"save", "asave"})
_DELETES = frozenset({"delete", "adelete"})
_UPDATES = frozenset({"update", "aupdate"})
_WAITS = frozenset({"get", "wait", "join"})
_KEYS = frozenset({"pk", "id"})
_LATER = ("countdown", "eta")


@record()
class Stale:
    """A dispatch, and the write after it. `column` is what the task reads; empty where the row comes or goes."""

    dispatch: Dispatch
    task: Task
    write: Write
    column: str


def stale(hub: Semantics, flow: FunctionFlow) -> Iterator[Stale]:
    """The dispatches of a body whose tasks may read a row as it was before a later write of it."""
    for dispatch in hub.dispatches.of_flow(flow):
        task = dispatch.task
        if task is None or task.function is None or not _leaves_at_once(hub, dispatch):
            continue
        rows = [origin_of(value) for value in _sent(hub, dispatch) if not isinstance(value, ModelValue)]
        for write in hub.writes.of_flow(flow) if any(rows) else ():
            if any(same_row(write.origin, row) for row in rows) and _comes_after(dispatch.call, write.call):
                column = _read_by(hub, task, dispatch, write)
                if column is not None and not _is_sent_again(hub, dispatch, write):
                    yield Stale(dispatch, task, write, column)
                    break


def _sent(hub: Semantics, dispatch: Dispatch) -> Sequence[Value]:
    """What a task is sent: the arguments of the dispatch, and before them those of the signature that it sends."""
    made = (one for one in signatures_sent(hub, dispatch.call) if one.task is dispatch.task)
    return [sent.value for one in (*made, dispatch) for sent in one.sent]


def _is_sent_again(hub: Semantics, dispatch: Dispatch, write: Write) -> bool:
    """Whether the same task is sent once more after the write, and reads what is written then."""
    return any(
        other.task is dispatch.task
        and other.call.index > write.call.index
        and other.call.frame.encloses(write.call.frame)
        and any(same_row(origin_of(sent.value), write.origin) for sent in other.sent)
        for other in hub.dispatches.of_flow(dispatch.call.flow)
    )


def _leaves_at_once(hub: Semantics, dispatch: Dispatch) -> bool:
    return hub.transactions.is_immediate(dispatch) and not any(name in dispatch.options for name in _LATER)


def _comes_after(call: Call, write: Call) -> bool:
    """Whether a write may follow a dispatch that was sent, and nobody waits for the task in between."""
    if write.index <= call.index or is_part_of(call, write) or not may_follow(call.frame, write.frame, call.flow):
        return False
    handlers = {one.node for one in write.frame.chain() if one.kind == "handler"}
    tried = [one.node for one in call.frame.chain() if one.kind == "try" and isinstance(one.node, ast.Try)]
    if any(handler in handlers for statement in tried for handler in statement.handlers):
        return False  # written because it could not be sent
    between = call.flow.calls[call.index + 1 : write.index]
    return not any(
        isinstance(one, BoundMethod) and isinstance(one.receiver, ResultValue) and one.name in _WAITS
        for each in between
        for one in each.callee.alternatives()
    )


def _read_by(hub: Semantics, task: Task, dispatch: Dispatch, write: Write) -> str | None:
    """The column that a write changes and a task reads; empty when it reads the row, which comes or goes as a whole."""
    assert task.function is not None
    model = write.model or _model_sent(hub, dispatch, write)
    if model is None:
        return None
    if write.verb in _DELETES or _is_first_save(dispatch.call, write):
        return "" if _loads(hub, task.function, model) else None
    columns = _columns(hub, dispatch.call, write)
    return next(iter(sorted(_columns_read(hub, task.function, model, columns))), None) if columns else None


def _model_sent(hub: Semantics, dispatch: Dispatch, write: Write) -> Class | str | None:
    """The model of the row whose key a dispatch sends."""
    keys = (value for value in _sent(hub, dispatch) if isinstance(value, KeyValue))
    return next((key.model for key in keys if same_row(key.origin, write.origin)), None)


def _is_first_save(call: Call, write: Write) -> bool:
    """Whether a row that the body has made in memory is saved for the first time."""
    origin = write.origin
    if origin is None or not origin.built or write.verb not in _SAVES:
        return False
    earlier = (one for one in call.flow.calls[: call.index] if one.name in _SAVES)
    return not any(same_row(_row_of(one), origin) for one in earlier)


def _row_of(call: Call) -> Origin | None:
    func = call.node.func
    return origin_of(call.flow.value(func.value)) if isinstance(func, ast.Attribute) else None


def _columns(hub: Semantics, call: Call, write: Write) -> frozenset[str]:
    """The columns that a write surely changes after a dispatch."""
    if write.verb in _UPDATES:
        return frozenset(arg.keyword for arg in write.call.args if arg.keyword is not None)
    from_input = columns_saved(hub, write.call)
    if from_input:
        return from_input
    helpers = [hub.flow(target.function) for target in hub.calls.targets(write.call) if not target.deferred]
    saves = [one for flow in helpers for one in flow.calls if one.name in _SAVES]
    if write.call.name in _SAVES:
        saves = [write.call]
    if not saves:
        return frozenset()
    set_there = {
        store.target.attr
        for flow in helpers
        for store in flow.stores
        if isinstance(store.receiver, (ModelValue, Parameter))
    }
    saved = max((one.index for one in _saves_before(call, write)), default=-1)
    set_since = {
        store.target.attr
        for store in call.flow.stores
        if saved < store.index <= write.call.index and same_row(origin_of(store.receiver), write.origin)
    }
    columns = set_since | set_there
    if columns & _KEYS:
        return frozenset()  # a copy: another row from then on
    for save in saves:
        named = save.keyword("update_fields")
        listed = named.value.items if named is not None and isinstance(named.value, Collection) else None
        if named is not None:
            columns &= {c.value for c in listed or () if isinstance(c, Constant) and isinstance(c.value, str)}
    return frozenset(columns)


def _saves_before(call: Call, write: Write) -> Iterator[Call]:
    for one in call.flow.calls[: call.index]:
        if one.name in _SAVES and same_row(_row_of(one), write.origin) and one.frame.encloses(call.frame):
            yield one


# What a task reads


def _loads(hub: Semantics, function: Function, model: Class | str) -> bool:
    """Whether a body, or a helper that it calls, gets rows of a model from the database."""
    for one in _bodies(hub, function):
        for call in one.calls:
            asked = [c.receiver for c in call.callee.alternatives() if isinstance(c, BoundMethod)]
            if any(_is_of(value, model) and isinstance(value, (ManagerValue, QuerySetValue)) for value in asked):
                return True
            if any(isinstance(value, ModelValue) and _is_of(value, model) for value in call.result.alternatives()):
                return True
    return False


def _columns_read(hub: Semantics, function: Function, model: Class | str, columns: AnyOf[str]) -> frozenset[str]:
    """Those columns of a model's rows that a body, or a helper that it calls, reads."""
    found: set[str] = set()
    for one in _bodies(hub, function):
        if one.function is None or not one.function.holds(columns):
            continue
        changed = {n.target for n in own_nodes(one.body) if isinstance(n, ast.AugAssign)}
        for node in own_nodes(one.body):
            if isinstance(node, ast.Attribute) and node.attr in columns:
                is_read = isinstance(node.ctx, ast.Load) or node in changed
                if is_read and any(
                    isinstance(value, ModelValue) and value.model == model
                    for value in one.value(node.value).alternatives()
                ):
                    found.add(node.attr)
        for call in one.calls:
            if any(
                isinstance(c, BoundMethod)
                and isinstance(c.receiver, (ManagerValue, QuerySetValue))
                and _is_of(c.receiver, model)
                for c in call.callee.alternatives()
            ):
                found |= _asked(call) & set(columns)
    return frozenset(found)


def _asked(call: Call) -> set[str]:
    """The columns that a query's call names: `filter(status="paid")`, `values_list("status")`."""
    if call.name in _UPDATES:
        return set()
    named = {arg.keyword.partition("__")[0] for arg in call.args if arg.keyword is not None}
    texts = {arg.value.value for arg in call.positional if isinstance(arg.value, Constant)}
    return named | {text for text in texts if isinstance(text, str)}


def _is_of(value: Value, model: Class | str) -> bool:
    return getattr(value, "model", None) == model


def _bodies(hub: Semantics, function: Function) -> Sequence[FunctionFlow]:
    """The flow of a body and of the helpers that it calls."""
    return hub.memo.get(("bodies below", function), lambda: tuple(_below(hub, function)), ())


def _below(hub: Semantics, function: Function) -> Iterator[FunctionFlow]:
    seen = {function}
    level = [hub.flow(function)]
    for _ in range(MAX_HELPERS):
        yield from level
        calls = [(call, target) for flow in level for call in flow.calls for target in hub.calls.targets(call)]
        level = []
        for call, target in calls:
            if not target.deferred and target.function not in seen:
                seen.add(target.function)
                level.append(_run_by(hub, call, target))
    yield from level


def _run_by(hub: Semantics, call: Call, target: Target) -> FunctionFlow:
    """The flow of a helper that a call runs, with the rows that it is given."""
    given = {name: hub.passed(call, target.function, name) for name in target.function.parameters}
    rows = {name: value for name, value in given.items() if isinstance(value, ModelValue)}
    return hub.flow_with(target.function, {**dict(target.values or ()), **rows}, target.captured, 1)
