"""SARIF 2.1.0, for code scanning and editors: fixes are replacements that a tool can make.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from celery_lint import __version__
from celery_lint.findings import Finding, Place, Severity, Span
from celery_lint.reporters.json import PAGES

if TYPE_CHECKING:
    from typing import Any

    from celery_lint.reporters.json import Edit

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
PROJECT = "https://github.com/celery-lint/celery-lint"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.ADVICE: "note"}


def render(
    findings: Iterable[Finding],
    edits: Callable[[Finding], Sequence[Edit]],
    fingerprint: Callable[[Finding], str],
) -> str:
    """The findings as one SARIF run.

    `edits` gives the edits of a finding's fix, none where it has no exact one; `fingerprint`
    a text that stays when a finding moves.
    """
    findings = list(findings)
    names = dict(sorted({finding.code: finding.name for finding in findings}.items()))
    indexes = {code: index for index, code in enumerate(names)}
    run = {
        "tool": {
            "driver": {
                "name": "celery-lint",
                "version": __version__,
                "informationUri": PROJECT,
                "rules": [
                    {
                        "id": code,
                        "name": name,
                        "shortDescription": {"text": name.replace("-", " ")},
                        "helpUri": f"{PAGES}/{code}.md",
                    }
                    for code, name in names.items()
                ],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(finding, indexes[finding.code], edits(finding), fingerprint(finding)) for finding in findings
        ],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _result(finding: Finding, rule_index: int, edits: Sequence[Edit], fingerprint: str) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": rule_index,
        "level": _LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [{"physicalLocation": _location(finding.place)}],
        "partialFingerprints": {"celeryLint/v1": fingerprint},
    }
    if finding.related:
        result["relatedLocations"] = [
            {"id": number, "message": {"text": related.message}, "physicalLocation": _location(related.place)}
            for number, related in enumerate(finding.related)
        ]
    if finding.fix is not None and edits:
        result["fixes"] = [
            {
                "description": {"text": finding.fix.message},
                "artifactChanges": _changes(edits),
                "properties": {"applicability": finding.fix.applicability.value},
            }
        ]
    return result


def _changes(edits: Sequence[Edit]) -> list[dict[str, Any]]:
    """The edits, gathered by file."""
    by_file: dict[str, list[Edit]] = {}
    for edit in edits:
        by_file.setdefault(edit.filename, []).append(edit)
    return [
        {
            "artifactLocation": {"uri": _uri(filename)},
            "replacements": [
                {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.content}} for edit in group
            ],
        }
        for filename, group in by_file.items()
    ]


def _location(place: Place) -> dict[str, Any]:
    return {"artifactLocation": {"uri": _uri(place.filename)}, "region": _region(place.span)}


def _uri(filename: str) -> str:
    """A file's name as a reference: relative as it is shown, absolute with its scheme."""
    quoted = quote(filename, errors="surrogateescape")
    return f"file://{quoted}" if filename.startswith("/") else quoted


def _region(span: Span) -> dict[str, int]:
    return {
        "startLine": span.start.row,
        "startColumn": span.start.column,
        "endLine": span.end.row,
        "endColumn": span.end.column,
    }
