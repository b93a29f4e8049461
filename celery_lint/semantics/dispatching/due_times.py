"""When a message says that it is due, and until when: `countdown`, `eta` and `expires`, wherever they are given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from celery_lint.records import record
from celery_lint.semantics.dispatching.dispatches import keyword_options
from celery_lint.semantics.inference.values import (
    NONE,
    BoundMethod,
    CanvasValue,
    Constant,
    Duration,
    Moment,
    Scalar,
    SignatureValue,
    TaskValue,
    Value,
    number,
)
from celery_lint.semantics.model import Argument, Call, FunctionFlow, Option, Task

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
    """How many seconds from now a value means; None when that is not known, or depends on a clock."""
    if isinstance(value, Moment):
        return value.after if value.clock in ("aware", "utc") else None
    return None if value is None else number(value)


# The most that a zone is ahead of UTC or behind it (zoneinfo: Pacific/Kiritimati).
_FARTHEST_ZONE = 14 * 3600.0


def least_seconds(value: Value | None) -> float | None:
    """How many seconds from now a value means at least: a time that is taken for UTC may be hours nearer."""
    if isinstance(value, Moment) and value.clock == "local" and value.after is not None:
        return value.after - _FARTHEST_ZONE
    return seconds(value)


def _is_refused(name: str, value: Value) -> bool:
    """Whether Celery raises an error on a value (celery/app/amqp.py, `as_task_v2`; celery/app/base.py, `send_task`).

    `countdown` and `expires` are compared with numbers, `eta` is written with `isoformat()`.
    """
    return all(_is_one_refused(name, one) for one in value.alternatives())


def _is_one_refused(name: str, value: Value) -> bool:
    is_number = isinstance(value, Constant) and bool(seconds(value))
    is_text = isinstance(value, Constant) and isinstance(value.value, str) and bool(value.value)
    if name == ETA:
        return isinstance(value, Duration) or is_number
    return isinstance(value, Duration) or (name == COUNTDOWN and (isinstance(value, Moment) or is_text))


@record()
class Conflict:
    """What is wrong with a schedule: the option to point at, and what becomes of it.

    `refused`: Celery raises an error. `expired`: the task has expired when it is due. `ignored`: `countdown`
    outranks `eta` (celery/app/amqp.py, `as_task_v2`).
    """

    kind: Literal["refused", "expired", "ignored"]
    name: str
    due: float = 0.0
    expires: float = 0.0
    option: Option | None = None
    """The task's own option that expires it."""


def conflicts(schedule: Schedule) -> Iterator[Conflict]:
    """What contradicts itself in a schedule, as far as all of it can be told."""
    refused = [name for name, arg in schedule.given.items() if _is_refused(name, arg.value)]
    for name in refused:
        yield Conflict("refused", name)
    if refused:
        return
    countdown, eta = schedule.value(COUNTDOWN), schedule.value(ETA)
    if _is_certain(countdown) and _is_certain(eta):
        yield Conflict("ignored", ETA)
    due = _due(countdown, eta)
    expires, option = seconds(schedule.value(EXPIRES)), None
    if EXPIRES not in schedule.given and schedule.task is not None and schedule.verb in _WITH_TASK_OPTIONS:
        option = schedule.task.option(EXPIRES)
        expires = seconds(option.value) if option is not None and not schedule.task.is_opaque else None
    if due is not None and expires is not None and expires <= due:
        at = next((n for n in (EXPIRES, COUNTDOWN, ETA) if n in schedule.given and (n != COUNTDOWN or due)), EXPIRES)
        yield Conflict("expired", at, due, expires, option)


# Verbs by which a message gets what the task's decorator says as well (celery/app/task.py, `_get_exec_options`),
# or what it said when it was sent first (`signature_from_request`).
_WITH_TASK_OPTIONS = frozenset({"apply_async", "apply_async_on_commit", "retry"})


def _is_certain(value: Value | None) -> bool:
    """Whether a countdown or an eta is there whatever the run, and is not zero."""
    return value is not None and all(
        isinstance(one, Moment)
        or (isinstance(one, Scalar) and one.kind in ("int", "float", "str"))
        or (isinstance(one, Constant) and bool(one.value))
        for one in value.alternatives()
    )


def _due(countdown: Value | None, eta: Value | None) -> float | None:
    """How many seconds from now a task is due at the soonest; None when that is not known."""
    if countdown is not None and countdown not in (NONE, Constant(0)):
        return seconds(countdown)
    if eta is None or eta == NONE:
        return 0.0
    return seconds(eta)
