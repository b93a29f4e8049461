"""What becomes of a task's result: whether it is stored at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from celery_lint.semantics.model import Task
from celery_lint.semantics.tasks import TASK_CLASSES
from celery_lint.semantics.values import ClassValue, Constant, External

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics


def ignores_result(hub: Semantics, task: Task) -> bool | None:
    """Whether a task's result is dropped (celery/app/task.py, `Task.from_config`); None when it can't be told."""
    return hub.memo.get(("ignores result", task), lambda: _ignores_result(hub, task), None)


def _ignores_result(hub: Semantics, task: Task) -> bool | None:
    named = set(hub.project.mentioning("ignore_result"))
    if any(setting.module.filename in named for setting in hub.project_settings.all("task_annotations")):
        return None
    option = task.options.get("ignore_result")
    if option is not None and option.constant is not None:
        return option.constant if isinstance(option.constant, bool) else None
    base = task.options.get("base")
    is_foreign = base is not None and not (
        isinstance(base.value, ClassValue) or (isinstance(base.value, External) and base.value.path in TASK_CLASSES)
    )
    if task.is_opaque or is_foreign or hub.tasks.has_foreign_app_task_class:
        return None
    given = {setting.value for setting in hub.project_settings.all("task_ignore_result")}
    if not given:
        return False
    value = given.pop()
    return value.value if not given and isinstance(value, Constant) and isinstance(value.value, bool) else None
