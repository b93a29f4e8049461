"""Project decorators that make a task of the very function that they decorate, and the options that they give it.

`shared_task(base=OurTask, **options)(function)` inside such a decorator makes the same task as
`@shared_task(base=OurTask, ...)` would: its body is the function itself. A decorator that puts a function of its
own in between is not read here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from celery_lint.project.modules import Function, Module
from celery_lint.project.syntax import last_name, walk
from celery_lint.records import record
from celery_lint.semantics.inference.values import UNKNOWN, Constant, Value
from celery_lint.semantics.model import Option, Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

_Def = (ast.FunctionDef, ast.AsyncFunctionDef)


@record()
class Making:
    """How a decorator makes its task."""

    given: tuple[tuple[str, ast.expr], ...]
    """The options that it sets, whatever the task says."""
    defaults: tuple[tuple[str, ast.expr], ...]
    """Those that it sets where the task says nothing."""
    kept: frozenset[str]
    """The keywords that it keeps for itself."""


def making(hub: Semantics, factory: Function) -> Making | None:
    """How a project's decorator makes a task of the function that it decorates; None where that can't be told."""
    return hub.memo.get(("making", factory), lambda: _making(hub, factory), None)


def _making(hub: Semantics, factory: Function) -> Making | None:
    if not isinstance(factory.node, _Def) or factory.decorators:
        return None
    chains = list(_chains(hub, factory))
    if len(chains) != 1:
        return None
    maker, decorated, around = chains[0]
    if around is not factory.node and (around.decorator_list or not _gives_back(factory, around.name)):
        return None
    if decorated is not None and not _is_own_parameter(decorated, around):
        return None
    return _read(factory, maker, {id(s) for body in (factory.node.body, around.body) for s in body})


_Chain = tuple[ast.Call, "ast.Name | None", "ast.FunctionDef | ast.AsyncFunctionDef"]


def _chains(hub: Semantics, factory: Function) -> Iterator[_Chain]:
    """Each call of a task maker whose result a function in the decorator returns.

    With what it decorates (None where the maker itself is returned) and the function around it.
    """
    for around in walk(factory.node):
        if not isinstance(around, _Def):
            continue
        names = {n.value.id for n in walk(around) if isinstance(n, ast.Return) and isinstance(n.value, ast.Name)}
        for statement in around.body:
            if isinstance(statement, ast.Assign):
                is_returned = not names.isdisjoint(t.id for t in statement.targets if isinstance(t, ast.Name))
            else:
                is_returned = isinstance(statement, ast.Return)
            value = statement.value if is_returned and isinstance(statement, (ast.Assign, ast.Return)) else None
            if not isinstance(value, ast.Call):
                continue
            if isinstance(value.func, ast.Call) and hub.tasks.is_maker(value.func.func, factory):
                if len(value.args) == 1 and isinstance(value.args[0], ast.Name) and not value.keywords:
                    if not value.func.args:
                        yield value.func, value.args[0], around
            elif hub.tasks.is_maker(value.func, factory):
                first = value.args[0] if value.args else None
                if first is None or isinstance(first, ast.Starred):
                    yield value, None, around
                elif isinstance(first, ast.Name) and len(value.args) == 1:
                    yield value, first, around


def _gives_back(factory: Function, inner: str) -> bool:
    """Whether a decorator returns nothing but its inner one, called or not, or itself with its own parameters."""
    assert isinstance(factory.node, _Def)
    nested = {id(n) for d in walk(factory.node) if isinstance(d, _Def) and d is not factory.node for n in walk(d)}
    for node in walk(factory.node):
        if not isinstance(node, ast.Return) or id(node) in nested:
            continue
        value = node.value
        if isinstance(value, ast.Call):
            if last_name(value.func) == "partial" and value.args and last_name(value.args[0]) == factory.name:
                if all(isinstance(k.value, ast.Name) and k.arg in (None, k.value.id) for k in value.keywords):
                    continue
            value = value.func
        if not (isinstance(value, ast.Name) and value.id == inner):
            return False
    return True


def _is_own_parameter(name: ast.Name, around: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a variable is what a function was given, and nothing else."""
    return any(a.arg == name.id for a in (*around.args.posonlyargs, *around.args.args)) and not any(
        isinstance(n, ast.Name) and n.id == name.id and isinstance(n.ctx, ast.Store) for n in walk(around)
    )


def _read(factory: Function, maker: ast.Call, always: set[int]) -> Making | None:
    """The options of the maker's call; `always` are the statements that run whenever the decorator is used."""
    collected = factory.node.args.kwarg.arg if factory.node.args.kwarg is not None else None
    given: list[tuple[str, ast.expr]] = []
    for keyword in maker.keywords:
        if keyword.arg is not None:
            given.append((keyword.arg, keyword.value))
        elif not isinstance(keyword.value, ast.Name) or keyword.value.id != collected:
            return None
    defaults: list[tuple[str, ast.expr]] = []
    kept = {a.arg for a in factory.parameters.values() if a.arg != collected}
    read = {id(k.value) for n in walk(factory.node) if isinstance(n, ast.Call) for k in n.keywords if k.arg is None}
    for node in walk(factory.node):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_name(node.func.value, collected):
            word = node.args[0] if node.args else None
            if node.func.attr not in ("get", "pop", "setdefault") or not isinstance(word, ast.Constant):
                return None
            read.add(id(node.func.value))
            if node.func.attr == "pop":
                kept.add(str(word.value))
        elif isinstance(node, ast.Compare):
            read.update(id(one) for one in node.comparators)
    for node in walk(factory.node):
        if not isinstance(node, ast.stmt):
            continue
        changed = _change(node, collected)
        if changed is not None:
            if id(node) not in always:
                return None
            name, value, is_default, receiver = changed
            (defaults if is_default else given).append((name, value))
            read.add(id(receiver))
    if any(_is_name(n, collected) and id(n) not in read for n in walk(factory.node)):
        return None
    return Making(tuple(given), tuple(defaults), frozenset(kept))


def _is_name(node: ast.AST, name: str | None) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _change(node: ast.stmt, collected: str | None) -> tuple[str, ast.expr, bool, ast.expr] | None:
    """The option that `options.setdefault("queue", "mail")` or `options["queue"] = "mail"` sets."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        call = node.value
        if isinstance(call.func, ast.Attribute) and call.func.attr == "setdefault" and len(call.args) == 2:
            word, value = call.args
            if _is_name(call.func.value, collected) and isinstance(word, ast.Constant):
                return str(word.value), value, True, call.func.value
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Subscript):
        target = node.targets[0]
        if _is_name(target.value, collected) and isinstance(target.slice, ast.Constant):
            return str(target.slice.value), node.value, False, target.value
    return None


def add_options(hub: Semantics, task: Task, factory: Function, making: Making, is_default: bool) -> None:
    """Give a task the options that its maker sets, or, with `is_default`, those for want of its own."""
    from celery_lint.semantics.inference.expressions import Evaluator

    names = _arguments(hub, task, factory)
    run = Evaluator(hub, factory.module, None, names, fuel=1)
    run.recording = False
    for name, node in making.defaults if is_default else making.given:
        if name == "name" and _is_usual_name(node):
            continue
        chosen = _chosen(node, names)
        task.options.setdefault(name, Option(run.eval(chosen), chosen, factory.module, "maker"))


def _arguments(hub: Semantics, task: Task, factory: Function) -> dict[str, Value]:
    """What a maker's parameters are given where a task is decorated with it."""
    found: dict[str, Value] = dict.fromkeys(factory.parameters, UNKNOWN)
    call = task.decorator if isinstance(task.decorator, ast.Call) else None
    if call is not None and any(k.arg is None for k in call.keywords):
        return found
    for name, node in factory.defaults.items():
        found[name] = hub.evaluate(node, factory.module)
    if call is None:
        return found
    given: list[tuple[str, ast.expr]] = [(a.arg, node) for a, node in zip(factory.positional, call.args, strict=False)]
    given += [(k.arg, k.value) for k in call.keywords if k.arg in factory.parameters]
    for name, node in given:
        found[name] = _value(hub, node, task.module)
    return found


def _value(hub: Semantics, node: ast.expr, module: Module) -> Value:
    return UNKNOWN if isinstance(node, ast.Starred) else hub.evaluate(node, module)


def _chosen(node: ast.expr, names: Mapping[str, Value]) -> ast.expr:
    """The branch of `Retrying if retries else Plain` that a parameter's value decides for."""
    while isinstance(node, ast.IfExp):
        test, is_negated = node.test, False
        while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            test, is_negated = test.operand, not is_negated
        value = names.get(test.id) if isinstance(test, ast.Name) else None
        if not isinstance(value, Constant):
            break
        node = node.body if bool(value.value) is not is_negated else node.orelse
    return node


def _is_usual_name(node: ast.expr) -> bool:
    """Whether a name is `f"{function.__module__}.{function.__name__}"`, as Celery itself makes it."""
    parts = node.values if isinstance(node, ast.JoinedStr) else ()
    return [
        part.value.attr if isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Attribute) else
        part.value if isinstance(part, ast.Constant) else None
        for part in parts
    ] == ["__module__", ".", "__name__"]  # fmt: skip
