"""Models by what refers to them: labels, names, relations from the other side, settings, managers."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class, Function, Module
from celery_lint.project.syntax import keyword_of, last_name, walk
from celery_lint.semantics.inference import relationships
from celery_lint.semantics.inference.values import (
    UNKNOWN,
    ClassValue,
    Constant,
    External,
    FunctionValue,
    Instance,
    ManagerValue,
    ModelValue,
    Origin,
    QuerySetValue,
    Value,
)

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# flask_login/login_manager.py, flask_login/utils.py
LOGIN_MANAGERS = ("flask_login.LoginManager", "flask_login.login_manager.LoginManager")

LOGGED_IN = frozenset({"flask_login.current_user", "flask_login.utils.current_user"})

DJANGO_USER = "django.contrib.auth.models.User"


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

    return hub.shared(RELATED_NAMES, search, {})


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
