"""Classes that leave it to those below them which model they are about: `class Orders(Repository[Order])`."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class, Function, Module
from celery_lint.project.syntax import walk
from celery_lint.semantics.inference import declarations
from celery_lint.semantics.inference.values import UNKNOWN, ClassValue, External, ModelValue, Value

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

_DECLARING = ("Generic", "Protocol")


def type_arguments(hub: Semantics, cls: Class, owner: Class) -> Mapping[str, Value]:
    """What the type variables of a class mean in one that derives from it: an instance for each that is known."""
    if cls is owner:
        return {}
    return hub.memo.get(("type arguments", cls, owner), _type_arguments, {}, hub, cls, owner, {})


def _type_arguments(hub: Semantics, cls: Class, owner: Class, known: Mapping[str, Value]) -> Mapping[str, Value]:
    for node in cls.node.bases:
        given = node.value if isinstance(node, ast.Subscript) else node
        base = hub.evaluate(given, cls.module)
        if not isinstance(base, ClassValue) or base.cls is cls or not hub.classes.inherits(base.cls, owner):
            continue
        meant: dict[str, Value] = {}
        if isinstance(node, ast.Subscript):
            parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            for name, part in zip(_type_variables(hub, base.cls), parts, strict=False):
                value = declarations.declared(hub, part, cls.module, known)
                if value is not UNKNOWN:
                    meant[name] = value
        return meant if base.cls is owner else _type_arguments(hub, base.cls, owner, meant)
    return {}


def _type_variables(hub: Semantics, cls: Class) -> list[str]:
    """The names of a generic class's type variables, in their order."""
    declared = [p.name for p in getattr(cls.node, "type_params", ())]
    if declared:
        return declared
    for node in cls.node.bases:
        if isinstance(node, ast.Subscript):
            base = hub.evaluate(node.value, cls.module)
            if isinstance(base, External) and base.path.rpartition(".")[2] in _DECLARING:
                return _names_in(hub, [node.slice], cls.module)
    return _names_in(hub, [n.slice for n in cls.node.bases if isinstance(n, ast.Subscript)], cls.module)


def _names_in(hub: Semantics, nodes: list[ast.expr], module: Module) -> list[str]:
    names = [n.id for n in walk(*nodes) if isinstance(n, ast.Name)]
    return [name for name in dict.fromkeys(names) if declarations.is_type_variable(hub.global_name(module, name))]


def is_served(hub: Semantics, function: Function, cls: Class) -> bool:
    """Whether a class says of which model a method is that it inherits."""
    owner = function.cls
    if owner is None or owner is cls or owner not in hub.classes.lineage(cls).classes:
        return False
    if any(isinstance(value, ModelValue) for value in type_arguments(hub, cls, owner).values()):
        return True
    names = hub.memo.get(("models named", cls, owner), _models_named, frozenset(), hub, cls, owner)
    return bool(names) and function.mentions(names)


def _models_named(hub: Semantics, cls: Class, owner: Class) -> frozenset[str]:
    """The attributes that a class, or one between it and its ancestor, sets to a model."""
    line = hub.classes.lineage(cls).classes
    return frozenset(
        name
        for one in line[: line.index(owner)]
        for name, bindings in one.assigns.items()
        if isinstance(bindings[-1].value, (ast.Name, ast.Attribute)) and _is_model(hub, bindings[-1].value, one)
    )


def _is_model(hub: Semantics, node: ast.expr, cls: Class) -> bool:
    value = hub.evaluate_in_class(node, cls)
    return isinstance(value, ClassValue) and hub.classes.is_model(value.cls)
