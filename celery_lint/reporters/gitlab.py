"""A Code Quality report, which GitLab shows in merge requests and compares with the target branch's.

https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from celery_lint.findings import Finding, Severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.ADVICE: "minor"}


def render(findings: Iterable[Finding], fingerprint: Callable[[Finding], str], path: Callable[[str], str]) -> str:
    """The findings as a report.

    `fingerprint` gives a text that stays when a finding moves, `path` a file's path from the repository's top.
    """
    return (
        json.dumps([_issue(each, fingerprint(each), path(each.place.filename)) for each in findings], indent=2) + "\n"
    )


def _issue(finding: Finding, fingerprint: str, path: str) -> dict[str, Any]:
    span = finding.place.span
    return {
        # The merge request shows the description alone: it has to name the rule by itself.
        "description": f"{finding.code}: {finding.message}",
        "check_name": finding.code,
        "fingerprint": fingerprint,
        "severity": _SEVERITIES[finding.severity],
        "location": {"path": path, "lines": {"begin": span.start.row, "end": span.end.row}},
    }
