"""What an operator, an index or an iteration gives."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class
from celery_lint.semantics.inference.moments import DURATION, combined
from celery_lint.semantics.inference.packages import PATHS
from celery_lint.semantics.inference.queries import is_query, row
from celery_lint.semantics.inference.values import (
    UNKNOWN,
    BoundMethod,
    CanvasValue,
    ClassValue,
    CleanedData,
    Collection,
    Constant,
    Content,
    External,
    Field,
    Instance,
    KeyValue,
    ManagerValue,
    ModelValue,
    Parameter,
    QuerySetValue,
    ResultValue,
    Scalar,
    SignatureValue,
    Value,
    each,
    union,
)

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics
    from celery_lint.semantics.inference.expressions import Evaluator


def binary(run: Evaluator, left: Value, op: ast.operator, right: Value) -> Value:
    """The kind of `left op right`."""
    lefts = left.alternatives()
    if isinstance(op, ast.BitOr):
        if any(has_own_pipe(run.hub, v) for v in lefts):
            return left
        if any(isinstance(v, (SignatureValue, CanvasValue)) for v in (*lefts, *right.alternatives())):
            return CanvasValue("chain")
        if any(isinstance(v, (QuerySetValue, Collection)) for v in lefts):
            return left
        return UNKNOWN
    if isinstance(op, ast.Sub) and any(isinstance(v, Collection) for v in lefts):
        return each(left, of_set)
    if isinstance(op, (ast.BitAnd, ast.BitXor)) and any(isinstance(v, Collection) for v in lefts):
        return each(left, of_set)
    if isinstance(op, ast.Add) and isinstance(left, Collection) and isinstance(right, Collection):
        return Collection(left.kind, union(left.element, right.element))
    if isinstance(op, ast.Add) and (isinstance(left, Content) or isinstance(right, Content)):
        return left if isinstance(left, Content) else right
    if isinstance(op, ast.Mod) and isinstance(left, Constant) and isinstance(left.value, str):
        return Scalar("str")
    time = combined(left, op, right)
    if time is not None:
        return time
    if isinstance(left, Instance) and isinstance(left.cls, str):
        if left.cls.startswith("datetime."):
            is_difference = isinstance(op, ast.Sub) and isinstance(right, Instance) and right.cls == left.cls
            return DURATION if is_difference else left
        return left if left.cls in PATHS and isinstance(op, ast.Div) else UNKNOWN
    if isinstance(left, Constant) and isinstance(right, Constant):
        return folded(left, op, right)
    plain = (Scalar, Constant, KeyValue)
    if isinstance(left, plain) and isinstance(right, plain):
        return Scalar(left.kind if isinstance(left, Scalar) else "")
    return UNKNOWN


def has_own_pipe(hub: Semantics, value: Value) -> bool:
    """Whether a value's own class says what `value | signature` does: it keeps the signature, or sends it."""
    return (
        isinstance(value, Instance)
        and isinstance(value.cls, Class)
        and hub.classes.function(value.cls, "__or__") is not None
    )


def of_set(left: Value) -> Value:
    """What `left - right` and `left & right` give: a view of a dict's keys gives a set."""
    if isinstance(left, Collection) and left.kind in ("dict_keys", "dict_items"):
        return Collection("set", left.element)
    return left


def folded(left: Constant, op: ast.operator, right: Constant) -> Value:
    """Arithmetic on two numbers: `30 * 60`."""
    a, b = left.value, right.value
    if isinstance(a, str) and isinstance(b, str) and isinstance(op, ast.Add):
        return Constant(a + b) if len(a) + len(b) < 500 else Scalar("str")
    if not isinstance(a, (int, float)) or not isinstance(b, (int, float)) or max(abs(a), abs(b)) > 1e12:
        return Scalar()
    if isinstance(op, ast.Mult):
        return Constant(a * b)
    if isinstance(op, ast.Add):
        return Constant(a + b)
    if isinstance(op, ast.Sub):
        return Constant(a - b)
    return Scalar()


def item(run: Evaluator, base: Value, node: ast.Subscript, index: Value) -> Value:
    """The kind of `base[index]`."""
    if isinstance(base, (QuerySetValue, ManagerValue)):
        if isinstance(node.slice, ast.Slice):
            is_list = isinstance(base, QuerySetValue) and is_query(base)
            return Collection("list", element(run, base, node)) if is_list else base
        return element(run, base, node)
    if isinstance(base, Collection):
        if isinstance(node.slice, ast.Slice):
            return Collection(base.kind, base.element if base.items is None else union(*base.items))
        if base.kind == "dict":
            return by_key(base, index)
        if base.items is not None and isinstance(index, Constant) and isinstance(index.value, int):
            return base.items[index.value] if -len(base.items) <= index.value < len(base.items) else UNKNOWN
        return base.element
    if isinstance(base, External) and base.path in ("typing.Annotated", "typing_extensions.Annotated"):
        return run.hub.annotation(node, run.module)
    if isinstance(base, Parameter) and base.star == "**" and isinstance(index, Constant):
        given = run.hub.collected(base.function, str(index.value))
        if given is not UNKNOWN:
            return given
    if isinstance(base, (Parameter, Field)):
        return Field(base, f"[{ast.unparse(node.slice)}]" if isinstance(node.slice, ast.Constant) else "[]")
    if isinstance(base, CleanedData):
        known = isinstance(index, Constant) and isinstance(index.value, str)
        return run.hub.cleaned(base.cls, str(index.value)) if known and isinstance(index, Constant) else UNKNOWN
    if isinstance(base, Instance):
        return run.hub.framework_item(base, index)
    if isinstance(base, (BoundMethod, External)):
        return run.hub.extension(base, index)
    if isinstance(base, ClassValue) and run.hub.classes.is_enum(base.cls):
        return Instance(base.cls)
    if isinstance(base, Constant) and isinstance(base.value, str):
        return Scalar("str")
    return Scalar() if isinstance(base, (Scalar, KeyValue)) else UNKNOWN


def element(run: Evaluator, value: Value, node: ast.AST | None) -> Value:
    """A member of what is iterated over."""
    if isinstance(value, (QuerySetValue, ManagerValue)):
        if isinstance(value, QuerySetValue) and is_query(value):
            return row(value, node)
        rows = value.rows if isinstance(value, QuerySetValue) else "instances"
        if rows == "instances":
            return (
                ModelValue(value.model, run.row(node) if node is not None else None)
                if value.model is not None
                else UNKNOWN
            )
        return Scalar() if rows == "flat" else Collection("dict" if rows == "dicts" else "tuple", Scalar())
    if isinstance(value, Collection):
        if value.kind == "dict":
            return Scalar()
        if value.items is not None and value.items:
            return union(*value.items)
        return value.element
    if isinstance(value, (Parameter, Field)):
        return Field(value, "*")
    if isinstance(value, ClassValue) and run.hub.classes.is_enum(value.cls):
        return Instance(value.cls)
    if isinstance(value, ResultValue):
        return value  # a GroupResult holds one result for each task
    return Scalar("str") if isinstance(value, Constant) and isinstance(value.value, str) else UNKNOWN


def by_key(base: Collection, key: Value) -> Value:
    """The value under a constant key of a dict display."""
    if base.keys is not None and base.items is not None and isinstance(key, Constant):
        for name, value in zip(base.keys, base.items, strict=True):
            if name == key.value:
                return value
        return UNKNOWN
    return base.element
