"""Which parameters take keys, by their names and by what a body looks up with them."""

from __future__ import annotations

import ast
from typing import TypeGuard

from celery_lint.project.modules import Function
from celery_lint.project.syntax import own_nodes

KEYS = frozenset({"pk", "id", "uuid", "guid"})


def names_key(name: str) -> bool:
    """Whether a parameter's name says that it takes a key."""
    return name in KEYS or name.endswith(("_id", "_pk", "_ids", "_pks", "_uuid"))


def is_named(node: ast.AST, name: str) -> TypeGuard[ast.keyword]:
    """Whether a node is a keyword argument whose value is a variable."""
    return isinstance(node, ast.keyword) and isinstance(node.value, ast.Name) and node.value.id == name


def looks_up(function: Function, name: str) -> bool:
    """Whether a body looks a row up by a parameter: `filter(pk=order)`."""
    return any(
        is_named(node, name)
        and node.arg is not None
        and (node.arg in KEYS or node.arg.endswith(("__pk", "__id", "_id")))
        for node in own_nodes(function.body)
    )
