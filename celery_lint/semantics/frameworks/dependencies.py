"""FastAPI's dependencies: what they give to a route, and sessions that they commit after it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celery_lint.project.modules import AssignBinding, Function, ImportBinding, Module
from celery_lint.semantics.inference.values import UNKNOWN, Collection, External, Field, FunctionValue, Parameter, Value
from celery_lint.semantics.model import Step

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics


def committed_later(hub: Semantics, function: Function) -> Step | None:
    """Where a session that a route gets as a dependency is committed, when that is after the route has run.

    That is so for a generator that commits after its `yield`, or that yields inside `session.begin()`
    (https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield/).
    """
    return hub.memo.get(("committed later", function), lambda: _committed_later(hub, function), None)


def _committed_later(hub: Semantics, function: Function) -> Step | None:
    for dependency in _dependencies(hub, function):
        at = hub.sessions.commit_after_yield(hub.flow(dependency))
        if at is not None:
            if isinstance(at, (ast.With, ast.AsyncWith)):
                at = at.items[0].context_expr
            place = dependency.module.source.place(at)
            return Step(place, f"`{dependency.qualname}` commits the session when the request is done")
    return None


def provided(hub: Semantics, function: Function, name: str) -> Value:
    """What a parameter gets that only its default tells of: `db=Depends(get_db)`."""
    default = function.defaults.get(name)
    if not isinstance(default, ast.Call):
        return UNKNOWN
    dependency = _dependency(hub, default, function.module)
    if dependency is None:
        return UNKNOWN
    given = hub.returned(FunctionValue(dependency), 2)
    if given is UNKNOWN and dependency.returns is not None:
        given = hub.annotation(dependency.returns, dependency.module)
    if isinstance(given, Collection) and given.kind in ("generator", "iterator", "iterable"):
        given = given.element
    return UNKNOWN if any(isinstance(one, (Parameter, Field)) for one in given.alternatives()) else given


def _dependencies(hub: Semantics, function: Function) -> Iterator[Function]:
    """The functions of the project that a route's parameters depend on: `= Depends(f)`, `Annotated[T, Depends(f)]`."""
    for name, arg in function.parameters.items():
        given = [(function.defaults.get(name), function.module), *_annotated(hub, arg.annotation, function.module)]
        for node, module in given:
            dependency = _dependency(hub, node, module) if isinstance(node, ast.Call) else None
            if dependency is not None:
                yield dependency


def _dependency(hub: Semantics, node: ast.Call, module: Module) -> Function | None:
    """The function of the project in `Depends(function)`."""
    if len(node.args) != 1:
        return None
    made = hub.evaluate(node.func, module)
    if not (isinstance(made, External) and made.path in ("fastapi.Depends", "fastapi.params.Depends")):
        return None
    target = hub.evaluate(node.args[0], module)
    return target.function if isinstance(target, FunctionValue) else None


def _annotated(hub: Semantics, node: ast.expr | None, module: Module) -> Iterator[tuple[ast.expr, Module]]:
    """What stands beside the type in `Annotated[...]`, also under a name of this module or of the one it comes from."""
    if isinstance(node, ast.Name):
        name = node.id
        for binding in module.bindings.get(name, ()):
            if isinstance(binding, ImportBinding) and binding.name is not None:
                module = hub.project.import_module(binding.module, module.filename) or module
                name = binding.name
        bound = [b.value for b in module.bindings.get(name, ()) if isinstance(b, AssignBinding)]
        node = bound[-1] if bound else None
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
        for part in node.slice.elts[1:]:
            yield part, module


__all__ = ["committed_later", "provided"]
