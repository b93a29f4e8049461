"""Tests that ask whether the work of a run has been done before.

A test asks so by the name of a column or variable, by a column that the run
itself sets, by a question to the database or a cache, or through a property,
a helper or a context manager that does one of these, found by reading it. A
question only silences, so that a name that says so is enough where nothing
else can be read.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class, Function
from celery_lint.project.syntax import last_name, walk
from celery_lint.semantics.inference.values import (
    BoundMethod,
    Collection,
    Constant,
    External,
    Field,
    FunctionValue,
    Instance,
    ManagerValue,
    ModelValue,
    Parameter,
    QuerySetValue,
    TaskRequest,
    Unknown,
    Value,
    may_be_row,
)
from celery_lint.semantics.model import FunctionFlow

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
# What a cursor or a result tells of the statement before (PEP 249), and a statement that may find nothing to change.
_ANSWERS = frozenset({"fetchone", "fetchall", "fetchval", "scalar", "scalar_one_or_none", "one_or_none"})
_EXECUTE = frozenset({"execute"})
_CHANGES = re.compile(r"\s*(?:insert|update|delete|merge)\b", re.IGNORECASE)
_STORES = ("redis", "cache", "memcache")
_COUNTS = frozenset({"count", "acount"})
_HAS = frozenset({External("builtins.hasattr"), External("builtins.getattr")})
MAX_DOWN = 2


class Questions:
    """What tests ask in a run that sets the columns `written`, by which it may mark its work as done."""

    def __init__(self, hub: Semantics, written: frozenset[str]) -> None:
        self._hub = hub
        self._written = written

    def is_state_test(self, test: ast.expr, holds: bool, flow: FunctionFlow, depth: int = MAX_DOWN) -> bool:
        """Whether a test asks if the work has been done, so that a second run takes the other way."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            return self.is_state_test(test.operand, not holds, flow, depth)
        if isinstance(test, ast.BoolOp):
            return any(self.is_state_test(part, holds, flow, depth) for part in test.values)
        if isinstance(test, ast.Compare) and isinstance(test.ops[0], (ast.Is, ast.IsNot)):
            left = test.left
            if isinstance(left, (ast.Name, ast.NamedExpr)) and may_be_row(flow.value(left)):
                return isinstance(test.ops[0], ast.Is) == holds  # goes on only where there is no row yet
        if isinstance(test, (ast.Name, ast.NamedExpr)) and may_be_row(flow.value(test)):
            return not holds
        if is_empty_test(test, holds) or finds_none(test, holds, flow):
            return True
        if any(self._column_tells(column, flow, depth) for column in columns(test)):
            return True
        for node in walk(test):
            if isinstance(node, ast.Call):
                if self.asks(node, flow, depth):
                    return True
            elif isinstance(node, ast.Name):
                if names_state(node.id) or (depth > 0 and self._comes_from_question(node.id, flow)):
                    return True
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and names_state(node.value):
                return True
        return False

    def _column_tells(self, column: ast.Attribute, flow: FunctionFlow, depth: int) -> bool:
        """Whether an attribute says it: by its name, as what the run sets, or by the body of its property."""
        if names_state(column.attr) or column.attr in self._written or column.attr == "rowcount":
            return True
        if any(isinstance(v, TaskRequest) for v in flow.value(column.value).alternatives()):
            return True
        return depth > 0 and any(self.answers(p, depth - 1) for p in self._properties(column, flow))

    def _properties(self, column: ast.Attribute, flow: FunctionFlow) -> Iterator[Function]:
        """The functions of the project that may compute an attribute."""
        for value in flow.value(column.value).alternatives():
            cls = value.model if isinstance(value, ModelValue) else value.cls if isinstance(value, Instance) else None
            if isinstance(cls, Class):
                function = self._hub.classes.function(cls, column.attr)
                if function is not None:
                    yield function
            elif isinstance(value, (Parameter, Field, Unknown)):
                yield from self._hub.calls.family(column.attr)

    def asks(self, node: ast.Call, flow: FunctionFlow, depth: int = MAX_DOWN) -> bool:
        """Whether a call asks the database, a cache or a helper if the work has been done."""
        func = node.func
        name = last_name(func)
        if names_state(name) and name not in ("first", "last", "created", "new"):
            return True
        for callee in flow.value(func).alternatives():
            receiver = getattr(callee, "receiver", None)
            if isinstance(receiver, (ManagerValue, QuerySetValue, ModelValue)) and name in _ASKING:
                return True
            path = callee.path if isinstance(callee, External) else ""
            if isinstance(receiver, Instance) and isinstance(receiver.cls, str):
                path = receiver.cls
            if any(s in path.lower() for s in _STORES):
                return True
        if name in _ANSWERS and changes_rows(flow):
            return True
        event = flow.events.get(node)
        if event is not None and depth > 0:
            if any(self.answers(t.function, depth - 1) for t in self._hub.calls.targets(event)):
                return True
        return name in _ASKING - {"set", "add", "update", "contains"}

    def answers(self, function: Function, depth: int) -> bool:
        """Whether what a function gives says if the work has been done: a state, or yes or no after a question."""
        key = ("answers", function, depth, self._written)
        return self._hub.memo.get(key, self._answers, False, function, depth)

    def _answers(self, function: Function, depth: int) -> bool:
        flow = self._hub.flow(function)
        given = [(n.value if isinstance(n, ast.Return) else n, value) for n, value in flow.returns]
        given += [(n.value, value) for n, value, _ in flow.yields if isinstance(n, ast.Yield)]
        if any(self._gives_state(node, flow, depth) for node, _ in given if isinstance(node, ast.expr)):
            return True
        if not any(value in (Constant(True), Constant(False)) for _, value in given):
            return False
        return any(self.asks(c.node, flow, depth) for c in flow.calls) or any(
            self._gives_state(early.test, flow, depth) for early in flow.exits
        )

    def _gives_state(self, given: ast.expr, flow: FunctionFlow, depth: int) -> bool:
        """Whether an expression holds a column that says it, or the answer of a question."""
        for column in columns(given):
            is_method = isinstance(flow.value(column), (FunctionValue, BoundMethod))
            if not is_method and column.attr.islower() and self._column_tells(column, flow, depth):
                return True
        for node in walk(given):
            if isinstance(node, ast.Call) and self.asks(node, flow, depth):
                return True
            if isinstance(node, ast.Name) and depth > 0 and self._comes_from_question(node.id, flow):
                return True
        return False

    def _comes_from_question(self, name: str, flow: FunctionFlow) -> bool:
        """Whether a variable holds the answer of a question: `added = cache.add(...)`."""
        for given in flow.assigned(name):
            if any(isinstance(n, ast.Call) and self.asks(n, flow, 1) for n in walk(given)):
                return True
            if any(names_state(n.attr) for n in columns(given)):
                return True
        return any(
            self.answers(function, 1)
            for expression in flow.entered(name)
            for function in self._hub.calls.entering(expression, flow)
        )

    # Helpers that end the run

    def refuses(self, function: Function, depth: int = MAX_DOWN) -> bool:
        """Whether a function raises where the work has been done."""
        key = ("refuses", function, depth, self._written)
        return self._hub.memo.get(key, self._refuses, False, function, depth)

    def _refuses(self, function: Function, depth: int) -> bool:
        flow = self._hub.flow(function)
        for early in flow.exits:
            if isinstance(early.node, ast.If):
                for block, holds in ((early.node.body, False), (early.node.orelse, True)):
                    if block and isinstance(block[-1], ast.Raise):
                        if self.is_state_test(early.test, holds, flow, depth - 1):
                            return True
        if any(refused(handler) and isinstance(handler.body[-1], ast.Raise) for handler, _, _, _ in flow.handlers):
            return True
        return depth > 0 and any(
            self.refuses(target.function, depth - 1)
            for call in flow.calls
            if call.frame is flow.root
            for target in self._hub.calls.targets(call)
            if not target.deferred
        )


def refused(handler: ast.ExceptHandler) -> bool:
    """Whether a handler is for what the database raises when a row is there already."""
    return handler.type is not None and "IntegrityError" in ast.unparse(handler.type)


def written_columns(hub: Semantics, flow: FunctionFlow, depth: int = MAX_DOWN) -> frozenset[str]:
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


def changes_rows(flow: FunctionFlow) -> bool:
    """Whether a body changes rows by a statement in SQL, which answers how many, or with what it changed."""
    if flow.function is None or not flow.function.mentions(_EXECUTE):
        return False
    return any(
        isinstance(n, ast.Constant) and isinstance(n.value, str) and _CHANGES.match(n.value) is not None
        for call in flow.calls
        if call.name in _EXECUTE
        for arg in call.args[:1]
        for given in ([arg.node] if not isinstance(arg.node, ast.Name) else flow.assigned(arg.node.id))
        for n in walk(given)
    )


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


def finds_none(test: ast.expr, holds: bool, flow: FunctionFlow) -> bool:
    """Whether the run goes on only while there are no rows, or too few: `if order.parcels.count() == 0:`."""
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        return counts(test.left, flow) and goes_on_below(test.ops[0], test.comparators[0], holds)
    if holds:
        return False
    if isinstance(test, ast.Call) and flow.value(test.func) in _HAS:  # a related row: `hasattr(order, "receipt")`
        return bool(test.args) and may_be_row(flow.value(test.args[0]))
    return counts(test, flow) or are_rows(flow.value(test))


def goes_on_below(op: ast.cmpop, limit: ast.expr, holds: bool) -> bool:
    """Whether the outcome of comparing a number with a limit means that the number is below it, or zero."""
    if isinstance(op, (ast.Lt, ast.LtE)):
        return holds
    if isinstance(op, (ast.Gt, ast.GtE)):
        return not holds
    if not isinstance(op, (ast.Eq, ast.NotEq)):
        return False
    is_zero = isinstance(limit, ast.Constant) and limit.value == 0
    return (isinstance(op, ast.Eq) == holds) == is_zero


def counts(node: ast.expr, flow: FunctionFlow) -> bool:
    """Whether an expression is the number of some rows, or a variable that holds it."""
    if isinstance(node, ast.Name):
        return any(counts(given, flow) for given in flow.assigned(node.id) if not isinstance(given, ast.Name))
    if isinstance(node, ast.NamedExpr):
        return counts(node.value, flow)
    if isinstance(node, ast.Await):
        node = node.value
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Attribute):
        # Without an argument only querysets and managers count.
        return node.func.attr in _COUNTS and not node.args
    return flow.value(node.func) == External("builtins.len") and any(are_rows(flow.value(a)) for a in node.args)


def are_rows(value: Value) -> bool:
    """Whether a value is a number of rows: a queryset, or a list of its rows."""
    return any(
        isinstance(v, QuerySetValue) or (isinstance(v, Collection) and may_be_row(v.element))
        for v in value.alternatives()
    )


def names_state(name: str) -> bool:
    """Whether a name says that something has been done, or when."""
    return name not in _NO_STATE and _STATE.search(name) is not None


__all__ = ["Questions", "are_rows", "columns", "names_state", "refused", "written_columns"]
