"""Which calls leave the database as it is. Of all others it must be thought that they may write."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class, Function
from celery_lint.semantics.calls.callgraph import MAX_DYNAMIC, Target, is_trivial
from celery_lint.semantics.dispatching.dispatches import SENDING
from celery_lint.semantics.inference.values import (
    AppValue,
    Atomic,
    BoundMethod,
    CanvasValue,
    ClassValue,
    CleanedData,
    Collection,
    Constant,
    Dynamic,
    External,
    Field,
    FunctionValue,
    Instance,
    KeyValue,
    ManagerValue,
    ModelValue,
    Partial,
    QuerySetValue,
    ResultValue,
    Scalar,
    SignatureValue,
    Super,
    TaskRequest,
    TaskValue,
    Unknown,
    Value,
)
from celery_lint.semantics.model import Call
from celery_lint.semantics.retries.effects import NETWORK
from celery_lint.semantics.transactions.sessions import holds_rows, is_session
from celery_lint.semantics.transactions.writes import WRITING, may_be_rows

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

MAX_DOWN = 4
"""How many calls deep a function of the project is looked into."""
# Methods that read, or change what is in memory alone, whatever object has them.
_NAMED = frozenset(
    """get filter exclude all first last exists count values values_list order_by select_related prefetch_related
    select_for_update using only defer annotate aggregate latest earliest in_bulk iterator distinct none reverse
    refresh_from_db aget afirst alast aexists acount get_queryset info debug warning error exception log critical append
    add items keys join format split strip isoformat get_object_or_404""".split()
)
# Those of Django, REST framework and the standard library that a project's own function of the name may not be.
_READS = _NAMED | frozenset(
    """alias union intersection difference dates datetimes contains explain aiterator alatest aearliest aaggregate
    ain_bulk arefresh_from_db __init__ clean full_clean clean_fields validate_unique validate_constraints
    get_absolute_url get_deferred_fields natural_key has_perm has_perms has_module_perms get_full_name get_short_name
    get_username get_all_permissions is_valid get_object get_serializer get_form get_form_kwargs get_success_url
    get_context_data filter_queryset check_permissions check_object_permissions paginate_queryset
    get_paginated_response render_to_response add_error has_changed build_absolute_uri get_host is_secure
    json raise_for_status encode decode lower upper title startswith endswith lstrip rstrip rsplit splitlines
    hexdigest digest total_seconds timestamp strftime astimezone quantize
    cursor fetchone fetchmany fetchall""".split()
)
_OF_RELATIONS = frozenset({"add", "remove", "clear", "set"})
_ROW_ACCESSOR = re.compile(r"get_\w+_display|get_(?:next|previous)_by_\w+")
# Modules of other packages whose functions change no row.
_MODULES = (
    "celery.", "kombu.", "sentry_sdk.", "structlog.", "pytz.", "dateutil.", "logging.", "rest_framework.response.",
    "rest_framework.exceptions.", "rest_framework.reverse.", "django.conf.", "django.contrib.messages.",
    "django.core.cache.", "django.core.exceptions.", "django.core.files.", "django.core.mail.",
    "django.core.paginator.", "django.core.signing.", "django.core.validators.", "django.db.connection.cursor",
    "django.db.models.prefetch_related_objects", "django.db.models.aprefetch_related_objects",
    "django.db.transaction.", "django.http.", "django.shortcuts.", "django.template.", "django.urls",
    "django.utils.", "request.",
)  # fmt: skip
# Of these packages a call goes to another machine, and to no database of Django's.
_ELSEWHERE = NETWORK | {"builtins"} | sys.stdlib_module_names
_PLAIN = (Collection, Scalar, Constant, KeyValue, CleanedData, TaskRequest)
_QUERY = re.compile(r"\s*(?:select|show|values|savepoint|lock)\b", re.IGNORECASE)
_IN_TASK = frozenset({"apply", "run", "__call__"})
# What the project itself defines, and so can be looked into.
_OWN = (FunctionValue, ClassValue, TaskValue, Partial, Dynamic, Instance)
_SPECIAL = ("__new__", "__post_init__", "__enter__", "__exit__", "__aenter__", "__aexit__")


def only_read(hub: Semantics, calls: Iterable[Call], depth: int = MAX_DOWN) -> bool:
    """Whether it is certain that none of some calls changes the database.

    Functions of the project are looked into last: most often another call decides.
    """
    inside: dict[Call, None] = {}
    handed: list[Target] = []
    for call in _besides_queries(hub, calls) if hub.uses_sqlalchemy else calls:
        if hub.calls.commit_callback(call) is not None:
            continue
        if is_session(call, call.name):
            return False
        if any(hub.writes.of_call(call)) or any(_is_write(arg.value) for arg in call.args):
            return False
        for callee in () if is_query(call) else call.callee.alternatives():
            if isinstance(callee, _OWN) and not (isinstance(callee, FunctionValue) and call.name in _NAMED):
                inside[call] = None
            elif _reads(call, callee):
                handed += _functions_among(call)
            elif isinstance(callee, (Field, Unknown)):
                inside[call] = None
            else:
                return False
    return all(_target_reads(hub, target, depth) for target in handed) and all(
        _reads_inside(hub, call, depth) for call in inside
    )


def _besides_queries(hub: Semantics, calls: Iterable[Call]) -> Iterator[Call]:
    """The calls that neither ask SQLAlchemy for rows, nor make a part of such a question, nor open a session."""
    calls = list(calls)
    asking = [call for call in calls if hub.sessions.only_asks(call)]
    for call in calls:
        is_condition = not any(isinstance(c, FunctionValue) for c in call.callee.alternatives()) and any(
            is_part_of(call, other) for other in asking
        )
        # What is done in a block, or through a session, is seen there.
        if not (call in asking or is_condition or isinstance(call.result, Atomic) or holds_rows(call.result)):
            yield call


def is_part_of(inner: Call, call: Call) -> bool:
    """Whether a call stands inside another."""
    one, around = inner.node, call.node
    return (around.lineno, around.col_offset) <= (one.lineno, one.col_offset) and (
        (one.end_lineno or 0, one.end_col_offset or 0) <= (around.end_lineno or 0, around.end_col_offset or 0)
    )


def is_query(call: Call) -> bool:
    """Whether a call hands over SQL, as a literal, that only reads."""
    if call.name not in ("execute", "raw") or not call.args:
        return False
    node: ast.expr = call.args[0].node
    known = call.args[0].value
    while isinstance(node, ast.BinOp):
        node = node.left
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    text = known.value if isinstance(known, Constant) else node.value if isinstance(node, ast.Constant) else None
    return isinstance(text, str) and _QUERY.match(text) is not None


def _reads(call: Call, callee: Value) -> bool:
    """Whether a call of something that the project does not define is known to write nothing."""
    if isinstance(callee, External):
        return is_harmless(callee.path) or makes_object(callee.path)
    if isinstance(callee, BoundMethod):
        return _method_reads(call, callee)
    if isinstance(callee, (Field, Unknown)):
        return isinstance(call.node.func, ast.Attribute) and call.name in _READS - {"add"}
    return isinstance(callee, (FunctionValue, CanvasValue))


def is_harmless(path: str) -> bool:
    """Whether a dotted name is a function of a package, or a method of its objects, that changes no row."""
    return path.startswith(_MODULES) or path.partition(".")[0] in _ELSEWHERE


def makes_object(path: str) -> bool:
    """Whether a dotted name is a class: to make an object of it saves nothing."""
    name = path.rpartition(".")[2]
    return name[:1].isupper() and (path.startswith("django.db.models.") or not name.isupper())


def _method_reads(call: Call, callee: BoundMethod) -> bool:
    """Whether a method that no class of the project defines is known to write nothing."""
    receiver, name = callee.receiver, callee.name
    if isinstance(receiver, ManagerValue) and name in _OF_RELATIONS:
        return False  # `order.labels.add(label)` writes, as `keys.add(key)` does not
    if isinstance(receiver, TaskValue):
        return name in SENDING | {"s", "si", "signature", "subtask", "AsyncResult", "update_state"}
    if isinstance(receiver, (SignatureValue, CanvasValue, AppValue, ResultValue)):
        return name not in _IN_TASK
    if name in _READS:
        return isinstance(receiver, (ManagerValue, QuerySetValue, ModelValue, Instance, Super, *_PLAIN))
    if isinstance(receiver, Collection):
        return not _is_relation(call)
    if isinstance(receiver, _PLAIN):
        return name not in WRITING
    if isinstance(receiver, Instance) and isinstance(receiver.cls, str):
        return is_harmless(f"{receiver.cls}.") and not (receiver.cls.startswith("request.") and name in WRITING)
    return isinstance(receiver, ModelValue) and _ROW_ACCESSOR.fullmatch(name) is not None


def _is_relation(call: Call) -> bool:
    """Whether a method's object is an attribute of a row: to change SQLAlchemy's `order.lines` is to write."""
    func = call.node.func
    node = func.value if isinstance(func, ast.Attribute) else None
    return isinstance(node, ast.Attribute) and any(
        isinstance(v, ModelValue) for v in call.flow.value(node.value).alternatives()
    )


def _is_write(value: Value) -> bool:
    """Whether an argument is a method that writes, for what is called to run: `map(orders.create, names)`."""
    return any(
        isinstance(one, BoundMethod)
        and one.name in WRITING
        and isinstance(one.receiver, (ModelValue, ManagerValue, QuerySetValue))
        for one in value.alternatives()
    )


# Functions of the project


def _functions_among(call: Call) -> Iterator[Target]:
    """The project's functions among a call's arguments, for what is called to run."""
    for arg in call.args:
        for value in arg.value.alternatives():
            if isinstance(value, FunctionValue):
                yield Target(value.function, value.captured)


def _reads_inside(hub: Semantics, call: Call, depth: int) -> bool:
    """Whether all that a call runs of the project's own can be followed, and writes nothing."""
    targets = [t for t in hub.calls.targets(call) if not t.deferred]
    for callee in call.callee.alternatives():
        if isinstance(callee, ClassValue):
            if hub.classes.is_model(callee.cls) and not hub.classes.is_django_model(callee.cls):
                return False  # a relation may take the new row into the session
            targets += _run_by_class(hub, callee.cls)
        elif not _is_followed(hub, call, callee):
            return False
    return all(_target_reads(hub, target, depth) for target in targets)


def _is_followed(hub: Semantics, call: Call, callee: Value) -> bool:
    """Whether it is known what a call runs, or that it runs nothing which writes."""
    if isinstance(callee, (Field, Unknown)):
        return _reads(call, callee) or bool(hub.calls.family(call.name))
    if isinstance(callee, (Partial, Dynamic, Instance, TaskValue)):
        return bool(hub.calls.targets(call))
    return True


def _run_by_class(hub: Semantics, cls: Class) -> Iterator[Target]:
    """What runs, besides `__init__`, when an object is made, and when it is a `with` block's."""
    for name in _SPECIAL:
        function = hub.classes.function(cls, name)
        if function is not None:
            yield Target(function)


def _target_reads(hub: Semantics, target: Target, depth: int) -> bool:
    key = ("only reads", target.function, target.values, depth)
    return hub.memo.get(key, _function_reads, True, hub, target, depth)


def _function_reads(hub: Semantics, target: Target, depth: int) -> bool:
    """Whether it is certain that a function of the project, and what takes its place in subclasses, writes nothing."""
    function = target.function
    if depth <= 0 or function.is_unreadable or not _is_plainly_decorated(hub, function):
        return False
    overriding = _overriding(hub, function)
    if is_left_to_others(function) and not overriding:
        return False
    if any(not _target_reads(hub, Target(other), depth - 1) for other in overriding):
        return False
    flow = hub.transactions.target_flow(target)
    is_session = hub.uses_sqlalchemy
    return not any(may_be_rows(s.receiver, is_session) for s in flow.stores) and only_read(hub, flow.calls, depth - 1)


def _is_plainly_decorated(hub: Semantics, function: Function) -> bool:
    """Whether no decorator of the project stands around a function: one may do anything."""
    for decorator in function.decorators:
        node = decorator.func if isinstance(decorator, ast.Call) else decorator
        made = hub.evaluate(node, function.module)
        if function.parent is not None or isinstance(made, (FunctionValue, ClassValue, Instance, Unknown)):
            return False
    return True


def is_left_to_others(method: Function) -> bool:
    """Whether a method does nothing, or only raises: subclasses say what it does."""
    return method.cls is not None and is_trivial(method) and not any(isinstance(s, ast.Return) for s in method.body)


def _overriding(hub: Semantics, method: Function) -> list[Function]:
    """The methods that take a method's place in subclasses, where few enough are of its name."""
    cls = method.cls
    if cls is None or method.parent is not None or method.name.startswith("__"):
        return []
    if len(hub.project.defining(method.name)) > MAX_DYNAMIC:
        return []
    return [
        other
        for other in hub.calls.methods_named(method.name)
        if other.cls is not None and other.cls is not cls and hub.classes.inherits(other.cls, cls)
    ]


__all__ = ["is_part_of", "only_read"]
