"""Settings under old and new names in one place, which Celery refuses to read.

celery/app/utils.py, `detect_settings`: what counts is the object that the application
reads without a namespace, or what is set on its `conf` where it reads none. Keywords of
`Celery(...)` do not count, nor does a name whose twin is there as well.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class, Module
from celery_lint.project.syntax import walk
from celery_lint.records import record
from celery_lint.semantics.configuration.configurations import is_conf_value, loadings, with_stars
from celery_lint.semantics.configuration.readings import Reading, readings
from celery_lint.semantics.configuration.setting_names import KNOWN, NEW_NAMES, OLD_NAMES
from celery_lint.semantics.configuration.settings import function_around, value_at

if TYPE_CHECKING:
    from celery_lint.semantics.configuration.configurations import Source
    from celery_lint.semantics.hub import Semantics

_SETTING_METHODS = ("update", "setdefault")


@record()
class Mixture:
    """A name among names of the other kind: the first that has to be renamed, and one of the others."""

    odd: Reading
    other: Reading
    to: str
    """What Celery asks to rename it to."""


def mixtures(hub: Semantics, module: Module) -> Iterator[Mixture]:
    """The mixtures of old and new names of which the odd one stands in a module."""
    version = hub.settings.celery_version
    if version is not None and version < (4,):
        return
    for given in _read_together(hub, module):
        mixture = _mixture(given)
        if mixture is not None and mixture.odd.module is module:
            yield mixture


def _read_together(hub: Semantics, module: Module) -> Iterator[Sequence[Reading]]:
    """The names that an application reads at once, of those places that a module has a part in."""
    sources: set[Source] = set()
    for reading in readings(hub, module):
        if reading.way == "object" and reading.namespace is None:
            for one in loadings(hub):
                if one.namespace is None and not one.is_conf and one.source not in sources:
                    whole = _whole(hub, one.source, module)
                    if any(each.holder is reading.holder for each in whole):
                        sources.add(one.source)
                        yield whole
    apps = {r.app for r in readings(hub, module) if r.way == "conf" and r.app is not None}
    yield from (given for app in sorted(apps, key=lambda a: a.lineno) if (given := _on_conf(hub, app, module)))


def _whole(hub: Semantics, source: Source, module: Module) -> Sequence[Reading]:
    """The names that surely stand in what an application reads: a module, a class or a dictionary."""
    if isinstance(source, Module):
        parts = with_stars(hub, source)
        return [
            r for part in parts for r in readings(hub, part) if r.holder is part and r.given.around in part.tree.body
        ]
    if isinstance(source, Class):
        classes = [one for one in hub.classes.ancestors(source) if isinstance(one, Class)]
        return [
            r
            for cls in classes
            for r in readings(hub, cls.module)
            if r.holder is cls and r.given.around in cls.node.body
        ]
    return [r for r in readings(hub, module) if r.holder is source]


def _on_conf(hub: Semantics, app: ast.Call, module: Module) -> Sequence[Reading]:
    """The names that a module sets on an application's `conf` before anybody can have read it."""
    if any(one.app in (None, app) and not one.is_conf for one in loadings(hub)):
        return ()
    if hub.project.find_module("celeryconfig", module.filename) is not None or _reads_conf(hub, module):
        return ()
    return [
        reading
        for reading in readings(hub, module)
        if reading.way == "conf"
        and reading.app is app
        and reading.holder is not app
        and function_around(reading.node, module) is function_around(app, module)
    ]


def _reads_conf(hub: Semantics, module: Module) -> bool:
    """Whether a module looks at what an application's settings are, or calls anything with them."""
    for node in module.nodes_around(("conf",)):
        is_attribute = isinstance(node, ast.Attribute) and node.attr not in _SETTING_METHODS
        if is_attribute or isinstance(node, ast.Subscript):
            assert isinstance(node, (ast.Attribute, ast.Subscript))
            if isinstance(node.ctx, ast.Load) and is_conf_value(value_at(hub, node.value, module)):
                return True
        elif isinstance(node, (ast.If, ast.Try)):
            if any(isinstance(n, ast.Attribute) and n.attr == "conf" for n in walk(node)):
                return True
    return False


def _mixture(given: Sequence[Reading]) -> Mixture | None:
    """The odd one of some names, if there is one."""
    names = {reading.name for reading in given}
    old = [reading for reading in given if reading.name in NEW_NAMES]
    new = [reading for reading in given if reading.name in KNOWN]
    if not old or not new:
        return None
    is_mostly_old = len({r.name for r in old}) > len({r.name for r in new})
    odd, others, twin = (new, old, OLD_NAMES) if is_mostly_old else (old, new, NEW_NAMES)
    left = [reading for reading in odd if twin.get(reading.name, reading.name.upper()) not in names]
    if not left:
        return None
    return Mixture(left[0], others[0], twin.get(left[0].name, left[0].name.upper()))
