"""What stands where Celery wants a signature: in chains, groups and chords, as a callback, in a schedule."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from celery_lint.project.syntax import own_nodes, walk
from celery_lint.records import record
from celery_lint.semantics.dispatching.dispatches import SENDING, SIGNATURES
from celery_lint.semantics.inference.operators import has_own_pipe
from celery_lint.semantics.inference.values import (
    AppValue,
    BoundMethod,
    CanvasValue,
    Collection,
    External,
    Field,
    SignatureValue,
    TaskValue,
    Value,
    union,
)
from celery_lint.semantics.model import Argument, Call, Dispatch, FunctionFlow, Task, first_argument

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

Where = Literal["chain", "group", "header", "body", "callback", "errback", "schedule", "replacement"]
CANVASES = frozenset({"chain", "group", "chord"})
_CALLBACKS: dict[str, Where] = {"link": "callback", "link_error": "errback"}
_LINKING: dict[str, Where] = {"link": "callback", "link_error": "errback", "on_error": "errback"}
# Methods that give the signature itself back, its arguments as they were, unless options say otherwise.
_KEEPING = frozenset({"set", "on_error"})
_HEADER_AND_BODY = 2
_DISPLAYS = (ast.List, ast.Tuple, ast.Set)
_COMPREHENSIONS = (ast.ListComp, ast.GeneratorExp)


@record()
class Part:
    """An expression that stands where a signature belongs.

    `is_own`: it is that one signature itself, not a container of unknown members.
    `index` counts the parts of one canvas. `is_repeated`: it stands for each member of a comprehension.
    """

    node: ast.expr
    value: Value
    where: Where
    whole: ast.expr
    """The call, or the `a | b`, that it is a part of."""
    is_own: bool = True
    index: int = 0
    is_repeated: bool = False


def parts(hub: Semantics, flow: FunctionFlow) -> Sequence[Part]:
    """All that stands where a signature belongs in a body."""
    return hub.memo.get(("canvas parts", flow), lambda: tuple(_parts(hub, flow)), ())


def _parts(hub: Semantics, flow: FunctionFlow) -> Iterator[Part]:
    has_signatures = False
    for call in flow.calls:
        yield from _of_call(call)
        has_signatures |= any(isinstance(v, (SignatureValue, CanvasValue)) for v in call.result.alternatives())
    if has_signatures:
        for node in flow.values:
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
                yield from piped(hub, node, flow)
        for statement in own_nodes(flow.body):
            if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.BitOr):
                yield from _appended(hub, statement, flow)


def _of_call(call: Call) -> Iterator[Part]:
    kind = canvas_kind(call)
    if kind == "chord":
        yield from _members(call.args[:1], "header", call)
        yield from _one(call, 1, "body", "body")
    elif kind is not None:
        yield from _members(call.args, kind, call)
    for callee in call.callee.alternatives():
        if isinstance(callee, CanvasValue) and callee.kind == "chord":
            yield from _one(call, 0, "body", "body")
        elif isinstance(callee, (BoundMethod, Field)):
            yield from _of_method(call, callee)


def canvas_kind(call: Call) -> Where | Literal["chord"] | None:
    """Which canvas a call makes: `chain`, `group` or `chord`."""
    callee, made = call.callee, call.result
    if isinstance(callee, External) and isinstance(made, CanvasValue) and made.kind.lstrip("_") in CANVASES:
        return made.kind.lstrip("_")  # type: ignore[return-value]
    return None


def _of_method(call: Call, callee: BoundMethod | Field) -> Iterator[Part]:
    """What the methods of tasks, signatures and applications take for signatures."""
    if callee.name == "add_periodic_task":
        yield from _one(call, 1, "sig", "schedule")
    elif isinstance(callee, BoundMethod) and isinstance(
        callee.receiver, (TaskValue, SignatureValue, CanvasValue, AppValue)
    ):
        if callee.name == "replace" and isinstance(callee.receiver, TaskValue):
            yield from _one(call, 0, "sig", "replacement")
        if callee.name in _LINKING and not isinstance(callee.receiver, (TaskValue, AppValue)):
            yield from _members(call.args[:1], _LINKING[callee.name], call)
        for keyword, where in _CALLBACKS.items():
            given = call.keyword(keyword)
            if given is not None:
                yield from _members((given,), where, call)


def _one(call: Call, index: int, keyword: str, where: Where) -> Iterator[Part]:
    """The argument given by its place, or by name."""
    if any(a.star for a in call.args[: index + 1]):
        return
    given = call.keyword(keyword) if len(call.positional) <= index else call.positional[index]
    if given is not None:
        yield Part(given.node, given.value, where, call.node)


def _members(args: Sequence[Argument], where: Where, call: Call) -> Iterator[Part]:
    """The signatures that arguments are, or that the lists hold which are given for them."""
    index = 0
    for arg in args:
        if arg.keyword is not None and arg.keyword not in ("tasks", "header", "link", "link_error"):
            continue
        for node, value, is_own in _expanded(arg, call.flow):
            yield Part(node, value, where, call.node, is_own, index, isinstance(arg.node, _COMPREHENSIONS))
            index += 1


def _expanded(arg: Argument, flow: FunctionFlow) -> Iterator[tuple[ast.expr, Value, bool]]:
    node = arg.node
    if isinstance(node, _DISPLAYS):
        yield from ((e, flow.value(e), True) for e in node.elts if not isinstance(e, ast.Starred))
    elif isinstance(node, _COMPREHENSIONS):
        yield node.elt, flow.value(node.elt), True
    elif isinstance(arg.value, Collection) and arg.value.items and arg.value.kind != "dict":
        yield from ((node, member, False) for member in arg.value.items)
    else:
        member = member_of(arg.value)
        if member is not None:
            yield node, member, False
        elif not arg.star:
            yield node, arg.value, True


def member_of(value: Value) -> Value | None:
    """Any member of what is certainly a list or the like, whichever branch has filled it."""
    kinds = value.alternatives()
    if not all(isinstance(v, Collection) and v.kind != "dict" for v in kinds):
        return None
    return union(*(v.element for v in kinds if isinstance(v, Collection) and v.items != ()))


def piped(hub: Semantics, node: ast.BinOp, flow: FunctionFlow) -> Iterator[Part]:
    """The operands of `a | b | c`, if some of them is a signature, and the first leaves it to Celery."""
    operands: list[ast.expr] = []
    left: ast.expr = node
    while isinstance(left, ast.BinOp) and isinstance(left.op, ast.BitOr):
        operands.append(left.right)
        left = left.left
    operands.append(left)
    if any(has_own_pipe(hub, v) for v in flow.value(left).alternatives()):
        return
    if any(isinstance(v, (SignatureValue, CanvasValue)) for o in operands for v in flow.value(o).alternatives()):
        for index, operand in enumerate(reversed(operands)):
            yield Part(operand, flow.value(operand), "chain", node, True, index)


def _appended(hub: Semantics, node: ast.AugAssign, flow: FunctionFlow) -> Iterator[Part]:
    """The step that `steps |= step` puts behind those that a variable has, if these are signatures."""
    kinds = flow.value(node.target).alternatives()
    if all(isinstance(v, (SignatureValue, CanvasValue)) and not has_own_pipe(hub, v) for v in kinds):
        yield Part(node.value, flow.value(node.value), "chain", node.value, index=1)


# What gets the result of something else


@record()
class Receiver:
    """A signature that is given a result in front of its own arguments; `part` is how it comes to get it."""

    dispatch: Dispatch
    part: Part


def receivers(hub: Semantics, flow: FunctionFlow) -> Iterator[Receiver]:
    """The signatures of a body that get the result of a step before them, of a header, or of a linked task."""
    for part in parts(hub, flow):
        follows = part.where == "chain" and (part.index > 0 or part.is_repeated)
        if part.is_own and (follows or part.where in ("body", "callback")):
            for node in _first_of(part.node, flow):
                dispatch = _signature(hub, node, flow)
                if dispatch is not None:
                    yield Receiver(dispatch, part)


def errbacks(hub: Semantics, flow: FunctionFlow) -> Iterator[Receiver]:
    """The signatures of a body that Celery is to run when a task fails."""
    for part in parts(hub, flow):
        dispatch = _signature(hub, part.node, flow) if part.where == "errback" and part.is_own else None
        if dispatch is not None:
            yield Receiver(dispatch, part)


def _first_of(node: ast.expr, flow: FunctionFlow) -> Iterator[ast.expr]:
    """The signatures that get what a step is given: the first of a chain, all of a group, of a chord its header."""
    call = flow.events.get(node) if isinstance(node, ast.Call) else None
    kind = canvas_kind(call) if call is not None else None
    if isinstance(node, ast.BinOp):
        while isinstance(node, ast.BinOp):
            node = node.left
        yield from _first_of(node, flow)
    elif isinstance(node, _DISPLAYS):
        yield from (one for e in node.elts if not isinstance(e, ast.Starred) for one in _first_of(e, flow))
    elif isinstance(node, _COMPREHENSIONS):
        yield from _first_of(node.elt, flow)
    elif call is not None and kind is not None:
        for part in _of_call(call):
            is_first = part.index == 0 and not (call.args and call.args[0].star)
            if (part.is_own and part.where in ("group", "header")) or (part.where == "chain" and is_first):
                yield from _first_of(part.node, flow)
    else:
        yield node


def _signature(hub: Semantics, node: ast.expr, flow: FunctionFlow) -> Dispatch | None:
    """The signature that an expression is, with the arguments that it has; None when more may become of it."""
    while isinstance(node, ast.Name):
        given = list(flow.assigned(node.id)) if flow.function is not None else []
        if len(given) != 1 or flow.function is None or node.id not in flow.function.scan.stored:
            return None
        if _is_changed(node.id, flow) or not isinstance(given[0], ast.Call):
            return None
        node = given[0]
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _KEEPING:
        if any(k.arg in (None, "immutable", "args", "kwargs") for k in node.keywords):
            return None
        node = node.func.value
    call = flow.events.get(node) if isinstance(node, ast.Call) else None
    found = list(hub.dispatches.of_call(call)) if call is not None else []
    if len(found) != 1 or found[0].verb not in SIGNATURES or found[0].verb == "si" or "immutable" in found[0].options:
        return None
    return found[0]


def _is_changed(name: str, flow: FunctionFlow) -> bool:
    """Whether a method may change the arguments of the signature that a variable holds."""
    return any(
        isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == name and n.attr not in SENDING
        for n in walk(*flow.body)
    )


# Chords


@record()
class Chord:
    """A chord, or a group with a step behind it, which Celery makes one of (celery/canvas.py, `prepare_steps`)."""

    node: ast.expr
    header: tuple[Part, ...]
    is_upgraded: bool = False

    @property
    def tasks(self) -> Sequence[Task]:
        """The tasks of the header, as far as they are known."""
        kinds = [v for part in self.header for v in part.value.alternatives()]
        return [v.task for v in kinds if isinstance(v, SignatureValue) and isinstance(v.task, Task)]


def chords(hub: Semantics, flow: FunctionFlow) -> Iterator[Chord]:
    """The chords that a body makes."""
    for call in flow.calls:
        if canvas_kind(call) == "chord" and (call.args or call.keyword("header")):
            yield Chord(call.node, _header(call, flow))
    before: Part | None = None
    for part in parts(hub, flow):
        if before is not None and part.where == "chain" and before.whole is part.whole and _is_sendable(part.value):
            # `group | step` is a chord in any case; in `chain(group, step)` a group of one is its member.
            group = _group(before, flow, 1 if isinstance(part.whole, ast.BinOp) else 2)
            if group is not None and before.index + 1 == part.index:
                yield Chord(part.whole, group, is_upgraded=True)
        before = part if part.where == "chain" else None


def _header(call: Call, flow: FunctionFlow) -> tuple[Part, ...]:
    """The members of a chord's header, also of a group that is the header."""
    found: list[Part] = []
    for part in _of_call(call):
        if part.where == "header":
            found += _group(part, flow, 0) or (part,)
    return tuple(found)


def _group(part: Part, flow: FunctionFlow, least: int) -> tuple[Part, ...] | None:
    """The members of a group that a part is; None when it is none, or has too few."""
    if part.value != CanvasValue("group"):
        return None
    node = set_once(part.node, flow)
    call = flow.events.get(node) if isinstance(node, ast.Call) else None
    if call is None or canvas_kind(call) != "group":
        return ()
    members = tuple(_of_call(call))
    is_whole = all(m.is_own and not m.is_repeated for m in members) and not _has_star(call)
    return None if is_whole and len(members) < least else members


def set_once(node: ast.expr, flow: FunctionFlow) -> ast.expr:
    """What a variable of a function is set to, where that is one expression; anything else as it is."""
    given = list(flow.assigned(node.id)) if isinstance(node, ast.Name) and flow.function is not None else []
    return given[0] if len(given) == 1 else node


def tasks_of_group(node: ast.expr, flow: FunctionFlow) -> Sequence[Task]:
    """The tasks, as far as they are known, of the group that an expression sends: `group(...).delay()`."""
    sent = set_once(node, flow)
    if not isinstance(sent, ast.Call):
        return ()
    func = sent.func
    made = set_once(func.value if isinstance(func, ast.Attribute) and func.attr in SENDING else func, flow)
    call = flow.events.get(made) if isinstance(made, ast.Call) else None
    if call is None or canvas_kind(call) != "group":
        return ()
    kinds = [v for part in _of_call(call) for v in part.value.alternatives()]
    return [v.task for v in kinds if isinstance(v, SignatureValue) and isinstance(v.task, Task)]


def _has_star(call: Call) -> bool:
    return any(isinstance(n, ast.Starred) for n in walk(*call.node.args))


# A chord whose header is no list


def spread_chord(call: Call) -> bool:
    """Whether a chord is given its header's tasks one by one: the second is then its body, the third its name."""
    if canvas_kind(call) != "chord":
        return False
    first = first_argument(call.args)
    if call.args and call.args[0].star == "*":
        value = call.args[0].value
        if call.keyword("body") is not None or len(call.positional) > 1:
            return False
        if isinstance(value, Collection) and value.items:
            return len(value.items) > _HEADER_AND_BODY
        member = member_of(value)
        return member is not None and all(_is_sendable(v) for v in member.alternatives())
    return (
        first is not None
        and len(call.positional) > _HEADER_AND_BODY
        and all(_is_sendable(a.value) for a in call.positional)
    )


def _is_sendable(value: Value) -> bool:
    return isinstance(value, (SignatureValue, CanvasValue))
