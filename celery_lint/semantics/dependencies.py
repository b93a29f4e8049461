"""FastAPI's dependencies: sessions that a generator opens for a request, and commits after it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celery_lint.project.modules import AssignBinding, Function, ImportBinding, Module
from celery_lint.semantics.model import Call, Step
from celery_lint.semantics.packages import SESSIONS
from celery_lint.semantics.values import BoundMethod, External, FunctionValue, Instance

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
        flow = hub.flow(dependency)
        for node, _, frame in flow.yields:
            block = frame.find("atomic")
            commits = [c.node for c in flow.calls if _commits(c) and c.node.lineno > node.lineno]
            at = block.node if block is not None else commits[0] if commits else None
            if at is not None:
                place = dependency.module.source.place(at.items[0].context_expr if isinstance(at, ast.With) else at)
                return Step(place, f"`{dependency.qualname}` commits the session when the request is done")
    return None


def _commits(call: Call) -> bool:
    """Whether a call is a session's `commit()`."""
    return call.name == "commit" and any(
        isinstance(c, BoundMethod) and isinstance(c.receiver, Instance) and c.receiver.cls in SESSIONS
        for c in call.callee.alternatives()
    )


def _dependencies(hub: Semantics, function: Function) -> Iterator[Function]:
    """The functions of the project that a route's parameters depend on: `= Depends(f)`, `Annotated[T, Depends(f)]`."""
    for name, arg in function.parameters.items():
        given = [(function.defaults.get(name), function.module), *_annotated(hub, arg.annotation, function.module)]
        for node, module in given:
            if isinstance(node, ast.Call) and len(node.args) == 1:
                made = hub.evaluate(node.func, module)
                if isinstance(made, External) and made.path in ("fastapi.Depends", "fastapi.params.Depends"):
                    target = hub.evaluate(node.args[0], module)
                    if isinstance(target, FunctionValue):
                        yield target.function


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


__all__ = ["committed_later"]
