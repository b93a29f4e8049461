"""What the arguments of a dispatch hold, looked at through containers, locals and callers."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence

from celery_lint.project.modules import Function, Module
from celery_lint.project.syntax import own_nodes
from celery_lint.records import record
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.dispatching.fitting import may_convert
from celery_lint.semantics.hub import Semantics
from celery_lint.semantics.inference.attributes import attribute
from celery_lint.semantics.inference.expressions import Evaluator
from celery_lint.semantics.inference.returning import argument_for, is_method
from celery_lint.semantics.inference.values import (
    UNKNOWN,
    CleanedData,
    Collection,
    Field,
    FunctionValue,
    ModelValue,
    Parameter,
    Value,
    union,
)
from celery_lint.semantics.model import Argument, Call, Dispatch, FunctionFlow, Sent, Step

Kinds = Callable[[Value], Sequence[Value]]
MAX_CALLERS = 3
_CHANGING = frozenset({"pop", "popitem", "update", "setdefault", "clear"})
_DISPLAYS = (ast.List, ast.Tuple, ast.Set, ast.Dict)


def alternatives(value: Value) -> Sequence[Value]:
    """All kinds that a value may be of."""
    return value.alternatives()


@record()
class Carried:
    """A value of some kind that an argument is or holds."""

    sent: Sent
    value: Value
    inside: bool
    """Held by a container, not the argument itself."""
    is_plain: bool
    """The argument's expression is the value itself, nothing else."""
    steps: tuple[Step, ...] = ()


def carried(
    dispatch: Dispatch, file: FileContext, wanted: Callable[[Value], bool], kinds: Kinds = alternatives
) -> Iterator[Carried]:
    """The arguments of a dispatch that are, or hold, a value of a wanted kind: one for each argument.

    None where the task's own class makes other values of them. `kinds` are those of a value's alternatives that count.
    """
    if dispatch.task is not None and may_convert(file.hub, dispatch.task):
        return
    for sent in dispatch.sent:
        yield from held_by(sent, dispatch, file, wanted, kinds)


def held_by(
    sent: Sent, dispatch: Dispatch, file: FileContext, wanted: Callable[[Value], bool], kinds: Kinds
) -> Iterator[Carried]:
    """What one argument is or holds of the wanted kind: of a display in the call one for each member."""
    if isinstance(sent.value, CleanedData):
        sent = Sent(sent.node, _fields_of(sent.value, dispatch.flow, file.hub), sent.keyword)
    node = sent.node
    if isinstance(node, _DISPLAYS) and wanted(sent.value):
        yield Carried(sent, sent.value, False, False)
        return
    # A display in the call itself: point at the member.
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)) and not isinstance(sent.value, ModelValue):
        members = [
            Sent(e.value, file.hub.element(dispatch.flow.value(e.value), file.module))
            if isinstance(e, ast.Starred)
            else Sent(e, dispatch.flow.value(e))
            for e in node.elts
        ]
        for member in members:
            yield from (
                Carried(c.sent, c.value, False, c.is_plain, c.steps)
                for c in held_by(member, dispatch, file, wanted, kinds)
            )
        return
    if isinstance(node, ast.Dict):
        for item in node.values:
            yield from held_by(Sent(item, dispatch.flow.value(item)), dispatch, file, wanted, kinds)
        return
    for value, inside in members_of(sent.value, kinds=kinds):
        if wanted(value):
            plain = (
                not inside
                and isinstance(node, (ast.Name, ast.Attribute, ast.Call))
                and dispatch.flow.value(node) == sent.value
            )
            yield Carried(sent, value, inside, plain)
            return
    if _is_told_by_caller(dispatch):
        return
    for value, inside in members_of(sent.value, kinds=kinds):
        if isinstance(value, (Parameter, Field)):
            for given, steps in from_callers(file.hub, value, MAX_CALLERS):
                for part, deeper in members_of(given, kinds=kinds):
                    if wanted(part):
                        yield Carried(sent, part, inside or deeper, False, steps)
                        return


def _fields_of(value: CleanedData, flow: FunctionFlow, hub: Semantics) -> Value:
    """The dict that a form or serializer makes of its input; UNKNOWN where the body puts other things into it."""
    for node in own_nodes(flow.body):
        is_set = isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load)
        is_called = isinstance(node, ast.Attribute) and node.attr in _CHANGING
        if (is_set or is_called) and flow.value(node.value) == value:  # type: ignore[attr-defined]
            return UNKNOWN
    return hub.cleaned_whole(value.cls)


def _is_told_by_caller(dispatch: Dispatch) -> bool:
    """Whether a function sends whatever task its caller gives it: then the caller's line is where it goes wrong."""
    func = dispatch.node.func
    return (
        dispatch.task is None
        and isinstance(func, ast.Attribute)
        and isinstance(func.value, ast.Name)
        and dispatch.flow.function is not None
        and func.value.id in dispatch.flow.function.parameters
    )


def members_of(value: Value, depth: int = 3, kinds: Kinds = alternatives) -> Iterator[tuple[Value, bool]]:
    """The value's alternatives, and the members of those that are containers (True)."""
    for one in kinds(value):
        yield one, False
        if (
            isinstance(one, Collection)
            and depth > 0
            and one.kind not in ("generator", "iterator", "map", "zip", "filter", "enumerate")
        ):
            parts = one.items if one.items is not None else (one.element,)
            for part in parts:
                for member, _ in members_of(part, depth - 1, kinds):
                    yield member, True


def from_callers(hub: Semantics, value: Parameter | Field, depth: int) -> Iterator[tuple[Value, tuple[Step, ...]]]:
    """The values that callers give to a parameter, each with the calls that prove it."""
    if depth <= 0:
        return
    if isinstance(value, Field):
        base = value.base
        if not isinstance(base, (Parameter, Field)):
            return
        for given, steps in from_callers(hub, base, depth):
            run = Evaluator(hub, module_of(base), fuel=1)
            if value.name == "*":
                yield run.element(given, None), steps
            elif not value.name.startswith("["):
                yield attribute(run, given, value.name), steps
        return
    function = value.function
    if function.name == "<lambda>":
        return
    for call in hub.calls.signal_sends(function):
        given = sent_by_signal(call, value)
        place = call.flow.module.source.place(call.node)
        known = _told(given)
        if known is not UNKNOWN:
            yield known, (Step(place, f"the signal that `{function.qualname}` handles is sent here"),)
    for site in hub.calls.callers(function) or ():
        if hub.roles.is_test_module(site.call.flow.module):
            continue
        given = passed(site_callee(function, site.call.callee), value, site.call.args)
        place = site.call.flow.module.source.place(site.call.node)
        step = Step(place, f"`{function.qualname}` is called here")
        for one in given.alternatives():
            if isinstance(one, (Parameter, Field)):
                for deeper, steps in from_callers(hub, one, depth - 1):
                    yield deeper, (*steps, step)
        known = _told(given)
        if known is not UNKNOWN:
            yield known, (step,)


def _told(given: Value) -> Value:
    """What is known of a value by itself, and not by the callers of the code that it stands in."""
    kinds = [one for one in given.alternatives() if one != UNKNOWN and not isinstance(one, (Parameter, Field))]
    return union(*kinds) if kinds else UNKNOWN


def sent_by_signal(call: Call, parameter: Parameter) -> Value:
    """What `signal.send(sender, name=value)` gives to a handler's parameter."""
    named = call.keyword(parameter.name)
    if named is not None:
        return named.value
    positional = parameter.function.positional
    if positional and positional[0].arg == parameter.name and call.positional:
        return call.positional[0].value
    return UNKNOWN


def site_callee(function: Function, callee: Value) -> FunctionValue:
    """How a call reaches a function: with its receiver or without."""
    for one in callee.alternatives():
        if isinstance(one, FunctionValue):
            return FunctionValue(function, one.receiver)
    return FunctionValue(function, UNKNOWN if function.cls is not None else None)


def passed(callee: FunctionValue, parameter: Parameter, given: Sequence[Argument]) -> Value:
    """The value that a call gives to a parameter; of `*args`, any of those collected."""
    if not parameter.star:
        return argument_for(callee, parameter, given)
    function = callee.function
    if parameter.star == "*":
        taken = len(function.positional) - (1 if is_method(callee) else 0)
        rest = [a for a in given if a.keyword is None and a.star != "**"][taken:]
        return Collection("tuple", union(*(a.value for a in rest)) if rest else UNKNOWN)
    rest = [a for a in given if a.keyword is not None and a.keyword not in function.parameters]
    return Collection("dict", union(*(a.value for a in rest)) if rest else UNKNOWN)


def module_of(value: Value) -> Module:
    while isinstance(value, Field):
        value = value.base
    assert isinstance(value, Parameter)
    return value.function.module
