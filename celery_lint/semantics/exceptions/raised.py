"""Exceptions on their way out of a task, and those that do not arrive as what they were.

Celery hands an exception on as its class and its `args`, and makes it anew as
`cls(*args)`, as pickle does. Where that fails it stands in with the nearest base class of
Python's own, or with UnpickleableExceptionWrapper (celery/utils/serialization.py,
`get_pickleable_exception`). `args` are what `BaseException.__init__` gets, and what the
class was called with by position where that is never called.
"""

from __future__ import annotations

import ast
import builtins
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class, Function
from celery_lint.project.syntax import own_nodes
from celery_lint.records import record
from celery_lint.semantics.exceptions.handlers import BROAD, catches
from celery_lint.semantics.inference.values import ClassValue, External, Instance, Value
from celery_lint.semantics.model import Frame, FunctionFlow, Step, Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

MAX_HELPERS = 2
# With one of these a class says itself how it is made anew.
_COPIES = ("__reduce__", "__reduce_ex__", "__new__", "__getnewargs__", "__getnewargs_ex__", "__setstate__")
_RAISES = ("raise",)
AS_CALLED = -1
"""The `args` are what the class was called with."""


@record()
class Flaw:
    """Why an exception cannot be made anew: words that follow its name, and the place that shows it."""

    cls: Class
    why: str
    step: Step


@record()
class Leaving:
    """An exception that a run may end with, and where the task's body raises it or calls what does."""

    node: ast.AST
    flow: FunctionFlow
    flaw: Flaw
    steps: tuple[Step, ...]


def leaving(hub: Semantics, task: Task) -> Iterator[Leaving]:
    """The exceptions of the project that leave a task's body and cannot be made anew, each class once."""
    if task.function is None:
        return
    seen: set[Class] = set()
    for found in _leaving(hub, hub.flow(task.function), MAX_HELPERS):
        if found.flaw.cls not in seen:
            seen.add(found.flaw.cls)
            yield found


def _leaving(hub: Semantics, flow: FunctionFlow, depth: int) -> Iterator[Leaving]:
    for node, value, frame in flow.raises:
        flaw = _flaw_of(hub, node, value)
        if flaw is not None and _escapes(hub, flaw.cls, frame, flow):
            yield Leaving(node, flow, flaw, ())
    for call in flow.calls if depth > 0 else ():
        for target in hub.calls.targets(call):
            if target.deferred or (depth == 1 and not target.function.holds(_RAISES)):
                continue
            for found in _below(hub, target.function, depth - 1):
                if _escapes(hub, found.flaw.cls, call.frame, flow):
                    place = found.flow.module.source.place(found.node)
                    step = Step(place, f"`{target.function.qualname}` raises it here")
                    yield Leaving(call.node, flow, found.flaw, found.steps or (step,))


def _below(hub: Semantics, function: Function, depth: int) -> tuple[Leaving, ...]:
    """What leaves a helper that is called."""
    if hub.tasks.of_function(function) is not None or function.is_generator:
        return ()
    key = ("leaving", function, depth)
    return hub.memo.get(key, lambda: tuple(_leaving(hub, hub.flow(function), depth)), ())


def _flaw_of(hub: Semantics, node: ast.Raise, value: Value) -> Flaw | None:
    """What is wrong with a raised exception, the class or an instance, if it surely is one of a single class."""
    if isinstance(value, Instance) and isinstance(value.cls, Class):
        made = node.exc if isinstance(node.exc, ast.Call) else None
        return flaw(hub, value.cls) or (_by_keyword(hub, value.cls, made) if made is not None else None)
    return flaw(hub, value.cls) if isinstance(value, ClassValue) else None


def _escapes(hub: Semantics, cls: Class, frame: Frame, flow: FunctionFlow) -> bool:
    """Whether an exception that is raised in a block leaves the function."""
    known = list(catches(flow))
    for one in frame.chain():
        if one.kind == "with":
            clauses = [c for c in known if c.frame is one and isinstance(c.node, ast.Call)]
        else:
            clauses = [c for c in known if one.kind == "try" and c.statement is one.node]
        catch = next((c for c in clauses if any(_fits(hub, cls, named) for named in c.classes)), None)
        if catch is not None and not catch.raises_same(hub):
            return False
    return True


def _fits(hub: Semantics, cls: Class, named: Value) -> bool:
    """Whether a clause that names a class may catch an exception of another."""
    if isinstance(named, ClassValue):
        return hub.classes.inherits(cls, named.cls)
    if isinstance(named, External):
        return named.path in BROAD or any(
            issubclass(base, _own_class(named.path) or ()) for base in _own_bases(hub, cls) or ()
        )
    return True


def _own_class(path: str) -> type[BaseException] | None:
    """Python's own exception of a name."""
    found = getattr(builtins, path.removeprefix("builtins."), None)
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


def _own_bases(hub: Semantics, cls: Class) -> tuple[type[BaseException], ...] | None:
    """Python's own exceptions that a class derives from; None when others are among its bases, or none are."""
    found = []
    for one in hub.classes.ancestors(cls):
        if isinstance(one, Class):
            if len(hub.classes.bases(one)) < len(one.node.bases):
                return None
            continue
        base = _own_class(one)
        if base is None:
            return None
        found.append(base)
    return tuple(found) or None


def flaw(hub: Semantics, cls: Class) -> Flaw | None:
    """Why no exception of a class can be made anew from its `args`."""
    return hub.memo.get(("flaw", cls), lambda: _flaw(hub, cls), None)


def _flaw(hub: Semantics, cls: Class) -> Flaw | None:
    if _own_bases(hub, cls) is None or any(hub.classes.function(cls, name) is not None for name in _COPIES):
        return None
    if cls.parent is not None:
        step = Step(cls.module.source.place(cls.node.bases[0]), f"`{cls.name}` is defined inside `{cls.parent.name}`")
        return Flaw(cls, "is a class inside a function, where nobody finds it", step)
    init = hub.classes.function(cls, "__init__")
    if init is None or not init.positional:
        return None
    place = init.module.source.place(next(iter(_upward(init)), init.positional[0]))
    keyword = next((arg.arg for arg in init.node.args.kwonlyargs if arg.arg not in init.defaults), None)
    if keyword is not None:
        return Flaw(cls, f"needs `{keyword}=`, which is not in its `args`", Step(place, "its `args` are made here"))
    given = _args_given(hub, cls, init)
    required, most = _arity(init)
    if given is None or given == AS_CALLED or required <= given <= most:
        return None
    needed = f"{required} argument{'s' * (required != 1)}" if required else "no argument"
    return Flaw(cls, f"takes {needed} and has {given} in its `args`", Step(place, "its `args` are made here"))


def _arity(init: Function) -> tuple[int, float]:
    """How many positional arguments a class needs, and how many it takes."""
    own = init.positional[1:]
    most = math.inf if init.node.args.vararg is not None else len(own)
    return sum(arg.arg not in init.defaults for arg in own), most


def _upward(init: Function) -> list[ast.Call]:
    """The calls in an `__init__` of the one above it: `super().__init__(...)`, `Base.__init__(self, ...)`."""
    return [
        node
        for node in own_nodes(init.body)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "__init__"
    ]


def _args_given(hub: Semantics, cls: Class, init: Function) -> int | None:
    """How many `args` an exception has that an `__init__` of its class makes; None when it can't be told."""
    calls = _upward(init)
    if not init.positional or "args" in init.scan.stored_attributes or len(calls) > 1:
        return None
    if not calls:
        return AS_CALLED
    (call,) = calls
    if call.keywords or any(isinstance(arg, ast.Starred) for arg in call.args):
        return None
    above = hub.classes.function(cls, "__init__", after=init.cls)
    if above is not None:
        return _args_given(hub, cls, above)
    base = call.func.value if isinstance(call.func, ast.Attribute) else call
    return len(call.args) - (not isinstance(base, ast.Call))  # `Base.__init__(self, ...)`


def _by_keyword(hub: Semantics, cls: Class, made: ast.Call) -> Flaw | None:
    """What is wrong with an exception whose `args` are what it was called with, when that was by keyword."""
    if _own_bases(hub, cls) is None or not made.keywords or any(one.arg is None for one in made.keywords):
        return None
    init = hub.classes.function(cls, "__init__")
    if init is None or any(isinstance(arg, ast.Starred) for arg in made.args):
        return None
    if _args_given(hub, cls, init) != AS_CALLED or len(made.args) >= _arity(init)[0]:
        return None
    place = init.module.source.place(init.positional[0])
    return Flaw(
        cls, "has what it was called with by position in its `args`, no keywords", Step(place, "called so here")
    )
