"""Moments and durations: `datetime` and `timedelta`, by which clock they are counted and how far from now they lie."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from celery_lint.semantics.inference.values import (
    NONE,
    UNKNOWN,
    Clock,
    Constant,
    Duration,
    External,
    Instance,
    Moment,
    Scalar,
    Union,
    Value,
    each,
    number,
)
from celery_lint.semantics.model import Argument

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics
    from celery_lint.semantics.inference.expressions import Evaluator

DATETIME, TIMEDELTA = "datetime.datetime", "datetime.timedelta"
DURATION = Duration(TIMEDELTA)
# What a `timedelta` takes, in its order, in seconds.
UNITS = {
    "days": 86400.0, "seconds": 1.0, "microseconds": 1e-6, "milliseconds": 1e-3, "minutes": 60.0, "hours": 3600.0,
    "weeks": 604800.0,
}  # fmt: skip
# The parameters of a constructor before its `tzinfo`.
_PARTS = 7
# Classmethods of `datetime`: how many arguments stand before the time zone, and its name.
_ZONED = {"now": (0, "tz"), "fromtimestamp": (1, "tz"), "combine": (2, "tzinfo")}
DJANGO_NOW = "django.utils.timezone.now"
READINGS = (
    *(f"{DATETIME}.{name}" for name in ("now", "today", "utcnow", "fromtimestamp", "utcfromtimestamp", "combine")),
    DATETIME,
    DJANGO_NOW,
    "django.utils.timezone.localtime",
    "django.utils.timezone.make_aware",
)
# `os.environ["TZ"] = "UTC"`, of which `time.tzset()` or a new process learns.
_MOVES_TO_UTC = re.compile(
    rb"""environ(?:\[["']TZ["']\]\s*=|\.setdefault\(\s*["']TZ["']\s*,)\s*["'](?:Etc/)?(?:UTC|GMT)["']"""
)


def moment(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """What a function gives that makes a `datetime`."""
    if any(a.star for a in args):
        return Moment(DATETIME)
    owner, _, name = path.rpartition(".")
    if owner == "django.utils.timezone":
        clock = _django_clock(run) if name == "now" else "aware"
        return Moment(DATETIME, clock=clock, after=0.0 if name == "now" else None, node=node)
    if path == DATETIME:
        return Moment(DATETIME, clock=_zoned(args, _PARTS, "tzinfo", "written"), node=node)
    if name in ("utcnow", "utcfromtimestamp"):
        return Moment(DATETIME, clock="utc", after=0.0 if name == "utcnow" else None, node=node)
    if name == "combine" and not _is_plain_time(args):
        return Moment(DATETIME)
    before, zone = _ZONED.get(name, (0, ""))
    clock = _zoned(args, before, zone, "local")
    return Moment(DATETIME, clock=clock, after=0.0 if name in ("now", "today") else None, node=node)


def _zoned(args: Sequence[Argument], before: int, name: str, otherwise: Clock) -> Clock:
    """The clock of a moment that may be made with a time zone."""
    positional = [a for a in args if a.keyword is None]
    zone = next((a for a in args if a.keyword == name), positional[before] if len(positional) > before else None)
    if zone is None or zone.value == NONE:
        return otherwise
    return "aware" if any(v != NONE for v in zone.value.alternatives()) and zone.value is not UNKNOWN else ""


def _is_plain_time(args: Sequence[Argument]) -> bool:
    """Whether `combine(day, time)` gets a time that has no zone."""
    time = next((a for a in args if a.keyword == "time"), args[1] if len(args) > 1 else None)
    if time is None:
        return False
    if isinstance(time.value, External):
        return time.value.path in ("datetime.time.min", "datetime.time.max")
    node = time.node
    return (
        isinstance(time.value, Instance)
        and time.value.cls == "datetime.time"
        and (
            isinstance(node, ast.Call)
            and len(node.args) < 5
            and all(k.arg not in (None, "tzinfo") for k in node.keywords)
        )
    )


def _django_clock(run: Evaluator) -> Clock:
    """The clock of Django's `timezone.now()`: with USE_TZ switched off, it is `datetime.now()`."""
    use_tz = run.hub.project_settings.variable("USE_TZ")
    if not isinstance(use_tz, Constant):
        return ""
    return "aware" if use_tz.value else "local"


def surely_naive(value: Value) -> Moment | None:
    """The time without a zone that a value is, or may be.

    None where it may be an aware one as well: `at if at.tzinfo else at.replace(tzinfo=zone)` asks which of them it is.
    """
    moments = [one for one in value.alternatives() if isinstance(one, Moment)]
    if any(one.clock == "aware" for one in moments):
        return None
    return next((one for one in moments if one.clock in ("local", "written")), None)


def is_process_on_utc(hub: Semantics) -> bool:
    """Whether local time is UTC: Django sees to that (django/conf/__init__.py, `Settings`), or the project does."""
    zone = hub.project_settings.variable("TIME_ZONE")
    if isinstance(zone, Constant) and zone.value in ("UTC", "Etc/UTC", "GMT", "Etc/GMT", "Zulu", "Etc/UCT"):
        return True
    return hub.memo.get(("moved to UTC",), lambda: _is_moved_to_utc(hub), False)


def _is_moved_to_utc(hub: Semantics) -> bool:
    return any(_MOVES_TO_UTC.search(hub.project.read(name)) for name in hub.project.mentioning("environ"))


def duration(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """`timedelta(minutes=5)`."""
    total = 0.0
    for index, arg in enumerate(args):
        name = arg.keyword or (list(UNITS)[index] if index < len(UNITS) else "")
        amount = number(arg.value)
        if arg.star or name not in UNITS or amount is None:
            return DURATION
        total += amount * UNITS[name]
    return Duration(TIMEDELTA, seconds=total)


def combined(left: Value, op: ast.operator, right: Value) -> Value | None:
    """Arithmetic with moments and durations; None for any other."""
    if isinstance(left, Union):
        if not any(isinstance(one, (Moment, Duration)) for one in left.members):
            return None
        return each(left, lambda one: combined(one, op, right) or UNKNOWN)
    sign = {ast.Add: 1, ast.Sub: -1}.get(type(op))
    if isinstance(left, Duration) and isinstance(right, Moment) and sign == 1:
        left, right = right, left
    if isinstance(left, Moment):
        if isinstance(right, Moment):
            return DURATION
        by = right.seconds if isinstance(right, Duration) else None
        return replace(left, after=None if by is None or left.after is None or not sign else left.after + sign * by)
    if not isinstance(left, Duration) and not isinstance(right, Duration):
        return None
    if sign and not (isinstance(left, Duration) and isinstance(right, Duration)):
        # `starts_at - HOUR` is whatever `starts_at` is: a moment, a day, or a duration.
        other = right if isinstance(left, Duration) else left
        return other if isinstance(other, Instance) else UNKNOWN
    a, b = _seconds(left), _seconds(right)
    is_scaled = isinstance(op, (ast.Mult, ast.Div)) and not (isinstance(left, Duration) and isinstance(right, Duration))
    if isinstance(op, (ast.Div, ast.FloorDiv)) and isinstance(right, Duration):
        return Scalar("float")
    if a is None or b is None or not (sign or is_scaled) or (isinstance(op, ast.Div) and not b):
        return DURATION if sign or is_scaled else None
    return Duration(TIMEDELTA, seconds=a + sign * b if sign else a * b if isinstance(op, ast.Mult) else a / b)


def _seconds(value: Value) -> float | None:
    return value.seconds if isinstance(value, Duration) else number(value)


def of_moment(run: Evaluator, base: Moment, name: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of a moment's method."""
    if name == "replace":
        zone = next((a for a in args if a.keyword == "tzinfo"), None)
        if zone is None and len(args) <= _PARTS and not any(a.star for a in args):
            return replace(base, after=None)
        return Moment(DATETIME, clock="aware" if zone is not None and zone.value != NONE else "", node=node)
    if name == "astimezone":
        return replace(base, clock="aware")
    return run.hub.framework_result(run, base, name, args, node)


def of_duration(run: Evaluator, base: Duration, name: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of a duration's method."""
    if name == "total_seconds" and base.seconds is not None:
        return Constant(base.seconds)
    return run.hub.framework_result(run, base, name, args, node)
