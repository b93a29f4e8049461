"""Classes: their ancestors, members, and which of them are database models."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celery_lint.project.modules import AssignBinding, Class, Function
from celery_lint.semantics.values import UNKNOWN, BoundMethod, ClassValue, External, Value

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
        "sqlmodel.SQLModel",
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
    }
)
# Names in packages' `models` modules that are no models.
_NO_MODEL = re.compile(
    r"(Manager|QuerySet|Mixin|Field|Choices|Error|Exception|Form|Serializer|Enum|Meta)$|^[a-z_]|^[A-Z_0-9]+$"
)
_DJANGO_MODELS = "django.db.models."


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


class Classes:
    """Questions about classes of the project."""

    def __init__(self, hub: Semantics) -> None:
        self._hub = hub

    def bases(self, cls: Class) -> tuple[Class | str, ...]:
        """The direct bases that are known: classes of the project, or dotted names."""
        return self._hub.memo.get(("bases", cls), lambda: self._bases(cls), ())

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
                    found.append(value.receiver.cls)  # Manager.from_queryset(OrderQuerySet)
        return tuple(found)

    def ancestors(self, cls: Class) -> tuple[Class | str, ...]:
        """The class itself and all that it derives from, nearest first."""
        return self._hub.memo.get(("ancestors", cls), lambda: self._ancestors(cls), (cls,))

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

    def derives_from(self, cls: Class | str, paths: frozenset[str]) -> bool:
        """Whether a class is, or derives from, one of the dotted names."""
        if isinstance(cls, str):
            return cls in paths
        return any(isinstance(a, str) and a in paths for a in self.ancestors(cls))

    def inherits(self, cls: Class, other: Class) -> bool:
        """Whether `cls` is `other` or derives from it."""
        return any(a is other for a in self.ancestors(cls))

    def function(self, cls: Class, name: str, after: Class | None = None) -> Function | None:
        """The method that the class has under a name; with `after`, the next one behind that class."""
        seen = after is None
        for one in self.ancestors(cls):
            if isinstance(one, Class):
                if seen and name in one.functions:
                    return one.functions[name]
                if one is after:
                    seen = True
        return None

    def assignments(self, cls: Class, name: str) -> Iterator[tuple[Class, AssignBinding]]:
        """The class-level assignments of a name, the nearest class first."""
        for one in self.ancestors(cls):
            if isinstance(one, Class):
                for binding in reversed(one.assigns.get(name, ())):
                    yield one, binding

    def attribute(self, cls: Class, name: str) -> Value:
        """The value of a class-level assignment; UNKNOWN when there is none or it can't be told."""
        for owner, binding in self.assignments(cls, name):
            if binding.value is not None and binding.index is None:
                return self._hub.evaluate_in_class(binding.value, owner)
            return UNKNOWN
        return UNKNOWN

    def inner(self, cls: Class, name: str) -> Class | None:
        """A class defined inside the class or its ancestors: `Meta`."""
        for one in self.ancestors(cls):
            if isinstance(one, Class) and name in one.classes:
                return one.classes[name]
        return None

    def meta(self, cls: Class, name: str) -> Value:
        """An attribute of the class's `Meta`."""
        for one in self.ancestors(cls):
            if isinstance(one, Class) and "Meta" in one.classes:
                value = self.attribute(one.classes["Meta"], name)
                if value != UNKNOWN:
                    return value
        return UNKNOWN

    # Models

    def is_model(self, cls: Class | str) -> bool:
        """Whether instances of the class are rows of a database."""
        if isinstance(cls, str):
            return external_is_model(cls) or cls in self._hub.settings.model_bases
        return self._hub.memo.get(("is_model", cls), lambda: self._is_model(cls), False)

    def _is_model(self, cls: Class) -> bool:
        declared = self._hub.settings.model_bases
        for one in self.ancestors(cls):
            if isinstance(one, str):
                if one in declared or external_is_model(one):
                    return True
            else:
                if one.dotted in declared or "__tablename__" in one.assigns:
                    return True
                for assigns in one.assigns.values():
                    if any(self._is_django_field(b, one) for b in assigns):
                        return not cls.name.endswith(("Mixin", "Form", "Serializer"))
        return False

    def _is_django_field(self, binding: AssignBinding, owner: Class) -> bool:
        if not isinstance(binding.value, ast.Call):
            return False
        value = self._hub.evaluate(binding.value.func, owner.module)
        return (
            isinstance(value, External)
            and value.path.startswith(_DJANGO_MODELS)
            and value.path.endswith(("Field", "Key"))
        )

    def is_django_model(self, cls: Class | str) -> bool:
        """Whether the model is Django's: it has managers, and rows that commit with its transactions."""
        if isinstance(cls, str):
            return external_is_model(cls)
        return self.is_model(cls) and not any(
            isinstance(a, str)
            and a.startswith(
                (
                    "sqlalchemy",
                    "flask_sqlalchemy",
                    "sqlmodel",
                    "mongoengine",
                    "peewee",
                    "flask_mongoengine",
                    "tortoise",
                    "ormar",
                    "pony",
                )
            )
            for a in self.ancestors(cls)
        )

    def model_label(self, cls: Class | str) -> str:
        """How messages name a class."""
        return cls.rpartition(".")[2] if isinstance(cls, str) else cls.name

    def is_enum(self, cls: Class) -> bool:
        return any(isinstance(a, str) and (a.startswith("enum.") or a.endswith("Choices")) for a in self.ancestors(cls))
