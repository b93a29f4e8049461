"""Sleeps that hold a worker's slot.

A process or thread of the pool that sleeps runs nothing else. Under gevent and eventlet, a patched `time.sleep`
hands over to the other tasks.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from celery_lint.project.modules import ImportBinding, Module
from celery_lint.records import record
from celery_lint.semantics.inference.values import External, number
from celery_lint.semantics.model import Call, FunctionFlow, first_argument

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

SLEEP = "sleep"
_SLEEP = External("time.sleep")
_SLEEP_IMPORT = ("time", SLEEP)
_CALL = re.compile(r"\bsleep\s*\(|\bsleep\s+as\b")
LONG = 1.0
"""A sleep of so many seconds counts wherever it stands; a shorter one in a loop."""
_BESIDE = ("Thread", "Timer", "Process")
_GREEN = ("gevent", "eventlet")
_THREADED = ("prefork", "processes", "solo", "threads")
_COMMANDS = ("-P {}", "-P{}", "--pool={}", "--pool {}", '"--pool", "{}"', '"-P", "{}"')
_PATCHING = ("monkey.patch_", "patch_all()", "monkey_patch()")


@record()
class Sleep:
    """A sleep, and whether a loop repeats it; `seconds` is None where they can't be read."""

    call: Call
    seconds: float | None
    in_loop: bool


def sleeps(hub: Semantics, module: Module) -> Sequence[Sleep]:
    """The sleeps of a module's functions that are long, or repeated."""

    def search() -> tuple[Sleep, ...]:
        text = module.source.text
        if SLEEP not in text or _CALL.search(text) is None or is_green(hub):
            return ()
        return tuple(
            sleep
            for function in module.holding((SLEEP, *_other_names(module)))
            if function.parent is None
            for flow in hub.calls.flows_within(function)
            if not _runs_beside(hub, flow)
            for call in flow.calls
            if call.callee == _SLEEP and (sleep := _sleep(call)) is not None
        )

    return hub.memo.get(("sleeps", module), search, ())


def _runs_beside(hub: Semantics, flow: FunctionFlow) -> bool:
    """Whether a function inside another is the target of a thread, which holds no slot: `Thread(target=beat)`."""
    function = flow.function
    if function is None or function.parent is None:
        return False
    return any(
        call.name in _BESIDE and any(isinstance(a.node, ast.Name) and a.node.id == function.name for a in call.args)
        for call in hub.flow(function.parent).calls
    )


def _other_names(module: Module) -> Sequence[str]:
    """What a module calls the function besides: `from time import sleep as pause`."""
    return [
        name
        for name, bindings in module.bindings.items()
        if any(isinstance(b, ImportBinding) and (b.module, b.name) == _SLEEP_IMPORT for b in bindings)
    ]


def _sleep(call: Call) -> Sleep | None:
    given = first_argument(call.args, "secs")
    seconds = number(given.value) if given is not None else None
    in_loop = call.frame.find("loop") is not None
    if seconds == 0 or not (in_loop or (seconds is not None and seconds >= LONG)):
        return None
    return Sleep(call, seconds, in_loop)


def is_green(hub: Semantics) -> bool:
    """Whether the project's workers may run under gevent or eventlet, where a sleep holds up nobody.

    So says the setting, a command line, or what patches the standard library beside an application or tasks. A web
    server may run so alone.
    """
    return hub.memo.get(("green workers",), lambda: _is_green(hub), False)


def _is_green(hub: Semantics) -> bool:
    settings, project = hub.project_settings, hub.project
    if settings.is_set("worker_pool") and settings.constant("worker_pool") not in _THREADED:
        return True
    pools = [pool for pool in _GREEN if project.mentioning(pool)]
    commands = (text.format(pool) for pool in pools for text in _COMMANDS)
    return any(map(project.containing, commands)) or any(map(project.holding, _PATCHING))


__all__ = ["SLEEP", "Sleep", "sleeps"]
