"""What a task's parameters are given, and what its body takes them for."""

from __future__ import annotations

import ast
import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from celery_lint.findings import Place
from celery_lint.project.modules import Class, Function
from celery_lint.project.syntax import mentions_name, own_nodes, walk
from celery_lint.records import record
from celery_lint.semantics.definition.keynames import KEYS, is_named, looks_up, names_key
from celery_lint.semantics.dispatching.evidence import MAX_CALLERS, from_callers, members_of
from celery_lint.semantics.frameworks import model_references
from celery_lint.semantics.inference.values import (
    Collection,
    Constant,
    Field,
    KeyValue,
    ModelValue,
    Parameter,
    Scalar,
    Value,
)
from celery_lint.semantics.model import Dispatch, Sent, Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

_LISTS_OF_KEYS = frozenset({"pks", "ids", "uuids", "keys"})
# Methods that only rows have (django/db/models/base.py).
_ROW_METHODS = frozenset({"save", "refresh_from_db", "full_clean", "asave", "arefresh_from_db", "serializable_value"})
_ROW_ATTRIBUTES = frozenset({"pk", "_meta", "_state"})


@functools.cache
def _plain_attributes() -> frozenset[str]:
    """What the plain values that JSON carries have themselves."""
    import datetime
    import uuid  # takes longer to import than this package's rules, and few projects make it necessary

    kinds = (str, int, float, list, dict, datetime.datetime, uuid.UUID)
    return frozenset(name for kind in kinds for name in dir(kind))


@dataclass(slots=True)
class Given:
    """What dispatches and calls give to one parameter."""

    rows: list[Place] = field(default_factory=list)
    model: Class | str | None = None
    keys: bool = False
    """Some dispatch passes a key, something else that is no row, or a row by a serializer that nobody knows."""
    is_pickled: bool = False
    """The rows are sent by pickle: they arrive, as copies."""
    direct_only: bool = False
    """The task is called as a function and never dispatched."""


@record()
class RowUse:
    """How a body uses a parameter as a row. `is_certain`: in a way that no other value allows."""

    text: str
    is_certain: bool


def given_to(hub: Semantics, task: Task, name: str) -> Given:
    """What the project passes for a parameter of a task."""
    found = Given()
    dispatches = hub.dispatches_of(task)
    for dispatch in dispatches:
        sent = argument(dispatch, task, name)
        if sent is None:
            continue
        kinds = list(kinds_of(hub, sent.value))
        serializer = hub.serializers.kind(dispatch)
        if any(isinstance(k, ModelValue) for k in kinds) and serializer == "other":
            found.keys = True
        elif any(isinstance(k, ModelValue) for k in kinds):
            found.is_pickled |= serializer == "pickle"
            found.rows.append(dispatch.flow.module.source.place(sent.node))
            found.model = next(k.model for k in kinds if isinstance(k, ModelValue))
        elif any(is_key(k) for k in kinds):
            found.keys = True
    if not dispatches and task.function is not None:
        sites = hub.calls.callers(task.function)
        found.direct_only = bool(sites)
    return found


def parameter_of(dispatch: Dispatch, node: ast.expr) -> str | None:
    """The task's parameter that an argument of a dispatch, or a part of one, fills."""
    task = dispatch.task
    if task is None or task.function is None:
        return None
    for arg in (*task.parameters, *task.function.node.args.kwonlyargs):
        sent = argument(dispatch, task, arg.arg)
        if sent is not None and any(part is node for part in walk(sent.node)):
            return arg.arg
    return None


def takes_key(hub: Semantics, task: Task, name: str) -> bool:
    """Whether a parameter is for a key: its name, its annotation, its use or another dispatch says so."""
    assert task.function is not None
    arg = task.function.parameters[name]
    if arg.annotation is not None:
        declared = hub.annotation(arg.annotation, task.module)
        if any(isinstance(one, ModelValue) for one in declared.alternatives()):
            return False
        if isinstance(declared, (KeyValue, Scalar)):
            return True
    if names_key(name) or looks_up(task.function, name):
        return True
    return given_to(hub, task, name).keys and row_use(hub, task, name) is None


def takes_keys(hub: Semantics, task: Task, name: str) -> bool:
    """Whether a parameter is for a list of keys: its name, its use or another dispatch says so."""
    assert task.function is not None
    nodes = list(own_nodes(task.function.body))
    if name in _LISTS_OF_KEYS or name.endswith(("_ids", "_pks", "_keys", "_uuids")):
        return True
    if any(is_named(node, name) and node.arg is not None and node.arg.endswith("__in") for node in nodes):
        return True
    members = {
        node.target.id
        for node in walk(task.function.node)
        if isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension))
        and isinstance(node.target, ast.Name)
        and mentions_name(node.iter, name)
    }
    as_rows = any(
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in members | {name}
        and node.attr not in _plain_attributes()
        for node in walk(task.function.node)
    )
    return given_to(hub, task, name).keys and not as_rows


def kinds_of(hub: Semantics, value: Value) -> list[Value]:
    """A value's alternatives, those that callers give to parameters in their place."""
    found: list[Value] = []
    for one, inside in members_of(value, 0):
        if inside:
            continue
        if isinstance(one, (Parameter, Field)):
            given = [kind for v, _ in from_callers(hub, one, MAX_CALLERS) for kind in v.alternatives()]
            if isinstance(one, Field) and one.name in KEYS:
                given.append(Scalar())
            found += given
        else:
            found.append(one)
    return found


def is_key(value: Value) -> bool:
    """Whether a value is plain: a key, a number, a string, a container of what are no rows."""
    if isinstance(value, Constant):
        return value.value is not None
    if isinstance(value, Collection):
        inside = [member for member, is_inside in members_of(value) if is_inside]
        return bool(inside) and not any(isinstance(member, ModelValue) for member in inside)
    return isinstance(value, (KeyValue, Scalar)) or (isinstance(value, Field) and value.name.endswith("_id"))


def argument(dispatch: Dispatch, task: Task, name: str) -> Sent | None:
    """The argument that a dispatch gives to a parameter."""
    if dispatch.is_opaque and dispatch.verb not in ("delay", "s", "si"):
        return next((s for s in dispatch.sent if s.keyword == name), None)
    names = [a.arg for a in task.parameters]
    position = names.index(name) if name in names else -1
    index = 0
    for sent in dispatch.sent:
        if sent.keyword == name:
            return sent
        if sent.keyword is None:
            if isinstance(sent.value, Parameter) and sent.value.star:
                return None  # which of them it is can't be told
            if index == position:
                return sent
            index += 1
    return None


def row_use(hub: Semantics, task: Task, name: str) -> RowUse | None:
    """How a task's body uses a parameter as a row; None when it does not, or binds it anew."""
    assert task.function is not None
    methods: list[str] = []
    attributes: list[str] = []
    for node in own_nodes(task.function.body):
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store):
            return None
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name:
            if isinstance(node.ctx, ast.Store):
                attributes.append(node.attr)
            else:
                (methods if node.attr in _ROW_METHODS else attributes).append(node.attr)
    if looks_up(task.function, name):
        return None
    if methods:
        return RowUse(f"`{name}.{methods[0]}()`", bool(attributes))
    row = [a for a in attributes if a in _ROW_ATTRIBUTES]
    if row:
        return RowUse(f"`{name}.{row[0]}`", len(set(attributes)) > 1)
    used = [a for a in attributes if a not in _plain_attributes()]
    if used:
        return RowUse(f"`{name}.{used[0]}`", any(is_row_method(hub, a) for a in used))
    return handed_on(hub, task.function, name) if not attributes else None


def is_row_method(hub: Semantics, name: str) -> bool:
    """Whether a model of the project, or a mixin for models, has a method of this name."""
    return any(
        m.cls is not None and (hub.classes.is_model(m.cls) or m.cls.name.endswith("Mixin"))
        for m in hub.calls.methods_named(name)
    )


def handed_on(hub: Semantics, function: Function, name: str) -> RowUse | None:
    """How a function of the project that gets the parameter as it is uses it as a row."""
    for call in hub.flow(function).calls:
        for arg in call.args:
            if not (isinstance(arg.node, ast.Name) and arg.node.id == name and not arg.star):
                continue
            for target in hub.calls.targets(call):
                if target.deferred or target.function.cls is not None:
                    continue
                for inner in target.function.parameters:
                    if hub.passed(call, target.function, inner) == arg.value:
                        used = attributes_of(target.function, inner)
                        rows = [a for a in used if a in _ROW_ATTRIBUTES or is_row_method(hub, a)]
                        if rows:
                            return RowUse(f"`{target.function.name}` uses `{inner}.{rows[0]}`", True)
    return None


def attributes_of(function: Function, name: str) -> list[str]:
    """The attributes of a parameter that a body reads."""
    return [
        n.attr
        for n in own_nodes(function.body)
        if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == name
    ]


def named_model(hub: Semantics, name: str) -> Class | str | None:
    """The model whose name the parameter bears: `order_line` for `OrderLine`."""
    if name == "user":
        return hub.user_model
    camel = "".join(part.capitalize() for part in name.split("_"))
    for cls in model_references.classes_named(hub, camel):
        if hub.classes.is_model(cls):
            return cls
    return None
