"""Whether a task's result is known to be there: somebody has asked before it is fetched."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.modules import Function
from celery_lint.project.syntax import children, dotted_name, own_nodes, walk
from celery_lint.semantics.dispatching.inline import is_trial
from celery_lint.semantics.inference.values import External, Field, FunctionValue, ResultValue, Unknown, Value
from celery_lint.semantics.model import Call, FunctionFlow

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# What tells whether the result is there already (celery/result.py). `result` and `info` are None before.
_ASKING = frozenset({"ready", "successful", "failed", "state", "status", "result", "info", "maybe_throw"})
_MAKING = frozenset({"AsyncResult", "GroupResult"})
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)


def is_known_ready(hub: Semantics, call: Call) -> bool:
    """Whether somebody asks for the state of a result before a call that fetches it."""
    if _is_asked_before(hub, call):
        return True
    function = call.flow.function
    sites = hub.calls.callers(function) if function is not None else None
    return bool(sites) and all(_is_asked_before(hub, site.call) for site in sites or ())


def _is_asked_before(hub: Semantics, call: Call) -> bool:
    """Whether the function in which a call stands asks first.

    Of a nested function nobody knows when it runs: there it is enough that the one around it asks.
    """
    function = call.flow.function
    if function is None:
        return False
    if function.parent is not None and _asks_anywhere(hub.flow(function.parent)):
        return True
    asked = _Asked(call, function)
    return any(is_trial(test) or asked.by(test) for test in asked.tests())


class _Asked:
    """What is asked in a function before a call of it."""

    def __init__(self, call: Call, function: Function) -> None:
        self._call = call
        self._flow = call.flow
        self._body = function.body
        func = call.node.func
        self._receiver = func.value if isinstance(func, ast.Attribute) else None
        self._text = ast.unparse(func.value) if isinstance(func, ast.Attribute) else ""
        self._given = _given(function.body)

    def tests(self) -> Iterator[ast.expr]:
        """The tests that decide whether the call runs, and what the result was taken from."""
        call = self._call
        if self._receiver is not None:
            yield self._receiver  # `next(r for r in results if r.ready())`
        for early in call.flow.exits:
            if early.index <= call.index and early.frame.encloses(call.frame):
                yield early.test
        around = {child: node for node in own_nodes(self._body) for child in children(node)}
        node: ast.AST = call.node
        while node in around:
            yield from _tests_of(around[node], node)
            yield from _before(_block_of(around[node], node), node)
            node = around[node]
        yield from _before(self._body, node)

    def by(self, test: ast.expr, seen: frozenset[str] = frozenset()) -> bool:
        """Whether a test asks, itself or through the variables in it."""
        for node in walk(test):
            if isinstance(node, ast.Call):
                if self._by_helper(node):
                    return True
            elif isinstance(node, (ast.Name, ast.Attribute)):
                if isinstance(node, ast.Attribute) and node.attr in _ASKING and self._is_result(node.value):
                    return True
                name = dotted_name(node)
                if name is not None and name not in seen:
                    if any(self.by(value, seen | {name}) for value in self._given.get(name, ())):
                        return True
        return False

    def _is_result(self, node: ast.expr) -> bool:
        return _may_be_result(self._flow.value(node)) or ast.unparse(node) == self._text

    def _by_helper(self, node: ast.Call) -> bool:
        """Whether a function that is called may ask: one that gets the result, or makes one itself."""
        call = self._flow.events.get(node)
        if call is None:
            return False
        is_given = any(self._is_result(arg.node) for arg in call.args)
        for callee in call.callee.alternatives():
            if isinstance(callee, FunctionValue):
                if callee.function.mentions(_ASKING) and (is_given or callee.function.mentions(_MAKING)):
                    return True
            elif is_given and isinstance(callee, (Unknown, Field, External)) and not _is_builtin(callee):
                return True
        return False


def _asks_anywhere(flow: FunctionFlow) -> bool:
    return any(
        isinstance(node, ast.Attribute) and node.attr in _ASKING and _may_be_result(flow.value(node.value))
        for node in flow.values
    )


def _may_be_result(value: Value) -> bool:
    return any(isinstance(one, ResultValue) for one in value.alternatives())


def _is_builtin(value: Value) -> bool:
    return isinstance(value, External) and value.path.startswith("builtins.")


def _tests_of(around: ast.AST, node: ast.AST) -> Sequence[ast.expr]:
    """The tests by which a node decides whether another, directly in it, runs."""
    if isinstance(around, (ast.If, ast.IfExp, ast.While)):
        return [around.test] if node is not around.test else []
    if isinstance(around, ast.BoolOp):
        return around.values[: around.values.index(node)]  # type: ignore[arg-type]
    if isinstance(around, _COMPREHENSIONS):
        return [test for generator in around.generators for test in generator.ifs if generator is not node]
    if isinstance(around, ast.Match):
        return [around.subject] if node is not around.subject else []
    if isinstance(around, ast.match_case):
        return [around.guard] if around.guard is not None else []
    return []


def _block_of(around: ast.AST, node: ast.AST) -> Sequence[ast.AST]:
    """The statements of a node among which another stands."""
    blocks = (getattr(around, name, None) for name in ("body", "orelse", "finalbody"))
    return next((block for block in blocks if isinstance(block, list) and node in block), ())


def _before(block: Sequence[ast.AST], node: ast.AST) -> Iterator[ast.expr]:
    """The tests of the loops and assertions that stand before a statement, whose outcome holds behind them."""
    for statement in block:
        if statement is node:
            return
        if isinstance(statement, (ast.While, ast.Assert)):
            yield statement.test


def _given(body: Sequence[ast.stmt]) -> Mapping[str, Sequence[ast.expr]]:
    """What the variables of a body are made of, by the names of the variables."""
    found: dict[str, list[ast.expr]] = {}
    for node in own_nodes(body):
        if isinstance(node, ast.Assign):
            targets: Sequence[ast.expr] = node.targets
            value: ast.expr | None = node.value
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign, ast.NamedExpr)):
            targets, value = [node.target], node.value
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
            targets, value = [node.target], node.iter
        else:
            continue
        for target in targets:
            for part in target.elts if isinstance(target, (ast.Tuple, ast.List)) else (target,):
                while isinstance(part, (ast.Subscript, ast.Starred)):
                    part = part.value
                name = dotted_name(part)
                if name is not None and value is not None:
                    found.setdefault(name, []).append(value)
    return found
