"""What `value.name` is."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class, Function
from celery_lint.project.syntax import keyword_of
from celery_lint.semantics.frameworks.classes import external_is_model
from celery_lint.semantics.frameworks.conventions import attribute_of_made
from celery_lint.semantics.frameworks.pyramid_requests import added_attribute
from celery_lint.semantics.inference import relationships
from celery_lint.semantics.inference.moments import DURATION
from celery_lint.semantics.inference.operators import by_key
from celery_lint.semantics.inference.packages import (
    CHECKED,
    CONSTRUCTORS,
    PAGINATION,
    PATHS,
    QUERY,
    REQUEST_TRANSACTION,
    TASK_METHODS,
)
from celery_lint.semantics.inference.returning import returned
from celery_lint.semantics.inference.values import (
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
    Content,
    External,
    Field,
    FunctionValue,
    HttpRequest,
    Instance,
    KeyValue,
    ManagerValue,
    ModelValue,
    ModuleValue,
    Origin,
    Parameter,
    QuerySetValue,
    ResultValue,
    Scalar,
    SignatureValue,
    Super,
    TaskRequest,
    TaskValue,
    Union,
    Value,
    each,
)

if TYPE_CHECKING:
    from celery_lint.semantics.inference.expressions import Evaluator

MANAGER_NAMES = frozenset({"objects", "_default_manager", "_base_manager", "all_objects", "unfiltered"})
# django.db.models.fields.related, modelcluster.fields, mptt, wagtail.
FOREIGN_KEYS = frozenset(
    {
        "ForeignKey",
        "OneToOneField",
        "ParentalKey",
        "TreeForeignKey",
        "TreeOneToOneField",
        "AutoOneToOneField",
        "FlexibleForeignKey",
        "ForeignKeyField",
        "ReferenceField",
    }
)
MANY_TO_MANY = frozenset(
    {
        "ManyToManyField",
        "ParentalManyToManyField",
        "SortedManyToManyField",
        "TreeManyToManyField",
        "GenericRelation",
    }
)
# Mappers whose classes are asked for rows themselves, and the queryset's methods that do the same
# (mongoengine/queryset/manager.py; peewee.py, Model; beanie/odm/interfaces/find.py).
_QUERIED_BY_CLASS = frozenset(
    {
        "mongoengine.Document",
        "mongoengine.document.Document",
        "flask_mongoengine.MongoEngine().Document",
        "peewee.Model",
    }
)
_CLASS_QUERIES = {
    "objects": "all",
    "select": "all",
    "create": "create",
    "get": "get",
    "get_by_id": "get",
    "get_or_none": "first",
    "get_or_create": "get_or_create",
}
# What Flask-SQLAlchemy's `db` has of SQLAlchemy's own (flask_sqlalchemy/extension.py, `__getattr__`).
_REPEATED = {
    **{name: f"sqlalchemy.{name}" for name in ("select", "insert", "update", "delete", "Column", "ForeignKey")},
    **{
        name: f"sqlalchemy.orm.{name}"
        for name in ("relationship", "dynamic_loader", "backref", "aliased", "mapped_column", "column_property")
    },
}
# What a mapper keeps in a row's `__dict__` beside the columns.
_STATES = {
    "django": ("_state", "django.db.models.base.ModelState"),
    "sqlalchemy": ("_sa_instance_state", "sqlalchemy.orm.state.InstanceState"),
}
# Django's fields whose value is no plain one (django/db/models/fields/files.py).
_VALUES = {
    "FileField": Instance("django.db.models.fields.files.FieldFile"),
    "ImageField": Instance("django.db.models.fields.files.ImageFieldFile"),
    "DurationField": DURATION,
}
_TASK_VERBS = frozenset({"delay", "apply_async", "s", "si", "apply", "signature", "subtask"})


def attribute(run: Evaluator, base: Value, name: str, node: ast.Attribute | None = None) -> Value:
    """The kind of `base.name`."""
    if base is UNKNOWN:
        return UNKNOWN
    if base.__class__ is Union:
        return each(base, lambda one: attribute(run, one, name, node))
    return _ATTRIBUTES[base.__class__](run, base, name, node)


def of_external(run: Evaluator, base: External, name: str, node: ast.Attribute | None) -> Value:
    """A name in a module or class of another package."""
    if name in MANAGER_NAMES and external_is_model(base.path):
        return ManagerValue(base.path)
    return run.hub.external(f"{base.path}.{name}")


def of_module(run: Evaluator, base: ModuleValue, name: str, node: ast.Attribute | None) -> Value:
    """A name in a module of the project, or a module in its package."""
    value = run.hub.module_name(base.module, name)
    if value is not None:
        return value
    inner = run.hub.project.import_module(f"{base.module.name}.{name}", base.module.filename)
    return ModuleValue(inner) if inner is not None else UNKNOWN


def of_rows(run: Evaluator, base: ManagerValue | QuerySetValue, name: str, node: ast.Attribute | None) -> Value:
    """An attribute of a manager or a queryset."""
    if name == "model" and base.model is not None:
        return run.hub.class_or_external(base.model)
    if name == "items" and base.cls == PAGINATION:
        return Collection("list", run.element(base, node))
    function = run.hub.classes.function(base.cls, name) if isinstance(base.cls, Class) else None
    return run.hub.bind(function, base) if function is not None else BoundMethod(base, name)


def of_app(run: Evaluator, base: AppValue, name: str, node: ast.Attribute | None) -> Value:
    """An attribute of a Celery application."""
    if name == "Task":
        return External("celery.app.task.Task")
    if name == "signature":
        return External("celery.Celery.signature")
    if name == "conf":
        return Instance("celery.Celery.conf", Origin((base.node,)) if base.node is not None else None)
    if name in ("control", "tasks", "backend"):
        return Instance(f"celery.Celery.{name}")
    return BoundMethod(base, name)


def of_signature(run: Evaluator, base: SignatureValue, name: str, node: ast.Attribute | None) -> Value:
    """An attribute of a signature."""
    return Scalar("str") if name == "task" else BoundMethod(base, name)


def of_result(run: Evaluator, base: ResultValue, name: str, node: ast.Attribute | None) -> Value:
    """An attribute of a task's result."""
    return Scalar("str") if name in ("id", "task_id", "state", "status") else BoundMethod(base, name)


def of_task_request(run: Evaluator, base: TaskRequest, name: str, node: ast.Attribute | None) -> Value:
    """An attribute of a task's request."""
    return Scalar("int") if name == "retries" else Field(base, name)


def of_function(run: Evaluator, base: FunctionValue, name: str, node: ast.Attribute | None) -> Value:
    """An attribute of a function."""
    return Scalar("str") if name in ("__name__", "__doc__", "__module__", "__qualname__") else BoundMethod(base, name)


def of_open(run: Evaluator, base: Value, name: str, node: ast.Attribute | None) -> Value:
    """An attribute of a value of which only callers know more."""
    return Field(base, name)


def of_plain(run: Evaluator, base: Value, name: str, node: ast.Attribute | None) -> Value:
    """An attribute of a value of which only the methods count."""
    return BoundMethod(base, name)


def of_container(run: Evaluator, base: Collection, name: str, node: ast.Attribute | None) -> Value:
    """An attribute of a container: a value that a row of a SQLAlchemy result holds, or a method."""
    held = by_key(base, Constant(name)) if base.kind == "row" else UNKNOWN
    return BoundMethod(base, name) if held is UNKNOWN else held


def of_class(run: Evaluator, base: ClassValue, name: str, node: ast.Attribute | None) -> Value:
    """An attribute of a class."""
    return of_member(run, base.cls, name, base)


def of_member(run: Evaluator, cls: Class, name: str, base: Value) -> Value:
    """An attribute of a class, reached through the class or through an instance that does not have it itself."""
    hub = run.hub
    lineage = hub.classes.lineage(cls)
    assigned = lineage.assigns.get(name)
    if (assigned is not None or name in MANAGER_NAMES) and hub.classes.is_django_model(cls):
        manager = model_manager(run, cls, name)
        if manager is not None:
            return manager
    if name == "query" and name not in lineage.functions and hub.classes.is_model(cls):
        return QuerySetValue(cls, cls=QUERY)  # SQLAlchemy's Model.query
    if name in ("as_manager", "from_queryset"):
        return BoundMethod(ClassValue(cls), name)
    function = lineage.functions.get(name)
    if function is not None:
        if function.is_static:
            return hub.function_value(function)
        return hub.bind(function, base if isinstance(base, (Instance, ModelValue)) or function.is_classmethod else None)
    if name in _CLASS_QUERIES and hub.classes.derives_from(cls, _QUERIED_BY_CLASS):
        rows = QuerySetValue(cls)
        return rows if name == "objects" else BoundMethod(rows, _CLASS_QUERIES[name])
    if name in CONSTRUCTORS and hub.classes.derives_from(cls, CHECKED):
        return BoundMethod(ClassValue(cls), name)
    task = hub.class_task(cls) if name in _TASK_VERBS else None
    if task is not None:
        return BoundMethod(TaskValue(task), name)
    if assigned is not None:
        owner, binding = assigned
        if lineage.is_enum:
            return Instance(cls)
        if binding.value is not None and binding.index is None:
            value = hub.evaluate_in_class(binding.value, owner)
            if isinstance(value, FunctionValue) and isinstance(base, (Instance, ModelValue)) and value.receiver is None:
                return hub.bind(value.function, base)
            if value is not UNKNOWN:
                return value
        return hub.annotation_in(cls, binding.annotation, owner) if binding.annotation is not None else UNKNOWN
    inner = hub.classes.inner(cls, name)
    if inner is not None:
        return ClassValue(inner)
    if name in ("DoesNotExist", "MultipleObjectsReturned"):
        return External(f"django.core.exceptions.{'ObjectDoesNotExist' if name == 'DoesNotExist' else name}")
    for path in lineage.foreign:
        if not path.startswith("builtins."):
            return hub.external(f"{path}.{name}") if path != "abc.ABC" else UNKNOWN
    return UNKNOWN


def model_manager(run: Evaluator, cls: Class, name: str) -> Value | None:
    """The manager that a Django model has under a name, or None when the name is no manager."""
    assigned = run.hub.classes.assignment(cls, name)
    if assigned is not None:
        owner, binding = assigned
        if binding.value is None:
            return None
        value = run.hub.evaluate_in_class(binding.value, owner)
        if isinstance(value, ManagerValue) or (isinstance(value, Instance) and is_manager_class(run, value.cls)):
            return ManagerValue(cls, value.cls)
    return ManagerValue(cls) if name in MANAGER_NAMES else None


def is_manager_class(run: Evaluator, cls: Class | str) -> bool:
    """Whether a class is a Django manager."""
    names = (cls,) if isinstance(cls, str) else run.hub.classes.lineage(cls).foreign
    return any(name.endswith("Manager") for name in names)


def of_instance(run: Evaluator, base: Instance, name: str, node: ast.Attribute | None) -> Value:
    """An attribute of an instance of an ordinary class."""
    hub = run.hub
    if isinstance(base.cls, str):
        return of_external_instance(run, base, base.cls, name)
    if name == "request" and hub.is_view_class(base.cls):
        return HttpRequest()
    task = hub.class_task(base.cls)
    if task is not None:
        value = of_task(run, TaskValue(task), name, node)
        if not isinstance(value, Field):
            return value
    known = hub.framework_attribute(base, name)
    if known is not None:
        return known
    function = hub.classes.function(base.cls, name)
    if function is not None:
        return property_or_method(run, function, base)
    value = of_member(run, base.cls, name, base)
    # What `__init__` sets outranks a bare `name: Type` or `name = None`.
    if value is UNKNOWN or value == NONE or isinstance(value, External):
        own = hub.instance_attribute(base.cls, name)
        if own is not UNKNOWN:
            return own
    if isinstance(value, External):
        return BoundMethod(base, name)
    return value if value is not UNKNOWN else Field(base, name)


def of_external_instance(run: Evaluator, base: Instance, cls: str, name: str) -> Value:
    """An attribute of an instance of another package's class."""
    if cls.endswith("SQLAlchemy") and name == "session":
        return Instance("sqlalchemy.orm.Session")
    if cls.endswith("SQLAlchemy") and name in ("Model", "Table"):
        return External(f"{cls}().{name}")
    if cls.endswith("SQLAlchemy") and name in _REPEATED:
        return External(_REPEATED[name])
    if cls in PATHS and name == "parent":
        return base
    if cls == "requests.Response" and name in ("content", "text"):
        return Content("response")
    if cls == "flask.request" and name == "files":
        return Instance("request.FILES")
    made = attribute_of_made(base, name)
    if made is not None:
        return made
    if cls in ("flask_mongoengine.MongoEngine", "pony.orm.Database"):
        return External(f"{cls}().{name}")
    if cls == "sqlalchemy.orm.registry" and name == "generate_base":
        return External("sqlalchemy.orm.registry().generate_base")
    if cls.endswith(("FlaskCeleryExt", "FlaskCelery")) and name == "celery":
        return AppValue()
    return BoundMethod(base, name)


def property_or_method(run: Evaluator, function: Function, base: Value) -> Value:
    """A method bound to its receiver, or what the property gives."""
    for decorator in function.decorators:
        value = run.hub.evaluate(decorator, function.module)
        path = value.path if isinstance(value, External) else ""
        if path.rpartition(".")[2] in ("property", "cached_property", "classproperty", "lazy_attribute"):
            return returned(run, FunctionValue(function, base), (), None)
    return run.hub.bind(function, base)


def of_row(run: Evaluator, base: ModelValue, name: str, node: ast.Attribute | None) -> Value:
    """An attribute of a model instance: a column, a related row or manager, a method."""
    hub = run.hub
    if name in ("pk", "id"):
        return KeyValue(name, base.model, base.origin)
    if name == "__dict__":
        return contents_of(run, base)
    if isinstance(base.model, str):
        if name.endswith("_set"):
            return ManagerValue(None, related=base.origin)
        return BoundMethod(base, name)
    lineage = hub.classes.lineage(base.model)
    function = lineage.functions.get(name)
    if function is not None:
        return property_or_method(run, function, base)
    assigned = lineage.assigns.get(name)
    if assigned is not None:
        owner, binding = assigned
        target = binding.value
        if isinstance(target, ast.Call):
            column = hub.evaluate(target.func, owner.module)
            kind = column.path.rpartition(".")[2] if isinstance(column, External) else ""
            if kind in FOREIGN_KEYS:
                model = related_model(run, target, owner)
                if model is None:
                    return UNKNOWN
                return ModelValue(model, derived(base.origin, name))
            if kind in MANY_TO_MANY:
                return ManagerValue(related_model(run, target, owner), related=base.origin)
            if kind in relationships.DECLARING:
                given = binding.annotation
                declared = hub.annotation(given, owner.module) if given is not None else UNKNOWN
                if declared is not UNKNOWN:
                    return declared
                return relationships.related(hub, target, owner, derived(base.origin, name))
            if kind in _VALUES and hub.classes.is_django_model(base.model):
                return _VALUES[kind]
            if kind.endswith(("Field", "Column", "mapped_column")) or isinstance(column, (ClassValue, External)):
                return KeyValue(name, base.model, base.origin)
        if binding.annotation is not None:
            return hub.annotation(binding.annotation, owner.module)
        return of_member(run, base.model, name, base)
    if name.endswith("_id"):
        return KeyValue(name, base.model, base.origin)
    if name.endswith("_set"):
        related = hub.model_by_lower_name(name.removesuffix("_set"), base.model)
        return ManagerValue(related, related=base.origin)
    reverse = hub.reverse_relation(base.model, name)
    if reverse is not None:
        return each(reverse, lambda one: _reached(one, base, name))
    own = hub.instance_attribute(base.model, name)
    if own != UNKNOWN:
        return own
    return BoundMethod(base, name)


def contents_of(run: Evaluator, row: ModelValue) -> Value:
    """`row.__dict__`: the columns, and what the mapper keeps of the row (django/db/models/base.py)."""
    state = _STATES.get(run.hub.classes.mapper(row.model) or "")
    if state is None:
        return UNKNOWN
    return Collection("dict", UNKNOWN, (Instance(state[1]),), (state[0],))


def _reached(reverse: Value, base: ModelValue, name: str) -> Value:
    """What a relation that another model declares gives for this row."""
    if isinstance(reverse, ModelValue):
        return ModelValue(reverse.model, derived(base.origin, name))
    return ManagerValue(reverse.model, related=base.origin) if isinstance(reverse, ManagerValue) else reverse


def derived(origin: Origin | None, name: str) -> Origin | None:
    """The origin of the row that a row's foreign key leads to."""
    return None if origin is None else Origin((*origin.key, name))


def related_model(run: Evaluator, call: ast.Call, owner: Class) -> Class | str | None:
    """The model that a foreign key's first argument names."""
    target = call.args[0] if call.args else keyword_of(call, "to")
    if target is None:
        return None
    return run.hub.model_reference(target, owner)


def of_task(run: Evaluator, base: TaskValue, name: str, node: ast.Attribute | None) -> Value:
    """An attribute of a task."""
    if name == "request":
        return TaskRequest()
    if name in ("name", "__name__"):
        return Scalar("str")
    if name in ("max_retries", "default_retry_delay"):
        return Scalar("int")
    if name in ("app", "_app"):
        return AppValue()
    if name == "MaxRetriesExceededError":
        return External(f"celery.exceptions.{name}")
    if not isinstance(base.task, str) and name not in TASK_METHODS:
        cls = run.hub.tasks.class_of(base.task)
        if cls is not None:
            function = run.hub.classes.function(cls, name)
            if function is not None:
                return property_or_method(run, function, Instance(cls))
            own = run.hub.instance_attribute(cls, name)
            if own != UNKNOWN:
                return own
    return BoundMethod(base, name) if name in TASK_METHODS else Field(base, name)


def of_request(run: Evaluator, base: HttpRequest, name: str, node: ast.Attribute | None) -> Value:
    """An attribute of a web request."""
    if name == "user":
        return ModelValue(run.hub.user_model, Origin(("request.user",)))
    if name in ("dbsession", "db_session"):
        return Instance("sqlalchemy.orm.Session")
    if name == "tm":
        return Instance(REQUEST_TRANSACTION)
    if name in (
        "GET",
        "POST",
        "data",
        "query_params",
        "session",
        "META",
        "COOKIES",
        "headers",
        "FILES",
        "body",
    ):
        return Instance(f"request.{name}")
    if name in ("method", "path", "content_type", "host", "remote_addr"):
        return Scalar("str")
    if name == "auser":  # django/contrib/auth/middleware.py
        return External("django.contrib.auth.aget_user")
    added = added_attribute(run.hub, name)
    return added if added != UNKNOWN else Field(base, name)


def of_super(run: Evaluator, base: Super, name: str, node: ast.Attribute | None) -> Value:
    """`super().name`."""
    function = run.hub.classes.function(base.cls, name, after=base.cls)
    if function is not None:
        return run.hub.bind(function, base.receiver)
    if isinstance(base.receiver, (ManagerValue, QuerySetValue)):
        return BoundMethod(base.receiver, name)
    known = run.hub.framework_attribute(base.receiver, name) if isinstance(base.receiver, Instance) else None
    if known is not None:
        return known
    return BoundMethod(base, name)


_ATTRIBUTES = ByKind(
    {
        External: of_external,
        ModuleValue: of_module,
        ClassValue: of_class,
        ModelValue: of_row,
        Instance: of_instance,
        ManagerValue: of_rows,
        QuerySetValue: of_rows,
        TaskValue: of_task,
        AppValue: of_app,
        SignatureValue: of_signature,
        CanvasValue: of_plain,
        ResultValue: of_result,
        HttpRequest: of_request,
        Super: of_super,
        TaskRequest: of_task_request,
        FunctionValue: of_function,
        Parameter: of_open,
        Field: of_open,
        Collection: of_container,
        Constant: of_plain,
        Scalar: of_plain,
        Content: of_plain,
        Atomic: of_plain,
        KeyValue: of_plain,
        CleanedData: of_plain,
    }
)
