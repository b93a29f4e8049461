"""States that a task gives to its own run, with `update_state`, and what becomes of them.

`Task.update_state(task_id=None, state=None, meta=None)` stores at once
(celery/app/task.py). What the run returns or raises is stored over it at its end.
The meta of FAILURE, RETRY and REVOKED is read back as an exception, which needs
the key `exc_type` (celery/backends/base.py, `exception_to_python`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celery_lint.project.modules import Function
from celery_lint.project.syntax import last_name, own_nodes
from celery_lint.records import record
from celery_lint.semantics.calls.sequel import sequel, statement_of
from celery_lint.semantics.definition.taskmethods import task_calls
from celery_lint.semantics.inference.values import Collection, Constant, External, Scalar, Value
from celery_lint.semantics.model import Argument, Call, FunctionFlow
from celery_lint.semantics.results.stored import ignores_result
from celery_lint.semantics.retries.retrying import retry_calls, throws
from celery_lint.semantics.time.interruption import never_returns

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

_PARAMETERS = ("task_id", "state", "meta")
# celery/states.py, EXCEPTION_STATES
_OF_EXCEPTIONS = frozenset({"FAILURE", "RETRY", "REVOKED"})
_KEY = "exc_type"
_METHOD = "update_state"


@record()
class StateSet:
    """A call that gives a run the state of one that failed."""

    call: Call
    state: str
    is_readable: bool
    """Whether its meta can be read back as an exception, or nothing tells that it can't."""
    is_own: bool = True
    """Whether it is the state of the very run that sets it, and not of another task's."""


def failures_set(hub: Semantics, flow: FunctionFlow) -> Iterator[StateSet]:
    """The calls of a body that set a state of exceptions."""
    for call in task_calls(hub, flow, _METHOD):
        arguments = _given(call)
        states = {_state(one) for one in arguments["state"].value.alternatives()} if "state" in arguments else set()
        if states and states <= _OF_EXCEPTIONS:
            meta = arguments.get("meta")
            is_readable = meta is None or _is_readable(meta.value)
            yield StateSet(call, str(min(map(str, states))), is_readable, _is_own(arguments.get("task_id"), flow))


def set_by_helpers(hub: Semantics, flow: FunctionFlow) -> Iterator[StateSet]:
    """The calls of helpers that set a state of exceptions, whatever happens, and return."""
    for call in flow.calls:
        for target in hub.calls.targets(call):
            if target.deferred or not target.function.mentions((_METHOD,)):
                continue
            inner = hub.flow(target.function)
            for found in failures_set(hub, inner):
                if (
                    found.is_readable
                    and found.is_own
                    and found.call.frame is inner.root
                    and is_overwritten(hub, found.call)
                ):
                    yield StateSet(call, found.state, True)


def _given(call: Call) -> dict[str, Argument]:
    found = {name: arg for name, arg in zip(_PARAMETERS, call.positional, strict=False) if not arg.star}
    return {**found, **{arg.keyword: arg for arg in call.args if arg.keyword is not None}}


def _is_own(task_id: Argument | None, flow: FunctionFlow) -> bool:
    """Whether a call without a task's id, or with `self.request.id`, means the run itself."""
    if task_id is None or task_id.value == Constant(None):
        return True
    made = flow.assigned(task_id.node.id) if isinstance(task_id.node, ast.Name) else [task_id.node]
    return any(
        isinstance(node, ast.Attribute) and node.attr == "id" and last_name(node.value) == "request" for node in made
    )


def _state(value: Value) -> object:
    if isinstance(value, External):
        head, _, name = value.path.rpartition(".")
        return name if head == "celery.states" else None
    return value.value if isinstance(value, Constant) else None


def _is_readable(meta: Value) -> bool:
    return any(
        not isinstance(one, (Collection, Constant, Scalar))
        or one == Constant(None)
        or (isinstance(one, Scalar) and not one.kind)
        or (isinstance(one, Collection) and (one.kind != "dict" or one.keys is None or _KEY in one.keys))
        for one in meta.alternatives()
    )


def stores_success(hub: Semantics, function: Function) -> bool:
    """Whether a function is what a task runs, and what it returns is stored (celery/app/trace.py)."""
    task = hub.tasks.of_body(function)
    return task is not None and ignores_result(hub, task) is False


def is_overwritten(hub: Semantics, call: Call) -> bool:
    """Whether a body surely returns after a call in it: of a task, SUCCESS is stored over what the call stored."""
    flow = call.flow
    function = flow.function
    statement = statement_of(flow, call.node)
    if function is None or statement is None or function.is_generator or call.frame.find("finally"):
        return False
    after = sequel(function.body, statement)
    last = [after.last] if after.last is not None else []
    if after.ending not in ("return", "end"):
        return False
    retries = {retry.node for retry in retry_calls(hub, flow) if throws(retry) is not False}
    for node in own_nodes([*after.statements, *last]):
        event = flow.events.get(node) if isinstance(node, ast.Call) else None
        if isinstance(node, ast.Raise) or (event is not None and (node in retries or never_returns(hub, event))):
            return False
    return True
