"""Options that the setting `task_annotations` gives to tasks from outside.

celery/app/annotations.py: a mapping goes by the task's name, or by `*` for all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from celery_lint.semantics.inference.values import UNKNOWN, Collection

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics
    from celery_lint.semantics.model import Task


def may_annotate(hub: Semantics, task: Task | None, *options: str) -> bool:
    """Whether the setting may give a task, or any task where it is None, one of the options."""
    for setting in hub.project_settings.all("task_annotations"):
        value = setting.value
        if value == UNKNOWN and setting.given is not None:
            value = hub.evaluate(setting.given, setting.module)
        if not isinstance(value, Collection) or value.keys is None or value.items is None:
            return True
        for name, given in zip(value.keys, value.items, strict=True):
            if task is not None and name not in ("*", task.registered_name):
                continue
            if not isinstance(given, Collection) or given.keys is None or set(options) & set(given.keys):
                return True
    return False
