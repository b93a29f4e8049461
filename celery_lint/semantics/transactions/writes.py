"""Which calls change the database, and which row they change."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class, Function
from celery_lint.semantics.frameworks import conventions, forms, generic_views
from celery_lint.semantics.inference.packages import SESSIONS
from celery_lint.semantics.inference.values import (
    BoundMethod,
    ClassValue,
    Collection,
    Field,
    FunctionValue,
    Instance,
    KeyValue,
    ManagerValue,
    ModelValue,
    Origin,
    Parameter,
    QuerySetValue,
    Scalar,
    Super,
    Unknown,
    Value,
)
from celery_lint.semantics.model import Call, Frame, FunctionFlow, Write

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# What a session writes by itself when an attribute is set, as far as it is not known to be anything else.
_MAY_BE_ROWS = (ModelValue, Unknown, Field, Parameter)
_ROW = frozenset({"save", "delete", "asave", "adelete", "save_base", "soft_delete", "update"})
_SET = frozenset(
    {
        "create", "acreate", "bulk_create", "abulk_create", "bulk_update", "abulk_update", "update", "aupdate",
        "delete", "adelete", "get_or_create", "aget_or_create", "update_or_create", "aupdate_or_create", "create_user",
    }
)  # fmt: skip
_MAKING = frozenset({"get_or_create", "update_or_create", "bulk_create", "aget_or_create", "aupdate_or_create"})
_RELATED = frozenset({"add", "remove", "clear", "set", "aadd", "aremove", "aclear", "aset"})
_SESSION = frozenset({"add", "add_all", "delete", "merge", "bulk_save_objects", "bulk_insert_mappings", "execute"})
WRITING = _ROW | _SET | _MAKING | _RELATED | _SESSION


class Writes:
    """Finds the writes of a function's flow."""

    def __init__(self, hub: Semantics) -> None:
        self._hub = hub

    def of_flow(self, flow: FunctionFlow) -> Sequence[Write]:
        """The writes that a body makes itself, in their order."""
        return self._hub.memo.get(("writes", flow), lambda: tuple(w for c in flow.calls for w in self.of_call(c)), ())

    def of_call(self, call: Call) -> Iterator[Write]:
        """The writes that one call is."""
        for callee in call.callee.alternatives():
            writes = self._of_callee(call, callee)
            if writes:
                yield from writes
                return
        for target in self._hub.calls.targets(call):
            if not target.deferred:
                for name in self.written_parameters(target.function):
                    origin = self.row_of(self._hub.passed(call, target.function, name))
                    if origin is not None:
                        yield Write(call, None, origin, call.name)

    def written_parameters(self, function: Function, depth: int = 3) -> frozenset[str]:
        """The parameters whose rows a function saves, by itself or through what it calls."""
        return self._hub.memo.get(
            ("written parameters", function, depth),
            lambda: self._written_parameters(function, depth),
            frozenset(),
        )

    def _written_parameters(self, function: Function, depth: int) -> frozenset[str]:
        if depth <= 0 or function.parent is not None or not function.parameters:
            return frozenset()
        found: set[str] = set()
        rows = {("self",): function.positional[0].arg} if function.positional else {}
        for name in function.parameters:
            rows[(name,)] = name
        for call in self._hub.flow(function).calls:
            origins: list[Origin | None] = []
            for callee in call.callee.alternatives():
                origins += [write.origin for write in self._of_callee(call, callee)]
            if not origins:
                for target in self._hub.calls.targets(call):
                    for name in () if target.deferred else self.written_parameters(target.function, depth - 1):
                        origins.append(self.row_of(self._hub.passed(call, target.function, name)))
            for origin in origins:
                if origin is None:
                    continue
                key = origin.key[0]
                found.update(
                    [key.name] if isinstance(key, Parameter) else [rows[origin.key]] if origin.key in rows else []
                )
        return frozenset(found)

    def row_of(self, value: Value) -> Origin | None:
        """The row that a value is, is a column of, or holds as a form, a serializer or a view does."""
        return origin_of(value) or generic_views.row_held(self._hub, value)

    def _of_callee(self, call: Call, callee: Value) -> Sequence[Write]:
        """The writes that a call of one thing is: of one row under each name that it has."""
        view_rows = generic_views.rows_saved(self._hub, call, callee)
        if view_rows:
            return [Write(call, self._model_of_view(callee), origin, call.name) for origin in view_rows]
        write = self._of_method(call, callee)
        if write is None:
            return ()
        holder = generic_views.receiver_of(callee)
        held = generic_views.row_held(self._hub, holder) if holder is not None else None
        return (write,) if held in (None, write.origin) else (write, Write(call, write.model, held, write.verb))

    def _model_of_view(self, callee: Value) -> Class | str | None:
        view = generic_views.receiver_of(callee)
        return conventions.view_model(self._hub, view.cls) if view and isinstance(view.cls, Class) else None

    def _of_method(self, call: Call, callee: Value) -> Write | None:
        name = call.name
        if name not in WRITING:
            return None
        if isinstance(callee, (BoundMethod, FunctionValue)):
            receiver = callee.receiver
            if isinstance(receiver, Super):
                receiver = receiver.receiver
            if isinstance(receiver, ModelValue) and name in _ROW:
                return Write(call, receiver.model, receiver.origin, name)
            if isinstance(receiver, (ManagerValue, QuerySetValue)):
                if name in _SET:
                    origin = origin_of(call.result)
                    if name in ("bulk_create", "abulk_create", "bulk_update", "abulk_update") and call.args:
                        origin = origin_of(call.args[0].value) or origin
                    if origin is None and isinstance(receiver, QuerySetValue):
                        origin = receiver.origin
                    if isinstance(receiver, ManagerValue) and receiver.related is not None:
                        origin = receiver.related  # `order.lines.create(...)`: the task reads them through the order
                    return Write(call, receiver.model, origin, name)
                if name in _RELATED:
                    related = receiver.related if isinstance(receiver, ManagerValue) else None
                    return Write(call, receiver.model, related, name)
            if isinstance(receiver, Instance):
                return self._of_instance(call, receiver, name)
            if (
                isinstance(receiver, ClassValue)
                and name in ("create", "acreate")
                and self._hub.classes.is_model(receiver.cls)
            ):
                return Write(call, receiver.cls, origin_of(call.result), name)
        if isinstance(callee, Field) and name in ("save", "asave") and len(call.args) <= 1:
            # `row.save()` on a parameter: what else has no argument and is called save?
            return Write(call, None, Origin((callee.base,)), name)
        if isinstance(callee, Field) and name in _MAKING and isinstance(callee.base, Field):
            # `x.lines.get_or_create(...)` on an unknown `x`: only managers have methods of these names.
            return Write(call, None, Origin((callee.base.base,)), name)
        return None

    def _of_instance(self, call: Call, receiver: Instance, name: str) -> Write | None:
        hub = self._hub
        if receiver.cls in SESSIONS and name in _SESSION:
            if name == "execute":
                return None
            row = call.args[0].value if call.args else None
            if isinstance(row, Collection):
                row = row.element
            if isinstance(row, ModelValue):
                return Write(call, row.model, row.origin, name)
            return Write(call, None, None, name)
        if forms.makes_row(hub, receiver, name):
            if forms.leaves_unsaved(call.args):
                return None
            return Write(
                call,
                forms.row_model(hub, receiver),
                origin_of(call.result) or receiver.origin,
                name,
            )
        return None


def may_be_rows(receiver: Value, is_session: bool) -> bool:
    """Whether to set an attribute of a value may change a row; a session writes it by itself."""
    kinds = _MAY_BE_ROWS if is_session else (ModelValue,)
    return any(isinstance(one, kinds) for one in receiver.alternatives())


def origin_of(value: Value) -> Origin | None:
    """The row that a value is, or is a column of."""
    for one in value.alternatives():
        if isinstance(one, (ModelValue, KeyValue)) or (isinstance(one, Scalar) and one.origin is not None):
            return one.origin
        if isinstance(one, Collection):
            for part in one.items or (one.element,):
                found = origin_of(part)
                if found is not None:
                    return found
        if isinstance(one, Field):
            return Origin((one.base,))
        if isinstance(one, Parameter):
            return Origin((one,))
    return None


def same_row(left: Origin | None, right: Origin | None) -> bool:
    """Whether two origins are one row."""
    return left is not None and right is not None and left.key == right.key


def may_follow(earlier: Frame, later: Frame, flow: FunctionFlow) -> bool:
    """Whether control can go from a place in one block to a later place in another.

    No when they are branches of one `if`, or the earlier block ends the function: a handler that raises.
    """
    around_later = {id(f) for f in later.chain()}
    branches = {id(f.node): f.kind for f in later.chain() if f.kind in ("if", "orelse", "outside", "handler", "else")}
    ended = {(id(e.node), e.branch) for e in flow.exits}
    for frame in earlier.chain():
        if id(frame) in around_later:
            return True
        other = branches.get(id(frame.node))
        if other is not None and frame.kind not in (other, "try"):
            return False  # a `try` is left for its own `else`
        if (id(frame.node), frame.kind) in ended:
            return False
        if frame.kind == "handler" and isinstance(frame.node, ast.ExceptHandler):
            if isinstance(frame.node.body[-1], (ast.Return, ast.Raise)):
                return False
    return True
