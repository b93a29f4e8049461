"""The Celery application that a Flask application holds: `app.extensions["celery"]`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from celery_lint.project.syntax import walk
from celery_lint.semantics.configuration.settings import value_at
from celery_lint.semantics.inference.values import UNKNOWN, AppValue, BoundMethod, Constant, External, Instance, Value

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

_EXTENSIONS, _KEY = "extensions", "celery"
_HELD = External(f"flask.current_app.{_EXTENSIONS}")


def extension(hub: Semantics, holder: Value, index: Value) -> Value:
    """What `holder[index]` gives where the holder is a Flask application's `extensions`."""
    if index != Constant(_KEY) or not (holder == _HELD or _is_of_flask(holder)):
        return UNKNOWN
    return hub.memo.get(("flask's celery",), lambda: _kept(hub), UNKNOWN)


def _is_of_flask(value: Value) -> bool:
    return (
        isinstance(value, BoundMethod)
        and value.name == _EXTENSIONS
        and isinstance(value.receiver, Instance)
        and value.receiver.cls in ("flask.Flask", "flask.app.Flask")
    )


def _kept(hub: Semantics) -> Value:
    """The application that the project puts there: packages for Flask may put something else."""
    for filename in hub.project.mentioning(_EXTENSIONS):
        module = hub.project.module_or_none(filename)
        if module is None or not module.rows_of((_EXTENSIONS,)):
            continue
        bodies = (f.body for f in module.functions if f.mentions((_EXTENSIONS,)))
        for node in walk(module.tree, *(statement for body in bodies for statement in body)):
            if isinstance(node, ast.Assign) and any(map(_is_place, node.targets)):
                value = value_at(hub, node.value, module)
                if isinstance(value, AppValue):
                    return value
    return UNKNOWN


def _is_place(target: ast.expr) -> bool:
    """Whether a target is `app.extensions["celery"]`."""
    return (
        isinstance(target, ast.Subscript)
        and isinstance(target.value, ast.Attribute)
        and target.value.attr == _EXTENSIONS
        and isinstance(target.slice, ast.Constant)
        and target.slice.value == _KEY
    )
