"""Whether a call of a row's own `save()` saves a row that the database has already."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING

from celery_lint.project.modules import Function
from celery_lint.semantics.inference.values import (
    BoundMethod,
    Constant,
    External,
    FunctionValue,
    ManagerValue,
    ModelValue,
    Origin,
    QuerySetValue,
)
from celery_lint.semantics.model import Call, FunctionFlow

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# What such a row says of itself in its own `save()` (django/db/models/base.py, `ModelState` and `from_db`).
_STORED: Mapping[str, bool] = {"self._state.adding": False, "self.pk": True, "self.id": True}
_TEXTS = frozenset({"_state", "pk", "id"})
# A copy is made of a row by taking these from it.
_IDENTITY = frozenset({"pk", "id", "adding"})
_LOOKUPS = ("get_object_or_404", "aget_object_or_404")
_NOTHING: Mapping[str, bool] = {}


def known_of_saved(hub: Semantics, call: Call, function: Function) -> Mapping[str, bool]:
    """What `self` is known to be in a model's `save()` that a call runs: expression to truth."""
    if function.name not in ("save", "asave") or function.cls is None or not function.mentions(_TEXTS):
        return _NOTHING
    if not hub.classes.is_django_model(function.cls):
        return _NOTHING
    return _STORED if _updates(call) or _is_stored(call) else _NOTHING


def _updates(call: Call) -> bool:
    """Whether the call names the columns: then no row is inserted (django/db/models/base.py, `save_table`)."""
    given = call.keyword("update_fields")
    return given is not None and all(one != Constant(None) for one in given.value.alternatives())


def _is_stored(call: Call) -> bool:
    """Whether the call's receiver is a row that the calling function has read or created."""
    rows = [c.receiver for c in call.callee.alternatives() if isinstance(c, FunctionValue)]
    if len(rows) < len(call.callee.alternatives()):
        return False
    return bool(rows) and all(
        isinstance(row, ModelValue) and row.origin is not None and _comes_from_database(row.origin, call)
        for row in rows
    )


def _comes_from_database(origin: Origin, call: Call) -> bool:
    flow = call.flow
    if origin.built or _is_copied(flow):
        return False
    if origin.created:
        return True
    source = origin.key[0]
    if len(origin.key) == 1 and isinstance(source, ast.expr) and _holds_rows(flow, source):
        return True
    return any(_looks_up(other, origin) for other in flow.calls if other.index < call.index)


def _holds_rows(flow: FunctionFlow, iterable: ast.expr) -> bool:
    """Whether what a loop goes over is a queryset."""
    return all(isinstance(one, (QuerySetValue, ManagerValue)) for one in flow.value(iterable).alternatives())


def _looks_up(call: Call, origin: Origin) -> bool:
    """Whether a call reads this row."""
    callee = call.callee
    reads = (isinstance(callee, BoundMethod) and isinstance(callee.receiver, (ManagerValue, QuerySetValue))) or (
        isinstance(callee, External) and callee.path.endswith(_LOOKUPS)
    )
    return reads and any(
        isinstance(one, ModelValue) and one.origin is not None and one.origin.key == origin.key
        for one in call.result.alternatives()
    )


def _is_copied(flow: FunctionFlow) -> bool:
    """Whether the function takes a key from a row, as for a copy: `row.pk = None`."""
    return any(store.target.attr in _IDENTITY for store in flow.stores)
