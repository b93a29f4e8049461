"""Signatures and canvases that are built and then lost: dropped at once, kept for nobody, or given to the worker.

To build one sends nothing (celery/canvas.py). A task that returns one has it
stored as its result, as a dictionary (celery/app/trace.py): only `self.replace()`
puts it in the task's place.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import Function
from celery_lint.project.syntax import last_name, walk
from celery_lint.records import record
from celery_lint.semantics.configuration.settings import value_at
from celery_lint.semantics.definition.taskmethods import SEE_RESULTS
from celery_lint.semantics.dispatching.canvas import parts
from celery_lint.semantics.dispatching.dispatches import SENDING
from celery_lint.semantics.dispatching.fitting import expects_error
from celery_lint.semantics.dispatching.inline import given_to_commit
from celery_lint.semantics.inference.values import (
    NONE,
    AppValue,
    BoundMethod,
    CanvasValue,
    External,
    FunctionValue,
    ResultValue,
    SignatureValue,
    TaskValue,
    Value,
)
from celery_lint.semantics.model import FunctionFlow, Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

Way = Literal["dropped", "kept", "returned"]
# Methods that change a signature and give it back, or a copy of it (celery/canvas.py, class Signature).
_FLUENT = frozenset({"set", "clone", "link", "link_error", "on_error", "group", "skew", "replace"})
# What a variable's signature, or list of them, may be used for while nobody gets it.
_CHANGING = _FLUENT | {"append", "extend", "insert", "update", "add_header"}
_REBUILDING = ("maybe_signature", "signature", "subtask", "from_dict", "Signature")
_BUILDING = frozenset({"s", "si", "chain", "group", "chord", "signature", "subtask", "chunks", "starmap"})
# Where these stand, as they are not a task's own methods.
_OWNERS = frozenset({"", "celery", "canvas", "Signature", "app", "celery_app", "current_app"})


@record()
class Unsent:
    """A signature that nothing sends, where it is built; `task` is the one that returns it to the worker."""

    node: ast.expr
    way: Way
    name: str = ""
    """The variable that keeps it."""
    task: Task | None = None


def unsent(hub: Semantics, flow: FunctionFlow) -> Iterator[Unsent]:
    """The signatures of a body that nothing sends."""
    if expects_nothing(hub, flow):
        return
    for node in flow.frames:
        if isinstance(node, ast.Expr):
            yield from (
                Unsent(one, "dropped")
                for one in _dropped(hub, node.value, flow)
                if not _is_expected(one, flow) and not _holds_sent(hub, one, flow)
            )
    yield from _kept(flow)
    yield from _returned(hub, flow)


def _holds_sent(hub: Semantics, node: ast.expr, flow: FunctionFlow) -> bool:
    """Whether a part of a canvas is sent where it stands: what is wrong is the part, and no canvas comes of it."""
    return any(part.whole is node and isinstance(part.value, ResultValue) for part in parts(hub, flow))


def expects_nothing(hub: Semantics, flow: FunctionFlow) -> bool:
    """Whether nothing is built in a body, or only in a callback of the commit, whose faults are its own."""
    is_built = any(
        _is_sendable(call.result) or (call.use == "discarded" and call.callee.__class__ is FunctionValue)
        for call in flow.calls
    )
    return not is_built or given_to_commit(hub, flow.function)


def _is_sendable(value: Value) -> bool:
    """Whether a value is a signature or a canvas, whatever branch was taken."""
    if value.__class__ is SignatureValue or value.__class__ is CanvasValue:
        return True
    members = [v for v in value.alternatives() if v != NONE] if len(value.alternatives()) > 1 else []
    return bool(members) and all(isinstance(v, (SignatureValue, CanvasValue)) for v in members)


# Dropped at once


def _dropped(hub: Semantics, node: ast.expr, flow: FunctionFlow) -> Iterator[ast.expr]:
    """The parts of a statement's expression that build a signature, and give it to nobody."""
    if isinstance(node, ast.BoolOp):
        yield from _dropped(hub, node.values[-1], flow)
    elif isinstance(node, ast.IfExp):
        branches = [one for part in (node.body, node.orelse) for one in _dropped(hub, part, flow)]
        yield from [node] if len(branches) == 2 else branches
    elif isinstance(node, (ast.ListComp, ast.GeneratorExp, ast.SetComp)):
        yield from _dropped(hub, node.elt, flow)
    elif isinstance(node, ast.Attribute) and node.attr in SENDING:
        if _is_built_here(node.value, flow):
            yield node
    elif _may_be_taken(hub, node, flow):
        return
    elif _is_built_here(node, flow) or (isinstance(node, ast.Call) and _is_built_by_helper(hub, node, flow)):
        yield node


def _is_built_here(node: ast.expr, flow: FunctionFlow) -> bool:
    """Whether an expression itself builds a signature, and does not only change one that somebody keeps."""
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.BitOr) and _is_sendable(flow.value(node))
    call = flow.events.get(node) if isinstance(node, ast.Call) else None
    if call is None or not _is_sendable(call.result):
        return False
    callees = call.callee.alternatives()
    if not all(_is_of_celery(c) for c in callees):
        return False  # `steps.pop()`, `copy(step)`: what gives a signature that is built elsewhere
    if all(isinstance(c, BoundMethod) and isinstance(c.receiver, (SignatureValue, CanvasValue)) for c in callees):
        func = call.node.func
        return isinstance(func, ast.Attribute) and _is_built_here(func.value, flow)
    return True


def _is_of_celery(callee: Value) -> bool:
    """Whether what is called is Celery's own: `chain`, `signature`, a method of a task or a signature."""
    if isinstance(callee, External):
        return callee.path.startswith("celery.")
    return isinstance(callee, BoundMethod) and isinstance(
        callee.receiver, (TaskValue, SignatureValue, CanvasValue, AppValue)
    )


def _may_be_taken(hub: Semantics, node: ast.expr, flow: FunctionFlow) -> bool:
    """Whether the first operand of `a | b` may be of a class of the project's that keeps what it is given."""
    if not isinstance(node, ast.BinOp) or not hub.project.mentioning("__or__"):
        return False
    while isinstance(node, ast.BinOp):
        node = node.left
    return not _is_sendable(flow.value(node))


def _is_built_by_helper(hub: Semantics, node: ast.Call, flow: FunctionFlow) -> bool:
    """Whether a call runs a function of the project that only builds a signature, for its caller to send."""
    call = flow.events.get(node)
    callee = call.callee if call is not None else None
    if not isinstance(callee, FunctionValue):
        return False
    function = callee.function
    if function.is_generator or function.decorators or not function.mentions(_BUILDING):
        return False
    inner = hub.flow(function, callee.captured)
    return bool(inner.returns) and all(
        value != NONE
        and isinstance(statement, ast.Return)
        and statement.value is not None
        and _is_built_here(statement.value, inner)
        for statement, value in inner.returns
    )


def builds_signatures(task: Task) -> bool:
    """Whether a task's body may return a signature."""
    return task.function is None or task.function.mentions(_BUILDING)


def _is_expected(node: ast.expr, flow: FunctionFlow) -> bool:
    """Whether the code around is there for the error that building it raises."""
    call = next((flow.events[n] for n in walk(node) if isinstance(n, ast.Call) and n in flow.events), None)
    return call is not None and expects_error(call)


# Kept for nobody


def _kept(flow: FunctionFlow) -> Iterator[Unsent]:
    """The signatures that variables hold which nothing reads."""
    function = flow.function
    if function is None:
        return  # a module's variables are for whoever imports them
    built = _given_to_variables(flow)
    unread = [name for name in built if not _is_read(name, function)] if built else ()
    for name in unread:
        node = next((n for n in built[name] if not isinstance(n, ast.Name)), None)
        if node is not None:
            yield Unsent(node, "kept", name)


def _given_to_variables(flow: FunctionFlow) -> Mapping[str, Sequence[ast.expr]]:
    """The signatures, and lists of them, that each variable is given or gets appended."""
    found: dict[str, list[ast.expr]] = {}
    others: set[str] = set()
    for statement in flow.frames:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target, value = statement.targets[0], statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            target, value = statement.target, statement.value
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            func = statement.value.func
            if isinstance(func, ast.Attribute) and func.attr == "append" and len(statement.value.args) == 1:
                target, value = func.value, statement.value.args[0]
            else:
                continue
        else:
            continue
        if not isinstance(target, ast.Name):
            continue
        if _is_built_here(value, flow) or _is_list_built_here(value, flow):
            found.setdefault(target.id, []).append(value)
        elif not (isinstance(value, ast.List) and not value.elts):
            others.add(target.id)
    return {name: nodes for name, nodes in found.items() if name not in others}


def _is_list_built_here(node: ast.expr, flow: FunctionFlow) -> bool:
    """Whether an expression is a list of nothing but new signatures."""
    if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
        return _is_built_here(node.elt, flow)
    return (
        isinstance(node, (ast.List, ast.Tuple)) and bool(node.elts) and all(_is_built_here(e, flow) for e in node.elts)
    )


def _is_read(name: str, function: Function) -> bool:
    """Whether anything in a function, or nested in it, gets what a variable holds."""
    if name not in function.scan.stored or function.mentions(("locals", "vars")) or name == "_":
        return True
    nodes = list(walk(*function.body))
    harmless: set[ast.AST] = set()
    for node in nodes:
        if isinstance(node, ast.Expr):
            harmless.update(_root(node.value))
        elif isinstance(node, ast.Assign) and [last_name(t) for t in node.targets] == [name]:
            harmless.update(_operands(node.value))
        elif isinstance(node, (ast.Global, ast.Nonlocal)) and name in node.names:
            return True
    return any(
        isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load) and n not in harmless for n in nodes
    )


def _root(node: ast.expr) -> Iterator[ast.expr]:
    """The variable that a statement changes by its methods: `work.set(...).link(...)`."""
    is_changed = False
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGING:
        node, is_changed = node.func.value, True
    if is_changed:
        yield node


def _operands(node: ast.expr) -> Iterator[ast.expr]:
    """The variable that an assignment to itself extends: `work = work | more`, `work = work.set(...)`."""
    while isinstance(node, ast.BinOp):
        node = node.left
    yield node
    yield from _root(node)


# Returned to the worker


def _returned(hub: Semantics, flow: FunctionFlow) -> Iterator[Unsent]:
    """The signatures that a task returns, which nobody can have but a reader of its result."""
    returns = [
        statement.value
        for statement, value in flow.returns
        if isinstance(statement, ast.Return) and statement.value is not None and _is_sendable(value)
    ]
    task = hub.tasks.of_body(flow.function) if returns and flow.function is not None else None
    if task is not None and not _may_be_taken_up(hub, task):
        yield from (Unsent(node, "returned", task=task) for node in returns)


def _may_be_taken_up(hub: Semantics, task: Task) -> bool:
    """Whether somebody may send what a task returns: a caller, its class, a decorator, a reader of results."""
    function = task.function
    assert function is not None
    if task.is_remade or hub.tasks.is_wrapped(task) or hub.is_remade(function):
        return True
    if hub.tasks.has_unreadable_base(task) or hub.tasks.overrides(task, *SEE_RESULTS):
        return True
    if hub.tasks.has_foreign_app_task_class or _is_read_by_rebuilder(hub, task):
        return True
    if any(dispatch.verb == "apply" for dispatch in hub.dispatches_of(task)):
        return True
    sites = hub.calls.callers(function)
    return sites is None or bool(sites)


def _is_read_by_rebuilder(hub: Semantics, task: Task) -> bool:
    """Whether a file that names the task also names a function that makes signatures of what it is given."""
    named = set(hub.project.mentioning(task.name.rpartition(".")[2]))
    return any(not named.isdisjoint(hub.project.mentioning(name)) for name in _rebuilders(hub))


def _rebuilders(hub: Semantics) -> Sequence[str]:
    """The names of the functions that make signatures of what they are given: `maybe_signature(result)`."""
    return hub.memo.get(("rebuilders",), lambda: tuple(sorted(set(_find_rebuilders(hub)))), ())


def _find_rebuilders(hub: Semantics) -> Iterator[str]:
    for filename in sorted({f for word in _REBUILDING for f in hub.project.mentioning(word)}):
        module = None if is_test_file(filename) else hub.project.module_or_none(filename)
        for function in module.holding(_REBUILDING) if module is not None else ():
            if any(isinstance(node, ast.Call) and _rebuilds(hub, node, function) for node in walk(*function.body)):
                yield function.name


def _rebuilds(hub: Semantics, node: ast.Call, function: Function) -> bool:
    owner = last_name(node.func.value) if isinstance(node.func, ast.Attribute) else ""
    if last_name(node.func) not in _REBUILDING or owner not in _OWNERS or not node.args:
        return False
    return hub.task_named(value_at(hub, node.args[0], function.module)) is None
