"""What kombu's JSON can't carry, and what it changes (kombu/utils/json.py, JSONEncoder.default).

It carries what JSON knows, what has `__json__`, what is registered with `register_type`, and
dates, times, decimals, UUIDs and bytes; a translation that Django puts off becomes a string.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class, Function, Module
from celery_lint.records import record
from celery_lint.semantics.frameworks.conventions import QUERY_DICTS
from celery_lint.semantics.inference.packages import (
    CONNECTIONS,
    ENGINES,
    PATHS,
    PYDANTIC,
    SESSION_MAKERS,
    SESSIONS,
    SQLMODEL,
)
from celery_lint.semantics.inference.values import (
    NONE,
    AppValue,
    CanvasValue,
    ClassValue,
    Collection,
    Constant,
    Content,
    External,
    Field,
    FunctionValue,
    HttpRequest,
    Instance,
    KeyValue,
    ModelValue,
    ModuleValue,
    Parameter,
    Partial,
    ResultValue,
    Scalar,
    SignatureValue,
    TaskValue,
    Value,
)

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# Built-in containers and iterators, as messages call them.
_CONTAINERS = {
    "set": "a set",
    "frozenset": "a frozenset",
    "generator": "a generator",
    "iterator": "an iterator",
    "map": "a `map` object",
    "filter": "a `filter` object",
    "zip": "a `zip` object",
    "enumerate": "an `enumerate` object",
    "range": "a range",
    "dict_keys": "a view of a dict's keys",
    "dict_values": "a view of a dict's values",
    "dict_items": "a view of a dict's items",
    "deque": "a deque",
    "bytearray": "a bytearray",
    "memoryview": "a memoryview",
}
_FILE = "an open file"
_UPLOAD = "an uploaded file"
_LOCK = "a lock"
_SESSION = "a database session"
_CONNECTION = "a database connection"
_RESPONSE = "a response"
_CLIENT = "a client with open connections"
# Instances of other packages' classes.
_OBJECTS: Mapping[str, str] = {
    "datetime.timedelta": "a timedelta",
    "datetime.timezone": "a time zone",
    "zoneinfo.ZoneInfo": "a time zone",
    **dict.fromkeys(PATHS, "a path object"),
    "re.Pattern": "a compiled pattern",
    "re.Match": "a match object",
    "logging.Logger": "a logger",
    "logging.LoggerAdapter": "a logger",
    **dict.fromkeys((f"threading.{n}" for n in ("Lock", "RLock", "Condition", "Semaphore", "Event")), _LOCK),
    **dict.fromkeys((f"asyncio.{n}" for n in ("Lock", "Condition", "Semaphore", "Event")), _LOCK),
    **dict.fromkeys((f"multiprocessing.{n}" for n in ("Lock", "RLock", "Semaphore")), _LOCK),
    "threading.Thread": "a thread",
    "queue.Queue": "a queue",
    "builtins.file": _FILE,
    "builtins.own file": _FILE,
    "gzip.GzipFile": _FILE,
    **dict.fromkeys(("requests.Response", "http.client.HTTPResponse"), _RESPONSE),
    **dict.fromkeys((f"io.{n}" for n in ("TextIOWrapper", "BufferedReader", "FileIO")), _FILE),
    "io.BytesIO": "a `BytesIO`",
    "io.StringIO": "a `StringIO`",
    **dict.fromkeys((f"tempfile.{n}" for n in ("NamedTemporaryFile", "TemporaryFile", "SpooledTemporaryFile")), _FILE),
    "zipfile.ZipFile": _FILE,
    "django.core.files.File": _FILE,
    "django.core.files.base.File": _FILE,
    "django.core.files.base.ContentFile": _FILE,
    "django.core.files.uploadedfile.UploadedFile": _UPLOAD,
    "django.core.files.uploadedfile.InMemoryUploadedFile": _UPLOAD,
    "django.core.files.uploadedfile.TemporaryUploadedFile": _UPLOAD,
    "django.core.files.uploadedfile.SimpleUploadedFile": _UPLOAD,
    "django.db.models.fields.files.FieldFile": "the file of a row",
    "django.db.models.fields.files.ImageFieldFile": "the file of a row",
    "fastapi.UploadFile": _UPLOAD,
    "starlette.datastructures.UploadFile": _UPLOAD,
    "werkzeug.datastructures.FileStorage": _UPLOAD,
    "django.db.models.base.ModelState": "Django's `_state` of a row",
    "sqlalchemy.orm.state.InstanceState": "SQLAlchemy's `_sa_instance_state` of a row",
    **dict.fromkeys(SESSIONS, _SESSION),
    **dict.fromkeys(SESSION_MAKERS, _SESSION),
    **dict.fromkeys((*ENGINES, *CONNECTIONS, "sqlite3.Connection"), _CONNECTION),
    "request.headers": "the request's headers, no plain dict",
    "flask.request": "the request",
    "request.FILES": "a dict of uploaded files",
    **dict.fromkeys(
        (f"django.http.{n}" for n in ("HttpResponse", "JsonResponse", "StreamingHttpResponse", "FileResponse")),
        _RESPONSE,
    ),
    "rest_framework.response.Response": _RESPONSE,
    **dict.fromkeys(("requests.Session", "httpx.Client", "httpx.AsyncClient", "aiohttp.ClientSession"), _CLIENT),
    **dict.fromkeys(("redis.Redis", "redis.StrictRedis", "redis.client.Redis"), _CLIENT),
    "pandas.DataFrame": "a `DataFrame`",
    "numpy.ndarray": "a NumPy array",
    "collections.ChainMap": "a `ChainMap`",
    "types.SimpleNamespace": "a `SimpleNamespace`",
    "types.MappingProxyType": "a read-only view of a dict",
    "fractions.Fraction": "a `Fraction`",
    **dict.fromkeys(
        (f"ipaddress.{n}" for n in ("IPv4Address", "IPv6Address", "IPv4Network", "IPv6Network")), "an IP address"
    ),
}
# Objects that other packages hold under a name.
_NAMED = {
    "django.db.connection": _CONNECTION,
    "datetime.timezone.utc": "a time zone",
    "datetime.UTC": "a time zone",
    "flask.current_app": "the Flask application",
    "flask.g": "Flask's `g`",
    "flask.session": "the request's session",
    "sys.stdout": _FILE,
    "sys.stderr": _FILE,
    "sys.stdin": _FILE,
}
# By its own name, or by that of the module it is defined in: `django.core.exceptions.ObjectDoesNotExist`.
_EXCEPTION = re.compile(r"(?:Error|Exception)$|\.(?:exceptions|exc)\.\w+$")
_TEXTS = frozenset({"rest_framework.exceptions.ErrorDetail"})
"""Classes that stand among exceptions and derive from `str`."""
_BUILT_IN_EXCEPTIONS = frozenset(
    f"builtins.{n}" for n, v in vars(builtins).items() if isinstance(v, type) and issubclass(v, BaseException)
)
_FUNCTIONS = frozenset(
    f"builtins.{n}" for n, v in vars(builtins).items() if callable(v) and not n.startswith("_") and len(n) > 1
)
# Base classes of other packages that give nothing which JSON could carry.
_PLAIN_BASES = frozenset(
    {
        "builtins.object", "abc.ABC", "typing.Generic", "enum.Enum", "enum.Flag", "threading.Thread",
    }
)  # fmt: skip
_PLAIN_PACKAGES = (
    "django.forms.",
    "django.views.",
    "django.contrib.admin.",
    "django.core.management.",
    "rest_framework.serializers.",
    "rest_framework.viewsets.",
    "rest_framework.views.",
    "rest_framework.generics.",
    "unittest.",
)
_SCHEMAS = PYDANTIC | SQLMODEL
_DATACLASSES = frozenset({"dataclasses.dataclass", "pydantic.dataclasses.dataclass"})
# Decorators that leave a class what it is, as far as JSON is concerned.
_DECORATORS = _DATACLASSES | {
    "attr.s", "attr.attrs", "attr.define", "attr.frozen", "attrs.define", "attrs.frozen", "attrs.mutable",
    "functools.total_ordering", "enum.unique", "typing.final", "typing_extensions.final",
    "django.utils.decorators.method_decorator",
}  # fmt: skip
_METACLASSES = frozenset({"abc.ABCMeta", "enum.EnumMeta", "enum.EnumType"})
# With these an object may be of another class, or have `__json__` after all.
_MAGIC = frozenset({"__new__", "__getattr__", "__getattribute__"})
# Kinds of scalar that can't be keys.
_NO_KEYS = {
    "uuid.UUID": "UUID",
    "UUID": "UUID",
    "uuid4": "UUID",
    "uuid1": "UUID",
    "datetime.date": "date",
    "datetime.time": "time",
    "decimal.Decimal": "Decimal",
    "bytes": "bytes",
}
_NAMED_TUPLE = "typing.NamedTuple"
# Base classes that make a member of an enum one of another type as well.
_MIXED = {
    "builtins.str": "str",
    "enum.StrEnum": "str",
    "django.db.models.TextChoices": "str",
    "django.db.models.enums.TextChoices": "str",
    "builtins.int": "int",
    "enum.IntEnum": "int",
    "enum.IntFlag": "int",
    "django.db.models.IntegerChoices": "int",
    "django.db.models.enums.IntegerChoices": "int",
}
# A name for something, which has another value where it is defined anew.
_DEFINED = (ClassValue, External, FunctionValue, ModuleValue, TaskValue)


def obstacle(hub: Semantics, value: Value) -> str | None:
    """What JSON can't carry about a value, as messages call it: `a set`; None where it can, or may.

    Rows and querysets are left to those who know more of them.
    """
    if isinstance(value, Collection):
        return _CONTAINERS.get(value.kind) or (_bad_key(hub, value.key) if value.kind == "dict" else None)
    if isinstance(value, Instance):
        return _of_class(hub, value.cls) if isinstance(value.cls, Class) else _of_path(hub, value.cls)
    if isinstance(value, External):
        return _of_name(value.path)
    if isinstance(value, FunctionValue):
        return None if value.function.decorators else "a function"
    if isinstance(value, HttpRequest):
        return "the request"
    if isinstance(value, TaskValue):
        return None if isinstance(value.task, str) else "a task"
    if isinstance(value, Scalar):
        return "a complex number" if value.kind == "complex" else None
    return _BY_KIND.get(value.__class__)


_BY_KIND: Mapping[type[Value], str] = {
    ClassValue: "a class",
    ModuleValue: "a module",
    Partial: "a function",
    AppValue: "the Celery application",
    ResultValue: "the result of a task",
}


def _of_path(hub: Semantics, path: str) -> str | None:
    """An instance of another package's class."""
    if path in _BUILT_IN_EXCEPTIONS or (_EXCEPTION.search(path) and path not in _TEXTS):
        return "an exception"
    if path == "request.session":
        return "the request's session" if hub.uses_django else None
    return _OBJECTS.get(path)


def _of_name(path: str) -> str | None:
    """A name that another package or Python itself defines."""
    if path in _FUNCTIONS:
        return "a class" if isinstance(getattr(builtins, path.rpartition(".")[2]), type) else "a function"
    return "a module" if path in sys.stdlib_module_names else _NAMED.get(path)


def _of_class(hub: Semantics, cls: Class) -> str | None:
    """An instance of a class of the project."""
    return hub.memo.get(("obstacle", cls), lambda: _instance(hub, cls), None)


def _instance(hub: Semantics, cls: Class) -> str | None:
    lineage = hub.classes.lineage(cls)
    if not _MAGIC.isdisjoint(lineage.functions) or hub.serializers.can_encode(cls) or hub.classes.is_model(cls):
        return None
    is_dataclass = False
    for one in lineage.classes:
        if len(hub.classes.bases(one)) < len(one.node.bases) or not _has_plain_metaclass(hub, one):
            return None
        for decorator in one.node.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            made = hub.evaluate(called, one.module)
            if not isinstance(made, External) or made.path not in _DECORATORS:
                return None
            is_dataclass |= made.path in _DATACLASSES
    foreign = lineage.foreign
    if any(path in _BUILT_IN_EXCEPTIONS or _EXCEPTION.search(path) for path in foreign):
        return "an exception"
    if not all(path in _PLAIN_BASES or path in _SCHEMAS or path.startswith(_PLAIN_PACKAGES) for path in foreign):
        return None
    if lineage.is_enum:
        return f"a member of the enum `{cls.name}`"
    if not _SCHEMAS.isdisjoint(foreign):
        return f"an instance of the pydantic model `{cls.name}`"
    return f"an instance of the {'dataclass' if is_dataclass else 'class'} `{cls.name}`"


def _has_plain_metaclass(hub: Semantics, cls: Class) -> bool:
    given = [k.value for k in cls.node.keywords if k.arg == "metaclass"]
    return all(
        isinstance(value := hub.evaluate(node, cls.module), External) and value.path in _METACLASSES for node in given
    )


def _bad_key(hub: Semantics, key: Value) -> str | None:
    """What JSON can't make a key of a message's object (json/encoder.py)."""
    for one in key.alternatives():
        if isinstance(one, Collection) and one.kind == "tuple":
            return "a dict with tuples as keys"
        if isinstance(one, Scalar) and one.kind in _NO_KEYS:
            return f"a dict with keys of type `{_NO_KEYS[one.kind]}`"
        if isinstance(one, Constant) and isinstance(one.value, bytes):
            return "a dict with keys of type `bytes`"
        if isinstance(one, KeyValue) and not one.kind and hub.classes.column_kind(one) == "UUIDField":
            return "a dict with keys of type `UUID`"
        if isinstance(one, Instance):
            if isinstance(one.cls, str) and one.cls in ("datetime.datetime", "datetime.timedelta"):
                return f"a dict with keys of type `{one.cls.rpartition('.')[2]}`"
            found = _of_class(hub, one.cls) if isinstance(one.cls, Class) else None
            if found is not None:
                return f"a dict whose keys are each {found}"
        if isinstance(one, ModelValue):
            return "a dict with rows as keys"
    return None


def is_guessed(hub: Semantics, value: Value, function: Function | None) -> bool:
    """Whether nothing but a parameter's name makes a request of a value: no request leads into the function."""
    is_part = isinstance(value, Instance) and isinstance(value.cls, str) and value.cls.startswith("request.")
    if not is_part and not (isinstance(value, HttpRequest) and value.by_name):
        return False
    return hub.roles.request_path(function and function.outermost) is None


def may_be_another(value: Value, module: Module) -> bool:
    """Whether a name of Python's own may stand for something that `from x import *` brings."""
    return isinstance(value, External) and value.path.startswith("builtins.") and bool(module.star_imports)


def certain(value: Value) -> Sequence[Value]:
    """The kinds of a value, without those that JSON can't carry beside one that it can.

    A parameter declared `str | Path` may never be given a path, a name that is defined twice be the other thing.
    """
    kinds = value.alternatives()
    if len(kinds) == 1:
        return kinds
    if any(map(_is_carried, kinds)):
        return [kind for kind in kinds if _is_carried(kind) or isinstance(kind, (Parameter, Field))]
    return [kind for kind in kinds if not isinstance(kind, _DEFINED)]


def _is_carried(value: Value) -> bool:
    """Whether JSON can carry a value that is none of another's absence."""
    if isinstance(value, Collection):
        return value.kind in ("list", "tuple", "dict")
    if isinstance(value, Constant):
        return value.value is not None
    return isinstance(value, (Scalar, KeyValue, Content, SignatureValue, CanvasValue))


@record()
class Loss:
    """How a value arrives as another: `kind` is `tuple`, `keys`, `member` or `query`."""

    kind: str
    what: str
    becomes: str


def loss(hub: Semantics, value: Value) -> Loss | None:
    """What JSON makes of a value that it carries as one of another type; None where it does not, or may not."""
    if isinstance(value, Collection):
        if value.kind == "tuple":
            return Loss("tuple", "a tuple", "a list")
        keys = _changed_keys(hub, value.key) if value.kind == "dict" else None
        return Loss("keys", f"a dict with {keys} as keys", "one with strings as keys") if keys is not None else None
    if not isinstance(value, Instance):
        return None
    if isinstance(value.cls, str):
        is_query = value.cls in QUERY_DICTS and hub.uses_django
        return Loss("query", "a QueryDict", "a dict with the last value of each name alone") if is_query else None
    lineage = hub.classes.lineage(value.cls)
    if _NAMED_TUPLE in lineage.foreign:
        return Loss("member", f"a `{value.cls.name}`", "a list")
    mixed = next((_MIXED[path] for path in lineage.foreign if path in _MIXED), None) if lineage.is_enum else None
    return Loss("member", f"a member of `{value.cls.name}`", f"a plain `{mixed}`") if mixed is not None else None


def surely_lost(hub: Semantics, value: Value) -> Sequence[Value]:
    """The kinds of a value, without those that arrive changed beside one that does not."""
    kinds = [kind for kind in value.alternatives() if kind != NONE]
    kept = [kind for kind in kinds if loss(hub, kind) is None and getattr(kind, "items", None) != ()]
    return kept or kinds


def _changed_keys(hub: Semantics, key: Value) -> str | None:
    """The type of a dict's keys that JSON makes strings of."""
    for one in key.alternatives():
        if isinstance(one, Constant) and not isinstance(one.value, (str, bytes)):
            return f"`{type(one.value).__name__}`" if one.value is not None else "`None`"
        if isinstance(one, Scalar) and one.kind in ("int", "float", "bool"):
            return f"`{one.kind}`"
        if isinstance(one, KeyValue) and one.model is not None and one.kind in ("", "int"):
            field = hub.classes.column_kind(one)
            is_own = not field and one.column in ("pk", "id") and hub.classes.is_django_model(one.model)
            if one.kind == "int" or is_own or field.endswith(("AutoField", "IntegerField")):
                return "numbers"
    return None
