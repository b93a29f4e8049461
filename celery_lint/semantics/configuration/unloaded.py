"""Settings with names of Celery's that no application loads from where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import Class, Module
from celery_lint.records import record
from celery_lint.semantics.configuration.configurations import ANY_NAMESPACE, loadings, with_stars
from celery_lint.semantics.configuration.mentions import is_read
from celery_lint.semantics.configuration.readings import is_django_settings, names_of_settings, readings
from celery_lint.semantics.configuration.renames import is_given
from celery_lint.semantics.configuration.setting_names import KNOWN, NEW_NAMES, in_namespace
from celery_lint.semantics.configuration.settings import Given, gifts, holder_of

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from celery_lint.semantics.hub import Semantics

    Reason: TypeAlias = Literal["namespace missing", "prefix missing", "prefix", "variable", "nothing loaded"]

_CUSTOMARY = "CELERY"
_PREFIXED = {in_namespace(name, _CUSTOMARY): name for name in KNOWN}
_FAMILIES = ("beat_", "result_", "task_", "worker_")
_BARE = {name.upper(): name for name in KNOWN if name.startswith(_FAMILIES)}
_LOWER = {name: name for name in _BARE.values()}
_IN_DJANGO = frozenset({*_PREFIXED, *_BARE, *NEW_NAMES})
_AS_VARIABLES = {**_PREFIXED, **NEW_NAMES, **_LOWER}
# What hands on the variables of its own module.
_OWN = re.compile(r"\b(?:globals|locals|vars)\(\)|\bconfig_from_object\(\s*__name__|\bmodules\[__name__\]")


@record()
class Unloaded:
    """Settings of one place that nothing reads there, for one reason; the first, and how many others.

    `new` is the first one's name of today, `spelled` how it would be read there.
    """

    first: Given
    others: int
    new: str
    spelled: str
    reason: Reason


def unloaded_settings(hub: Semantics, module: Module) -> Iterator[Unloaded]:
    """The settings in a module that no application loads."""
    version = hub.settings.celery_version
    if is_test_file(module.filename) or (version is not None and version < (4,)):
        return
    if not names_of_settings(hub, module) or not hub.project_settings.all_apps:
        return
    yield from _in_settings(hub, module)
    yield from _in_objects(hub, module)
    yield from _in_app_module(hub, module)


def _in_settings(hub: Semantics, module: Module) -> Iterator[Unloaded]:
    """Those in Django's settings: without the prefix, with one that no application asks for, or not loaded at all."""
    wanted = _IN_DJANGO.intersection(names_of_settings(hub, module))
    if not wanted:
        return
    given = [
        one
        for one in gifts(module, frozenset(wanted))
        if isinstance(holder := holder_of(one, module), (Module, Class)) and is_django_settings(hub, holder)
    ]
    if not given:
        return
    namespaces = {one.namespace for one in loadings(hub) if one.source == "django"}
    if not namespaces:
        if _loads_nothing(hub):
            names = {**NEW_NAMES, **_PREFIXED}
            yield from _together(hub, [(one, names[one.name]) for one in given if one.name in names], "nothing loaded")
    elif namespaces == {None}:
        prefixed = [(one, _PREFIXED[one.name]) for one in given if one.name in _PREFIXED and one.name not in NEW_NAMES]
        yield from _together(hub, prefixed, "namespace missing")
    elif len(namespaces) == 1 and ANY_NAMESPACE not in namespaces:
        namespace = next(iter(namespaces)) or ""
        for one in given:
            new = _BARE.get(one.name) or (_PREFIXED.get(one.name) if one.name not in NEW_NAMES else None)
            if new is None or one.name.startswith(in_namespace("", namespace)):
                continue
            if in_namespace(one.name, namespace) != one.name and _is_idle(hub, one, new):
                yield Unloaded(one, 0, new, in_namespace(new, namespace), "prefix missing")


def _loads_nothing(hub: Semantics) -> bool:
    """Whether every application of the project has nothing but what is set on it in sight."""
    return not any(hub.project.mentioning(word) for word in ("config_from_object", "config_from_envvar")) and not any(
        isinstance(one.source, str) for one in loadings(hub)
    )


def _together(hub: Semantics, named: Sequence[tuple[Given, str]], reason: Reason) -> Iterator[Unloaded]:
    """One answer for all settings of a place: one repair lets them all in."""
    idle = [(one, new) for one, new in named if _is_idle(hub, one, new)]
    if idle:
        first, new = idle[0]
        yield Unloaded(first, len({one.name for one, _ in idle}) - 1, new, new, reason)


def _in_objects(hub: Semantics, module: Module) -> Iterator[Unloaded]:
    """Those with a prefix, in an object that is read without a namespace, or on `conf`."""
    for reading in readings(hub, module):
        if reading.way != "django" and reading.namespace is None:
            new = _PREFIXED.get(reading.name)
            if new is not None and reading.name not in NEW_NAMES and _is_idle(hub, reading.given, new):
                yield Unloaded(reading.given, 0, new, new, "prefix")


def _in_app_module(hub: Semantics, module: Module) -> Iterator[Unloaded]:
    """Variables beside an application that is not told of them."""
    if not hub.project_settings.apps(module) or is_django_settings(hub, module) or _OWN.search(module.source.text):
        return
    if any(isinstance(one.source, Module) and module in with_stars(hub, one.source) for one in loadings(hub)):
        return
    for one in gifts(module, frozenset(_AS_VARIABLES.keys() & names_of_settings(hub, module))):
        new = _AS_VARIABLES[one.name]
        if holder_of(one, module) is module and _is_idle(hub, one, new):
            yield Unloaded(one, 0, new, new, "variable")


def _is_idle(hub: Semantics, one: Given, new: str) -> bool:
    """Whether nothing reads a name, and the setting is given nowhere else."""
    return not is_read(hub, one.name) and not is_given(hub, new, one.name)
