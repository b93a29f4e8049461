"""Branches that a call switches off: `save(notify=False)`, where the body says `if notify: task.delay(...)`.

A row's own `save()` has others: what it does for new rows only, it does not for a row that was read.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from celery_lint.project.modules import Function
from celery_lint.project.syntax import own_nodes, walk
from celery_lint.semantics.frameworks.saving import known_of_saved
from celery_lint.semantics.inference.values import Constant, FunctionValue
from celery_lint.semantics.model import Call, FunctionFlow

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

Switches = Mapping[str, bool]
NO_SWITCHES: Switches = {}


def switches(hub: Semantics, call: Call, function: Function) -> Switches:
    """What a call decides of the tests of the function that it runs: expression to truth.

    These are the parameters that it sets to a constant, by their defaults too, and whether a row that is saved is new.
    """
    saved = known_of_saved(hub, call, function)
    names = tested(hub, function)
    if not (names or saved) or not all(isinstance(c, FunctionValue) for c in call.callee.alternatives()):
        return NO_SWITCHES
    given = {name: hub.passed(call, function, name) for name in sorted(names)}
    known = {name: bool(value.value) for name, value in given.items() if isinstance(value, Constant)}
    return {**known, **saved, **_remembered(function, saved)} if saved else known


def _remembered(function: Function, known: Switches) -> Switches:
    """The variables that keep what is known: `is_new = self._state.adding`."""
    stored = Counter(
        n.id for n in own_nodes(function.body) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)
    )
    kept: dict[str, bool] = {}
    for node in own_nodes(function.body):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, truth = node.targets[0], decided(node.value, known)
            if isinstance(target, ast.Name) and truth is not None and stored[target.id] == 1:
                kept[target.id] = truth
    return kept


def tested(hub: Semantics, function: Function) -> frozenset[str]:
    """The parameters that stand in the test of an `if`, and are never set anew."""

    def search() -> frozenset[str]:
        if not function.parameters or not function.scan.tests:
            return frozenset()
        found = {n.id for n in walk(*function.scan.tests) if isinstance(n, ast.Name)}
        return frozenset(found.intersection(function.parameters) - function.scan.stored)

    return hub.memo.get(("tested", function), search, frozenset())


def is_switched_off(call: Call, flow: FunctionFlow, known: Switches) -> bool:
    """Whether a call inside a function cannot be reached with these parameters."""
    if not known:
        return False
    for frame in call.frame.chain():
        if isinstance(frame.node, ast.If):
            truth = decided(frame.node.test, known)
            if (frame.kind == "if" and truth is False) or (frame.kind == "orelse" and truth is True):
                return True
    return any(
        isinstance(early.node, ast.If)
        and isinstance(early.node.body[-1], (ast.Return, ast.Raise))
        and early.index <= call.index
        and early.frame.encloses(call.frame)
        and decided(early.node.test, known) is True
        for early in flow.exits
    )


def decided(test: ast.expr, known: Switches) -> bool | None:
    """What a test comes to, as far as the known parameters and expressions decide it."""
    if isinstance(test, ast.Name):
        return known.get(test.id)
    if isinstance(test, ast.Attribute):
        return known.get(ast.unparse(test))
    if isinstance(test, ast.Compare):
        return _compared(test, known)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = decided(test.operand, known)
        return None if inner is None else not inner
    if isinstance(test, ast.BoolOp):
        decisive = isinstance(test.op, ast.Or)
        parts = [decided(part, known) for part in test.values]
        if decisive in parts:
            return decisive
        return None if None in parts else not decisive
    return None


def _compared(test: ast.Compare, known: Switches) -> bool | None:
    """What a comparison with None comes to: what is true is not None."""
    is_identity = isinstance(test.ops[0], (ast.Is, ast.IsNot)) and len(test.ops) == 1
    is_with_none = isinstance(test.comparators[0], ast.Constant) and test.comparators[0].value is None
    if not is_identity or not is_with_none or not decided(test.left, known):
        return None
    return isinstance(test.ops[0], ast.IsNot)
