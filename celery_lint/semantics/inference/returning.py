"""What calling a function of the project gives: by its annotation, else by reading it."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class, Function
from celery_lint.semantics.inference.generics import is_served
from celery_lint.semantics.inference.values import (
    UNKNOWN,
    CanvasValue,
    ClassValue,
    Collection,
    Constant,
    Field,
    FunctionValue,
    Instance,
    KeyValue,
    ManagerValue,
    ModelValue,
    Origin,
    Parameter,
    QuerySetValue,
    SignatureValue,
    TaskValue,
    Union,
    Value,
    each,
    union,
)
from celery_lint.semantics.model import Argument

if TYPE_CHECKING:
    from celery_lint.semantics.inference.expressions import Evaluator

_SAVING = ("save", "asave", "bulk_create", "abulk_create", "add", "add_all")
_VIEW_HOOKS = frozenset({"get_object", "get_queryset"})


def returned(run: Evaluator, callee: FunctionValue, args: Sequence[Argument], node: ast.AST | None) -> Value:
    """What calling a function of the project gives: by its annotation, else by reading it."""
    function = callee.function
    if run.hub.is_remade(function):
        return UNKNOWN
    declared: Value = UNKNOWN
    annotation = function.returns
    if annotation is not None:
        declared = promised(run, annotation, callee)
        if isinstance(declared, ModelValue):
            return renewed(declared, node)
        if declared is not UNKNOWN and not isinstance(declared, (Collection, Instance, Union)):
            return declared
    value = served(run, callee)
    if value is UNKNOWN:
        value = run.hub.returned(callee, run.fuel)
    if UNKNOWN in value.alternatives():
        better = narrowed(run, callee, args)
        value = better if better is not UNKNOWN else value
    if value is UNKNOWN:
        return declared
    if isinstance(declared, Union) and UNKNOWN in value.alternatives():
        value = union(*(v for v in value.alternatives() if v is not UNKNOWN), declared)
    if isinstance(declared, Collection) and isinstance(value, Collection):
        if value.element is UNKNOWN and value.items is None and value.kind != "dict":
            value = Collection(value.kind, declared.element)
    is_saved = function.holds(_SAVING)
    return each(value, lambda one: renewed(substitute(run, one, callee, args), node, is_saved))


def promised(run: Evaluator, annotation: ast.expr, callee: FunctionValue) -> Value:
    """What a function's annotation says that it returns; of a generic class's method, to the class it is called on."""
    owner, receiver = callee.function.cls, callee.receiver
    if owner is not None and isinstance(receiver, Instance) and isinstance(receiver.cls, Class):
        if run.hub.classes.inherits(receiver.cls, owner):
            return run.hub.annotation_in(receiver.cls, annotation, owner)
    return run.hub.annotation(annotation, callee.function.module)


def served(run: Evaluator, callee: FunctionValue) -> Value:
    """What a method of a manager or queryset class gives for the model of its receiver, or a model's for its heir.

    UNKNOWN where the class stands beside the one model that it serves: then any reading of it says the same.
    """
    function, receiver = callee.function, callee.receiver
    if not isinstance(receiver, (ManagerValue, QuerySetValue, ClassValue)):
        return UNKNOWN
    if run.fuel <= 0 or function.cls is None or not function.positional or function.is_generator:
        return UNKNOWN
    own: Value = receiver
    if isinstance(receiver, ClassValue):
        if receiver.cls is function.cls or not run.hub.classes.is_model(receiver.cls):
            return UNKNOWN
    elif receiver.model is None or getattr(run.hub.self_value(function.cls), "model", None) is receiver.model:
        return UNKNOWN
    elif isinstance(receiver, QuerySetValue):
        own = QuerySetValue(receiver.model, receiver.rows, receiver.cls)
    else:
        own = ManagerValue(receiver.model, receiver.cls)
    return run.hub.returned_with(function, {function.positional[0].arg: own}, callee.captured, run.fuel - 1)


def narrowed(run: Evaluator, callee: FunctionValue, args: Sequence[Argument]) -> Value:
    """What a function makes of a model, queryset or task that it is given: read once more with what this call passes.

    So is a view's `get_object()` that a base class of the project defines, for the view that it is called on, and a
    repository's method, for the one that names the model.
    """
    function = callee.function
    receiver = callee.receiver
    if run.fuel <= 0:
        return UNKNOWN
    inherited = isinstance(receiver, Instance) and inherits_for(run, function, receiver)
    if not (inherited or any(is_telling(run, a.value) for a in args)) or function.is_generator:
        return UNKNOWN
    bound = run.hub.dispatches.bind(callee, args)
    if bound is None:
        return UNKNOWN
    values = bound[0]
    if inherited and isinstance(receiver, Instance) and function.positional:
        # As `self` it is the same wherever the method is called: then one reading serves.
        values = {function.positional[0].arg: Instance(receiver.cls, Origin(("self",))), **values}
    kinds = list(run.hub.returned_with(function, values, callee.captured, run.fuel - 1).alternatives())
    if inherited:
        kinds = [k for k in kinds if k != UNKNOWN]
    known = (QuerySetValue, ModelValue, SignatureValue, CanvasValue)
    if not kinds or not all(isinstance(k, known) or k == Constant(None) for k in kinds):
        return UNKNOWN
    return union(*kinds)


def inherits_for(run: Evaluator, function: Function, receiver: Instance) -> bool:
    """Whether what a method gives depends on the class below that it is called on."""
    if receiver.cls is function.cls:
        return False
    return function.name in _VIEW_HOOKS or (
        isinstance(receiver.cls, Class) and is_served(run.hub, function, receiver.cls)
    )


def is_telling(run: Evaluator, value: Value) -> bool:
    """Whether an argument decides what kind of thing a function gives."""
    return isinstance(value, (QuerySetValue, ManagerValue, TaskValue)) or (
        isinstance(value, ClassValue) and run.hub.classes.is_model(value.cls)
    )


def renewed(value: Value, node: ast.AST | None, is_saved: bool = False) -> Value:
    """A row returned by a call is, to the caller, the call's own row; with `is_saved`, one that the call has saved."""
    if value.__class__ is ModelValue and node is not None:
        origin = value.origin
        if origin is not None and origin.key == ("self",):
            return value
        is_new = origin is not None and (origin.created or (origin.built and is_saved))
        return ModelValue(value.model, Origin((node,), is_new))
    if value.__class__ is KeyValue and node is not None and value.origin is not None and value.origin.created:
        return KeyValue(value.column, value.model, Origin((node,), created=True), value.kind)
    if value.__class__ is Collection and value.items is not None:
        return Collection(
            value.kind, value.element, tuple([renewed(v, node, is_saved) for v in value.items]), value.keys
        )
    return value


def substitute(run: Evaluator, value: Value, callee: FunctionValue, args: Sequence[Argument]) -> Value:
    """A returned value with the parameters in it, and a mixin's `self`, replaced by what the call gives."""
    if value.__class__ is Parameter:
        if value.function is not callee.function:
            return value
        return argument_for(callee, value, args)
    if value.__class__ is Instance and value == Instance(callee.function.cls or "", Origin(("self",))):
        return callee.receiver if isinstance(callee.receiver, ModelValue) else value
    if value.__class__ is Field:
        base = substitute(run, value.base, callee, args)
        if base is value.base:
            return value
        if value.name == "*":
            return run.element(base, None)
        if value.name.startswith("["):
            return UNKNOWN
        from celery_lint.semantics.inference.attributes import attribute

        return attribute(run, base, value.name)
    if value.__class__ is Collection:
        items = None if value.items is None else tuple([substitute(run, v, callee, args) for v in value.items])
        parts = each(value.element, lambda one: substitute(run, one, callee, args))
        return Collection(value.kind, parts, items, value.keys)
    return value


def argument_for(callee: FunctionValue, parameter: Parameter, args: Sequence[Argument]) -> Value:
    """The value that a call gives to a parameter; UNKNOWN when that can't be told."""
    function = callee.function
    if parameter.star:
        return UNKNOWN
    positional = [a.arg for a in function.positional]
    if is_method(callee) and positional:
        if positional[0] == parameter.name:
            return callee.receiver or UNKNOWN
        positional = positional[1:]
    index = 0
    for arg in args:
        if arg.star:
            return UNKNOWN
        if arg.keyword is None:
            if index < len(positional) and positional[index] == parameter.name:
                return arg.value
            index += 1
        elif arg.keyword == parameter.name:
            return arg.value
    default = function.defaults.get(parameter.name)
    if isinstance(default, ast.Constant) and (
        default.value is None or isinstance(default.value, (str, int, float, bool, bytes))
    ):
        return Constant(default.value)
    return UNKNOWN


def is_method(callee: FunctionValue) -> bool:
    """Whether the call fills the first parameter with the receiver."""
    function: Function = callee.function
    return (
        function.cls is not None and function.parent is None and not function.is_static and callee.receiver is not None
    )
