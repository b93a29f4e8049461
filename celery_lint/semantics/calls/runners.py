"""Calls of other packages that run a function which they are given: `asyncio.to_thread(task.delay, key)`."""

from __future__ import annotations

from collections.abc import Sequence

from celery_lint.records import record
from celery_lint.semantics.inference.values import External, Value
from celery_lint.semantics.model import Argument, Call


@record()
class Runner:
    """How a call runs a function: which argument it is, and what becomes of those after it."""

    position: int = 0
    passes_keywords: bool = True
    is_later: bool = False
    """It runs when the caller is done, or at a time of its own."""


_NOW = Runner()
_WITHOUT_KEYWORDS = Runner(passes_keywords=False)
_FUNCTIONS = {
    "anyio.to_thread.run_sync": _WITHOUT_KEYWORDS,
    "asyncio.to_thread": _NOW,
    "fastapi.background.BackgroundTask": Runner(is_later=True),
    "fastapi.concurrency.run_in_threadpool": _NOW,
    "gevent.spawn": _NOW,
    "starlette.background.BackgroundTask": Runner(is_later=True),
    "starlette.concurrency.run_in_threadpool": _NOW,
    "trio.to_thread.run_sync": _WITHOUT_KEYWORDS,
}
# Methods of event loops, executors and Starlette's `BackgroundTasks`.
_METHODS = {
    "add_task": Runner(is_later=True),
    "call_later": Runner(1, passes_keywords=False, is_later=True),
    "call_soon": _WITHOUT_KEYWORDS,
    "call_soon_threadsafe": _WITHOUT_KEYWORDS,
    "run_in_executor": Runner(1, passes_keywords=False),
    "submit": _NOW,
}
METHODS = frozenset(_METHODS)


def runner(callee: Value, call: Call) -> Runner | None:
    """How a call runs one of its arguments; None when it is not known to run any."""
    if callee.__class__ is External:
        return _FUNCTIONS.get(callee.path)
    return _METHODS.get(call.name)


def handed_over(call: Call, how: Runner) -> tuple[Argument, Sequence[Argument]] | None:
    """The function that a call runs, and what it gives to it."""
    before = call.args[: how.position + 1]
    if len(before) <= how.position or any(a.star or a.keyword is not None for a in before):
        return None
    rest = call.args[how.position + 1 :]
    return before[-1], [a for a in rest if how.passes_keywords or a.keyword is None]
