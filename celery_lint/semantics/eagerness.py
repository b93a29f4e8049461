"""Settings that make every task run in the process that sends it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class, Module
from celery_lint.project.syntax import walk
from celery_lint.semantics.configurations import with_stars
from celery_lint.semantics.readings import Reading, readings, whole_settings
from celery_lint.semantics.renames import READS_OLD_NAMES
from celery_lint.semantics.setting_names import NEW_NAMES
from celery_lint.semantics.settings import function_around
from celery_lint.semantics.values import Constant

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

EAGER = "task_always_eager"
# Words in the path of a file that is meant for somebody's own machine, or for trying things.
_ASIDE = re.compile(
    r"(?:^|[/_.\-])(?:tests?|testing|locals?|dev|devel|development|developer|debug|ci|examples?|samples?|demos?|docs?"
    r"|sandbox|playground|tutorials?|benchmarks?|scripts?|tools?|eager|override|overrides|template)(?=$|[/_.\-])"
)
_NAMED = re.compile("always_eager", re.IGNORECASE)
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_LIVE = re.compile(r"(?:^|[/_.\-])(?:prod|production|live|deploy|deployment|staging)(?=$|[/_.\-])")


def eager_in_production(hub: Semantics, module: Module) -> Iterator[Reading]:
    """The places of a module that make all tasks eager on the machines that serve."""
    if _ASIDE.search(module.filename.lower()) or not _NAMED.search(module.source.text):
        return
    for reading in readings(hub, module):
        if (
            _is_eager(hub, reading)
            and _is_unconditional(reading)
            and not _is_taken_back(hub)
            and _is_live(hub, reading)
        ):
            yield reading


def _is_eager(hub: Semantics, reading: Reading) -> bool:
    """Whether a name is in force and its value is a plain True."""
    value = reading.given.value
    if not (isinstance(value, ast.Constant) and value.value is True):
        return False
    if reading.name == reading.own_name(EAGER):
        return True
    version = hub.settings.celery_version
    is_read = reading.namespace is None or reading.way == "conf" or (version is not None and version >= READS_OLD_NAMES)
    return NEW_NAMES.get(reading.name) == EAGER and is_read


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
        return True
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
