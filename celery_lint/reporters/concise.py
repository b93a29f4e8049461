"""One line a finding: `path:row:column: CEL101 message`."""

from __future__ import annotations

from collections.abc import Iterable

from celery_lint.findings import Finding
from celery_lint.reporters.style import Style


def render(findings: Iterable[Finding], style: Style = Style()) -> str:
    return "".join(f"{style.headline(finding)}\n" for finding in findings)
