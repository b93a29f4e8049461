"""When two findings, of two runs, are the same: for baselines, and for services that compare reports.

A finding moves whenever a line comes or goes above it, so its row says nothing. It is
known by its file, its code, the function or class around it and the text of its line.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from celery_lint.findings import Finding
from celery_lint.records import record

LINE_BYTES = 6
"""Of a line's digest: enough to tell the lines of one function apart."""
FINGERPRINT_BYTES = 16


@record(order=True)
class Identity:
    """What tells a finding from the others of its file. `line` is a digest, as a line may hold a secret."""

    code: str
    scope: str
    line: str


def identity_of(finding: Finding, lines: Sequence[str]) -> Identity:
    """The identity of a finding in a file with these lines."""
    row = finding.place.span.start.row
    text = " ".join(lines[row - 1].split()) if row <= len(lines) else ""
    return Identity(finding.code, finding.scope, _digest(text, LINE_BYTES))


def fingerprints(
    findings: Iterable[Finding], lines: Callable[[str], Sequence[str]], path: Callable[[str], str]
) -> dict[Finding, str]:
    """A text for each finding that no other has, and that stays when the finding moves.

    `lines` gives the lines of a file by its name, `path` the name that the file has wherever it is checked.
    """
    result: dict[Finding, str] = {}
    alike: Counter[str] = Counter()
    for finding in findings:
        identity = identity_of(finding, lines(finding.place.filename))
        same = "\0".join((path(finding.place.filename), identity.code, identity.scope, identity.line))
        result[finding] = _digest(f"{same}\0{alike[same]}", FINGERPRINT_BYTES)
        alike[same] += 1
    return result


def _digest(text: str, size: int) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).hexdigest()
