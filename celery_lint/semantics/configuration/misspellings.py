"""Settings that are given under names that nobody reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celery_lint.project.modules import Module
from celery_lint.records import record
from celery_lint.semantics.configuration.mentions import is_read
from celery_lint.semantics.configuration.readings import Reading, readings
from celery_lint.semantics.configuration.setting_names import GONE, KNOWN, NEW_NAMES, NEWEST, READ, in_namespace

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# The families in which other packages and projects seldom have names of their own.
_OWN = ("beat_", "broker_", "result_", "task_", "worker_")
_TELLING = 8
"""How long the rest of a name has to be to tell which setting is meant, in another family."""


@record()
class Unknown:
    """A name that no setting has. `meant` is the setting that it looks like, as it is called in that place."""

    reading: Reading
    meant: str | None
    new: str | None
    """The setting that is meant, by its name of today."""
    is_typo: bool
    """Whether the name is that of a setting but for a few letters."""
    is_gone: bool


def unknown_settings(hub: Semantics, module: Module) -> Iterator[Unknown]:
    """The names of settings that a module gives to an application that reads no such setting."""
    for reading in readings(hub, module):
        plain = _plain_name(reading)
        if plain is None or reading.name in NEW_NAMES:
            continue
        is_spelled = reading.name in (plain, reading.own_name(plain), _prefixed(reading, plain))
        if plain in READ and is_spelled:
            continue
        new, is_typo = (plain, True) if plain in KNOWN else meant_by(plain)
        is_gone = plain in GONE
        if new is None and not is_gone and not (plain.startswith(_OWN) and _is_known_version(hub)):
            continue
        if is_read(hub, reading.name) or _reads_by_prefix(hub, reading) or _is_read_from_conf(hub, reading, plain):
            continue
        meant = None if new is None or is_gone else reading.own_name(new)
        yield Unknown(reading, meant, new, is_typo and not is_gone, is_gone)


def _is_known_version(hub: Semantics) -> bool:
    """Whether the project's Celery is one whose settings are known."""
    version = hub.settings.celery_version
    return version is None or version[:2] <= NEWEST


def _prefixed(reading: Reading, plain: str) -> str | None:
    return in_namespace(plain, reading.namespace) if reading.namespace is not None else None


def _plain_name(reading: Reading) -> str | None:
    """A name without its namespace, in small letters; None where it is not meant as one of a setting."""
    name = reading.name
    if reading.namespace is not None:
        prefix = in_namespace("", reading.namespace)
        if name.lower().startswith(prefix.lower()):
            return name[len(prefix) :].lower()
    if reading.way == "django" or name in ("imports", "include", "timezone"):
        return None
    if name.islower():
        return name
    plain = name.lower()
    return plain if plain in KNOWN and (reading.way == "conf" or plain.startswith(_OWN)) else None


def meant_by(plain: str) -> tuple[str | None, bool]:
    """The one setting that a name looks like, and whether but for a few letters."""
    letters = plain.replace("_", "")
    same = [name for name in KNOWN if name.replace("_", "").rstrip("s") == letters.rstrip("s")]
    near = same or [name for name in KNOWN if _is_near(letters, name.replace("_", ""))]
    if len(near) == 1:
        return near[0], True
    rest = plain.partition("_")[2] if plain.startswith(_OWN) else plain
    moved = [name for name in KNOWN if name.startswith(_OWN) and name.partition("_")[2] == rest]
    return (moved[0], False) if len(moved) == 1 and len(rest) >= _TELLING else (None, False)


def _is_near(one: str, other: str) -> bool:
    """Whether one or, of long words, two letters are missing, too many or wrong."""
    allowed = 2 if min(len(one), len(other)) >= 16 else 1
    if abs(len(one) - len(other)) > allowed:
        return False
    row = list(range(len(other) + 1))
    before: list[int] = []
    for i, letter in enumerate(one, start=1):
        following = [i]
        for j, against in enumerate(other, start=1):
            cost = min(row[j] + 1, following[j - 1] + 1, row[j - 1] + (letter != against))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == against:
                cost = min(cost, before[j - 2] + 1)
            following.append(cost)
        before, row = row, following
    return row[-1] <= allowed


def _is_read_from_conf(hub: Semantics, reading: Reading, plain: str) -> bool:
    """Whether the project reads a name from `app.conf`, where it has no namespace: `app.conf.task_owners`."""
    if reading.namespace is None or reading.way == "conf":
        return False
    read = re.compile(rf"\bconf(?:\.{plain}\b(?!\s*=[^=])|(?:\.get\(|\[)\s*['\"]{plain}['\"])".encode())
    return any(read.search(hub.project.read(filename)) for filename in hub.project.mentioning(plain))


def _reads_by_prefix(hub: Semantics, reading: Reading) -> bool:
    """Whether code of the project puts names of settings together: `getattr(settings, "CELERY_" + name)`."""
    if reading.namespace is None:
        return False
    prefix = in_namespace("", reading.namespace)
    return any(hub.project.containing(f"{prefix}{end}") for end in ("{", "%s", "'", '"'))
