"""Celery's and Django's settings, as far as the project's own files show them.

Only names are matched, wherever settings may stand: module variables, class
attributes, keywords of `conf.update(...)` and `Celery(...)`, attributes of
`app.conf`, keys of dictionaries. A value that can't be read is "set, value
unknown", never "not set".
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import Module
from celery_lint.project.syntax import walk
from celery_lint.records import record
from celery_lint.semantics.model import App
from celery_lint.semantics.values import UNKNOWN, AppValue, Constant, Value

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# Today's names and those from before Celery 4 (celery/app/defaults.py, `old`).
OLD_NAMES = {
    "task_time_limit": ("CELERYD_TASK_TIME_LIMIT", "CELERY_TASK_TIME_LIMIT"),
    "task_soft_time_limit": ("CELERYD_TASK_SOFT_TIME_LIMIT", "CELERY_TASK_SOFT_TIME_LIMIT"),
    "task_acks_late": ("CELERY_ACKS_LATE", "CELERY_TASK_ACKS_LATE"),
    "task_serializer": ("CELERY_TASK_SERIALIZER",),
    "task_annotations": ("CELERY_ANNOTATIONS", "CELERY_TASK_ANNOTATIONS"),
    "task_always_eager": ("CELERY_ALWAYS_EAGER", "CELERY_TASK_ALWAYS_EAGER"),
    "result_backend": ("CELERY_RESULT_BACKEND",),
    "worker_pool": ("CELERYD_POOL", "CELERY_WORKER_POOL"),
    "task_reject_on_worker_lost": ("CELERY_REJECT_ON_WORKER_LOST", "CELERY_TASK_REJECT_ON_WORKER_LOST"),
}
_DEFAULTED = frozenset(
    {"get", "getenv", "int", "float", "bool", "config", "env", "get_int_from_env", "str2bool", "environ"}
)


@record()
class Setting:
    """One place where a setting is given."""

    name: str
    value: Value
    node: ast.expr
    module: Module


class ProjectSettings:
    """Settings by their names of today: `task_time_limit`."""

    def __init__(self, hub: Semantics) -> None:
        self._hub = hub

    def all(self, name: str) -> Sequence[Setting]:
        """Every place outside the tests where a setting is given."""
        return self._hub.memo.get(("setting", name), lambda: tuple(self._all(name)), ())

    def _all(self, name: str) -> Iterator[Setting]:
        names = self.spellings(name)
        project = self._hub.project
        files = self.consulted({f for n in names for f in project.mentioning(n)})
        for filename in files:
            module = None if is_test_file(filename) else project.module_or_none(filename)
            if module is not None:
                for node, value in given(module.tree, names):
                    yield Setting(name, self.read(value, module), node, module)

    def consulted(self, files: Iterable[str]) -> Sequence[str]:
        """Those of some files whose settings count, in order.

        All of them; with `settings-module`, that module, what it imports `*` from,
        and the modules that make or configure the application.
        """
        named = self._hub.settings.settings_module
        if named is None:
            return sorted(files)
        project = self._hub.project
        allowed = {app.module.filename for app in self.all_apps}
        stack = [project.find_module(named)]
        while stack:
            module = project.module_or_none(stack.pop())
            if module is not None and module.filename not in allowed:
                allowed.add(module.filename)
                stack += [project.find_module(star, module.filename) for star in module.star_imports]
        return sorted(allowed.intersection(files))

    def spellings(self, name: str) -> frozenset[str]:
        """All names under which a setting may stand: today's, with a namespace, from before Celery 4."""
        upper = name.upper()
        namespaces = {f"{n}_{upper}" for n in self.namespaces}
        return frozenset({name, *OLD_NAMES.get(name, ()), *namespaces, f"CELERY_{upper}"})

    @property
    def namespaces(self) -> Iterable[str]:
        """The prefixes given to `config_from_object(..., namespace=...)`."""

        def search() -> tuple[str, ...]:
            found = []
            for filename in self._hub.project.mentioning("config_from_object"):
                data = self._hub.project.read(filename)
                found += [m.decode() for m in re.findall(rb"namespace\s*=\s*['\"]([A-Za-z_]\w*)['\"]", data)]
            return tuple(sorted(set(found)))

        return self._hub.memo.get(("namespaces",), search, ())

    def read(self, node: ast.expr, module: Module) -> Value:
        """The value of a setting; of `env(..., default)` and its like the literal default."""
        value = self._hub.evaluate(node, module)
        if isinstance(value, Constant):
            return value
        if isinstance(node, ast.Call):
            func = node.func
            last = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
            default = next((k.value for k in node.keywords if k.arg == "default"), None)
            if default is not None:
                return self.read(default, module)
            if last in ("int", "float") and node.args:
                return self.read(node.args[0], module)
            if len(node.args) == 2 and last in _DEFAULTED | {"int", "bool", "float", "str"}:
                return self.read(node.args[1], module)
        return UNKNOWN

    def is_set(self, name: str) -> bool:
        """Whether the project gives the setting a value other than None, readable or not."""
        return any(s.value != Constant(None) for s in self.all(name))

    def constant(self, name: str) -> object:
        """The one literal value that the project gives a setting; NotImplemented when it can't be told."""
        values = {s.value.value if isinstance(s.value, Constant) else NotImplemented for s in self.all(name)}
        return values.pop() if len(values) == 1 else NotImplemented

    def apps(self, module: Module) -> Sequence[App]:
        """The Celery applications that a module makes."""

        def search() -> tuple[App, ...]:
            found: list[App] = []
            names = {b"elery", *(n.encode() for n in self._hub.app_class_names)}
            if not any(name + b"(" in module.source.data for name in names):
                return ()
            for node in walk(module.tree):
                if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
                    last = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
                    if "elery" not in last and last not in self._hub.app_class_names:
                        continue
                    if isinstance(self._hub.evaluate(node, module), AppValue) and last[:1].isupper():
                        keywords = {k.arg: k.value for k in node.keywords if k.arg}
                        found.append(App(module, node, keywords))
            return tuple(found)

        return self._hub.memo.get(("apps", module), search, ())

    @property
    def all_apps(self) -> Sequence[App]:
        """The applications of the whole project, tests left out."""

        def search() -> tuple[App, ...]:
            found: list[App] = []
            for filename in self._hub.project.holding("Celery"):
                module = None if is_test_file(filename) else self._hub.project.module_or_none(filename)
                if module is not None:
                    found += self.apps(module)
            return tuple(found)

        return self._hub.memo.get(("all apps",), search, ())


def given(tree: ast.Module, names: frozenset[str]) -> Iterator[tuple[ast.expr, ast.expr]]:
    """The places in a module that give a setting of one of these names: the target and the value."""
    for node in walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if target_name(target) in names:
                    yield target, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            if target_name(node.target) in names:
                yield node.target, node.value
        elif isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg in names:
                    yield keyword.value, keyword.value
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value in names:
                    yield key, value


def target_name(node: ast.expr) -> str | None:
    """The name that an assignment gives: of a variable, an attribute, or a constant key."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        return node.slice.value
    return None
