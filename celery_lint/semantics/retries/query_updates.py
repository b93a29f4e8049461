"""Numbers that are read from a row, changed in Python, and written back by a query.

`Account.objects.filter(pk=pk).update(coins=account.coins + 5)` loses what another process writes
between the two, as saving the row does (updates.py).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.modules import Function
from celery_lint.project.syntax import walk
from celery_lint.records import record
from celery_lint.semantics.inference.values import External, ModelValue
from celery_lint.semantics.model import Call, FunctionFlow, Write
from celery_lint.semantics.retries import locks
from celery_lint.semantics.retries.updates import (
    EXPRESSIONS,
    callers_may_protect,
    comes_from_outside,
    is_new,
    is_number_column,
    may_compute,
    parts,
)
from celery_lint.semantics.transactions.writes import same_row

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

_UPDATES = frozenset({"update", "aupdate"})
_KEYS = frozenset({"pk", "id"})


@record()
class QueryUpdate:
    """An argument of `update(...)`: the column's new value, and where that reads the old one from a row."""

    call: Call
    column: str
    value: ast.expr
    read: ast.Attribute
    is_plain: bool
    """Nothing but arithmetic is done with it."""


def may_query(function: Function) -> bool:
    """Whether it is worth to read a function's body: an `update()` is given arithmetic on what bears the same name."""
    if not function.mentions(_UPDATES):
        return False
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _UPDATES
        and any(given.arg is not None and may_compute(given.value) for given in node.keywords)
        for node in walk(function.node)
    )


def lossy_queries(hub: Semantics, flow: FunctionFlow) -> Iterator[QueryUpdate]:
    """The updates by a query that may lose what another process writes to the same row."""
    for call in flow.calls:
        if call.name not in _UPDATES or not _asks_for_keys_alone(call):
            continue
        writes = tuple(hub.writes.of_call(call))
        for arg in call.args if writes else ():
            found = _read_back(hub, call, arg.keyword, arg.node, writes) if arg.keyword is not None else None
            if found is not None and not locks.is_protected(hub, flow, call.frame, call.index):
                yield found


def _read_back(hub: Semantics, call: Call, column: str, value: ast.expr, writes: Sequence[Write]) -> QueryUpdate | None:
    """What reads the column's old value, unless the database does the arithmetic."""
    flow = call.flow
    if any(isinstance(v, External) and v.path.startswith(EXPRESSIONS) for v in _called(value, flow)):
        return None
    for part, is_changed, is_plain in parts(value):
        if not is_changed or not isinstance(part, ast.Attribute) or part.attr != column:
            continue
        row = next((r for r in flow.value(part.value).alternatives() if isinstance(r, ModelValue)), None)
        if row is None or is_new(row.origin, flow):
            continue
        if not any(_is_of(row, write) for write in writes):
            continue
        if not is_number_column(hub, row, column) or _is_for_others_to_guard(hub, row, flow):
            continue
        return QueryUpdate(call, column, value, part, is_plain)
    return None


def _is_of(row: ModelValue, write: Write) -> bool:
    """Whether a query writes the row: it asks by the row's own key, or by the literal by which the row was read."""
    if same_row(row.origin, write.origin):
        return True
    read = row.origin.key[0] if row.origin is not None and row.origin.key else None
    if row.model != write.model or not isinstance(read, ast.Call):
        return False
    keys = _literal_keys(read)
    return bool(keys) and keys == _literal_keys(write.call.node.func)


def _literal_keys(node: ast.expr) -> set[object]:
    """The literals that calls in an expression ask for as keys: `get(pk=1)`."""
    return {
        given.value.value
        for one in walk(node)
        if isinstance(one, ast.Call)
        for given in one.keywords
        if given.arg in _KEYS and isinstance(given.value, ast.Constant)
    }


def _called(value: ast.expr, flow: FunctionFlow) -> Iterator[object]:
    return (flow.value(node.func) for node in walk(value) if isinstance(node, ast.Call))


def _is_for_others_to_guard(hub: Semantics, row: ModelValue, flow: FunctionFlow) -> bool:
    """Whether a caller has read the row, and may hold a lock."""
    function = flow.function
    return function is not None and comes_from_outside(hub, row.origin, flow) and callers_may_protect(hub, function)


def _asks_for_keys_alone(call: Call) -> bool:
    """Whether a query names its row by the key, and tests no other column, such as a version or the old value."""
    asked = [keyword.arg for node in walk(call.node.func) if isinstance(node, ast.Call) for keyword in node.keywords]
    return bool(asked) and all(name in _KEYS for name in asked)
