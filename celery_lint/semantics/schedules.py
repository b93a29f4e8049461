"""When a message says that it is due, and until when: `countdown`, `eta` and `expires`, wherever they are given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.records import record
from celery_lint.semantics.dispatches import keyword_options
from celery_lint.semantics.model import Argument, Call, FunctionFlow, Task
from celery_lint.semantics.values import (
    BoundMethod,
    CanvasValue,
    Constant,
    Duration,
    Moment,
    SignatureValue,
    TaskValue,
    Value,
)

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

COUNTDOWN, ETA, EXPIRES = "countdown", "eta", "expires"
NAMES = frozenset({COUNTDOWN, ETA, EXPIRES})


@record(eq=False)
class Schedule:
    """What one call says of when a task is due."""

    call: Call
    given: dict[str, Argument]
    task: Task | None
    verb: str
    is_forwarded: bool = False
    """A helper of the project gives it, which the call runs."""

    def value(self, name: str) -> Value | None:
        argument = self.given.get(name)
        return argument.value if argument is not None else None


def schedules(hub: Semantics, flow: FunctionFlow) -> Sequence[Schedule]:
    """What a body's dispatches, signatures and retries say of when a task is due."""
    return hub.memo.get(("schedules", flow), lambda: tuple(_of_flow(hub, flow)), ())


def _of_flow(hub: Semantics, flow: FunctionFlow) -> Iterator[Schedule]:
    for dispatch in hub.dispatches.of_flow(flow):
        given = {name: arg for name, arg in dispatch.options.items() if name in NAMES}
        if given and dispatch.verb != "retry":
            yield Schedule(dispatch.call, given, dispatch.task, dispatch.verb, dispatch.forwarder is not None)
    for call in flow.calls:
        if call.name in ("set", "retry"):
            given = {name: arg for name, arg in keyword_options(call.args).items() if name in NAMES}
            found = _set_or_retried(hub, call) if given else None
            if found is not None:
                yield Schedule(call, given, found.task if isinstance(found.task, Task) else None, call.name)


def _set_or_retried(hub: Semantics, call: Call) -> SignatureValue | TaskValue | None:
    """What `set(...)` or `retry(...)` is called on, when that is a signature, a canvas or a task."""
    for callee in call.callee.alternatives():
        receiver = callee.receiver if isinstance(callee, BoundMethod) else None
        if call.name == "set" and isinstance(receiver, SignatureValue):
            return receiver
        if call.name == "set" and isinstance(receiver, CanvasValue):
            return SignatureValue()
        if call.name == "retry" and isinstance(receiver, TaskValue):
            return receiver
        if call.name == "retry" and receiver is not None and hub.tasks.is_task_instance(receiver):
            return TaskValue("")
    return None


def seconds(value: Value | None) -> float | None:
    """How many seconds from now a value means; None when that is not known.

    A truth value or a text is none, whatever Celery makes of it.
    """
    if isinstance(value, Constant) and isinstance(value.value, (int, float)) and not isinstance(value.value, bool):
        return float(value.value)
    return value.after if isinstance(value, Moment) else None


def is_refused(name: str, value: Value) -> bool:
    """Whether Celery raises an error on a value (celery/app/amqp.py, `as_task_v2`; celery/app/base.py, `send_task`).

    `countdown` and `expires` are compared with numbers, `eta` is written with `isoformat()`.
    """
    if isinstance(value, Duration):
        return True
    if name == ETA:
        return bool(seconds(value)) and isinstance(value, Constant)
    if name == COUNTDOWN:
        return isinstance(value, Moment) or (isinstance(value, Constant) and bool(value.value) and _is_text(value))
    return False


def _is_text(value: Constant) -> bool:
    return isinstance(value.value, (str, bytes))
