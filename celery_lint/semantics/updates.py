"""Columns that are read, changed in Python, and written back.

Between the read and the write another process may write the same column, and
its change is lost; `F()` lets the database do the arithmetic (Django docs:
ref/models/expressions.html, "Avoiding race conditions using F()").
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class, Function
from celery_lint.project.syntax import own_nodes, walk
from celery_lint.records import record
from celery_lint.semantics import locks
from celery_lint.semantics.frameworks import signals_of
from celery_lint.semantics.model import Call, FunctionFlow, Store
from celery_lint.semantics.returning import is_method
from celery_lint.semantics.values import (
    BoundMethod,
    ClassValue,
    Collection,
    Constant,
    External,
    FunctionValue,
    ManagerValue,
    ModelValue,
    Origin,
    QuerySetValue,
    Value,
)
from celery_lint.semantics.writes import may_follow

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
_NUMERIC = ("IntegerField", "FloatField", "DecimalField", "DurationField", "MoneyField")
_EXPRESSIONS = (
    "django.db.models.F",
    "django.db.models.expressions.",
    "django.db.models.functions.",
    "django.db.models.Case",
)
_SAVES = frozenset({"save", "asave"})
_BULK = frozenset({"bulk_update", "abulk_update"})
_WRITES = _SAVES | _BULK
_SAVE_SIGNALS = frozenset({"pre_save", "post_save"})
MAX_CALLERS_UP = 3


@record()
class Update:
    """`row.column` set from its own value, and the call that writes it back."""

    store: Store
    row: ModelValue
    save: Call
    read: ast.Attribute | None
    """Where the new value's expression itself reads the column; None for `+=` and variables."""

    @property
    def column(self) -> str:
        return self.store.target.attr


def lossy_updates(hub: Semantics, flow: FunctionFlow) -> Iterator[Update]:
    """The updates of a body that may lose what another process writes: unlocked, of rows that others see."""
    for store in flow.stores:
        if not is_arithmetic(store):
            continue
        row = next((r for r in store.receiver.alternatives() if isinstance(r, ModelValue)), None)
        if row is None or not is_number_column(hub, row, store.target.attr):
            continue
        read = reads_itself(store, flow)
        if read is None or is_new(row.origin, flow) or uses_expression(store, flow):
            continue
        save = saved_by(hub, store, row, flow)
        if save is None or locks.is_protected(hub, flow, store.frame, store.index):
            continue
        if (
            comes_from_outside(hub, row.origin, flow)
            and flow.function is not None
            and callers_may_protect(hub, flow.function)
        ):
            continue
        yield Update(store, row, save, read if isinstance(read, ast.Attribute) else None)


def may_update(function: Function) -> bool:
    """Whether it is worth to read a function's body: it saves, and does arithmetic on an attribute."""
    if not (function.mentions(_WRITES) and (function.scan.stored_attributes or function.has_nested)):
        return False
    for node in walk(function.node):
        if node.__class__ is ast.AugAssign and isinstance(node.target, ast.Attribute):
            return True
        if node.__class__ is ast.Assign and isinstance(node.value, (ast.BinOp, ast.Name)):
            target = node.targets[0]
            if isinstance(target, ast.Attribute):
                return True
    return False


def is_arithmetic(store: Store) -> bool:
    """Whether the statement may compute the new value from the old one."""
    node = store.node
    if isinstance(node, ast.AugAssign):
        return isinstance(node.op, _ARITHMETIC)
    return isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.value, (ast.BinOp, ast.Name))


def is_number_column(hub: Semantics, row: ModelValue, name: str) -> bool:
    """Whether the column is declared with a numeric field of Django."""
    if not isinstance(row.model, Class) or not hub.classes.is_django_model(row.model):
        return False
    assigned = hub.classes.assignment(row.model, name)
    if assigned is None or not isinstance(assigned[1].value, ast.Call):
        return False
    field = hub.evaluate(assigned[1].value.func, assigned[0].module)
    path = field.path if isinstance(field, External) else field.cls.name if isinstance(field, ClassValue) else ""
    return path.endswith(_NUMERIC)


def reads_itself(store: Store, flow: FunctionFlow) -> ast.AST | None:
    """Where the new value comes from the column's old value: the statement, or the place that reads it."""
    if isinstance(store.node, ast.AugAssign):
        return store.node
    assert isinstance(store.node, ast.Assign)
    target = ast.unparse(store.target)
    if isinstance(store.node.value, ast.BinOp):
        for part in operands(store.node.value):
            if isinstance(part, ast.Attribute) and ast.unparse(part) == target:
                return part
            if isinstance(part, ast.Name) and _held(part.id, target, store, flow, False):
                return store.node
        return None
    if isinstance(store.node.value, ast.Name) and _held(store.node.value.id, target, store, flow, True):
        return store.node
    return None


def _held(name: str, target: str, store: Store, flow: FunctionFlow, changed: bool) -> bool:
    """Whether a variable holds the column's value; with `changed`, the value after arithmetic on it."""
    if flow.function is None:
        return False
    held = altered = False
    for node in own_nodes(flow.function.body):
        if getattr(node, "lineno", 0) >= store.node.lineno:
            continue
        if isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == [name]:
            parts = list(operands(node.value)) if isinstance(node.value, ast.BinOp) else [node.value]
            held = any(isinstance(p, ast.Attribute) and ast.unparse(p) == target for p in parts)
            altered = held and isinstance(node.value, ast.BinOp)
        elif isinstance(node, ast.AugAssign) and ast.unparse(node.target) == name:
            altered = held
    return altered if changed else held


def operands(node: ast.expr) -> Iterator[ast.expr]:
    """The parts of an arithmetic expression."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, _ARITHMETIC):
        yield from operands(node.left)
        yield from operands(node.right)
    else:
        yield node


def uses_expression(store: Store, flow: FunctionFlow) -> bool:
    """Whether the database does the arithmetic already."""
    assert store.node.value is not None
    for node in walk(store.node.value):
        if isinstance(node, ast.Call):
            callee = flow.value(node.func)
            if isinstance(callee, External) and callee.path.startswith(_EXPRESSIONS):
                return True
    return False


def is_new(origin: Origin | None, flow: FunctionFlow) -> bool:
    """Whether the row was made here, so that nobody else has it yet."""
    if origin is None or not origin.key or not isinstance(origin.key[0], ast.Call):
        return False
    event = flow.events.get(origin.key[0])
    if event is None:
        return False
    if event.name in ("get_or_create", "update_or_create", "aget_or_create", "aupdate_or_create"):
        return False
    return origin.created or any(isinstance(c, ClassValue) for c in event.callee.alternatives())


def comes_from_outside(hub: Semantics, origin: Origin | None, flow: FunctionFlow, depth: int = 3) -> bool:
    """Whether a caller may have read the row: it is a parameter, `self`, or held by one, or nobody knows."""
    if origin is None or not origin.key or isinstance(origin.key[0], str):
        return True
    event = flow.events.get(origin.key[0]) if isinstance(origin.key[0], ast.Call) else None
    if event is not None and depth > 0:
        for target in hub.calls.targets(event):
            inner = hub.flow(target.function, target.captured)
            rows = [v for _, value in inner.returns for v in value.alternatives() if isinstance(v, ModelValue)]
            if any(comes_from_outside(hub, r.origin, inner, depth - 1) for r in rows):
                return True
    return False


def callers_may_protect(hub: Semantics, function: Function) -> bool:
    """Whether a caller holds a lock, or no caller is known who could be asked. A task's is the worker."""
    if hub.roles.of(function).kind in ("task", "view"):
        return False
    return locks.callers_protect(hub, function) is not False


def saved_by(hub: Semantics, store: Store, row: ModelValue, flow: FunctionFlow) -> Call | None:
    """The later call that writes the column of the row back."""
    text = ast.unparse(store.target.value)
    for call in flow.calls:
        if call.index < store.index or not may_follow(store.frame, call.frame, flow):
            continue
        if call.name in _SAVES and isinstance(call.node.func, ast.Attribute):
            same = ast.unparse(call.node.func.value) == text or _row_of(call) == row.origin
            if same and writes_column(call, store.target.attr):
                return call
        if call.name in _BULK and len(call.args) > 1 and names_column(call.args[1].value, store.target.attr):
            models = [getattr(c, "receiver", None) for c in call.callee.alternatives()]
            if any(_queries(m, row) for m in models):
                return call
    return None


def _row_of(call: Call) -> Origin | None:
    for callee in call.callee.alternatives():
        if isinstance(callee, (BoundMethod, FunctionValue)) and isinstance(callee.receiver, ModelValue):
            return callee.receiver.origin
    return None


def _queries(receiver: Value | None, row: ModelValue) -> bool:
    """Whether a method's receiver is a manager or queryset of the row's model."""
    return isinstance(receiver, (ManagerValue, QuerySetValue)) and receiver.model == row.model


def writes_column(call: Call, column: str) -> bool:
    """Whether `save(...)` writes the column, as far as its `update_fields` tells."""
    given = call.keyword("update_fields")
    return given is None or given.value == Constant(None) or names_column(given.value, column)


def names_column(value: Value, column: str) -> bool:
    """Whether a list of names holds the column; one that can't be read counts as holding it."""
    if isinstance(value, Collection) and value.items is not None and all(isinstance(i, Constant) for i in value.items):
        return Constant(column) in value.items
    return True


# What else reads the column, once it is an expression


def may_be_read_elsewhere(hub: Semantics, update: Update) -> bool:
    """Whether a caller that has the row, or a handler of its signals, may read the column after the statement."""
    flow, row = update.save.flow, update.store.target.value
    if comes_from_outside(hub, update.row.origin, flow):
        if flow.function is None or not isinstance(row, ast.Name) or _callers_go_on(hub, flow.function, row.id):
            return True
    return _is_read_by_handler(hub, update)


def _callers_go_on(hub: Semantics, function: Function, name: str, depth: int = MAX_CALLERS_UP) -> bool:
    """Whether a caller may read more than the key of the row that it gives for a parameter, or nobody knows."""
    sites = hub.calls.callers(function)
    if name not in function.parameters or sites is None or depth <= 0:
        return True
    return any(_goes_on(hub, site.call, function, name, depth) for site in sites)


def _goes_on(hub: Semantics, call: Call, function: Function, name: str, depth: int) -> bool:
    caller, row = call.flow.function, given_node(hub, call, function, name)
    if isinstance(row, ast.Call):
        return False  # made for this call, and nobody else has it
    if caller is None or not isinstance(row, ast.Name) or reads_column_after(caller.node, row.id, call.node):
        return True
    return row.id in caller.parameters and _callers_go_on(hub, caller, row.id, depth - 1)


def given_node(hub: Semantics, call: Call, function: Function, name: str) -> ast.expr | None:
    """The expression that a call gives for a parameter, the receiver of a method among them."""
    callee = next((c for c in call.callee.alternatives() if isinstance(c, FunctionValue)), None)
    if callee is None or callee.function is not function:
        return None
    if is_method(callee) and name == function.positional[0].arg:
        return call.node.func.value if isinstance(call.node.func, ast.Attribute) else None
    bound = hub.dispatches.bind(callee, call.args)
    sent = bound[1].get(name) if bound is not None else None
    return sent[0].node if sent else None


def reads_column_after(root: ast.AST, name: str, node: ast.expr) -> bool:
    """Whether more than the key of a variable's row is read behind a node, or before it in a loop around both."""
    keys = {id(n.value) for n in walk(root) if isinstance(n, ast.Attribute) and n.attr in ("pk", "id")}
    end = (node.end_lineno or 0, node.end_col_offset or 0)
    loops = [n for n in walk(root) if isinstance(n, (ast.For, ast.AsyncFor, ast.While)) and n.lineno <= node.lineno]
    around = [loop for loop in loops if (loop.end_lineno or 0) >= end[0] and not _binds(loop, name)]
    first = min((loop.lineno for loop in around), default=end[0])
    inside = {id(n) for n in walk(node)}
    return any(
        isinstance(n, ast.Name)
        and n.id == name
        and isinstance(n.ctx, ast.Load)
        and id(n) not in keys | inside
        and ((n.lineno, n.col_offset) > end or (bool(around) and n.lineno >= first))
        for n in walk(root)
    )


def _binds(loop: ast.AST, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store) for n in walk(loop))


def _is_read_by_handler(hub: Semantics, update: Update) -> bool:
    """Whether a handler of `pre_save` or `post_save` mentions the column: it gets the row while it is saved."""
    senders = (None, *hub.classes.ancestors(update.row.model)) if isinstance(update.row.model, Class) else (None,)
    for filename in hub.project.mentioning(update.column):
        module = hub.project.module_or_none(filename)
        for function in module.holding((update.column,)) if module is not None else ():
            if any(name in _SAVE_SIGNALS and sender in senders for name, sender in signals_of(hub, function)):
                return True
    return False


__all__ = ["Update", "lossy_updates", "may_be_read_elsewhere", "may_update"]
