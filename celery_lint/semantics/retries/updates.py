"""Columns that are read, changed in Python, and written back.

Between the read and the write another process may write the same column, and
its change is lost; `F()` lets the database do the arithmetic (Django docs:
ref/models/expressions.html, "Avoiding race conditions using F()"), as does the
column of a SQLAlchemy class (docs: orm/persistence_techniques.html, "Embedding
SQL Insert/Update Expressions into a Flush").
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.modules import AssignBinding, Class, Function
from celery_lint.project.syntax import last_name, own_nodes, walk
from celery_lint.records import record
from celery_lint.semantics.frameworks.signal_handlers import signals_of
from celery_lint.semantics.inference.packages import SQLMODEL
from celery_lint.semantics.inference.returning import is_method
from celery_lint.semantics.inference.values import (
    Atomic,
    BoundMethod,
    ClassValue,
    Collection,
    Constant,
    External,
    FunctionValue,
    ManagerValue,
    ModelValue,
    Origin,
    Parameter,
    QuerySetValue,
    Value,
)
from celery_lint.semantics.model import Call, FunctionFlow, Store
from celery_lint.semantics.retries import locks
from celery_lint.semantics.transactions.writes import may_follow

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
_NUMERIC = ("IntegerField", "FloatField", "DecimalField", "DurationField", "MoneyField")
EXPRESSIONS = (
    "django.db.models.F",
    "django.db.models.expressions.",
    "django.db.models.functions.",
    "django.db.models.Case",
)
# Built-in functions that give a number made of the numbers that they are given.
_NUMBERS = frozenset({"max", "min", "abs", "round", "int"})
# The fields of peewee and mongoengine, and SQLAlchemy's types and the annotations that stand for them.
_OTHER_NUMERIC = (*_NUMERIC, "DoubleField", "IntField", "LongField", "Decimal128Field")
_NUMERIC_TYPES = frozenset(
    """Integer BigInteger SmallInteger INTEGER INT BIGINT SMALLINT Float FLOAT REAL Double DOUBLE DOUBLE_PRECISION
    Numeric NUMERIC DECIMAL int float Decimal""".split()
)
_COLUMNS = frozenset({"Column", "mapped_column", "Field"})
# What may stand around a type in an annotation: `Mapped[int | None]`.
_AROUND_TYPE = frozenset({"Mapped", "Optional", "Annotated", "None"})
_SAVES = frozenset({"save", "asave"})
_BULK = frozenset({"bulk_update", "abulk_update"})
_COMMITS = frozenset({"commit", "flush"})
_WRITES = _SAVES | _BULK | _COMMITS
_SAVE_SIGNALS = frozenset({"pre_save", "post_save"})
MAX_CALLERS_UP = 3


@record()
class Update:
    """`row.column` set from its own value, and the call that writes it back."""

    store: Store
    row: ModelValue
    save: Call | None
    """None where the end of a session's block writes the column."""
    saved: ast.expr
    """The call, or what opens the block."""
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
        row = _row(hub, store.receiver)
        if row is None or not is_number_column(hub, row, store.target.attr):
            continue
        read = reads_itself(store, flow)
        if read is None or is_new(row.origin, flow) or uses_expression(store, flow):
            continue
        save = saved_by(hub, store, row, flow)
        saved = save.node if save is not None else session_block(hub, store, row, flow)
        if saved is None or locks.is_protected(hub, flow, store.frame, store.index):
            continue
        if (
            comes_from_outside(hub, row.origin, flow)
            and flow.function is not None
            and callers_may_protect(hub, flow.function)
        ):
            continue
        yield Update(store, row, save, saved, read if isinstance(read, ast.Attribute) else None)


def _row(hub: Semantics, receiver: Value) -> ModelValue | None:
    """The row whose column is set; of a helper's parameter, what all of its callers give."""
    if isinstance(receiver, Parameter) and not receiver.star:
        return _given(hub, receiver)
    return next((r for r in receiver.alternatives() if isinstance(r, ModelValue)), None)


def _given(hub: Semantics, parameter: Parameter) -> ModelValue | None:
    """A row of the one model whose rows the callers of a helper give for its parameter, none of them a new one."""
    models: set[Class | str | None] = set()
    for site in hub.calls.callers(parameter.function) or ():
        given = hub.passed(site.call, parameter.function, parameter.name)
        is_row = isinstance(given, ModelValue) and not is_new(given.origin, site.call.flow)
        models.add(given.model if isinstance(given, ModelValue) and is_row else None)
    model = models.pop() if len(models) == 1 else None
    return ModelValue(model, Origin((parameter.name,))) if model is not None else None


def may_update(function: Function) -> bool:
    """Whether it is worth to read a function's body: it saves, and does arithmetic on an attribute."""
    if not (function.mentions(_WRITES) or "ession" in function.text):
        return False
    if not (function.scan.stored_attributes or function.has_nested):
        return False
    for node in walk(function.node):
        if node.__class__ is ast.AugAssign and isinstance(node.target, ast.Attribute):
            return True
        if node.__class__ is ast.Assign and may_compute(node.value):
            target = node.targets[0]
            if isinstance(target, ast.Attribute):
                return True
    return False


def is_arithmetic(store: Store) -> bool:
    """Whether the statement may compute the new value from the old one."""
    node = store.node
    if isinstance(node, ast.AugAssign):
        return isinstance(node.op, _ARITHMETIC)
    return isinstance(node, ast.Assign) and len(node.targets) == 1 and may_compute(node.value)


def may_compute(node: ast.expr) -> bool:
    """Whether an expression may be arithmetic, or a variable that holds its outcome."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in _NUMBERS
    return isinstance(node, (ast.BinOp, ast.Name, ast.IfExp))


def is_number_column(hub: Semantics, row: ModelValue, name: str) -> bool:
    """Whether the column is declared as a number."""
    if not isinstance(row.model, Class):
        return False
    assigned = hub.classes.assignment(row.model, name)
    if assigned is None:
        return False
    if not hub.classes.is_django_model(row.model):
        is_plain = hub.classes.derives_from(row.model, SQLMODEL)
        return is_mapped_number(assigned[1], is_plain) and not detects_conflicts(hub, row.model)
    if not isinstance(assigned[1].value, ast.Call):
        return False
    field = hub.evaluate(assigned[1].value.func, assigned[0].module)
    path = field.path if isinstance(field, External) else field.cls.name if isinstance(field, ClassValue) else ""
    return path.endswith(_NUMERIC)


def is_mapped_number(binding: AssignBinding, is_plain: bool) -> bool:
    """Whether another mapper than Django's makes a number of the column.

    `Column(Integer)`, `IntField()`, `n: Mapped[int]`, or with `is_plain` SQLModel's `n: int`.
    """
    if isinstance(binding.value, ast.Call):
        made = last_name(binding.value.func)
        if made not in _COLUMNS:
            return made.endswith(_OTHER_NUMERIC)
        types = {last_name(a.func if isinstance(a, ast.Call) else a) for a in binding.value.args}
        if types & _NUMERIC_TYPES:
            return True
    named = {last_name(n) for n in walk(binding.annotation) if isinstance(n, ast.expr)} if binding.annotation else set()
    return (
        (is_plain or "Mapped" in named)
        and bool(named & _NUMERIC_TYPES)
        and named - {""} <= _NUMERIC_TYPES | _AROUND_TYPE
    )


def detects_conflicts(hub: Semantics, model: Class) -> bool:
    """Whether an update fails that another run has overtaken: a version column, or the database's isolation.

    docs.sqlalchemy.org: orm/versioning.html.
    """
    if any(hub.project.mentioning(level) for level in ("SERIALIZABLE", "REPEATABLE")):
        return True
    given = hub.classes.assignment(model, "__mapper_args__")
    if given is None:
        return hub.classes.function(model, "__mapper_args__") is not None
    node = given[1].value
    if not isinstance(node, ast.Dict):
        return True
    for key, value in zip(node.keys, node.values, strict=True):
        if not isinstance(key, ast.Constant):
            return True
        if key.value == "version_id_col" and not (isinstance(value, ast.Constant) and value.value is None):
            return True
    return False


def reads_itself(store: Store, flow: FunctionFlow) -> ast.AST | None:
    """Where the new value comes from the column's old value: the statement, or the place that reads it."""
    if isinstance(store.node, ast.AugAssign):
        return store.node
    assert isinstance(store.node, ast.Assign)
    column = ast.unparse(store.target)
    known = held(column, store, flow)
    for part, is_changed, is_plain in parts(store.node.value):
        if is_changed and is_column(part, column):
            return part if is_plain else store.node
        if isinstance(part, ast.Name) and part.id in known and (is_changed or known[part.id]):
            return store.node
    return None


def held(column: str, store: Store, flow: FunctionFlow) -> dict[str, bool]:
    """The variables that hold the column's value, each with whether arithmetic has changed it."""
    known: dict[str, bool] = {}
    for node in own_nodes(flow.body):
        if getattr(node, "lineno", 0) >= store.node.lineno:
            continue
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            found = [
                is_changed or (isinstance(part, ast.Name) and known[part.id])
                for part, is_changed, _ in parts(node.value)
                if is_column(part, column) or (isinstance(part, ast.Name) and part.id in known)
            ]
            known.pop(node.targets[0].id, None)
            if found:
                known[node.targets[0].id] = any(found)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and node.target.id in known:
            known[node.target.id] = True
    return known


def is_column(node: ast.expr, column: str) -> bool:
    """Whether an expression is the column, given as it is written: `row.count`."""
    return isinstance(node, ast.Attribute) and column.endswith(node.attr) and ast.unparse(node) == column


def parts(node: ast.expr, is_changed: bool = False, is_plain: bool = True) -> Iterator[tuple[ast.expr, bool, bool]]:
    """What a number is computed from: each part, whether arithmetic changes it, and whether nothing else is done."""
    inner: Sequence[ast.expr] = ()
    if isinstance(node, ast.BinOp) and isinstance(node.op, _ARITHMETIC):
        for side in (node.left, node.right):
            yield from parts(side, True, is_plain)
        return
    if isinstance(node, ast.IfExp):
        inner = (node.body, node.orelse)
    elif isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):  # `row.count or 0`
        inner = node.values
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _NUMBERS:
        inner = node.args
    if not inner:
        yield node, is_changed, is_plain
    for one in inner:
        yield from parts(one, is_changed, False)


def uses_expression(store: Store, flow: FunctionFlow) -> bool:
    """Whether the database does the arithmetic already."""
    assert store.node.value is not None
    for node in walk(store.node.value):
        if isinstance(node, ast.Call):
            callee = flow.value(node.func)
            if isinstance(callee, External) and callee.path.startswith(EXPRESSIONS):
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
    is_djangos = hub.classes.is_django_model(row.model)
    for call in flow.calls:
        if call.index < store.index or not may_follow(store.frame, call.frame, flow):
            continue
        if call.name in _COMMITS and not is_djangos and isinstance(call.node.func, ast.Attribute):
            return call
        if call.name in _SAVES and isinstance(call.node.func, ast.Attribute):
            same = ast.unparse(call.node.func.value) == text or _row_of(call) == row.origin
            if same and writes_column(call, store.target.attr):
                return call
        if call.name in _BULK and len(call.args) > 1 and names_column(call.args[1].value, store.target.attr):
            models = [getattr(c, "receiver", None) for c in call.callee.alternatives()]
            if any(_queries(m, row) for m in models):
                return call
    return None


def session_block(hub: Semantics, store: Store, row: ModelValue, flow: FunctionFlow) -> ast.expr | None:
    """What opens the block around a place at whose end a session writes what has changed."""
    block = None if hub.classes.is_django_model(row.model) else store.frame.find("atomic")
    if block is None or not isinstance(block.detail, Atomic) or block.detail.kind != "session":
        return None
    return next((node for node, _, _, frame in flow.withs if frame is block), None)


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


def may_be_read_elsewhere(hub: Semantics, update: Update, save: Call) -> bool:
    """Whether a caller that has the row, or a handler of its signals, may read the column after the save."""
    flow, row = save.flow, update.store.target.value
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
