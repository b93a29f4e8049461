"""Which modules with tasks a worker imports.

It imports the module of its application, what `include` and `imports` name, and for
`autodiscover_tasks` the modules of one name in the packages (celery/loaders/base.py,
`find_related_module`); in a Django project the URLs, and with them the views, as well
(celery/fixups/django.py, `validate_models`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import Module
from celery_lint.project.syntax import keyword_of
from celery_lint.semantics.configuration.configurations import may_hide
from celery_lint.semantics.model import Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

_DISCOVER = "autodiscover_tasks"
# What finds modules by other ways than their names.
_WALKING = (
    "autodiscover_modules", "find_modules", "glob", "import_submodules", "iglob", "import_module", "iter_modules",
    "listdir", "scandir", "walk_packages", "__import__", "import_string", "find_tasks",
)  # fmt: skip


def undiscovered(hub: Semantics, module: Module) -> Sequence[Task]:
    """The tasks of a module that nothing imports, and no worker finds."""
    if module.is_package or is_test_file(module.filename) or module.run_as_script:
        return ()
    tasks = [task for task in hub.tasks.in_module(module) if task.module is module]
    names = _discovered_names(hub) if tasks else None
    last = module.name.rpartition(".")[2]
    if names is None or last in names or hub.project_settings.apps(module) or _is_mentioned(hub, module, last):
        return ()
    return tasks


def _discovered_names(hub: Semantics) -> frozenset[str] | None:
    """The names of the modules that discovery looks for; None where it can't be told what is imported."""
    return hub.memo.get(("discovered names",), lambda: _find_discovered_names(hub), None)


def _find_discovered_names(hub: Semantics) -> frozenset[str] | None:
    if len(hub.project_settings.all_apps) != 1 or may_hide(hub, None) or not hub.project.mentioning(_DISCOVER):
        return None
    if any(f in hub.project.traced for word in _WALKING for f in hub.project.mentioning(word)):
        return None
    found = set()
    for filename in hub.project.mentioning(_DISCOVER):
        module = hub.project.module_or_none(filename)
        for call in _calls(module) if module is not None else ():
            given = keyword_of(call, "related_name") or (call.args[1] if len(call.args) > 1 else None)
            if given is None:
                found.add("tasks")
            elif isinstance(given, ast.Constant) and isinstance(given.value, str):
                found.add(given.value.rpartition(".")[2])
            else:
                return None
    return frozenset(found) if found else None


def _calls(module: Module) -> Iterator[ast.Call]:
    for node in module.nodes_around((_DISCOVER,)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == _DISCOVER:
            yield node


def _is_mentioned(hub: Semantics, module: Module, last: str) -> bool:
    """Whether any other file may import a module: by an import, or by its name in a text."""
    for filename in hub.project.mentioning(last):
        other = None if filename == module.filename else hub.project.module_or_none(filename)
        if filename != module.filename and (other is None or _names(other, module.name, last)):
            return True
    return False


def _names(other: Module, name: str, last: str) -> bool:
    for node in other.nodes_around((last,)):
        if isinstance(node, ast.alias):
            if last in node.name.split("."):
                return True
        elif isinstance(node, ast.ImportFrom):
            if last in (node.module or "").split(".") or any(last in alias.name.split(".") for alias in node.names):
                return True
        elif isinstance(node, ast.Import):
            if any(last in alias.name.split(".") for alias in node.names):
                return True
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and last in node.value:
            # The full name of a task in it imports nothing.
            if not node.value.startswith(f"{name}.") and not any(space in node.value for space in " \n"):
                return True
    return False
