"""How often beat sends an entry."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from celery_lint.project.modules import Module
from celery_lint.project.syntax import keyword_of
from celery_lint.records import record
from celery_lint.semantics.configuration.settings import value_at
from celery_lint.semantics.inference.bindings import bound
from celery_lint.semantics.inference.moments import UNITS
from celery_lint.semantics.inference.values import Constant, External
from celery_lint.semantics.schedules.crontabs import crontabs, period
from celery_lint.semantics.schedules.entries import forgets_minute
from celery_lint.semantics.schedules.written import Entry

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# Functions that make a number of seconds of a text such as "20 seconds".
_PARSERS = frozenset({"pytimeparse.parse", "pytimeparse.timeparse.timeparse", "pytimeparse.timeparse"})
_TEXT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([smhdw])[a-z]*\s*")
_LETTERS = {unit[0]: UNITS[unit] for unit in ("seconds", "minutes", "hours", "days", "weeks")}
_MAX_DEPTH = 4


@record()
class Interval:
    """The least time between two runs; `is_sure` where it is no mere default."""

    seconds: float
    is_sure: bool = True


def interval(hub: Semantics, entry: Entry) -> Interval | None:
    """The least time between two runs of an entry; None when it can't be told, or a crontab forgets the minute."""
    part = entry.parts.get("schedule")
    return _interval(hub, part.value, part.module, 0) if part is not None else None


def _interval(hub: Semantics, node: ast.expr, module: Module, depth: int) -> Interval | None:
    known = _number(hub, node, module)
    if known is not None or depth > _MAX_DEPTH:
        return known
    if isinstance(node, (ast.Name, ast.Attribute)):
        values = list(bound(hub, node, module))
        return _interval(hub, values[0][1], values[0][2], depth + 1) if len(values) == 1 else None
    if not isinstance(node, ast.Call):
        return None
    callee = value_at(hub, node.func, module)
    path = callee.path if isinstance(callee, External) else ""
    if path == "datetime.timedelta" and not node.args:
        return _length(hub, node, module, depth)
    if path == "celery.schedules.schedule":
        every = node.args[0] if node.args else keyword_of(node, "run_every")
        return _interval(hub, every, module, depth + 1) if every is not None else None
    if path in _PARSERS and node.args:
        text = hub.project_settings.read(node.args[0], module)
        found = _TEXT.fullmatch(text.value) if isinstance(text, Constant) and isinstance(text.value, str) else None
        return Interval(float(found[1]) * _LETTERS[found[2]], is_sure=False) if found is not None else None
    crontab = next((one for one in crontabs(hub, module) if one.node is node), None)
    if crontab is None or forgets_minute(hub, crontab):
        return None
    seconds = period(crontab)
    return Interval(seconds) if seconds is not None else None


def _number(hub: Semantics, node: ast.expr, module: Module) -> Interval | None:
    value = value_at(hub, node, module)
    is_sure = isinstance(value, Constant)
    if not is_sure:
        value = hub.project_settings.read(node, module)
    number = value.value if isinstance(value, Constant) else None
    if not isinstance(number, (int, float)) or isinstance(number, bool):
        return None
    return Interval(float(number), is_sure)


def _length(hub: Semantics, node: ast.Call, module: Module, depth: int) -> Interval | None:
    """The length of a `timedelta(minutes=5)`."""
    seconds, is_sure = 0.0, True
    for keyword in node.keywords:
        part = _interval(hub, keyword.value, module, depth + 1)
        if part is None or keyword.arg not in UNITS:
            return None
        seconds += part.seconds * UNITS[keyword.arg]
        is_sure &= part.is_sure
    return Interval(seconds, is_sure)
