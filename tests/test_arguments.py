"""A command line that is read without click means what click says that it means."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from celery_lint.arguments import OPTIONS, Arguments, read
from celery_lint.usage import command

SPELLINGS = [name for option in OPTIONS for name in (option.name, option.short, option.contrary) if name]
PLAIN = st.sampled_from(["a.py", "-", "CEL1,CEL2", " CEL301 ,", "json", "tests/*:CEL3", "", ".", "nowhere/x=y", "é"])
WORDS = st.one_of(
    PLAIN,
    st.sampled_from(SPELLINGS),
    st.tuples(st.sampled_from(SPELLINGS), PLAIN).map("=".join),
    st.sampled_from(["--", "-qv", "--versio", "--no-fix", "-h", "--version", "---", "-q=1", "--exclude="]),
)


def by_click(words: list[str]) -> object:
    """What click makes of the words: arguments, an exit code, or a complaint."""
    try:
        return command().main(words, standalone_mode=False)
    except click.ClickException as error:
        return error


@given(words=st.lists(WORDS, max_size=5))
@example(words=["--select", "CEL1", "--select", "CEL2,CEL3"])
@example(words=["--select", ""])
@example(words=["--config", "x.toml", "--config", "y.toml"])
@example(words=["--force-exclude", "--no-force-exclude"])
@example(words=["--output-file", "."])
@example(words=["--output-format", "JSON"])
@example(words=["--explain"])
@example(words=["--ignore", "--fix"])
def test_both_read_the_same(words: list[str]) -> None:
    arguments = read(words)
    assert arguments is None or arguments == by_click(words)


@pytest.mark.parametrize(
    "line",
    [
        "",
        ". src/shop -q --verbose",
        "--select CEL1,CEL201 --ignore=CEL202 --extend-select CEL002 a.py",
        "--fix --unsafe-fixes --force-exclude a.py b.py",
        "--output-format json --output-file found.json --exit-zero --statistics",
        "- --stdin-filename shop/views.py --no-force-exclude --isolated",
        "--explain CEL201",
        "--config other.toml --diff --exclude gen,*_pb2.py --per-file-ignores tests/*:CEL5",
        "--show-files --show-settings --list-rules --explain-context a.py:3",
    ],
)
def test_plain_command_lines_need_no_click(line: str) -> None:
    words = line.split()
    arguments = read(words)
    assert isinstance(arguments, Arguments)
    assert arguments == by_click(words)


def test_completion_is_left_to_click(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_CELERY_LINT_COMPLETE", "bash_source")
    assert read(["a.py"]) is None


def test_patterns_that_no_shell_has_expanded_are_left_to_click(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(["*.py"]) is not None
    monkeypatch.setattr("celery_lint.arguments.os.name", "nt")
    assert read(["*.py"]) is None


def test_each_option_has_a_field() -> None:
    arguments = read([])
    assert arguments is not None
    assert {option.field for option in OPTIONS} | {"paths"} == set(Arguments.__match_args__)
    assert Path("x") == getattr(read(["--config", "x"]), "config", None)
