"""Whether what a worker calls for a task runs the task's body.

Celery calls the function and stores what it gives (celery/app/trace.py,
`build_tracer`). A coroutine function, and a generator, give an object whose
body waits for somebody to drive it.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Literal

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import Class
from celery_lint.semantics.calls.passing import returns_unchanged
from celery_lint.semantics.definition.tasks import TASK_CLASSES, is_pythons
from celery_lint.semantics.inference.values import ClassValue
from celery_lint.semantics.model import Task
from celery_lint.semantics.time.limits import FOREIGN, app_of_task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

Undriven = Literal["coroutine", "generator"]
# The pools of Celery itself (celery/concurrency/__init__.py); another may run coroutines.
_POOLS = frozenset({"prefork", "processes", "solo", "threads", "gevent", "eventlet"})
_AWAITING_PACKAGES = ("celery_aio_pool", "celery_pool_asyncio", "aio_celery", "asyncio_celery")
# What a class does when it runs a task in its own way.
_RUNNING = ("__call__", "__init__", "__new__", "__init_subclass__", "bind", "annotate")
_MAKING = ("task", "_task_from_fun", "register_task")


def undriven(hub: Semantics, task: Task) -> Undriven | None:
    """What a call of a task's body gives in place of running it; None when it runs, or something may see to it."""
    function = task.function
    if function is None or not (function.is_async or function.is_generator):
        return None
    if task.is_remade or _has_driver(hub, task):
        return None
    return "generator" if function.is_generator else "coroutine"


def _has_driver(hub: Semantics, task: Task) -> bool:
    """Whether a decorator, a class, the application or the worker's pool may run what the body gives."""
    function = task.function
    assert function is not None
    if any(decorator is not task.decorator for decorator in function.decorators):
        return True
    if task.cls is None and not function.decorators and not _is_given_itself(task):
        return True
    if hub.tasks.has_unreadable_base(task):
        return True
    cls = hub.tasks.class_of(task)
    if cls is not None and any(_runs_its_own_way(one) for one in hub.classes.ancestors(cls)):
        return True
    return hub.tasks.has_foreign_app_task_class or app_of_task(hub, task) == FOREIGN or _workers_may_await(hub)


def _is_given_itself(task: Task) -> bool:
    """Whether a call that makes a task of a function has the function as it is: `app.task(f)`."""
    made = task.decorator
    return isinstance(made, ast.Call) and bool(made.args) and isinstance(made.args[0], (ast.Name, ast.Attribute))


def _runs_its_own_way(cls: Class | str) -> bool:
    if isinstance(cls, str):
        return cls not in TASK_CLASSES and not is_pythons(cls)
    return any(
        name in cls.functions and not (name == "__call__" and returns_unchanged(cls.functions[name]))
        for name in _RUNNING
    )


def _workers_may_await(hub: Semantics) -> bool:
    """Whether the project's application or pool is one of its own."""
    if any(not is_test_file(f) for name in _AWAITING_PACKAGES for f in hub.project.mentioning(name)):
        return True
    for app in hub.project_settings.all_apps:
        made_by = hub.evaluate(app.node.func, app.module)
        if isinstance(made_by, ClassValue):
            if any(hub.classes.function(made_by.cls, name) is not None for name in _MAKING):
                return True
    pools = hub.project_settings.all("worker_pool")
    return bool(pools) and hub.project_settings.constant("worker_pool") not in _POOLS
