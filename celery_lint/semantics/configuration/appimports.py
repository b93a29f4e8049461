"""Whether a Django project's own package imports its Celery application, as the web process needs it.

`@shared_task` belongs to whatever application has been made in a process; where none has,
to a default one that knows no settings (celery/_state.py, `get_current_app`).
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import ImportBinding, Module
from celery_lint.semantics.configuration.readings import whole_settings
from celery_lint.semantics.model import App

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

_SETTINGS = re.compile(r"DJANGO_SETTINGS_MODULE\W+(\w+)\.")
# What an application's module may import without the need of loaded models.
_EARLY = ("celery", "django.conf", "kombu", "os", "sys", "logging", "datetime", "pathlib", "__future__")
_SENDING = ("delay", "apply_async", "delay_on_commit")


def unimported_app(hub: Semantics, package: Module) -> App | None:
    """The project's one application, when it stands in a package that every process imports and nothing imports it."""
    if not package.is_package or not hub.uses_django or is_test_file(package.filename):
        return None
    apps = hub.project_settings.all_apps
    app = apps[0] if len(apps) == 1 else None
    if app is None or app.module.package != package.name or app.module is package or variable(app) is None:
        return None
    if not _has_settings(hub, package, app):
        return None
    if not hub.project.mentioning("shared_task") or not any(hub.project.mentioning(word) for word in _SENDING):
        return None
    return None if _is_imported(hub, app.module) else app


def _has_settings(hub: Semantics, package: Module, app: App) -> bool:
    """Whether a package has the settings, so that every process of Django's imports it."""
    named = _SETTINGS.search(app.module.source.text)
    if named is not None:
        return named[1] == package.name
    wholes = [one for one in whole_settings(hub) if isinstance(one, Module)]
    return bool(wholes) and all(one.name.startswith(f"{package.name}.") for one in wholes)


def variable(app: App) -> str | None:
    """The variable of its module that an application is."""
    for node in app.module.tree.body:
        if isinstance(node, ast.Assign) and node.value is app.node and isinstance(node.targets[0], ast.Name):
            return node.targets[0].id
    return None


def _is_imported(hub: Semantics, module: Module) -> bool:
    """Whether any file beside the tests names a module, in an import or a text."""
    last = module.name.rpartition(".")[2]
    named = re.compile(
        rf"\b{re.escape(module.name)}\b|from\s+\.+(?:\w+\.)*{last}\b|from\s+[.\w]+\s+import\b[^\n]*(?<!\w){last}\b".encode()
    )
    files = [f for f in hub.project.mentioning(last) if f != module.filename]
    return any(named.search(hub.project.read(filename)) for filename in files)


def may_be_imported_early(module: Module) -> bool:
    """Whether a module imports nothing that needs Django's models, so that the package may import it."""
    bound = [b for bindings in module.bindings.values() for b in bindings if isinstance(b, ImportBinding)]
    return not module.star_imports and all(b.module.startswith(_EARLY) for b in bound)
