"""All rules there are, found by walking the families' folders."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from types import ModuleType

from celery_lint import rules
from celery_lint.rules.base import MODULE_NAME, Rule


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
    for name in _module_names():
        rule = _rule_of(name)
        other = found.setdefault(rule.code, rule)
        if other is not rule:
            raise RuleLoadError(f"{name}: {rule.code} is the code of {other.__module__} as well")
    return tuple(found[code] for code in sorted(found))


@functools.cache
def known_codes() -> dict[str, bool]:
    """Every rule's code, and whether the rule is opt-in: what selecting needs to know."""
    return {rule.code: rule.opt_in for rule in all_rules()}


def _module_names() -> list[str]:
    names = []
    for family in pkgutil.iter_modules(rules.__path__, f"{rules.__name__}."):
        if not family.ispkg:
            continue
        package = _load(family.name)
        for module in pkgutil.iter_modules(package.__path__, f"{family.name}."):
            if MODULE_NAME.match(module.name.rpartition(".")[2]):
                names.append(module.name)
    return sorted(names)


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
