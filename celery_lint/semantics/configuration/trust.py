"""Which settings let messages run code in a worker: those that accept pickle.

kombu/serialization.py: `loads` unpickles what it accepts; yaml is read with `safe_load`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import Module
from celery_lint.semantics.configuration.readings import Reading, named, readings
from celery_lint.semantics.inference.bindings import bound

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

PICKLE = frozenset({"pickle", "application/x-python-serialize"})
_ACCEPTED = ("accept_content", "result_accept_content")
_WORDS = ("accept_content", "ACCEPT_CONTENT")


def accepting_pickle(hub: Semantics, module: Module) -> Sequence[Reading]:
    """The places of a module that make workers, or who fetches results, accept pickle."""
    return hub.memo.get(("accepting pickle", module), lambda: tuple(_accepting(hub, module)), ())


def _accepting(hub: Semantics, module: Module) -> Iterator[Reading]:
    if is_test_file(module.filename) or not any(word in module.source.text for word in _WORDS):
        return
    for reading in readings(hub, module):
        if named(hub, reading) in _ACCEPTED and _lists_pickle(hub, reading.given.value, module):
            yield reading


def _lists_pickle(hub: Semantics, node: ast.expr, module: Module) -> bool:
    """Whether a list of content types surely has pickle in it."""
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return any(
            isinstance(one, ast.Constant) and one.value in PICKLE
            if not isinstance(one, ast.Starred)
            else _lists_pickle(hub, one.value, module)
            for one in node.elts
        )
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _lists_pickle(hub, node.left, module) or _lists_pickle(hub, node.right, module)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("list", "tuple", "set"):
        return len(node.args) == 1 and _lists_pickle(hub, node.args[0], module)
    if isinstance(node, (ast.Name, ast.Attribute)):
        given = list(bound(hub, node, module))
        if len(given) == 1:
            _, value, home = given[0]
            return isinstance(value, (ast.List, ast.Tuple, ast.Set)) and _lists_pickle(hub, value, home)
    return False


def accepts_pickle(hub: Semantics) -> bool:
    """Whether some place makes workers accept pickle."""
    files = {filename for word in _WORDS for filename in hub.project.mentioning_part(word)}
    modules = (hub.project.module_or_none(filename) for filename in sorted(files))
    return any(accepting_pickle(hub, module) for module in modules if module is not None)


def pickling(hub: Semantics, module: Module) -> Iterator[Reading]:
    """The places of a module that make pickle the form of all messages, or of all results."""
    if "serializer" not in module.source.text.lower() or is_test_file(module.filename):
        return
    for reading in readings(hub, module):
        value = reading.given.value
        if isinstance(value, ast.Constant) and value.value in PICKLE:
            if named(hub, reading) in ("task_serializer", "result_serializer"):
                yield reading


def has_own_pickle(hub: Semantics) -> bool:
    """Whether the project registers a serializer of its own under the name `pickle`."""
    return any(
        isinstance(node, ast.Call)
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and node.args[0].value in PICKLE
        and isinstance(node.func, (ast.Attribute, ast.Name))
        and (node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id) == "register"
        for filename in hub.project.mentioning("pickle")
        if b"register" in hub.project.read(filename) and (module := hub.project.module_or_none(filename)) is not None
        for node in module.nodes_around(("register",))
    )
