"""What a task loses that is sent by its name alone.

`send_task` makes the message without the task (celery/app/base.py, Celery.send_task). Since
5.7 it looks the task up among those that the sending process has registered, and takes
its options from there; its class's own `apply_async` is passed by all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from celery_lint.project.index import is_test_file
from celery_lint.semantics.inference.values import NONE
from celery_lint.semantics.model import Dispatch

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# The options that a message carries (celery/app/task.py, extract_exec_options). A worker knows
# the time limits by itself.
_CARRIED = (
    "queue", "routing_key", "exchange", "priority", "expires", "serializer", "compression", "delivery_mode",
    "ignore_result",
)  # fmt: skip
_LOOKED_UP = (5, 7)


def bypassed(hub: Semantics, dispatch: Dispatch) -> Sequence[str]:
    """What a task of the project has that `send_task` passes by: options, and a method of its class."""
    task = dispatch.task
    if dispatch.verb != "send_task" or task is None or dispatch.forwarder is not None:
        return ()
    if is_test_file(dispatch.flow.module.filename) or is_test_file(task.module.filename):
        return ()
    # Of several applications, one may not have the other's code.
    if len(hub.project_settings.all_apps) > 1 or any(one.star for one in dispatch.call.args):
        return ()
    found = []
    version = hub.settings.celery_version
    if version is None or version < _LOOKED_UP:
        found += [
            name
            for name in _CARRIED
            if (option := task.options.get(name)) is not None
            and option.value != NONE
            and option.constant is not False
            and name not in dispatch.options
        ]
    base = hub.tasks.class_of(task)
    if base is not None:
        method = hub.classes.function(base, "apply_async")
        if method is not None and method.cls is not None:
            found.append(f"{method.cls.name}.apply_async")
    return found
