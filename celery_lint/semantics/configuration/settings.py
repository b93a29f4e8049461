"""Celery's and Django's settings, as far as the project's own files show them.

Only names are matched, wherever settings may stand: module variables, class
attributes, keywords of `conf.update(...)` and `Celery(...)`, attributes of
`app.conf`, keys of dictionaries, pairs of a name and a value. A value that can't
be read is "set, value unknown", never "not set". Columns and fields of rows and
forms are no settings, whatever their names are.

Which application reads a setting is told by `semantics/configuration/configurations.py`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import Class, Function, ImportBinding, Module, flat_statements
from celery_lint.project.syntax import keyword_of, last_name, literal_text, walk
from celery_lint.records import record
from celery_lint.semantics.configuration.setting_names import OLD_NAMES
from celery_lint.semantics.inference.moments import UNITS
from celery_lint.semantics.inference.values import (
    UNKNOWN,
    AppValue,
    BoundMethod,
    ClassValue,
    Constant,
    External,
    ManagerValue,
    ModelValue,
    QuerySetValue,
    Value,
)
from celery_lint.semantics.model import App

if TYPE_CHECKING:
    from typing import TypeAlias

    from celery_lint.semantics.hub import Semantics

    Holder: TypeAlias = Module | Class | ast.AST

_DEFAULTED = frozenset(
    {"get", "getenv", "int", "float", "bool", "config", "env", "get_int_from_env", "str2bool", "environ"}
)
_DJANGO_SETTINGS = "django.conf.settings."
# Packages whose classes have fields for attributes.
_FIELDED = (
    "django.db.", "django.forms.", "django_filters.", "rest_framework.", "wtforms.", "flask_wtf.", "marshmallow.",
    "graphene.", "factory.",
)  # fmt: skip


@record()
class Setting:
    """One place where a setting is given.

    `holder` has it among others: a module, a class, a dictionary, a call, the
    object whose attribute it is; for a function's variable the function's node.
    """

    name: str
    value: Value
    node: ast.AST
    module: Module
    spelling: str
    holder: Holder
    given: ast.expr | None
    """What is given, where it can be read; `node` is where to point."""


@record()
class Given:
    """A name and the value that a node gives it: an assignment, a dictionary, a call, a pair."""

    name: str
    target: ast.expr
    value: ast.expr
    around: ast.AST


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
                for one in gifts(module, names):
                    holder = holder_of(one, module)
                    if not self._is_of_rows(one, holder, module):
                        value = self.read(one.value, module)
                        yield Setting(name, value, one.target, module, one.name, holder, one.value)
                yield from self._imported(name, names, module)

    def _imported(self, name: str, names: frozenset[str], module: Module) -> Iterator[Setting]:
        """Settings that a module imports by name: from another package, or what has another name there."""
        if not any(isinstance(b, ImportBinding) for n in names for b in module.bindings.get(n, ())):
            return
        for node in flat_statements(module.tree.body):
            if isinstance(node, ast.ImportFrom):
                for bound, binding in module.import_bindings(node):
                    value = self._hub.imported(binding, module) if bound in names else UNKNOWN
                    if isinstance(value, External) or (bound in names and binding.name not in names):
                        value = value if isinstance(value, Constant) else UNKNOWN
                        yield Setting(name, value, node, module, bound, module, None)

    def _is_of_rows(self, one: Given, holder: Holder, module: Module) -> bool:
        """Whether a name is a column of a row or a field of a form, and not a setting."""
        hub = self._hub
        if isinstance(holder, Class):
            return is_of_framework(hub, holder)
        if isinstance(one.around, ast.Call):
            made = value_at(hub, one.around.func, module)
            if isinstance(made, ClassValue):
                return is_of_framework(hub, made.cls)
            return isinstance(made, BoundMethod) and isinstance(made.receiver, (ManagerValue, QuerySetValue))
        if isinstance(one.target, (ast.Attribute, ast.Subscript)):
            return isinstance(value_at(hub, one.target.value, module), ModelValue)
        return False

    def variable(self, name: str) -> Value:
        """The one literal that Django's settings give a variable of a name; UNKNOWN when it can't be told."""
        return self._hub.memo.get(("variable", name), self._variable, UNKNOWN, name)

    def _variable(self, name: str) -> Value:
        project = self._hub.project
        found: set[Value] = set()
        for filename in self.consulted(project.mentioning(name)):
            module = project.module_or_none(filename)
            for binding in module.bindings.get(name, ()) if module is not None else ():
                if module is not None and not isinstance(binding, ImportBinding):
                    node = getattr(binding, "value", None)
                    found.add(self.read(node, module) if node is not None else UNKNOWN)
        return found.pop() if len(found) == 1 else UNKNOWN

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
        return frozenset({name, OLD_NAMES.get(name, name), *namespaces, f"CELERY_{upper}"})

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
        if isinstance(value, External) and value.path.startswith(_DJANGO_SETTINGS):
            return self.variable(value.path.removeprefix(_DJANGO_SETTINGS))
        if isinstance(node, ast.Call):
            func = node.func
            last = last_name(func)
            default = keyword_of(node, "default")
            if default is not None:
                return self.read(default, module)
            if last in ("int", "float") and node.args:
                return _as_number(self.read(node.args[0], module))
            if last == "total_seconds" and isinstance(func, ast.Attribute) and isinstance(func.value, ast.Call):
                return self._seconds(func.value, module)
            if len(node.args) == 2 and last in _DEFAULTED | {"int", "bool", "float", "str"}:
                return self.read(node.args[1], module)
        return UNKNOWN

    def _seconds(self, node: ast.Call, module: Module) -> Value:
        """The length of a `timedelta(minutes=5)` of literals."""
        parts = {k.arg: self.read(k.value, module) for k in node.keywords if k.arg in UNITS}
        numbers = [v.value for v in parts.values() if isinstance(v, Constant) and isinstance(v.value, (int, float))]
        is_literal = len(numbers) == len(node.keywords) and not node.args
        if not is_literal or self._hub.evaluate(node.func, module) != External("datetime.timedelta"):
            return UNKNOWN
        return Constant(sum(n * UNITS[str(unit)] for unit, n in zip(parts, numbers, strict=True)))

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
            holding = self._hub.project.holding
            calls = ("elery(", *(f"{name}(" for name in sorted(self._hub.app_class_names)))
            for filename in sorted({filename for call in calls for filename in holding(call)}):
                module = None if is_test_file(filename) else self._hub.project.module_or_none(filename)
                if module is not None:
                    found += self.apps(module)
            return tuple(found)

        return self._hub.memo.get(("all apps",), search, ())


def given(module: Module, names: frozenset[str]) -> Iterator[tuple[ast.expr, ast.expr]]:
    """The places in a module that give a setting of one of these names: the target and the value."""
    for one in gifts(module, names):
        yield one.target, one.value


def gifts(module: Module, names: frozenset[str]) -> Iterator[Given]:
    """The places in a module that give a name of these a value."""
    for node in module.nodes_around(names):
        for name, target, value in _gifts_of(node):
            if name in names:
                yield Given(name, target, value, node)


def _gifts_of(node: ast.AST) -> Iterator[tuple[str | None, ast.expr, ast.expr]]:
    """The names, or constant keys, that one node itself gives values."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _unpacked(target, node.value)
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        yield target_name(node.target), node.target, node.value
    elif isinstance(node, ast.Call):
        for keyword in node.keywords:
            yield keyword.arg, keyword.value, keyword.value
        last = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if (last, len(node.args)) in (("setattr", 3), ("setdefault", 2)):
            yield literal_text(node.args[-2]), node.args[-1], node.args[-1]
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if key is not None:
                yield literal_text(key), key, value
    elif isinstance(node, (ast.List, ast.Tuple)):
        for pair in node.elts:
            if isinstance(pair, ast.Tuple) and len(pair.elts) == 2:
                yield literal_text(pair.elts[0]), pair.elts[0], pair.elts[1]


def _unpacked(target: ast.expr, value: ast.expr) -> Iterator[tuple[str | None, ast.expr, ast.expr]]:
    """The names of an assignment's target with their values: several in `soft, hard = 30, 60`."""
    if not isinstance(target, (ast.Tuple, ast.List)):
        yield target_name(target), target, value
        return
    values = value.elts if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts) else None
    for index, one in enumerate(target.elts):
        yield target_name(one), one, values[index] if values is not None else value


def holder_of(one: Given, module: Module) -> Holder:
    """What has a setting among others."""
    target = one.target
    if not isinstance(one.around, (ast.Assign, ast.AnnAssign)):
        return one.around
    cls, function = class_around(target, module), function_around(target, module)
    is_own = isinstance(target, ast.Attribute) and getattr(target.value, "id", "") in ("self", "cls")
    if isinstance(target, (ast.Attribute, ast.Subscript)) and not (is_own and cls is not None):
        return target.value
    if function is not None and not is_own and (cls is None or function.node.lineno > cls.node.lineno):
        return function.node
    return cls if cls is not None else module


def class_around(node: ast.expr, module: Module) -> Class | None:
    """The inmost class that a node stands in."""
    around = [c for c in module.classes if c.node.lineno <= node.lineno <= (c.node.end_lineno or 0)]
    return max(around, key=lambda c: c.node.lineno, default=None)


def function_around(node: ast.expr, module: Module) -> Function | None:
    """The function or method in whose body a node stands, the outermost of nested functions."""
    around = (f for f in module.functions if f.rows[0] <= node.lineno <= f.rows[1])
    return next((f for f in around if f.body[0].lineno <= node.lineno), None)


def value_at(hub: Semantics, node: ast.expr, module: Module) -> Value:
    """The value of an expression, in a function by what its variables are there."""
    function = function_around(node, module)
    if function is None:
        return hub.evaluate(node, module)
    for flow in hub.calls.flows_within(function):
        if node in flow.values:
            return flow.values[node]
    return hub.evaluate(node, module) if isinstance(node, ast.Constant) else UNKNOWN


def is_of_framework(hub: Semantics, cls: Class) -> bool:
    """Whether a class describes rows, forms or messages: its attributes are columns and fields."""
    return hub.classes.is_model(cls) or any(
        isinstance(one, str) and one.startswith(_FIELDED) for one in hub.classes.ancestors(cls)
    )


def _as_number(value: Value) -> Value:
    """What `int` or `float` makes of a literal: the defaults of environment variables are texts."""
    if isinstance(value, Constant) and isinstance(value.value, str):
        try:
            return Constant(float(value.value))
        except ValueError:
            return UNKNOWN
    return value


def target_name(node: ast.expr) -> str | None:
    """The name that an assignment gives: of a variable, an attribute, or a constant key."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        return node.slice.value
    return None
