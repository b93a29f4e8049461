"""What keeps an effect from happening twice when a task runs again.

Known guards: a test of a status, a date or a flag; `exists()`; a conditional
`update()` whose count is tested; `get_or_create`; `cache.add`, `set(nx=True)`;
locks; idempotency keys; a test of `self.request.retries`; a row that the
database refuses to make twice, or that is asked for first; celery-once and
celery-singleton as base classes; decorators, helpers and context managers that
do one of these, found by reading them. A guard only silences, so that a name that says so is
enough where nothing else can be read.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class, Function
from celery_lint.project.syntax import last_name, own_nodes, walk
from celery_lint.semantics.inference.returning import argument_for
from celery_lint.semantics.inference.values import (
    ClassValue,
    Constant,
    External,
    FunctionValue,
    Instance,
    ManagerValue,
    Parameter,
    QuerySetValue,
    TaskRequest,
    Value,
    may_be_row,
)
from celery_lint.semantics.model import Argument, Call, Frame, FunctionFlow, Task
from celery_lint.semantics.retries import locks
from celery_lint.semantics.retries.questions import (
    MAX_DOWN,
    Questions,
    are_rows,
    columns,
    names_state,
    refused,
    written_columns,
)

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

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
_FILTERS = frozenset({"get", "filter", "exclude", "aget", "get_object_or_404", "filter_by", "where", "first", "Q"})
# What says that there is no such row: Django's own, SQLAlchemy's.
_MISSING = re.compile(r"DoesNotExist|NoResultFound")


def is_guarded(hub: Semantics, path: Sequence[Call], task: Task) -> bool:
    """Whether a guard stands before the effect that a path of calls leads to."""
    if runs_once(hub, task) or has_key(path):
        return True
    questions = Questions(hub, frozenset().union(*(written_columns(hub, call.flow) for call in path)))
    return any(_is_guarded_at(hub, call, task, questions) for call in path)


def runs_once(hub: Semantics, task: Task) -> bool:
    """Whether the task's class keeps two runs apart: celery-once, celery-singleton, the project's own."""
    if any(name in task.options for name in ("once", "unique_on", "lock_expiry")):
        return True
    base = task.options.get("base")
    names: list[str] = [base.value.path] if base is not None and isinstance(base.value, External) else []
    cls = hub.tasks.class_of(task)
    if cls is not None:
        names += [a if isinstance(a, str) else a.name for a in hub.classes.ancestors(cls)]
    return any(_ONCE.search(n.rpartition(".")[2]) for n in names)


def has_key(path: Sequence[Call]) -> bool:
    """Whether a call on the way passes a key by which the other side knows a repetition."""
    for index, call in enumerate(path):
        for arg in call.args:
            if arg.keyword and _KEYS.search(arg.keyword):
                if index == 0 or not _is_left_out(arg, call.flow, path[index - 1]):
                    return True
                continue
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


def _is_left_out(arg: Argument, flow: FunctionFlow, caller: Call) -> bool:
    """Whether an argument is a parameter that the caller does not give, and that is None then."""
    function, node = flow.function, arg.node
    if function is None or not isinstance(node, ast.Name) or any(flow.assigned(node.id)):
        return False
    given = [
        argument_for(callee, Parameter(function, node.id), caller.args)
        for callee in caller.callee.alternatives()
        if isinstance(callee, FunctionValue) and callee.function is function
    ]
    return bool(given) and all(one == Constant(None) for one in given)


def _is_guarded_at(hub: Semantics, call: Call, task: Task, questions: Questions) -> bool:
    flow = call.flow
    if flow.function is not None and guards_by_decorator(hub, flow.function, task):
        return True
    if locks.is_locked(hub, flow, call.frame) or locks.takes_lock(flow, call.index):
        return True
    before = [c for c in flow.calls if c.index < call.index]
    if any(is_declared(hub, c) or filters_by_state(hub, c) for c in flow.calls if c in before or _holds(call, c)):
        return True
    if any(questions.is_state_test(test, holds, flow) for test, holds in conditions(call)):
        return True
    if any(_refuses(hub, c, questions) and leads_past(c, call) for c in before):
        return True
    return in_search(call) or is_refused(call) or is_asked_for(call)


def _refuses(hub: Semantics, call: Call, questions: Questions) -> bool:
    """Whether a call of a helper, or entering a context manager, raises where the work has been done."""
    run = [t.function for t in hub.calls.targets(call) if not t.deferred]
    if any(expression is call.node for expression, _, _, _ in call.flow.withs):
        run += hub.calls.entering(call.node, call.flow)
    return any(questions.refuses(function) for function in run)


def leads_past(earlier: Call, call: Call) -> bool:
    """Whether a place is reached only past an earlier call that has not raised."""
    for frame in earlier.frame.chain():
        if frame.encloses(call.frame):
            return True
        if frame.kind in ("try", "else") and isinstance(frame.node, ast.Try):
            if not all(leaves(handler.body) for handler in frame.node.handlers):
                return False
        elif frame.kind not in ("with", "atomic", "finally") or frame.detail == Instance("contextlib.suppress"):
            return False
    return False


def leaves(block: Sequence[ast.stmt]) -> bool:
    """Whether a block ends by leaving the function or the loop's turn."""
    return bool(block) and isinstance(block[-1], (ast.Return, ast.Raise, ast.Continue, ast.Break))


def is_refused(call: Call) -> bool:
    """Whether the database refuses a second run: `except IntegrityError` round the effect, or before it."""
    return any(
        refused(handler)
        and (_stands_in(call, statement, "try", "else") or (leaves(handler.body) and _comes_after(call, statement)))
        for handler, statement, _, _ in call.flow.handlers
    )


def is_asked_for(call: Call) -> bool:
    """Whether the run goes on only where a row is missing that was asked for: `except Receipt.DoesNotExist`."""
    for handler, statement, frame, _ in call.flow.handlers:
        if handler.type is None or not _MISSING.search(ast.unparse(handler.type)):
            continue
        inside = frame.encloses(call.frame)
        if leaves(statement.orelse or statement.body) and (inside or _comes_after(call, statement)):
            return True
        if inside and _makes_what_is_missing(call, statement):
            return True
    return False


def _makes_what_is_missing(call: Call, statement: ast.Try) -> bool:
    """Whether the run makes a row of a model for which the `try` around has asked."""
    asked = [_queried(c) for c in call.flow.calls if _stands_in(c, statement, "try")]
    return any(
        c.name in ("create", "acreate") and _queried(c) in asked
        for c in call.flow.calls
        if c.index >= call.index and _queried(c) is not None
    )


def _queried(call: Call) -> Class | str | None:
    """The model whose manager or queryset a call asks."""
    for callee in call.callee.alternatives():
        receiver = getattr(callee, "receiver", None)
        if isinstance(receiver, (ManagerValue, QuerySetValue)):
            return receiver.model
    return None


def _stands_in(call: Call, statement: ast.Try, *kinds: str) -> bool:
    """Whether a call stands in one of these blocks of a `try`."""
    return any(f.node is statement and f.kind in kinds for f in call.frame.chain())


def _comes_after(call: Call, statement: ast.Try) -> bool:
    """Whether a call is reached past a whole `try`."""
    around = call.flow.frames.get(statement)
    return (
        around is not None
        and around.encloses(call.frame)
        and call.node.lineno > (statement.end_lineno or statement.lineno)
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


def filters_by_state(hub: Semantics, call: Call, depth: int = MAX_DOWN) -> bool:
    """Whether a query leaves out what has been done: `filter(pk=pk, sent=False)`, or a helper that makes one."""
    if call.name in _FILTERS and any(_tells_state(arg, call.flow) for arg in call.args):
        for callee in call.callee.alternatives():
            if isinstance(getattr(callee, "receiver", None), (ManagerValue, QuerySetValue)):
                return True
            if isinstance(callee, External):
                return True
    if depth <= 0 or (_queried(call) is None and not may_be_row(call.result) and not are_rows(call.result)):
        return False
    return any(_filters(hub, target.function, depth - 1) for target in hub.calls.targets(call) if not target.deferred)


def _filters(hub: Semantics, function: Function, depth: int) -> bool:
    """Whether a function that gives rows leaves out what has been done."""

    def search() -> bool:
        return any(filters_by_state(hub, call, depth) for call in hub.flow(function).calls)

    return hub.memo.get(("filters by state", function, depth), search, False)


def _tells_state(arg: Argument, flow: FunctionFlow) -> bool:
    """Whether a query's condition is about a state: `sent=False`, SQLAlchemy's `Invoice.sent_at.is_(None)`."""
    if arg.keyword:
        return _state_keyword(arg.keyword, arg.value)
    return any(names_state(c.attr) and isinstance(flow.value(c.value), ClassValue) for c in columns(arg.node))


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
                is_once(hub, value.function) or value.function.dotted in hub.settings.idempotency_guards
            ):
                return True
            if isinstance(value, External) and (
                _ONCE.search(value.path) or value.path in hub.settings.idempotency_guards
            ):
                return True
            if isinstance(value, ClassValue) and _ONCE.search(value.cls.name):
                return True
        name = last_name(node)
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
        if isinstance(callee, FunctionValue) and callee.function.dotted in declared:
            return True
        if isinstance(callee, External) and callee.path in declared:
            return True
        if isinstance(callee, ClassValue) and callee.cls.dotted in declared:
            return True
    return False


__all__ = ["is_guarded"]
