"""Of which database a transaction is, and for which one's commit a callback waits.

`on_commit(callback, using=None)` waits for the transaction of one database, and calls at
once where none is open there (django/db/transaction.py). `delay_on_commit` always means
the default one (celery/contrib/django/task.py).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celery_lint.project.modules import Function
from celery_lint.records import record
from celery_lint.semantics.calls.callgraph import ON_COMMIT, holds_sendable
from celery_lint.semantics.definition.taskmethods import has_celerys
from celery_lint.semantics.dispatching.dispatches import DEFERRED
from celery_lint.semantics.inference.values import (
    NONE,
    Atomic,
    BoundMethod,
    Constant,
    External,
    FunctionValue,
    Parameter,
    Value,
)
from celery_lint.semantics.model import Call, FunctionFlow
from celery_lint.semantics.transactions.contexts import Transaction

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

DEFAULT = "default"
_DEFAULTS = frozenset({"django.db.DEFAULT_DB_ALIAS", "django.db.utils.DEFAULT_DB_ALIAS"})


@record()
class Mismatch:
    """A call inside a transaction of one database that waits for the commit of another."""

    call: Call
    opened: str
    code: str | None
    """The alias of the transaction as code; None for the default one."""
    waits_for: str
    transaction: Transaction


def mismatches(hub: Semantics, flow: FunctionFlow) -> Iterator[Mismatch]:
    """The calls of a body that would send tasks after the commit, but wait for another database's."""
    if flow.function is None or not hub.may_open_transaction(flow.function):
        return
    for call in flow.calls:
        waits = list(_waits_for(hub, call))
        if not waits:
            continue
        around = list(_around(hub, call))
        opened = [_alias(hub, code, flow) for code, _ in around]
        if not opened or None in opened or None in waits or set(opened) & set(waits):
            continue
        if DEFAULT in waits and _may_be_in_default(hub, flow.function):
            continue
        yield Mismatch(call, str(opened[0]), around[0][0], str(waits[0]), around[0][1])


def _around(hub: Semantics, call: Call) -> Iterator[tuple[str | None, Transaction]]:
    """The transactions that the function itself opens around a call, the inmost first, with their aliases as code."""
    flow = call.flow
    for frame in call.frame.chain():
        if frame.kind == "outside":
            return
        if frame.kind == "atomic" and isinstance(frame.detail, Atomic) and frame.detail.kind == "atomic":
            found = hub.transactions.around(frame, flow)
            if isinstance(found, Transaction):
                yield found.using, found
    decorated = hub.transactions.decorated(flow.function) if flow.function is not None else None
    if decorated is not None:
        yield decorated.using, decorated


def _alias(hub: Semantics, code: str | None, flow: FunctionFlow) -> str | None:
    """The alias that code stands for; None when it can't be told."""
    if code is None:
        return DEFAULT
    node = ast.parse(code, mode="eval").body
    root = node
    while isinstance(root, ast.Attribute):
        root = root.value
    if isinstance(root, ast.Name) and flow.function is not None and root.id in flow.function.scan.locals:
        return None
    return _constant(hub.evaluate(node, flow.module))


def _constant(value: Value) -> str | None:
    if value == NONE or (isinstance(value, External) and value.path in _DEFAULTS):
        return DEFAULT
    return value.value if isinstance(value, Constant) and isinstance(value.value, str) else None


def _waits_for(hub: Semantics, call: Call) -> Iterator[str | None]:
    """The databases for whose commit a call waits, which sends tasks after it; None for one that can't be told."""
    callee = call.callee
    if isinstance(callee, BoundMethod) and callee.name in DEFERRED:
        if has_celerys(hub, callee.receiver, callee.name):
            yield DEFAULT
    elif isinstance(callee, External) and callee.path in ON_COMMIT:
        if call.args and _sends(hub, call.args[0].value):
            yield _constant(_using(call))
    elif isinstance(callee, FunctionValue) and callee.function.mentions(("on_commit",)):
        if any(_sends(hub, arg.value) for arg in call.args):
            yield from _of_wrapper(hub, call, callee.function)


def _using(call: Call) -> Value:
    given = call.keyword("using")
    if given is None and any(arg.star for arg in call.args):
        return call.args[0].value
    rest = call.positional[1:]
    return given.value if given is not None else rest[0].value if rest else NONE


def _of_wrapper(hub: Semantics, call: Call, wrapper: Function) -> Iterator[str | None]:
    """The databases for which a project's own wrapper of `on_commit` waits."""
    for inner in hub.flow(wrapper).calls:
        if isinstance(inner.callee, External) and inner.callee.path in ON_COMMIT:
            using = _using(inner)
            if isinstance(using, Parameter) and using.function is wrapper:
                using = hub.passed(call, wrapper, using.name)
            yield None if list(_around(hub, inner)) else _constant(using)


def _sends(hub: Semantics, callback: Value) -> bool:
    """Whether a callback sends a task, or is one to send."""
    if holds_sendable(callback):
        return True
    for one in callback.alternatives():
        if isinstance(one, FunctionValue):
            flow = hub.flow(one.function, one.captured)
            if any(hub.transactions.sends(call) for call in flow.calls):
                return True
    return False


def _may_be_in_default(hub: Semantics, function: Function) -> bool:
    """Whether a transaction of the default database may lie around a function, be it opened by a caller."""
    role = hub.roles.of(function)
    if role.kind in ("admin", "signal", "model") or (role.kind == "view" and hub.atomic_requests):
        return True
    return any(hub.transactions.at(site.call).atomic is not None for site in hub.calls.callers(function) or ())
