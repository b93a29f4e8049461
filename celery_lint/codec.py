"""Findings as JSON values and back, for the cache and between processes.

The format is that of the classes of `findings.py`: a list with the class's name
first, then its fields. Nothing but these classes is ever made from what is read.
"""

from __future__ import annotations

import dataclasses
import enum

from celery_lint import findings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CLASSES: dict[str, type[Any]] = {
    cls.__name__: cls
    for cls in vars(findings).values()
    if isinstance(cls, type) and cls.__module__ == findings.__name__
}
_TUPLE = "()"


class DecodeError(ValueError):
    """What was read is no finding."""


def encode(value: object) -> Any:
    """A finding, or a part of one, as a JSON value."""
    if value is None or isinstance(value, (str, int, bool)):
        return value
    if isinstance(value, tuple):
        return [_TUPLE, *map(encode, value)]
    if isinstance(value, enum.Enum):
        return [type(value).__name__, value.value]
    names = [field.name for field in dataclasses.fields(value)]  # type: ignore[arg-type]
    return [type(value).__name__, *(encode(getattr(value, name)) for name in names)]


def decode(value: Any) -> Any:
    """What `encode` was given. Raises DecodeError."""
    if value is None or isinstance(value, (str, int, bool)):
        return value
    if not isinstance(value, list) or not value or not isinstance(value[0], str):
        raise DecodeError(f"unexpected {type(value).__name__}")
    parts = [decode(part) for part in value[1:]]
    if value[0] == _TUPLE:
        return tuple(parts)
    try:
        return _CLASSES[value[0]](*parts)
    except (KeyError, TypeError, ValueError) as error:
        raise DecodeError(str(error)) from None


def decode_findings(values: Any) -> list[findings.Finding]:
    """Findings from JSON. Raises DecodeError."""
    return [_decode_finding(value) for value in values]


def _decode_finding(value: Any) -> findings.Finding:
    finding = decode(value)
    if not isinstance(finding, findings.Finding) or not isinstance(finding.place, findings.Place):
        raise DecodeError("no finding")
    return finding
