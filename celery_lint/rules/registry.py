"""All rules there are, found by walking the families' folders."""

from __future__ import annotations

import functools
import importlib
import os
import re

from celery_lint import rules
from celery_lint.rules.base import MODULE_NAME, Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

# How a rule's module says that the rule is opt-in.
_OPT_IN = re.compile(rb"^    (?:opt_in = True|severity = Severity\.ADVICE)\b", re.MULTILINE)


class RuleLoadError(Exception):
    """A module that should hold a rule and does not; the message names it."""


@functools.cache
def all_rules() -> tuple[type[Rule], ...]:
    """Every rule, sorted by code.

    Raises RuleLoadError for a module that cannot be imported or that does not
    hold exactly one rule, and for two modules with one code: a rule that is
    missing in silence looks like code without defects.
    """
    found: dict[str, type[Rule]] = {}
    for name in _modules():
        rule = _rule_of(name)
        other = found.setdefault(rule.code, rule)
        if other is not rule:
            raise RuleLoadError(f"{name}: {rule.code} is the code of {other.__module__} as well")
    for code, rule in found.items():
        if rule.opt_in is not known_codes().get(code, rule.opt_in):
            raise RuleLoadError(f"{rule.__module__}: `opt_in = True` must stand in the class, written like that")
    return tuple(found[code] for code in sorted(found))


@functools.cache
def known_codes() -> dict[str, bool]:
    """Every rule's code, and whether the rule is opt-in: what selecting needs to know.

    Told from the modules' names and text: no rule is loaded for it, as that
    takes longer than all the rest of a run in which nothing has to be checked.
    """
    found: dict[str, bool] = {}
    for name, path in _modules().items():
        code = name.rpartition(".")[2].partition("_")[0].upper()
        with open(path, "rb") as file:
            found[code] = _OPT_IN.search(file.read()) is not None
    return dict(sorted(found.items()))


def _modules() -> dict[str, str]:
    """The path of each module in the families' folders that is named as a rule, by its full name."""
    found = {}
    for place in rules.__path__:
        for family in _entries(place):
            if os.path.isfile(os.path.join(family.path, "__init__.py")):
                for entry in _entries(family.path):
                    stem, suffix = os.path.splitext(entry.name)
                    if suffix == ".py" and MODULE_NAME.match(stem):
                        found[f"{rules.__name__}.{family.name}.{stem}"] = entry.path
    return dict(sorted(found.items()))


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as scan:
            return list(scan)
    except OSError as error:
        raise RuleLoadError(f"{folder}: cannot be read: {error.strerror}") from error


def _rule_of(name: str) -> type[Rule]:
    module = _load(name)
    here = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Rule) and value.__module__ == name
    ]
    if len(here) != 1:
        raise RuleLoadError(f"{name}: holds {len(here)} rules where there must be one")
    return here[0]


def _load(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise RuleLoadError(f"{name}: cannot be loaded: {type(error).__name__}: {error}") from error
