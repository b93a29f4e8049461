"""Workflow commands that GitHub shows as annotations at the lines of a pull request."""

from __future__ import annotations

from collections.abc import Iterable

from celery_lint.findings import Finding, Severity

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.ADVICE: "notice"}


def render(findings: Iterable[Finding]) -> str:
    return "".join(f"{_command(finding)}\n" for finding in findings)


def _command(finding: Finding) -> str:
    span = finding.place.span
    properties = {
        "title": f"celery-lint ({finding.code})",
        "file": finding.place.filename,
        "line": str(span.start.row),
        "col": str(span.start.column),
        "endLine": str(span.end.row),
        "endColumn": str(span.end.column),
    }
    listed = ",".join(f"{name}={_escape_property(value)}" for name, value in properties.items())
    # The log shows the message alone: it has to say by itself where it belongs.
    text = f"{finding.place.filename}:{span.start.row}:{span.start.column}: {finding.code} {finding.message}"
    return f"::{_COMMANDS[finding.severity]} {listed}::{_escape(text)}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
