"""The rules' pages are those that their docstrings make."""

from __future__ import annotations

import os
from pathlib import Path

from celery_lint import docs
from celery_lint.rules.registry import all_rules

FOLDER = Path(__file__).parents[1] / "docs" / "rules"


def test_the_pages_are_current() -> None:
    assert docs.stale(FOLDER) == []


def test_every_rule_has_a_page_with_its_reason() -> None:
    for rule in all_rules():
        page = docs.page(rule)
        assert rule.summary().endswith("."), rule.code
        for section in ("## What it does", "## Why is this bad", "## Example"):
            assert section in page, f"{rule.code} lacks {section!r}"


def test_stale_missing_and_left_over_pages_fail_the_check_and_are_put_right(tmp_path: Path) -> None:
    docs.write(tmp_path)
    assert docs.main(["--check", os.fspath(tmp_path)]) == 0
    (tmp_path / "CEL001.md").write_text("old")
    (tmp_path / "CEL002.md").unlink()
    (tmp_path / "CEL000.md").write_text("of no rule")
    assert docs.stale(tmp_path) == ["CEL000.md", "CEL001.md", "CEL002.md"]
    assert docs.main(["--check", os.fspath(tmp_path)]) == 1
    assert docs.main([os.fspath(tmp_path)]) == 0
    assert docs.stale(tmp_path) == []
