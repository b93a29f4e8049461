"""Branches that a call switches off: `save(notify=False)`, where the body says `if notify: task.delay(...)`."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING

from celery_lint.project.modules import Function
from celery_lint.project.syntax import walk
from celery_lint.semantics.inference.values import Constant, FunctionValue
from celery_lint.semantics.model import Call, FunctionFlow

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

Switches = Mapping[str, bool]
NO_SWITCHES: Switches = {}


def switches(hub: Semantics, call: Call, function: Function) -> Switches:
    """The parameters which the function tests and the call sets to a constant, by their defaults too: name to truth."""
    names = tested(hub, function)
    if not names or not all(isinstance(c, FunctionValue) for c in call.callee.alternatives()):
        return NO_SWITCHES
    given = {name: hub.passed(call, function, name) for name in sorted(names)}
    return {name: bool(value.value) for name, value in given.items() if isinstance(value, Constant)}


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
    """What a test comes to, as far as the known parameters decide it."""
    if isinstance(test, ast.Name):
        return known.get(test.id)
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
