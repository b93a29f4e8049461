"""What functions and classes of other packages give."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from celery_lint.semantics.frameworks.classes import model_of
from celery_lint.semantics.inference import contents, moments
from celery_lint.semantics.inference.methods import client_of_service, row_by_key
from celery_lint.semantics.inference.packages import (
    APP_CLASSES,
    SCOPED_SESSION,
    SELECT,
    SESSION_MAKERS,
    TASK_DECORATORS,
)
from celery_lint.semantics.inference.queries import query
from celery_lint.semantics.inference.values import (
    NONE,
    UNKNOWN,
    AppValue,
    Atomic,
    BoundMethod,
    CanvasValue,
    ClassValue,
    Collection,
    Constant,
    Decorator,
    Dynamic,
    External,
    Field,
    FunctionValue,
    HttpRequest,
    Instance,
    KeyValue,
    ModelValue,
    Partial,
    ResultValue,
    Scalar,
    SignatureValue,
    Super,
    Unknown,
    Value,
    each,
    union,
)
from celery_lint.semantics.model import Argument, first_argument

if TYPE_CHECKING:
    from celery_lint.semantics.inference.expressions import Evaluator

    _Reading = Callable[[Evaluator, str, Sequence[Argument], ast.Call], Value]

_DEFAULT_DATABASE = (
    NONE,
    Constant("default"),
    External("django.db.DEFAULT_DB_ALIAS"),
    External("django.db.utils.DEFAULT_DB_ALIAS"),
)
# An alias, or the setting that holds it, which by its name is that of a database that is only read.
_READ_ONLY = re.compile(r"(?:^|[\W_])(?:replicas?|read_?only|readers?|slaves?)\d*(?:$|[\W_])", re.IGNORECASE)


def of_external(run: Evaluator, callee: External, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of calling a function or class of another package."""
    path = callee.path
    name = path.rpartition(".")[2]
    if path.startswith("builtins."):
        return _of_builtin(run, name, args, node)
    if path in run.hub.settings.task_decorators:
        return _task(run, path, args, node)
    reading = _BY_PATH.get(path)
    if reading is not None:
        return reading(run, path, args, node)
    if name == "from_queryset" and args and isinstance(args[0].value, ClassValue):
        return BoundMethod(args[0].value, "as_manager")
    if path.endswith(("declarative_base", "automap_base", "generate_base")):
        # `declarative_base(cls=Base)` gives a class below the project's own (sqlalchemy/orm/decl_api.py).
        own = next((one.value for one in args if one.keyword == "cls"), UNKNOWN)
        return union(External(f"{path}()"), *(c for c in own.alternatives() if isinstance(c, ClassValue)))
    if run.hub.classes.is_model(path):
        return ModelValue(path, run.row(node, built=True))
    if name[:1].isupper() and not path.startswith("django.conf.settings."):
        return Instance(path, run.row(node))
    return UNKNOWN


def _task(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    function = first_argument(args)
    if function is not None and isinstance(function.value, FunctionValue):
        return run.hub.task_by_call(function.value.function, node)
    return Decorator("task", node, run.module)


def _canvas(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    return CanvasValue(path.rpartition(".")[2].lstrip("_"))


def _signature(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    task = first_argument(args)
    return SignatureValue(run.hub.task_named(task.value) if task is not None else None)


def _partial(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    if not args:
        return UNKNOWN
    rest = tuple(a.value for a in args[1:] if a.keyword is None)
    keywords = tuple((a.keyword, a.value) for a in args[1:] if a.keyword is not None)
    return Partial(args[0].value, rest, keywords, node, run.module)


def _atomic(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    using = first_argument(args, "using")
    if using is None or using.value in _DEFAULT_DATABASE:
        return Atomic(None)
    if isinstance(using.value, FunctionValue):
        return using.value
    alias = run.module.source.segment(using.node)
    # What is written while it is read goes elsewhere, so it keeps no row back that a worker waits for.
    return UNKNOWN if _READ_ONLY.search(alias) else Atomic(alias)


def _http_session(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    return Instance("requests.Session", run.row(node))


def _row_or_404(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    model = model_of(args[0].value) if args else None
    return ModelValue(model, row_by_key(run, args[1:], node)) if model is not None else UNKNOWN


def _list_or_404(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    model = model_of(args[0].value) if args else None
    return Collection("list", ModelValue(model)) if model is not None else UNKNOWN


def _user(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    return ModelValue(run.hub.user_model)


def _authenticated(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    return union(ModelValue(run.hub.user_model, run.row(node)), NONE)


def _user_model(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    return run.hub.class_or_external(run.hub.user_model)


def _model_by_label(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    return run.hub.model_by_label(args)


def _select(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    asked = query(run, SELECT, args)
    return asked if asked is not UNKNOWN else Instance(SELECT)


def _change(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """A statement of SQLAlchemy that changes rows."""
    return Instance(f"sqlalchemy.{path.rpartition('.')[2].capitalize()}")


def _text(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """A statement written as SQL is the literal that it is made of."""
    return args[0].value if args and isinstance(args[0].value, Constant) else UNKNOWN


def _same(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """What wraps or copies its argument, or makes a decorator that leaves a function what it is."""
    given = first_argument(args)
    return given.value if given is not None else Decorator("transparent")


def _service(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    return client_of_service(args)


def _cast(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    return run.hub.annotation(args[0].node, run.module) if args else UNKNOWN


def _always(value: Value) -> _Reading:
    return lambda run, path, args, node: value


def _scalar(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    return Scalar(path.rpartition(".")[2])


def _instance(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    return Instance(path)


def _app(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    return AppValue(node)


def _opened(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    return contents.opened(run, args)


def _mapping(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """A dict of a special kind; what a `defaultdict` fills in is one of its values."""
    is_of_sets = path == "collections.defaultdict" and bool(args) and args[0].value == External("builtins.set")
    return Collection("dict", Collection("set") if is_of_sets else UNKNOWN)


def _deque(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    return Collection("deque", run.element(args[0].value, None) if args else UNKNOWN)


def _iterator(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """Members of the first argument one by one; `chain` gives those of each."""
    given = args if path == "itertools.chain" else args[:1]
    return Collection("iterator", union(*(run.element(a.value, None) for a in given if not a.star)))


_CANVAS = ("chain", "group", "chord", "chunks", "xmap", "xstarmap", "_chain", "_chord")
_READINGS: Mapping[_Reading, Sequence[str]] = {
    _app: (*APP_CLASSES,),
    _always(AppValue()): (
        "celery.app.app_or_default",
        "celery.app.default_app",
        "celery._state.get_current_app",
    ),
    _task: (*TASK_DECORATORS,),
    _canvas: tuple(f"{module}.{name}" for module in ("celery", "celery.canvas") for name in _CANVAS),
    _signature: (
        "celery.signature",
        "celery.subtask",
        "celery.canvas.signature",
        "celery.canvas.Signature",
        "celery.Celery.signature",
        "celery.Signature",
        "celery.maybe_signature",
        "celery.canvas.maybe_signature",
    ),
    _always(ResultValue()): (
        "celery.result.AsyncResult",
        "celery.result.GroupResult",
        "celery.result.ResultSet",
        "celery.result.GroupResult.restore",
    ),
    _partial: ("functools.partial", "functools.partialmethod"),
    _atomic: (
        "django.db.transaction.atomic",
        "django.db.transaction.Atomic",
        "django.db.transaction.commit_on_success",
        "django.db.transaction.commit_manually",
        "xact.xact",
    ),
    _http_session: ("requests.session", "requests.sessions.session"),
    _row_or_404: (
        "django.shortcuts.get_object_or_404",
        "django.shortcuts.aget_object_or_404",
        "rest_framework.generics.get_object_or_404",
        "annoying.functions.get_object_or_None",
        "ninja.shortcuts.get_object_or_404",
    ),
    # https://docs.pylonsproject.org/projects/pyramid/en/latest/api/paster.html
    _always(Collection("dict", UNKNOWN, (HttpRequest(),), ("request",))): ("pyramid.paster.bootstrap",),
    _always(Instance("django.core.mail.backends.base.BaseEmailBackend")): ("django.core.mail.get_connection",),
    _list_or_404: ("django.shortcuts.get_list_or_404",),
    _user: ("django.contrib.auth.get_user", "django.contrib.auth.aget_user"),
    _authenticated: ("django.contrib.auth.authenticate", "django.contrib.auth.aauthenticate"),
    _user_model: ("django.contrib.auth.get_user_model",),
    _model_by_label: ("django.apps.apps.get_model", "django.apps.registry.apps.get_model"),
    _select: ("sqlalchemy.select", "sqlalchemy.future.select", "sqlmodel.select"),
    _change: (
        "sqlalchemy.insert",
        "sqlalchemy.update",
        "sqlalchemy.delete",
        "sqlalchemy.dialects.postgresql.insert",
        "sqlalchemy.dialects.mysql.insert",
        "sqlalchemy.dialects.sqlite.insert",
        "sqlmodel.insert",
        "sqlmodel.update",
        "sqlmodel.delete",
    ),
    _text: ("sqlalchemy.text", "sqlalchemy.sql.text", "sqlmodel.text"),
    _same: (
        "asgiref.sync.sync_to_async",
        "asgiref.sync.async_to_sync",
        "channels.db.database_sync_to_async",
        "functools.wraps()",
        "functools.cache",
        "functools.lru_cache",
        "django.utils.decorators.method_decorator",
        "copy.copy",
        "copy.deepcopy",
        "sqlalchemy.orm.aliased",
    ),
    _cast: ("typing.cast",),
    _service: ("boto3.client",),
    _always(Decorator("transparent")): ("functools.wraps",),
    moments.moment: moments.READINGS,
    moments.duration: (moments.TIMEDELTA,),
    _always(Instance("sqlalchemy.Engine")): (
        "sqlalchemy.create_engine",
        "sqlalchemy.ext.asyncio.create_async_engine",
    ),
    _always(Instance("pathlib.Path")): ("pathlib.Path.cwd", "pathlib.Path.home"),
    _always(Instance("re.Pattern")): ("re.compile", "regex.compile"),
    _always(Instance("logging.Logger")): ("logging.getLogger", "celery.utils.log.get_task_logger"),
    _mapping: ("collections.defaultdict", "collections.OrderedDict", "collections.Counter"),
    _deque: ("collections.deque",),
    _iterator: ("itertools.chain", "itertools.cycle", "itertools.islice"),
    contents.recoded: contents.CODECS,
    contents.parsed: contents.PARSERS,
    contents.wrapped: contents.WRAPPERS,
    contents.serialized: ("django.core.serializers.serialize",),
    contents.reader: ("codecs.getreader",),
    contents.download: contents.DOWNLOADS,
    _opened: ("io.open", "codecs.open", "gzip.open", "bz2.open", "lzma.open"),
    _always(Instance("http.client.HTTPResponse")): ("urllib.request.urlopen",),
    _always(contents.FILE): (
        "django.core.files.storage.default_storage.open",
        "django.core.files.storage.storages.open",
    ),
    _always(Instance("pandas.DataFrame")): (
        "pandas.DataFrame",
        *(f"pandas.read_{name}" for name in ("csv", "excel", "json", "parquet", "sql", "sql_query", "sql_table")),
    ),
    _always(Instance("numpy.ndarray")): tuple(f"numpy.{name}" for name in ("array", "zeros", "ones", "arange")),
    _always(Scalar("str")): ("traceback.format_exc",),
    _always(Scalar("int")): (
        "random.randint",
        "random.randrange",
        "celery.utils.time.get_exponential_backoff_interval",
    ),
    _always(Scalar("float")): ("random.uniform", "random.random"),
    _scalar: ("uuid.uuid4", "uuid.UUID", "uuid.uuid1", "json.dumps", "time.time"),
    _instance: (
        *SESSION_MAKERS,
        SCOPED_SESSION,
        "sqlalchemy.orm.registry",
        "contextlib.suppress",
        "hmac.new",
        "datetime.time",
        "datetime.date",
        *(f"hashlib.{name}" for name in ("new", "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "blake2b")),
    ),
}
_BY_PATH = {path: reading for reading, paths in _READINGS.items() for path in paths}

_PLAIN_BUILTINS = frozenset(
    {
        "str", "int", "float", "bool", "len", "repr", "sum", "round", "abs", "hash", "id", "format", "ord", "chr",
        "isinstance", "issubclass", "hasattr", "callable", "any", "all",
    }
)  # fmt: skip
_CONTAINERS = frozenset({"list", "tuple", "set", "frozenset", "sorted", "reversed", "iter", "filter"})


def _of_builtin(run: Evaluator, name: str, args: Sequence[Argument], node: ast.Call) -> Value:
    value = args[0].value if args else None
    if name in _PLAIN_BUILTINS:
        if name in ("str", "int") and isinstance(value, KeyValue):
            return KeyValue(value.column, value.model, value.origin, name)  # still names the row
        if name in ("str", "int") and isinstance(value, Scalar):
            return Scalar(name, value.origin)
        return Scalar(name if name in ("str", "int", "float", "bool") else "")
    if name in _CONTAINERS:
        return _container(run, name, args)
    if name == "map":
        is_plain = value in (External("builtins.str"), External("builtins.int"))
        return Collection("map", Scalar()) if is_plain else Collection("map")
    if name == "zip":
        if any(a.star for a in args):
            return Collection("zip")  # `zip(*pairs)`: what the pairs hold first, second, ...
        return Collection("zip", Collection("tuple", UNKNOWN, tuple(run.element(a.value, None) for a in args)))
    if name == "enumerate":
        member = run.element(value, None) if value is not None else UNKNOWN
        return Collection("enumerate", Collection("tuple", UNKNOWN, (Scalar("int"), member)))
    if name == "range":
        return Collection("range", Scalar("int"))
    if name == "dict":
        return _dict(args)
    if name in ("bytearray", "memoryview"):
        return Collection(name, Scalar("int"))
    if name == "complex":
        return Scalar(name)
    if name == "vars" and value is not None:
        from celery_lint.semantics.inference.attributes import attribute

        return each(value, lambda one: attribute(run, one, "__dict__") if isinstance(one, ModelValue) else UNKNOWN)
    if name in ("min", "max", "next"):
        only = name == "next" or sum(a.keyword is None for a in args) == 1
        return run.element(value, node) if value is not None and only else UNKNOWN
    if name == "getattr":
        return _attribute_by_name(run, args)
    if name == "open":
        return contents.opened(run, args)
    if name == "super" and len(args) == 2 and isinstance(value, ClassValue):
        return Super(value.cls, args[1].value)
    return Instance(f"builtins.{name}") if name[:1].isupper() else UNKNOWN


def _container(run: Evaluator, name: str, args: Sequence[Argument]) -> Value:
    kind = {"sorted": "list", "iter": "iterator", "reversed": "iterator"}.get(name, name)
    if not args:
        return Collection(kind, UNKNOWN, ())
    if name != "filter":
        return Collection(kind, run.element(args[0].value, None))
    return Collection(kind, run.element(args[1].value, None) if len(args) > 1 else UNKNOWN)


def _dict(args: Sequence[Argument]) -> Value:
    held: dict[str, Value] = {}
    for arg in args:
        if arg.keyword is not None:
            held[arg.keyword] = arg.value
        elif isinstance(arg.value, Collection) and arg.value.keys is not None and arg.value.items is not None:
            held.update(zip(arg.value.keys, arg.value.items, strict=True))  # `dict(options, a=1)`, `dict(**options)`
        else:
            return Collection("dict", UNKNOWN)
    return Collection("dict", union(*held.values()), tuple(held.values()), tuple(held))


def _attribute_by_name(run: Evaluator, args: Sequence[Argument]) -> Value:
    """`getattr(value, "name")`."""
    from celery_lint.semantics.inference.attributes import attribute

    name = args[1].value.value if len(args) >= 2 and isinstance(args[1].value, Constant) else None
    if not isinstance(name, str):
        return UNKNOWN
    value = attribute(run, args[0].value, name)
    return Dynamic(name) if isinstance(value, (Unknown, Field)) else value
