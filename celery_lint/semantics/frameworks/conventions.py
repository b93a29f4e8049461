"""What Django, Django REST framework and other frameworks give to the code that they call."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class, Function
from celery_lint.semantics.frameworks.forms import (
    FORM,
    SERIALIZER,
    UPLOAD,
    is_form,
    is_form_class,
    is_serializer_class,
    makes_row,
    meta_model,
    row_given,
    saved,
)
from celery_lint.semantics.frameworks.signal_handlers import MODEL_SIGNALS, signals_of
from celery_lint.semantics.inference.values import (
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
from celery_lint.semantics.model import Argument

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics
    from celery_lint.semantics.inference.expressions import Evaluator

_AS_VIEW = "as_view"
MAPPED_ACTIONS = "mapped actions"
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
RESPONSE = "rest_framework.response.Response"
_DATA = "request.data"
_FILES = "request.FILES"
# A REST framework serializer's `context`.
_CONTEXT = "rest_framework.serializers.context"
_VIEW_NAME = re.compile(r"(View|ViewSet|APIView|Viewset|Endpoint|MethodView|Resource)$")
# Methods that the admin calls with a row, in mixins too (django/contrib/admin/options.py).
_ADMIN_HOOKS = frozenset({"save_model", "delete_model", "log_change", "log_addition"})
_ACTION = frozenset({External("django.contrib.admin.action"), External("django.contrib.admin.decorators.action")})
_DISPLAY = frozenset({"django.contrib.admin.display", "django.contrib.admin.decorators.display"})
# Methods that a generic view or a form calls with a bound serializer or form.
_SERIALIZER_HOOKS = frozenset({"perform_create", "perform_update"})
# The generic views that make their form of `model` and `fields` (django/views/generic/edit.py).
_MODEL_FORM_VIEWS = ("CreateView", "UpdateView", "ModelFormMixin")
_KEYS = frozenset({"pk", "id"})
QUERY_DICTS = frozenset({"request.GET", "request.POST", "request.query_params"})
# What goes over a QueryDict (django/utils/datastructures.py, class MultiValueDict).
_VIEWS = {"keys": "dict_keys", "values": "generator", "items": "generator", "lists": "generator"}


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


def is_mapped_action(hub: Semantics, function: Function) -> bool:
    """Whether URL patterns name a method of a viewset for a verb: `OrderViewSet.as_view({"post": "ship"})`."""
    return any(
        name == function.name and hub.classes.may_run(view, function)
        for filename in mapped_actions(hub).get(function.name, ())
        for view, name in _mappings(hub, filename)
    )


def mapped_actions(hub: Semantics) -> dict[str, tuple[str, ...]]:
    """The files that tell some `as_view()` of each method; Django's own takes no mapping."""

    def search() -> dict[str, tuple[str, ...]]:
        found: dict[str, dict[str, None]] = {}
        for filename in hub.project.mentioning(_AS_VIEW):
            for _, name in _mappings(hub, filename):
                found.setdefault(name, {})[filename] = None
        return {name: tuple(files) for name, files in found.items()}

    return hub.shared(MAPPED_ACTIONS, search, {})


def _mappings(hub: Semantics, filename: str) -> Sequence[tuple[Class, str]]:
    """The viewsets of a file's `as_view({...})`, each with the methods that the mapping names."""
    return hub.memo.get(("mappings", filename), lambda: tuple(_find_mappings(hub, filename)), ())


def _find_mappings(hub: Semantics, filename: str) -> Iterator[tuple[Class, str]]:
    module = hub.project.module_or_none(filename)
    if module is None:
        return
    for node in module.nodes_around((_AS_VIEW,)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == _AS_VIEW:
            view = hub.evaluate(node.func.value, module) if node.args else UNKNOWN
            mapping = hub.evaluate(node.args[0], module) if isinstance(view, ClassValue) else UNKNOWN
            if isinstance(view, ClassValue) and isinstance(mapping, Collection):
                for item in mapping.items or ():
                    if isinstance(item, Constant) and isinstance(item.value, str):
                        yield view.cls, item.value


def is_admin_class(hub: Semantics, cls: Class) -> bool:
    """Whether the class is a Django model admin."""
    return any(
        path.endswith(("ModelAdmin", "Admin", "UserAdmin", "InlineModelAdmin", "AdminMixin")) and "admin" in path
        for path in hub.classes.lineage(cls).foreign
    )


def is_shown_in_admin(hub: Semantics, function: Function, cls: Class) -> bool:
    """Whether a model admin's method gives a value that the admin's pages show."""
    for decorator in function.decorators:
        value = hub.evaluate(decorator.func if isinstance(decorator, ast.Call) else decorator, function.module)
        if isinstance(value, External) and value.path in _DISPLAY:
            return True
    shown = (hub.classes.attribute(cls, name) for name in ("list_display", "readonly_fields"))
    return any(isinstance(v, Collection) and Constant(function.name) in (v.items or ()) for v in shown)


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
    hub: Semantics, run: Evaluator, base: Instance, name: str, args: Sequence[Argument], node: ast.Call
) -> Value:
    """What a method that an instance inherits from a framework gives."""
    cls = base.cls
    if not isinstance(cls, Class):
        if cls == _FILES:
            upload = Instance(UPLOAD)
            return {"get": upload, "getlist": Collection("list", upload)}.get(name, UNKNOWN)
        if cls in QUERY_DICTS and name in _VIEWS:
            return Collection(_VIEWS[name], Scalar("str") if name == "keys" else UNKNOWN)
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


def holds_row(hub: Semantics, base: Instance) -> bool:
    """Whether an instance is about one row: a form, a serializer, a view, or what one of these gives."""
    cls = base.cls
    if isinstance(cls, str):
        return base.model is not None
    return is_view_class(hub, cls) or is_form_class(hub, cls) or is_serializer_class(hub, cls)


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
        if name == "obj" and (function.name in _ADMIN_HOOKS or is_admin_class(hub, cls)):
            model = admin_model(hub, cls)
            return ModelValue(model) if model is not None else None
        if name == "queryset" and is_admin_class(hub, cls):
            return QuerySetValue(admin_model(hub, cls))
        if name == "exception" and function.name == "process_exception":
            return Instance("builtins.Exception")  # django/core/handlers/base.py, `process_exception_by_middleware`
    if name == "queryset" and cls is None:
        acted_on = _model_of_action(hub, function)
        if acted_on is not None:
            return QuerySetValue(acted_on)
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


def _model_of_action(hub: Semantics, function: Function) -> Class | str | None:
    """The model of the rows for which the admin calls a function of a module; None where it is no such action."""
    if [a.arg for a in function.positional][1:] != ["request", "queryset"]:
        return None
    models = {admin_model(hub, cls) for cls in _admins_with(hub, function)}
    if len(models) == 1 and None not in models:
        return models.pop()
    called = (d.func if isinstance(d, ast.Call) else d for d in function.decorators)
    is_marked = any(hub.evaluate(one, function.module) in _ACTION for one in called)
    return "django.db.models.Model" if models or is_marked else None


def _admins_with(hub: Semantics, function: Function) -> Iterator[Class]:
    """The admin classes whose `actions` have a function."""
    for filename in hub.project.mentioning(function.name):
        module = hub.project.module_or_none(filename)
        for cls in module.classes if module is not None else ():
            if "actions" in cls.assigns and is_admin_class(hub, cls):
                actions = hub.classes.attribute(cls, "actions")
                if isinstance(actions, Collection) and any(
                    isinstance(one, FunctionValue) and one.function is function for one in actions.items or ()
                ):
                    yield cls


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
