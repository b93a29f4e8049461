"""Walking syntax trees: what `ast.walk` does, several times as fast.

Only fields that can hold nodes are looked at. Other linters hang parents on nodes (pyflakes on those that
the parser shares between trees as well), so a node's attributes are never taken for its children.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence

# Fields that hold no node worth a visit: plain values, and the singletons for contexts and operators.
_PLAIN = frozenset(
    """ctx op ops id attr kind level module asname type_comment type_ignores simple is_async conversion kwd_attrs
    rest tag str""".split()
)
_LEAVES = (ast.Global, ast.Nonlocal, ast.alias, ast.Constant, ast.MatchSingleton)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_BLOCKS = ("body", "orelse", "finalbody")
_PARTS = ("handlers", "cases")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


class _Fields(dict[type[ast.AST], tuple[str, ...]]):
    """The fields of each type of node that may hold nodes, found out when first asked for."""

    def __missing__(self, kind: type[ast.AST]) -> tuple[str, ...]:
        names = () if issubclass(kind, _LEAVES) else tuple(f for f in kind._fields if f not in _PLAIN)
        self[kind] = names
        return names


class _Scopes(dict[type[ast.AST], bool]):
    """Whether nodes of a type have a body of their own, whose variables are not those around them."""

    def __missing__(self, kind: type[ast.AST]) -> bool:
        self[kind] = found = issubclass(kind, _SCOPES)
        return found


class _Compound(dict[type[ast.AST], bool]):
    """Whether nodes of a type hold statements."""

    def __missing__(self, kind: type[ast.AST]) -> bool:
        self[kind] = found = any(name in kind._fields for name in (*_BLOCKS, *_PARTS))
        return found


FIELDS = _Fields()
IS_SCOPE = _Scopes()
_IS_COMPOUND = _Compound()


def blocks(node: ast.stmt) -> Sequence[Sequence[ast.stmt]]:
    """The blocks of a compound statement, in the order of the source; none of a simple one."""
    if not _IS_COMPOUND[node.__class__]:
        return ()
    body, orelse, final = (getattr(node, name, ()) for name in _BLOCKS)
    parts = [part.body for name in _PARTS for part in getattr(node, name, ())]
    return [block for block in (body, *parts, orelse, final) if block]


def walk(*roots: ast.AST) -> Iterator[ast.AST]:
    """The nodes and all below them, each before what is in it, in the order of the source."""
    return _walk(roots, False)


def own_nodes(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """All nodes of a body, those of nested functions, lambdas and classes left out."""
    return _walk(body, True)


def children(node: ast.AST, without: str = "") -> Iterator[ast.AST]:
    """The nodes directly in a node, those of the field `without` left out; that one is not even looked at."""
    for name in FIELDS[node.__class__]:
        if name == without:
            continue
        value = getattr(node, name, None)
        if value.__class__ is list:
            yield from (each for each in value if each is not None)
        elif value is not None and value.__class__ is not str:
            yield value


def _walk(roots: Iterable[ast.AST], own: bool) -> Iterator[ast.AST]:
    stack: list[ast.AST | None] = list(roots)
    stack.reverse()
    push, pop = stack.append, stack.pop
    while stack:
        node = pop()
        if node is None:
            continue
        yield node
        kind = node.__class__
        if own and IS_SCOPE[kind]:
            continue
        if kind is ast.Name or kind is ast.Constant:
            continue
        if kind is ast.Attribute:
            push(node.value)  # type: ignore[attr-defined]
            continue
        for name in reversed(FIELDS[kind]):
            value = getattr(node, name, None)
            if value is None or value.__class__ is str:
                continue
            if value.__class__ is list:
                stack.extend(reversed(value))
            else:
                push(value)


def dotted_name(node: ast.expr) -> str | None:
    """`a.b.c` as text; None for any other expression."""
    parts: list[str] = []
    while node.__class__ is ast.Attribute:
        parts.append(node.attr)
        node = node.value
    if node.__class__ is not ast.Name:
        return None
    parts.append(node.id)
    return ".".join(reversed(parts))


def literal_text(node: ast.AST) -> str | None:
    """The text of a string literal; None for any other node."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def mentions_name(node: ast.AST, name: str) -> bool:
    """Whether a variable's name stands somewhere in an expression or a statement."""
    return any(isinstance(n, ast.Name) and n.id == name for n in walk(node))


def words_in(name: str) -> list[str]:
    """The words of a name, in small letters: `order`, `items` of `OrderItems` and `order_items`."""
    return [word.lower() for word in _WORD.findall(name)]


def last_name(node: ast.AST) -> str:
    """`c` of `a.b.c`; empty for what is neither a name nor an attribute."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def keyword_of(call: ast.Call, name: str) -> ast.expr | None:
    """The value of a call's keyword argument."""
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
