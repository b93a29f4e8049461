"""Whether Django wraps each request in a transaction, as far as the settings of the databases tell.

Django looks for ATOMIC_REQUESTS in the entries of DATABASES alone, and opens the transaction on
the database of that entry (django/core/handlers/base.py, make_view_atomic).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import Module
from celery_lint.project.syntax import literal_text, walk
from celery_lint.semantics.configuration.settings import given
from celery_lint.semantics.inference.values import Constant

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

_NAME = "ATOMIC_REQUESTS"


def atomic_requests(hub: Semantics) -> bool | None:
    """Whether each request runs in a transaction of the default database; None when the settings do not tell."""
    project = hub.project
    stating = frozenset(project.mentioning(_NAME))
    answers: set[bool | None] = set()
    for filename in hub.project_settings.consulted(stating.union(project.mentioning("DATABASES"))):
        module = None if is_test_file(filename) else project.module_or_none(filename)
        if module is not None:
            answers.update(_stated(hub, module) if filename in stating else ())
            answers.update(_left_out(hub, module))
    if True in answers:
        return True
    return False if answers == {False} else None


def _stated(hub: Semantics, module: Module) -> Iterator[bool | None]:
    """What a module sets ATOMIC_REQUESTS to, other than a plain False: that leaves other entries open."""
    elsewhere = other_databases(module)
    for target, value in given(module, frozenset({_NAME})):
        if isinstance(target, (ast.Name, ast.Attribute)) and target is not value:
            continue  # a setting of its own, which Django does not know
        known = hub.project_settings.read(value, module)
        if value not in elsewhere and known != Constant(False):
            yield True if known == Constant(True) else None


def _left_out(hub: Semantics, module: Module) -> Iterator[bool | None]:
    """False for a module whose DATABASES certainly leave ATOMIC_REQUESTS out, None for one that can't be read."""
    bindings = module.bindings.get("DATABASES")
    if bindings is not None:
        is_read = all(is_readable(hub, getattr(b, "value", None), module) for b in bindings)
        yield False if is_read or is_switched_off(hub, module) else None


def is_readable(hub: Semantics, node: ast.expr | None, module: Module) -> bool:
    """Whether a value of DATABASES shows all that it says of the default database."""
    return isinstance(node, ast.Dict) and all(
        is_entry_readable(hub, value, module)
        for key, value in zip(node.keys, node.values, strict=True)
        if key is None or literal_text(key) in ("default", None)
    )


def is_entry_readable(hub: Semantics, node: ast.expr, module: Module) -> bool:
    """Whether one database's settings can be read whole, or at least as far as ATOMIC_REQUESTS goes."""
    if isinstance(node, ast.Call):
        # What is made from an address (dj_database_url, environ) is each deployment's own, and not read here.
        return isinstance(node.func, ast.Name) and node.func.id == "dict"
    if not isinstance(node, ast.Dict):
        return False
    for key, value in reversed(list(zip(node.keys, node.values, strict=True))):
        if key is not None and literal_text(key) == _NAME:
            return True  # what is spread before it does not count
        if key is None and not is_entry_readable(hub, value, module):
            return False
    return True


def is_switched_off(hub: Semantics, module: Module) -> bool:
    """Whether a module says in the end `DATABASES["default"]["ATOMIC_REQUESTS"] = False`."""
    return any(
        isinstance(target, ast.Subscript)
        and literal_text(target.slice) == _NAME
        and database(target.value) == "default"
        and hub.project_settings.read(statement.value, module) == Constant(False)
        for statement in module.tree.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
    )


def other_databases(module: Module) -> frozenset[ast.AST]:
    """All that a module writes of databases other than the default one."""
    entries: list[ast.AST] = []
    for binding in module.bindings.get("DATABASES", ()):
        node = getattr(binding, "value", None)
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            entries += [v for k, v in pairs if k is not None and literal_text(k) not in ("default", None)]
    for node in walk(module.tree):
        if isinstance(node, ast.Assign):
            if any(set_database(target) not in ("default", None) for target in node.targets):
                entries.append(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if database(node.func.value) not in ("default", None):
                entries.append(node)
    return frozenset(walk(*entries))


def set_database(target: ast.expr) -> str | None:
    """The alias that an assignment to an entry, or to one of its keys, is about."""
    inner = target.value if isinstance(target, ast.Subscript) else target
    return database(target) or database(inner)


def database(node: ast.expr) -> str | None:
    """The alias in `DATABASES["alias"]`."""
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "DATABASES":
        return literal_text(node.slice)
    return None


__all__ = ["atomic_requests"]
