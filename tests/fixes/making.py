"""How the tests of fixes write a file with its places, and make the edits that a fix comes to."""

from __future__ import annotations

import ast
import codecs
import re
import textwrap
from collections.abc import Callable, Sequence

from celery_lint.findings import Applicability, Change, Edit, Finding, Fix, Place, Position, Severity, Span
from celery_lint.fixes import edits_for

FILENAME = "shop/tasks.py"


def position(text: str, offset: int) -> Position:
    before = re.split(r"\r\n|\r|\n", text[:offset])
    return Position(len(before), len(before[-1]) + 1)


def marked(source: str, filename: str = FILENAME) -> tuple[str, list[Place]]:
    """The text without its «marks», and the place of each."""
    places = []
    while "«" in source:
        start = source.index("«")
        end = source.index("»") - 1
        source = source.replace("«", "", 1).replace("»", "", 1)
        places.append(Place(filename, Span(position(source, start), position(source, end))))
    return source, places


def finding(fix: Fix | None, code: str = "CEL201", place: Place | None = None) -> Finding:
    if place is None:
        assert fix is not None
        place = fix.changes[0].place
    return Finding(place, code, "name", Severity.ERROR, "message", (), fix)


def made(data: bytes, edits: Sequence[Edit]) -> bytes:
    """A file after its edits, by the contract of `Edit` alone: rows and columns of characters."""
    encoding = "utf-8-sig" if data.startswith(codecs.BOM_UTF8) else "utf-8"
    if b"latin-1" in data[:80]:
        encoding = "latin-1"
    text = data.decode(encoding)
    starts = [0, *(found.end() for found in re.finditer(r"\r\n|\r|\n", text))]

    def offset(place: Position) -> int:
        return starts[place.row - 1] + place.column - 1

    for edit in reversed(edits):
        text = text[: offset(edit.span.start)] + edit.content + text[offset(edit.span.end) :]
    return text.encode(encoding)


def fixed_bytes(data: bytes, *changes: Change, filename: str = FILENAME) -> bytes | None:
    """The file after one fix of these changes, or None where none is offered."""
    fix = Fix(Applicability.UNSAFE, "repair it", changes)
    edits = edits_for([finding(fix)], {filename: data}.__getitem__)
    if 0 not in edits:
        return None
    result = made(data, edits[0])
    ast.parse(result)
    return result


def fixed(source: str, change: Callable[[Place], Change], filename: str = FILENAME) -> str | None:
    """The marked source, dedented, after the change of each marked place, all of one fix."""
    text, places = marked(textwrap.dedent(source).lstrip("\n"), filename)
    result = fixed_bytes(text.encode(), *map(change, places), filename=filename)
    return None if result is None else result.decode()


def assert_fixed(before: str, change: Callable[[Place], Change], after: str, filename: str = FILENAME) -> None:
    assert fixed(before, change, filename) == textwrap.dedent(after).lstrip("\n")
