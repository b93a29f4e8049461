"""Which modules with tasks a worker imports.

It imports the module of its application, what `include` and `imports` name, and for
`autodiscover_tasks` the modules of one name in the packages (celery/loaders/base.py,
`find_related_module`); in a Django project the URLs, and with them the views, as well
(celery/fixups/django.py, `validate_models`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import Module
from celery_lint.project.syntax import keyword_of
from celery_lint.records import record
from celery_lint.semantics.configuration.configurations import may_hide
from celery_lint.semantics.model import Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

_DISCOVER = "autodiscover_tasks"
# What finds modules by other ways than their names, and what imports those that it is given the names of.
_WALKING = (
    "autodiscover_modules", "find_modules", "glob", "import_submodules", "iglob", "iter_modules", "listdir", "scandir",
    "walk_packages", "find_tasks",
)  # fmt: skip
_IMPORTING = ("import_module", "import_string", "__import__")
# Migrations, which `migrate` alone imports, and what lies in folders beside them.
_MIGRATION = re.compile(r"(^|/)migrations/[^/]+\.py$")
_WITH_MIGRATIONS = re.compile(r"(^|/)migrations/")


@record()
class _Search:
    """What one call of `autodiscover_tasks` looks for: a module's name in packages, or in any that is installed."""

    related: str
    packages: tuple[str, ...] | None

    def may_find(self, name: str) -> bool:
        """Whether the search may come to a module."""
        if self.related.rpartition(".")[2] != name.rpartition(".")[2]:
            return False
        # Of a package that is not there, Celery looks into the one that holds it.
        return self.packages is None or any(
            _may_be_same(name, f"{home}.{self.related}")
            for package in self.packages
            for home in (package, package.rpartition(".")[0])
        )


def undiscovered(hub: Semantics, module: Module) -> Sequence[Task]:
    """The tasks of a module that nothing imports, and no worker finds."""
    if module.is_package or is_test_file(module.filename) or module.run_as_script:
        return ()
    tasks = [task for task in hub.tasks.in_module(module) if task.module is module]
    searches = _searches(hub) if tasks else None
    if searches is None or any(search.may_find(module.name) for search in searches):
        return ()
    if not _WITH_MIGRATIONS.search(module.filename) and _is_traced(hub, _IMPORTING):
        return ()
    if hub.project_settings.apps(module) or _is_mentioned(hub, module, module.name.rpartition(".")[2]):
        return ()
    return tasks


def _searches(hub: Semantics) -> Sequence[_Search] | None:
    """What the worker's discovery looks for; None where it can't be told what is imported."""
    return hub.memo.get(("discovery's searches",), lambda: _find_searches(hub), None)


def _find_searches(hub: Semantics) -> Sequence[_Search] | None:
    if len(hub.project_settings.all_apps) != 1 or may_hide(hub, None) or not hub.project.mentioning(_DISCOVER):
        return None
    if _is_traced(hub, _WALKING):
        return None
    found: list[_Search] = []
    for filename in hub.project.mentioning(_DISCOVER):
        module = hub.project.module_or_none(filename)
        for call in _calls(module) if module is not None else ():
            given = _related_name(call)
            if given is not None and not (isinstance(given, ast.Constant) and isinstance(given.value, str)):
                return None
            found.append(_Search(str(given.value) if given is not None else "tasks", _packages(call)))
    return tuple(found) or None


def _is_traced(hub: Semantics, words: Sequence[str]) -> bool:
    """Whether code near Celery mentions one of some names."""
    return any(f in hub.project.traced for word in words for f in hub.project.mentioning(word))


def _calls(module: Module) -> Iterator[ast.Call]:
    for node in module.nodes_around((_DISCOVER,)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == _DISCOVER:
            yield node


def _related_name(call: ast.Call) -> ast.expr | None:
    return keyword_of(call, "related_name") or (call.args[1] if len(call.args) > 1 else None)


def _packages(call: ast.Call) -> tuple[str, ...] | None:
    """The packages that discovery is told of; None for those that are installed, and where it can't be told."""
    given = keyword_of(call, "packages") or (call.args[0] if call.args else None)
    if not isinstance(given, (ast.List, ast.Tuple)):
        return None
    names = [part.value for part in given.elts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return tuple(names) if len(names) == len(given.elts) and names else None


def _may_be_same(name: str, other: str) -> bool:
    """Whether two dotted names may be of one module, seen from different folders."""
    return f".{name}".endswith(f".{other}") or f".{other}".endswith(f".{name}")


def _is_mentioned(hub: Semantics, module: Module, last: str) -> bool:
    """Whether any other file may import a module: by an import, or by its name in a text."""
    is_beside = _WITH_MIGRATIONS.search(module.filename) is not None
    for filename in hub.project.mentioning(last):
        if filename == module.filename or (is_beside and _MIGRATION.search(filename)):
            continue
        other = hub.project.module_or_none(filename)
        if other is None or _names(other, module.name, last):
            return True
    return False


def _names(other: Module, name: str, last: str) -> bool:
    searched = {id(_related_name(call)) for call in _calls(other)}
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
            # The full name of a task in it imports nothing, and what discovery looks for is not all that has the name.
            is_task = node.value.startswith(f"{name}.")
            if not is_task and id(node) not in searched and not any(space in node.value for space in " \n"):
                return True
    return False
