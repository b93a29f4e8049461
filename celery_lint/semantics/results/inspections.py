"""Calls that ask all workers something, and wait for their answers.

Nobody knows how many workers there are: without `limit` or `destination` the
caller waits for the whole timeout, even when all have answered (celery/app/control.py,
`Inspect._request` and `Control.ping`; kombu/pidbox.py, `Mailbox._collect`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.records import record
from celery_lint.semantics.inference.packages import CONTROLS, INSPECT
from celery_lint.semantics.inference.values import BoundMethod, Constant, Instance
from celery_lint.semantics.model import Call, FunctionFlow

_QUESTIONS = frozenset(
    """report clock active scheduled reserved stats revoked registered registered_tasks ping active_queues query_task
    conf hello memsample memdump objgraph""".split()
)
# What the answers are limited by.
_LIMITS = frozenset({"destination", "limit"})
_DEFAULT = "1"
"""The timeout in seconds, where none is given."""


@record()
class Inspection:
    """A call that asks all workers, and for how many seconds it waits: code."""

    call: Call
    seconds: str


def inspections(flow: FunctionFlow) -> Iterator[Inspection]:
    """The calls of a body that ask all workers."""
    for call in flow.calls:
        callee = call.callee
        if not isinstance(callee, BoundMethod) or not isinstance(callee.receiver, Instance):
            continue
        made, node = callee.receiver, call.node
        if made.cls == INSPECT and callee.name in _QUESTIONS and made.origin is not None:
            maker = made.origin.key[0]
            if isinstance(maker, ast.Call) and not _is_limited(node) and not _is_limited(maker, by_position=True):
                yield Inspection(call, _seconds(maker, by_position=True))
        elif made.cls in CONTROLS and callee.name == "ping" and not _is_limited(node, by_position=True):
            yield Inspection(call, _seconds(node, by_position=True))
        elif made.cls in CONTROLS and _asks_for_reply(call) and not _is_limited(node):
            yield Inspection(call, _seconds(node))


def _asks_for_reply(call: Call) -> bool:
    reply = call.keyword("reply")
    return reply is not None and reply.value == Constant(True)


def _is_limited(node: ast.Call, by_position: bool = False) -> bool:
    """Whether a call names who is to answer, or how many; by its first argument too, if that is the destination."""
    if any(k.arg is None or k.arg in _LIMITS for k in node.keywords):
        return True
    first = node.args[0] if by_position and node.args else None
    return first is not None and not (isinstance(first, ast.Constant) and first.value is None)


def _seconds(node: ast.Call, by_position: bool = False) -> str:
    """The timeout that a call gives, as code; of some calls the second argument is one."""
    timeout = next((k.value for k in node.keywords if k.arg == "timeout"), None)
    if timeout is None and by_position and len(node.args) > 1:
        timeout = node.args[1]
    return ast.unparse(timeout) if timeout is not None else _DEFAULT
