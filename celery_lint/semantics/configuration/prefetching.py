"""How many messages workers take ahead, and which tasks suffer from it.

Each process of a worker reserves `worker_prefetch_multiplier` messages, four by default
(celery/worker/components.py, `Consumer`). With late acknowledgement those are still
unacknowledged while the one before them runs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.index import is_test_file
from celery_lint.semantics.configuration.configurations import may_hide
from celery_lint.semantics.inference.values import number
from celery_lint.semantics.model import App, Task
from celery_lint.semantics.time.limits import FOREIGN, HARD, SOFT, app_of_task, own

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

LONG = 600
"""From how many seconds on a task's own time limit says that it runs long."""
_DECIDING = ("worker_prefetch_multiplier", "worker_disable_prefetch")


def waiting_behind(hub: Semantics, app: App) -> Sequence[Task]:
    """The tasks behind which messages wait that an idle worker could run; none where the project has decided."""
    apps = hub.project_settings.all_apps
    if len(apps) != 1 or apps[0].node is not app.node or may_hide(hub, app.node):
        return ()
    if any(hub.project_settings.all(name) for name in _DECIDING):
        return ()
    return [task for task in _tasks(hub) if is_late(hub, task) or is_long(task)]


def _tasks(hub: Semantics) -> Iterator[Task]:
    for filename in sorted(hub.project.traced):
        module = None if is_test_file(filename) else hub.project.module_or_none(filename)
        for task in hub.tasks.in_module(module) if module is not None else ():
            if not isinstance(task.report_node, ast.Call) or app_of_task(hub, task) != FOREIGN:
                yield task


def is_late(hub: Semantics, task: Task) -> bool:
    """Whether a task's messages are acknowledged when it has run."""
    option = task.option("acks_late")
    if option is not None:
        return option.constant is True
    return hub.project_settings.constant("task_acks_late") is True


def is_long(task: Task) -> bool:
    """Whether a task's own limit lets it run for long."""
    limits = [number(option.value) for name in (SOFT, HARD) if (option := own(task, name)) is not None]
    return any(limit is not None and limit >= LONG for limit in limits)
