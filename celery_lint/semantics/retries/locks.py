"""What keeps two runs of the same code apart: row locks and locks of other kinds.

A row lock is Django's `select_for_update()` (docs: ref/models/querysets.html)
or what SQLAlchemy and peewee have for it, which lasts until the transaction ends. Other locks are context managers
(`cache.lock(...)`, redis-py's `Redis.lock`), advisory locks that a statement asks the
database for, keys that only the first can set, and decorators. A
lock cannot be told from its type in most projects, so names count here: they
only ever silence a rule.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from celery_lint.project.modules import Function
from celery_lint.project.syntax import keyword_of, last_name, walk
from celery_lint.semantics.inference.values import Constant
from celery_lint.semantics.model import Call, Frame, FunctionFlow

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

ROW_LOCKS = frozenset({"select_for_update", "with_for_update", "for_update", "lock_for_update", "skip_locked"})
# SQLAlchemy takes it as a keyword too: `session.get(Account, key, with_for_update=True)`.
_LOCKING_KEYWORD = frozenset({"with_for_update"})
_LOCK = re.compile(
    r"lock|mutex|semaphore|exclusive|advisory|single_?(ton|_task|instance|run)|only_one|serializ(e_access|ed_by)",
    re.IGNORECASE,
)
_CACHE = re.compile(r"cache", re.IGNORECASE)
_NO_LOCK = re.compile(r"block|clock|unlock", re.IGNORECASE)
# Locks of PostgreSQL, MySQL and SQL Server that last longer than the statement that takes them.
_ADVISORY = re.compile(r"pg_(?:try_)?advisory_(?:xact_)?lock|\bget_lock\b|\bsp_getapplock\b", re.IGNORECASE)
_RUNS_SQL = frozenset({"execute", "scalar"})
MAX_CALLERS_UP = 3


def names_lock(node: ast.AST) -> bool:
    """Whether an expression mentions a lock by name."""
    for one in walk(node):
        name = last_name(one)
        if name and _LOCK.search(name) and not _NO_LOCK.fullmatch(name) and _LOCK.search(_NO_LOCK.sub("", name)):
            return True
    return False


def is_locked(hub: Semantics, flow: FunctionFlow, frame: Frame) -> bool:
    """Whether a `with` block around a place in a body holds a lock, by its name or by what entering it does."""
    expressions = [
        item.context_expr
        for one in frame.chain()
        if isinstance(one.node, (ast.With, ast.AsyncWith))
        for item in one.node.items
    ]
    return any(names_lock(e) for e in expressions) or any(
        _locks(hub, function) for e in expressions for function in hub.calls.entering(e, flow)
    )


def _locks(hub: Semantics, function: Function) -> bool:
    """Whether a context manager's function takes a lock that it keeps while the block runs."""

    def search() -> bool:
        flow = hub.flow(function)
        if any(is_locked(hub, flow, frame) for _, _, frame in flow.yields):
            return True
        # A `with` statement inside it lets go again.
        entered = {expression for expression, _, _, _ in flow.withs}
        return any(_takes(call) and call.node not in entered for call in flow.calls)

    return hub.memo.get(("takes lock", function), search, False)


def takes_lock(flow: FunctionFlow, before: int) -> bool:
    """Whether the body acquires a lock by a call made before the call number `before`."""
    return any(c.index < before and _takes(c) for c in flow.calls)


def _takes(call: Call) -> bool:
    return names_lock(call.node.func) or call.name == "acquire" or _asks_for_advisory_lock(call) or _claims_key(call)


def _asks_for_advisory_lock(call: Call) -> bool:
    """Whether a call runs `SELECT pg_advisory_lock(...)` or the like, as text or by SQLAlchemy's `func`."""
    if call.name not in _RUNS_SQL or not call.positional:
        return False
    given = call.positional[0]
    names = [n.value if isinstance(n, ast.Constant) else last_name(n) for n in walk(given.node)]
    statement = given.value.value if isinstance(given.value, Constant) else None
    return any(isinstance(text, str) and _ADVISORY.search(text) for text in (statement, *names))


def _claims_key(call: Call) -> bool:
    """Whether a call sets a key that only the first can set: `cache.add(key, 1)`, `redis.set(key, 1, nx=True)`."""
    func = call.node.func
    if not isinstance(func, ast.Attribute):
        return False
    if call.name == "add":
        return any(_CACHE.search(last_name(node)) for node in walk(func.value))
    nx = keyword_of(call.node, "nx")
    return call.name == "setnx" or (call.name == "set" and isinstance(nx, ast.Constant) and nx.value is True)


def decorated_with_lock(function: Function | None) -> bool:
    """Whether a decorator of the function, or of one around it, names a lock."""
    while function is not None:
        if any(names_lock(d) for d in function.decorators):
            return True
        function = function.parent
    return False


def locks_rows(hub: Semantics, function: Function | None, depth: int = 2) -> bool:
    """Whether a function, or one of the project that it calls, locks rows."""
    if function is None:
        return False
    if function.mentions(ROW_LOCKS) or function.holds(_LOCKING_KEYWORD):
        return True
    if depth <= 0:
        return False
    key = ("locks rows", function, depth)
    return hub.memo.get(
        key,
        lambda: any(
            locks_rows(hub, t.function, depth - 1) for c in hub.flow(function).calls for t in hub.calls.targets(c)
        ),
        False,
    )


def is_protected(hub: Semantics, flow: FunctionFlow, frame: Frame, before: int) -> bool:
    """Whether a place in a body is under some lock that the function itself takes."""
    return (
        is_locked(hub, flow, frame)
        or takes_lock(flow, before)
        or decorated_with_lock(flow.function)
        or locks_rows(hub, flow.function)
    )


def callers_protect(hub: Semantics, function: Function, depth: int = MAX_CALLERS_UP) -> bool | None:
    """Whether some caller of a function holds a lock around it; None when no caller is known."""
    key = ("callers protect", function, depth)
    nothing: bool | None = False
    return hub.memo.get(key, lambda: _callers_protect(hub, function, depth), nothing)


def _callers_protect(hub: Semantics, function: Function, depth: int) -> bool | None:
    function = function.outermost
    sites = hub.calls.callers(function)
    if not sites:
        return None
    return any(_site_protects(hub, site.call, site.caller, depth) for site in sites)


def _site_protects(hub: Semantics, call: Call, caller: Function | None, depth: int) -> bool:
    if is_protected(hub, call.flow, call.frame, call.index):
        return True
    return caller is not None and depth > 0 and bool(callers_protect(hub, caller, depth - 1))


__all__ = ["callers_protect", "is_locked", "is_protected", "names_lock"]
