"""Tasks that exist only once a function has run, which workers do not run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import Function
from celery_lint.project.syntax import own_nodes
from celery_lint.semantics.dispatching.dispatches import PACKED, SIGNATURES, SPREAD
from celery_lint.semantics.frameworks.roles import REQUEST_ROLES
from celery_lint.semantics.model import Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

_SENDING = SPREAD | PACKED | SIGNATURES
# Functions that every process runs once, by custom or because Django does.
_SET_UP = re.compile(
    r"^_?(?:create|make|build|get|init|initiali[sz]e|register|set_?up|configure|load|define|attach|bind)"
    r"(?:_?(?:app|application|celery|flask|tasks?|workers?|extensions?|jobs?)\w*)?$|^ready$|^__init__$",
)
# Signals that a worker sends as it starts, and those of an application.
_STARTING = re.compile(r"\b(?:on_(?:after|configure)|on_init|worker_|celeryd_|beat_|import_modules|setup_logging)")


def defining(hub: Semantics, task: Task) -> Function | None:
    """The function in which a task is defined, where that surely runs too late for the workers.

    It sends the task itself, or it answers requests, is a command, or the body of another task.
    """
    function = task.function
    if function is None or task.cls is not None or function.parent is None or is_test_file(task.module.filename):
        return None
    around = list(_around(function))
    outer = around[-1]
    if hub.roles.is_test(outer) or any(_runs_in_workers(hub, one, task) for one in around):
        return None
    if _runs_at_import(hub, outer):
        return None
    parent = around[0]
    role = hub.roles.of(outer).kind
    is_late = role in REQUEST_ROLES or role in ("task", "command") or hub.roles.request_path(outer) is not None
    return parent if is_late or _is_sent(function.name, parent) else None


def _around(function: Function) -> Iterator[Function]:
    """The functions around a nested one, the inmost first."""
    parent = function.parent
    while parent is not None:
        yield parent
        parent = parent.parent


def _runs_at_import(hub: Semantics, function: Function) -> bool:
    """Whether some module may call a function as it is imported, or decorate with it, for all that its text shows."""
    name = re.escape(function.name.encode())
    called = re.compile(
        rb"^(?!(?:async )?def )(?:[^\s#'\"].*?\b)?" + name + rb"\(|@(?:\w+\.)*" + name + rb"\b", re.MULTILINE
    )
    return any(called.search(hub.project.read(filename)) for filename in hub.project.mentioning(function.name))


def _runs_in_workers(hub: Semantics, function: Function, task: Task) -> bool:
    """Whether every process may run a function: it sets the application up, gets or makes it, or makes tasks."""
    if hub.makes_tasks(function) or _SET_UP.match(function.name):
        return True
    if any(_STARTING.search(function.module.source.code(one)) for one in function.decorators):
        return True
    root: ast.expr | None = task.decorator
    while isinstance(root, (ast.Attribute, ast.Call)):
        root = root.func if isinstance(root, ast.Call) else root.value
    if isinstance(root, ast.Name) and (root.id in function.parameters or root.id in function.scan.stored):
        return True
    first, last = function.rows
    return any(first <= app.node.lineno <= last for app in hub.project_settings.apps(function.module))


def _is_sent(name: str, parent: Function) -> bool:
    """Whether a function itself, not one nested in it, sends a task that it has under a name."""
    return any(
        isinstance(node, ast.Attribute)
        and node.attr in _SENDING
        and isinstance(node.value, ast.Name)
        and node.value.id == name
        for node in own_nodes(parent.body)
    )
