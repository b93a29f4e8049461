"""CEL702."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Literal

from celery_lint.findings import Applicability, Finding, Fix, Replace, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.dispatching.canvas import Part, Where, parts, spread_chord
from celery_lint.semantics.dispatching.fitting import expects_error, fits_alone, interface
from celery_lint.semantics.dispatching.unsent import builds_signatures
from celery_lint.semantics.inference.values import NONE, ResultValue, TaskValue
from celery_lint.semantics.model import Call, FunctionFlow, Task

Fault = Literal["sent", "task", "called"]
# A header of tasks works, and so does a task in a schedule: `signature(task)` is made of them.
_TAKES_TASKS = frozenset({"header", "schedule", "replacement"})
_RUNS = frozenset({"chain", "group", "header", "body", "callback", "errback", "schedule"})
# Options that `apply_async` takes by position come after `args` and `kwargs`.
_PLAIN_ARGUMENTS = 2


class DispatchInCanvas(Rule):
    """A task is sent, called or merely named where its signature belongs.

    ## What it does
    Reports `task.delay(...)`, `task.apply_async(...)`, `task(...)` and the bare task in a chain, a
    group or a chord, as a side of `a.s() | b.s()`, as `link=` or `link_error=`, in
    `add_periodic_task(...)` and in `self.replace(...)`; and a chord that is given the tasks of
    its header one by one: `chord(*tasks)`.

    ## Why is this bad
    `delay()` sends the task now, and gives an AsyncResult. The canvas cannot be built of it:
    TypeError or AttributeError, or EncodeError for a callback, when the first task is on its way
    already. A periodic task is worse: it is sent once, at the start, and the schedule gets
    an entry without a task, in silence. A task that is called runs right there, and what it
    returns takes the signature's place.

    ## Example
    ```python
    chain(fetch.delay(order_id), bill.s()).delay()
    ```

    ## Use instead
    ```python
    chain(fetch.s(order_id), bill.s()).delay()
    ```

    ## Silent when
    What stands there may be a signature as well; a task that is called may return a signature;
    an error is expected around it. A bare task works in a chord's header and in
    `add_periodic_task(...)`.

    ## Fix safety
    Safe: the code that is repaired could not run. Unsafe for a periodic task, which is no longer
    sent when the schedule is made.

    ## References
    - [Celery: designing workflows](https://docs.celeryq.dev/en/stable/userguide/canvas.html)
    """

    severity = Severity.ERROR
    fixable = "safe"

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        for part in parts(file.hub, flow):
            fault = self._fault(part, flow)
            if fault is not None and not self._is_expected(part, flow):
                what = f"`{file.text(part.node)}` {(_FAULTS if part.is_own else _HELD)[fault]}"
                outcome = _OF_VALUES.get(part.where) if fault == "called" else None
                message = f"{what}, and {outcome or _OUTCOMES[part.where]}"
                yield self.finding(file.place(part.node), message, fix=self._fix(part, fault, flow, file))
        for call in flow.calls:
            if call.name == "chord" and spread_chord(call) and not expects_error(call):
                text = file.text(call.node)
                message = f"`{text}` takes its second argument for the body, and the others for options: give it a list"
                yield self.finding(file.place(call.node), message)

    def _fault(self, part: Part, flow: FunctionFlow) -> Fault | None:
        kinds = [v for v in part.value.alternatives() if v != NONE]
        if kinds and all(isinstance(v, ResultValue) for v in kinds):
            return "sent"
        if kinds and all(isinstance(v, TaskValue) for v in kinds):
            return "task" if part.where not in _TAKES_TASKS else None
        call = flow.events.get(part.node) if isinstance(part.node, ast.Call) else None
        if call is not None and part.where in _RUNS and isinstance(call.callee, TaskValue):
            task = call.callee.task
            return "called" if isinstance(task, Task) and not builds_signatures(task) else None
        return None

    def _is_expected(self, part: Part, flow: FunctionFlow) -> bool:
        call = next((flow.events[n] for n in ast.walk(part.whole) if isinstance(n, ast.Call)), None)
        return call is not None and (expects_error(call) or expects_error(call, "AttributeError"))

    def _fix(self, part: Part, fault: Fault, flow: FunctionFlow, file: FileContext) -> Fix | None:
        node = part.node
        if not part.is_own:
            return None
        if fault == "task":
            if not isinstance(part.value, TaskValue) or not self._can_do_without_arguments(part, part.value, file):
                return None
            change = Replace(file.place(node), "{}.s()")
        elif not isinstance(node, ast.Call) or not isinstance(node.func, (ast.Name, ast.Attribute)):
            return None
        elif fault == "called":
            if self._is_given_a_result(part) and (node.args or node.keywords):
                return None
            change = Replace(file.place(node.func), "{}.s")
        else:
            func = node.func
            call = flow.events[node]
            owner = file.module.source.code(func.value) if isinstance(func, ast.Attribute) else ""
            if not owner or any(c in owner for c in "${") or not isinstance(flow.value(func.value), TaskValue):  # type: ignore[union-attr]
                return None
            if call.name == "apply_async" and (len(call.positional) > _PLAIN_ARGUMENTS or call.is_opaque):
                return None
            verb = {"delay": "s", "apply_async": "signature"}.get(call.name)
            if verb is None:
                return None
            if self._is_given_a_result(part) and self._fits_alone(call, file):
                if verb != "s":
                    return None
                verb = "si"
            change = Replace(file.place(func), f"{owner}.{verb}")
        applicability = Applicability.UNSAFE if part.where == "schedule" else Applicability.SAFE
        return Fix(applicability, "Give it the task's signature", (change,), uncovers=_UNCOVERED)

    def _can_do_without_arguments(self, part: Part, value: TaskValue, file: FileContext) -> bool:
        """Whether the task can be run with what the canvas gives to it."""
        taken = interface(file.hub, value.task) if isinstance(value.task, Task) else None
        if taken is None:
            return False
        needed = [name for name in taken.names if name not in taken.optional]
        if not self._is_given_a_result(part):
            return not needed
        return len(needed) <= 1 and (bool(taken.positional) or taken.takes_more)

    def _is_given_a_result(self, part: Part) -> bool:
        """Whether Celery puts what comes before in front of the arguments."""
        return part.where in ("body", "callback") or (part.where == "chain" and part.index > 0)

    def _fits_alone(self, call: Call, file: FileContext) -> bool:
        """Whether the task has no room for a result in front of the arguments that the call gives."""
        return any(fits_alone(file.hub, dispatch) for dispatch in file.hub.dispatches.of_call(call))


# What is asked of signatures, and of the entries of a schedule.
_UNCOVERED = ("CEL106", "CEL701", "CEL703", "CEL706", "CEL805", "CEL806")
_FAULTS: dict[Fault, str] = {
    "sent": "is sent here and now",
    "task": "is the task itself, not a signature of it",
    "called": "runs the task here and now",
}
_HELD: dict[Fault, str] = {
    "sent": "holds results of tasks that are sent already",
    "task": "holds tasks, not signatures of them",
    "called": "holds what tasks return",
}
_OUTCOMES: dict[Where, str] = {
    "chain": "the chain cannot be built: TypeError",
    "group": "the group cannot be built of it",
    "header": "the chord cannot be built of it",
    "body": "the chord cannot be built with such a body: AttributeError",
    "callback": "no message can carry it as a callback: EncodeError",
    "errback": "no message can carry it as a callback: EncodeError",
    "schedule": "the schedule gets an entry without a task",
    "replacement": "cannot replace the running task: AttributeError",
}
# What comes of a task's value where a signature belongs, which need not be refused there.
_OF_VALUES: dict[Where, str] = {
    "callback": "what it returns is no callback",
    "errback": "what it returns is no callback",
    "schedule": "no schedule can be made of what it returns: AttributeError",
}
