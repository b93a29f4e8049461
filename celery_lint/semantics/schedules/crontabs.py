"""What a crontab says, and whether Celery can read it.

Fields are expanded as celery/schedules.py does it (`crontab._expand_cronspec`, `crontab_parser`):
numbers and collections of numbers as they are, texts by a grammar whose patterns are matched at
the beginning of each part only, so that what follows is dropped in silence.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from celery_lint.project.modules import Module
from celery_lint.project.syntax import last_name, walk
from celery_lint.records import record
from celery_lint.semantics.configuration.settings import function_around, value_at
from celery_lint.semantics.inference.values import Collection, Constant, External, Value

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

CRONTABS = frozenset({"celery.schedules.crontab", "celery.task.schedules.crontab"})
FIELDS = ("minute", "hour", "day_of_week", "day_of_month", "month_of_year")
"""In the order in which `crontab` takes them; in a cron line the day of the week comes last."""
_CRON_LINE = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
_LIMITS = {"minute": (0, 59), "hour": (0, 23), "day_of_week": (0, 6), "day_of_month": (1, 31), "month_of_year": (1, 12)}
# `crontab(**kwargs)` hands these on to `BaseSchedule`, and refuses others.
_OPTIONS = frozenset({"nowfun", "app"})
_ALIAS = re.compile(r"\bcrontab as (\w+)")
_RANGE_STEPS = re.compile(r"(\w+?)-(\w+)/(\w+)?")
_RANGE = re.compile(r"(\w+?)-(\w+)")
_STAR_STEPS = re.compile(r"\*/(\w+)?")
_NAMES = {
    name: number
    for names in ("sun mon tue wed thu fri sat", "- jan feb mar apr may jun jul aug sep oct nov dec")
    for number, name in enumerate(names.split())
}
_DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

Outcome = Literal["raises", "never comes", "never steps", "drops"]
"""`raises`: the call itself. `never comes`: in Celery before 5.7 beat fails instead.
`never steps`: the step is longer than what it steps through. `drops`: a part of the text is not read."""


@record()
class Spec:
    """A field of a crontab: its value, and where it is given."""

    node: ast.expr
    value: Value

    @property
    def is_every(self) -> bool:
        return self.value == Constant("*")


@record()
class Crontab:
    """A call of Celery's `crontab`."""

    node: ast.Call
    module: Module
    specs: Mapping[str, Spec]
    is_whole: bool
    """Nothing else is given that can't be read."""
    refused: str | None = None
    """Why the call itself takes no such arguments."""
    is_text: bool = False
    """Made of a cron line: `crontab.from_string("0 3 * * *")`."""

    @property
    def given(self) -> Sequence[str]:
        """The fields that are not left at, or set to, every one."""
        return tuple(name for name in FIELDS if name in self.specs and not self.specs[name].is_every)


@record()
class Fault:
    """Why a crontab can't mean what it says: where, what is wrong, and what comes of it."""

    node: ast.expr
    reason: str
    outcome: Outcome


class _UnreadableError(Exception):
    def __init__(self, reason: str, outcome: Outcome = "raises") -> None:
        super().__init__(reason)
        self.reason = reason
        self.outcome = outcome


def crontabs(hub: Semantics, module: Module) -> Sequence[Crontab]:
    """The crontabs that a module makes, wherever they stand in it."""
    return hub.memo.get(("crontabs", module), lambda: tuple(_crontabs(hub, module)), ())


def _crontabs(hub: Semantics, module: Module) -> Iterator[Crontab]:
    text = module.source.text
    if "crontab" not in text:
        return
    names = frozenset({"crontab", *_ALIAS.findall(text)})
    for node in module.nodes_around(names):
        if isinstance(node, ast.Call):
            func = node.func
            is_text = isinstance(func, ast.Attribute) and func.attr == "from_string"
            made = func.value if isinstance(func, ast.Attribute) and is_text else func
            if last_name(made) in names and is_crontab(value_at(hub, made, module)):
                yield _of_text(hub, node, module) if is_text else _of_call(hub, node, module)


def is_crontab(value: Value) -> bool:
    """Whether a value is Celery's own class."""
    return isinstance(value, External) and value.path in CRONTABS


def _of_call(hub: Semantics, node: ast.Call, module: Module) -> Crontab:
    is_whole = not any(isinstance(a, ast.Starred) for a in node.args) and all(k.arg for k in node.keywords)
    specs: dict[str, Spec] = {}
    refused = None
    for name, argument in zip(FIELDS, node.args, strict=False):
        specs[name] = Spec(argument, value_at(hub, argument, module))
    if len(node.args) > len(FIELDS):
        refused = f"it takes {len(FIELDS)} fields, and {len(node.args)} are given"
    for keyword in node.keywords:
        if keyword.arg in _LIMITS:
            specs[keyword.arg] = Spec(keyword.value, value_at(hub, keyword.value, module))
        elif keyword.arg is not None and keyword.arg not in _OPTIONS:
            refused = f"it has no `{keyword.arg}`"
    return Crontab(node, module, specs, is_whole, refused if is_whole else None)


def _of_text(hub: Semantics, node: ast.Call, module: Module) -> Crontab:
    value = value_at(hub, node.args[0], module) if len(node.args) == 1 and not node.keywords else None
    if not isinstance(value, Constant) or not isinstance(value.value, str):
        return Crontab(node, module, {}, is_whole=False, is_text=True)
    parts = value.value.split(" ")
    if len(parts) != len(_CRON_LINE):
        refused = f"it wants {len(_CRON_LINE)} fields with one blank between, and finds {len(parts)}"
        return Crontab(node, module, {}, is_whole=True, refused=refused, is_text=True)
    specs = {name: Spec(node.args[0], Constant(part)) for name, part in zip(_CRON_LINE, parts, strict=True)}
    return Crontab(node, module, specs, is_whole=True, is_text=True)


def runs_a_day(crontab: Crontab) -> int | None:
    """How often it runs on a day on which it runs at all; None when that can't be told."""
    number = 1
    for name in ("minute", "hour"):
        spec = crontab.specs.get(name)
        low, high = _LIMITS[name]
        try:
            numbers = _expanded(spec.value, low, high) if spec is not None else range(low, high + 1)
        except _UnreadableError:
            return None
        if numbers is None:
            return None
        number *= len(numbers)
    return number


# Faults


def is_guarded(crontab: Crontab) -> bool:
    """Whether the function around handles what the call may raise."""
    function, row = function_around(crontab.node, crontab.module), crontab.node.lineno
    return function is not None and any(
        isinstance(node, ast.Try)
        and node.handlers
        and node.body[0].lineno <= row <= (node.body[-1].end_lineno or 0)
        and any(h.type is None or last_name(h.type) != "ImportError" for h in node.handlers)
        for node in walk(*function.body)
    )


def fault(crontab: Crontab) -> Fault | None:
    """What is wrong with a crontab, as far as its fields can be read."""
    if crontab.refused is not None:
        return Fault(crontab.node, crontab.refused, "raises")
    expanded: dict[str, frozenset[int]] = {}
    for name, spec in crontab.specs.items():
        try:
            numbers = _expanded(spec.value, *_LIMITS[name])
        except _UnreadableError as error:
            return Fault(spec.node, f"`{name}` {error.reason}", error.outcome)
        if numbers is not None:
            expanded[name] = numbers
    days, months = expanded.get("day_of_month"), expanded.get("month_of_year")
    if days and months and all(day > _DAYS_IN_MONTH[month - 1] for month in months for day in days):
        return Fault(crontab.specs["day_of_month"].node, "none of these months has such a day", "never comes")
    return None


def period(crontab: Crontab) -> int | None:
    """The least number of seconds between two runs, as far as it is easily told; None when it is not."""
    if not crontab.is_whole or fault(crontab) is not None:
        return None
    sets = {}
    for name in FIELDS:
        low, high = _LIMITS[name]
        spec = crontab.specs.get(name)
        numbers = frozenset(range(low, high + 1)) if spec is None else _expanded(spec.value, low, high)
        if not numbers:
            return None
        sets[name] = numbers
    if len(sets["minute"]) > 1:
        return 60 * _least_gap(sets["minute"], 60)
    if len(sets["hour"]) > 1:
        return 3600 * _least_gap(sets["hour"], 24)
    if "day_of_month" not in crontab.given and "month_of_year" not in crontab.given:
        return 86400 * _least_gap(sets["day_of_week"], 7)
    return 86400


def _least_gap(numbers: frozenset[int], cycle: int) -> int:
    ordered = sorted(numbers)
    return min((b - a for a, b in zip(ordered, [*ordered[1:], ordered[0] + cycle], strict=True)), default=cycle)


def _expanded(value: Value, low: int, high: int) -> frozenset[int] | None:
    """The numbers that a field stands for; None when it can't be read. Raises _UnreadableError."""
    if isinstance(value, Collection) and value.kind in ("list", "tuple", "set"):
        members = [m.value for m in value.items or () if isinstance(m, Constant)]
        if not members or len(members) != len(value.items or ()):
            return None
        for member in members:
            if not isinstance(member, int):
                raise _UnreadableError(f"holds {member!r}, which is no number")
        numbers = frozenset(member for member in members if isinstance(member, int))
    elif not isinstance(value, Constant):
        return None
    elif isinstance(value.value, int):
        numbers = frozenset({int(value.value)})
    elif isinstance(value.value, str):
        numbers = _parsed(value.value, low, high)
    else:
        raise _UnreadableError(f"is {value.value!r}, neither a number nor a text")
    for number in sorted(numbers):
        _check(number, str(number), low, high)
    return numbers


def _check(number: int, text: str, low: int, high: int) -> None:
    if not low <= number <= high:
        raise _UnreadableError(f"goes from {low} to {high}, and has {text}")


def _parsed(text: str, low: int, high: int) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        if not part:
            raise _UnreadableError(f"has an empty part in {text!r}")
        found |= _part(part, low, high)
    return frozenset(found)


def _part(part: str, low: int, high: int) -> set[int]:
    """The numbers of one part: `*`, `*/15`, `8-18`, `8-18/2`, `mon`, `5`."""
    every = list(range(low, high + 1))
    if part == "*":
        return set(every)
    for pattern in (_RANGE_STEPS, _RANGE, _STAR_STEPS):
        match = pattern.match(part)
        if match is not None:
            groups = match.groups()
            numbers = every if pattern is _STAR_STEPS else _range(groups[0], groups[1], low, high)
            if pattern is not _RANGE:
                numbers = _stepped(numbers, groups[-1], part)
            rest = part[match.end() :]
            if rest.strip():
                raise _UnreadableError(f"is {part!r}, of which {rest!r} is not read", "drops")
            return set(numbers)
    return {_number(part, low, high)}


def _range(first: str, last: str, low: int, high: int) -> list[int]:
    start, end = _number(first, low, high), _number(last, low, high)
    if end < start:  # over midnight, over the weekend
        return [*range(start, high + 1), *range(low, end + 1)]
    return list(range(start, end + 1))


def _stepped(numbers: list[int], step: str | None, part: str) -> list[int]:
    if not step:
        raise _UnreadableError(f"has no step in {part!r}")
    try:
        width = int(step)
    except ValueError:
        raise _UnreadableError(f"has a step in {part!r} that is no number") from None
    if width == 0:
        raise _UnreadableError(f"has a step of 0 in {part!r}")
    if width > len(numbers):
        raise _UnreadableError(f"has the step {width} among {len(numbers)} values", "never steps")
    return numbers[::width]


def _number(text: str, low: int, high: int) -> int:
    try:
        number = int(text)
    except ValueError:
        named = _NAMES.get(text[:3].lower())
        if named is None:
            raise _UnreadableError(f"can't be {text!r}") from None
        number = named
    _check(number, text, low, high)
    return number
