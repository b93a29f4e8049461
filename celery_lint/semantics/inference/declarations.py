"""What an annotation promises."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class, Module
from celery_lint.semantics.inference.moments import DURATION
from celery_lint.semantics.inference.packages import QUERY, SCALARS
from celery_lint.semantics.inference.values import (
    NONE,
    UNKNOWN,
    ClassValue,
    Collection,
    External,
    HttpRequest,
    Instance,
    ManagerValue,
    ModelValue,
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

# Classes whose names are written in lower case.
_LOWER = {"datetime.timedelta": DURATION, "collections.deque": Collection("deque")}
_SCALARS = frozenset(
    {
        "str",
        "int",
        "float",
        "bool",
        "bytes",
        "decimal.Decimal",
        "uuid.UUID",
        "datetime.date",
        "datetime.time",
        "complex",
    }
)
_LISTS = {
    "list": "list",
    "List": "list",
    "Sequence": "list",
    "Iterable": "iterable",
    "Collection": "iterable",
    "Iterator": "iterator",
    "tuple": "tuple",
    "Tuple": "tuple",
    "set": "set",
    "Set": "set",
    "frozenset": "frozenset",
    "FrozenSet": "frozenset",
    "MutableSequence": "list",
    "Generator": "generator",
    "AbstractSet": "set",
    "deque": "deque",
}
_DICTS = frozenset({"dict", "Dict", "Mapping", "MutableMapping", "defaultdict", "OrderedDict"})
_TRANSPARENT = frozenset(
    {
        "Annotated",
        "Final",
        "ClassVar",
        "Mapped",
        "Required",
        "NotRequired",
        "ReadOnly",
        "Awaitable",
        "SerializeAsAny",
    }
)
_QUERYSETS = frozenset({"QuerySet", "BaseQuerySet", "RawQuerySet"})
_QUERIES = {
    "sqlalchemy.orm.Query": QUERY,
    "sqlalchemy.orm.query.Query": QUERY,
    "sqlalchemy.ScalarResult": SCALARS,
    "sqlalchemy.engine.ScalarResult": SCALARS,
}
_TYPE_VARIABLES = ("typing.TypeVar", "typing_extensions.TypeVar")
_NONE_KNOWN: Mapping[str, Value] = {}
_REQUESTS = frozenset(
    {
        "django.http.HttpRequest", "django.http.request.HttpRequest", "rest_framework.request.Request",
        "django.core.handlers.wsgi.WSGIRequest", "django.core.handlers.asgi.ASGIRequest", "fastapi.Request",
        "starlette.requests.Request", "pyramid.request.Request",
    }
)  # fmt: skip


def declared(hub: Semantics, node: ast.expr, module: Module, known: Mapping[str, Value] = _NONE_KNOWN) -> Value:
    """The kind of value that an annotation in a module promises; UNKNOWN when it says nothing usable.

    `known` are type variables by name, each with an instance of what it stands for.
    """
    if isinstance(node, ast.Name) and node.id in known:
        return known[node.id]
    if isinstance(node, (ast.Name, ast.Attribute)):
        return each(hub.evaluate(node, module), lambda one: instance(hub, one))
    if isinstance(node, ast.Constant):
        if node.value is None:
            return NONE
        if isinstance(node.value, str):
            try:
                inner = ast.parse(node.value.strip(), mode="eval").body
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return UNKNOWN
            return declared(hub, inner, module, known)
        return UNKNOWN
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return union(declared(hub, node.left, module, known), declared(hub, node.right, module, known))
    if isinstance(node, ast.Subscript):
        return generic(hub, node, module, known)
    return UNKNOWN


def instance(hub: Semantics, cls: Value) -> Value:
    """An instance of what the annotation names."""
    if isinstance(cls, ClassValue):
        return of_class(hub, cls.cls)
    if isinstance(cls, External):
        return of_path(hub, cls.path)
    if isinstance(cls, (Instance, ModelValue)) and not is_type_variable(cls):
        # `Alias = Annotated[Session, Depends(get_session)]`
        return cls
    return UNKNOWN


def is_type_variable(value: Value) -> bool:
    """Whether a value is a type variable: `T = TypeVar("T")`."""
    return isinstance(value, Instance) and value.cls in _TYPE_VARIABLES


def of_class(hub: Semantics, cls: Class) -> Value:
    """An instance of a class of the project."""
    if hub.classes.is_model(cls):
        return ModelValue(cls)
    return Instance(cls)


def of_path(hub: Semantics, path: str) -> Value:
    """An instance of a class of another package."""
    bare = path.removeprefix("builtins.")
    name = path.rpartition(".")[2]
    if bare in _SCALARS:
        return Scalar(bare)
    if path in _REQUESTS:
        return HttpRequest()
    if path in ("celery.canvas.Signature", "celery.Signature"):
        return SignatureValue()
    if path in ("celery.result.AsyncResult", "celery.result.GroupResult"):
        return ResultValue()
    if hub.classes.is_model(path):
        return ModelValue(path)
    if bare in ("list", "set", "tuple", "dict", "frozenset", "bytearray", "memoryview"):
        return Collection(bare)
    if path in ("typing.Any", "builtins.object", "typing.Self"):
        return UNKNOWN
    if path in _LOWER:
        return _LOWER[path]
    if path.startswith("django.db.models") and name in _QUERYSETS:
        return QuerySetValue(None)
    if name[:1].isupper() and path.partition(".")[0] not in ("typing", "typing_extensions", "collections"):
        return Instance(path)
    return UNKNOWN


def generic(hub: Semantics, node: ast.Subscript, module: Module, known: Mapping[str, Value]) -> Value:
    """A subscripted annotation."""
    base = hub.evaluate(node.value, module)
    if isinstance(base, ClassValue):
        name = base.cls.name
    elif isinstance(base, External):
        name = base.path.rpartition(".")[2]
    else:
        return UNKNOWN
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if not parts:
        return UNKNOWN
    if name in ("Optional",):
        return union(declared(hub, parts[0], module, known), NONE)
    if name == "Union":
        return union(*(declared(hub, p, module, known) for p in parts))
    if name in _TRANSPARENT:
        return declared(hub, parts[0], module, known)
    if name in ("type", "Type"):
        meant = known.get(parts[0].id) if isinstance(parts[0], ast.Name) else None
        if isinstance(meant, ModelValue):
            return hub.class_or_external(meant.model)
        value = hub.evaluate(parts[0], module)
        return value if isinstance(value, ClassValue) else UNKNOWN
    if name == "Literal":
        return Scalar()
    if isinstance(base, External) and base.path in _QUERIES:
        model = model_in(hub, parts[0], module, known)
        return QuerySetValue(model, cls=_QUERIES[base.path]) if model is not None else UNKNOWN
    if name in _QUERYSETS or name.endswith("QuerySet"):
        return QuerySetValue(model_in(hub, parts[0], module, known))
    if name in ("Manager", "BaseManager", "RelatedManager"):
        return ManagerValue(model_in(hub, parts[0], module, known))
    if name in _DICTS:
        element = declared(hub, parts[1], module, known) if len(parts) > 1 else UNKNOWN
        return Collection("dict", element)
    if name in _LISTS:
        kind = _LISTS[name]
        if kind == "tuple" and not any(isinstance(p, ast.Constant) and p.value is Ellipsis for p in parts):
            items = tuple(declared(hub, p, module, known) for p in parts)
            return Collection("tuple", union(*items), items)
        return Collection(kind, declared(hub, parts[0], module, known))
    if isinstance(base, ClassValue):
        return of_class(hub, base.cls)
    return UNKNOWN


def model_in(hub: Semantics, node: ast.expr, module: Module, known: Mapping[str, Value]) -> Class | str | None:
    """The model that a type argument names."""
    value = declared(hub, node, module, known)
    return value.model if isinstance(value, ModelValue) else None
