"""The settings that a module gives and an application reads, under whatever names.

`semantics/configuration/settings.py` looks for a setting that it knows by name; here the places come
first: what stands in Django's settings, in a module, a class or a dictionary that
`config_from_object` names, or is set on `conf`, is meant as a setting of Celery even
where Celery does not read its name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import AssignBinding, Class, Module
from celery_lint.records import record
from celery_lint.semantics.configuration.configurations import (
    ANY_NAMESPACE,
    Loading,
    app_of,
    is_conf_value,
    is_object,
    loadings,
    with_stars,
)
from celery_lint.semantics.configuration.setting_names import BARE, FAMILIES, NEW_NAMES, in_namespace
from celery_lint.semantics.configuration.settings import Given, gifts, holder_of, value_at
from celery_lint.semantics.inference.values import UNKNOWN

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from celery_lint.semantics.configuration.settings import Holder
    from celery_lint.semantics.hub import Semantics

    Way: TypeAlias = Literal["django", "object", "conf"]

_OLD = ("BROKER_", "CELERY_", "CELERYD_", "CELERYBEAT_", "celery_")
_BEGINNINGS = (
    *_OLD, "beat_", "result_", "task_", "worker_", "BEAT_", "RESULT_", "TASK_", "WORKER_",
)  # fmt: skip
_TODAY = re.compile(rf"\b(?:(?:{'|'.join(FAMILIES)})_[a-z]\w*|{'|'.join(BARE)})\b", re.IGNORECASE)
# What a module says that makes an application, sets something on its `conf`, or has settings for Flask to hold
# (docs: patterns/celery, `CELERY=dict(...)`).
_CONFIGURES = re.compile(r"(?<!django)\.conf\b|Celery\(|config_from_object|\bCELERY\b")
_APPS = "INSTALLED_APPS"
SOURCE_FILES = "source files"
READS_OLD_NAMES = (5, 7)
"""The first version that reads old names with a namespace."""


@record()
class Reading:
    """One name that a module gives a value for an application to read.

    `way` is how it reaches the application: by Django's settings, by another object that
    `config_from_object` names, or set on its `conf`. `app` is the call that makes it,
    None when it can't be told. `holder` has the name among others.
    """

    given: Given
    module: Module
    holder: Holder
    way: Way
    namespace: str | None
    app: ast.Call | None

    @property
    def name(self) -> str:
        return self.given.name

    @property
    def node(self) -> ast.expr:
        """Where to point."""
        return self.given.target

    def own_name(self, name: str) -> str:
        """How a setting, by its name of today, is called in this place."""
        return name if self.namespace is None or self.way == "conf" else in_namespace(name, self.namespace)


def readings(hub: Semantics, module: Module) -> Sequence[Reading]:
    """What a module gives an application to read, as far as the names look like those of settings."""
    return hub.memo.get(("readings", module), lambda: tuple(_readings(hub, module)), ())


def _readings(hub: Semantics, module: Module) -> Iterator[Reading]:
    words = frozenset() if is_test_file(module.filename) else _setting_words(hub, module)
    if not words or not loadings(hub):
        return
    for one in gifts(module, words):
        holder = holder_of(one, module)
        found = _loadings_of(hub, holder)
        value = value_at(hub, holder, module) if is_object(holder) and isinstance(holder, ast.expr) else UNKNOWN
        if is_conf_value(value):
            app = app_of(value)
            yield Reading(one, module, holder, "conf", _namespace_of(hub, app), app)
        elif found:
            namespaces = {loading.namespace for loading in found}
            if len(namespaces) == 1 and ANY_NAMESPACE not in namespaces:
                first = found[0]
                way: Way = "conf" if first.is_conf else "django" if first.source == "django" else "object"
                namespace = _namespace_of(hub, first.app) if way == "conf" else first.namespace
                yield Reading(one, module, holder, way, namespace, first.app)


def names_of_settings(hub: Semantics, module: Module) -> Collection[str]:
    """The words of a module, comments and strings included, that begin as the names of settings do."""

    def search() -> tuple[str, ...]:
        return tuple(word for word in module.source.words() if word.startswith(_BEGINNINGS))

    return hub.memo.get(("names of settings", module), search, ())


def _setting_words(hub: Semantics, module: Module) -> frozenset[str]:
    """The words of a module that may be names of settings."""
    text = module.source.text
    words = {word for word in names_of_settings(hub, module) if word.startswith(_OLD)}
    for namespace in hub.project_settings.namespaces:
        if namespace != "CELERY":
            words.update(re.findall(rf"\b{namespace.rstrip('_')}_\w+", text, re.IGNORECASE))
    if _CONFIGURES.search(text) or module.filename in source_files(hub):
        words.update(_TODAY.findall(text))
    return frozenset(words)


def source_files(hub: Semantics) -> frozenset[str]:
    """The files of the modules and classes that applications read their settings from."""
    return hub.shared(SOURCE_FILES, lambda: frozenset(p.filename for p in _source_modules(hub)), frozenset())


def _source_modules(hub: Semantics) -> Iterator[Module]:
    for one in loadings(hub):
        if isinstance(one.source, Module):
            yield from with_stars(hub, one.source)
        elif isinstance(one.source, Class):
            yield from (cls.module for cls in hub.classes.ancestors(one.source) if isinstance(cls, Class))


def _namespace_of(hub: Semantics, app: ast.Call | None) -> str | None:
    """The namespace with which an application reads its settings."""
    found = {one.namespace for one in loadings(hub) if not one.is_conf and one.app in (None, app)}
    return found.pop() if len(found) == 1 else None if not found else ANY_NAMESPACE


def _loadings_of(hub: Semantics, holder: Holder) -> Sequence[Loading]:
    """The ways by which applications read the names that something has."""
    return hub.memo.get(("loadings of", holder), lambda: tuple(_find_loadings(hub, holder)), ())


def _find_loadings(hub: Semantics, holder: Holder) -> Iterator[Loading]:
    for one in loadings(hub):
        source = one.source
        if source == "django":
            if isinstance(holder, (Module, Class)) and is_django_settings(hub, holder):
                yield one
        elif isinstance(source, Module):
            if isinstance(holder, Module) and holder in with_stars(hub, source):
                yield one
        elif isinstance(source, Class):
            if isinstance(holder, Class) and holder in hub.classes.ancestors(source):
                yield one
        elif source is holder:
            yield one


def named(hub: Semantics, reading: Reading) -> str | None:
    """Today's name of the setting that a place gives, where Celery reads it under the name that it has there."""
    old = NEW_NAMES.get(reading.name)
    if old is not None and reading.name == reading.own_name(old):
        return old
    if reading.namespace is None or reading.way == "conf":
        return old if old is not None else reading.name
    version = hub.settings.celery_version
    if old is not None:
        return old if version is not None and version >= READS_OLD_NAMES else None
    plain = reading.name[len(reading.namespace.rstrip("_")) + 1 :].lower()
    return plain if reading.name == reading.own_name(plain) else None


# Django's settings


def is_django_settings(hub: Semantics, holder: Module | Class) -> bool:
    """Whether a module, or a class of settings, is Django's or a part of it."""
    return hub.memo.get(("is django settings", holder), lambda: _is_django_settings(hub, holder), False)


def _is_django_settings(hub: Semantics, holder: Module | Class) -> bool:
    whole = whole_settings(hub)
    if isinstance(holder, Module):
        return any(part in whole for part in with_stars(hub, holder)) or any(
            holder in with_stars(hub, one) for one in whole if isinstance(one, Module)
        )
    return any(one in whole for one in hub.classes.ancestors(holder)) or any(
        holder in hub.classes.ancestors(one) for one in whole if isinstance(one, Class)
    )


def whole_settings(hub: Semantics) -> Sequence[Module | Class]:
    """The modules and classes, tests left out, that name Django's applications."""
    return hub.memo.get(("whole settings",), lambda: tuple(_find_whole_settings(hub)), ())


def _find_whole_settings(hub: Semantics) -> Iterator[Module | Class]:
    for filename in hub.project.mentioning(_APPS):
        module = hub.project.module_or_none(filename)
        if module is not None:
            if any(isinstance(b, AssignBinding) for b in module.bindings.get(_APPS, ())):
                yield module
            yield from (cls for cls in module.classes if _APPS in cls.assigns or _APPS in cls.functions)
