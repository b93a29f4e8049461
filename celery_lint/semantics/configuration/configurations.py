"""Which settings reach which application, and whether some may that nobody can read.

An application reads what `config_from_object` names, what it is made with, and
what is set on its `conf` (docs: userguide/application.html, Configuration). With
a namespace it reads `CELERY_TASK_TIME_LIMIT` as `task_time_limit`, without one
only today's names and those from before Celery 4 (celery/app/utils.py,
`detect_settings`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import AssignBinding, Class, Function, ImportBinding, Module
from celery_lint.project.syntax import keyword_of, last_name, own_nodes, walk
from celery_lint.records import record
from celery_lint.semantics.configuration.setting_names import OLD_NAMES
from celery_lint.semantics.configuration.settings import Setting, function_around, gifts, value_at
from celery_lint.semantics.inference.bindings import set_in
from celery_lint.semantics.inference.values import (
    AppValue,
    ClassValue,
    Constant,
    External,
    FunctionValue,
    Instance,
    ModuleValue,
    Value,
)

if TYPE_CHECKING:
    from typing import TypeAlias

    from celery_lint.semantics.hub import Semantics

    Source: TypeAlias = Module | Class | ast.AST | Literal["django", "project", "hidden"]

_LOADERS = ("config_from_object", "config_from_envvar", "conf", "config_source", "Celery", "add_defaults")
_DJANGO = ("django.conf:settings", "django.conf.settings")
# Functions that give what they are given in another form.
_FORMING = (
    "builtins.", "collections.", "copy.", "dataclasses.", "functools.", "itertools.", "operator.", "types.",
)  # fmt: skip
# Base classes that hold no settings themselves.
_BARE = (
    "abc.", "builtins.", "configurations.", "dataclasses.", "enum.", "pydantic.", "pydantic_settings.", "typing.",
)  # fmt: skip
_FLASK_CONFIG = "config"
# How Flask's configuration reads files and the environment (docs: config, Configuring from Files).
_FLASK_LOADERS = frozenset({"from_envvar", "from_file", "from_json", "from_pyfile", "from_toml", "from_yaml"})
# Packages that set none of Celery's settings, or those of the project's files.
_HARMLESS = ("split_settings.", "django_heroku.")
# What a module may say when it sets variables whose names do not stand in it.
_UNSEEN = ("globals", "locals", "vars", "exec", "dynaconf")
ANY_NAMESPACE = "*"
_MAX_DEPTH = 8


@record()
class Loading:
    """Something that an application reads its settings from.

    `source` is a module, a class, a dictionary or call; or Django's settings;
    or `project`: something of the project's own that can't be told; or `hidden`:
    what nobody can read. `app` is the call that makes the application, None when
    it can't be told which one. With `is_conf` the source is set on the
    application's `conf` itself.
    """

    app: ast.Call | None
    source: Source
    namespace: str | None = None
    is_conf: bool = False


def loadings(hub: Semantics) -> Sequence[Loading]:
    """Everything that the project's applications read settings from."""
    return hub.memo.get(("loadings",), lambda: tuple(_loadings(hub)), ())


def _loadings(hub: Semantics) -> Iterator[Loading]:
    project = hub.project
    for filename in sorted({f for w in _LOADERS for f in set(project.mentioning(w)).intersection(project.holding(w))}):
        module = project.module_or_none(filename)
        for node in module.nodes_around(_LOADERS) if module is not None else ():
            if module is not None and isinstance(node, ast.Call):
                yield from _loaded_by(hub, node, module)
            elif module is not None and isinstance(node, ast.Assign):
                for target in node.targets:
                    # `app.conf[key] = value`
                    if isinstance(target, ast.Subscript) and not isinstance(target.slice, ast.Constant):
                        if is_conf(hub, target.value, module):
                            yield Loading(app_of(value_at(hub, target.value, module)), "hidden")


def _loaded_by(hub: Semantics, node: ast.Call, module: Module) -> Iterator[Loading]:
    """What one call gives an application to read."""
    func = node.func
    last = last_name(func)
    spread = [k.value for k in node.keywords if k.arg is None]
    if last in ("config_from_envvar", "config_from_object", "add_defaults", "update", "setdefault"):
        if not isinstance(func, ast.Attribute):
            return
        if not last.startswith("config_from") and not is_conf(hub, func.value, module):
            if last != "add_defaults":
                return
        app = app_of(value_at(hub, func.value, module))
        if last == "config_from_envvar":
            yield Loading(app, "hidden")
        elif last == "config_from_object":
            objects = [*node.args[:1], *(k.value for k in node.keywords if k.arg == "obj")]
            namespace = _namespace(hub, node, module)
            yield from (Loading(app, s, namespace) for o in objects for s in sources(hub, o, module))
        else:
            yield Loading(app, node, is_conf=True)
            given = [*node.args, *spread] if last != "setdefault" else []
            yield from (Loading(app, s, is_conf=True) for g in given for s in sources(hub, g, module))
    elif last == "setattr" and len(node.args) == 3 and is_conf(hub, node.args[0], module):
        app = app_of(value_at(hub, node.args[0], module))
        yield Loading(app, node if isinstance(node.args[1], ast.Constant) else "hidden", is_conf=True)
    elif "elery" in last or last in hub.app_class_names:
        app = app_of(value_at(hub, node, module))
        if app is node:
            namespace = _namespace(hub, node, module)
            yield Loading(app, node, is_conf=True)
            given = [*spread, *(k.value for k in node.keywords if k.arg in ("config_source", "changes"))]
            yield from (Loading(app, s, namespace) for g in given for s in sources(hub, g, module))


def app_of(value: Value) -> ast.Call | None:
    """The call that makes an application, given the application or its `conf`; None when it can't be told."""
    if isinstance(value, AppValue):
        return value.node
    if is_conf_value(value) and isinstance(value, Instance) and value.origin is not None:
        made = value.origin.key[0]
        return made if isinstance(made, ast.Call) else None
    return None


def is_conf_value(value: Value) -> bool:
    return isinstance(value, Instance) and value.cls == "celery.Celery.conf"


def is_conf(hub: Semantics, node: ast.expr, module: Module) -> bool:
    """Whether an expression is an application's `conf`, under another name as well."""
    if isinstance(node, ast.Attribute):
        return node.attr == "conf"
    return isinstance(node, ast.Name) and is_conf_value(value_at(hub, node, module))


def _namespace(hub: Semantics, node: ast.Call, module: Module) -> str | None:
    """The `namespace=` of a call; None when it has none, `ANY_NAMESPACE` when it can't be read."""
    given = keyword_of(node, "namespace")
    if given is None:
        return None
    value = value_at(hub, given, module)
    if not isinstance(value, Constant):
        return ANY_NAMESPACE
    return value.value if isinstance(value.value, str) else None


# What an object of settings is made of


def sources(hub: Semantics, node: ast.expr, module: Module) -> Iterator[Source]:
    """What an object of settings, or the module that a text names, is made of."""
    return _Sources(hub).of(node, module, 0)


class _Sources:
    """Follows an expression to what it is made of, each part of it once."""

    def __init__(self, hub: Semantics) -> None:
        self._hub = hub
        self._seen: set[ast.AST] = set()

    def of(self, node: ast.expr, module: Module, depth: int) -> Iterator[Source]:
        if depth > _MAX_DEPTH or node in self._seen:
            yield "project"
            return
        self._seen.add(node)
        value = value_at(self._hub, node, module)
        known = [source for one in value.alternatives() for source in self._of_value(one, module)]
        if known and None not in known:
            yield from (source for source in known if source is not None)
        elif isinstance(value, Constant):
            return
        else:
            yield from self._of_syntax(node, module, depth + 1)

    def _of_value(self, value: Value, module: Module) -> Iterator[Source | None]:
        """The sources that a value is by itself; None when its syntax has to tell."""
        if isinstance(value, Constant) and isinstance(value.value, str):
            yield self._named(value.value, module)
        elif isinstance(value, ModuleValue):
            yield value.module
        elif isinstance(value, ClassValue):
            yield value.cls
        elif isinstance(value, Instance) and isinstance(value.cls, Class):
            yield value.cls
            yield "project"
        elif isinstance(value, External) and not value.path.startswith(_FORMING):
            yield "django" if value.path.startswith("django.conf") else "hidden"
        else:
            yield None

    def _named(self, path: str, module: Module) -> Source:
        """What the text `"pkg.module"` or `"pkg.module:Class"` names."""
        project = self._hub.project
        if path.startswith(_DJANGO):
            return "django" if project.mentioning("INSTALLED_APPS") else "hidden"
        dotted = path.replace(":", ".")
        whole = project.import_module(dotted, module.filename)
        if whole is not None:
            return whole
        found = self._hub.tasks.by_path(path, module)
        if isinstance(found, ClassValue):
            return found.cls
        head = dotted.rpartition(".")[0]
        return "project" if head and project.find_module(head, module.filename) is not None else "hidden"

    def _of_syntax(self, node: ast.expr, module: Module, depth: int) -> Iterator[Source]:
        if isinstance(node, ast.Call):
            yield from self._of_call(node, module, depth)
        elif isinstance(node, ast.Dict):
            yield node
            for key, value in zip(node.keys, node.values, strict=True):
                if key is None:
                    yield from self.of(value, module, depth)
                elif not isinstance(value_at(self._hub, key, module), Constant):
                    yield "hidden"
        elif isinstance(node, ast.Name):
            yield from self._of_name(node, module, depth)
        elif isinstance(node, ast.Attribute):
            yield from self._of_attribute(node, module, depth)
        elif isinstance(node, ast.Subscript):
            yield from self.of(node.value, module, depth)
            if isinstance(node.value, ast.Attribute) and node.value.attr == _FLASK_CONFIG:
                yield from self._of_item(node.slice, module, depth)
        elif isinstance(node, (ast.List, ast.Tuple)):
            yield node
            if not all(_is_named_pair(element) for element in node.elts):
                yield "hidden"
        else:
            parts = list(_parts(node))
            if not parts:
                yield "hidden"
            for part in parts:
                yield from self.of(part, module, depth)

    def _of_item(self, key: ast.expr, module: Module, depth: int) -> Iterator[Source]:
        """What the project puts into Flask's configuration under a key: `from_mapping(CELERY=dict(...))`."""
        name = key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else None
        for filename in self._hub.project.mentioning(name) if name is not None else ():
            other = None if is_test_file(filename) else self._hub.project.module_or_none(filename)
            for one in gifts(other, frozenset({name})) if other is not None and name is not None else ():
                if isinstance(one.value, (ast.Dict, ast.Call)):
                    yield from self.of(one.value, other or module, depth)

    def _of_call(self, node: ast.Call, module: Module, depth: int) -> Iterator[Source]:
        hub, func = self._hub, node.func
        callee = value_at(hub, func, module)
        given = [a for a in (*node.args, *(k.value for k in node.keywords)) if not isinstance(a, ast.Constant)]
        if isinstance(callee, FunctionValue):
            yield from self._returned(callee.function, given, module, depth)
        elif callee == External("importlib.import_module") and node.args:
            name = value_at(hub, node.args[0], module)
            if isinstance(name, Constant) and isinstance(name.value, str):
                yield self._named(name.value, module)
            else:
                yield "hidden"
        elif isinstance(callee, External):
            if not callee.path.startswith(_FORMING) or callee.path == "builtins.open":
                yield "hidden"
                return
            yield node
            for argument in given:
                yield from self.of(argument, module, depth)
        elif isinstance(func, ast.Attribute):
            yield from self.of(func.value, module, depth)
        else:
            yield "project"

    def _returned(self, function: Function, given: Sequence[ast.expr], module: Module, depth: int) -> Iterator[Source]:
        """What a function of the project returns; its arguments as well where it returns or joins them."""
        yield "project"
        for node in own_nodes(function.body):
            if isinstance(node, ast.Return) and node.value is not None:
                yield from self.of(node.value, function.module, depth)
                names = {n.id for n in walk(node.value) if isinstance(n, ast.Name)}
                arguments = function.node.args
                is_joined = arguments.vararg is not None or arguments.kwarg is not None
                for argument in given if is_joined or names & function.parameters.keys() else ():
                    yield from self.of(argument, module, depth)

    def _of_name(self, node: ast.Name, module: Module, depth: int) -> Iterator[Source]:
        function = function_around(node, module)
        if function is not None:
            bound = list(_bound_in(function, node.id))
            for value in bound:
                yield from self.of(value, module, depth)
            if bound or node.id in function.parameters:
                yield "project"
                return
        yield from self._of_global(node.id, module, depth)

    def _of_global(self, name: str, module: Module, depth: int) -> Iterator[Source]:
        """What a module's variable is made of, that it imports as well."""
        yield "project"
        for binding in module.bindings.get(name, ()):
            if isinstance(binding, AssignBinding) and binding.value is not None:
                yield from self.of(binding.value, module, depth)
            elif isinstance(binding, ImportBinding) and binding.name is not None:
                other = self._hub.project.import_module(binding.module, module.filename)
                if other is not None and other is not module:
                    yield from self._of_global(binding.name, other, depth + 1)
        for node in module.nodes_around((name,)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "update":
                if isinstance(node.func.value, ast.Name) and node.func.value.id == name:
                    for argument in (*node.args, *(k.value for k in node.keywords if k.arg is None)):
                        yield from self.of(argument, module, depth)

    def _of_attribute(self, node: ast.Attribute, module: Module, depth: int) -> Iterator[Source]:
        base = value_at(self._hub, node.value, module)
        if isinstance(base, ModuleValue):
            yield from self._of_global(node.attr, base.module, depth)
        elif isinstance(base, (ClassValue, Instance)) and isinstance(base.cls, Class):
            yield "project"
            for binding in base.cls.assigns.get(node.attr, ()):
                if binding.value is not None:
                    yield from self.of(binding.value, base.cls.module, depth)
        elif node.attr == _FLASK_CONFIG:
            yield "project"
            if self._hub.memo.get(("flask loaders",), lambda: _reads_flask_files(self._hub), False):
                yield "hidden"
        else:
            yield from self.of(node.value, module, depth)


def _is_named_pair(node: ast.expr) -> bool:
    """Whether an expression is a pair whose name can be read: `("task_time_limit", 30)`."""
    return isinstance(node, ast.Tuple) and len(node.elts) == 2 and isinstance(node.elts[0], ast.Constant)


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    """The expressions that decide what an expression gives, of those kinds that only join or pick."""
    if isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)
    elif isinstance(node, ast.BoolOp):
        yield from node.values
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        yield from (node.left, node.right)
    elif isinstance(node, ast.Lambda):
        yield node.body
    elif isinstance(node, (ast.DictComp, ast.ListComp, ast.GeneratorExp)):
        yield from (generator.iter for generator in node.generators)
    elif isinstance(node, (ast.Await, ast.NamedExpr, ast.Starred)):
        yield node.value


def _bound_in(function: Function, name: str) -> Iterator[ast.expr]:
    """What a function's variable is set to, and updated with."""
    yield from set_in(function, name)
    for node in walk(*function.body):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "update":
            if isinstance(node.func.value, ast.Name) and node.func.value.id == name:
                yield from node.args


def _reads_flask_files(hub: Semantics) -> bool:
    """Whether a Flask configuration is read from files other than Python's, or from the environment."""
    for word in sorted(_FLASK_LOADERS):
        for filename in hub.project.mentioning(word):
            module = hub.project.module_or_none(filename)
            for node in module.nodes_around((word,)) if module is not None else ():
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == word:
                    if isinstance(node.func.value, ast.Attribute) and node.func.value.attr == "config":
                        first = node.args[0] if node.args else None
                        text = first.value if isinstance(first, ast.Constant) else None
                        if not (isinstance(text, str) and text.endswith(".py")):
                            return True
    return False


# What nobody can read


def may_hide(hub: Semantics, app: ast.Call | None) -> bool:
    """Whether an application, or any when none is given, may have settings that can't be read."""
    return any(_hides(hub, one.source) for one in loadings(hub) if app is None or one.app in (None, app)) or (
        app is None and _hides(hub, "django")
    )


def _hides(hub: Semantics, source: Source) -> bool:
    if isinstance(source, Module):
        return any(_hides_names(hub, part) for part in with_stars(hub, source))
    if isinstance(source, Class):
        return any(isinstance(a, str) and not a.startswith(_BARE) for a in hub.classes.ancestors(source))
    if source == "django":
        return hub.memo.get(("django hides",), lambda: _django_hides(hub), False)
    return source == "hidden"


def _django_hides(hub: Semantics) -> bool:
    for filename in hub.project.mentioning("INSTALLED_APPS"):
        module = None if is_test_file(filename) else hub.project.module_or_none(filename)
        if module is not None and _is_settings_module(module) and _hides(hub, module):
            return True
    return False


def _is_settings_module(module: Module) -> bool:
    """Whether a module that mentions the applications of Django's settings has them."""
    bindings = module.bindings.get("INSTALLED_APPS", ())
    return bool(module.star_imports) or any(isinstance(b, AssignBinding) for b in bindings)


def with_stars(hub: Semantics, module: Module) -> Sequence[Module]:
    """A module and those of the project that it imports `*` from, whose variables it has as well."""

    def search() -> tuple[Module, ...]:
        found = [module]
        for one in found:
            for star in one.star_imports:
                other = hub.project.import_module(star, one.filename)
                if other is not None and other not in found:
                    found.append(other)
        return tuple(found)

    return hub.memo.get(("with stars", module), search, (module,))


def _hides_names(hub: Semantics, module: Module) -> bool:
    """Whether a module has variables whose names do not stand in the project."""
    return hub.memo.get(("hides names", module), lambda: _has_unseen_names(hub, module), False)


def _has_unseen_names(hub: Semantics, module: Module) -> bool:
    if any(is_foreign(hub, star, module) for star in module.star_imports):
        return True
    for node in module.nodes_around(_UNSEEN):
        if isinstance(node, ast.Call):
            func = node.func
            if isinstance(func, ast.Name) and func.id == "exec":
                if _is_local(node, module):
                    continue
                return True
            callee = value_at(hub, func, module)
            path = callee.path if isinstance(callee, External) else ""
            if path.startswith("dynaconf."):
                return True
            given = (*node.args, *(k.value for k in node.keywords))
            if any(_is_namespace(a) for a in given) and not path.startswith(_HARMLESS):
                return True
            if isinstance(func, ast.Attribute) and func.attr == "update" and _is_namespace(func.value):
                return True
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Subscript) and _is_namespace(target.value):
                    if not isinstance(target.slice, ast.Constant):
                        return True
    return False


def _is_local(node: ast.Call, module: Module) -> bool:
    """Whether `exec` runs a file beside the module, under a `with` that opens it as well."""
    around = (n for n in module.nodes_around(("exec",)) if isinstance(n, ast.With) and node in walk(n))
    return any(isinstance(n, ast.Name) and n.id == "__file__" for n in walk(node, *around))


def _is_namespace(node: ast.expr) -> bool:
    """Whether an expression is `globals()` or the like: a module's own variables."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("globals", "locals", "vars")
        and not node.args
    )


def is_foreign(hub: Semantics, name: str, module: Module) -> bool:
    """Whether a module comes from another package. A local file that is not committed does not count."""
    return not name.startswith("django.") and not hub.project.is_own_package(name, module.filename)


# Which application has a setting


def reaches(hub: Semantics, setting: Setting, app: ast.Call) -> bool | None:
    """Whether an application has a setting; None when it can't be told."""
    key = ("reaches", setting.node, setting.name, app)
    return hub.memo.get(key, lambda: _reaches(hub, setting, app), None)


def _reaches(hub: Semantics, setting: Setting, app: ast.Call) -> bool | None:
    holder = setting.holder
    if is_object(holder):
        owner = setting_app(hub, setting)
        return None if owner is None else owner is app
    own = [one for one in loadings(hub) if one.app is app or one.app is None]
    naming = [one for one in own if _holds(hub, one.source, setting)]
    reading = [one for one in naming if _is_readable(setting, one, own)]
    if reading:
        return True if any(one.app is app for one in reading) else None
    vague = {one.source for one in own if isinstance(one.source, str)}
    if naming and not vague - {"django"}:
        return False
    if isinstance(holder, (Module, Class)):
        if vague == {"django"}:
            is_read = any(_is_readable(setting, one, own) for one in own if one.source == "django")
            return None if is_read and setting.spelling.isupper() else False
        if vague:
            return None
        is_configured = any(isinstance(one.source, (Module, Class)) for one in own)
        return False if is_configured or _is_held_elsewhere(hub, setting, app) else None
    return False if _is_held_elsewhere(hub, setting, app) else None


def _is_held_elsewhere(hub: Semantics, setting: Setting, app: ast.Call) -> bool:
    """Whether another application surely reads what has a setting."""
    return any(one.app not in (None, app) and _holds(hub, one.source, setting) for one in loadings(hub))


def is_object(holder: Module | Class | ast.AST) -> bool:
    """Whether a setting is an attribute or an item of the holder, and not written inside it."""
    return isinstance(holder, ast.expr) and not isinstance(holder, (ast.Call, ast.Dict, ast.List, ast.Tuple))


def setting_app(hub: Semantics, setting: Setting) -> ast.Call | None:
    """The application on whose `conf` a setting is set; None when it is set elsewhere, or can't be told."""
    holder = setting.holder
    if isinstance(holder, ast.expr) and is_object(holder):
        return app_of(value_at(hub, holder, setting.module))
    return next((one.app for one in loadings(hub) if one.source is holder), None)


def reads_vaguely(hub: Semantics, app: ast.Call) -> bool:
    """Whether an application reads settings of the project of which it can't be told where they stand."""
    return any(isinstance(one.source, str) for one in loadings(hub) if one.app in (None, app))


def _holds(hub: Semantics, source: Source, setting: Setting) -> bool:
    """Whether a setting stands in a source, or in what the source inherits or imports it from."""
    if isinstance(source, Module):
        parts = with_stars(hub, source)
        imports = (b for part in parts for b in part.bindings.get(setting.spelling, ()))
        return setting.holder in parts or any(isinstance(b, ImportBinding) for b in imports)
    if isinstance(source, Class):
        return setting.holder in hub.classes.ancestors(source)
    return source is setting.holder


def _is_readable(setting: Setting, loading: Loading, own: Sequence[Loading]) -> bool:
    """Whether Celery reads a setting under the name that it has there."""
    if isinstance(loading.source, (Module, Class, str)):
        namespaces = {loading.namespace}
    else:
        # What is set on `conf` itself may have any of the names.
        namespaces = {one.namespace for one in own}
    return (
        ANY_NAMESPACE in namespaces
        or setting.spelling in (setting.name, OLD_NAMES.get(setting.name))
        or setting.spelling in {f"{n}_{setting.name.upper()}" for n in namespaces}
    )
