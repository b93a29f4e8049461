"""Dispatches that a loop over rows makes: one message a row."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celery_lint.project.modules import flat_statements
from celery_lint.project.syntax import walk
from celery_lint.records import record
from celery_lint.semantics.dispatching.dispatches import SENDING
from celery_lint.semantics.inference.packages import PAGINATION
from celery_lint.semantics.inference.values import Collection, External, ManagerValue, ModelValue, QuerySetValue, Value
from celery_lint.semantics.model import Dispatch, Frame, FunctionFlow

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

FEW = 100
"""A slice of no more rows than this is no burden."""
_ISLICE = External("itertools.islice")
_ITERATING = frozenset({"iterator", "aiterator"})
# What spreads messages over time: somebody has thought of their number.
_SPREADING = frozenset({"countdown", "eta"})


@record()
class FanOut:
    """A dispatch in a loop over the rows that `rows` gives."""

    dispatch: Dispatch
    rows: ast.expr


def fan_outs(hub: Semantics, flow: FunctionFlow) -> Iterator[FanOut]:
    """The dispatches of a body that are made for each row of a query."""
    for dispatch in hub.dispatches.of_flow(flow):
        if dispatch.is_signature or dispatch.verb not in SENDING or _SPREADING & dispatch.options.keys():
            continue
        if dispatch.call.use != "discarded":
            continue  # somebody wants each row's result
        loop = _loop_around(dispatch.call.frame, flow)
        if loop is not None and _is_told_by_row(dispatch, loop):
            yield FanOut(dispatch, loop.iter)


def _loop_around(frame: Frame, flow: FunctionFlow) -> ast.For | ast.AsyncFor | ast.comprehension | None:
    """The inmost loop around a place that goes over rows."""
    for one in frame.chain():
        if one.kind == "loop" and isinstance(one.node, (ast.For, ast.AsyncFor, ast.comprehension)):
            is_query = is_of_rows(one.detail) or _iterates_query(one.node.iter, flow)
            if is_query and not _is_short(one.node.iter, flow) and not _ends_early(one.node):
                return one.node
    return None


def _iterates_query(node: ast.expr, flow: FunctionFlow) -> bool:
    """Whether an expression is `.iterator()` of a query."""
    func = node.func if isinstance(node, ast.Call) else None
    return isinstance(func, ast.Attribute) and func.attr in _ITERATING and is_of_rows(flow.value(func.value))


def _is_told_by_row(dispatch: Dispatch, loop: ast.For | ast.AsyncFor | ast.comprehension) -> bool:
    """Whether the arguments are made of the row of the round: a batch that is sent when it is full is not."""
    names = {n.id for n in walk(loop.target) if isinstance(n, ast.Name)}
    for statement in flat_statements(loop.body) if not isinstance(loop, ast.comprehension) else ():
        if isinstance(statement, ast.Assign) and _mentions(statement.value, names):
            names.update(n.id for target in statement.targets for n in walk(target) if isinstance(n, ast.Name))
    return any(_mentions(argument, names) for argument in (*dispatch.node.args, *dispatch.node.keywords))


def _mentions(node: ast.AST, names: set[str]) -> bool:
    return any(isinstance(n, ast.Name) and n.id in names for n in walk(node))


def is_of_rows(value: Value) -> bool:
    """Whether a value is certainly a query, or a list of what one gives."""
    kinds = value.alternatives()
    return bool(kinds) and all(
        isinstance(v, (QuerySetValue, ManagerValue))
        or (isinstance(v, Collection) and v.items is None and isinstance(v.element, ModelValue))
        for v in kinds
    )


def _is_short(node: ast.expr, flow: FunctionFlow) -> bool:
    """Whether a query is cut to a page or a few rows, or to a number with a name: `orders[:BATCH_SIZE]`."""
    paged = node.value if isinstance(node, ast.Attribute) else node
    if any(isinstance(v, QuerySetValue) and v.cls == PAGINATION for v in flow.value(paged).alternatives()):
        return True
    end = _end_of_slice(node, flow)
    is_many = isinstance(end, ast.Constant) and isinstance(end.value, int) and end.value > FEW
    return end is not None and not is_many


def _end_of_slice(node: ast.expr, flow: FunctionFlow) -> ast.expr | None:
    """Where `orders[:end]` or `islice(orders, end)` ends."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        return node.slice.upper
    if isinstance(node, ast.Call) and flow.value(node.func) == _ISLICE:
        return node.args[1] if len(node.args) == 2 else node.args[2] if len(node.args) > 2 else None
    return None


def _ends_early(node: ast.AST) -> bool:
    """Whether the loop stops at the first row that counts."""
    return isinstance(node, (ast.For, ast.AsyncFor)) and isinstance(node.body[-1], (ast.Break, ast.Return, ast.Raise))
