"""Variables that a callback reads when it runs, not when it was made."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from celery_lint.findings import Place
from celery_lint.project.modules import Class, Function
from celery_lint.project.syntax import own_nodes, walk
from celery_lint.records import record
from celery_lint.semantics.dispatching.keyed import is_unsaved
from celery_lint.semantics.inference.values import UNKNOWN, BoundMethod, FunctionValue, ModelValue, Super
from celery_lint.semantics.model import Call, Frame
from celery_lint.semantics.transactions.contexts import Transaction, is_on_super
from celery_lint.semantics.transactions.writes import may_follow

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# django-safedelete, model_utils.models.SoftDeletableModel, paranoid and trash models.
_KEEPS = re.compile(r"delet|paranoi|trash|archiv", re.IGNORECASE)
# What gives the same for the same, whenever it is called.
_CONVERSIONS = frozenset({"str", "int", "float", "bool", "repr"})
_COMPUTING = (ast.comprehension, ast.Lambda, ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)


@record()
class Rebinding:
    """Why a variable has another value when the callback runs."""

    kind: Literal["loop", "later", "deleted"]
    name: str
    place: Place
    in_transaction: bool
    """A transaction is proved around it; otherwise one is only possible."""


def late_bindings(hub: Semantics, call: Call, function: Function) -> Rebinding | None:
    """The first variable of an `on_commit` callback that changes before the commit; None when all keep."""
    flow = call.flow
    owner = flow.function
    if owner is None:
        return None
    free = free_variables(function)
    # Callbacks run at the outermost commit.
    atomic = next((f for f in reversed(list(call.frame.chain())) if f.kind == "atomic"), None)
    if hub.transactions.decorated(owner) is not None:
        atomic = None
    certain = isinstance(hub.transactions.around(call.frame, flow), Transaction)
    if not certain:
        context = hub.transactions.of(owner)
        if context.atomic is None and context.hook is None:
            return None
        certain = context.atomic is not None
    source = flow.module.source
    for loop in loops_around(call.frame, atomic):
        if ends_after(call, loop):
            continue
        bound = bound_in(loop)
        for name in free:
            if name in bound and not belongs_between(name, function, owner):
                return Rebinding("loop", name, source.place(bound[name]), certain)
    for name in free:
        later = rebound_after(call, name, atomic)
        if later is not None:
            return Rebinding("later", name, source.place(later), certain)
    for name in keys_read(function):
        deleted = deletion_of(hub, call, name.rpartition(".")[0], atomic)
        if deleted is not None:
            return Rebinding("deleted", name, source.place(deleted.node), certain)
    return None


def deletion_of(hub: Semantics, call: Call, name: str, atomic: Frame | None) -> Call | None:
    """The call that deletes a variable's or an attribute's row, and with it its key, in the same transaction."""
    owner = call.flow.function
    assert owner is not None
    for other in call.flow.calls:
        target = other.node.func.value if isinstance(other.node.func, ast.Attribute) else None
        if other.name != "delete" or other.args or target is None or dotted(target) != name:
            continue
        inside = atomic is None or atomic.encloses(other.frame)
        first, second = (other, call) if other.index < call.index else (call, other)
        if not inside or not may_follow(first.frame, second.frame, call.flow) or not clears_key(hub, other):
            continue
        if first is call or not any(is_between(n, other.node, call.node) for n in _places_that_set(name, owner)):
            return other
    return None


def _places_that_set(name: str, owner: Function) -> Iterator[ast.expr]:
    """Where a variable, an attribute or what that belongs to is bound."""
    attributes = (n for n in own_nodes(owner.body) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store))
    for node in (*stored_names(owner.body), *attributes):
        if f"{name}.".startswith(f"{dotted(node)}."):
            yield node


def dotted(node: ast.expr) -> str:
    """`a.b` as it is written; empty where that is anything but names and attributes."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def clears_key(hub: Semantics, call: Call) -> bool:
    """Whether `row.delete()` ends in Django's own `delete()`, which sets the key to None."""
    for callee in call.callee.alternatives():
        if isinstance(callee, FunctionValue):
            deeper = [c for c in hub.flow(callee.function).calls if c.name == "delete" and is_on_super(c)]
            if not any(is_always_made(c) and clears_key(hub, c) for c in deeper):
                return False
        receiver = callee.receiver if isinstance(callee, BoundMethod) else None
        receiver = receiver.receiver if isinstance(receiver, Super) else receiver
        if isinstance(receiver, ModelValue) and keeps_rows(hub, receiver.model):
            return False
    return True


def keeps_rows(hub: Semantics, model: Class | str) -> bool:
    """Whether a model has a base of another package which, by its name, only marks rows as deleted."""
    paths = (model,) if isinstance(model, str) else hub.classes.lineage(model).foreign
    return any(_KEEPS.search(path) for path in paths)


def is_always_made(call: Call) -> bool:
    """Whether no branch goes round a call."""
    ends = any(early.index <= call.index for early in call.flow.exits)
    return not ends and call.frame.find("if", "orelse", "outside", "handler") is None


def is_between(node: ast.expr, first: ast.expr, second: ast.expr) -> bool:
    """Whether a node stands after the end of one and before the start of another."""
    start = (node.lineno, node.col_offset)
    return (first.end_lineno or 0, first.end_col_offset or 0) <= start < (second.lineno, second.col_offset)


def free_variables(function: Function) -> list[str]:
    """The names that a callback reads and does not bind itself, in the order of reading."""
    bound = set(function.parameters)
    read: list[str] = []
    for node in own_nodes(function.body):
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                read.append(node.id)
            else:
                bound.add(node.id)
        elif isinstance(node, (ast.comprehension,)):
            bound.update(n.id for n in walk(node.target) if isinstance(n, ast.Name))
    return [name for name in dict.fromkeys(read) if name not in bound]


def keys_read(function: Function) -> list[str]:
    """The primary keys, `row.pk` or `self.row.id`, that a callback reads."""
    return [
        dotted(n)
        for n in own_nodes(function.body)
        if isinstance(n, ast.Attribute) and n.attr in ("pk", "id") and dotted(n)
    ]


def may_be_bound_now(hub: Semantics, call: Call, callback: FunctionValue, nodes: Iterable[ast.expr]) -> bool:
    """Whether these expressions of a callback have their values where it is handed over, and keep them.

    Not if they call something, or if the function goes on to work with the objects
    that they look into. A row that is saved already keeps its key.
    """
    owner = call.flow.function
    if owner is None:
        return False
    objects: set[str] = set()
    for node in walk(*nodes):
        if isinstance(node, ast.Call):
            if not (isinstance(node.func, ast.Name) and node.func.id in _CONVERSIONS):
                return False
        elif isinstance(node, _COMPUTING):
            return False
        elif isinstance(node, (ast.Attribute, ast.Subscript)) and not _is_key_of_saved(hub, call, callback, node):
            objects.add(root_name(node))
    here = (call.node.end_lineno or 0, call.node.end_col_offset or 0)
    later = (n for n in own_nodes(owner.body) if (getattr(n, "lineno", 0), getattr(n, "col_offset", 0)) > here)
    return not any(_works_with(node, objects) for node in later)


def _is_key_of_saved(hub: Semantics, call: Call, callback: FunctionValue, node: ast.Attribute | ast.Subscript) -> bool:
    """Whether an expression is the key of a row that is in the database already."""
    if not (isinstance(node, ast.Attribute) and node.attr in ("pk", "id") and isinstance(node.value, ast.Name)):
        return False
    rows = callback.captured.names.get(node.value.id, UNKNOWN).alternatives() if callback.captured is not None else ()
    return bool(rows) and all(isinstance(row, ModelValue) and not is_unsaved(hub, row, call) for row in rows)


def _works_with(node: ast.AST, objects: Collection[str]) -> bool:
    """Whether a node sets a part of one of these variables, calls a method of it, or hands it on."""
    if isinstance(node, (ast.Attribute, ast.Subscript)):
        return not isinstance(node.ctx, ast.Load) and root_name(node) in objects
    if not isinstance(node, ast.Call):
        return False
    given = (*node.args, *(keyword.value for keyword in node.keywords))
    is_method = isinstance(node.func, ast.Attribute) and root_name(node.func) in objects
    return is_method or any(isinstance(n, ast.Name) and n.id in objects for n in given)


def root_name(node: ast.expr) -> str:
    """`a` of `a.b[c].d`; empty where that is no name."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def loops_around(frame: Frame, atomic: Frame | None) -> list[Frame]:
    """The loops around a place that lie inside the transaction, inmost first."""
    found = []
    for one in frame.chain():
        if one is atomic:
            break
        if one.kind == "loop":
            found.append(one)
    return found


def ends_after(call: Call, loop: Frame) -> bool:
    """Whether the loop is left right after the call: its variables keep their values."""
    body = getattr(loop.node, "body", None)
    return isinstance(body, list) and leaves(body, call)


def leaves(body: list[ast.stmt], call: Call) -> bool:
    """Whether a `break` or `return` follows the call in its own block."""
    for index, statement in enumerate(body):
        if statement.lineno <= call.node.lineno <= (statement.end_lineno or statement.lineno):
            if any(isinstance(s, (ast.Break, ast.Return)) for s in body[index + 1 :]):
                return True
            for name in ("body", "orelse", "finalbody"):
                inner = getattr(statement, name, None)
                if isinstance(inner, list) and not isinstance(statement, (ast.For, ast.While)) and leaves(inner, call):
                    return True
    return False


def bound_in(loop: Frame) -> dict[str, ast.AST]:
    """The names that each turn of a loop binds, with one place each."""
    node = loop.node
    found: dict[str, ast.AST] = {}
    targets: list[ast.AST] = []
    if isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
        targets.append(node.target)
    for target in targets:
        for name in walk(target):
            if isinstance(name, ast.Name):
                found[name.id] = name
    if isinstance(node, ast.comprehension):
        return found
    head = [node.test] if isinstance(node, ast.While) else []
    for inner in stored_names([*head, *getattr(node, "body", [])]):
        found.setdefault(inner.id, inner)
    return found


def stored_names(nodes: Sequence[ast.AST]) -> Iterator[ast.Name]:
    """The places that bind a variable of the function itself; a comprehension's variables are its own."""
    own: set[ast.AST] = set()
    found: list[ast.Name] = []
    for node in own_nodes(nodes):
        if isinstance(node, ast.comprehension):
            own.update(walk(node.target))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.append(node)
    return (name for name in found if name not in own)


def belongs_between(name: str, function: Function, owner: Function) -> bool:
    """Whether a name is a variable of a function between the callback and the loop's function: it keeps its value."""
    parent = function.parent
    while parent is not None and parent is not owner:
        if name in parent.parameters:
            return True
        parent = parent.parent
    return False


def rebound_after(call: Call, name: str, atomic: Frame | None) -> ast.AST | None:
    """Where a variable is bound anew after the call, inside the same transaction."""
    owner = call.flow.function
    assert owner is not None
    scope = atomic.node if atomic is not None else owner.node
    for node in stored_names(getattr(scope, "body", [])):
        if node.id == name:
            after = (node.lineno, node.col_offset) > (
                call.node.end_lineno or 0,
                call.node.end_col_offset or 0,
            )
            if after and not in_other_branch(owner, call, node) and not keeps_value(owner, node):
                return node
    return None


def keeps_value(owner: Function, target: ast.Name) -> bool:
    """Whether a binding leaves what the callback sees as it is.

    It loads the same row once more (`row = Row.objects.get(pk=row.pk)`), or stands
    under a test of the variable itself (`if names is None:`).
    """
    for node in own_nodes(owner.body):
        if isinstance(node, ast.Assign) and target in node.targets:
            for part in walk(node.value):
                if isinstance(part, ast.Attribute) and part.attr in ("pk", "id") and isinstance(part.value, ast.Name):
                    if part.value.id == target.id:
                        return True
        elif isinstance(node, ast.If) and node.lineno < target.lineno <= (node.end_lineno or 0):
            if any(isinstance(part, ast.Name) and part.id == target.id for part in walk(node.test)):
                return True
    return False


def in_other_branch(owner: Function, call: Call, node: ast.expr | ast.stmt) -> bool:
    """Whether a later node stands in a branch that excludes the call's, or in a block that the call leaves."""
    for frame in call.frame.chain():
        if isinstance(frame.node, ast.If) and frame.kind in ("if", "orelse", "outside"):
            other = frame.node.orelse if frame.kind == "if" else frame.node.body
            if any(s.lineno <= node.lineno <= (s.end_lineno or s.lineno) for s in other):
                return True
            own = frame.node.body if frame.kind == "if" else frame.node.orelse
            inside = any(s.lineno <= node.lineno <= (s.end_lineno or s.lineno) for s in own)
            if not inside and own and isinstance(own[-1], (ast.Return, ast.Raise, ast.Continue, ast.Break)):
                return True
        if isinstance(frame.node, ast.ExceptHandler):
            return True
    return False
