"""A list of objects, one a finding, for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence

from celery_lint.findings import Finding, Place, Position, Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Edit(Protocol):
        """New content for a stretch of a file, as `celery_lint.fixes` makes it."""

        @property
        def filename(self) -> str: ...
        @property
        def span(self) -> Span: ...
        @property
        def content(self) -> str: ...


PAGES = "https://github.com/celery-lint/celery-lint/blob/main/docs/rules"


def render(
    findings: Iterable[Finding],
    edits: Callable[[Finding], Sequence[Edit]],
    noqa_row: Callable[[Finding], int],
) -> str:
    """The findings as JSON.

    `edits` gives the edits of a finding's fix, none where it has no exact one;
    `noqa_row` the row at whose end a comment would silence it.
    """
    return json.dumps([_finding(each, edits(each), noqa_row(each)) for each in findings], indent=2) + "\n"


def _finding(finding: Finding, edits: Sequence[Edit], noqa_row: int) -> dict[str, Any]:
    return {
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity.value,
        "message": finding.message,
        **_place(finding.place),
        "related": [{"message": related.message, **_place(related.place)} for related in finding.related],
        "fix": _fix(finding, edits),
        "noqa_row": noqa_row,
        "url": f"{PAGES}/{finding.code}.md",
    }


def _fix(finding: Finding, edits: Sequence[Edit]) -> dict[str, Any] | None:
    if finding.fix is None or not edits:
        return None
    return {
        "applicability": finding.fix.applicability.value,
        "message": finding.fix.message,
        "edits": [_edit(edit, finding.place.filename) for edit in edits],
    }


def _edit(edit: Edit, filename: str) -> dict[str, Any]:
    result: dict[str, Any] = {"content": edit.content, **_span(edit.span)}
    if edit.filename != filename:
        result["filename"] = edit.filename
    return result


def _place(place: Place) -> dict[str, Any]:
    return {"filename": place.filename, **_span(place.span)}


def _span(span: Span) -> dict[str, Any]:
    return {"location": _position(span.start), "end_location": _position(span.end)}


def _position(position: Position) -> dict[str, int]:
    return {"row": position.row, "column": position.column}
