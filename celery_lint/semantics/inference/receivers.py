"""Whether a method of the project may be meant by a call on an object of which nothing is known."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from celery_lint.project.modules import AssignBinding, Class, Function, ImportBinding, Module
from celery_lint.project.syntax import last_name, own_nodes, words_in
from celery_lint.semantics.inference.values import External, Instance, Value

if TYPE_CHECKING:
    from typing import TypeAlias

    from celery_lint.semantics.hub import Semantics

    Look: TypeAlias = Callable[[ast.expr], Value]
    Made: TypeAlias = tuple[ast.expr, "Scope"]

MAX_STEPS = 4
"""How many assignments back an object's beginning is looked for."""
_SHORTEST = 3
"""The letters that a word must have to say anything."""
_TELLING = 3
"""A method's name of so many words is seldom given twice: `send_confirmation_email`."""
# Classes that are there to be inherited: objects are named after their subclasses.
_INHERITED = re.compile(r"Mixin|Abstract|Base(?![a-z])")
# Packages whose functions and objects give the project's own objects back.
_HANDING_BACK = frozenset(
    """builtins celery contextlib copy django flask flask_sqlalchemy functools importlib itertools operator random
    rest_framework sqlalchemy sqlmodel typing""".split()
)
# Methods that make plain data of an object.
_DATA = frozenset({"json", "model_dump", "to_dict"})


@dataclass(eq=False)
class Scope:
    """Where an expression stands, and what is known there of it and of its parts."""

    hub: Semantics
    module: Module
    function: Function | None
    look: Look


def may_be_meant(method: ast.Attribute, candidates: Sequence[Function], scope: Scope) -> bool:
    """Whether a call `x.name()` on an unknown `x` may mean the methods of that name that the project has.

    A name alone is no evidence: the object must be called like the class, or the name be one that
    only this project gives, and the object must not come from another package.
    """
    words = sum(1 for word in method.attr.split("_") if word)
    classes = [one.cls for one in candidates if one.cls is not None]
    if not (
        words >= _TELLING
        or any(is_named_after(method.value, cls) for cls in classes)
        or (words > 1 and any(_INHERITED.search(cls.name) for cls in classes))
    ):
        return False
    return not comes_from_elsewhere(method.value, scope)


def is_named_after(receiver: ast.expr, cls: Class) -> bool:
    """Whether an object has a word of a class's name in its own: `order` and `FulfillableOrder`."""
    words = _words(_name(receiver))
    return any(one.startswith(other) or other.startswith(one) for one in words for other in _words(cls.name))


def _name(node: ast.expr) -> str:
    """The last name of an expression: `order` of `self.order`, `order[0]` and `order()`."""
    while isinstance(node, (ast.Subscript, ast.Call, ast.Await)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return last_name(node)


def _words(name: str) -> list[str]:
    return [word for word in words_in(name) if len(word) >= _SHORTEST]


def comes_from_elsewhere(node: ast.expr, scope: Scope, steps: int = MAX_STEPS) -> bool:
    """Whether an object was got from one of another package, or is plain data."""
    part = node
    while True:
        if any(map(_is_elsewhere, scope.look(part).alternatives())):
            return True
        if isinstance(part, ast.Call):
            if isinstance(part.func, ast.Attribute) and part.func.attr in _DATA:
                return True
            part = part.func
        elif isinstance(part, (ast.Attribute, ast.Subscript, ast.Await)):
            if steps > 0 and any(comes_from_elsewhere(*made, steps - 1) for made in _made_in_methods(part, scope)):
                return True
            part = part.value
        else:
            break
    if not isinstance(part, ast.Name) or steps <= 0:
        return False
    return any(comes_from_elsewhere(*made, steps - 1) for made in _made_from(part.id, scope))


def _is_elsewhere(value: Value) -> bool:
    """Whether a value is another package's name or object, of a package that makes objects of its own."""
    path = value.path if isinstance(value, External) else value.cls if isinstance(value, Instance) else None
    return isinstance(path, str) and path.partition(".")[0] not in _HANDING_BACK


def _made_from(name: str, scope: Scope) -> Iterator[Made]:
    """The expressions that a variable is made from."""
    hub, function = scope.hub, scope.function
    while function is not None and name not in function.scan.locals:
        function = function.parent
    if function is None:
        yield from _made_globally(name, scope)
        return
    if function is not scope.function:
        scope = Scope(hub, scope.module, function, hub.flow(function).value)
    for source in hub.memo.once(("made from", function), _sources, function).get(name, ()):
        yield source, scope


def _sources(function: Function) -> Mapping[str, Sequence[ast.expr]]:
    """The expressions that a function's variables are made from."""
    found: dict[str, list[ast.expr]] = {}
    for node in own_nodes(function.body):
        pairs: list[tuple[ast.expr | None, ast.expr | None]] = []
        if isinstance(node, ast.Assign):
            pairs = [(target, node.value) for target in node.targets]
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)):
            pairs = [(node.target, node.value)]
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
            pairs = [(node.target, node.iter)]
        elif isinstance(node, ast.withitem):
            pairs = [(node.optional_vars, node.context_expr)]
        for target, source in pairs:
            if target is not None and source is not None:
                for name in _bound(target):
                    found.setdefault(name, []).append(source)
    return found


def _bound(target: ast.expr) -> Iterator[str]:
    if isinstance(target, (ast.Tuple, ast.List)):
        for element in target.elts:
            yield from _bound(element)
    elif isinstance(target, ast.Name):
        yield target.id


def _made_globally(name: str, scope: Scope) -> Iterator[Made]:
    """The expressions that a module's name is made from, be it imported from another module."""
    hub = scope.hub
    hub.project.inputs.note("content", scope.module.filename)
    for binding in scope.module.bindings.get(name, ()):
        if isinstance(binding, AssignBinding) and binding.value is not None:
            yield binding.value, _global_scope(hub, scope.module)
        elif isinstance(binding, ImportBinding) and binding.name is not None:
            home = hub.project.import_module(binding.module, scope.module.filename)
            for other in home.bindings.get(binding.name, ()) if home is not None else ():
                if home is not None and isinstance(other, AssignBinding) and other.value is not None:
                    yield other.value, _global_scope(hub, home)


def _global_scope(hub: Semantics, module: Module) -> Scope:
    return Scope(hub, module, None, lambda node: hub.evaluate(node, module))


def _made_in_methods(node: ast.expr, scope: Scope) -> Iterator[Made]:
    """The expressions that the methods of a class make `self.name` from."""
    function = scope.function
    if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
        return
    if function is None or function.cls is None or not function.positional:
        return
    if node.value.id != function.positional[0].arg:
        return
    for method in function.cls.functions.values():
        if method.may_set(node.attr) and node.attr in method.scan.stored_attributes:
            flow = scope.hub.flow(method, fuel=1)
            for store in flow.stores:
                if store.target.attr == node.attr and store.node.value is not None:
                    yield store.node.value, Scope(scope.hub, method.module, method, flow.value)
