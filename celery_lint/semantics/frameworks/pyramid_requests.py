"""What a Pyramid application adds to its requests: `config.add_request_method(get_session, "db", reify=True)`."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING

from celery_lint.project.syntax import keyword_of, walk
from celery_lint.semantics.inference.values import UNKNOWN, FunctionValue, Value, union

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

_ADD = "add_request_method"


def added_attribute(hub: Semantics, name: str) -> Value:
    """What an attribute of the project's requests is; UNKNOWN where the project adds none of the name."""
    found = hub.memo.get(("added to requests",), lambda: _added(hub), {}).get(name, ())
    return union(*(hub.returned(one, 2) for one in found)) if found else UNKNOWN


def _added(hub: Semantics) -> Mapping[str, tuple[FunctionValue, ...]]:
    """The functions whose results requests have as attributes (pyramid/config/factories.py, `add_request_method`)."""
    found: dict[str, tuple[FunctionValue, ...]] = {}
    for filename in sorted(hub.project.mentioning(_ADD)):
        module = hub.project.module_or_none(filename)
        for node in walk(module.tree) if module is not None else ():
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == _ADD):
                continue
            made = node.args[0] if node.args else keyword_of(node, "callable")
            given = node.args[1] if len(node.args) > 1 else keyword_of(node, "name")
            value = hub.evaluate(made, module) if made is not None and module is not None else UNKNOWN
            if not isinstance(value, FunctionValue) or not (_is_true(node, "reify") or _is_true(node, "property")):
                continue
            name = given.value if isinstance(given, ast.Constant) else None if given else value.function.name
            if isinstance(name, str):
                found[name] = (*found.get(name, ()), value)
    return found


def _is_true(call: ast.Call, name: str) -> bool:
    given = keyword_of(call, name)
    return isinstance(given, ast.Constant) and given.value is True
