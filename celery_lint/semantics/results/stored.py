"""What becomes of a task's result: whether it is stored at all, where, and what reads it.

`Task.from_config` takes `task_ignore_result` for tasks that say nothing
themselves (celery/app/task.py). Without `result_backend` the application has a
`DisabledBackend` (celery/backends/base.py), whatever reads of which raises.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celery_lint.project.index import is_test_file
from celery_lint.records import record
from celery_lint.semantics.configuration.annotations import may_annotate
from celery_lint.semantics.configuration.configurations import may_hide, reaches
from celery_lint.semantics.configuration.settings import Setting, value_at
from celery_lint.semantics.dispatching.canvas import set_once, tasks_of_group
from celery_lint.semantics.inference.values import BoundMethod, Constant, ResultValue, TaskValue, Value
from celery_lint.semantics.model import FunctionFlow, Task
from celery_lint.semantics.results.waits import WAITING
from celery_lint.semantics.time.limits import FOREIGN, app_of_task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

NO_BACKEND = "disabled"
# Backends that read a chord's results back when they are all there (celery/app/backends.py; `on_chord_part_return`
# of celery/backends/base.py). Redis and Google's storage keep them in the chord.
WAITING_BACKENDS = frozenset(
    """arangodb azureblockblob cache cassandra consul cosmosdbsql couchbase couchdb database db dynamodb elasticsearch
    file mongodb s3""".split()
)
# What asks a result's backend without waiting (celery/result.py, AsyncResult).
_ASKING = frozenset({"ready", "successful", "failed", "maybe_throw", "completed_count"})
_STATES = frozenset({"state", "status", "result", "info", "traceback"})
_IGNORING = "ignore_result"
_BACKEND_POSITION = 2
"""Celery(main, loader, backend, ...) (celery/app/base.py)."""


def ignores_result(hub: Semantics, task: Task) -> bool | None:
    """Whether a task's result is dropped; None when it can't be told."""
    return hub.memo.get(("ignores result", task), lambda: _ignores_result(hub, task), None)


def _ignores_result(hub: Semantics, task: Task) -> bool | None:
    if may_annotate(hub, task, _IGNORING):
        return None
    option = task.options.get(_IGNORING)
    if option is not None and option.constant is not None:
        return option.constant if isinstance(option.constant, bool) else None
    if task.is_opaque or hub.tasks.has_unreadable_base(task) or hub.tasks.has_foreign_app_task_class:
        return None
    given = {setting.value for setting in hub.project_settings.all("task_ignore_result")}
    if not given:
        return False
    value = given.pop()
    return value.value if not given and isinstance(value, Constant) and isinstance(value.value, bool) else None


def may_be_kept(hub: Semantics, task: Task) -> bool:
    """Whether a message may ask for the result of a task that ignores it, or its errors are stored all the same."""
    if "store_errors_even_if_ignored" in task.options or hub.project_settings.is_set(
        "task_store_errors_even_if_ignored"
    ):
        return True
    if any(_IGNORING in dispatch.options for dispatch in hub.dispatches_of(task)):
        return True
    return hub.memo.get(("keeps by signature",), lambda: _keeps_by_signature(hub), False)


def _keeps_by_signature(hub: Semantics) -> bool:
    """Whether a signature is told to keep its result: `task.s().set(ignore_result=False)`.

    What a task's own `apply_async` is told counts for that task alone, among its dispatches.
    """
    for filename in hub.project.mentioning(_IGNORING):
        module = None if is_test_file(filename) else hub.project.module_or_none(filename)
        if module is None:
            continue
        for node in module.nodes_around((_IGNORING,)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                is_told = node.func.attr in ("set", "apply_async") and any(k.arg == _IGNORING for k in node.keywords)
                if is_told and not isinstance(value_at(hub, node.func.value, module), TaskValue):
                    return True
    return False


# Where results are stored


def backend(hub: Semantics, task: Task | None = None) -> str | None:
    """The kind of a task's result backend, or of all: `redis`, `rpc`, `db`; NO_BACKEND; None when it can't be told.

    None at all is believed where the project's code names a broker: then it would name the backend too,
    and not leave it to the environment.
    """
    app = app_of_task(hub, task) if task is not None else None
    if app == FOREIGN or (task is not None and "backend" in task.options):
        return None
    return hub.memo.get(("result backend", app), _backend, None, hub, app if isinstance(app, ast.Call) else None)


def _backend(hub: Semantics, made_by: ast.Call | None) -> str | None:
    apps = [app for app in hub.project_settings.all_apps if made_by in (None, app.node)]
    if not apps or may_hide(hub, made_by):
        return None
    kinds: set[str | None] = set()
    has_broker = any(_may_reach(hub, setting, made_by) for setting in hub.project_settings.all("broker_url"))
    for app in apps:
        has_broker |= "broker" in app.keywords
        given = [app.keywords["backend"]] if "backend" in app.keywords else app.node.args[_BACKEND_POSITION:][:1]
        kinds.update(_scheme(node, hub.project_settings.read(node, app.module)) for node in given)
    for setting in hub.project_settings.all("result_backend"):
        # What the application is made with counts for more than a setting that may be another's.
        if reaches(hub, setting, made_by) if kinds and made_by is not None else _may_reach(hub, setting, made_by):
            kinds.add(_scheme(setting.given, setting.value))
    if not kinds:
        return NO_BACKEND if has_broker and not _is_named(hub) else None
    return kinds.pop() if len(kinds) == 1 else None


def _is_named(hub: Semantics) -> bool:
    """Whether the setting is named somewhere without a value that can be read: `result_backend: str` of pydantic's."""
    names = hub.project_settings.spellings("result_backend")
    return any(not is_test_file(f) for name in sorted(names) for f in hub.project.mentioning(name))


def _may_reach(hub: Semantics, setting: Setting, app: ast.Call | None) -> bool:
    return app is None or reaches(hub, setting, app) is not False


def _scheme(node: ast.expr | None, value: Value) -> str | None:
    """The kind of backend that an address names, also where only its beginning can be read: `f"redis://{host}"`."""
    text: object = value.value if isinstance(value, Constant) else None
    if value in (Constant(None), Constant("")):
        return NO_BACKEND
    if isinstance(node, ast.JoinedStr) and node.values and isinstance(node.values[0], ast.Constant):
        text = node.values[0].value
        if "://" not in str(text):
            return None
    return text.partition("://")[0].partition("+")[0] if isinstance(text, str) else None


# What reads them


@record()
class Read:
    """An expression that reads a task's result; `is_waiting` when it waits for it."""

    node: ast.expr
    name: str
    result: ResultValue
    is_waiting: bool = False

    @property
    def receiver(self) -> ast.expr:
        """The expression that is the result."""
        read = self.node.func if isinstance(self.node, ast.Call) else self.node
        return read.value if isinstance(read, ast.Attribute) else read


def reads(flow: FunctionFlow) -> Iterator[Read]:
    """The expressions of a body that read results, those of `apply()` left out."""
    has_results = False
    for call in flow.calls:
        has_results |= any(isinstance(v, ResultValue) for v in call.result.alternatives())
        callee = call.callee
        if isinstance(callee, BoundMethod) and isinstance(callee.receiver, ResultValue):
            has_results = True
            if callee.name in WAITING | _ASKING and not callee.receiver.eager:
                yield Read(call.node, callee.name, callee.receiver, callee.name in WAITING)
    for node in flow.values if has_results else ():
        if isinstance(node, ast.Attribute) and node.attr in _STATES and isinstance(node.ctx, ast.Load):
            value = flow.value(node.value)
            if isinstance(value, ResultValue) and not value.eager:
                yield Read(node, node.attr, value)


def is_dropped_by_message(hub: Semantics, read: Read, flow: FunctionFlow) -> bool:
    """Whether the message whose result is read says itself that it is to be dropped: `ignore_result=True`."""
    sent = set_once(read.receiver, flow)
    call = flow.events.get(sent) if isinstance(sent, ast.Call) else None
    given = [dispatch.options.get(_IGNORING) for dispatch in hub.dispatches.of_call(call)] if call is not None else []
    return bool(given) and all(option is not None and option.value == Constant(True) for option in given)


def dropped_in_group(hub: Semantics, read: Read, flow: FunctionFlow) -> Task | None:
    """A task that ignores its result, of the group whose results are read."""
    for task in tasks_of_group(read.receiver, flow):
        if ignores_result(hub, task) is True and not may_be_kept(hub, task):
            return task
    return None
