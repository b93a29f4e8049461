"""What a call, an operator, an index or an iteration gives."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class, Function
from celery_lint.semantics.classes import external_is_model
from celery_lint.semantics.model import Argument
from celery_lint.semantics.values import (
    NONE,
    UNKNOWN,
    AppValue,
    Atomic,
    BoundMethod,
    ByKind,
    CanvasValue,
    ClassValue,
    CleanedData,
    Collection,
    Constant,
    Decorator,
    Dynamic,
    External,
    Field,
    FunctionValue,
    Instance,
    KeyValue,
    ManagerValue,
    ModelValue,
    Origin,
    Parameter,
    Partial,
    QuerySetValue,
    ResultValue,
    Scalar,
    SignatureValue,
    Super,
    TaskValue,
    Union,
    Unknown,
    Value,
    each,
    union,
)

if TYPE_CHECKING:
    from celery_lint.semantics.flow import Interpreter

# celery.Celery and its old and re-exported homes (celery/__init__.py, celery/app/base.py).
APP_CLASSES = frozenset({"celery.Celery", "celery.app.Celery", "celery.app.base.Celery", "flask_celery.Celery"})
TASK_DECORATORS = frozenset(
    {
        "celery.shared_task",
        "celery.app.shared_task",
        "celery.task",
        "celery.task.task",
        "celery.task.base.task",
        "celery.decorators.task",
        "celery.task.periodic_task",
        "celery.decorators.periodic_task",
        "djcelery_transactions.task",
        "post_request_task.task.task",
        "post_request_task.task.shared_task",
        "django_celery_oncommit.task",
        "celery.app.task",
        "celery.current_app.task",
    }
)
# What a task offers (celery/app/task.py, celery/contrib/django/task.py).
TASK_METHODS = frozenset(
    {
        "delay", "apply_async", "delay_on_commit", "apply_async_on_commit", "apply", "s", "si", "signature", "subtask",
        "retry", "replace", "map", "starmap", "chunks", "AsyncResult", "update_state", "run", "add_to_chord",
        "send_event", "signature_from_request", "subtask_from_request", "on_failure", "on_success", "on_retry",
        "after_return", "add_around", "annotate", "bind", "__call__", "push_request", "pop_request",
    }
)  # fmt: skip
CANVAS = frozenset({"chain", "group", "chord", "chunks", "xmap", "xstarmap", "_chain", "_chord"})
_DJANGO_ATOMIC = frozenset({"django.db.transaction.Atomic"})
# An alias, or the setting that holds it, which by its name is that of a database that is only read.
_READ_ONLY = re.compile(r"(?:^|[\W_])(?:replicas?|read_?only|readers?|slaves?)\d*(?:$|[\W_])", re.IGNORECASE)
_STR = Scalar("str")
_CANVAS_PATHS = {f"celery.{m}{n}": n for n in CANVAS for m in ("", "canvas.")}
SESSIONS = (
    "sqlalchemy.orm.Session",
    "sqlalchemy.orm.scoped_session",
    "sqlalchemy.ext.asyncio.AsyncSession",
    "sqlmodel.Session",
    "sqlalchemy.orm.session.Session",
    "sqlmodel.ext.asyncio.session.AsyncSession",
)
SESSION_MAKERS = (
    "sqlalchemy.orm.sessionmaker",
    "sqlalchemy.ext.asyncio.async_sessionmaker",
    "sqlalchemy.orm.session.sessionmaker",
)
_ENGINES = ("sqlalchemy.create_engine()", "sqlalchemy.engine.Engine", "sqlalchemy.Engine")

# Methods of managers and querysets, by what they give (django/db/models/query.py).
_SAME = frozenset(
    {
        "all", "filter", "exclude", "order_by", "annotate", "alias", "select_related", "prefetch_related", "distinct",
        "reverse", "using", "select_for_update", "defer", "only", "extra", "union", "intersection", "difference",
        "none", "get_queryset", "raw", "complex_filter", "filter_by", "options", "join", "outerjoin", "limit",
        "offset", "with_for_update", "populate_existing", "active", "public", "live", "visible", "non_polymorphic",
    }
)  # fmt: skip
_ONE = frozenset(
    {
        "get", "first", "last", "latest", "earliest", "aget", "afirst", "alast", "alatest", "aearliest", "one",
        "one_or_none", "scalar_one", "scalar_one_or_none", "first_or_404", "get_or_404", "one_or_404",
    }
)  # fmt: skip
_MADE = frozenset({"create", "acreate", "create_user", "create_superuser"})
_MADE_PAIR = frozenset({"get_or_create", "update_or_create", "aget_or_create", "aupdate_or_create"})
_NUMBER = frozenset(
    {"count", "acount", "exists", "aexists", "update", "aupdate", "delete", "adelete", "contains", "explain"}
)
_MADE_MANY = frozenset({"bulk_create", "abulk_create"})
# What a generic view's own methods call for its rows (django/views/generic, rest_framework/generics.py).
_VIEW_HOOKS = frozenset({"get_object", "get_queryset"})
_STR_METHODS = frozenset({"split", "rsplit", "splitlines", "partition", "rpartition"})


def result(run: Interpreter, callee: Value, args: Sequence[Argument], node: ast.Call) -> Value:
    """The kind of a call's result."""
    if callee.__class__ is Union:
        return each(callee, lambda one: result(run, one, args, node))
    return _RESULTS[callee.__class__](run, callee, args, node)


def of_task(run: Interpreter, callee: TaskValue, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of calling a task as a function."""
    if isinstance(callee.task, str) or callee.task.function is None:
        return UNKNOWN
    return returned(run, FunctionValue(callee.task.function), args, node)


def of_instance(run: Interpreter, callee: Instance, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of calling an instance."""
    if callee.cls in SESSION_MAKERS or callee.cls == "sqlalchemy.orm.scoped_session":
        return Instance("sqlalchemy.orm.Session")
    if isinstance(callee.cls, Class):
        method = run.hub.classes.function(callee.cls, "__call__")
        if method is not None:
            return returned(run, FunctionValue(method, callee), args, node)
    return UNKNOWN


def of_unknown(run: Interpreter, callee: Field | Unknown, args: Sequence[Argument], node: ast.Call) -> Value:
    """`checkout.create_order()` on an unknown `checkout`: by the only method of that name."""
    if isinstance(node.func, ast.Attribute) and run.fuel > 1:
        methods = run.hub.calls.family(node.func.attr)
        if len(methods) == 1:
            receiver = run.hub.self_value(methods[0].cls) if methods[0].cls is not None else None
            return returned(run, FunctionValue(methods[0], receiver), args, node)
    return UNKNOWN


def decorated(run: Interpreter, decorator: Decorator, args: Sequence[Argument], node: ast.Call) -> Value:
    """What a decorator makes of a function given to it as an argument."""
    if decorator.kind == "task" and args and isinstance(args[0].value, FunctionValue):
        return run.hub.task_by_call(args[0].value.function, decorator.node)
    return args[0].value if len(args) == 1 else UNKNOWN


def of_function(run: Interpreter, callee: FunctionValue, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of calling a function of the project."""
    function = callee.function
    if run.hub.is_context_manager(function):
        return run.hub.generator_context(callee)
    if run.hub.makes_tasks(function):
        if args and isinstance(args[0].value, FunctionValue) and args[0].keyword is None:
            return run.hub.task_by_call(args[0].value.function, None, function)
        return Decorator("task", node)
    return returned(run, callee, args, node)


def of_construction(run: Interpreter, callee: ClassValue, args: Sequence[Argument], node: ast.Call) -> Value:
    """An instance of a class of the project."""
    hub, cls = run.hub, callee.cls
    if hub.classes.derives_from(cls, APP_CLASSES):
        return AppValue()
    if hub.classes.derives_from(cls, _DJANGO_ATOMIC):
        return Atomic()
    if hub.classes.is_model(cls):
        return ModelValue(cls, run.row(node))
    return Instance(cls, run.row(node))


def first(args: Sequence[Argument], keyword: str = "") -> Argument | None:
    """The first positional argument, or the one given by keyword."""
    for arg in args:
        if (arg.keyword is None and not arg.star) or (keyword and arg.keyword == keyword):
            return arg
    return None


def model_of(value: Value) -> Class | str | None:
    """The model that a class, a manager, a queryset or a row belongs to."""
    if isinstance(value, ClassValue):
        return value.cls
    if isinstance(value, External) and external_is_model(value.path):
        return value.path
    if isinstance(value, (ManagerValue, QuerySetValue, ModelValue)):
        return value.model
    return None


def of_partial(run: Interpreter, callee: Partial, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of calling what `partial` made."""
    bound = [Argument(node, v) for v in callee.args]
    return result(run, callee.function, (*bound, *args), node)


def of_external(run: Interpreter, callee: External, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of calling a function or class of another package."""
    hub, path = run.hub, callee.path
    name = path.rpartition(".")[2]
    if path.startswith("builtins."):
        return of_builtin(run, name, args, node)
    if path in APP_CLASSES:
        return AppValue()
    if path in ("celery.app.app_or_default", "celery.app.default_app", "celery._state.get_current_app"):
        return AppValue()
    if path in TASK_DECORATORS or path in hub.settings.task_decorators:
        arg = first(args)
        if arg is not None and isinstance(arg.value, FunctionValue):
            return hub.task_by_call(arg.value.function, node)
        return Decorator("task", node)
    if path in _CANVAS_PATHS:
        return CanvasValue(_CANVAS_PATHS[path].lstrip("_"))
    if path in (
        "celery.signature",
        "celery.subtask",
        "celery.canvas.signature",
        "celery.canvas.Signature",
        "celery.Celery.signature",
        "celery.Signature",
        "celery.maybe_signature",
        "celery.canvas.maybe_signature",
    ):
        arg = first(args)
        return SignatureValue(hub.task_named(arg.value) if arg is not None else None)
    if path in (
        "celery.result.AsyncResult",
        "celery.result.GroupResult",
        "celery.result.ResultSet",
        "celery.result.GroupResult.restore",
    ):
        return ResultValue()
    if path in ("functools.partial", "functools.partialmethod") and args:
        rest = tuple(a.value for a in args[1:] if a.keyword is None)
        keywords = tuple((a.keyword, a.value) for a in args[1:] if a.keyword is not None)
        return Partial(args[0].value, rest, keywords, node)
    if path in (
        "django.db.transaction.atomic",
        "django.db.transaction.Atomic",
        "django.db.transaction.commit_on_success",
        "django.db.transaction.commit_manually",
        "xact.xact",
    ):
        using = first(args, "using")
        if using is not None and isinstance(using.value, FunctionValue):
            return using.value
        alias = None
        if using is not None and using.value not in (
            NONE,
            Constant("default"),
            External("django.db.DEFAULT_DB_ALIAS"),
            External("django.db.utils.DEFAULT_DB_ALIAS"),
        ):
            alias = run.module.source.segment(using.node)
            if _READ_ONLY.search(alias):
                return UNKNOWN  # it keeps no row back that a worker waits for: what is written meanwhile goes elsewhere
        return Atomic(alias)
    if path in (
        "django.shortcuts.get_object_or_404",
        "django.shortcuts.aget_object_or_404",
        "rest_framework.generics.get_object_or_404",
        "annoying.functions.get_object_or_None",
        "ninja.shortcuts.get_object_or_404",
    ):
        model = model_of(args[0].value) if args else None
        return ModelValue(model, row_by_key(run, args[1:], node)) if model is not None else UNKNOWN
    if path in ("django.shortcuts.get_list_or_404",):
        model = model_of(args[0].value) if args else None
        return Collection("list", ModelValue(model)) if model is not None else UNKNOWN
    if path in ("django.contrib.auth.get_user_model",):
        return hub.class_or_external(hub.user_model)
    if path in ("django.contrib.auth.get_user", "django.contrib.auth.aget_user"):
        return ModelValue(hub.user_model)
    if path in ("django.contrib.auth.authenticate", "django.contrib.auth.aauthenticate"):
        return union(ModelValue(hub.user_model, run.row(node)), NONE)
    if path in ("django.apps.apps.get_model", "django.apps.registry.apps.get_model"):
        return hub.model_by_label(args)
    if path in (
        "asgiref.sync.sync_to_async",
        "asgiref.sync.async_to_sync",
        "channels.db.database_sync_to_async",
        "functools.wraps()",
        "functools.cache",
        "functools.lru_cache",
        "django.utils.decorators.method_decorator",
        "copy.copy",
        "copy.deepcopy",
        "typing.cast",
    ):
        if path == "typing.cast":
            return hub.annotation(args[0].node, run.module) if args else UNKNOWN
        arg = first(args)
        return arg.value if arg is not None else Decorator("transparent")
    if path == "functools.wraps":
        return Decorator("transparent")
    if path in (
        "datetime.datetime.now",
        "datetime.datetime.today",
        "datetime.datetime.utcnow",
        "datetime.datetime",
        "datetime.datetime.fromtimestamp",
        "django.utils.timezone.now",
    ):
        return Instance("datetime.datetime")
    if path in ("uuid.uuid4", "uuid.UUID", "uuid.uuid1", "str", "json.dumps", "time.time"):
        return Scalar(name)
    if path in SESSION_MAKERS or path == "sqlalchemy.orm.scoped_session":
        return Instance(path)
    if path in ("sqlalchemy.create_engine", "sqlalchemy.ext.asyncio.create_async_engine"):
        return Instance("sqlalchemy.Engine")
    if path in ("sqlalchemy.select", "sqlalchemy.future.select", "sqlmodel.select"):
        model = model_of(args[0].value) if len(args) == 1 else None
        return QuerySetValue(model) if model is not None else UNKNOWN
    if path in ("json.loads", "yaml.safe_load"):
        return UNKNOWN
    if name == "from_queryset" and args and isinstance(args[0].value, ClassValue):
        return BoundMethod(args[0].value, "as_manager")
    if path == "contextlib.suppress":
        return Instance(path)
    if path.endswith(("declarative_base", "automap_base", "generate_base")):
        return External(f"{path}()")
    if hub.classes.is_model(path):
        return ModelValue(path, run.row(node))
    if name[:1].isupper() and not name.isupper():
        return Instance(path, run.row(node))
    return UNKNOWN


_CONTAINERS = frozenset({"list", "tuple", "set", "frozenset", "sorted", "reversed", "iter", "filter"})


def of_builtin(run: Interpreter, name: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of a built-in function or class."""
    value = args[0].value if args else None
    if name in (
        "str",
        "int",
        "float",
        "bool",
        "len",
        "repr",
        "sum",
        "round",
        "abs",
        "hash",
        "id",
        "format",
        "ord",
        "chr",
        "isinstance",
        "issubclass",
        "hasattr",
        "callable",
        "any",
        "all",
    ):
        kind = name if name in ("str", "int", "float", "bool") else ""
        # `str(order.id)` still names the row.
        if value is not None and name in ("str", "int") and isinstance(value, (KeyValue, Parameter, Field)):
            return value if isinstance(value, KeyValue) else Scalar(kind)
        return Scalar(kind)
    if name in _CONTAINERS:
        kind = {"sorted": "list", "iter": "iterator", "reversed": "iterator"}.get(name, name)
        if value is None:
            return Collection(kind, UNKNOWN, ())
        if name == "filter":
            value = args[1].value if len(args) > 1 else UNKNOWN
        return Collection(kind, run.element(value, None))
    if name == "map":
        if args and isinstance(args[0].value, External) and args[0].value.path in ("builtins.str", "builtins.int"):
            return Collection("map", Scalar())
        return Collection("map")
    if name == "zip":
        return Collection("zip", Collection("tuple", UNKNOWN, tuple(run.element(a.value, None) for a in args)))
    if name == "enumerate":
        member = run.element(value, None) if value is not None else UNKNOWN
        return Collection("enumerate", Collection("tuple", UNKNOWN, (Scalar("int"), member)))
    if name == "range":
        return Collection("range", Scalar("int"))
    if name == "dict":
        if args and all(a.keyword is not None for a in args):
            return Collection(
                "dict",
                union(*(a.value for a in args)),
                tuple(a.value for a in args),
                tuple(a.keyword or "" for a in args),
            )
        return Collection("dict", UNKNOWN) if args else Collection("dict", UNKNOWN, (), ())
    if name in ("min", "max", "next"):
        if name == "next" and value is not None:
            return run.element(value, node)
        only = sum(a.keyword is None for a in args) == 1
        return run.element(value, node) if value is not None and only else UNKNOWN
    if (
        name == "getattr"
        and len(args) >= 2
        and isinstance(args[1].value, Constant)
        and isinstance(args[1].value.value, str)
    ):
        from celery_lint.semantics.attributes import attribute

        value = attribute(run, args[0].value, args[1].value.value)
        return Dynamic(args[1].value.value) if isinstance(value, (Unknown, Field)) else value
    if name == "open":
        return Instance("io.TextIOWrapper")
    if name in ("type", "super", "object", "vars", "globals", "locals"):
        return UNKNOWN
    if name[:1].isupper():
        return Instance(f"builtins.{name}")
    return UNKNOWN


def of_method(run: Interpreter, callee: BoundMethod, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of a method of a value that is no class of the project."""
    return _METHOD_RESULTS[callee.receiver.__class__](run, callee.receiver, callee.name, args, node)


def of_task_method(run: Interpreter, base: TaskValue, name: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of a task's own method."""
    if name in ("delay", "apply_async"):
        return ResultValue(base.task)
    if name == "apply":
        return ResultValue(base.task, eager=True)
    if name in ("s", "si", "signature", "subtask"):
        return SignatureValue(base.task, name == "si")
    if name in ("map", "starmap", "chunks"):
        return CanvasValue(name)
    if name == "AsyncResult":
        return ResultValue(base.task)
    if name in ("delay_on_commit", "apply_async_on_commit"):
        return NONE
    return UNKNOWN


def of_signature_method(
    run: Interpreter, base: SignatureValue, name: str, args: Sequence[Argument], node: ast.Call
) -> Value:
    """The result of a signature's method."""
    if name in ("delay", "apply_async"):
        return ResultValue(base.task)
    if name in ("clone", "set", "link", "on_error", "replace", "freeze"):
        return base
    return ResultValue(base.task, eager=True) if name == "apply" else UNKNOWN


def of_canvas_method(run: Interpreter, base: CanvasValue, name: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of a method of a chain, group or chord."""
    if name in ("delay", "apply_async"):
        return ResultValue()
    if name in ("clone", "set", "on_error", "link", "skew"):
        return base
    return ResultValue(eager=True) if name == "apply" else UNKNOWN


def of_app_method(run: Interpreter, base: AppValue, name: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of a Celery application's method."""
    hub = run.hub
    if name == "task":
        arg = first(args)
        if arg is not None and isinstance(arg.value, FunctionValue):
            return hub.task_by_call(arg.value.function, node)
        return Decorator("task", node)
    if name == "register_task" and args:
        cls = args[0].value.cls if isinstance(args[0].value, (Instance, ClassValue)) else None
        task = hub.class_task(cls) if isinstance(cls, Class) else None
        return TaskValue(task) if task is not None else UNKNOWN
    if name == "send_task":
        return ResultValue(hub.task_named(args[0].value) if args else None)
    if name in ("signature", "subtask"):
        return SignatureValue(hub.task_named(args[0].value) if args else None)
    return ResultValue() if name in ("AsyncResult", "GroupResult") else UNKNOWN


def of_row_method(run: Interpreter, base: ModelValue, name: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of a method that a row inherits from another package."""
    if name in ("save", "delete", "refresh_from_db", "full_clean", "asave", "arefresh_from_db"):
        return NONE
    return _STR if name.startswith("get_") and name.endswith("_display") else UNKNOWN


def of_class_method(run: Interpreter, base: ClassValue, name: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of a method that a class inherits from another package."""
    if name == "as_manager":
        return ManagerValue(None, base.cls)
    if name == "from_queryset" and args and isinstance(args[0].value, ClassValue):
        return BoundMethod(args[0].value, "as_manager")
    return UNKNOWN


def of_plain_method(
    run: Interpreter, base: Constant | Scalar | KeyValue, name: str, args: Sequence[Argument], node: ast.Call
) -> Value:
    """The result of a method of a string, a number or a column's value."""
    if isinstance(base, Constant):
        if not isinstance(base.value, str):
            return UNKNOWN
        return Collection("list", _STR) if name in _STR_METHODS else _STR
    return Collection("list", _STR) if name in _STR_METHODS else Scalar()


def of_cleaned_data_method(
    run: Interpreter, base: CleanedData, name: str, args: Sequence[Argument], node: ast.Call
) -> Value:
    """The result of a method of a form's cleaned data."""
    key = args[0].value if args and name in ("get", "pop") else UNKNOWN
    return run.hub.cleaned(base.cls, key.value) if isinstance(key, Constant) and isinstance(key.value, str) else UNKNOWN


def of_super_method(run: Interpreter, base: Super, name: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of a method of `super()` that another package defines."""
    if name == "clean" and run.hub.is_form(base.cls):
        return CleanedData(base.cls)
    if isinstance(base.receiver, Instance):
        return of_instance_method(run, base.receiver, name, args, node)
    return UNKNOWN


def row_by_key(run: Interpreter, args: Sequence[Argument], node: ast.AST) -> Origin:
    """The origin of a row that is looked up: by a key that is known, the key's row."""
    for arg in args:
        if arg.keyword in ("pk", "id"):
            if isinstance(arg.value, KeyValue) and arg.value.origin is not None:
                return arg.value.origin
            if isinstance(arg.value, (Parameter, Field)):
                return Origin((arg.value,))
    return run.row(node)


def of_queryset_method(
    run: Interpreter, base: ManagerValue | QuerySetValue, name: str, args: Sequence[Argument], node: ast.Call
) -> Value:
    """The result of a manager's or a queryset's method."""
    model, cls = base.model, base.cls
    rows = base.rows if isinstance(base, QuerySetValue) else "instances"
    if rows == "result":  # SQLAlchemy's Result of `select(Model)`: rows that hold an instance each
        if name == "scalars":
            return QuerySetValue(model)
        if name in ("scalar", "scalar_one", "scalar_one_or_none") and model is not None:
            return ModelValue(model, run.row(node))
        return UNKNOWN
    if name in _SAME:
        origin = base.origin if isinstance(base, QuerySetValue) else None
        if any(a.keyword in ("pk", "id") for a in args):
            origin = row_by_key(run, args, node)
        return QuerySetValue(model, rows, cls, origin)
    if name in _ONE:
        if rows == "instances" and model is not None:
            member: Value = ModelValue(model, row_by_key(run, args, node))
        else:
            member = element(run, QuerySetValue(model, rows), node)
        return union(member, NONE) if name in ("first", "last", "afirst", "alast", "one_or_none") else member
    if name in _MADE:
        return ModelValue(model, run.row(node, created=True)) if model is not None else UNKNOWN
    if name in _MADE_PAIR:
        row = ModelValue(model, run.row(node, created=True)) if model is not None else UNKNOWN
        return Collection("tuple", UNKNOWN, (row, Scalar("bool")))
    if name in _MADE_MANY:
        return Collection("list", ModelValue(model, run.row(node, created=True)) if model is not None else UNKNOWN)
    if name in _NUMBER:
        return Scalar("int")
    if name == "values":
        return QuerySetValue(model, "dicts", cls)
    if name == "values_list":
        flat = any(a.keyword == "flat" and a.value == Constant(True) for a in args)
        return QuerySetValue(model, "flat" if flat else "tuples", cls)
    if name in ("dates", "datetimes"):
        return QuerySetValue(model, "flat", cls)
    if name in ("iterator", "aiterator", "yield_per", "scalars"):
        return Collection("iterator", element(run, QuerySetValue(model, rows), node))
    if name == "in_bulk":
        return Collection("dict", ModelValue(model) if model is not None else UNKNOWN)
    if name in ("aggregate", "aaggregate"):
        return Collection("dict", Scalar())
    if name == "scalar":
        return UNKNOWN
    return UNKNOWN


def of_instance_method(run: Interpreter, base: Instance, name: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of a method that an instance inherits from another package."""
    if base.cls in (*SESSIONS, "sqlalchemy.orm.scoped_session"):
        return of_session_method(run, name, args, node)
    if base.cls in SESSION_MAKERS and name == "begin":
        return Atomic(None, "session")
    if isinstance(base.cls, str) and base.cls in _ENGINES and name == "begin":
        return Atomic(None, "session")
    return run.hub.framework_result(run, base, name, args, node)


def of_session_method(run: Interpreter, name: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of a SQLAlchemy session's method."""
    value = args[0].value if args else UNKNOWN
    if name in ("begin", "begin_nested"):
        return Atomic(None, "session")
    if name in ("query",):
        model = model_of(value) if len(args) == 1 else None
        return QuerySetValue(model) if model is not None else UNKNOWN
    if name in ("get", "get_one"):
        model = model_of(value)
        return ModelValue(model, run.row(node)) if model is not None else UNKNOWN
    if name in ("scalar", "scalar_one", "scalar_one_or_none"):
        model = model_of(value) if isinstance(value, QuerySetValue) else None
        return ModelValue(model, run.row(node)) if model is not None else UNKNOWN
    if name in ("scalars", "exec"):
        model = model_of(value) if isinstance(value, QuerySetValue) else None
        return QuerySetValue(model) if model is not None else UNKNOWN
    if name == "execute":
        model = model_of(value) if isinstance(value, QuerySetValue) else None
        return QuerySetValue(model, "result") if model is not None else UNKNOWN
    if name == "merge":
        return value
    return UNKNOWN


def of_collection_method(
    run: Interpreter, base: Collection, name: str, args: Sequence[Argument], node: ast.Call
) -> Value:
    """The result of a list's, set's or dict's method."""
    if base.kind == "dict":
        if name in ("get", "pop", "setdefault"):
            key = args[0].value if args else UNKNOWN
            value = by_key(base, key)
            return union(value, NONE) if name == "get" and len(args) < 2 and value is not UNKNOWN else value
        if name == "values":
            return Collection("dict_values", base.element)
        if name == "keys":
            return Collection("dict_keys", Scalar())
        if name == "items":
            return Collection("dict_items", Collection("tuple", UNKNOWN, (UNKNOWN, base.element)))
        return base if name == "copy" else UNKNOWN
    if name == "pop":
        return base.element
    if name in ("copy", "union", "difference", "intersection", "symmetric_difference"):
        return base
    return Scalar() if name in ("count", "index") else UNKNOWN


def by_key(base: Collection, key: Value) -> Value:
    """The value under a constant key of a dict display."""
    if base.keys is not None and base.items is not None and isinstance(key, Constant):
        for name, value in zip(base.keys, base.items, strict=True):
            if name == key.value:
                return value
        return UNKNOWN
    return base.element


def binary(run: Interpreter, left: Value, op: ast.operator, right: Value) -> Value:
    """The kind of `left op right`."""
    lefts = left.alternatives()
    if isinstance(op, ast.BitOr):
        if any(isinstance(v, (SignatureValue, CanvasValue)) for v in lefts):
            return CanvasValue("chain")
        if any(isinstance(v, (QuerySetValue, Collection)) for v in lefts):
            return left
        return UNKNOWN
    if isinstance(op, ast.Sub) and any(isinstance(v, Collection) for v in lefts):
        return left
    if isinstance(op, ast.Add) and isinstance(left, Collection) and isinstance(right, Collection):
        return Collection(left.kind, union(left.element, right.element))
    if isinstance(op, ast.Mod) and isinstance(left, Constant) and isinstance(left.value, str):
        return Scalar("str")
    if isinstance(left, Instance) and isinstance(left.cls, str) and left.cls.startswith("datetime."):
        return left
    if isinstance(left, Constant) and isinstance(right, Constant):
        return folded(left, op, right)
    plain = (Scalar, Constant, KeyValue)
    if isinstance(left, plain) and isinstance(right, plain):
        return Scalar(left.kind if isinstance(left, Scalar) else "")
    return UNKNOWN


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


def item(run: Interpreter, base: Value, node: ast.Subscript, index: Value) -> Value:
    """The kind of `base[index]`."""
    if isinstance(base, (QuerySetValue, ManagerValue)):
        if isinstance(node.slice, ast.Slice):
            return base
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
    if isinstance(base, (Parameter, Field)):
        return Field(base, f"[{ast.unparse(node.slice)}]" if isinstance(node.slice, ast.Constant) else "[]")
    if isinstance(base, CleanedData):
        known = isinstance(index, Constant) and isinstance(index.value, str)
        return run.hub.cleaned(base.cls, str(index.value)) if known and isinstance(index, Constant) else UNKNOWN
    if isinstance(base, Instance):
        return run.hub.framework_item(base, index)
    if isinstance(base, Constant) and isinstance(base.value, str):
        return Scalar("str")
    return Scalar() if isinstance(base, (Scalar, KeyValue)) else UNKNOWN


def element(run: Interpreter, value: Value, node: ast.AST | None) -> Value:
    """A member of what is iterated over."""
    if isinstance(value, (QuerySetValue, ManagerValue)):
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
    return Scalar("str") if isinstance(value, Constant) and isinstance(value.value, str) else UNKNOWN


def returned(run: Interpreter, callee: FunctionValue, args: Sequence[Argument], node: ast.AST | None) -> Value:
    """What calling a function of the project gives: by its annotation, else by reading it."""
    function = callee.function
    declared: Value = UNKNOWN
    annotation = function.returns
    if annotation is not None:
        declared = run.hub.annotation(annotation, function.module)
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
    return each(value, lambda one: renewed(substitute(run, one, callee, args), node))


def served(run: Interpreter, callee: FunctionValue) -> Value:
    """What a method of a manager or queryset class gives for the model of its receiver.

    UNKNOWN where the class stands beside the one model that it serves: then any reading of it says the same.
    """
    function, receiver = callee.function, callee.receiver
    if not isinstance(receiver, (ManagerValue, QuerySetValue)) or receiver.model is None:
        return UNKNOWN
    if run.fuel <= 0 or function.cls is None or not function.positional or function.is_generator:
        return UNKNOWN
    if getattr(run.hub.self_value(function.cls), "model", None) is receiver.model:
        return UNKNOWN
    own: Value = ManagerValue(receiver.model, receiver.cls)
    if isinstance(receiver, QuerySetValue):
        own = QuerySetValue(receiver.model, receiver.rows, receiver.cls)
    return run.hub.returned_with(function, {function.positional[0].arg: own}, callee.captured, run.fuel - 1)


def narrowed(run: Interpreter, callee: FunctionValue, args: Sequence[Argument]) -> Value:
    """What a function makes of a model, queryset or task that it is given: read once more with what this call passes.

    So is a view's `get_object()` that a base class of the project defines, for the view that it is called on.
    """
    function = callee.function
    receiver = callee.receiver
    if run.fuel <= 0:
        return UNKNOWN
    inherited = isinstance(receiver, Instance) and receiver.cls is not function.cls and function.name in _VIEW_HOOKS
    if not (inherited or any(is_telling(run, a.value) for a in args)) or function.is_generator:
        return UNKNOWN
    bound = run.hub.dispatches.bind(callee, args)
    if bound is None:
        return UNKNOWN
    values = bound[0]
    if inherited and receiver is not None and function.positional:
        values = {function.positional[0].arg: receiver, **values}
    kinds = list(run.hub.returned_with(function, values, callee.captured, run.fuel - 1).alternatives())
    if inherited:
        kinds = [k for k in kinds if k != UNKNOWN]
    known = (QuerySetValue, ModelValue, SignatureValue, CanvasValue)
    if not kinds or not all(isinstance(k, known) or k == Constant(None) for k in kinds):
        return UNKNOWN
    return union(*kinds)


def is_telling(run: Interpreter, value: Value) -> bool:
    """Whether an argument decides what kind of thing a function gives."""
    return isinstance(value, (QuerySetValue, ManagerValue, TaskValue)) or (
        isinstance(value, ClassValue) and run.hub.classes.is_model(value.cls)
    )


def renewed(value: Value, node: ast.AST | None) -> Value:
    """A row returned by a call is, to the caller, the call's own row."""
    if value.__class__ is ModelValue and node is not None:
        origin = value.origin
        if origin is not None and origin.key == ("self",):
            return value
        return ModelValue(value.model, Origin((node,), origin is not None and origin.created))
    if value.__class__ is KeyValue and node is not None and value.origin is not None and value.origin.created:
        return KeyValue(value.column, value.model, Origin((node,), created=True))
    if value.__class__ is Collection and value.items is not None:
        return Collection(value.kind, value.element, tuple([renewed(v, node) for v in value.items]), value.keys)
    return value


def substitute(run: Interpreter, value: Value, callee: FunctionValue, args: Sequence[Argument]) -> Value:
    """A returned value with the parameters in it replaced by the call's arguments."""
    if value.__class__ is Parameter:
        if value.function is not callee.function:
            return value
        return argument_for(callee, value, args)
    if value.__class__ is Field:
        base = substitute(run, value.base, callee, args)
        if base is value.base:
            return value
        if value.name == "*":
            return run.element(base, None)
        if value.name.startswith("["):
            return UNKNOWN
        from celery_lint.semantics.attributes import attribute

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


_RESULTS = ByKind(
    {
        FunctionValue: of_function,
        ClassValue: of_construction,
        External: of_external,
        BoundMethod: of_method,
        Partial: of_partial,
        TaskValue: of_task,
        Decorator: decorated,
        Instance: of_instance,
        # mongoengine's `Book.objects(title="...")`
        QuerySetValue: lambda run, callee, args, node: callee,
        CanvasValue: lambda run, callee, args, node: ResultValue(),
        Field: of_unknown,
        Unknown: of_unknown,
    }
)
_METHOD_RESULTS = ByKind(
    {
        TaskValue: of_task_method,
        SignatureValue: of_signature_method,
        CanvasValue: of_canvas_method,
        AppValue: of_app_method,
        ManagerValue: of_queryset_method,
        QuerySetValue: of_queryset_method,
        ModelValue: of_row_method,
        ClassValue: of_class_method,
        Instance: of_instance_method,
        Constant: of_plain_method,
        Scalar: of_plain_method,
        KeyValue: of_plain_method,
        CleanedData: of_cleaned_data_method,
        Super: of_super_method,
        Collection: of_collection_method,
    }
)

__all__ = [
    "APP_CLASSES", "SESSIONS", "TASK_DECORATORS", "TASK_METHODS", "argument_for", "binary", "element",
    "is_method", "item", "model_of", "result", "returned", "substitute",
]  # fmt: skip
