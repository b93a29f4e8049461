"""The linter reports what the proofs show to break, and is silent on what they show to work."""

from __future__ import annotations

from pathlib import Path

import pytest

from celery_lint.configuration import Overrides, Selection
from celery_lint.run import run
from tests.conftest import Repository
from tests.proofs.examples import Example, examples, lay_out


def reported(directory: Path, source: str, example: Example) -> list[str]:
    """The codes reported in the example's module."""
    path = lay_out(directory, example.before or source, example.module)
    (directory / "pyproject.toml").write_text("", encoding="utf-8")
    if example.before:
        Repository(directory).commit()
        path.write_text(source, encoding="utf-8")
    selection = Selection(select=(example.code,))
    report = run([path], Overrides(selection=selection, isolated=True, since="HEAD" if example.before else None))
    assert not report.errors
    assert not any(checked.failures for checked in report.checked)
    return [finding.code for checked in report.checked for finding in checked.findings]


@pytest.mark.parametrize("example", examples(), ids=str)
def test_what_breaks_is_reported(example: Example, tmp_path: Path) -> None:
    assert example.code in reported(tmp_path, example.bad, example)


@pytest.mark.parametrize("example", examples(), ids=str)
def test_what_works_is_not(example: Example, tmp_path: Path) -> None:
    assert reported(tmp_path, example.repaired, example) == []
