"""Calls of the methods that Celery gives to every task: `retry`, `update_state`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from celery_lint.semantics.inference.values import BoundMethod, Field, Instance, Parameter, TaskValue, Value
from celery_lint.semantics.model import Call, FunctionFlow, Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics


# The methods of a task's class that get what its body returns.
SEE_RESULTS = ("__call__", "on_success", "after_return")


def task_calls(hub: Semantics, flow: FunctionFlow, name: str) -> Sequence[Call]:
    """The calls of a body that are Celery's own method of some task, in their order."""
    return hub.memo.get(("task calls", flow, name), lambda: tuple(c for c in flow.calls if _is_of(hub, c, name)), ())


def _is_of(hub: Semantics, call: Call, name: str) -> bool:
    kinds = call.callee.alternatives()
    return all(isinstance(one, (BoundMethod, Field)) and one.name == name for one in kinds) and all(
        has_celerys(hub, one.receiver if isinstance(one, BoundMethod) else one.base, name)
        for one in kinds
        if isinstance(one, (BoundMethod, Field))
    )


def has_celerys(hub: Semantics, value: Value, name: str) -> bool:
    """Whether a value is a task whose method is Celery's; of a helper's parameter, what all of its callers pass."""
    if isinstance(value, Parameter) and not value.star:
        sites = hub.calls.callers(value.function)
        given = [hub.passed(site.call, value.function, value.name) for site in sites or ()]
        return bool(given) and all(not isinstance(one, Parameter) and has_celerys(hub, one, name) for one in given)
    if not hub.tasks.is_task_instance(value):
        return False
    cls = None
    if isinstance(value, TaskValue) and isinstance(value.task, Task):
        cls = hub.tasks.class_of(value.task)
    elif isinstance(value, Instance) and not isinstance(value.cls, str):
        cls = value.cls
    return cls is None or hub.classes.function(cls, name) is None
