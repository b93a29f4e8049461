"""A rule that cannot load stops the linter: in silence it would look like clean code."""

from __future__ import annotations

from pathlib import Path

import pytest

from celery_lint import rules
from celery_lint.rules import registry
from tests.conftest import Workspace

RULE = """\
from celery_lint.findings import Severity
from celery_lint.rules.base import Rule


class {name}(Rule):
    '''A rule.'''

    severity = Severity.ERROR
"""


@pytest.mark.parametrize(
    ("family", "module", "text", "complaint"),
    [
        ("one", "cel990_broken", "import nothing_of_the_kind\n", "cannot be loaded: ModuleNotFoundError"),
        ("two", "cel991_syntax", "def\n", "cannot be loaded: SyntaxError"),
        ("three", "cel992_empty", "", "holds 0 rules where there must be one"),
        ("four", "cel993_both", RULE.format(name="A") + RULE.format(name="B"), "holds 2 rules"),
        ("six", "cel994_computed", RULE.format(name="A") + "    opt_in = bool(1)\n", "`opt_in = True` must stand"),
        ("five", "cel001_again", RULE.format(name="A"), "CEL001 is the code of"),
    ],
)
def test_a_bad_rule(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, family: str, module: str, text: str, complaint: str
) -> None:
    workspace.write({f"more/{family}/__init__.py": "", f"more/{family}/{module}.py": text})
    monkeypatch.setattr(rules, "__path__", [*rules.__path__, str(Path("more").absolute())])
    registry.all_rules.cache_clear()
    registry.known_codes.cache_clear()
    try:
        outcome = workspace.lint("--list-rules")
    finally:
        registry.all_rules.cache_clear()
        registry.known_codes.cache_clear()
    assert (outcome.code, outcome.out) == (2, "")
    assert f"celery_lint.rules.{family}.{module}" in outcome.err or complaint.startswith("CEL001")
    assert complaint in outcome.err
