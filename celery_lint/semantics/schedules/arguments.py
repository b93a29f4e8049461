"""What entries of beat's schedules give their tasks."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from celery_lint.project.modules import Module
from celery_lint.project.syntax import last_name
from celery_lint.records import record
from celery_lint.semantics.configuration.settings import function_around, value_at
from celery_lint.semantics.inference.values import Collection, Constant, TaskValue
from celery_lint.semantics.model import Dispatch
from celery_lint.semantics.schedules.written import Entry, Part, value_of

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics


@record()
class Arguments:
    """What an entry gives its task: how many by position, which by name. `signature` is the dispatch that it sends."""

    positional: int
    keywords: tuple[str, ...]
    is_whole: bool = True
    signature: Dispatch | None = None


def arguments_of(hub: Semantics, entry: Entry) -> Arguments | None:
    """The arguments that an entry sends; None when they can't be read."""
    args, kwargs = _members(hub, entry, "args"), _members(hub, entry, "kwargs")
    if args is None or kwargs is None:
        return None
    positional, keywords = len(args), kwargs if entry.parts.get("kwargs") is not None else ()
    if entry.way == "row":
        # `get_or_create` may find a row that has arguments.
        is_whole = entry.is_whole and last_name(
            entry.node.func if isinstance(entry.node, ast.Call) else entry.node
        ) in (
            "create",
            "acreate",
        )
        return Arguments(positional, keywords, is_whole)
    if entry.way == "call" and "task" in entry.parts:
        return _with_signature(hub, entry, positional, keywords)
    return Arguments(positional, keywords, entry.is_whole)


def no_sequence(hub: Semantics, entry: Entry) -> Part | None:
    """The `args` of an entry that are one value, for want of a comma: `("north")`."""
    part = entry.parts.get("args")
    value = value_of(hub, part) if part is not None and entry.way != "row" else None
    if isinstance(value, Constant) and isinstance(value.value, (str, int, float)) and value.value:
        return part
    return None


def _members(hub: Semantics, entry: Entry, name: str) -> tuple[str, ...] | None:
    """What `args` or `kwargs` hold, keys as they are called; None when it can't be told."""
    part = entry.parts.get(name)
    if part is None:
        return ()
    node, value = part.value, value_of(hub, part)
    if entry.way == "row":
        if isinstance(node, ast.Call) and last_name(node.func) == "dumps" and len(node.args) == 1:
            value = value_at(hub, node.args[0], part.module)
        elif isinstance(value, Constant) and isinstance(value.value, str):
            return _of_json(value.value, name)
    if not isinstance(value, Collection):
        return () if isinstance(value, Constant) and not value.value else None
    if name == "kwargs":
        return value.keys if value.kind == "dict" else None
    return ("",) * len(value.items) if value.items is not None and value.kind in ("list", "tuple") else None


def _of_json(text: str, name: str) -> tuple[str, ...] | None:
    import json  # for rows only

    try:
        value = json.loads(text)
    except ValueError:
        return None
    if not isinstance(value, dict if name == "kwargs" else list):
        return None
    return tuple(str(key) for key in value)


def _with_signature(hub: Semantics, entry: Entry, positional: int, keywords: tuple[str, ...]) -> Arguments | None:
    """The arguments that a signature sends with those it is added with (celery/canvas.py, `Signature._merge`)."""
    part = entry.parts["task"]
    if isinstance(value_of(hub, part), TaskValue):
        return Arguments(positional, keywords, entry.is_whole)
    node = part.value
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "set":
        node = node.func.value
    sent = _dispatch(hub, node, part.module) if isinstance(node, ast.Call) else None
    if sent is None or sent.is_opaque:
        return None
    if sent.verb == "si":
        positional, keywords = 0, ()
    own = [one.keyword for one in sent.sent]
    names = {*keywords, *(name for name in own if name is not None)}
    return Arguments(positional + own.count(None), tuple(sorted(names)), entry.is_whole, sent)


def _dispatch(hub: Semantics, node: ast.Call, module: Module) -> Dispatch | None:
    """The one dispatch that a call is."""
    function = function_around(node, module)
    flows = hub.calls.flows_within(function) if function is not None else (hub.module_flow(module),)
    for flow in flows:
        call = flow.events.get(node)
        if call is not None:
            found = list(hub.dispatches.of_call(call))
            return found[0] if len(found) == 1 else None
    return None
