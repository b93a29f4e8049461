"""What keeps an effect from happening twice when a task runs again.

Known guards: a test of a status, a date or a flag; `exists()`; a conditional
`update()` whose count is tested; `get_or_create`; `cache.add`, `set(nx=True)`;
locks; idempotency keys; a test of `self.request.retries`; celery-once and
celery-singleton as base classes; decorators and helpers that do one of these,
found by reading them. A guard only silences, so that a name that says so is
enough where nothing else can be read.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.modules import Function
from celery_lint.project.syntax import own_nodes, walk
from celery_lint.semantics import locks
from celery_lint.semantics.model import Call, Frame, FunctionFlow, Task
from celery_lint.semantics.values import (
    BoundMethod,
    ClassValue,
    Constant,
    External,
    FunctionValue,
    Instance,
    ManagerValue,
    ModelValue,
    QuerySetValue,
    TaskRequest,
    Value,
)

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# Names of columns, variables and helpers that say whether something has been done.
_STATE = re.compile(
    r"(^|_)(status|state|stage|phase|sent|done|processed|completed?|finished|notified|delivered|paid|charged"
    r"|refunded|captured|handled|published|exported|imported|synced|created|updated|already|exists?|existing"
    r"|duplicates?|dup|seen|claims?|claimed|acquired?|pending|queued|started|attempts?|retries|emailed|mailed"
    r"|reminded|expired?|once|first|last|previous|new|due|should|needs?|can|lock(ed)?|idempot\w*|unsent|unpaid"
    r"|unprocessed|scheduled)(_|$)|(_at|_on|_until)$",
    re.IGNORECASE,
)
# A column that is filled by the effect: a guard only where the run goes on while it is empty.
_FILLED = re.compile(r"(_id|_key|_ref|_reference|_number|_date|_time|_url|_token)$", re.IGNORECASE)
_NO_STATE = frozenset({"status_code"})
_ASKING = frozenset(
    {
        "exists", "aexists", "update", "aupdate", "add", "setnx", "get_or_create", "update_or_create",
        "get_or_set", "has_key", "sismember", "sadd", "hexists", "hsetnx", "set", "incr", "acquire",
        "contains",
    }
)  # fmt: skip
_KEYS = re.compile(
    r"idempot|dedup|unique_?(key|id)|request_?id|nonce|reference_id|client_token|transaction_?id",
    re.IGNORECASE,
)
_ONCE = re.compile(r"once|singleton|unique|idempot|dedup|exclusive|lock|throttle|ratelimit|rate_limit", re.IGNORECASE)
_ONCE_WORDS = frozenset(
    {
        "nx", "setnx", "exists", "get_or_create", "select_for_update", "acquire", "idempotency_key",
        "idempotent", "add", "sadd", "pg_advisory_lock", "pg_try_advisory_lock", "advisory_lock", "lock",
    }
)  # fmt: skip
_STORES = ("redis", "cache", "memcache")
MAX_DOWN = 2


def is_guarded(hub: Semantics, path: Sequence[Call], task: Task) -> bool:
    """Whether a guard stands before the effect that a path of calls leads to."""
    if runs_once(hub, task):
        return True
    return has_key(path) or any(_is_guarded_at(hub, call, task) for call in path)


def runs_once(hub: Semantics, task: Task) -> bool:
    """Whether the task's class keeps two runs apart: celery-once, celery-singleton, the project's own."""
    if any(name in task.options for name in ("once", "unique_on", "lock_expiry")):
        return True
    base = task.options.get("base")
    names: list[str] = [base.value.path] if base is not None and isinstance(base.value, External) else []
    cls = task.cls or hub.base_class(task)
    if cls is not None:
        names += [a if isinstance(a, str) else a.name for a in hub.classes.ancestors(cls)]
    return any(_ONCE.search(n.rpartition(".")[2]) for n in names)


def has_key(path: Sequence[Call]) -> bool:
    """Whether a call on the way passes a key by which the other side knows a repetition."""
    for call in path:
        for arg in call.args:
            if arg.keyword and _KEYS.search(arg.keyword):
                return True
            for node in walk(arg.node):
                if (
                    isinstance(node, ast.Constant)
                    and isinstance(node.value, str)
                    and _KEYS.search(node.value.replace("-", "_"))
                ):
                    return True
                if isinstance(node, ast.Attribute) and node.attr in ("id", "root_id", "correlation_id"):
                    found = call.flow.value(node.value).alternatives()
                    if any(isinstance(v, TaskRequest) for v in found):
                        return True
    return False


def _is_guarded_at(hub: Semantics, call: Call, task: Task) -> bool:
    flow = call.flow
    if flow.function is not None and guards_by_decorator(hub, flow.function, task):
        return True
    if locks.is_locked(call.frame) or locks.takes_lock(flow, call.index):
        return True
    if any(is_declared(hub, c) or filters_by_state(c) for c in flow.calls if c.index < call.index or _holds(call, c)):
        return True
    if any(is_state_test(hub, test, holds, flow) for test, holds in conditions(call)):
        return True
    if in_search(call):
        return True
    # `except IntegrityError`: the database refuses the second one.
    tries = {id(f.node) for f in call.frame.chain() if f.kind == "try"}
    return any(
        id(statement) in tries and "IntegrityError" in ast.unparse(handler.type)
        for handler, statement, _, _ in flow.handlers
        if handler.type is not None
    )


def in_search(call: Call) -> bool:
    """Whether a call is what a search does that has found nothing: `for row in rows: ... break` / `else:`."""
    for node in own_nodes(call.flow.function.body if call.flow.function else ()):
        otherwise = node.orelse if isinstance(node, (ast.For, ast.AsyncFor)) else ()
        if any(n is call.node for s in otherwise for n in walk(s)):
            return True
    return False


def _holds(call: Call, other: Call) -> bool:
    """Whether a call is part of what another is called on or with."""
    return other is not call and any(n is other.node for n in walk(call.node))


def conditions(call: Call) -> Iterator[tuple[ast.expr, bool]]:
    """The tests that decide whether a call is reached, each with the outcome that leads to it."""
    for frame in call.frame.chain():
        if isinstance(frame.node, ast.If) and frame.kind in ("if", "orelse", "outside"):
            yield frame.node.test, frame.kind == "if"
        elif isinstance(frame.node, ast.match_case):
            yield _subject(frame.node, call.flow), True
        elif isinstance(frame.node, ast.comprehension):
            yield from ((test, True) for test in frame.node.ifs)
    for early in call.flow.exits:
        if early.index <= call.index and _passed(early.frame).encloses(call.frame) and isinstance(early.node, ast.If):
            ends = isinstance(early.node.body[-1], (ast.Return, ast.Raise, ast.Continue, ast.Break))
            yield early.test, not ends


def _passed(frame: Frame) -> Frame:
    """The block whose every statement after a place comes after it: control passes all of a `with`."""
    while frame.kind in ("with", "atomic") and frame.parent is not None:
        frame = frame.parent
    return frame


def _subject(case: ast.match_case, flow: FunctionFlow) -> ast.expr:
    for node in own_nodes(flow.function.body if flow.function else ()):
        if isinstance(node, ast.Match) and case in node.cases:
            return node.subject
    return ast.Constant(None)


def is_state_test(hub: Semantics, test: ast.expr, holds: bool, flow: FunctionFlow, depth: int = MAX_DOWN) -> bool:
    """Whether a test asks if the work has been done, so that a second run takes the other way."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return is_state_test(hub, test.operand, not holds, flow, depth)
    if isinstance(test, ast.BoolOp):
        return any(is_state_test(hub, part, holds, flow, depth) for part in test.values)
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], (ast.Is, ast.IsNot)):
        left = test.left
        if isinstance(left, (ast.Name, ast.NamedExpr)) and is_row(flow.value(left)):
            return isinstance(test.ops[0], ast.Is) == holds  # goes on only where there is no row yet
    if isinstance(test, (ast.Name, ast.NamedExpr)) and is_row(flow.value(test)):
        return not holds
    if is_empty_test(test, holds):
        return True
    for column in columns(test):
        if names_state(column.attr) or column.attr in written_columns(hub, flow, MAX_DOWN):
            return True
        if any(isinstance(v, TaskRequest) for v in flow.value(column.value).alternatives()):
            return True
    for node in walk(test):
        if isinstance(node, ast.Call):
            if asks(hub, node, flow, depth):
                return True
        elif isinstance(node, ast.Name):
            if names_state(node.id) or (depth > 0 and _comes_from_question(hub, node.id, flow)):
                return True
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and names_state(node.value):
            return True
    return False


def written_columns(hub: Semantics, flow: FunctionFlow, depth: int) -> frozenset[str]:
    """The attributes and columns that a body and its helpers set: what they may mark as done."""

    def search() -> frozenset[str]:
        found = {s.target.attr for s in flow.stores}
        for call in flow.calls:
            if call.name in ("update", "aupdate"):
                found.update(a.keyword for a in call.args if a.keyword)
            for target in hub.calls.targets(call) if depth > 0 else ():
                found |= written_columns(hub, hub.flow(target.function), depth - 1)
        return frozenset(found)

    return hub.memo.get(("written columns", flow, depth), search, frozenset())


def columns(node: ast.expr) -> Iterator[ast.Attribute]:
    """The attributes that an expression reads, its methods left out."""
    methods = {id(n.func) for n in walk(node) if isinstance(n, ast.Call)}
    return (n for n in walk(node) if isinstance(n, ast.Attribute) and id(n) not in methods)


def is_empty_test(test: ast.expr, holds: bool) -> bool:
    """Whether the run goes on only while what the effect fills is empty: `if not order.charge_id:`."""
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], (ast.Is, ast.IsNot)):
        holds = isinstance(test.ops[0], ast.IsNot) == holds
        test = test.left
    return isinstance(test, ast.Attribute) and not holds and _FILLED.search(test.attr) is not None


def names_state(name: str) -> bool:
    """Whether a name says that something has been done, or when."""
    return name not in _NO_STATE and _STATE.search(name) is not None


def is_row(value: Value) -> bool:
    """Whether a value may be a row, or none where there is no such row."""
    return any(isinstance(v, ModelValue) for v in value.alternatives())


def asks(hub: Semantics, node: ast.Call, flow: FunctionFlow, depth: int = MAX_DOWN) -> bool:
    """Whether a call asks the database, a cache or a helper if the work has been done."""
    func = node.func
    name = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
    if names_state(name) and name not in ("first", "last", "created", "new"):
        return True
    event = flow.events.get(node)
    for callee in flow.value(func).alternatives():
        receiver = getattr(callee, "receiver", None)
        if isinstance(receiver, (ManagerValue, QuerySetValue, ModelValue)) and name in _ASKING:
            return True
        path = callee.path if isinstance(callee, External) else ""
        if isinstance(receiver, Instance) and isinstance(receiver.cls, str):
            path = receiver.cls
        if any(s in path.lower() for s in _STORES):
            return True
        if (
            isinstance(callee, FunctionValue)
            and event is not None
            and depth > 0
            and helper_asks(hub, callee.function, depth - 1)
        ):
            return True
    return name in _ASKING - {"set", "add", "update", "contains"}


def helper_asks(hub: Semantics, function: Function, depth: int) -> bool:
    """Whether a helper says if the work has been done: it returns a state, or yes or no after a question."""
    return hub.memo.get(("helper asks", function, depth), lambda: _helper_asks(hub, function, depth), False)


def _helper_asks(hub: Semantics, function: Function, depth: int) -> bool:
    flow = hub.flow(function)
    flags = 0
    for statement, value in flow.returns:
        flags += value in (Constant(True), Constant(False))
        for node in walk(statement) if isinstance(statement, ast.Return) else ():
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.ctx, ast.Load)
                and names_state(node.attr)
                and node.attr.islower()
            ) and not isinstance(flow.value(node), (FunctionValue, BoundMethod)):
                return True
            if isinstance(node, ast.Call) and asks(hub, node, flow, depth):
                return True
    return flags > 0 and any(asks(hub, c.node, flow, depth) for c in flow.calls)


def _comes_from_question(hub: Semantics, name: str, flow: FunctionFlow) -> bool:
    """Whether a variable holds the answer of a question: `added = cache.add(...)`."""
    for node in own_nodes(flow.function.body if flow.function else ()):
        if isinstance(node, (ast.Assign, ast.NamedExpr)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            bound = {n.id for t in targets for n in walk(t) if isinstance(n, ast.Name)}
            if name in bound and any(isinstance(n, ast.Call) and asks(hub, n, flow, 1) for n in walk(node.value)):
                return True
            if name in bound and any(names_state(n.attr) for n in columns(node.value)):
                return True
    return False


def filters_by_state(call: Call) -> bool:
    """Whether a query leaves out what has been done: `filter(pk=pk, sent=False)`."""
    if call.name not in ("get", "filter", "exclude", "aget", "get_object_or_404", "filter_by", "first"):
        return False
    for callee in call.callee.alternatives():
        receiver = getattr(callee, "receiver", None)
        if isinstance(receiver, (ManagerValue, QuerySetValue)) or isinstance(callee, External):
            for arg in call.args:
                if arg.keyword and _state_keyword(arg.keyword, arg.value):
                    return True
    return False


def _state_keyword(keyword: str, value: Value) -> bool:
    column, _, lookup = keyword.partition("__")
    if lookup == "isnull" or lookup.endswith("__isnull"):
        return True
    if column in ("id", "pk") or column.endswith("_id"):
        return False
    return names_state(column) or (isinstance(value, Constant) and isinstance(value.value, bool))


# Decorators, declared guards


def guards_by_decorator(hub: Semantics, function: Function, task: Task) -> bool:
    """Whether a decorator of the function, the task's own left out, keeps it from running twice."""
    for decorator in function.decorators:
        if decorator is task.decorator:
            continue
        node = decorator.func if isinstance(decorator, ast.Call) else decorator
        for value in hub.evaluate(node, function.module).alternatives():
            if isinstance(value, FunctionValue) and (
                is_once(hub, value.function) or _dotted(value.function) in hub.settings.idempotency_guards
            ):
                return True
            if isinstance(value, External) and (
                _ONCE.search(value.path) or value.path in hub.settings.idempotency_guards
            ):
                return True
            if isinstance(value, ClassValue) and _ONCE.search(value.cls.name):
                return True
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        if _ONCE.search(name):
            return True
    # A project's own task decorator may hold the guard.
    factory = task.factory if function is task.function else None
    return factory is not None and is_once(hub, factory)


def is_once(hub: Semantics, decorator: Function) -> bool:
    """Whether a decorator of the project tests or locks something before it runs what it decorates."""
    if _ONCE.search(decorator.name) or decorator.mentions(_ONCE_WORDS):
        return True
    return any(
        locks.names_lock(item.context_expr) for n in walk(decorator.node) if isinstance(n, ast.With) for item in n.items
    )


def is_declared(hub: Semantics, call: Call) -> bool:
    """Whether a call is of a guard that the configuration names."""
    declared = hub.settings.idempotency_guards
    if not declared:
        return False
    for callee in call.callee.alternatives():
        if isinstance(callee, FunctionValue) and _dotted(callee.function) in declared:
            return True
        if isinstance(callee, External) and callee.path in declared:
            return True
        if isinstance(callee, ClassValue) and callee.cls.dotted in declared:
            return True
    return False


def _dotted(function: Function) -> str:
    return f"{function.module.name}.{function.qualname}"


__all__ = ["is_guarded"]
