"""What becomes of a task under the decorators above its own.

A decorator above gets the task, and what it returns takes the task's name in the
module. A wrapper is a plain function: functools.wraps copies an object's own
attributes, never the methods of its class.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class, Function, Module
from celery_lint.project.syntax import last_name, walk
from celery_lint.semantics.calls.context_managers import is_context_manager
from celery_lint.semantics.inference.packages import TASK_METHODS
from celery_lint.semantics.inference.values import (
    Atomic,
    ClassValue,
    ContextManager,
    External,
    FunctionValue,
    Instance,
    Partial,
    Value,
)
from celery_lint.semantics.model import Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

_WRAPS = "functools.wraps"
_CONTEXT_DECORATORS = frozenset({"contextlib.ContextDecorator", "contextlib.AsyncContextDecorator"})
# Other packages' decorators that give a function or an object of their own for what they decorate.
_ATOMIC = frozenset({"django.db.transaction.atomic", "django.db.transaction.atomic()"})
_WRAPPERS = _ATOMIC | {
    "functools.lru_cache", "functools.cache", "functools.singledispatch", "contextlib.contextmanager",
    "asgiref.sync.async_to_sync", "asgiref.sync.sync_to_async", "tenacity.retry", "retry.retry",
    "backoff.on_exception", "backoff.on_predicate", "cachetools.cached", "sentry_sdk.trace",
    "django.utils.decorators.method_decorator", "django.utils.translation.override", "django.utils.timezone.override",
}  # fmt: skip
_WRAPPING_MODULES = ("django.views.decorators.", "django.contrib.auth.decorators.")
_SETTING = frozenset({"setattr", "__dict__", "__getattr__", "__class__", "update_wrapper"})
_NAMES = frozenset({"__name__", "__module__"})
# Calls that look at a function, or wrap it, and send nothing.
_READERS = frozenset(
    {"wraps", "update_wrapper", "signature", "getdoc", "isfunction", "iscoroutinefunction", "callable"}
)
# What a class has that may stand for a task's own methods.
_STANDING_IN = ("__getattr__", "__getattribute__", "__new__", "delay", "apply_async", "s")
# By these a class shows that it takes what it decorates for a task.
_SENDING = frozenset({"delay", "apply_async", "delay_on_commit", "apply_async_on_commit", "s", "si", "signature"})


def above(task: Task) -> Sequence[ast.expr]:
    """The decorators above the task's own, from the top."""
    if task.function is None or task.cls is not None or task.decorator is None:
        return ()
    decorators = list(task.function.decorators)
    return decorators[: decorators.index(task.decorator)] if task.decorator in decorators else ()


def hiding(hub: Semantics, task: Task) -> Sequence[ast.expr]:
    """Those of the decorators above the task's own which surely leave no task under its name."""
    return [one for one in above(task) if _hides(hub, one, task.module)]


def may_stand_below(hub: Semantics, decorator: ast.expr, module: Module) -> bool:
    """Whether a decorator works under the task's as above it: the body keeps its name and gets the same arguments."""
    value = hub.evaluate(decorator, module)
    if isinstance(value, Atomic) or (isinstance(value, External) and value.path in _ATOMIC):
        # What `method_decorator` makes needs a method's `self`.
        return not (isinstance(decorator, ast.Call) and last_name(decorator.func) == "method_decorator")
    if isinstance(decorator, ast.Call):
        value = hub.evaluate(decorator.func, module)
    if not isinstance(value, FunctionValue):
        return False
    if is_context_manager(hub, value.function):
        return isinstance(decorator, ast.Call)
    return hub.tasks.passes_on(value.function) and all(
        _is_named_after(hub, wrapper) for one in _applied(hub, decorator, module) for wrapper in _wrappers(hub, one)
    )


def below(task: Task) -> Sequence[ast.expr]:
    """The decorators under the task's own, from the top."""
    count = len(above(task))
    if task.function is None or task.decorator is None or task.decorator not in task.function.decorators:
        return ()
    return list(task.function.decorators)[count + 1 :]


def unnamed_wrapper(hub: Semantics, task: Task) -> Function | None:
    """The function that a decorator under the task's own puts in the place of the body, under its own name.

    The task is registered by that name then, as each task with that decorator is.
    """
    for decorator in below(task):
        applied = _applied(hub, decorator, task.module)
        if not applied:
            value = hub.evaluate(decorator, task.module)
            if isinstance(value, Atomic) or (isinstance(value, External) and value.path in _ATOMIC):
                continue
            return None
        if not all(_replaces(hub, one) for one in applied):
            return None
        wrappers = [wrapper for one in applied for wrapper in _wrappers(hub, one)]
        if any(not wrapper.decorators for wrapper in wrappers):
            return wrappers[0] if len(set(wrappers)) == 1 and not _is_renamed(wrappers[0]) else None
    return None


def _is_renamed(wrapper: Function) -> bool:
    """Whether the decorator around a wrapper may set its name: `wrapper.__name__ = ...`, update_wrapper()."""
    parent = wrapper.parent
    return isinstance(wrapper.node, ast.Lambda) or (
        parent is not None and (parent.mentions(_SETTING) or not _NAMES.isdisjoint(parent.scan.stored_attributes))
    )


def _hides(hub: Semantics, decorator: ast.expr, module: Module) -> bool:
    value = hub.evaluate(decorator, module)
    if isinstance(value, (Atomic, ContextManager)):
        return True
    if isinstance(value, Instance) and isinstance(value.cls, Class):
        if hub.classes.derives_from(value.cls, _CONTEXT_DECORATORS):
            return hub.classes.function(value.cls, "__call__") is None
        method = hub.classes.function(value.cls, "__call__")
        return method is not None and _replaces(hub, method)
    called = hub.evaluate(decorator.func, module) if isinstance(decorator, ast.Call) else value
    if isinstance(called, External):
        return called.path in _WRAPPERS or called.path.startswith(_WRAPPING_MODULES)
    if isinstance(called, ClassValue):
        return not isinstance(decorator, ast.Call) and _is_plain(hub, called.cls)
    applied = _applied(hub, decorator, module)
    return bool(applied) and all(_replaces(hub, one) for one in applied)


def _applied(hub: Semantics, decorator: ast.expr, module: Module) -> Sequence[Function]:
    """The project's functions that may get the task: the decorator itself, or what its call returns."""
    if not isinstance(decorator, ast.Call):
        value = hub.evaluate(decorator, module)
        return [value.function] if isinstance(value, FunctionValue) else ()
    factory = hub.evaluate(decorator.func, module)
    if not isinstance(factory, FunctionValue) or factory.function.decorators:
        return ()
    found = []
    for node, value in hub.flow(factory.function).returns:
        # `return decorate(function)` serves the form without a call.
        if isinstance(value, FunctionValue) and not isinstance(getattr(node, "value", None), ast.Call):
            found.append(value.function)
    return found


def _replaces(hub: Semantics, decorator: Function) -> bool:
    """Whether a decorator of the project gives a wrapper of its own, without a task's methods, in every case."""
    if decorator.decorators or decorator.is_generator or hub.makes_tasks(decorator):
        return False
    if decorator.mentions(_SETTING) or not TASK_METHODS.isdisjoint(decorator.scan.stored_attributes):
        return False
    if not decorator.parameters or _knows_task(decorator):
        return False
    values = _returned(hub, decorator)
    return bool(values) and all(_is_wrapper(hub, one, decorator) for one in values)


def _returned(hub: Semantics, decorator: Function) -> Sequence[Value]:
    """What a decorator of the project gives; `cast(F, wrapper)` is the wrapper."""
    flow = hub.flow(decorator)
    found: list[Value] = []
    for node, value in flow.returns:
        call = node.value if isinstance(node, ast.Return) else None
        if isinstance(call, ast.Call) and last_name(call.func) == "cast" and len(call.args) == 2:
            value = flow.value(call.args[1])
        found += value.alternatives()
    return found


def _knows_task(decorator: Function) -> bool:
    """Whether a decorator does more with what it decorates than to call it: it may be made for tasks, and send them."""
    nodes = list(walk(decorator.node))
    inner = {n.name: n for n in nodes if isinstance(n, ast.FunctionDef) and n is not decorator.node}
    names = {arg.arg for arg in decorator.positional[decorator.cls is not None :][:1]}
    calls = [node for node in nodes if isinstance(node, ast.Call) and last_name(node.func) not in _READERS]
    for call in calls:
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        if any(isinstance(one, ast.Name) and one.id in names for one in given):
            function = inner.get(last_name(call.func))
            if function is None or not function.args.args:
                return True
            names.add(function.args.args[0].arg)
    return any(
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in names
        and not node.attr.startswith("__")
        for node in nodes
    )


def _is_wrapper(hub: Semantics, value: Value, decorator: Function) -> bool:
    if isinstance(value, Partial):
        return True
    if not isinstance(value, FunctionValue):
        return False
    function, parent = value.function, value.function.parent
    while parent is not None and parent is not decorator:
        parent = parent.parent
    return parent is decorator and all(_is_known(hub, one, function.module) for one in function.decorators)


def _is_known(hub: Semantics, decorator: ast.expr, module: Module) -> bool:
    return _is_wraps(hub, decorator, module) or _hides(hub, decorator, module)


def _is_wraps(hub: Semantics, decorator: ast.expr, module: Module) -> bool:
    return isinstance(decorator, ast.Call) and hub.evaluate(decorator.func, module) == External(_WRAPS)


def _wrappers(hub: Semantics, decorator: Function) -> Iterator[Function]:
    """The functions that a decorator of the project returns."""
    return (one.function for one in _returned(hub, decorator) if isinstance(one, FunctionValue))


def _is_named_after(hub: Semantics, wrapper: Function) -> bool:
    """Whether a wrapper takes over the name of what it wraps, and is called with one wrapper for each."""
    return any(_is_wraps(hub, one, wrapper.module) for one in wrapper.decorators)


def _is_plain(hub: Semantics, cls: Class) -> bool:
    """Whether instances of a class surely have none of a task's methods, and send nothing."""
    ancestors = hub.classes.ancestors(cls)
    return not any(hub.classes.function(cls, name) for name in _STANDING_IN) and all(
        not any(method.mentions(_SENDING) for method in one.functions.values())
        if isinstance(one, Class)
        else one.startswith("builtins.")
        for one in ancestors
    )
