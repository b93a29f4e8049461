"""`delay_on_commit` and `apply_async_on_commit`: which objects have none, and who uses what they give.

They are methods of Celery's DjangoTask alone, on which tasks are made where no other
class is asked for, and they return None (celery/contrib/django/task.py,
celery/fixups/django.py).
"""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class, Module
from celery_lint.project.syntax import own_nodes
from celery_lint.semantics.definition.taskmethods import has_celerys
from celery_lint.semantics.dispatching.dispatches import DEFERRED
from celery_lint.semantics.inference.values import (
    NONE,
    AppValue,
    BoundMethod,
    CanvasValue,
    ClassValue,
    External,
    Field,
    FunctionValue,
    SignatureValue,
    TaskValue,
    Value,
)
from celery_lint.semantics.model import Call, FunctionFlow, Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# Celery's own classes of tasks that do not know of Django.
_PLAIN = frozenset({"celery.Task", "celery.app.Task", "celery.app.task.Task", "celery.contrib.abortable.AbortableTask"})
_SENDABLE = (SignatureValue, CanvasValue)


def gives_none(hub: Semantics, call: Call) -> bool:
    """Whether a call is one of the methods on a task, or of a helper that returns what one of them gives."""
    if call.result != NONE:
        return False
    callee = call.callee
    if isinstance(callee, BoundMethod):
        return callee.name in DEFERRED and has_celerys(hub, callee.receiver, callee.name)
    return isinstance(callee, FunctionValue) and callee.function.mentions(DEFERRED) and _hands_on(hub, callee)


def _hands_on(hub: Semantics, callee: FunctionValue) -> bool:
    """Whether a helper returns what such a call gives."""
    flow = hub.flow(callee.function, callee.captured)
    return any(call.use == "returned" and gives_none(hub, call) for call in flow.calls)


def use_of_none(call: Call) -> ast.expr | None:
    """Where the None that a call gives is used as a result: an attribute of it, or a place that keeps it."""
    for node in own_nodes(call.flow.body):
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp)) and node.elt is call.node:
            return None  # often for the sake of the calls alone
        if isinstance(node, ast.Attribute) and node.value is call.node:
            return node
        if isinstance(node, ast.Assign) and node.value is call.node:
            kept = next((one for one in node.targets if not isinstance(one, ast.Name)), None)
            names = {one.id for one in node.targets if isinstance(one, ast.Name)}
            return kept or _attribute_of(call.flow, names, node)
    if call.use == "argument":
        return None if any(_is_given_to_builtin(call, other) for other in call.flow.calls) else call.node
    return call.node if call.use == "awaited" else None


def _is_given_to_builtin(call: Call, other: Call) -> bool:
    """Whether a call's value is an argument of a function such as `bool` or `print`, which keeps nothing."""
    return (
        isinstance(other.callee, External)
        and other.callee.path.startswith("builtins.")
        and any(arg.node is call.node for arg in other.args)
    )


def _attribute_of(flow: FunctionFlow, names: set[str], after: ast.Assign) -> ast.expr | None:
    """An attribute read of a variable that surely is None since an assignment."""
    for node in own_nodes(flow.body):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names:
            if node.lineno > after.lineno and flow.value(node.value) == NONE:
                return node
    return None


def without_method(hub: Semantics, call: Call) -> str | None:
    """What it is that has no such method although a call asks it for one: words; None where it may have it."""
    if call.name not in DEFERRED:
        return None
    found = {_lacking(hub, one) for one in call.callee.alternatives()}
    return found.pop() if len(found) == 1 else None


def _lacking(hub: Semantics, callee: Value) -> str | None:
    if not isinstance(callee, (BoundMethod, Field)):
        return None
    receiver = callee.receiver if isinstance(callee, BoundMethod) else callee.base
    if isinstance(receiver, _SENDABLE):
        return f"a {receiver.kind}" if isinstance(receiver, CanvasValue) else "a signature"
    if not isinstance(receiver, TaskValue) or not isinstance(receiver.task, Task):
        return None
    task = receiver.task
    cls = _class_of(hub, task)
    if cls is None or not _is_plain(hub, cls):
        return None
    return f"`{task.name}` on the class `{cls.name if isinstance(cls, Class) else cls.rpartition('.')[2]}`"


def _class_of(hub: Semantics, task: Task) -> Class | str | None:
    """The class that a task is made on; None when it is Celery's own for the application, or not known."""
    if task.cls is not None:
        return task.cls
    base = task.option("base")
    if base is None:
        return None if task.is_opaque else hub.tasks.app_task_class
    if isinstance(base.value, ClassValue):
        return base.value.cls
    if isinstance(base.value, External) and base.node is not None and base.module is not None:
        return None if _is_of_app(hub, base.node, base.module) else base.value.path
    return None


def _is_plain(hub: Semantics, cls: Class | str) -> bool:
    """Whether a class of tasks surely has none of the methods."""
    if isinstance(cls, str):
        return cls in _PLAIN
    return hub.memo.get(("plain task class", cls), lambda: _has_plain_bases(hub, cls), False)


def _has_plain_bases(hub: Semantics, cls: Class) -> bool:
    """Whether a class has none of the methods itself, and nothing but bases without them, one of which is a task's."""
    if any(name in cls.functions or name in cls.assigns for name in (*DEFERRED, "__getattr__")):
        return False
    is_task = False
    for node in cls.node.bases:
        value = hub.evaluate(node, cls.module)
        base = value.cls if isinstance(value, ClassValue) else value.path if isinstance(value, External) else None
        if base is None or _is_of_app(hub, node, cls.module):
            return False
        if _is_plain(hub, base):
            is_task = True
        elif isinstance(base, str):
            if base.partition(".")[0] not in {*sys.stdlib_module_names, "builtins"}:
                return False
        elif hub.tasks.is_task_class(base) or any(name in base.functions for name in (*DEFERRED, "__getattr__")):
            return False
    return is_task


def _is_of_app(hub: Semantics, node: ast.expr, module: Module) -> bool:
    """Whether a class is the one that an application makes its tasks on: `app.Task`."""
    return isinstance(node, ast.Attribute) and isinstance(hub.evaluate(node.value, module), AppValue)
