"""What the outcome of a test says of a variable: `isinstance(order, Order)`, `if order is None`, `if order`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from celery_lint.project.syntax import dotted_name, last_name, own_nodes, walk
from celery_lint.semantics.inference.values import (
    NONE,
    UNKNOWN,
    ClassValue,
    Collection,
    External,
    Field,
    Instance,
    ModelValue,
    Moment,
    Parameter,
    Scalar,
    Union,
    Unknown,
    Value,
    union,
)

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics
    from celery_lint.semantics.inference.expressions import Evaluator

_KEYS = frozenset({"pk", "id"})
# Functions that say whether a time has a zone, and what they answer then (django/utils/timezone.py).
_ASKING_FOR_ZONE = {"is_aware": True, "is_naive": False}
_ZONED = Moment("datetime.datetime", clock="aware")


def narrow(run: Evaluator, test: ast.expr, outcome: bool) -> None:
    """Use what a test's outcome says of a variable."""
    read = _TESTS.get(test.__class__)
    if read is not None:
        read(run, test, outcome)


def _by_negation(run: Evaluator, test: ast.UnaryOp, outcome: bool) -> None:
    if isinstance(test.op, ast.Not):
        narrow(run, test.operand, not outcome)


def _by_parts(run: Evaluator, test: ast.BoolOp, outcome: bool) -> None:
    if isinstance(test.op, ast.And) == outcome:
        for part in test.values:
            narrow(run, part, outcome)
    elif (subject := tested(test)) is not None and (path := dotted_name(subject)) is not None:
        # `if not (x and isinstance(x, C))`: the first part fails, or it holds and the second fails, ...
        before, outcomes = run.names, []
        for index, part in enumerate(test.values):
            run.names = dict(before)
            for earlier in test.values[:index]:
                narrow(run, earlier, not outcome)
            narrow(run, part, outcome)
            outcomes.append(value_of(run, path, subject))
        run.names = before
        run.learn(path, union(*outcomes))


def _by_call(run: Evaluator, test: ast.Call, outcome: bool) -> None:
    if len(test.args) == 1 and last_name(test.func) in _ASKING_FOR_ZONE:
        path = dotted_name(test.args[0])
        if path is not None and outcome == _ASKING_FOR_ZONE[last_name(test.func)]:
            narrow_zoned(run, path)
    if not isinstance(test.func, ast.Name) or len(test.args) != 2:
        return
    subject, second = test.args
    path = dotted_name(subject)
    if path is None:
        return
    if test.func.id == "isinstance":
        narrow_instance(run, path, value_of(run, path, subject), run.eval_quietly(second), outcome)
    elif test.func.id == "hasattr" and not outcome and _of_row(second):
        exclude_rows(run, path, subject)


def _by_comparison(run: Evaluator, test: ast.Compare, outcome: bool) -> None:
    left, right = test.left, test.comparators[0]
    if len(test.ops) != 1 or not isinstance(test.ops[0], (ast.Is, ast.IsNot, ast.Eq, ast.NotEq)):
        return
    holds = isinstance(test.ops[0], (ast.Is, ast.Eq)) == outcome
    if isinstance(right, ast.Constant) and right.value is None:
        path = dotted_name(left)
        if path is not None and isinstance(test.ops[0], (ast.Is, ast.IsNot)):
            narrow_none(run, path, left, holds)
    elif isinstance(left, ast.Call) and isinstance(left.func, ast.Name) and left.func.id == "type":
        path = dotted_name(left.args[0]) if len(left.args) == 1 else None
        if path is not None:
            narrow_instance(run, path, value_of(run, path, left.args[0]), run.eval_quietly(right), holds)


def _by_name(run: Evaluator, test: ast.Name | ast.Attribute, outcome: bool) -> None:
    path = dotted_name(test)
    if path is not None:
        narrow_none(run, path, test, not outcome, is_truth=True)


def _by_assignment(run: Evaluator, test: ast.NamedExpr, outcome: bool) -> None:
    _by_name(run, test.target, outcome)


def value_of(run: Evaluator, path: str, node: ast.expr) -> Value:
    """What is known of a variable, or of an attribute of one."""
    return run.names[path] if path in run.names else run.eval_quietly(node)


def narrow_instance(run: Evaluator, path: str, value: Value, classes: Value, outcome: bool) -> None:
    """Take in that a variable holds an instance of one of the classes, or of none of them."""
    wanted = members(classes)
    if outcome:
        kept = [v for v in value.alternatives() if any(run.hub.is_instance(v, c) for c in wanted)]
        if kept:
            run.learn(path, union(*kept))
        elif isinstance(value, (Unknown, Parameter, Field, Union)):
            run.learn(path, union(*(instance_of(c, run.hub) for c in wanted)))
    else:
        kept = [v for v in value.alternatives() if not any(run.hub.is_instance(v, c) for c in wanted)]
        if any(run.hub.is_of_rows(c) for c in wanted):
            # What callers give is none of their rows here.
            kept = [UNKNOWN if isinstance(v, (Parameter, Field)) else v for v in kept]
        run.learn(path, union(*kept) if kept else UNKNOWN)


def exclude_rows(run: Evaluator, path: str, node: ast.expr) -> None:
    """Take in that a variable holds no row, whatever callers give."""
    kept = [v for v in value_of(run, path, node).alternatives() if not isinstance(v, ModelValue)]
    run.learn(path, union(*(UNKNOWN if isinstance(v, (Parameter, Field)) else v for v in kept)))


def narrow_zoned(run: Evaluator, path: str) -> None:
    """Take in that a variable holds a time with a zone."""
    if path in run.names:
        kinds = run.names[path].alternatives()
        run.learn(path, union(*(_ZONED if isinstance(v, (Moment, Parameter, Unknown)) else v for v in kinds)))


def narrow_none(run: Evaluator, path: str, node: ast.expr, is_none: bool, is_truth: bool = False) -> None:
    """Take in that a variable is None or not; with `is_truth`, that it is false or true."""
    if is_none and not is_truth:
        run.learn(path, NONE)
        return
    if not is_none and isinstance(node, ast.Attribute) and node.attr == "tzinfo":
        narrow_zoned(run, path.removesuffix(".tzinfo"))
    value = value_of(run, path, node)
    if is_none and value is not UNKNOWN:
        kept = [*falsy(value)]
        run.learn(path, union(*kept) if kept else NONE)
    elif not is_none and value.__class__ is Union:
        kept = [v for v in value.members if v != NONE]
        if len(kept) < len(value.members):
            run.learn(path, union(*kept))


def falsy(value: Value) -> Iterator[Value]:
    """What a value may be where it is not true: no row and no object of a class without a say in it."""
    for kind in value.alternatives():
        if isinstance(kind, (Parameter, Field)):
            yield UNKNOWN  # not what the caller gives, whose rows are true
        elif not isinstance(kind, (ModelValue, Instance)):
            yield kind


def narrow_missing(run: Evaluator, body: Sequence[ast.stmt]) -> None:
    """After an AttributeError, what the body asked for its key was no row."""
    for node in own_nodes(body):
        if isinstance(node, ast.Attribute) and node.attr in _KEYS:
            path = dotted_name(node.value)
            if path is not None:
                exclude_rows(run, path, node.value)


def class_of(run: Evaluator, pattern: ast.pattern) -> Value | None:
    """The class that a pattern asks for: `case Order():`, `case Order(paid=True) as order:`."""
    if isinstance(pattern, ast.MatchAs) and pattern.pattern is not None:
        return class_of(run, pattern.pattern)
    return run.eval_quietly(pattern.cls) if isinstance(pattern, ast.MatchClass) else None


def tested(test: ast.expr) -> ast.expr | None:
    """The one variable, or attribute of one, that every part of a test is about."""
    if isinstance(test, ast.BoolOp):
        subjects = [tested(part) for part in test.values]
        paths = {dotted_name(subject) if subject is not None else None for subject in subjects}
        return subjects[0] if len(paths) == 1 else None
    if isinstance(test, ast.UnaryOp):
        return tested(test.operand)
    if isinstance(test, ast.Compare):
        return tested(test.left)
    if isinstance(test, ast.Call):
        is_known = isinstance(test.func, ast.Name) and test.func.id in ("isinstance", "hasattr", "type") and test.args
        return test.args[0] if is_known else None
    return test


def asks_for_more(pattern: ast.pattern) -> bool:
    """Whether a class pattern may fail for an instance of its class."""
    return any(isinstance(part, ast.MatchClass) and (part.patterns or part.kwd_patterns) for part in walk(pattern))


def _of_row(name: ast.expr) -> bool:
    return isinstance(name, ast.Constant) and name.value in (*_KEYS, "_meta", "save")


def members(classes: Value) -> Sequence[Value]:
    """The classes of a tuple of them, as `isinstance` and `except` take it; a single one by itself."""
    return classes.items if isinstance(classes, Collection) and classes.items is not None else (classes,)


def instance_of(classes: Value, hub: Semantics | None = None) -> Value:
    """An instance of a class, or of any of a tuple of classes."""
    if isinstance(classes, Collection) and classes.items is not None:
        return union(*(instance_of(c, hub) for c in classes.items))
    if isinstance(classes, ClassValue):
        if hub is not None and hub.classes.is_model(classes.cls):
            return ModelValue(classes.cls)
        return Instance(classes.cls)
    if isinstance(classes, External):
        if classes.path in ("builtins.str", "builtins.int", "builtins.float", "builtins.bool"):
            return Scalar(classes.path.removeprefix("builtins."))
        if hub is not None and hub.classes.is_model(classes.path):
            return ModelValue(classes.path)
        return Instance(classes.path)
    return UNKNOWN


_TESTS: Mapping[type[ast.expr], Callable[[Evaluator, Any, bool], None]] = {
    ast.UnaryOp: _by_negation,
    ast.BoolOp: _by_parts,
    ast.Call: _by_call,
    ast.Compare: _by_comparison,
    ast.Name: _by_name,
    ast.Attribute: _by_name,
    ast.NamedExpr: _by_assignment,
}
