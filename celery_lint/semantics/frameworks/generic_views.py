"""Which rows the generic views of Django and REST framework save, and by what names a view's code has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class
from celery_lint.semantics.frameworks import conventions, forms
from celery_lint.semantics.inference.values import (
    BoundMethod,
    FunctionValue,
    Instance,
    ModelValue,
    Origin,
    Super,
    Value,
)
from celery_lint.semantics.model import Call

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

_PACKAGES = ("django.views.", "rest_framework.")
# The methods that save or delete a row, and the hook through which they do so; None for those that do it themselves
# (django/views/generic/edit.py, rest_framework/mixins.py, rest_framework/generics.py).
_Saving = Mapping[str, "str | None"]
_MAKING: _Saving = {"form_valid": None, "post": "form_valid", "put": "form_valid"}
_EDITING: _Saving = dict(_MAKING)
_DELETING: _Saving = {"form_valid": None, "delete": None, "post": "form_valid"}
_CREATE: _Saving = {"perform_create": None, "create": "perform_create", "post": "perform_create"}
_UPDATE: _Saving = {
    "perform_update": None,
    **dict.fromkeys(("update", "partial_update", "put", "patch"), "perform_update"),
}
_DESTROY: _Saving = {"perform_destroy": None, "destroy": "perform_destroy", "delete": "perform_destroy"}
_CLASSES: Mapping[str, tuple[_Saving, ...]] = {
    "CreateView": (_MAKING,),
    "BaseCreateView": (_MAKING,),
    "UpdateView": (_EDITING,),
    "BaseUpdateView": (_EDITING,),
    "ModelFormMixin": ({"form_valid": None},),
    "DeleteView": (_DELETING,),
    "BaseDeleteView": (_DELETING,),
    "DeletionMixin": (_DELETING,),
    "CreateModelMixin": (_CREATE,),
    "CreateAPIView": (_CREATE,),
    "ListCreateAPIView": (_CREATE,),
    "UpdateModelMixin": (_UPDATE,),
    "UpdateAPIView": (_UPDATE,),
    "RetrieveUpdateAPIView": (_UPDATE,),
    "DestroyModelMixin": (_DESTROY,),
    "DestroyAPIView": (_DESTROY,),
    "RetrieveDestroyAPIView": (_DESTROY,),
    "RetrieveUpdateDestroyAPIView": (_UPDATE, _DESTROY),
    "ModelViewSet": (_CREATE, _UPDATE, _DESTROY),
}
_NAMES = frozenset(name for methods in _CLASSES.values() for saving in methods for name in saving)


def rows_saved(hub: Semantics, call: Call, callee: Value) -> tuple[Origin, ...]:
    """The rows that a view's method saves or deletes which the framework defines: each name of each."""
    if call.name not in _NAMES or not isinstance(callee, BoundMethod):
        return ()
    view = receiver_of(callee)
    saving = _saving(hub, view, call.name) if view is not None else None
    if view is None or saving is None or not _saves(hub, view, saving[call.name]):
        return ()
    found = list(_names(hub, call, view))
    if saving is not _MAKING and saving is not _CREATE:
        found += _results(call, "get_object", view)
    return tuple(dict.fromkeys(found))


def columns_saved(hub: Semantics, call: Call) -> frozenset[str]:
    """The columns that a form, a serializer or a view of the framework writes in a call, as far as they are listed."""
    for callee in call.callee.alternatives():
        holder = receiver_of(callee)
        if holder is None or not isinstance(holder.cls, Class):
            continue
        if forms.makes_row(hub, holder, call.name):
            return frozenset(forms.listed_fields(hub, holder.cls))
        if _saving(hub, holder, call.name) is not None:
            made = [conventions.class_of(hub, holder.cls, name) for name in ("form_class", "serializer_class")]
            listed = [name for cls in made if cls is not None for name in forms.listed_fields(hub, cls)]
            return frozenset(listed or forms.texts(hub.classes.attribute(holder.cls, "fields")))
    return frozenset()


def receiver_of(callee: Value) -> Instance | None:
    """The object that a method is called on, by `super()` too."""
    receiver = callee.receiver if isinstance(callee, (BoundMethod, FunctionValue)) else None
    if isinstance(receiver, Super):
        receiver = receiver.receiver
    return receiver if isinstance(receiver, Instance) else None


def row_held(hub: Semantics, value: Value) -> Origin | None:
    """The row that a form or serializer saves, or that a view is about."""
    for one in value.alternatives():
        if isinstance(one, Instance) and one.origin is not None and conventions.holds_row(hub, one):
            return one.origin
    return None


def _saving(hub: Semantics, view: Instance, name: str) -> _Saving | None:
    """The methods among which a view inherits one that saves."""
    cls = view.cls
    for path in hub.classes.lineage(cls).foreign if isinstance(cls, Class) else ():
        if path.startswith(_PACKAGES):
            for saving in _CLASSES.get(path.rpartition(".")[2], ()):
                if name in saving:
                    return saving
    return None


def _saves(hub: Semantics, view: Instance, hook: str | None) -> bool:
    """Whether the hook that a method writes through is the framework's own, or the project's saves what it is given."""
    own = hub.classes.function(view.cls, hook) if hook is not None and isinstance(view.cls, Class) else None
    return own is None or bool(hub.writes.written_parameters(own))


def _names(hub: Semantics, call: Call, view: Instance) -> Iterator[Origin]:
    """What the row is called: `self.object`, the argument, what a form given to the call saved before, the answer."""
    if view.origin is not None:
        yield view.origin
    for value in (*(a.value for a in call.args), call.result):
        for one in value.alternatives():
            held = one.origin if isinstance(one, ModelValue) else row_held(hub, one)
            if held is not None:
                yield held
            if isinstance(one, Instance) and one.origin is not None:
                yield from _results(call, "save", one)


def _results(call: Call, name: str, owner: Instance) -> Iterator[Origin]:
    """The rows that a method of an object gives anywhere in the function that makes the call."""
    for other in call.flow.calls:
        if other.name != name:
            continue
        for callee in other.callee.alternatives():
            receiver = receiver_of(callee)
            if receiver is not None and receiver.cls is owner.cls and receiver.origin == owner.origin:
                for one in other.result.alternatives():
                    if isinstance(one, ModelValue) and one.origin is not None:
                        yield one.origin


def answer(hub: Semantics, view: Instance, name: str, origin: Origin) -> Instance | None:
    """What a method of a view of REST framework answers with that saves a row: a response with the row's data."""
    saving = _saving(hub, view, name) if name in _NAMES else None
    if not isinstance(view.cls, Class) or saving not in (_CREATE, _UPDATE) or saving[name] is None:
        return None
    return Instance(conventions.RESPONSE, origin, conventions.view_model(hub, view.cls))
