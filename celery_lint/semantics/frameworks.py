"""What Django, Django REST framework and other frameworks give to the code that they call."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import AssignBinding, Class, Function, Module
from celery_lint.project.syntax import keyword_of, last_name, walk
from celery_lint.semantics import relationships
from celery_lint.semantics.model import Argument
from celery_lint.semantics.values import (
    UNKNOWN,
    BoundMethod,
    ClassValue,
    CleanedData,
    Collection,
    Constant,
    External,
    Field,
    FunctionValue,
    HttpRequest,
    Instance,
    KeyValue,
    ManagerValue,
    ModelValue,
    Origin,
    QuerySetValue,
    Scalar,
    Value,
)

if TYPE_CHECKING:
    from celery_lint.semantics.flow import Interpreter
    from celery_lint.semantics.hub import Semantics

# flask_login/login_manager.py, flask_login/utils.py
LOGIN_MANAGERS = ("flask_login.LoginManager", "flask_login.login_manager.LoginManager")
LOGGED_IN = frozenset({"flask_login.current_user", "flask_login.utils.current_user"})
DJANGO_USER = "django.contrib.auth.models.User"
_VIEW_PACKAGES = (
    "django.views",
    "rest_framework",
    "django.contrib.auth.views",
    "rest_framework_extensions",
    "drf_",
    "flask.views",
    "flask_restful",
    "flask_smorest",
    "flask_appbuilder",
    "vanilla",
    "braces.views",
    "extra_views",
    "smartmin.views",
    "graphene_django",
    "ninja_extra",
    "oscar",
    "wagtail.admin.views",
)
# What a generic view makes where its own form or serializer class is not known, and what it answers with.
FORM = "django.forms.models.ModelForm"
SERIALIZER = "rest_framework.serializers.ModelSerializer"
RESPONSE = "rest_framework.response.Response"
_DATA = "request.data"
_FILES = "request.FILES"
UPLOAD = "django.core.files.uploadedfile.UploadedFile"
# A REST framework serializer's `context`.
_CONTEXT = "rest_framework.serializers.context"
_VIEW_NAME = re.compile(r"(View|ViewSet|APIView|Viewset|Endpoint|MethodView|Resource)$")
_FORMS = ("django.forms.ModelForm", "django.forms.models.ModelForm")
# django/db/models/signals.py; the value says whether the handler always runs inside a transaction.
MODEL_SIGNALS = {
    "pre_save": False,
    "post_save": False,
    "pre_delete": True,
    "post_delete": True,
    "m2m_changed": True,
    "pre_init": False,
    "post_init": False,
}
# Those that `manage.py migrate` sends.
COMMAND_SIGNALS = frozenset({"pre_migrate", "post_migrate"})
# What stands before the name of a signal that a worker or beat sends (celery/signals.py).
WORKER = "worker:"
# Celery sends these two where the task is sent.
PUBLISHING = frozenset({"before_task_publish", "after_task_publish"})
_SERIALIZER_METHODS = frozenset({"create", "update", "save", "validate", "to_representation", "to_internal_value"})
_DISPLAY = frozenset({"django.contrib.admin.display", "django.contrib.admin.decorators.display"})
# Methods that a generic view or a form calls with a bound serializer or form.
_SERIALIZER_HOOKS = frozenset({"perform_create", "perform_update"})
# The generic views that make their form of `model` and `fields` (django/views/generic/edit.py).
_MODEL_FORM_VIEWS = ("CreateView", "UpdateView", "ModelFormMixin")
_KEYS = frozenset({"pk", "id"})
_RECEIVER = frozenset({"django.dispatch.receiver", "django.dispatch.dispatcher.receiver"})
_CONNECT = frozenset({"connect"})


# Models


def model_by_label(hub: Semantics, label: str, near: Module | None) -> Class | str | None:
    """The model of `"app.Model"`, or of `"Model"` in the app of the module `near`."""
    app, _, name = label.rpartition(".")
    if not app and near is not None:
        found = hub.module_name(near, name)
        if isinstance(found, ClassValue):
            return found.cls
        if isinstance(found, External):
            return found.path
        app = near.package.rpartition(".")[2]
        if app == "models":
            app = near.package.split(".")[-2] if "." in near.package else ""
    for cls in classes_named(hub, name):
        if hub.classes.is_model(cls) and (
            not app
            or app.rpartition(".")[2].lower() in cls.module.filename.lower().replace("_", "").split("/")
            or app.rpartition(".")[2] in cls.module.filename.split("/")
        ):
            return cls
    if label in ("auth.User",):
        return DJANGO_USER
    if label in ("auth.Group", "auth.Permission"):
        return f"django.contrib.auth.models.{name}"
    # An app's label need not be its folder's name: a name that is there once is meant.
    models = [c for c in classes_named(hub, name) if hub.classes.is_model(c)]
    return models[0] if len(models) == 1 else None


def classes_named(hub: Semantics, name: str) -> tuple[Class, ...]:
    """The project's classes of a name, tests left out."""

    def search() -> tuple[Class, ...]:
        found = []
        for filename in hub.project.defining_class(name):
            module = hub.project.module_or_none(filename)
            if module is not None:
                found += [c for c in module.classes if c.name == name]
        return tuple(found)

    return hub.memo.get(("classes named", name), search, ())


def model_by_lower_name(hub: Semantics, name: str, near: Class) -> Class | str | None:
    """The model whose lower-case name is `name`, by preference one in the module of `near`."""
    for cls in near.module.classes:
        if cls.name.lower() == name and hub.classes.is_model(cls):
            return cls
    return None


# Django's `related_name="lines"`; `backref="lines"` and `backref=backref("lines", ...)` of peewee and SQLAlchemy.
_RELATED_NAME = re.compile(rb"(?:related_name|backref)\s*=\s*(?:(?:\w+\.)?backref\(\s*)?[\"']([A-Za-z_]\w*)[\"']")


RELATED_NAMES = "related names"


def related_names(hub: Semantics) -> dict[str, tuple[str, ...]]:
    """The files that declare each `related_name` or `backref`."""

    def search() -> dict[str, tuple[str, ...]]:
        found: dict[str, set[str]] = {}
        for filename in sorted({*hub.project.mentioning("related_name"), *hub.project.mentioning("backref")}):
            if "/migrations/" in filename:
                continue
            for name in _RELATED_NAME.findall(hub.project.read(filename)):
                found.setdefault(name.decode(), set()).add(filename)
        return {name: tuple(sorted(files)) for name, files in found.items()}

    return hub.shared(RELATED_NAMES, search)


def reverse_relation(hub: Semantics, model: Class, name: str) -> Value | None:
    """What a foreign key or relationship elsewhere with `related_name=name` or `backref=name` adds to a model."""
    for filename in related_names(hub).get(name, ()):
        module = hub.project.module_or_none(filename)
        for cls, call in _relations(hub, module).get(name, ()) if module is not None else ():
            kind = last_name(call.func)
            if kind in relationships.DECLARING:
                if relationships.is_target(hub, call, cls, model):
                    return relationships.backwards(hub, call, cls)
                continue
            target = call.args[0] if call.args else keyword_of(call, "to")
            found = hub.model_reference(target, cls) if target is not None else None
            if isinstance(found, Class) and hub.classes.inherits(model, found):
                if kind == "ForeignKeyField":
                    return QuerySetValue(cls)  # peewee's
                return ModelValue(cls) if kind.startswith("OneToOne") else ManagerValue(cls)
    return None


def _relations(hub: Semantics, module: Module) -> Mapping[str, Sequence[tuple[Class, ast.Call]]]:
    """The relations that a module's classes declare, by `related_name` or `backref`."""

    def search() -> dict[str, list[tuple[Class, ast.Call]]]:
        found: dict[str, list[tuple[Class, ast.Call]]] = {}
        for cls in module.classes:
            for bindings in cls.assigns.values():
                call = bindings[-1].value
                if not isinstance(call, ast.Call):
                    continue
                for keyword in call.keywords:
                    named = keyword.value if keyword.arg in ("related_name", "backref") else None
                    if isinstance(named, ast.Call) and named.args:
                        named = named.args[0]
                    if isinstance(named, ast.Constant):
                        found.setdefault(str(named.value), []).append((cls, call))
        return found

    return hub.memo.get(("relations", module), search, {})


def logged_in_user(hub: Semantics) -> Value:
    """The row that Flask-Login's `current_user` stands for: what the project's `user_loader` gives."""
    for filename in hub.project.mentioning("user_loader"):
        module = hub.project.module_or_none(filename)
        for function in module.functions if module is not None else ():
            if any(_is_user_loader(hub, decorator, function) for decorator in function.decorators):
                kinds = hub.returned(FunctionValue(function), 1).alternatives()
                models = {kind.model for kind in kinds if isinstance(kind, ModelValue)}
                if len(models) == 1:
                    return ModelValue(models.pop(), Origin(("current_user",)))
    return UNKNOWN


def _is_user_loader(hub: Semantics, decorator: ast.expr, function: Function) -> bool:
    if not (isinstance(decorator, ast.Attribute) and decorator.attr == "user_loader"):
        return False
    value = hub.evaluate(decorator.value, function.module)
    return isinstance(value, Instance) and value.cls in LOGIN_MANAGERS


def user_model(hub: Semantics) -> Class | str:
    """The project's AUTH_USER_MODEL."""
    for filename in hub.project.assigning("AUTH_USER_MODEL"):
        module = hub.project.module_or_none(filename)
        for binding in module.bindings.get("AUTH_USER_MODEL", ()) if module is not None else ():
            value = hub.evaluate(binding.value, module) if getattr(binding, "value", None) is not None else None  # type: ignore[union-attr,arg-type]
            if isinstance(value, Constant) and isinstance(value.value, str):
                found = model_by_label(hub, value.value, None)
                if found is not None:
                    return found
    return DJANGO_USER


def classes_using(hub: Semantics, module: Module) -> dict[str, list[Class]]:
    """A module's classes by the names in what they set by calls: `objects = Manager.from_queryset(Rows)()`."""

    def search() -> dict[str, list[Class]]:
        found: dict[str, list[Class]] = {}
        for cls in module.classes:
            calls = [b[-1].value for b in cls.assigns.values() if isinstance(b[-1].value, ast.Call)]
            for name in dict.fromkeys(n.id for n in walk(*calls) if isinstance(n, ast.Name)):
                found.setdefault(name, []).append(cls)
        return found

    return hub.memo.get(("classes using", module), search, {})


def managed_model(hub: Semantics, cls: Class) -> Value | None:
    """`self` in a method of a manager or a queryset class: a queryset of the model that uses it."""
    for one in hub.classes.ancestors(cls):
        if isinstance(one, str) and one.startswith("django.db.models") and one.endswith(("Manager", "QuerySet")):
            for other in classes_using(hub, cls.module).get(cls.name, ()):
                if hub.classes.is_model(other):
                    return (
                        QuerySetValue(other, "instances", cls) if one.endswith("QuerySet") else ManagerValue(other, cls)
                    )
            return QuerySetValue(None, "instances", cls) if one.endswith("QuerySet") else ManagerValue(None, cls)
    return None


# Views, forms, serializers, admin, signals


def is_view_class(hub: Semantics, cls: Class) -> bool:
    """Whether a web framework calls the class's methods for requests."""

    def decide() -> bool:
        for path in hub.classes.lineage(cls).foreign:
            if path.startswith(_VIEW_PACKAGES) or _VIEW_NAME.search(path):
                return not path.endswith(
                    (
                        "Serializer",
                        "Permission",
                        "Authentication",
                        "Pagination",
                        "Renderer",
                        "Parser",
                        "Field",
                        "Form",
                    )
                )
        return False

    return hub.memo.get(("view", cls), decide, False)


def is_admin_class(hub: Semantics, cls: Class) -> bool:
    """Whether the class is a Django model admin."""
    return any(
        path.endswith(("ModelAdmin", "Admin", "UserAdmin", "InlineModelAdmin", "AdminMixin")) and "admin" in path
        for path in hub.classes.lineage(cls).foreign
    )


def is_form_class(hub: Semantics, cls: Class) -> bool:
    """Whether the class is a model form."""
    return any(
        p in _FORMS or p.endswith("ModelForm") or p.startswith("django.contrib.auth.forms.")
        for p in hub.classes.lineage(cls).foreign
    )


def is_form(hub: Semantics, cls: Class) -> bool:
    """Whether the class is a form of Django's, of a model or not."""
    return is_form_class(hub, cls) or any(
        p.startswith("django.forms.") and p.endswith("Form") for p in hub.classes.lineage(cls).foreign
    )


def is_called_by_form(hub: Semantics, function: Function, cls: Class) -> bool:
    """Whether a form calls the method while it checks what it was given (django/forms/forms.py)."""
    if function.name != "clean" and not function.name.startswith("clean_"):
        return False
    return is_form(hub, cls)


def is_called_by_serializer(hub: Semantics, function: Function, cls: Class) -> bool:
    """Whether REST framework calls a method of a serializer or of a permission."""
    name = function.name
    if name in ("has_permission", "has_object_permission"):
        return any(p.startswith("rest_framework.permissions.") for p in hub.classes.lineage(cls).foreign)
    if name in _SERIALIZER_METHODS or name.startswith("validate_"):
        return is_serializer_class(hub, cls)
    if not name.startswith("get_") or not is_serializer_class(hub, cls):
        return False
    found = hub.classes.assignment(cls, name.removeprefix("get_"))
    field = found[1].value if found is not None else None
    if found is None or not isinstance(field, ast.Call):
        return False
    kind = hub.evaluate(field.func, found[0].module)
    return isinstance(kind, External) and kind.path.endswith(".SerializerMethodField")


def is_shown_in_admin(hub: Semantics, function: Function, cls: Class) -> bool:
    """Whether a model admin's method gives a value that the admin's pages show."""
    for decorator in function.decorators:
        value = hub.evaluate(decorator.func if isinstance(decorator, ast.Call) else decorator, function.module)
        if isinstance(value, External) and value.path in _DISPLAY:
            return True
    shown = (hub.classes.attribute(cls, name) for name in ("list_display", "readonly_fields"))
    return any(isinstance(v, Collection) and Constant(function.name) in (v.items or ()) for v in shown)


def is_serializer_class(hub: Semantics, cls: Class) -> bool:
    """Whether the class is a REST framework serializer."""
    return any("serializers" in p and p.endswith("Serializer") for p in hub.classes.lineage(cls).foreign)


def meta_model(hub: Semantics, cls: Class) -> Class | str | None:
    """The model that a form's or serializer's `Meta` names."""
    value = hub.classes.meta(cls, "model")
    if isinstance(value, ClassValue):
        return value.cls
    if isinstance(value, External) and hub.classes.is_model(value.path):
        return value.path
    return None


def view_model(hub: Semantics, cls: Class) -> Class | str | None:
    """The model of a generic view: from `model`, `queryset`, `get_queryset()` or the serializer."""
    for name in ("model", "queryset"):
        value = hub.classes.attribute(cls, name)
        if isinstance(value, ClassValue):
            return value.cls
        if isinstance(value, (QuerySetValue, ManagerValue)) and value.model is not None:
            return value.model
        if isinstance(value, External) and hub.classes.is_model(value.path):
            return value.path
    method = hub.classes.function(cls, "get_queryset")
    if method is not None:
        for _, value in hub.flow(method).returns:
            if isinstance(value, (QuerySetValue, ManagerValue)) and value.model is not None:
                return value.model
    for name in ("serializer_class", "form_class"):
        made = class_of(hub, cls, name)
        if made is not None:
            return meta_model(hub, made)
    return None


def class_of(hub: Semantics, cls: Class, name: str) -> Class | None:
    """A view's `serializer_class` or `form_class`: the attribute, or what its `get_...()` gives.

    Of several classes one stands for all where they have the same model.
    """
    classes = classes_of(hub, cls, name)
    if not classes or None in classes:
        return None
    return classes[0] if len({meta_model(hub, c) for c in classes if c is not None}) == 1 else None


def classes_of(hub: Semantics, cls: Class, name: str) -> list[Class | None]:
    """The classes that a view's `serializer_class` or `form_class` may be; None for one that is not known."""
    value = hub.classes.attribute(cls, name)
    if isinstance(value, ClassValue):
        return [value.cls]
    method = hub.classes.function(cls, f"get_{name}")
    kinds = [k for _, v in hub.flow(method).returns for k in v.alternatives()] if method is not None else []
    return [k.cls if isinstance(k, ClassValue) else None for k in kinds]


def attribute(hub: Semantics, base: Instance, name: str) -> Value | None:
    """What the framework adds to an instance of a project's class; None when it adds nothing of that name."""
    cls = base.cls
    assert isinstance(cls, Class)
    if name == "object" and is_view_class(hub, cls):
        model = view_model(hub, cls)
        return ModelValue(model, base.origin) if model is not None else UNKNOWN
    if name == "instance" and (is_form_class(hub, cls) or is_serializer_class(hub, cls)):
        model = meta_model(hub, cls)
        return ModelValue(model, base.origin) if model is not None else UNKNOWN
    if name in ("validated_data", "cleaned_data", "data", "initial_data") and (
        is_form(hub, cls) or is_serializer_class(hub, cls)
    ):
        if name in ("validated_data", "cleaned_data"):
            return CleanedData(cls)
        if name == "data" and is_serializer_class(hub, cls):
            return Instance(_DATA, base.origin, meta_model(hub, cls))
        return Instance(_DATA)
    if name == "object_list" and is_view_class(hub, cls):
        model = view_model(hub, cls)
        return QuerySetValue(model) if model is not None else None
    if name == "context" and is_serializer_class(hub, cls):
        return Instance(_CONTEXT)
    provided = {"get_object", "get_serializer", "get_queryset", "filter_queryset", "get_form", "save"}
    if name in provided and hub.classes.function(cls, name) is None:
        return BoundMethod(base, name)
    return None


def attribute_of_made(base: Instance, name: str) -> Value | None:
    """An attribute of what a generic view makes or answers with; None of anything else."""
    if base.cls not in (FORM, SERIALIZER, RESPONSE) or base.model is None:
        return None
    if name == "data" and base.cls != FORM:
        return Instance(_DATA, base.origin, base.model)
    if base.cls == RESPONSE:
        return None
    if name == "instance":
        return ModelValue(base.model, base.origin)
    return BoundMethod(base, name) if name == "save" else Field(base, name)


def result(
    hub: Semantics, run: Interpreter, base: Instance, name: str, args: Sequence[Argument], node: ast.Call
) -> Value:
    """What a method that an instance inherits from a framework gives."""
    cls = base.cls
    if not isinstance(cls, Class):
        if cls == _FILES:
            upload = Instance(UPLOAD)
            return {"get": upload, "getlist": Collection("list", upload)}.get(name, UNKNOWN)
        if name in ("get", "pop") and cls.startswith("request."):
            return item(hub, base, args[0].value) if args and base.model is not None else UNKNOWN
        if makes_row(hub, base, name):
            return saved(hub, base, args, node)
        if cls == _CONTEXT and name == "get" and args:
            return item(hub, base, args[0].value)
        if cls.startswith("datetime."):
            return (
                base
                if name in ("replace", "astimezone")
                else Scalar("str")
                if name in ("isoformat", "strftime")
                else UNKNOWN
            )
        return UNKNOWN
    if is_view_class(hub, cls):
        if name == "get_object":
            model = view_model(hub, cls)
            return ModelValue(model, run.row(node)) if model is not None else UNKNOWN
        if name == "get_queryset":
            return QuerySetValue(view_model(hub, cls))
        if name == "filter_queryset" and args:
            return args[0].value
        if name in ("get_serializer", "get_form"):
            made = class_of(hub, cls, "serializer_class" if name == "get_serializer" else "form_class")
            if made is not None:
                return Instance(made, row_given(hub, made, args) or run.row(node))
            return (form_of_view(hub, cls, run.row(node)) if name == "get_form" else None) or UNKNOWN
    return saved(hub, base, args, node) if makes_row(hub, base, name) else UNKNOWN


def saved(hub: Semantics, base: Instance, args: Sequence[Argument], node: ast.Call) -> Value:
    """The row that a form or serializer gives for its input."""
    model = row_model(hub, base)
    if model is None or any(a.keyword == "many" for a in args):
        return UNKNOWN
    is_put_off = leaves_unsaved(args)
    return ModelValue(model, Origin((node,), created=not is_put_off, built=is_put_off))


def leaves_unsaved(args: Sequence[Argument]) -> bool:
    """Whether a form's `save()` is told not to write: `commit=False`."""
    return any(a.keyword == "commit" and a.value == Constant(False) for a in args)


def row_given(hub: Semantics, cls: Class, args: Sequence[Argument]) -> Origin | None:
    """The row that a form or a serializer is made to change: `OrderSerializer(order, data=...)`."""
    first = args[0] if args and args[0].keyword is None and is_serializer_class(hub, cls) else None
    given = next((a for a in args if a.keyword == "instance"), first)
    if given is None or not (is_form_class(hub, cls) or is_serializer_class(hub, cls)):
        return None
    return given.value.origin if isinstance(given.value, ModelValue) else None


# Fields whose cleaned value is one row, or several (django/forms/models.py, rest_framework/relations.py).
_ROW_FIELDS = frozenset({"ModelChoiceField", "PrimaryKeyRelatedField", "SlugRelatedField", "HyperlinkedRelatedField"})
_ROWS_FIELDS = frozenset({"ModelMultipleChoiceField"})
# Other fields whose cleaned value is no plain one.
_CLEANED = {
    "FileField": Instance(UPLOAD),
    "ImageField": Instance(UPLOAD),
    "DurationField": Instance("datetime.timedelta"),
}


def cleaned(hub: Semantics, cls: Class, name: str) -> Value:
    """The value of one field of a form's `cleaned_data` or a serializer's `validated_data`."""
    assigned = hub.classes.assignment(cls, name)
    if assigned is not None:
        owner, binding = assigned
        call = binding.value
        if not isinstance(call, ast.Call):
            return UNKNOWN
        field = hub.evaluate(call.func, owner.module)
        kind = field.path.rpartition(".")[2] if isinstance(field, External) else ""
        if kind not in _ROW_FIELDS | _ROWS_FIELDS:
            return _CLEANED.get(kind, UNKNOWN)
        source = next((k.value for k in call.keywords if k.arg == "queryset"), call.args[0] if call.args else None)
        rows = hub.evaluate(source, owner.module) if source is not None else UNKNOWN
        if not isinstance(rows, (QuerySetValue, ManagerValue)) or rows.model is None:
            return UNKNOWN
        many = any(k.arg == "many" and isinstance(k.value, ast.Constant) and k.value.value for k in call.keywords)
        if kind in _ROWS_FIELDS:
            return QuerySetValue(rows.model)
        return Collection("list", ModelValue(rows.model)) if many else ModelValue(rows.model)
    model = meta_model(hub, cls)
    if not isinstance(model, Class):
        return UNKNOWN
    column = hub.row_attribute(model, name)
    if isinstance(column, ManagerValue):
        if is_form_class(hub, cls):
            return QuerySetValue(column.model)
        return Collection("list", ModelValue(column.model or "django.db.models.Model"))
    return column if isinstance(column, ModelValue) else UNKNOWN


def holds_row(hub: Semantics, base: Instance) -> bool:
    """Whether an instance is about one row: a form, a serializer, a view, or what one of these gives."""
    cls = base.cls
    if isinstance(cls, str):
        return base.model is not None
    return is_view_class(hub, cls) or is_form_class(hub, cls) or is_serializer_class(hub, cls)


def row_model(hub: Semantics, base: Instance) -> Class | str | None:
    """The model of the row that a form or serializer saves."""
    return base.model if isinstance(base.cls, str) else meta_model(hub, base.cls)


def makes_row(hub: Semantics, base: Instance, name: str) -> bool:
    """Whether a method that a form or serializer inherits saves a row and gives it."""
    cls = base.cls
    if isinstance(cls, str):
        return name == "save" and cls in (FORM, SERIALIZER) and base.model is not None
    if name == "save":
        return is_form_class(hub, cls) or is_serializer_class(hub, cls)
    return name in ("create", "update") and is_serializer_class(hub, cls)


def item(hub: Semantics, base: Instance, index: Value) -> Value:
    """What indexing an instance gives."""
    if base.cls in ("request.GET", "request.POST", "request.META", "request.COOKIES", "request.headers"):
        return Scalar("str")
    if base.cls == _DATA and base.model is not None and isinstance(index, Constant) and index.value in _KEYS:
        return KeyValue(str(index.value), base.model, base.origin)
    if base.cls == _FILES:
        return Instance(UPLOAD)
    if base.cls == _CONTEXT and index == Constant("request"):
        return HttpRequest()
    return UNKNOWN


def parameter(hub: Semantics, function: Function, name: str, is_first: bool) -> Value | None:
    """The kind of a parameter that a framework fills; None when no framework is known to."""
    if name == "request" and hub.tasks.of_function(function) is None:
        position = [a.arg for a in function.positional]
        if position[:1] == ["request"] or position[1:2] == ["request"]:
            return HttpRequest(by_name=True)
    cls = function.cls
    if cls is not None and function.parent is None:
        if is_given_form(hub, function, name):
            return form_given(hub, cls, function.name, Origin((name,)))
        if name == "instance" and function.name == "perform_destroy" and is_view_class(hub, cls):
            model = view_model(hub, cls)
            return ModelValue(model) if model is not None else None
        if name == "instance" and function.name == "update" and is_serializer_class(hub, cls):
            model = meta_model(hub, cls)
            return ModelValue(model) if model is not None else None
        if name == "obj" and function.name in ("save_model", "delete_model", "log_change", "log_addition"):
            model = admin_model(hub, cls)
            return ModelValue(model) if model is not None else None
        if name == "queryset" and is_admin_class(hub, cls):
            return QuerySetValue(admin_model(hub, cls))
    if name == "instance":
        found = signals_of(hub, function)
        models = {model for _, model in found if model is not None}
        if len(models) == 1:
            return ModelValue(models.pop())
        if any(signal in MODEL_SIGNALS for signal, _ in found):
            return ModelValue("django.db.models.Model")
    if "sender" in function.parameters and name != "sender":
        # `@receiver(paid, sender=Order) def handle(sender, order, **kwargs)`: the row is called after its model.
        senders = {model for _, model in signals_of(hub, function)}
        named = [model for model in senders if isinstance(model, Class) and snake_case(model.name) == name]
        if len(named) == 1:
            return ModelValue(named[0])
    return None


def is_given_form(hub: Semantics, function: Function, name: str) -> bool:
    """Whether a generic view gives a bound form or serializer to a method's parameter."""
    if function.cls is None or function.parent is not None or [a.arg for a in function.positional][1:2] != [name]:
        return False
    return (function.name == "form_valid" or function.name in _SERIALIZER_HOOKS) and is_view_class(hub, function.cls)


def form_given(hub: Semantics, cls: Class, hook: str, origin: Origin) -> Instance | None:
    """The form or serializer that a generic view gives to one of its hooks."""
    is_form = hook == "form_valid"
    made = class_of(hub, cls, "form_class" if is_form else "serializer_class")
    if made is not None:
        return Instance(made, origin)
    if is_form:
        return form_of_view(hub, cls, origin)
    if any(one is not None and meta_model(hub, one) is None for one in classes_of(hub, cls, "serializer_class")):
        return None  # one of several makes no row
    model = view_model(hub, cls)
    return Instance(SERIALIZER, origin, model) if model is not None else None


def form_of_view(hub: Semantics, cls: Class, origin: Origin) -> Instance | None:
    """The form that a generic view makes for its model."""
    names = (p.rpartition(".")[2] for p in hub.classes.lineage(cls).foreign if p.startswith("django.views."))
    model = view_model(hub, cls) if any(n.endswith(_MODEL_FORM_VIEWS) for n in names) else None
    return Instance(FORM, origin, model) if model is not None else None


def as_given(hub: Semantics, function: Function, name: str, declared: Value) -> Value:
    """A parameter as its annotation describes it, with what the framework is known to give for it."""
    if not isinstance(declared, (Instance, External)) or not is_given_form(hub, function, name):
        return declared
    if isinstance(declared, Instance) and isinstance(declared.cls, Class) and holds_row(hub, declared):
        return Instance(declared.cls, Origin((name,)))
    assert function.cls is not None
    return form_given(hub, function.cls, function.name, Origin((name,))) or declared


def snake_case(name: str) -> str:
    """`purchase_order` for `PurchaseOrder`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def admin_model(hub: Semantics, cls: Class) -> Class | str | None:
    """The model that an admin class is registered for in its own module."""
    for decorator in cls.node.decorator_list:
        if isinstance(decorator, ast.Call) and decorator.args:
            value = hub.evaluate(decorator.args[0], cls.module)
            if isinstance(value, ClassValue) and hub.classes.is_model(value.cls):
                return value.cls
    for node in cls.module.tree.body:
        call = node.value if isinstance(node, ast.Expr) else None
        if (
            isinstance(call, ast.Call)
            and len(call.args) == 2
            and isinstance(call.func, ast.Attribute)
            and call.func.attr == "register"
        ):
            admin = hub.evaluate(call.args[1], cls.module)
            if isinstance(admin, ClassValue) and admin.cls is cls:
                value = hub.evaluate(call.args[0], cls.module)
                if isinstance(value, ClassValue):
                    return value.cls
                if isinstance(value, External):
                    return value.path
    return None


SignalUse = tuple[str, "Class | str | None"]


def signals_of(hub: Semantics, function: Function) -> tuple[SignalUse, ...]:
    """The signals that a function handles, each with the sender's model where it is known.

    A signal of the project's own, or of another package, counts by its name, with `custom:`
    or, for those of a Celery worker, `worker:` before it.
    """
    return hub.memo.get(("signals", function), lambda: tuple(_signals_of(hub, function)), ())


def _signals_of(hub: Semantics, function: Function) -> Iterator[SignalUse]:
    for decorator in function.decorators:
        yield from _signals_by_decorator(hub, decorator, function)
    if "sender" not in function.parameters or is_test_file(function.module.filename):
        return
    if function.parent is not None:
        if function.parent.mentions(_CONNECT):
            yield from _signals_connected(hub, walk(function.parent.node), function, function.module)
        return
    connecting = frozenset(hub.project.mentioning("connect"))
    for filename in hub.project.mentioning(function.name):
        module = hub.project.module_or_none(filename) if filename in connecting else None
        if module is not None:
            yield from _signals_connected(hub, module.nodes_around(_CONNECT), function, module)


def _signals_by_decorator(hub: Semantics, decorator: ast.expr, function: Function) -> Iterator[SignalUse]:
    module = function.module
    if isinstance(decorator, ast.Attribute) and decorator.attr == "connect":
        yield from _signal(hub, decorator.value, None, module)  # blinker's own form
    if isinstance(decorator, ast.Name):
        decorator = stored_call(module, decorator.id) or decorator
    call = decorator if isinstance(decorator, ast.Call) else None
    value = hub.evaluate(decorator if call is None else call.func, module)
    if isinstance(value, FunctionValue):
        yield from _signals_by_own_decorator(hub, value.function, call, module)
    elif call is not None:
        sender = keyword_of(call, "sender")
        if isinstance(value, External) and value.path in _RECEIVER:
            signal = call.args[0] if call.args else keyword_of(call, "signal")
            for node in signal.elts if isinstance(signal, (ast.List, ast.Tuple)) else [signal]:
                if node is not None:
                    yield from _signal(hub, node, sender, module)
        elif isinstance(call.func, ast.Attribute) and call.func.attr in ("connect", "connect_via"):
            yield from _signal(hub, call.func.value, sender, module)


def _signals_by_own_decorator(
    hub: Semantics, maker: Function, call: ast.Call | None, module: Module
) -> Iterator[SignalUse]:
    """The signals to which a decorator of the project connects the function that it is given.

    With `call`, the decorator is what a call of `maker` in a module returns; otherwise `maker` itself.
    """
    if not maker.mentions(_CONNECT):
        return
    inner = [n for n in maker.body if isinstance(n, ast.FunctionDef)] if call is not None else [maker.node]
    decorated = {n.args.args[0].arg for n in inner if n.args.args}
    rebound = {n.id for n in walk(maker.node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for name in sorted(decorated - rebound):
        for node, _, signal in connections(walk(maker.node), name):
            given = argument_of(signal, maker, call)
            sender = keyword_of(node, "sender")
            model = argument_of(sender, maker, call) if sender is not None else None
            source = maker.module if given is None else module
            for signal_name, found in _signal(hub, given or signal, None if model else sender, source):
                sent_by = found if model is None else sender_model(hub, model, module)
                yield signal_name, sent_by


def argument_of(node: ast.expr, function: Function, call: ast.Call | None) -> ast.expr | None:
    """What a call gives for a parameter of a function that an expression names; None when it names none."""
    if call is None or not isinstance(node, ast.Name):
        return None
    names = [a.arg for a in function.positional]
    at = names.index(node.id) if node.id in names else len(call.args)
    return call.args[at] if at < len(call.args) else keyword_of(call, node.id)


def stored_call(module: Module, name: str) -> ast.Call | None:
    """The call in `name = call(...)`, when a module binds the name only there."""
    bindings = module.bindings.get(name, ())
    binding = bindings[0] if len(bindings) == 1 else None
    value = binding.value if isinstance(binding, AssignBinding) and binding.index is None else None
    return value if isinstance(value, ast.Call) else None


def _signals_connected(
    hub: Semantics, nodes: Iterable[ast.AST], function: Function, module: Module
) -> Iterator[SignalUse]:
    """The signals to which calls among some nodes connect a function."""
    for node, handler, signal in connections(nodes, function.name):
        # In the function around it a nested function's name means that function.
        if function.parent is not None or handles(hub, handler, function, module):
            yield from _signal(hub, signal, keyword_of(node, "sender"), module)


def connections(nodes: Iterable[ast.AST], name: str) -> Iterator[tuple[ast.Call, ast.expr, ast.expr]]:
    """The calls `signal.connect(handler, ...)` among some nodes for handlers of a name: each with handler and signal.

    `for signal in (post_save, post_delete): signal.connect(handler)` is one for each of the signals.
    """
    loops: list[ast.For] = []
    for node in nodes:
        if isinstance(node, ast.For):
            loops.append(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "connect":
            handler = node.args[0] if node.args else keyword_of(node, "receiver")
            if handler is None or last_name(handler) != name:
                continue
            for signal in looped_over(node.func.value, node, loops):
                yield node, handler, signal


def looped_over(node: ast.expr, inside: ast.AST, loops: Sequence[ast.For]) -> Sequence[ast.expr]:
    """What a variable of a loop over a literal is in turn; an expression itself, when it is no such variable."""
    for loop in loops:
        if isinstance(node, ast.Name) and isinstance(loop.target, ast.Name) and loop.target.id == node.id:
            if isinstance(loop.iter, (ast.Tuple, ast.List)) and any(n is inside for n in walk(*loop.body)):
                return loop.iter.elts
    return [node]


def handles(hub: Semantics, handler: ast.expr, function: Function, module: Module) -> bool:
    """Whether a connected handler is the function; imports inside `ready()` are followed."""
    value = hub.evaluate(handler, module)
    if isinstance(value, FunctionValue):
        return value.function is function
    if module is function.module:
        return value == UNKNOWN
    tail = function.module.name.rpartition(".")[2]
    return value == UNKNOWN and tail.encode() in hub.project.read(module.filename)


def _signal(hub: Semantics, node: ast.expr, sender: ast.expr | None, module: Module) -> Iterator[SignalUse]:
    value = hub.evaluate(node, module)
    name = last_name(node)
    if isinstance(value, External):
        name = value.path.rpartition(".")[2]
    if not name:
        return
    is_djangos = value.path.startswith("django.") if isinstance(value, External) else name in MODEL_SIGNALS
    if isinstance(value, External) and value.path.startswith("celery.signals.") and name not in PUBLISHING:
        name = f"{WORKER}{name}"
    elif not is_djangos:
        name = f"custom:{name}"
    yield name, sender_model(hub, sender, module) if sender is not None else None


def sender_model(hub: Semantics, sender: ast.expr, module: Module) -> Class | str | None:
    """The model that a signal's `sender` names: a class, a label, `apps.get_model("app", "Model")`."""
    if isinstance(sender, ast.Attribute) and sender.attr == "AUTH_USER_MODEL":
        return hub.user_model
    found = hub.evaluate(sender, module)
    if isinstance(found, ClassValue) and hub.classes.is_model(found.cls):
        return found.cls
    if isinstance(found, External) and hub.classes.is_model(found.path):
        return found.path
    if isinstance(found, Constant) and isinstance(found.value, str):
        return model_by_label(hub, found.value, None)
    label = sender.args if isinstance(sender, ast.Call) else []
    if len(label) == 2 and all(isinstance(a, ast.Constant) for a in label):
        text = ".".join(str(a.value) for a in label if isinstance(a, ast.Constant))
        return model_by_label(hub, text, None)
    return None
