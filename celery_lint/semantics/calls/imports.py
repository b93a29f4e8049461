"""Under which name code reaches a class of the project, and what importing it would lead to."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.findings import Import
from celery_lint.project.index import is_test_file
from celery_lint.project.modules import Class, Function, Module
from celery_lint.semantics.inference.values import ClassValue

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics


# What Django imports by its name.
_LOADED_BY_DJANGO = frozenset({"admin", "apps", "models", "settings", "tasks", "urls"})


def reachable_name(hub: Semantics, cls: Class, function: Function) -> str | None:
    """The name by which a function's first statements can call a class, without another import."""
    taken = set(function.scan.locals)
    for node in own_imports(function):
        for name, binding in function.module.import_bindings(node):
            if hub.imported(binding, function.module) == ClassValue(cls):
                return name
    module = function.module
    hidden = set(type_checking_names(module))
    for name in module.bindings:
        if name not in taken | hidden and hub.module_name(module, name) == ClassValue(cls):
            return name
    return None


def own_imports(function: Function) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports that a function starts with, below its docstring."""
    for statement in function.body[has_docstring(function) :]:
        if not isinstance(statement, (ast.Import, ast.ImportFrom)):
            return
        yield statement


def has_docstring(function: Function) -> bool:
    first = function.body[0]
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)


def import_of(hub: Semantics, cls: Class, into: Module) -> Import:
    """The import that gives a class to a module: from its package of models, where that has it, else from its own."""
    source = cls.module
    for name in parents(cls.module.name):
        package = hub.project.import_module(name, cls.module.filename)
        if package is not None and name.rpartition(".")[2] == "models":
            if hub.module_name(package, cls.name) == ClassValue(cls):
                source = package
    return Import(source.name, cls.name, is_local=source is not into and leads_to(hub, source, into))


def parents(name: str) -> Iterator[str]:
    """The packages round a module, the nearest first."""
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def leads_to(hub: Semantics, start: Module, goal: Module) -> bool:
    """Whether importing `start` runs, at the top of one module after another, an import of `goal`.

    Then `goal` cannot import `start` at its own top: one of them would be half made.
    """
    project = hub.project
    around = set(parents(goal.name))
    seen = {start.filename}
    stack = [start]
    while stack:
        module = stack.pop()
        for name in imported_modules(module):
            for one in (name, *parents(name)):
                filename = None if one in around else project.find_module(one, module.filename)
                if filename == goal.filename:
                    return True
                if filename is not None and filename not in seen:
                    seen.add(filename)
                    found = project.module_or_none(filename)
                    if found is not None:
                        stack.append(found)
    return False


def imported_modules(module: Module) -> Iterator[str]:
    """The modules that a module imports when it is imported itself."""
    for node in running_statements(module.tree.body):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = module.absolute(node)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def is_imported_late(hub: Semantics, module: Module, seen: frozenset[str] = frozenset()) -> bool:
    """Whether only functions import a module: a worker does so in its processes, when they come to it."""
    last = module.name.rpartition(".")[2]
    if module.is_package or last in _LOADED_BY_DJANGO or module.filename in seen:
        return False
    if hub.tasks.in_module(module) or hub.project_settings.apps(module):
        return False
    importers = [f for f in hub.project.mentioning(last) if f != module.filename and not is_test_file(f)]
    seen |= {module.filename}
    return bool(importers) and all(
        other is not None
        and not _names_in_text(other, last)
        and (not _imports_at_once(hub, other, module) or is_imported_late(hub, other, seen))
        for other in map(hub.project.module_or_none, importers)
    )


def _imports_at_once(hub: Semantics, importer: Module, module: Module) -> bool:
    """Whether a module, or its `AppConfig.ready()`, imports another one before there is any work."""
    if any(hub.project.find_module(name, importer.filename) == module.filename for name in imported_modules(importer)):
        return True
    return any(
        function.name == "ready" and any(own_imports(function))
        for function in importer.holding((module.name.rpartition(".")[2],))
    )


def _names_in_text(module: Module, last: str) -> bool:
    """Whether a text of a module may be the name of another one: `include=["shop.database"]`."""
    return any(
        isinstance(node, ast.Constant) and isinstance(node.value, str) and last in node.value.split(".")
        for node in module.nodes_around((last,))
    )


def running_statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run with a body: those of functions do not, nor those for type checkers."""
    stack = list(body)
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for name in ("body", "orelse", "finalbody"):
            if not (name == "body" and is_for_type_checkers(node)):
                stack += getattr(node, name, ())
        for handler in getattr(node, "handlers", ()):
            stack += handler.body


def is_for_type_checkers(node: ast.AST) -> bool:
    """Whether a statement is `if TYPE_CHECKING:`."""
    return isinstance(node, ast.If) and ast.unparse(node.test).rpartition(".")[2] == "TYPE_CHECKING"


def type_checking_names(module: Module) -> Iterator[str]:
    """The names that a module binds for type checkers alone."""
    for node in module.tree.body:
        if isinstance(node, ast.If) and is_for_type_checkers(node):
            for statement in node.body:
                if isinstance(statement, (ast.Import, ast.ImportFrom)):
                    yield from (name for name, _ in module.import_bindings(statement))
