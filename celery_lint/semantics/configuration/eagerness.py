"""Settings that make every task run in the process that sends it, and what becomes of errors there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class, Module
from celery_lint.project.syntax import last_name, walk
from celery_lint.records import record
from celery_lint.semantics.configuration.configurations import is_conf_value, is_object, with_stars
from celery_lint.semantics.configuration.readings import Reading, is_django_settings, named, readings, whole_settings
from celery_lint.semantics.configuration.setting_names import NEW_NAMES, OLD_NAMES
from celery_lint.semantics.configuration.settings import (
    Given,
    class_around,
    function_around,
    gifts,
    holder_of,
    value_at,
)
from celery_lint.semantics.inference.values import Constant

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# Words for what only tests run: `tests/`, `testproject/`, `runtests.py`.
TRIALS = r"(?:run|unit|py)?tests?(?:ing|project|app|site|settings|suite|runner)?|e2e"
EAGER, PROPAGATES = "task_always_eager", "task_eager_propagates"
# Words in the path of a file that is meant for somebody's own machine, or for trying things.
_ASIDE = re.compile(
    rf"(?:^|[/_.\-])(?:{TRIALS}|locals?|dev|devel|development|developer|debug|ci|examples?|samples?|demos?|docs?"
    r"|sandbox|playground|tutorials?|benchmarks?|scripts?|tools?|eager|override|overrides|template)(?=$|[/_.\-])"
)
_SPELLINGS = ("always_eager", "ALWAYS_EAGER")
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_LIVE = re.compile(r"(?:^|[/_.\-])(?:prod|production|live|deploy|deployment|staging)(?=$|[/_.\-])")


def eager_in_production(hub: Semantics, module: Module) -> Iterator[Reading]:
    """The places of a module that make all tasks eager on the machines that serve."""
    if not _names_it(module) or _ASIDE.search(module.filename.lower()):
        return
    for reading in readings(hub, module):
        if (
            _is_eager(hub, reading)
            and _is_unconditional(reading)
            and not _is_taken_back(hub)
            and _is_live(hub, reading)
        ):
            yield reading


def _names_it(module: Module) -> bool:
    return any(spelling in module.source.text for spelling in _SPELLINGS)


def _is_eager(hub: Semantics, reading: Reading) -> bool:
    """Whether a name is in force and its value is a plain True."""
    value = reading.given.value
    return isinstance(value, ast.Constant) and value.value is True and named(hub, reading) == EAGER


def _is_unconditional(reading: Reading) -> bool:
    """Whether the place is run whenever its module is, or whenever its application is made."""
    module, around = reading.module, reading.given.around
    function = function_around(reading.node, module)
    if function is not None:
        # `def test_app(): ...` makes an application of its own.
        is_maker = reading.app is not None and function_around(reading.app, module) is function
        return is_maker and not _ASIDE.search(function.name.lower()) and _is_in(around, function.body)
    body = reading.holder.node.body if isinstance(reading.holder, Class) else module.tree.body
    return _is_in(around, body)


def _is_in(node: ast.AST, body: object) -> bool:
    """Whether a node is one of some simple statements, or part of one."""
    return isinstance(body, (list, tuple)) and any(
        one is node or (isinstance(one, (ast.Expr, ast.Assign, ast.AnnAssign, ast.Return)) and _holds(one, node))
        for one in body
    )


def _holds(statement: ast.stmt, node: ast.AST) -> bool:
    return any(one is node for one in walk(statement))


def _is_taken_back(hub: Semantics) -> bool:
    """Whether another place gives the setting another value, or may."""
    return any(setting.value != Constant(True) for setting in hub.project_settings.all(EAGER))


def _is_live(hub: Semantics, reading: Reading) -> bool:
    """Whether the machines that serve read a place: not when other settings may be theirs."""
    if reading.way == "conf":
        return reading.app is not None and not isinstance(reading.holder, (Module, Class))
    holder = reading.holder
    if not isinstance(holder, (Module, Class)):
        # A dictionary may be one of the settings in a class: `CELERY = {...}` for Flask.
        cls = class_around(reading.node, reading.module)
        return cls is None or not _ASIDE.search(_words_of(cls))
    if isinstance(holder, Module) and _imports_what_is_not_there(hub, holder):
        return False
    words = _words_of(holder)
    if _ASIDE.search(words):
        return False
    if reading.way == "object" or _LIVE.search(words):
        return True
    # The settings of a project that has no others, or those of its servers, with what they import.
    wholes = [one for one in whole_settings(hub) if not _ASIDE.search(_words_of(one))]
    named = [one for one in wholes if _LIVE.search(_words_of(one))]
    return any(_has(hub, one, holder) for one in named or (wholes if len(wholes) == 1 else ()))


def _words_of(holder: Module | Class) -> str:
    """The words that say what settings are for: those of the file's path, and of the class's name."""
    if isinstance(holder, Module):
        return holder.filename.lower()
    return f"{holder.module.filename}/{_CAPITAL.sub('_', holder.name)}".lower()


def _has(hub: Semantics, whole: Module | Class, part: Module | Class) -> bool:
    if isinstance(whole, Module):
        return part in with_stars(hub, whole)
    return part in hub.classes.ancestors(whole)


def _imports_what_is_not_there(hub: Semantics, module: Module) -> bool:
    """Whether settings are completed by a module that the project does not hold, such as `local_settings`."""
    for star in module.star_imports:
        if not star.startswith("django.") and hub.project.find_module(star, module.filename) is None:
            return True
    return bool(module.rows_of(("exec",)))


# Errors of eager tasks


@record()
class Quiet:
    """A place that makes tasks eager and lets their errors pass; `name` is that of the setting for errors there."""

    given: Given
    name: str


def quiet_eagerness(hub: Semantics, module: Module) -> Iterator[Quiet]:
    """The places of a module that make tasks eager, in tests too, where nothing makes their errors raise."""
    if not _names_it(module) or _raises_errors(hub):
        return
    names = hub.project_settings.spellings(EAGER)
    found = [one for one in gifts(module, names) if isinstance(one.value, ast.Constant) and one.value.value is True]
    lasting = [one for one in found if _is_lasting(hub, one, module)]
    if lasting:
        yield from (Quiet(one, _for_errors(one.name)) for one in lasting)
    elif not hub.memo.get(("lasting eagerness",), lambda: _is_lasting_somewhere(hub), False):
        passing = [one for one in found if isinstance(one.around, ast.Call) and _overrides(one.around)]
        yield from (Quiet(one, _for_errors(one.name)) for one in passing[:1])


def _for_errors(eager: str) -> str:
    """The name of the setting for errors, as the one that makes tasks eager is called."""
    if NEW_NAMES.get(eager) == EAGER:
        return OLD_NAMES[PROPAGATES]
    return eager.replace("always_eager", "eager_propagates").replace("ALWAYS_EAGER", "EAGER_PROPAGATES")


def _raises_errors(hub: Semantics) -> bool:
    """Whether the project says anywhere, in its tests too, what becomes of the errors of eager tasks."""
    names = sorted({*hub.project_settings.spellings(PROPAGATES), "CELERY_EAGER_PROPAGATES"})
    return any(hub.project.mentioning_anywhere(name) for name in names)


def _is_lasting_somewhere(hub: Semantics) -> bool:
    names = hub.project_settings.spellings(EAGER)
    files = sorted({f for name in names for f in hub.project.mentioning_anywhere(name)})
    modules = (hub.project.module_or_none(f) for f in files)
    return any(
        isinstance(one.value, ast.Constant) and one.value.value is True and _is_lasting(hub, one, module)
        for module in modules
        if module is not None
        for one in gifts(module, names)
    )


def _is_lasting(hub: Semantics, one: Given, module: Module) -> bool:
    """Whether a place sets up an application, or Django's settings, and not a part of a test."""
    holder = holder_of(one, module)
    if isinstance(holder, (Module, Class)):
        if one.name.isupper():
            return _has_apps(holder) or is_django_settings(hub, holder)
        return any(reading.given.target is one.target for reading in readings(hub, module))
    if isinstance(one.around, ast.Call):
        func = one.around.func
        if isinstance(func, ast.Attribute) and func.attr == "update":
            return is_conf_value(value_at(hub, func.value, module))
        return any(app.node is one.around for app in hub.project_settings.apps(module))
    if isinstance(holder, ast.expr) and is_object(holder):
        return is_conf_value(value_at(hub, holder, module))
    return False


def _has_apps(holder: Module | Class) -> bool:
    return "INSTALLED_APPS" in (holder.bindings if isinstance(holder, Module) else holder.assigns)


def _overrides(call: ast.Call) -> bool:
    """Whether a call is `override_settings(...)`, or `self.settings(...)` of a test case."""
    return last_name(call.func) in ("override_settings", "modify_settings") or (
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "settings"
        and getattr(call.func.value, "id", "") == "self"
    )
