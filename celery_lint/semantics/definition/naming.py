"""The names under which tasks are registered, and tasks that share one.

celery/app/base.py, Celery._task_from_fun: a name that is registered already gives the
task that has it, and the new function is dropped.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import Module
from celery_lint.project.syntax import blocks
from celery_lint.semantics.definition.decorators import unnamed_wrapper
from celery_lint.semantics.inference.values import AppValue, BoundMethod
from celery_lint.semantics.model import Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics


# Places whose `name` is the name of one task: a class that others are made on names none.
_OWN = ("decorator", "maker")


def given_name(task: Task) -> str | None:
    """The name that a task's own decorator, or its class, gives it as a literal."""
    option = task.options.get("name")
    if option is None or (option.where != "decorator" and task.cls is None):
        return None
    return option.constant if isinstance(option.constant, str) and option.constant else None


def is_named(task: Task) -> bool:
    """Whether a task may have a name of its own, readable or not."""
    option = task.options.get("name")
    return task.is_opaque or (option is not None and option.where in _OWN and option.constant is not None)


def is_unnamed(hub: Semantics, task: Task) -> bool:
    """Whether Celery surely makes a task's name of the module's and the function's."""
    return _is_plain(task) and not is_named(task) and not hub.project.mentioning("gen_task_name")


def is_in_packages(hub: Semantics, module: Module) -> bool:
    """Whether a module's full name is sure: it lies in a package, and all above it are packages as well."""
    package = module.package
    parts = package.split(".") if package else []
    found = (hub.project.find_module(".".join(parts[: end + 1]), module.filename) for end in range(len(parts)))
    return bool(parts) and all(one is not None and one.endswith("__init__.py") for one in found)


def name_of(hub: Semantics, task: Task) -> str | None:
    """The name under which a task is surely registered; None where it can't be told."""
    return hub.memo.get(("task name", task), _name_of, None, hub, task)


def _name_of(hub: Semantics, task: Task) -> str | None:
    given = given_name(task)
    if given is not None:
        return given
    if is_named(task) or task.cls is not None or task.function is None or hub.project.mentioning("gen_task_name"):
        return None
    wrapper = unnamed_wrapper(hub, task)
    if wrapper is not None:
        return f"{wrapper.module.name}.{wrapper.name}"
    return None if hub.tasks.is_wrapped(task) else task.registered_name


def namesakes(hub: Semantics, task: Task) -> Sequence[Task]:
    """The other tasks that are surely registered under a task's name, with the same application."""
    if not _is_plain(task):
        return ()
    name = name_of(hub, task)
    if name is None:
        return ()
    return [
        other
        for other in _candidates(hub, task, name)
        if other is not task
        and _is_plain(other)
        and name_of(hub, other) == name
        and _share_application(hub, task, other)
        and _both_run(task, other)
    ]


def _is_plain(task: Task) -> bool:
    """Whether a task is made at import, of a function, outside of tests."""
    function = task.function
    return (
        task.cls is None and function is not None and function.parent is None and not is_test_file(task.module.filename)
    )


def _candidates(hub: Semantics, task: Task, name: str) -> Iterator[Task]:
    yield from hub.tasks.in_module(task.module)
    wrapper = unnamed_wrapper(hub, task)
    if given_name(task) is not None:
        files = hub.project.holding(name)
    elif wrapper is not None:
        files = hub.project.mentioning(wrapper.outermost.name)
    else:
        return
    for filename in files:
        if filename != task.module.filename and not is_test_file(filename):
            module = hub.project.module_or_none(filename)
            if module is not None:
                yield from hub.tasks.in_module(module)


def _share_application(hub: Semantics, task: Task, other: Task) -> bool:
    """Whether two tasks are registered with one application: of several, it must be told which."""
    if task.module is not other.module and len(hub.project_settings.all_apps) > 1:
        return _application(hub, task) is not None and _application(hub, task) is _application(hub, other)
    own, others = _application(hub, task), _application(hub, other)
    return own is None or others is None or own is others


def _application(hub: Semantics, task: Task) -> ast.Call | None:
    """The call that makes the application whose decorator makes a task, where it can be told."""
    if task.decorator is None:
        return None
    decorator = task.decorator.func if isinstance(task.decorator, ast.Call) else task.decorator
    value = hub.evaluate(decorator, task.module)
    if isinstance(value, BoundMethod) and isinstance(value.receiver, AppValue):
        return value.receiver.node
    return None


def _both_run(task: Task, other: Task) -> bool:
    """Whether neither task is made under a condition, unless one condition makes both."""
    if task.module is other.module:
        return any(task.node in body and other.node in body for body in _bodies(task)) or (
            _is_unconditional(task) and _is_unconditional(other)
        )
    return _is_unconditional(task) and _is_unconditional(other)


def _is_unconditional(task: Task) -> bool:
    assert task.function is not None
    cls = task.function.cls
    body = task.module.tree.body if cls is None else cls.node.body
    return task.node in body and (cls is None or cls.outer is not None or cls.node in task.module.tree.body)


def _bodies(task: Task) -> Iterator[Sequence[ast.AST]]:
    """The blocks of the module or class that a task stands in: its own body, and those under `if`, `try` and so on."""
    assert task.function is not None
    cls = task.function.cls
    waiting: list[Sequence[ast.stmt]] = [task.module.tree.body if cls is None else cls.node.body]
    while waiting:
        body = waiting.pop()
        yield body
        for statement in body:
            if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                waiting += blocks(statement)
