"""The benchmark of fixes sees what is broken: a check that cannot fail proves nothing."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

pytest.importorskip("benchmarks.fixes", reason="benchmarks are not part of a source distribution")

from benchmarks import fixes
from celery_lint.findings import Applicability, Position, Span
from celery_lint.fixes import changes
from celery_lint.source import Source

BEFORE = "import a\n\n\ndef f():\n    one(1)\n    two(2)\n\n\ndef g():\n    three(3)\n"
AT_TWO = [Span(Position(6, 5), Position(6, 11))]


@pytest.mark.parametrize(
    ("old", "new", "touched", "differs"),
    [
        ("two(2)", "two(3)", False, False),
        ("two(2)", "two(\n        3\n    )", False, False),
        ("    two(2)\n", "    two(2)\n    again()\n", False, False),
        ("import a\n", "import a\nimport b\n", False, False),
        ("import a\n", "import a\nx = 1\n", True, True),
        ("one(1)", "one( 1 )", True, False),
        ("three(3)", "three(4)", True, True),
        ("    three(3)\n", "    three(3)\n    four()\n", True, True),
        ("def g():\n    three(3)\n", "", True, True),
        ("def g():", "def h():", True, True),
        ("one(1)\n    two", "one(2)\n    two", True, True),
    ],
)
def test_changes_elsewhere_are_seen(old: str, new: str, touched: bool, differs: bool) -> None:
    was, now = (Source("a.py", text.encode()) for text in (BEFORE, BEFORE.replace(old, new, 1)))
    ast.parse(now.text)
    assert bool(list(fixes.touched_elsewhere(was, now, AT_TWO))) is touched
    assert bool(list(fixes.changed_elsewhere(was, now, AT_TWO))) is differs


def test_a_fix_that_does_not_parse_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "tasks.py").write_text(
        "from celery import shared_task\nfrom django.db import transaction\n\n\n@shared_task\ndef f(): pass\n\n\n"
        "def g():\n    transaction.on_commit(f.delay())\n"
    )
    safe = frozenset({Applicability.SAFE})
    honest = changes._replace
    monkeypatch.setattr(changes, "_needs_parentheses", lambda *_: False)
    monkeypatch.setattr(changes, "_replace", lambda *them: type(made := honest(*them))(made.start, made.end, "((x"))
    assert list(fixes.fix(tmp_path, safe).broken) == ["failed"]
    monkeypatch.setattr(changes, "_replace", honest)
    outcome = fixes.fix(tmp_path, safe)
    assert (outcome.broken, outcome.fixed) == ({}, {"CEL204": 1})
