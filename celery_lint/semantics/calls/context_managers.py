"""What a `with` block opens: transactions, sessions that are committed at its end, the project's own managers."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class, Function
from celery_lint.semantics.inference.packages import REQUEST_TRANSACTION
from celery_lint.semantics.inference.switches import NO_SWITCHES
from celery_lint.semantics.inference.values import (
    UNKNOWN,
    Atomic,
    ContextManager,
    External,
    FunctionValue,
    Instance,
    Value,
)

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

_COMMIT = frozenset({"commit"})
# The `transaction` package's managers: each commits the sessions that joined it at the end of a block.
_ZOPE_MANAGERS = (External("transaction.manager"), Instance(REQUEST_TRANSACTION))
_ENTERING = frozenset({"__enter__", "enter_context"})


def is_context_manager(hub: Semantics, function: Function) -> bool:
    """Whether a function is made a context manager by `contextlib`."""
    return bool(function.decorators) and hub.memo.get(("cm", function), _is_context_manager, False, hub, function)


def _is_context_manager(hub: Semantics, function: Function) -> bool:
    for decorator in function.decorators:
        value = hub.evaluate(decorator, function.module)
        if isinstance(value, External) and value.path in (
            "contextlib.contextmanager",
            "contextlib.asynccontextmanager",
        ):
            return True
    return False


def generator_context(hub: Semantics, callee: FunctionValue) -> Value:
    """What calling a `@contextmanager` function gives: a transaction, if it yields inside one or commits after."""
    function = callee.function
    flow = hub.flow(function, fuel=1)
    for _, value, frame in flow.yields:
        manager = ContextManager(value)
        atomic = frame.find("atomic")
        if atomic is not None and isinstance(atomic.detail, Atomic):
            return replace(atomic.detail, manager=manager)
        if function.mentions(_COMMIT) and hub.sessions.commit_after_yield(flow) is not None:
            return Atomic(None, "session", manager=manager)
        return manager
    return ContextManager(UNKNOWN)


def as_context(hub: Semantics, value: Value) -> Value:
    """What entering a `with` item means: Atomic when it opens a transaction."""
    for one in value.alternatives():
        if isinstance(one, Atomic):
            return one
        if isinstance(one, External) and one.path == "django.db.transaction.atomic":
            return Atomic()
        if one in _ZOPE_MANAGERS:
            return Atomic(None, "session", manager=ContextManager(UNKNOWN))
        if isinstance(one, Instance) and isinstance(one.cls, Class):
            method = hub.classes.function(one.cls, "__enter__")
            if method is not None and hub.memo.get(("enters", method), _enters_atomic, False, hub, method):
                return Atomic()
            if hub.memo.get(("commits at exit", one.cls), _commits_at_exit, False, hub, one.cls):
                return Atomic(None, "session", manager=one)
    return value


def _enters_atomic(hub: Semantics, method: Function) -> bool:
    """Whether the `__enter__` of a class enters a transaction: one that it makes, or an attribute of its own."""
    if not method.mentions(_ENTERING):
        return False
    if method.mentions(("atomic",)):
        return True
    flow = hub.flow(method, fuel=1)
    entered = [
        c.node.func.value for c in flow.calls if isinstance(c.node.func, ast.Attribute) and c.name == "__enter__"
    ]
    return any(isinstance(as_context(hub, flow.value(node)), Atomic) for node in entered)


def entering(hub: Semantics, cls: Class) -> Function | None:
    """The method that gives what `with ... as` binds."""
    return hub.classes.function(cls, "__enter__") or hub.classes.function(cls, "__aenter__")


def _commits_at_exit(hub: Semantics, cls: Class) -> bool:
    """Whether the end of a `with` block on an instance commits a session of SQLAlchemy."""
    method = hub.classes.function(cls, "__exit__") or hub.classes.function(cls, "__aexit__")
    return method is not None and method.mentions(_COMMIT) and hub.sessions.effect(method, NO_SWITCHES).commits
