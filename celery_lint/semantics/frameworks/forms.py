"""What forms and serializers are bound to, and the rows that they give."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class, Function
from celery_lint.semantics.inference.moments import DURATION
from celery_lint.semantics.inference.values import (
    UNKNOWN,
    ClassValue,
    Collection,
    Constant,
    External,
    Instance,
    ManagerValue,
    ModelValue,
    Origin,
    QuerySetValue,
    Value,
)
from celery_lint.semantics.model import Argument

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# What a generic view makes where its own form or serializer class is not known, and what it answers with.
FORM = "django.forms.models.ModelForm"

SERIALIZER = "rest_framework.serializers.ModelSerializer"

_FORMS = ("django.forms.ModelForm", "django.forms.models.ModelForm")

_SERIALIZER_METHODS = frozenset({"create", "update", "save", "validate", "to_representation", "to_internal_value"})


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
# Methods of a form or serializer that may make another dict of what it was given.
_CHECKS = ("clean", "validate", "to_internal_value", "run_validation", "validated_data", "cleaned_data")
UPLOAD = "django.core.files.uploadedfile.UploadedFile"
# Other fields whose cleaned value is no plain one.
_CLEANED = {"FileField": Instance(UPLOAD), "ImageField": Instance(UPLOAD), "DurationField": DURATION}


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


def cleaned_whole(hub: Semantics, cls: Class) -> Value:
    """A form's `cleaned_data` or a serializer's `validated_data` as the dict of the fields that are known by name.

    UNKNOWN where the class puts that dict together itself.
    """
    if any(hub.classes.function(cls, name) is not None for name in _CHECKS):
        return UNKNOWN
    declared = [
        name
        for name, (owner, binding) in hub.classes.lineage(cls).assigns.items()
        if isinstance(binding.value, ast.Call) and not _is_read_only(binding.value)
    ]
    names = [
        name
        for name in dict.fromkeys((*declared, *listed_fields(hub, cls)))
        if not any(hub.classes.function(cls, f"{verb}_{name}") is not None for verb in ("clean", "validate"))
    ]
    return Collection("dict", items=tuple(cleaned(hub, cls, name) for name in names), keys=tuple(names))


def listed_fields(hub: Semantics, cls: Class) -> Sequence[str]:
    """The columns that a form's or serializer's `Meta` lists by name and lets be written."""
    if hub.classes.meta(cls, "depth") != UNKNOWN or hub.classes.meta(cls, "extra_kwargs") != UNKNOWN:
        return ()
    read_only = texts(hub.classes.meta(cls, "read_only_fields"))
    return [name for name in texts(hub.classes.meta(cls, "fields")) if name not in read_only]


def texts(value: Value) -> Sequence[str]:
    """The texts of a list that is known whole."""
    items = value.items if isinstance(value, Collection) else None
    return [one.value for one in items or () if isinstance(one, Constant) and isinstance(one.value, str)]


def _is_read_only(field: ast.Call) -> bool:
    return any(k.arg == "read_only" for k in field.keywords)


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
