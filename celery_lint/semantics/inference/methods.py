"""What a method gives that no class of the project defines: of tasks, rows, querysets, sessions, built-in types."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class
from celery_lint.semantics.frameworks import generic_views
from celery_lint.semantics.inference import contents
from celery_lint.semantics.inference.moments import of_duration, of_moment
from celery_lint.semantics.inference.operators import by_key, element
from celery_lint.semantics.inference.packages import (
    CHANGES,
    CONNECTIONS,
    CONSTRUCTORS,
    CONTROLS,
    ENGINES,
    INSPECT,
    PATH_STEPS,
    PATHS,
    SELECT,
    SESSION_MAKERS,
    SESSIONS,
)
from celery_lint.semantics.inference.queries import executed, is_query, of_extension, of_query, of_session
from celery_lint.semantics.inference.values import (
    NONE,
    TEXT,
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
    Content,
    ContextManager,
    Decorator,
    Duration,
    Field,
    FunctionValue,
    Instance,
    KeyValue,
    ManagerValue,
    ModelValue,
    Moment,
    Origin,
    Parameter,
    QuerySetValue,
    ResultValue,
    Scalar,
    SignatureValue,
    Super,
    TaskValue,
    Value,
    union,
)
from celery_lint.semantics.model import Argument, first_argument

if TYPE_CHECKING:
    from celery_lint.semantics.inference.expressions import Evaluator


# Methods of managers and querysets, by what they give (django/db/models/query.py).
_SAME = frozenset(
    {
        "all", "filter", "exclude", "order_by", "annotate", "alias", "select_related", "prefetch_related", "distinct",
        "reverse", "using", "select_for_update", "defer", "only", "extra", "union", "intersection", "difference",
        "none", "get_queryset", "raw", "complex_filter", "active", "public", "live", "visible", "non_polymorphic",
        # peewee.py
        "where", "join", "left_outer_join", "group_by", "having", "limit", "offset", "paginate", "for_update", "switch",
    }
)  # fmt: skip
_ONE = frozenset(
    {
        "get", "first", "last", "latest", "earliest", "aget", "afirst", "alast", "alatest", "aearliest", "one",
        "one_or_none", "first_or_404", "get_or_404", "one_or_404",
    }
)  # fmt: skip
_MADE = frozenset({"create", "acreate", "create_user", "create_superuser"})
_MADE_PAIR = frozenset({"get_or_create", "update_or_create", "aget_or_create", "aupdate_or_create"})
_NUMBER = frozenset(
    {"count", "acount", "exists", "aexists", "update", "aupdate", "delete", "adelete", "contains", "explain"}
)
_MADE_MANY = frozenset({"bulk_create", "abulk_create"})
# peewee.py, Database: `with database.atomic():`
_PEEWEE_BLOCKS = frozenset({"atomic", "transaction", "savepoint"})
# Mappers whose rows give themselves when they are written (mongoengine/document.py; beanie/odm/documents.py).
_GIVING_ROWS = frozenset(
    {
        "mongoengine.Document",
        "mongoengine.document.Document",
        "flask_mongoengine.MongoEngine().Document",
        "beanie.Document",
        "beanie.odm.documents.Document",
    }
)
_GIVES_ITSELF = frozenset({"save", "insert", "create", "reload", "replace"})
_SERVICES = frozenset({"boto3.Session", "boto3.session.Session"})
_STR_METHODS = frozenset({"split", "rsplit", "splitlines", "partition", "rpartition"})


def of_method(run: Evaluator, callee: BoundMethod, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of a method of a value that is no class of the project."""
    return _METHOD_RESULTS[callee.receiver.__class__](run, callee.receiver, callee.name, args, node)


def _of_task_method(run: Evaluator, base: TaskValue, name: str, args: Sequence[Argument], node: ast.Call) -> Value:
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


def _of_signature_method(
    run: Evaluator, base: SignatureValue, name: str, args: Sequence[Argument], node: ast.Call
) -> Value:
    """The result of a signature's method."""
    if name in ("delay", "apply_async"):
        return ResultValue(base.task)
    if name in ("clone", "set", "link", "on_error", "replace", "freeze"):
        return base
    return ResultValue(base.task, eager=True) if name == "apply" else UNKNOWN


def _of_canvas_method(run: Evaluator, base: CanvasValue, name: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of a method of a chain, group or chord."""
    if name in ("delay", "apply_async"):
        return ResultValue()
    if name in ("clone", "set", "on_error", "link", "skew"):
        return base
    if name == "group" and base.kind == "chunks":
        return CanvasValue("group")
    return ResultValue(eager=True) if name == "apply" else UNKNOWN


def _of_app_method(run: Evaluator, base: AppValue, name: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of a Celery application's method."""
    hub = run.hub
    if name == "task":
        arg = first_argument(args)
        if arg is not None and isinstance(arg.value, FunctionValue):
            return hub.task_by_call(arg.value.function, node)
        return Decorator("task", node, run.module)
    if name == "register_task" and args:
        cls = args[0].value.cls if isinstance(args[0].value, (Instance, ClassValue)) else None
        task = hub.class_task(cls) if isinstance(cls, Class) else None
        return TaskValue(task) if task is not None else UNKNOWN
    if name == "send_task":
        return ResultValue(hub.task_named(args[0].value) if args else None)
    if name in ("signature", "subtask"):
        return SignatureValue(hub.task_named(args[0].value) if args else None)
    return ResultValue() if name in ("AsyncResult", "GroupResult") else UNKNOWN


def _of_row_method(run: Evaluator, base: ModelValue, name: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of a method that a row inherits from another package."""
    if name == "_get_current_object":
        return base  # the row behind Flask-Login's `current_user` (werkzeug/local.py)
    if name in _GIVES_ITSELF and run.hub.classes.derives_from(base.model, _GIVING_ROWS):
        return base
    if name in ("save", "delete", "refresh_from_db", "full_clean", "asave", "arefresh_from_db"):
        return NONE
    return TEXT if name.startswith("get_") and name.endswith("_display") else UNKNOWN


def _of_class_method(run: Evaluator, base: ClassValue, name: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of a method that a class inherits from another package."""
    if name == "as_manager":
        return ManagerValue(None, base.cls)
    if name == "from_queryset" and args and isinstance(args[0].value, ClassValue):
        return BoundMethod(args[0].value, "as_manager")
    if name in CONSTRUCTORS:
        is_row = run.hub.classes.is_model(base.cls)
        return ModelValue(base.cls, run.row(node)) if is_row else Instance(base.cls, run.row(node))
    return UNKNOWN


def _of_plain_method(
    run: Evaluator, base: Constant | Scalar | KeyValue, name: str, args: Sequence[Argument], node: ast.Call
) -> Value:
    """The result of a method of a string, a number or a column's value."""
    if isinstance(base, Constant):
        if not isinstance(base.value, str):
            return UNKNOWN
        return Collection("list", TEXT) if name in _STR_METHODS else TEXT
    return Collection("list", TEXT) if name in _STR_METHODS else Scalar()


def _of_cleaned_data_method(
    run: Evaluator, base: CleanedData, name: str, args: Sequence[Argument], node: ast.Call
) -> Value:
    """The result of a method of a form's cleaned data."""
    key = args[0].value if args and name in ("get", "pop") else UNKNOWN
    return run.hub.cleaned(base.cls, key.value) if isinstance(key, Constant) and isinstance(key.value, str) else UNKNOWN


def _of_super_method(run: Evaluator, base: Super, name: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of a method of `super()` that another package defines."""
    if name == "clean" and run.hub.is_form(base.cls):
        return CleanedData(base.cls)
    if isinstance(base.receiver, Instance):
        return _of_instance_method(run, base.receiver, name, args, node)
    return UNKNOWN


def row_by_key(run: Evaluator, args: Sequence[Argument], node: ast.AST) -> Origin:
    """The origin of a row that is looked up: by a key that is known, the key's row."""
    for arg in args:
        if arg.keyword in ("pk", "id"):
            if isinstance(arg.value, (KeyValue, Scalar)) and arg.value.origin is not None:
                return arg.value.origin
            if isinstance(arg.value, (Parameter, Field)):
                return Origin((arg.value,))
    return run.row(node)


def _of_queryset_method(
    run: Evaluator, base: ManagerValue | QuerySetValue, name: str, args: Sequence[Argument], node: ast.Call
) -> Value:
    """The result of a manager's or a queryset's method."""
    model, cls = base.model, base.cls
    rows = base.rows if isinstance(base, QuerySetValue) else "instances"
    if isinstance(base, QuerySetValue) and is_query(base):
        named = any(a.keyword in ("pk", "id") for a in args)
        return of_query(run, base, name, args, node, row_by_key(run, args, node) if named else None)
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
    if name in ("iterator", "aiterator"):
        return Collection("iterator", element(run, QuerySetValue(model, rows), node))
    if name == "in_bulk":
        return Collection("dict", ModelValue(model) if model is not None else UNKNOWN)
    if name in ("aggregate", "aaggregate"):
        return Collection("dict", Scalar())
    return UNKNOWN


def _of_instance_method(run: Evaluator, base: Instance, name: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of a method that an instance inherits from another package."""
    if base.cls in SESSIONS:
        return of_session(run, name, args, node)
    if isinstance(base.cls, str):
        if base.cls in PATHS:
            return base if name in PATH_STEPS else of_path(run, base, name, args, node)
        if base.cls in contents.CLIENTS and name == "get":
            return contents.RESPONSE
        held = contents.read(run, base, name, args, node)
        if held is not UNKNOWN:
            return held
        if name == "begin" and (base.cls in SESSION_MAKERS or base.cls in ENGINES or base.cls in CONNECTIONS):
            return Atomic(None, "session")
        if name == "begin_nested" and base.cls in CONNECTIONS:
            return Atomic(None, "session", is_savepoint=True)
        if name == "connect" and base.cls in ENGINES:
            return Instance("sqlalchemy.Connection")
        if base.cls in CONNECTIONS:
            return executed(run, name, args[0].value if args else UNKNOWN, node)
        if base.cls == SELECT or base.cls in CHANGES:
            return base  # each method of a statement gives one of its kind
        if name in _PEEWEE_BLOCKS and base.cls.startswith(("peewee.", "playhouse.")):
            return Atomic(None, "session", name == "savepoint", ContextManager(UNKNOWN))
        if base.cls.endswith("SQLAlchemy"):
            return of_extension(run, name, args, node)
        if name == "inspect" and base.cls in CONTROLS:
            return Instance(INSPECT, Origin((node,)))
    if base.cls in _SERVICES and name == "client":
        return client_of_service(args)
    answer = generic_views.answer(run.hub, base, name, run.row(node))
    return run.hub.framework_result(run, base, name, args, node) if answer is None else answer


def of_path(run: Evaluator, path: Instance, name: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of a path's method that gives no path."""
    if name in ("iterdir", "glob", "rglob"):
        return Collection("generator", path)
    if name == "open" and isinstance(node.func, ast.Attribute):
        return contents.opened(run, [Argument(node.func.value, path)])
    return contents.read(run, path, name, args, node)


def client_of_service(args: Sequence[Argument]) -> Value:
    """A client of one of Amazon's services, by its name: `boto3.client("ses")`."""
    service = first_argument(args, "service_name")
    known = service.value.value if service is not None and isinstance(service.value, Constant) else None
    return Instance(f"boto3.client.{known}") if isinstance(known, str) else UNKNOWN


def _of_collection_method(
    run: Evaluator, base: Collection, name: str, args: Sequence[Argument], node: ast.Call
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


_METHOD_RESULTS = ByKind(
    {
        TaskValue: _of_task_method,
        SignatureValue: _of_signature_method,
        CanvasValue: _of_canvas_method,
        AppValue: _of_app_method,
        ManagerValue: _of_queryset_method,
        QuerySetValue: _of_queryset_method,
        ModelValue: _of_row_method,
        ClassValue: _of_class_method,
        Instance: _of_instance_method,
        Moment: of_moment,
        Duration: of_duration,
        Constant: _of_plain_method,
        Scalar: _of_plain_method,
        KeyValue: _of_plain_method,
        CleanedData: _of_cleaned_data_method,
        Super: _of_super_method,
        Collection: _of_collection_method,
        Content: contents.of_method,
    }
)
