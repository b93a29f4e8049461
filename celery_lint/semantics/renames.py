"""Settings under names from before Celery 4: which are read, and where each name stands.

With a namespace Celery before 5.7 reads no old name, without one every version does, and
warns (celery/utils/collections.py, `_to_keys`; celery/app/utils.py, `detect_settings`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import Class, Module
from celery_lint.project.syntax import walk
from celery_lint.records import record
from celery_lint.semantics.configurations import with_stars
from celery_lint.semantics.readings import Reading, is_django_settings, old_readings
from celery_lint.semantics.setting_names import NEW_NAMES, in_namespace

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# Keywords of `Celery(...)` that are settings under other names (celery/app/base.py, `__autoset`).
_KEYWORDS = {"broker_url": "broker", "result_backend": "backend"}
READS_OLD_NAMES = (5, 7)
"""The first version that reads old names with a namespace."""


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
    for reading in old_readings(hub, module):
        new = NEW_NAMES.get(reading.name)
        if new is None or _is_given(hub, new, reading.name):
            continue
        is_dead = reading.namespace is not None and reading.way != "conf"
        if is_dead:
            if reading.name in _names_in(reading.namespace) or _is_read_by_project(hub, reading.name):
                continue
        yield Renamed(reading, new, reading.own_name(new), is_dead)


def _is_given(hub: Semantics, new: str, old: str) -> bool:
    """Whether some place gives a setting under another name than the old one."""
    keyword = _KEYWORDS.get(new)
    return any(setting.spelling != old for setting in hub.project_settings.all(new)) or (
        keyword is not None and any(keyword in app.keywords for app in hub.project_settings.all_apps)
    )


def _is_read_by_project(hub: Semantics, name: str) -> bool:
    """Whether code beside the settings mentions a name: the project may have it for itself."""
    return hub.memo.get(("is read by project", name), lambda: _find_reader(hub, name), True)


def _find_reader(hub: Semantics, name: str) -> bool:
    for filename in hub.project.mentioning(name):
        module = hub.project.module_or_none(filename)
        if module is None:
            return True
        gives = any(reading.name == name for reading in old_readings(hub, module))
        if not gives and not is_django_settings(hub, module) and _reads(module, name):
            return True
    return False


def _reads(module: Module, name: str) -> bool:
    """Whether a module does more with a name than to set a variable of it."""
    return any(
        name in (getattr(node, "attr", None), getattr(node, "value", None), getattr(node, "name", None))
        or (isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load))
        for node in module.nodes_around((name,))
    )


# Where a name stands


@record()
class Mention:
    """One place where a name stands as a name: `is_text` for a key in quotes, `is_keyword` for an argument's name."""

    module: Module
    node: ast.AST
    is_text: bool = False
    is_keyword: bool = False


def mentions(hub: Semantics, renamed: Renamed) -> Sequence[Mention] | None:
    """Every place that has to change with a setting's name; None when one of them can't be told."""
    key = ("mentions", renamed.reading.name)
    return hub.memo.get(key, lambda: _mentions(hub, renamed.reading.name), None)


def _mentions(hub: Semantics, name: str) -> Sequence[Mention] | None:
    found: list[Mention] = []
    for filename in hub.project.mentioning_anywhere(name):
        module = None if is_test_file(filename) else hub.project.module_or_none(filename)
        here = _mentions_in(hub, module, name) if module is not None else None
        if here is None:
            return None
        found += here
    return found


def _mentions_in(hub: Semantics, module: Module, name: str) -> Sequence[Mention] | None:
    own = [reading for reading in old_readings(hub, module) if reading.name == name]
    if not own and not is_django_settings(hub, module):
        return None
    targets = {reading.node for reading in own}
    # `os.environ.get("BROKER_URL")`: the environment's names are its own.
    values = {node for reading in own for node in walk(reading.given.value)}
    word = re.compile(rf"\b{name}\b")
    found: list[Mention] = []
    for node in module.nodes_around((name,)):
        if isinstance(node, ast.JoinedStr) and any(isinstance(n, ast.Name) and n.id == name for n in walk(node)):
            return None
        if isinstance(node, ast.Name) and node.id == name:
            found.append(Mention(module, node))
        elif isinstance(node, ast.Subscript) and node in targets:
            found.append(Mention(module, node.slice, is_text=True))
            targets.add(node.slice)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and word.search(node.value):
            if node in targets:
                found.append(Mention(module, node, is_text=True))
            elif node not in values:
                return None
        elif isinstance(node, ast.keyword) and node.arg == name:
            if node.value not in targets:
                return None
            found.append(Mention(module, node, is_keyword=True))
        elif isinstance(node, ast.Attribute) and node.attr == name:
            if node not in targets:
                return None
            found.append(Mention(module, node))
        elif name in (getattr(node, "arg", None), getattr(node, "name", None), getattr(node, "asname", None)):
            return None
    return found


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
    all_old = [r for r in old_readings(hub, reading.module) if r.name in NEW_NAMES and r.holder is holder]
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
