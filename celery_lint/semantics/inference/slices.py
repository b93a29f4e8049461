"""The part of a function's body that decides what the function returns.

Most calls of the project's functions are followed for their results alone. Then
only the assignments on which a `return` or `yield` depends are worth reading:
a few lines of a body, and none of what the other lines call.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from celery_lint.project.modules import Function
from celery_lint.project.syntax import IS_SCOPE, children, walk
from celery_lint.records import record

# Methods that put something into a list, set or dict, or take it out.
CHANGING = frozenset({"append", "add", "insert", "extend", "update", "appendleft", "pop"})


@record()
class Slice:
    """The statements to read, and the names whose values count."""

    statements: frozenset[ast.AST]
    """Assignments and the like; of `if`, `while`, `for` and `match` their tests and targets."""
    names: frozenset[str]


@dataclass(slots=True)
class _Unit:
    """A statement without the blocks in it: what it may change, and what that depends on.

    A name is `x`, or `x.y` for an attribute of a variable.
    """

    node: ast.AST
    changes: set[str]
    sources: Sequence[ast.AST]
    """The expressions whose names it reads: these are looked for only when its changes count."""


def slice_of(function: Function) -> Slice:
    """What has to be read of a function to know what it returns or yields."""
    wanted: set[str] = set()
    units: list[_Unit] = []
    kept: set[ast.AST] = set()
    generator = function.is_generator
    for node in _statements(function.body):
        kind = node.__class__
        if kind is ast.Return:
            _add_names(wanted, (node,))
        elif kind in _READERS:
            unit = _READERS[kind](node)
            if unit.changes:
                units.append(unit)
            within = _bound_within(node) if function.scan.assigns_within else None
            if within is not None:
                units.append(within)
        if generator and kind in _YIELDING and _yields(node):
            kept.add(node)
            _add_names(wanted, (node,))
        if kind is ast.With or kind is ast.AsyncWith:
            # Always entered: what a `with` item is decides whether the block may end early.
            _add_names(wanted, (item.context_expr for item in node.items))  # type: ignore[attr-defined]
    units.reverse()
    found = bool(wanted)
    while found:
        found = False
        rest = []
        for unit in units:
            if unit.changes.isdisjoint(wanted):
                rest.append(unit)
            else:
                kept.add(unit.node)
                known = len(wanted)
                _add_names(wanted, unit.sources)
                found |= len(wanted) > known
        units = rest
    return Slice(frozenset(kept), frozenset(wanted))


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a body and of the blocks in it, those of nested functions and classes left out."""
    stack: list[ast.stmt] = list(reversed(body))
    while stack:
        node = stack.pop()
        yield node
        kind = node.__class__
        if kind in _SIMPLE or IS_SCOPE[kind]:
            continue
        for name in ("finalbody", "orelse", "body"):
            stack.extend(reversed(getattr(node, name, ())))
        for handler in getattr(node, "handlers", ()):
            stack.extend(handler.body)
        for case in getattr(node, "cases", ()):
            stack.extend(case.body)


def _add_names(found: set[str], roots: Iterable[ast.AST]) -> None:
    for node in walk(*roots):
        kind = node.__class__
        if kind is ast.Name:
            found.add(node.id)  # type: ignore[attr-defined]
        elif kind is ast.Attribute and node.value.__class__ is ast.Name:  # type: ignore[attr-defined]
            found.add(f"{node.value.id}.{node.attr}")  # type: ignore[attr-defined]


def _yields(node: ast.stmt) -> bool:
    return any(n.__class__ is ast.Yield or n.__class__ is ast.YieldFrom for n in walk(node))


def _bound(target: ast.expr) -> Iterator[str]:
    """The names that an assignment to a target changes."""
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, ast.Attribute):
        while isinstance(target.value, ast.Attribute):
            target = target.value
        if isinstance(target.value, ast.Name):
            yield f"{target.value.id}.{target.attr}"
    elif isinstance(target, (ast.Tuple, ast.List)):
        for element in target.elts:
            yield from _bound(element)
    elif isinstance(target, ast.Starred):
        yield from _bound(target.value)
    elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
        yield target.value.id


def _bound_within(node: ast.AST) -> _Unit | None:
    """What the expressions of a statement bind by `:=`, as a unit of its own."""
    changes: set[str] = set()
    for part in _expressions(node):
        for inner in walk(part):
            if isinstance(inner, ast.NamedExpr):
                changes.update(_bound(inner.target))
    return _Unit(node, changes, tuple(_expressions(node))) if changes else None


def _expressions(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions of a statement, without those in its blocks."""
    for child in children(node):
        if isinstance(child, ast.expr):
            yield child


def _assignment(node: ast.Assign) -> _Unit:
    return _Unit(node, {name for target in node.targets for name in _bound(target)}, (node,))


def _annotated(node: ast.AnnAssign | ast.AugAssign) -> _Unit:
    sources = (node.target,) if node.value is None else (node.target, node.value)
    return _Unit(node, set(_bound(node.target)), sources)


def _expression(node: ast.Expr) -> _Unit:
    changes: set[str] = set()
    call = node.value.value if isinstance(node.value, ast.Await) else node.value
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in CHANGING:
        if isinstance(call.func.value, ast.Name):
            changes.add(call.func.value.id)
    return _Unit(node, changes, (node,))


def _import(node: ast.Import | ast.ImportFrom) -> _Unit:
    return _Unit(node, {(a.asname or a.name).partition(".")[0] for a in node.names}, ())


def _definition(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> _Unit:
    return _Unit(node, {node.name}, (node,))


def _loop(node: ast.For | ast.AsyncFor) -> _Unit:
    return _Unit(node, set(_bound(node.target)), (node.iter,))


def _test(node: ast.If | ast.While) -> _Unit:
    changes: set[str] = set()
    sources: list[ast.expr] = []
    parts: list[ast.expr] = [node.test]
    while parts:
        part = parts.pop()
        if isinstance(part, ast.UnaryOp):
            parts.append(part.operand)
        elif isinstance(part, ast.BoolOp):
            parts += part.values
        elif isinstance(part, ast.Call) and len(part.args) == 2:
            changes.update(_bound(part.args[0]))
            sources += part.args
        elif isinstance(part, ast.Compare):
            # `type(order) is Order` says something of `order`.
            asked = part.left.args[0] if isinstance(part.left, ast.Call) and part.left.args else part.left
            changes.update(_bound(asked))
            sources += [part.left, part.comparators[0]]
        elif isinstance(part, (ast.Name, ast.Attribute)):
            changes.update(_bound(part))
            sources.append(part)
    return _Unit(node, changes, sources)


def _match(node: ast.Match) -> _Unit:
    captured = {
        n.name for case in node.cases for n in walk(case.pattern) if isinstance(n, (ast.MatchAs, ast.MatchStar))
    }
    return _Unit(node, {name for name in captured if name} | set(_bound(node.subject)), (node.subject,))


_READERS: dict[type[ast.AST], Callable[[Any], _Unit]] = {
    ast.Assign: _assignment,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _annotated,
    ast.Expr: _expression,
    ast.Import: _import,
    ast.ImportFrom: _import,
    ast.FunctionDef: _definition,
    ast.AsyncFunctionDef: _definition,
    ast.ClassDef: _definition,
    ast.For: _loop,
    ast.AsyncFor: _loop,
    ast.If: _test,
    ast.While: _test,
    ast.Match: _match,
}
_SIMPLE = frozenset(
    {
        ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.Import, ast.ImportFrom, ast.Return, ast.Raise, ast.Pass,
        ast.Delete, ast.Assert, ast.Global, ast.Nonlocal, ast.Break, ast.Continue,
    }
)  # fmt: skip
_YIELDING = frozenset({ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign})
