"""What becomes of the value that a task returns: whether it is stored, and what can't be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celery_lint.project.modules import Module
from celery_lint.records import record
from celery_lint.semantics.calls.passing import returns_unchanged
from celery_lint.semantics.configuration.configurations import may_hide
from celery_lint.semantics.dispatching.encoding import certain, obstacle
from celery_lint.semantics.dispatching.evidence import members_of
from celery_lint.semantics.inference.values import Constant, ManagerValue, ModelValue, QuerySetValue, ResultValue, Value
from celery_lint.semantics.model import Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# Backends that store pickles in tables (celery/backends/database), or nothing.
_OTHER_BACKENDS = re.compile(r"db\+|sqlalchemy|database|disabled|$", re.IGNORECASE)
_KNOWN_BY_NAME = re.compile(r"redis|valkey|rpc|memcache", re.IGNORECASE)
# The third parameter of Celery (celery/app/base.py): `Celery(main, loader, backend)`.
_BACKEND_POSITION = 2


@record()
class Unstorable:
    """What a `return` gives that the result backend can't store."""

    node: ast.expr
    what: str
    inside: bool


def unstorable(hub: Semantics, task: Task) -> Iterator[Unstorable]:
    """The values that a task returns and that no JSON backend can store, at each `return` the first."""
    function = task.function
    if function is None or function.is_generator or isinstance(function.node, ast.AsyncFunctionDef):
        return
    if not function.scan.returns_value or not is_stored(hub, task):
        return
    for node, value in hub.flow(function).returns:
        if isinstance(node, ast.Return) and node.value is not None:
            for one, inside in members_of(value, kinds=certain):
                what = None if isinstance(one, ResultValue) and not inside else _obstacle(hub, one)
                if what is not None and not (task.is_true("pydantic") and "pydantic" in what):
                    yield Unstorable(node.value, what, inside)
                    break


def _obstacle(hub: Semantics, value: Value) -> str | None:
    if isinstance(value, ModelValue):
        model = hub.classes.model_label(value.model)
        return None if hub.serializers.can_encode(value.model) else f"an instance of the model `{model}`"
    if isinstance(value, QuerySetValue):
        return "a queryset"
    return "a manager" if isinstance(value, ManagerValue) else obstacle(hub, value)


def is_stored(hub: Semantics, task: Task) -> bool:
    """Whether a worker surely encodes what the task's body returns as JSON, and stores it."""
    return hub.memo.get(("stored", task), lambda: _keeps_result(hub, task) and stores_json(hub), False)


def _keeps_result(hub: Semantics, task: Task) -> bool:
    """Whether the task does not ignore its result, and nothing changes that on its way."""
    ignores = task.option("ignore_result")
    if ignores is not None:
        if ignores.constant is not False:
            return False
    elif task.is_opaque or (
        hub.project_settings.is_set("task_ignore_result")
        and hub.project_settings.constant("task_ignore_result") is not False
    ):
        return False
    is_changed = task.function is not None and hub.is_remade(task.function)
    if task.option("backend") is not None or is_changed or hub.tasks.is_wrapped(task):
        return False
    cls = hub.tasks.class_of(task)
    if cls is not None and any(
        "__call__" in one.functions and not returns_unchanged(one.functions["__call__"])
        for one in hub.classes.lineage(cls).classes
    ):
        return False
    sent = hub.dispatches_of(task)
    if not sent and task.function is not None and hub.calls.callers(task.function):
        return False  # nothing but a function
    return not any("ignore_result" in dispatch.options for dispatch in sent)


def stores_json(hub: Semantics) -> bool:
    """Whether the project stores results, as JSON."""
    return hub.memo.get(("stores json",), lambda: _stores_json(hub), False)


def _stores_json(hub: Semantics) -> bool:
    settings = hub.project_settings
    if hub.serializers.replaces_json or (
        settings.is_set("result_serializer") and settings.constant("result_serializer") != "json"
    ):
        return False
    if any(may_hide(hub, app.node) for app in settings.all_apps):
        return False
    backends = list(_backends(hub))
    return bool(backends) and all(_is_json_backend(hub, value, node, module) for value, node, module in backends)


def _backends(hub: Semantics) -> Iterator[tuple[Value, ast.expr | None, Module]]:
    """The result backends that the project names, by settings and where applications are made."""
    for setting in hub.project_settings.all("result_backend"):
        yield setting.value, setting.given, setting.module
    for app in hub.project_settings.all_apps:
        node = app.keywords.get("backend")
        if node is None and len(app.node.args) > _BACKEND_POSITION:
            node = app.node.args[_BACKEND_POSITION]
        if node is not None:
            yield hub.project_settings.read(node, app.module), node, app.module


def _is_json_backend(hub: Semantics, value: Value, node: ast.expr | None, module: Module) -> bool:
    if isinstance(value, Constant):
        return isinstance(value.value, str) and _OTHER_BACKENDS.match(value.value) is None
    if node is not None and _KNOWN_BY_NAME.search(module.source.segment(node)):
        return True
    return not hub.uses_sqlalchemy and not hub.project.containing("db+")
