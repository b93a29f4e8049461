"""SQLAlchemy's relationships: which rows an attribute of a row gives."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class
from celery_lint.project.syntax import keyword_of, last_name, walk
from celery_lint.semantics.inference.packages import QUERY
from celery_lint.semantics.inference.values import (
    UNKNOWN,
    ClassValue,
    Collection,
    Constant,
    ModelValue,
    Origin,
    QuerySetValue,
    Value,
    union,
)

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

DECLARING = frozenset({"relationship", "Relationship", "relation", "dynamic_loader"})
"""The functions that declare one (sqlalchemy/orm/_orm_constructors.py, sqlmodel/main.py)."""


def is_target(hub: Semantics, call: ast.Call, owner: Class, model: Class) -> bool:
    """Whether a relationship that a class declares leads to a model."""
    found = target(hub, call, owner)
    return isinstance(found, Class) and hub.classes.inherits(model, found)


def target(hub: Semantics, call: ast.Call, owner: Class) -> Class | str | None:
    """The model that `relationship(...)` names."""
    named = call.args[0] if call.args else keyword_of(call, "argument")
    if isinstance(named, ast.Lambda):
        named = named.body
    return hub.model_reference(named, owner) if named is not None else None


def related(hub: Semantics, call: ast.Call, owner: Class, origin: Origin | None) -> Value:
    """What the attribute that a class sets to `relationship(...)` gives; `origin` is the related row's."""
    model = target(hub, call, owner)
    if model is None:
        return UNKNOWN
    return _rows(model, _is_many(hub, call, owner, model), _loading(call), origin)


def backwards(hub: Semantics, call: ast.Call, owner: Class) -> Value:
    """What the attribute gives that `relationship(..., backref=...)` adds to the related model."""
    model = target(hub, call, owner)
    given = keyword_of(call, "backref")
    options = given if isinstance(given, ast.Call) else None
    if model is None:
        return UNKNOWN
    many = _constant(options, "uselist") if options is not None else None
    if many is None and keyword_of(call, "secondary") is not None:
        many = True
    if many is None:
        forwards = _is_many(hub, call, owner, model)
        many = None if forwards is None else not forwards
    return _rows(owner, many, _loading(options), None)


def _rows(model: Class | str, many: object, loading: str, origin: Origin | None) -> Value:
    """One row, a list of them, or either where that is not known."""
    if loading == "write_only":
        return UNKNOWN
    one = ModelValue(model, origin)
    rows = QuerySetValue(model, cls=QUERY) if loading == "dynamic" else Collection("list", ModelValue(model))
    if many is None:
        return union(one, rows)
    return rows if many else one


def _is_many(hub: Semantics, call: ast.Call, owner: Class, model: Class | str) -> object:
    """Whether a relationship leads to several rows, as its foreign key's side says; None where that is not seen."""
    said = _constant(call, "uselist")
    if said is not None:
        return said
    if keyword_of(call, "secondary") is not None or keyword_of(call, "collection_class") is not None:
        return True
    if _loading(call) in ("dynamic", "write_only"):
        return True
    if not isinstance(model, Class):
        return None
    if hub.classes.inherits(owner, model):  # a tree: the side that is called remote is the parent
        return keyword_of(call, "remote_side") is None
    if _points_at(hub, owner, model):
        return False
    return True if _points_at(hub, model, owner) else None


def _points_at(hub: Semantics, model: Class, other: Class) -> bool:
    """Whether a column of one model is a foreign key to the other."""
    return hub.memo.get(("points at", model, other), _find_key, False, hub, model, other)


def _find_key(hub: Semantics, model: Class, other: Class) -> bool:
    for owner, binding in hub.classes.lineage(model).assigns.values():
        for column in _foreign_keys(binding.value):
            if isinstance(column, ast.Constant) and isinstance(column.value, str):
                if column.value.rpartition(".")[0].rpartition(".")[2] == _table(hub, other):
                    return True
            elif isinstance(column, ast.Attribute):
                value = hub.evaluate(column.value, owner.module)
                if isinstance(value, ClassValue) and hub.classes.inherits(other, value.cls):
                    return True
    return False


def _foreign_keys(column: ast.expr | None) -> Iterator[ast.expr]:
    """The columns that the foreign keys in a column's declaration name."""
    for node in walk(column) if isinstance(column, ast.Call) else ():
        if isinstance(node, ast.Call) and node.args:
            if last_name(node.func) == "ForeignKey":
                yield node.args[0]


def _table(hub: Semantics, model: Class) -> str:
    """The name of a model's table; Flask-SQLAlchemy makes one of the class's name."""
    from celery_lint.semantics.frameworks.conventions import snake_case

    named = hub.classes.attribute(model, "__tablename__")
    return str(named.value) if isinstance(named, Constant) else snake_case(model.name)


def _loading(call: ast.Call | None) -> str:
    """How the rows are loaded, where that says what the attribute is: `dynamic`, `write_only`."""
    if call is None:
        return ""
    return "dynamic" if last_name(call.func) == "dynamic_loader" else str(_constant(call, "lazy"))


def _constant(call: ast.Call, name: str) -> object:
    given = keyword_of(call, name)
    return given.value if isinstance(given, ast.Constant) else None
