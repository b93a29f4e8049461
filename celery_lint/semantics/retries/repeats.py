"""Effects that a second run of a task repeats.

An effect is repeated when the run goes wrong after it: a retry needs something
that fails later, in the task or in the helpers on the way to the effect; late
acknowledgement only needs a worker that dies in what comes later. What fails is
never the effect itself, which then has not happened: the exception of
`requests.post` and of its own `raise_for_status()`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.syntax import own_nodes, walk
from celery_lint.records import record
from celery_lint.semantics.inference.values import (
    ClassValue,
    Collection,
    External,
    Instance,
    QuerySetValue,
    Unknown,
    Value,
)
from celery_lint.semantics.model import Call, Frame, FunctionFlow, Task
from celery_lint.semantics.retries import guards
from celery_lint.semantics.retries.effects import DATABASE, Effect, Risk, effects, fits, is_swallowed, risks
from celery_lint.semantics.retries.reruns import Rerun, reruns
from celery_lint.semantics.transactions.writes import may_follow

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

_PLAIN = frozenset(
    {
        "datetime", "logging", "collections", "re", "decimal", "uuid", "pathlib", "json", "io", "string",
        "itertools", "functools", "builtins", "request",
    }
)  # fmt: skip
# Late acknowledgement repeats only on a crash: what is worth a report then, by the settings and by
# the task's own option.
_GRAVE = frozenset({"payment", "mail", "message"})
_GRAVE_BY_CHOICE = _GRAVE | {"row"}


@record()
class Repeat:
    """An effect, why the task runs again, and what may go wrong after the effect."""

    effect: Effect
    rerun: Rerun
    failing: ast.Call | ast.stmt
    flow: FunctionFlow
    """Where `failing` stands."""


def repeats(hub: Semantics, task: Task) -> Iterator[Repeat]:
    """The unguarded effects of a task that a second run repeats: the first of each kind."""
    reasons = reruns(hub, task)
    if not reasons or task.function is None:
        return
    seen: set[str] = set()
    for effect in effects(hub, hub.flow(task.function)):
        if effect.kind in seen or is_replaced(effect):
            continue
        for rerun in reasons:
            found = _repeat(hub, effect, rerun)
            if found is not None and not guards.is_guarded(hub, effect.path, task):
                seen.add(effect.kind)
                yield found
                break


def is_replaced(effect: Effect) -> bool:
    """Whether what the effect makes was deleted before: the second run makes it anew."""
    if effect.kind != "row":
        return False
    for call in effect.path:
        for other in call.flow.calls:
            if other.index < call.index and other.name in ("delete", "adelete", "clear", "_raw_delete"):
                return True
    return False


def _repeat(hub: Semantics, effect: Effect, rerun: Rerun) -> Repeat | None:
    if rerun.kind == "late":
        return _by_crash(hub, effect, rerun)
    if rerun.kind == "autoretry":
        return _by_failure(hub, effect, rerun, None)
    return _by_retry(hub, effect, rerun)


def _by_crash(hub: Semantics, effect: Effect, rerun: Rerun) -> Repeat | None:
    if effect.kind not in (_GRAVE_BY_CHOICE if rerun.is_own else _GRAVE):
        return None
    for call in effect.path:
        for other in later(hub, call, effect):
            if risks(hub, other) or works(hub, other):
                return Repeat(effect, rerun, other.node, call.flow)
        if in_own_loop(call):
            return Repeat(effect, rerun, call.node, call.flow)
    return None


def works(hub: Semantics, call: Call) -> bool:
    """Whether a helper of the project calls clients of which nothing is known: it may take its time."""
    for target in hub.calls.targets(call):
        if target.deferred:
            continue
        for inner in hub.flow(target.function).calls:
            for callee in inner.callee.alternatives():
                receiver = getattr(callee, "receiver", None)
                if isinstance(callee, Unknown) or (
                    isinstance(receiver, Instance) and isinstance(receiver.cls, str) and not is_plain(receiver.cls)
                ):
                    return True
    return False


def is_plain(path: str) -> bool:
    """Whether instances of a class only hold values."""
    return path.partition(".")[0] in _PLAIN


def _by_retry(hub: Semantics, effect: Effect, rerun: Rerun) -> Repeat | None:
    retry = rerun.call
    assert retry is not None
    call = effect.call
    if in_own_loop(call) and takes_what_is_left(retry):
        return None
    if rerun.guarded is None:
        before = call.index < retry.index and may_follow(call.frame, retry.frame, call.flow)
        if (
            before
            and not about_result(retry.frame, call)
            and not in_handler(call)
            and not undone(hub, effect, call, retry.frame)
        ):
            return Repeat(effect, rerun, retry.node, call.flow)
        return None
    if in_handler(call):
        return None
    inside = any(f.kind == "try" and f.node is rerun.guarded for f in call.frame.chain())
    if inside:
        found = _by_failure(hub, effect, rerun, rerun.guarded)
        if found is not None:
            return found
    elif (
        call.index < retry.index
        and call.node.lineno < rerun.guarded.lineno
        and may_follow(call.frame, retry.frame, call.flow)
    ) and not undone(hub, effect, call, retry.frame):
        return Repeat(effect, rerun, rerun.guarded, call.flow)
    if inside and in_own_loop(call) and any(fits_any(hub, r, rerun.classes) for r in risks(hub, call)):
        return Repeat(effect, rerun, call.node, call.flow)
    return None


def takes_what_is_left(retry: Call) -> bool:
    """Whether a retry is given a part of the work, which the run picked: what failed, `retry(args=[failed])`."""
    function = retry.flow.function
    for arg in retry.args:
        given = arg.value.items if isinstance(arg.value, Collection) else None
        if arg.keyword not in (None, "args", "kwargs") or given is None:
            continue
        for node, value in zip(displayed(arg.node), given, strict=False):
            is_whole = (
                isinstance(node, ast.Name)
                and function is not None
                and node.id in function.parameters
                and not any(retry.flow.assigned(node.id))
            )
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
                return True
            if not is_whole and any(isinstance(v, (Collection, QuerySetValue)) for v in value.alternatives()):
                return True
    return False


def displayed(node: ast.expr) -> Sequence[ast.expr]:
    """The members of a display of a list or tuple, the values of one of a dict."""
    if isinstance(node, ast.Dict):
        return node.values
    return node.elts if isinstance(node, (ast.List, ast.Tuple)) else ()


def _by_failure(hub: Semantics, effect: Effect, rerun: Rerun, within: ast.Try | None) -> Repeat | None:
    """Something that fails after the effect and brings the retry about; `within` bounds it in the task."""
    for level in range(len(effect.path)):
        call = effect.path[level]
        flow = call.flow
        bound = within if level == 0 else None
        for other in later(hub, call, effect):
            if bound is not None and not any(f.kind == "try" and f.node is bound for f in other.frame.chain()):
                continue
            for risk in risks(hub, other):
                if fits_any(hub, risk, rerun.classes) and not _swallowed_before(hub, risk, other, flow, bound):
                    return Repeat(effect, rerun, other.node, flow)
        for node, value, frame in flow.raises:
            if node.lineno <= call.node.lineno or not may_follow(call.frame, frame, flow) or frame.find("handler"):
                continue
            if bound is not None and not any(f.kind == "try" and f.node is bound for f in frame.chain()):
                continue
            if about_result(frame, call) or undone(hub, effect, call, frame):
                continue
            if any(fits_any(hub, r, rerun.classes) for r in raised(value)):
                return Repeat(effect, rerun, node, flow)
        if in_own_loop(call) and effect.kind != "append":
            for risk in risks(hub, call):
                if fits_any(hub, risk, rerun.classes) and not _swallowed_before(hub, risk, call, flow, bound):
                    return Repeat(effect, rerun, call.node, flow)
    return None


def _swallowed_before(hub: Semantics, risk: Risk, call: Call, flow: FunctionFlow, bound: ast.Try | None) -> bool:
    if bound is not None:
        # An inner `try` may catch it before the one that retries does.
        inner = [f for f in call.frame.chain() if f.kind == "try"]
        if inner and inner[0].node is bound:
            return False
    return is_swallowed(hub, risk, call, flow)


def raised(value: Value) -> Iterator[Risk]:
    """The exceptions that a `raise` statement raises."""
    for one in value.alternatives():
        if isinstance(one, (Instance, ClassValue)):
            yield Risk("raise", one.cls)
        elif isinstance(one, External):
            yield Risk("raise", one.path)


def fits_any(hub: Semantics, risk: Risk, classes: Sequence[Value]) -> bool:
    return any(fits(hub, risk, c) for c in classes)


# What comes later


def later(hub: Semantics, call: Call, effect: Effect) -> Iterator[Call]:
    """The calls of the same body that may run after a call and have a failure of their own."""
    own = result_names(call)
    for other in call.flow.calls:
        if other.index <= call.index or not may_follow(call.frame, other.frame, call.flow):
            continue
        if (
            any(n is call.node for n in walk(other.node))
            or is_about(other.node.func, own)
            or about_result(other.frame, call)
        ):
            continue
        if in_handler(other) or undone(hub, effect, call, other.frame):
            continue
        yield other


def result_names(call: Call) -> frozenset[str]:
    """The variables that hold what a call gave."""
    found: set[str] = set()
    for node in own_nodes(call.flow.function.body if call.flow.function else ()):
        if not isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) or node.value is None:
            continue
        if any(n is call.node for n in walk(node.value)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found.update(n.id for t in targets for n in walk(t) if isinstance(n, ast.Name))
    return frozenset(found)


def is_about(node: ast.AST, names: frozenset[str]) -> bool:
    """Whether an expression mentions one of the variables."""
    return bool(names) and any(isinstance(n, ast.Name) and n.id in names for n in walk(node))


def about_result(frame: Frame, call: Call) -> bool:
    """Whether a place is reached by a test of what the call gave: it reports the effect's own failure."""
    own = result_names(call)
    around = {id(f) for f in call.frame.chain()}
    return any(isinstance(f.node, ast.If) and is_about(f.node.test, own) for f in frame.chain() if id(f) not in around)


def in_handler(call: Call) -> bool:
    """Whether a call is made while an exception is handled."""
    return call.frame.find("handler", "finally") is not None


def in_own_loop(call: Call) -> bool:
    """Whether a call is made once for each of several things."""
    for frame in call.frame.chain():
        if frame.kind == "loop" and isinstance(frame.node, (ast.For, ast.AsyncFor)):
            iterated = frame.node.iter
            # `for attempt in range(3)` tries one thing several times.
            return not (
                isinstance(iterated, ast.Call) and isinstance(iterated.func, ast.Name) and iterated.func.id == "range"
            )
    return False


def undone(hub: Semantics, effect: Effect, call: Call, frame: Frame) -> bool:
    """Whether a transaction takes the effect back when what is in `frame` fails."""
    if effect.kind not in DATABASE:
        return False
    for one in call.frame.chain():
        if one.kind == "atomic" and one.encloses(frame):
            return True
    function = call.flow.function
    return function is not None and hub.transactions.decorated(function) is not None


__all__ = ["Repeat", "repeats"]
