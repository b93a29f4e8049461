"""Whether a task's body may run more than once for one message, and why.

- `autoretry_for`: what it names, raised by the body, runs it again
  (celery/app/autoretry.py), unless `max_retries` is 0.
- `self.retry(...)`: the same, by the body's own call (celery/app/task.py).
- late acknowledgement: the message is acknowledged after the run, so a worker
  that dies, or a broker that gives up waiting, has it run again
  (`acks_late`, `task_acks_late`; celery/worker/request.py).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from celery_lint.findings import Place
from celery_lint.project.modules import Module
from celery_lint.records import record
from celery_lint.semantics.inference.values import (
    UNKNOWN,
    BoundMethod,
    Collection,
    Constant,
    Field,
    FunctionValue,
    TaskValue,
    Value,
)
from celery_lint.semantics.model import Call, Option, Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

_RETRY = frozenset({"retry"})


@record()
class Rerun:
    """A reason why the body runs again. `why` ends a sentence: "it may run again: ..."."""

    kind: Literal["autoretry", "retry", "late"]
    why: str
    place: Place | None = None
    classes: tuple[Value, ...] = ()
    """What brings it about when it is raised; empty for late acknowledgement."""
    call: Call | None = None
    """The call of `retry`, or of the helper that gets `self` and retries."""
    guarded: ast.Try | None = None
    """The `try` whose handler retries; None where the retry stands elsewhere."""
    is_own: bool = True
    """Whether the task itself says so, and not the project's settings."""


def reruns(hub: Semantics, task: Task) -> Sequence[Rerun]:
    """The reasons why a task may run again, retries first."""
    return hub.memo.get(("reruns", task), lambda: tuple(_reruns(hub, task)), ())


def _reruns(hub: Semantics, task: Task) -> Iterator[Rerun]:
    if not never_retries(task):
        yield from _autoretry(task)
        yield from _retries(hub, task)
    yield from _late(hub, task)


def never_retries(task: Task) -> bool:
    """Whether `max_retries=0` switches retries off."""
    option = task.option("max_retries")
    return option is not None and option.constant == 0 and option.constant is not False


def _autoretry(task: Task) -> Iterator[Rerun]:
    option = task.option("autoretry_for")
    if option is None or option.value in (Constant(None), Collection("tuple", UNKNOWN, ())):
        return
    classes = members(option.value)
    names = ", ".join(f"`{last_name(c)}`" for c in classes if last_name(c))
    yield Rerun("autoretry", f"it is retried on {names or 'what `autoretry_for` names'}", place_of(option), classes)


def _retries(hub: Semantics, task: Task) -> Iterator[Rerun]:
    if task.function is None:
        return
    flow = hub.flow(task.function)
    for call in flow.calls:
        if not _is_retry(hub, call):
            continue
        handler = call.frame.find("handler")
        guarded: ast.Try | None = None
        classes: tuple[Value, ...] = ()
        if handler is not None:
            for node, statement, frame, named in flow.handlers:
                if frame is handler and node is handler.node:
                    guarded, classes = statement, members(named)
        place = flow.module.source.place(call.node)
        yield Rerun("retry", f"line {call.node.lineno} retries it", place, classes, call, guarded)


def _is_retry(hub: Semantics, call: Call) -> bool:
    """Whether a call is `self.retry(...)`, or of a helper that gets the task and retries it.

    A method of the task's own class, of its base or of a mixin is such a helper: `self.retry_later(exc)`.
    """
    if _is_own_retry(hub, call):
        return True
    for callee in call.callee.alternatives():
        if isinstance(callee, FunctionValue) and callee.receiver is not None and callee.function.mentions(_RETRY):
            if hub.tasks.is_task_instance(callee.receiver) and any(
                _is_own_retry(hub, inner) for inner in hub.flow(callee.function).calls
            ):
                return True
    if any(isinstance(v, TaskValue) for a in call.args for v in a.value.alternatives()):
        return any(
            t.function.mentions(_RETRY) for t in hub.calls.targets(call) if hub.tasks.of_function(t.function) is None
        )
    return False


def _is_own_retry(hub: Semantics, call: Call) -> bool:
    """Whether a call is the method `retry` of some task. What a mixin's `self` inherits is a field of it."""
    return call.name == "retry" and any(
        (isinstance(callee, BoundMethod) and hub.tasks.is_task_instance(callee.receiver))
        or (isinstance(callee, Field) and hub.tasks.is_task_instance(callee.base))
        for callee in call.callee.alternatives()
    )


def _late(hub: Semantics, task: Task) -> Iterator[Rerun]:
    option = task.option("acks_late")
    if option is not None:
        if option.constant is True:
            yield Rerun("late", "with `acks_late` a worker that dies has it run again", place_of(option))
        return
    for setting in hub.project_settings.all("task_acks_late"):
        if hub.project_settings.constant("task_acks_late") is True:
            place = setting.module.source.place(setting.node)
            yield Rerun("late", "with late acknowledgement a worker that dies has it run again", place, is_own=False)
            return


def members(value: Value) -> tuple[Value, ...]:
    """The classes that a class or a tuple of classes names."""
    if isinstance(value, Collection):
        return value.items if value.items is not None else (value.element,)
    return tuple(value.alternatives())


def last_name(value: Value) -> str:
    """How messages name an exception class; empty when it is not known."""
    path = getattr(value, "path", "")
    cls = getattr(value, "cls", None)
    return path.rpartition(".")[2] if path else getattr(cls, "name", "")


def place_of(option: Option) -> Place | None:
    """Where an option is given."""
    module: Module | None = option.module
    return module.source.place(option.node) if module is not None and option.node is not None else None


__all__ = ["Rerun", "last_name", "reruns"]
