"""What becomes of a signature: whether it is sent with no more than the arguments that it has."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celery_lint.project.syntax import own_nodes, walk
from celery_lint.semantics.dispatching.dispatches import SENDING
from celery_lint.semantics.inference.values import BoundMethod, CanvasValue, Constant, External, TaskValue
from celery_lint.semantics.model import Call, Dispatch, FunctionFlow
from celery_lint.semantics.transactions.reads import is_part_of

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics


def is_complete(hub: Semantics, dispatch: Dispatch) -> bool:
    """Whether nothing adds arguments to those that a dispatch or a signature has.

    A signature gets the result before it in a chain, and those that it is sent with; an immutable
    one gets none (celery/canvas.py, `Signature._merge`). A retry sends again what it does not replace.
    """
    if dispatch.verb == "retry":
        return False
    if not dispatch.is_signature or dispatch.verb == "si":
        return True
    immutable = dispatch.options.get("immutable")
    if immutable is not None and immutable.value == Constant(True):
        return True
    if dispatch.verb in SENDING:
        return any(
            isinstance(call.callee, External)
            for call in dispatch.flow.calls
            if (callback := hub.calls.commit_callback(call)) is not None and callback.node is dispatch.node
        )
    return _is_sent_alone(dispatch.flow, dispatch.node)


def runs_here(dispatch: Dispatch) -> bool:
    """Whether the task runs in the caller, so that nothing is put into a message: `task.s(x)()`, `task.apply(...)`."""
    if dispatch.verb == "apply":
        return True
    node = dispatch.node
    for call in dispatch.flow.calls if dispatch.is_signature else ():
        func = call.node.func
        if func is node or (isinstance(func, ast.Attribute) and func.value is node and func.attr == "apply"):
            return True
    return False


def signatures_sent(hub: Semantics, call: Call) -> Iterator[Dispatch]:
    """The signatures that a call sends: those that stand in its own expression, and what the variable in it holds."""
    func = call.node.func
    receiver = func.value if isinstance(func, ast.Attribute) else func
    for made in hub.dispatches.of_flow(call.flow):
        if made.is_signature and made.call is not call:
            if is_part_of(made.call, call) or any(use is receiver for use in _uses(call.flow, made.node)):
                yield made


def _is_sent_alone(flow: FunctionFlow, node: ast.Call) -> bool:
    """Whether a signature is sent by itself, as a group's member or a chain's first, with nothing added."""
    same: set[ast.expr] = {node, *_uses(flow, node)}
    for call in flow.calls:
        func = call.node.func
        if isinstance(func, ast.Attribute) and func.value in same and func.attr in SENDING:
            return _adds_nothing(call)
        if func in same:  # `group(...)()`; a chord's header gets nothing of what is its body
            kind = getattr(flow.value(func), "kind", "")
            return kind in ("group", "chain", "chord") and (_adds_nothing(call) or kind == "chord")
        if _replaces(call, same):
            return True
        if _takes_as_first(call, same) or (
            isinstance(func, ast.Attribute) and func.value in same and func.attr == "set"
        ):
            same |= {call.node, *_uses(flow, call.node)}
    return False


def _adds_nothing(call: Call) -> bool:
    return not (call.is_opaque or call.positional or call.keyword("args") or call.keyword("kwargs"))


def _replaces(call: Call, signatures: set[ast.expr]) -> bool:
    """Whether a call puts a signature in the place of the running task (celery/app/task.py, `Task.replace`)."""
    callee = call.callee
    return (
        isinstance(callee, BoundMethod)
        and callee.name == "replace"
        and isinstance(callee.receiver, TaskValue)
        and not signatures.isdisjoint(call.node.args)
    )


def _takes_as_first(call: Call, signatures: set[ast.expr]) -> bool:
    """Whether a canvas is made in which none comes before a signature."""
    is_made = isinstance(call.result, CanvasValue) and not isinstance(call.callee, BoundMethod)
    kind = call.result.kind if is_made and isinstance(call.result, CanvasValue) else ""
    if kind not in ("group", "chain", "chord") or not call.node.args:
        return False
    members = [part for arg in call.node.args[: None if kind == "group" else 1] for part in _members(arg)]
    return not signatures.isdisjoint(members[:1] if kind == "chain" else members)


def _members(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, (ast.List, ast.Tuple)):
        yield from node.elts
    else:
        yield node.elt if isinstance(node, (ast.GeneratorExp, ast.ListComp)) else node


def _uses(flow: FunctionFlow, node: ast.expr) -> Iterator[ast.expr]:
    """Where a variable is used that holds a signature alone, and that nothing else is done with than sending it."""
    body = flow.function.body if flow.function is not None else ()
    name = next(
        (
            n.targets[0].id
            for n in own_nodes(body)
            if isinstance(n, ast.Assign) and n.value is node and isinstance(n.targets[0], ast.Name)
        ),
        None,
    )
    if name is None:
        return
    sent = [
        n.value
        for n in own_nodes(body)
        if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == name and n.attr in SENDING
    ]
    if sum(isinstance(n, ast.Name) and n.id == name for n in walk(*body)) == len(sent) + 1:
        yield from sent
