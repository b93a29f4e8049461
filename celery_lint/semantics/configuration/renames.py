"""Settings under names from before Celery 4: which of them are read, and which have to be renamed together.

With a namespace Celery before 5.7 reads no old name, without one every version does, and
warns (celery/utils/collections.py, `_to_keys`; celery/app/utils.py, `detect_settings`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class, Module
from celery_lint.records import record
from celery_lint.semantics.configuration.configurations import with_stars
from celery_lint.semantics.configuration.mentions import is_read_elsewhere
from celery_lint.semantics.configuration.readings import Reading, readings
from celery_lint.semantics.configuration.setting_names import KNOWN, NEW_NAMES, in_namespace

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# Keywords of `Celery(...)` that are settings under other names (celery/app/base.py, `__autoset`).
_KEYWORDS = {"broker_url": "broker", "result_backend": "backend"}


def _names_in(namespace: str | None) -> frozenset[str]:
    """The names of today's settings in a namespace: some are those from before Celery 4 as well."""
    return frozenset(in_namespace(new, namespace or "") for new in NEW_NAMES.values())


_VALID = _names_in("CELERY")


@record()
class Renamed:
    """A setting given under its old name alone. `new` is its name of today, `spelled` how it is called there."""

    reading: Reading
    new: str
    spelled: str
    is_dead: bool
    """Whether Celery before 5.7 does not read it."""


def renamed_settings(hub: Semantics, module: Module) -> Iterator[Renamed]:
    """The settings that a module gives under their old names, and nobody under those of today.

    Names that are today's in the customary namespace are left alone: `CELERY_RESULT_BACKEND`.
    """
    version = hub.settings.celery_version
    if version is None or version >= (4,):
        yield from (one for one in _under_old_names(hub, module) if one.reading.name not in _VALID)


def _under_old_names(hub: Semantics, module: Module) -> Iterator[Renamed]:
    for reading in readings(hub, module):
        new = NEW_NAMES.get(reading.name)
        if new is None or is_given(hub, new, reading.name):
            continue
        is_dead = reading.namespace is not None and reading.way != "conf"
        if not is_dead and reading.way == "object" and _is_among_new(hub, reading):
            continue
        if is_dead:
            if reading.name in _names_in(reading.namespace) or is_read_elsewhere(hub, reading.name):
                continue
        yield Renamed(reading, new, reading.own_name(new), is_dead)


def _is_among_new(hub: Semantics, reading: Reading) -> bool:
    """Whether a name stands beside today's, which Celery refuses to read together."""
    return any(one.name in KNOWN and one.holder is reading.holder for one in readings(hub, reading.module))


def is_given(hub: Semantics, new: str, old: str) -> bool:
    """Whether some place gives a setting under another name than the old one."""
    keyword = _KEYWORDS.get(new)
    return any(setting.spelling != old for setting in hub.project_settings.all(new)) or (
        keyword is not None and any(keyword in app.keywords for app in hub.project_settings.all_apps)
    )


def together(hub: Semantics, renamed: Renamed) -> Sequence[Renamed] | None:
    """The settings that must be renamed at once, as old and new names must not be mixed; None when it can't be told.

    With a namespace names may be mixed; in Django's settings without one, today's names can't stand.
    """
    reading = renamed.reading
    if renamed.is_dead:
        return (renamed,)
    if reading.way == "django" or (reading.way == "conf" and reading.app is None):
        return None
    holder = reading.holder
    if isinstance(holder, Module) and (len(with_stars(hub, holder)) > 1 or _is_starred(hub, holder)):
        return None
    if isinstance(holder, Class) and any(isinstance(one, Class) for one in hub.classes.ancestors(holder)[1:]):
        return None
    others = [
        one
        for one in _under_old_names(hub, reading.module)
        if (one.reading.app is reading.app if reading.way == "conf" else one.reading.holder is holder)
    ]
    elsewhere = any(len(hub.project.mentioning(one.reading.name)) > 1 for one in others)
    all_old = [r for r in readings(hub, reading.module) if r.name in NEW_NAMES and r.holder is holder]
    if elsewhere or (reading.way != "conf" and len(all_old) > len(others)):
        return None
    if any(_is_taken(one) for one in others):
        return None
    return others


def _is_starred(hub: Semantics, module: Module) -> bool:
    """Whether another module of the project imports `*` from a module."""
    last = module.name.rpartition(".")[2]
    others = (hub.project.module_or_none(f) for f in hub.project.mentioning(last))
    return any(module in with_stars(hub, other)[1:] for other in others if other is not None)


def _is_taken(renamed: Renamed) -> bool:
    """Whether the name of today stands in the module already, for something else."""
    return bool(renamed.reading.module.rows_of((renamed.spelled,)))
