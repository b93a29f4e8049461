"""Which expressions a name was set to, wherever that stands."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.modules import AssignBinding, Class, Function, ImportBinding, Module
from celery_lint.project.syntax import own_nodes, walk
from celery_lint.semantics.configuration.settings import class_around, function_around, value_at
from celery_lint.semantics.inference.values import ClassValue, Instance, ModuleValue

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

MAX_DEPTH = 8


def bound(hub: Semantics, node: ast.expr, module: Module) -> Iterator[tuple[str, ast.expr, Module]]:
    """What a variable or an attribute is set to: its name there, each expression, and the module of it."""
    if isinstance(node, ast.Name):
        function = function_around(node, module)
        if function is not None:
            local = list(set_in(function, node.id))
            yield from ((node.id, value, module) for value in local)
            if local or node.id in function.parameters:
                return
        cls = class_around(node, module) if function is None else None
        if cls is not None and node.id in cls.assigns:
            yield from _of_class(cls, node.id)
        else:
            yield from _of_module(hub, node.id, module, 0)
    elif isinstance(node, ast.Attribute):
        base = value_at(hub, node.value, module)
        if isinstance(base, ModuleValue):
            yield from _of_module(hub, node.attr, base.module, 0)
        elif isinstance(base, (ClassValue, Instance)) and isinstance(base.cls, Class):
            yield from _of_class(base.cls, node.attr)


def set_in(function: Function, name: str) -> Iterator[ast.expr]:
    """What a function's variable is set to."""
    for node in walk(*function.body):
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            yield node.value
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            if isinstance(node.target, ast.Name) and node.target.id == name:
                yield node.value


def _of_class(cls: Class, name: str) -> Iterator[tuple[str, ast.expr, Module]]:
    for binding in cls.assigns.get(name, ()):
        if binding.value is not None and binding.index is None:
            yield name, binding.value, cls.module


def _of_module(hub: Semantics, name: str, module: Module, depth: int) -> Iterator[tuple[str, ast.expr, Module]]:
    """What a module's variable is set to, there or where the module has it from."""
    hub.project.inputs.note("content", module.filename)
    bindings = module.bindings.get(name, ())
    for binding in bindings:
        if isinstance(binding, AssignBinding) and binding.value is not None and binding.index is None:
            yield name, binding.value, module
        elif isinstance(binding, ImportBinding) and binding.name is not None and depth < MAX_DEPTH:
            other = hub.project.import_module(binding.module, module.filename)
            if other is not None and other is not module:
                yield from _of_module(hub, binding.name, other, depth + 1)
    for star in module.star_imports if not bindings and depth < MAX_DEPTH else ():
        other = hub.project.import_module(star, module.filename)
        if other is not None and other is not module:
            yield from _of_module(hub, name, other, depth + 1)


def returned(function: Function) -> Iterator[ast.expr]:
    """What a function returns."""
    for node in own_nodes(function.body):
        if isinstance(node, ast.Return) and node.value is not None:
            yield node.value


def parts_of(node: ast.expr) -> Sequence[ast.expr]:
    """The expressions of which one, or all together, are what an expression gives."""
    if isinstance(node, ast.IfExp):
        return (node.body, node.orelse)
    if isinstance(node, ast.BoolOp):
        return node.values
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return (node.left, node.right)
    return (node.value,) if isinstance(node, ast.NamedExpr) else ()
