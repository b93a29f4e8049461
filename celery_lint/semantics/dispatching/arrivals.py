"""Whether a task's body notices that an argument arrives as a value of another type than was sent."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from celery_lint.project.syntax import last_name, walk
from celery_lint.semantics.dispatching.encoding import Loss
from celery_lint.semantics.model import Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

_NUMBERS = frozenset({"int", "float", "literal_eval"})
# What wants members that can be hashed, as tuples can and lists can't.
_HASHING = frozenset({"set", "frozenset", "Counter", "fromkeys", "dict", "hash"})
# Methods of strings, which a member of a `str` enum keeps.
_TEXT = frozenset(dir(str)) | frozenset(dir(int))


def notices(hub: Semantics, task: Task | None, parameter: str | None, how: Loss, inside: bool) -> bool:
    """Whether a value that arrives changed surely makes a difference to a task.

    Lost values and changed keys do in any case, but where the body makes numbers again.
    Of tuples and members of enums the body has to do what it can't do with what arrives.
    """
    if how.kind == "query":
        return True
    if task is None or task.function is None or parameter is None:
        return how.kind == "keys"
    nodes = list(walk(*task.function.body))
    if how.kind == "keys":
        return not any(isinstance(node, ast.Call) and last_name(node.func) in _NUMBERS for node in nodes)
    names = set(_members(nodes, parameter)) if inside else {parameter}
    if inside and how.kind == "tuple" and any(_is_hashed_whole(node, parameter) for node in nodes):
        return True

    def is_it(node: ast.AST | None) -> bool:
        return isinstance(node, ast.Name) and node.id in names

    needs = _needs_tuple if how.kind == "tuple" else _needs_member
    return any(needs(node, is_it) for node in nodes)


def _members(nodes: list[ast.AST], parameter: str) -> Iterator[str]:
    """The variables of loops over a parameter."""
    for node in nodes:
        if isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)) and isinstance(node.target, ast.Name):
            if isinstance(node.iter, ast.Name) and node.iter.id == parameter:
                yield node.target.id


def _is_hashed_whole(node: ast.AST, parameter: str) -> bool:
    """`set(pairs)`, `Counter(pairs)`."""
    return (
        isinstance(node, ast.Call)
        and last_name(node.func) in _HASHING - {"dict", "hash"}
        and bool(node.args)
        and isinstance(node.args[0], ast.Name)
        and node.args[0].id == parameter
    )


def _needs_tuple(node: ast.AST, is_it: Callable[[ast.AST | None], bool]) -> bool:
    """Whether an expression does with a tuple what a list can't do: hashes, compares, adds or formats it."""
    if isinstance(node, ast.Subscript):
        return is_it(node.slice)
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        return any(map(is_it, sides)) and any(isinstance(side, ast.Tuple) for side in sides)
    if isinstance(node, ast.Set):
        return any(map(is_it, node.elts))
    if isinstance(node, ast.Dict):
        return any(map(is_it, node.keys))
    if isinstance(node, ast.SetComp):
        return is_it(node.elt)
    if isinstance(node, ast.DictComp):
        return is_it(node.key)
    if isinstance(node, ast.BinOp):
        is_format = isinstance(node.op, ast.Mod) and is_it(node.right)
        adds = isinstance(node.op, ast.Add) and any(isinstance(side, ast.Tuple) for side in (node.left, node.right))
        return is_format or (adds and (is_it(node.left) or is_it(node.right)))
    if not isinstance(node, ast.Call) or not node.args or not is_it(node.args[0]):
        return False
    name = last_name(node.func)
    is_asked = name == "isinstance" and any(isinstance(n, ast.Name) and n.id == "tuple" for n in walk(*node.args[1:]))
    return is_asked or name == "hash" or (name == "add" and isinstance(node.func, ast.Attribute))


def _needs_member(node: ast.AST, is_it: Callable[[ast.AST | None], bool]) -> bool:
    """Whether an expression does with a member of an enum, or a named tuple, what a plain value can't do."""
    if isinstance(node, ast.Attribute):
        return is_it(node.value) and node.attr not in _TEXT
    if isinstance(node, ast.Compare):
        return any(isinstance(op, (ast.Is, ast.IsNot)) for op in node.ops) and (
            is_it(node.left) and not any(isinstance(c, ast.Constant) for c in node.comparators)
        )
    return (
        isinstance(node, ast.Call) and last_name(node.func) == "isinstance" and bool(node.args) and is_it(node.args[0])
    )
