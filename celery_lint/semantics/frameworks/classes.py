"""Classes: their ancestors, members, and which of them are database models."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from celery_lint.project.modules import AssignBinding, Class, Function
from celery_lint.project.syntax import keyword_of, last_name
from celery_lint.records import record
from celery_lint.semantics.inference.packages import SQLMODEL
from celery_lint.semantics.inference.values import (
    UNKNOWN,
    BoundMethod,
    ClassValue,
    External,
    Instance,
    KeyValue,
    ManagerValue,
    ModelValue,
    QuerySetValue,
    Value,
)

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# Roots of the object-relational mappers. A class below one of them is a model.
MODEL_ROOTS = frozenset(
    {
        "django.db.models.Model",
        "django.db.models.base.Model",
        "django.contrib.gis.db.models.Model",
        "django.contrib.auth.base_user.AbstractBaseUser",
        "sqlalchemy.orm.DeclarativeBase",
        "sqlalchemy.orm.DeclarativeBaseNoMeta",
        "sqlalchemy.orm.MappedAsDataclass",
        "sqlalchemy.orm.declarative_base()",
        "sqlalchemy.ext.declarative.declarative_base()",
        "sqlalchemy.ext.automap.automap_base()",
        "sqlalchemy.orm.registry().generate_base()",
        "flask_sqlalchemy.SQLAlchemy().Model",
        "flask_sqlalchemy.model.Model",
        *SQLMODEL,
        "mongoengine.Document",
        "mongoengine.document.Document",
        "flask_mongoengine.MongoEngine().Document",
        "peewee.Model",
        "tortoise.models.Model",
        "mptt.models.MPTTModel",
        "polymorphic.models.PolymorphicModel",
        "parler.models.TranslatableModel",
        "model_utils.models.TimeStampedModel",
        "ormar.Model",
        "pony.orm.Database().Entity",
        "beanie.Document",
        "beanie.odm.documents.Document",
    }
)
# Names in packages' `models` modules that are no models.
_NO_MODEL = re.compile(
    r"(Manager|QuerySet|Mixin|Field|Choices|Error|Exception|Form|Serializer|Enum|Meta)$|^[a-z_]|^[A-Z_0-9]+$"
)
Mapper = Literal["django", "sqlalchemy", "other"]
"""Which object-relational mapper a model belongs to."""
# By how the names of the packages begin that have models of theirs.
_MAPPERS: Mapping[Mapper, tuple[str, ...]] = {
    "sqlalchemy": ("sqlalchemy", "flask_sqlalchemy", "sqlmodel"),
    "other": ("mongoengine", "peewee", "flask_mongoengine", "tortoise", "ormar", "pony", "beanie"),
    "django": ("django", "mptt.", "polymorphic.", "parler.", "model_utils."),
}
# What SQLAlchemy's declarative models are made by, besides a base class (sqlalchemy/orm/decl_api.py).
_MAPPING_DECORATORS = frozenset(
    f"sqlalchemy.{module}.{name}"
    for module in ("orm", "orm.decl_api", "ext.declarative")
    for name in ("as_declarative", "mapped_as_dataclass")
)
_REGISTRY = "sqlalchemy.orm.registry"
_REGISTRY_DECORATORS = frozenset({"mapped", "mapped_as_dataclass", "as_declarative_base"})
_DJANGO_MODELS = "django.db.models."
_ROW_BASES = frozenset({"django.db.models.Model", "django.db.models.base.Model"})
# django/contrib/auth/base_user.py, models.py: what User and a project's own user model derive from.
_USER_BASES = frozenset(
    {
        "django.contrib.auth.models.AbstractUser",
        "django.contrib.auth.models.AbstractBaseUser",
        "django.contrib.auth.base_user.AbstractBaseUser",
    }
)
_MANAGER = "django.db.models.Manager"
_SUPER = frozenset({"super"})
_MANY_FILES = 60


@lru_cache(maxsize=4096)
def external_is_model(path: str) -> bool:
    """Whether a dotted name of another package names a Django model.

    By Django's convention models live in a module called `models`
    (docs: topics/db/models.html); names that say otherwise are left out.
    """
    if path in MODEL_ROOTS:
        return True
    module, _, name = path.rpartition(".")
    if module.startswith((_DJANGO_MODELS[:-1], "django.contrib.gis.db")):
        return False
    segments = module.split(".")
    if segments[0] in (
        "stripe",
        "google",
        "googleapiclient",
        "boto3",
        "botocore",
        "openai",
        "requests",
        "pydantic",
        "transformers",
        "torch",
        "keras",
        "azure",
        "docker",
        "gensim",
    ):
        return False
    return "models" in segments[1:] and not _NO_MODEL.search(name)


@record()
class Lineage:
    """What a class has, all that it derives from taken together."""

    classes: tuple[Class, ...]
    """The class itself and its ancestors in the project, nearest first."""
    foreign: tuple[str, ...]
    """Its ancestors in other packages."""
    functions: Mapping[str, Function]
    """The methods by name, each from the nearest class that has it."""
    assigns: Mapping[str, tuple[Class, AssignBinding]]
    """The class-level assignments by name, and the class that each stands in."""
    is_enum: bool
    mapper: Mapper | None
    """The mapper that its ancestors or its table tell of."""


class Classes:
    """Questions about classes of the project."""

    def __init__(self, hub: Semantics) -> None:
        self._hub = hub

    def bases(self, cls: Class) -> tuple[Class | str, ...]:
        """The direct bases that are known: classes of the project, or dotted names."""
        return self._hub.memo.get(("bases", cls), self._bases, (), cls)

    def _bases(self, cls: Class) -> tuple[Class | str, ...]:
        found: list[Class | str] = []
        for node in cls.node.bases:
            if isinstance(node, ast.Subscript):  # Generic[T], Manager["Order"]
                node = node.value
            for value in self._hub.evaluate(node, cls.module).alternatives():
                if isinstance(value, ClassValue) and value.cls is not cls:
                    found.append(value.cls)
                elif isinstance(value, External):
                    found.append(value.path)
                elif isinstance(value, BoundMethod) and isinstance(value.receiver, ClassValue):
                    # Manager.from_queryset(OrderQuerySet): what the manager has itself comes first
                    found += [*self._managers(node, cls), value.receiver.cls]
        return tuple(found)

    def _managers(self, node: ast.expr, cls: Class) -> Iterator[Class | str]:
        """The manager class in a base `Manager.from_queryset(...)`; Django's own where the base is only a name."""
        func = node.func if isinstance(node, ast.Call) else None
        value = self._hub.evaluate(func.value, cls.module) if isinstance(func, ast.Attribute) else UNKNOWN
        yield value.cls if isinstance(value, ClassValue) else _MANAGER

    def ancestors(self, cls: Class) -> tuple[Class | str, ...]:
        """The class itself and all that it derives from, nearest first."""
        return self._hub.memo.get(("ancestors", cls), self._ancestors, (cls,), cls)

    def _ancestors(self, cls: Class) -> tuple[Class | str, ...]:
        # Depth first, a shared ancestor after all that derive from it: what C3 gives in all but odd cases.
        order: list[Class | str] = []
        for base in (cls, *self.bases(cls)):
            line = (base,) if base is cls or isinstance(base, str) else self.ancestors(base)
            for one in line:
                if one in order:
                    order.remove(one)
                order.append(one)
        return tuple(order)

    def lineage(self, cls: Class) -> Lineage:
        """What a class and its ancestors have."""
        found = self._hub.memo.get(("lineage", cls), self._lineage, None, cls)
        return found if found is not None else lineage_of((cls,))

    def _lineage(self, cls: Class) -> Lineage:
        return lineage_of(self.ancestors(cls))

    def derives_from(self, cls: Class | str, paths: frozenset[str]) -> bool:
        """Whether a class is, or derives from, one of the dotted names."""
        if isinstance(cls, str):
            return cls in paths
        return not paths.isdisjoint(self.lineage(cls).foreign)

    def has_foreign_base(self, cls: Class | str, path: str) -> bool:
        """Whether a class is, or derives from, one of another package, also by way of that package's own classes."""
        names = (cls,) if isinstance(cls, str) else self.lineage(cls).foreign
        if path in names:
            return True
        if path in _USER_BASES:
            return any(name.startswith("django.contrib.auth.") for name in names)
        return path in _ROW_BASES and self.is_django_model(cls)

    def inherits(self, cls: Class, other: Class) -> bool:
        """Whether `cls` is `other` or derives from it."""
        return cls is other or other in self.lineage(cls).classes

    def heirs(self, cls: Class) -> tuple[Class, ...]:
        """The classes, tests left out, that name the class as a base; none where its name is all over the project."""
        return self._hub.memo.get(("heirs", cls), self._heirs, (), cls)

    def _heirs(self, cls: Class) -> tuple[Class, ...]:
        files = self._hub.project.mentioning(cls.name)
        modules = [self._hub.project.module_or_none(f) for f in files] if len(files) <= _MANY_FILES else []
        classes = [one for module in modules if module is not None for one in module.classes]
        return tuple(one for one in classes if one.node.bases and cls in self.bases(one))

    def may_run(self, cls: Class, function: Function) -> bool:
        """Whether a call of a method on an instance may come to one that the class inherits, by `super()` too."""
        for one in self.lineage(cls).classes:
            found = one.functions.get(function.name)
            if found is function:
                return True
            if found is not None and not found.mentions(_SUPER):
                return False
        return False

    def function(self, cls: Class, name: str, after: Class | None = None) -> Function | None:
        """The method that the class has under a name; with `after`, the next one behind that class."""
        lineage = self.lineage(cls)
        if after is None:
            return lineage.functions.get(name)
        behind = lineage.classes[lineage.classes.index(after) + 1 :] if after in lineage.classes else ()
        return next((one.functions[name] for one in behind if name in one.functions), None)

    def assignment(self, cls: Class, name: str) -> tuple[Class, AssignBinding] | None:
        """The class-level assignment of a name, the last one of the nearest class, and that class."""
        return self.lineage(cls).assigns.get(name)

    def attribute(self, cls: Class, name: str) -> Value:
        """The value of a class-level assignment; UNKNOWN when there is none or it can't be told."""
        found = self.assignment(cls, name)
        if found is None or found[1].value is None or found[1].index is not None:
            return UNKNOWN
        return self._hub.evaluate_in_class(found[1].value, found[0])

    def inner(self, cls: Class, name: str) -> Class | None:
        """A class defined inside the class or its ancestors: `Meta`."""
        for one in self.lineage(cls).classes:
            if name in one.classes:
                return one.classes[name]
        return None

    def meta(self, cls: Class, name: str) -> Value:
        """An attribute of the class's `Meta`."""
        for one in self.lineage(cls).classes:
            if "Meta" in one.classes:
                value = self.attribute(one.classes["Meta"], name)
                if value != UNKNOWN:
                    return value
        return UNKNOWN

    # Models

    def is_model(self, cls: Class | str) -> bool:
        """Whether instances of the class are rows of a database."""
        if isinstance(cls, str):
            return external_is_model(cls) or cls in self._hub.settings.model_bases
        return self._hub.memo.get(("is_model", cls), self._is_model, False, cls)

    def _is_model(self, cls: Class) -> bool:
        declared = self._hub.settings.model_bases
        for one in self.ancestors(cls):
            if isinstance(one, str):
                if one in declared or external_is_model(one):
                    return one not in SQLMODEL or one in declared or self._is_table(cls)
            else:
                if one.dotted in declared or names_table(one) or self._is_mapped(one):
                    return True
                for assigns in one.assigns.values():
                    if any(self._is_django_field(b, one) for b in assigns):
                        return not cls.name.endswith(("Mixin", "Form", "Serializer"))
        return False

    def _is_table(self, cls: Class) -> bool:
        """Whether a class of SQLModel's, or one that derives from it, has a table; others are schemas."""
        is_declared = any(
            k.arg == "table" and isinstance(k.value, ast.Constant) and k.value.value is True
            for one in self.lineage(cls).classes
            for k in one.node.keywords
        )
        return is_declared or any(self.is_model(heir) for heir in self.heirs(cls))

    def _is_django_field(self, binding: AssignBinding, owner: Class) -> bool:
        if not isinstance(binding.value, ast.Call):
            return False
        value = self._hub.evaluate(binding.value.func, owner.module)
        return (
            isinstance(value, External)
            and value.path.startswith(_DJANGO_MODELS)
            and value.path.endswith(("Field", "Key"))
        )

    def _is_mapped(self, cls: Class) -> bool:
        """Whether a decorator of SQLAlchemy's makes the class a model, or a base of models."""
        for decorator in cls.node.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            for value in self._hub.evaluate(called, cls.module).alternatives():
                if isinstance(value, External) and value.path in _MAPPING_DECORATORS:
                    return True
                if isinstance(value, BoundMethod) and value.name in _REGISTRY_DECORATORS:
                    if isinstance(value.receiver, Instance) and value.receiver.cls == _REGISTRY:
                        return True
        return False

    def mapper(self, cls: Class | str) -> Mapper | None:
        """The mapper that a model belongs to; None for a class that is no model."""
        if isinstance(cls, str):
            return (mapper_of_path(cls) or self._usual_mapper()) if self.is_model(cls) else None
        return self._hub.memo.get(("mapper", cls), self._mapper, None, cls)

    def _mapper(self, cls: Class) -> Mapper | None:
        if not self.is_model(cls):
            return None
        lineage = self.lineage(cls)
        if lineage.mapper is not None:
            return lineage.mapper
        return "sqlalchemy" if any(map(self._is_mapped, lineage.classes)) else self._usual_mapper()

    def _usual_mapper(self) -> Mapper:
        """The mapper of models that no name tells of: Django's, in a project that has anything of Django's."""
        return "django" if self._hub.uses_django else "other"

    def is_django_model(self, cls: Class | str) -> bool:
        """Whether the model is Django's: it has managers, and rows that commit with its transactions."""
        return self.mapper(cls) == "django"

    def column_kind(self, key: KeyValue) -> str:
        """The name of the field class behind a column's value; empty where it can't be told."""
        binding = self._column(key)
        call = binding.value if binding is not None else None
        return last_name(call.func) if isinstance(call, ast.Call) else ""

    def is_primary_key(self, key: KeyValue) -> bool:
        """Whether a column is declared as its table's primary key."""
        binding = self._column(key)
        return binding is not None and _is_primary_key(binding)

    def _column(self, key: KeyValue) -> AssignBinding | None:
        if not isinstance(key.model, Class):
            return None
        assigns = self.lineage(key.model).assigns
        found = assigns.get(key.column)
        if found is None and key.column == "pk":
            found = next((one for one in assigns.values() if _is_primary_key(one[1])), None)
        return found[1] if found is not None else None

    def model_label(self, cls: Class | str) -> str:
        """How messages name a class."""
        return cls.rpartition(".")[2] if isinstance(cls, str) else cls.name

    def is_enum(self, cls: Class) -> bool:
        return self.lineage(cls).is_enum


def lineage_of(ancestors: Sequence[Class | str]) -> Lineage:
    """What a class has whose ancestors, itself included, are these."""
    classes = tuple(a for a in ancestors if isinstance(a, Class))
    foreign = tuple(a for a in ancestors if isinstance(a, str))
    functions: dict[str, Function] = {}
    assigns: dict[str, tuple[Class, AssignBinding]] = {}
    for one in reversed(classes):
        functions.update(one.functions)
        assigns.update({name: (one, bindings[-1]) for name, bindings in one.assigns.items()})
    return Lineage(
        classes,
        foreign,
        functions,
        assigns,
        is_enum=any(path.startswith("enum.") or path.endswith("Choices") for path in foreign),
        mapper=_mapper_in(classes, foreign),
    )


def _is_primary_key(binding: AssignBinding) -> bool:
    given = keyword_of(binding.value, "primary_key") if isinstance(binding.value, ast.Call) else None
    return isinstance(given, ast.Constant) and given.value is True


def names_table(cls: Class) -> bool:
    """Whether a class names its table as SQLAlchemy's models do: by an attribute or a declared one."""
    return "__tablename__" in cls.assigns or "__tablename__" in cls.functions


def mapper_of_path(path: str) -> Mapper | None:
    """The mapper that a base class of another package belongs to by its name."""
    return next((mapper for mapper, packages in _MAPPERS.items() if path.startswith(packages)), None)


def _mapper_in(classes: Sequence[Class], foreign: Sequence[str]) -> Mapper | None:
    """The mapper that a class's ancestors tell of; another's than Django's decides, as its own may stand beside it."""
    if any(map(names_table, classes)):
        return "sqlalchemy"
    found = {mapper_of_path(path) for path in foreign}
    return next((mapper for mapper in _MAPPERS if mapper in found), None)


def model_of(value: Value) -> Class | str | None:
    """The model that a class, a manager, a queryset or a row belongs to."""
    if isinstance(value, ClassValue):
        return value.cls
    if isinstance(value, External) and external_is_model(value.path):
        return value.path
    if isinstance(value, (ManagerValue, QuerySetValue, ModelValue)):
        return value.model
    return None
