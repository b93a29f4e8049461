"""Where a Celery application has its settings, and how another one is added there in the style of the place.

Settings reach an application by `config_from_object`, `conf.update(...)` and
attributes of `conf` (docs: userguide/application.html, Configuration). What is
set on `conf` waits until the rest is loaded, so that it may stand behind
`config_from_object` (celery/app/base.py, `PendingConfiguration`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from celery_lint.findings import AddArguments, AddItems, Change, PutStatement, Side
from celery_lint.project.index import is_test_file
from celery_lint.project.modules import Class, Module
from celery_lint.project.syntax import keyword_of, walk
from celery_lint.records import record
from celery_lint.semantics.configuration.setting_names import OLD_NAMES
from celery_lint.semantics.configuration.settings import target_name
from celery_lint.semantics.inference.values import ClassValue, Constant, External, ModuleValue
from celery_lint.semantics.model import App

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

_LOWER = re.compile(
    r"^(accept_content|enable_utc|imports|include|timezone|(beat|broker|control|event|result|task|worker)_[a-z_]+)$"
)
_UPPER = re.compile(r"^(BROKER|CELERY|CELERYD|CELERYBEAT)_[A-Z_]+$")

Naming = Mapping[str, str]


@record()
class Added:
    """The change that adds settings, and the names that they get there, with the file."""

    change: Change
    names: tuple[str, ...]
    filename: str


def adding(hub: Semantics, app: App, settings: Mapping[str, str]) -> Added | None:
    """How to give an application settings, by their names of today; None when it can't be told.

    Where its configuration object is the project's own, they go there; else where
    the application's module sets others; else behind what makes the application.
    """
    statement, block = _statement(app)
    name = target_name(statement.targets[0]) if isinstance(statement, ast.Assign) else None
    if not isinstance(statement, ast.Assign) or statement.value is not app.node or not block:
        return None
    if not isinstance(statement.targets[0], ast.Name) or len(statement.targets) > 1:
        return None
    after = block[block.index(statement) + 1 :]
    configured = [s for s in after if isinstance(s, ast.Expr) and _called(s.value, f"{name}.config_from_object")]
    for one in configured[-1:]:
        assert isinstance(one, ast.Expr)
        assert isinstance(one.value, ast.Call)
        found = _in_object(hub, app, one.value, settings)
        if found is not None:
            return found
    updates = [s for s in after if isinstance(s, ast.Expr) and _called(s.value, f"{name}.conf.update")]
    for one in updates[-1:]:
        assert isinstance(one, ast.Expr)
        assert isinstance(one.value, ast.Call)
        found = _in_update(app.module, one.value, settings)
        if found is not None:
            return found
    attributes = [s for s in after if isinstance(s, ast.Assign) and _is_conf_attribute(s, f"{name}.conf")]
    place = app.module.source.place
    if attributes:
        named = _naming(settings, [target_name(s.targets[0]) or "" for s in attributes])
        code = "\n".join(f"{name}.conf.{named[key]} = {value}" for key, value in settings.items())
        change: Change = PutStatement(place(attributes[-1]), Side.AFTER, code)
        return Added(change, tuple(named.values()), app.module.filename)
    given = ", ".join(f"{key}={value}" for key, value in settings.items())
    last = [statement, *configured, *updates][-1]
    change = PutStatement(place(last), Side.AFTER, f"{name}.conf.update({given})")
    return Added(change, tuple(settings), app.module.filename)


def _statement(app: App) -> tuple[ast.stmt | None, Sequence[ast.stmt]]:
    """The statement that makes the application, and the block that it stands in."""
    for node in walk(app.module.tree):
        for field in ("body", "orelse", "finalbody"):
            block: Sequence[ast.stmt] = getattr(node, field, ())
            for statement in block if isinstance(block, list) else ():
                if isinstance(statement, (ast.Assign, ast.Expr, ast.Return)) and statement.value is app.node:
                    return statement, block
    return None, ()


def _called(node: ast.expr, path: str) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == path


def _is_conf_attribute(statement: ast.Assign, path: str) -> bool:
    target = statement.targets[0]
    return isinstance(target, ast.Attribute) and ast.unparse(target.value) == path


def _naming(settings: Mapping[str, str], neighbours: Sequence[str]) -> Naming:
    """The settings' names beside others without a namespace: old names among old ones, as they must not be mixed."""
    is_old = any(_UPPER.match(n) for n in neighbours) and not any(_LOWER.match(n) for n in neighbours)
    return {name: OLD_NAMES[name] if is_old else name for name in settings}


def _in_update(module: Module, call: ast.Call, settings: Mapping[str, str]) -> Added | None:
    """Among what `conf.update(...)` is given: keywords, or a dictionary in the same module."""
    place = module.source.place
    display: ast.expr | None = call.args[0] if len(call.args) == 1 else None
    if isinstance(display, ast.Name):
        bound = module.bindings.get(display.id, [])
        display = getattr(bound[0], "value", None) if len(bound) == 1 else None
    if not call.args:
        named = _naming(settings, [k.arg or "" for k in call.keywords])
        items = tuple((named[key], value) for key, value in settings.items())
        return Added(AddArguments(place(call), items), tuple(named.values()), module.filename)
    if isinstance(display, ast.Dict):
        return _in_display(module, display, settings)
    return None


def _in_display(module: Module, display: ast.Dict, settings: Mapping[str, str]) -> Added:
    named = _naming(settings, [str(k.value) for k in display.keys if isinstance(k, ast.Constant)])
    items = tuple((named[key], value) for key, value in settings.items())
    return Added(AddItems(module.source.place(display), items), tuple(named.values()), module.filename)


def _in_object(hub: Semantics, app: App, call: ast.Call, settings: Mapping[str, str]) -> Added | None:
    """In the module, the class or the dictionary that `config_from_object` names."""
    namespace = keyword_of(call, "namespace")
    prefix = namespace.value if isinstance(namespace, ast.Constant) else None
    if not call.args or (namespace is not None and not isinstance(prefix, str)):
        return None
    value = hub.evaluate(call.args[0], app.module)
    if isinstance(call.args[0], ast.Dict) and namespace is None:
        return _in_display(app.module, call.args[0], settings)
    path = value.value if isinstance(value, Constant) and isinstance(value.value, str) else None
    if path in ("django.conf:settings", "django.conf.settings") or value == External("django.conf.settings"):
        return _in_django(hub, app, prefix, settings) if isinstance(prefix, str) else None
    if isinstance(prefix, str):
        return None
    if path is not None:
        module = hub.project.import_module(path, app.module.filename)
        value = ModuleValue(module) if module is not None else hub.tasks.by_path(path, app.module)
    if isinstance(value, ModuleValue):
        return _in_body(value.module, value.module.tree.body, settings, _UPPER, _LOWER)
    if isinstance(value, ClassValue):
        owner: Class = value.cls
        return _in_body(owner.module, owner.node.body, settings, _UPPER, _LOWER)
    return None


def _in_django(hub: Semantics, app: App, prefix: str, settings: Mapping[str, str]) -> Added | None:
    """In the module of Django's settings that has others of the namespace."""
    pattern = re.compile(rf"^{re.escape(prefix)}_[A-Z_]+$")
    for module in _django_settings(hub, app):
        named = {f"{prefix}_{name.upper()}": value for name, value in settings.items()}
        found = _in_body(module, module.tree.body, named, None, pattern)
        if found is not None:
            return found
    return None


def _django_settings(hub: Semantics, app: App) -> Iterator[Module]:
    """The modules of Django's settings: what the application's module names, with what that imports whole."""
    project = hub.project
    named = hub.settings.settings_module
    for node in walk(app.module.tree):
        if named is None and isinstance(node, ast.Call) and "DJANGO_SETTINGS_MODULE" in ast.unparse(node):
            named = next(
                (a.value for a in node.args[1:] if isinstance(a, ast.Constant) and isinstance(a.value, str)), None
            )
    start = project.import_module(named, app.module.filename) if named is not None else None
    if start is None:
        files = [f for f in project.mentioning("INSTALLED_APPS") if not is_test_file(f)]
        modules = [m for f in files if (m := project.module_or_none(f)) is not None and "INSTALLED_APPS" in m.bindings]
        if len(modules) != 1:
            return
        start = modules[0]
    stack, seen = [start], {start.filename}
    while stack:
        module = stack.pop(0)
        yield module
        for star in module.star_imports:
            found = project.import_module(star, module.filename)
            if found is not None and found.filename not in seen:
                seen.add(found.filename)
                stack.append(found)


def _in_body(
    module: Module,
    body: Sequence[ast.stmt],
    settings: Mapping[str, str],
    old: re.Pattern[str] | None,
    pattern: re.Pattern[str],
) -> Added | None:
    """Behind the settings of a module or class: in the longest run of them, next to those of tasks."""
    runs: list[list[ast.stmt]] = [[]]
    names: list[str] = []
    for statement in body:
        name = _set_by(statement)
        if name is not None and (pattern.match(name) or (old is not None and old.match(name))):
            runs[-1].append(statement)
            names.append(name)
        elif runs[-1]:
            runs.append([])
    longest = max(runs, key=len)
    if not longest:
        return None
    if old is not None:
        named = _naming(settings, names)
        settings = {named[key]: value for key, value in settings.items()}
    beside = [s for s in longest if "task_" in (_set_by(s) or "").lower()] or longest
    code = "\n".join(f"{name} = {value}" for name, value in settings.items())
    change = PutStatement(module.source.place(beside[-1]), Side.AFTER, code)
    return Added(change, tuple(settings), module.filename)


def _set_by(statement: ast.stmt) -> str | None:
    """The variable that a plain assignment sets."""
    target = statement.targets[0] if isinstance(statement, ast.Assign) else None
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        target = statement.target
    return target.id if isinstance(target, ast.Name) else None
