"""How often each rule reports."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

from celery_lint.findings import Finding


def render(findings: Iterable[Finding]) -> str:
    """One line a rule, the most frequent first: count, code and name."""
    counts = _counts(findings)
    width = max((len(str(count)) for _, count in counts), default=0)
    return "".join(f"{count:>{width}}  {code}  {name}\n" for (code, name), count in counts)


def render_json(findings: Iterable[Finding]) -> str:
    """The same as a list of objects."""
    counts = _counts(findings)
    return json.dumps([{"code": code, "name": name, "count": n} for (code, name), n in counts], indent=2) + "\n"


def _counts(findings: Iterable[Finding]) -> list[tuple[tuple[str, str], int]]:
    counts = Counter((finding.code, finding.name) for finding in findings)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
