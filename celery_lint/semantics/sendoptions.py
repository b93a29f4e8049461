"""The options of a dispatch: which there are, and those given where the task's own arguments belong.

`Task.apply_async` takes the task's arguments as `args` and `kwargs`, and options beside them
(celery/app/task.py and base.py, `send_task`; celery/app/amqp.py; kombu/messaging.py, `Producer.publish`).
All that `delay` and `s` are given goes to the task.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from celery_lint.project.modules import Function
from celery_lint.project.syntax import walk
from celery_lint.records import record
from celery_lint.semantics.dispatches import SPREAD
from celery_lint.semantics.fitting import interface, is_certain, is_expected, may_be_subclass
from celery_lint.semantics.model import Dispatch, Sent

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

PACKED_ARGUMENTS = frozenset({"args", "kwargs"})
OPTIONS = frozenset(
    """countdown eta expires queue routing_key exchange exchange_type priority serializer compression delivery_mode
    task_id link link_error shadow ignore_result time_limit soft_time_limit retry retry_policy headers producer
    publisher connection reply_to add_to_parent root_id parent_id group_id group_index chord chain retries route_name
    router result_cls task_type replaced_task_nesting stamped_headers argsrepr kwargsrepr declare mandatory immediate
    expiration timeout confirm_timeout""".split()
)
"""What `apply_async` takes beside the task's arguments."""
_TELLING = frozenset({"countdown", "eta", "link", "link_error"})
"""Options whose names nothing else has: even a task that takes any keyword is not given them as data."""


@record()
class Misplaced:
    """Options among the task's own arguments.

    `is_swallowed`: the task's `**kwargs` take them, so that nothing fails.
    """

    options: tuple[Sent, ...]
    is_swallowed: bool

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(str(option.keyword) for option in self.options)


def misplaced(hub: Semantics, dispatch: Dispatch) -> Misplaced | None:
    """The options that `delay()` or `s()` hands to a task which has no such parameters.

    None where one of several dispatches that a call may be has them.
    """
    found = _misplaced(hub, dispatch)
    if found is None or not is_certain(dispatch.call) or is_expected(dispatch):
        return None
    others = [d for d in hub.dispatches.of_call(dispatch.call) if (d.verb, d.task) != (dispatch.verb, dispatch.task)]
    return found if all(_misplaced(hub, other) is not None for other in others) else None


def _misplaced(hub: Semantics, dispatch: Dispatch) -> Misplaced | None:
    task = dispatch.task
    given = [s for s in dispatch.sent if s.keyword in OPTIONS or s.keyword in PACKED_ARGUMENTS]
    if not given or task is None or not (dispatch.verb in SPREAD or dispatch.verb in ("s", "si")):
        return None
    taken = interface(hub, task, is_checked=task.cls is None)
    if taken is None or may_be_subclass(hub, dispatch):
        return None
    foreign = [s for s in given if s.keyword not in taken.names]
    if taken.takes_any:
        assert task.function is not None
        foreign = [s for s in foreign if s.keyword in _TELLING]
        if foreign and not _reads_by_name(task.function, {str(s.keyword) for s in foreign}):
            return None
    return Misplaced(tuple(foreign), taken.takes_any) if foreign else None


def _reads_by_name(function: Function, names: set[str]) -> bool:
    """Whether a function takes single items out of its `**kwargs`, if any, and none of these names."""
    collected = function.node.args.kwarg
    assert collected is not None
    read = set()
    for node in walk(function.node):
        key: ast.expr | None = None
        if isinstance(node, ast.Subscript):
            holder, key = node.value, node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("get", "pop"):
            holder, key = node.func.value, node.args[0] if node.args else None
        if isinstance(key, ast.Constant) and isinstance(holder, ast.Name) and key.value not in names:
            read.add(holder)
    return all(node in read for node in walk(function.node) if isinstance(node, ast.Name) and node.id == collected.arg)
