"""What the documents say is so: paths are there, commands are accepted, output is what is printed."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import click
import pytest

from celery_lint import configuration
from celery_lint.configuration import Settings
from celery_lint.rules.registry import known_codes
from celery_lint.usage import command

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCUMENTS = sorted([README, ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])
NAMED = [pytest.param(path, id=path.name) for path in DOCUMENTS]
FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
TABLE_ROW = re.compile(r"^\| (?P<first>.+?) \|", re.MULTILINE)
TOP_LEVEL = ("celery_lint/", "tests/", "docs/", "examples/", ".ci/", ".github/")


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    language: str
    text: str


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(path: Path, *languages: str) -> list[Block]:
    found = [Block(match["language"], match["text"]) for match in FENCE.finditer(read(path))]
    return [block for block in found if block.language in languages]


def prose(path: Path) -> str:
    return FENCE.sub("", read(path))


def section(path: Path, heading: str) -> str:
    """The text under a heading, up to the next of its level or above."""
    text = read(path)
    start = re.search(rf"^(#+) {re.escape(heading)}\n", text, re.MULTILINE)
    assert start is not None, f"{path.name} has no heading {heading!r}"
    rest = text[start.end() :]
    end = re.search(rf"^#{{1,{len(start[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def code_spans(path: Path) -> list[str]:
    return re.findall(r"`([^`\n]+)`", prose(path))


def commands(path: Path) -> Iterator[list[str]]:
    """Every use of celery-lint in a document, as its words."""
    lines = [line for block in blocks(path, "sh", "console") for line in block.text.splitlines()]
    lines += [f"run {span}" for span in code_spans(path) if span.startswith("celery-lint ")]
    for line in lines:
        for part in re.split(r"&&|;|\||\$ |- run: |run ", line.partition("  #")[0]):
            if re.match(r"\s*celery-lint( |$)", part):
                yield shlex.split(part)[1:]


def options() -> dict[str, click.Option]:
    """Every option of the command by each of its spellings."""
    shown = command()
    parameters = [each for each in shown.get_params(click.Context(shown)) if isinstance(each, click.Option)]
    return {name: option for option in parameters for name in (*option.opts, *option.secondary_opts)}


def configuration_keys() -> set[str]:
    """The keys that a configuration may have: those of Settings, and the four that `rules` is made of."""
    keys = {name.replace("_", "-") for name in (field.name for field in fields(Settings))} - {"rules", "jobs"}
    return keys | {"select", "extend-select", "ignore", "extend-ignore"}


@pytest.mark.parametrize("path", NAMED)
def test_links_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(path))
    local = [target.partition("#")[0] for target in targets if "://" not in target]
    assert [target for target in local if target and not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", NAMED)
def test_paths_that_are_named_are_there(path: Path) -> None:
    spans = [span for span in code_spans(path) if span.startswith(TOP_LEVEL) and not set("<*") & set(span)]
    words = [word for arguments in commands(path) for word in arguments if word.startswith(TOP_LEVEL)]
    words += [
        word
        for block in blocks(path, "sh")
        for word in re.findall(r"[\w./-]+", block.text)
        if word.startswith(TOP_LEVEL)
    ]
    # A path may have a line behind it.
    named = [re.sub(r":\d+$", "", name) for name in (*spans, *words)]
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("path", NAMED)
def test_options_that_are_named_are_accepted(path: Path) -> None:
    known = options()
    used = {word.partition("=")[0] for arguments in commands(path) for word in arguments if word.startswith("-")}
    # An option alone in a code span is the command's own.
    used |= {word for span in code_spans(path) if span.startswith("--") for word in span.split() if word[0] == "-"}
    assert sorted(used - known.keys() - {"-"}) == []


@pytest.mark.parametrize("path", NAMED)
def test_rules_that_are_named_exist(path: Path) -> None:
    named = set(re.findall(r"\bCEL\d{3}\b", read(path)))
    assert sorted(named - known_codes().keys()) == []


def test_the_modules_that_are_run_by_name_are_there() -> None:
    named = {name for path in DOCUMENTS for name in re.findall(r"python -m (celery_lint[\w.]*)", read(path))}
    assert "celery_lint.docs" in named
    for name in named:
        path = ROOT.joinpath(*name.split("."))
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), name


def test_the_families_in_the_readme_are_those_of_the_rules() -> None:
    table = section(README, "What it finds")
    named = re.findall(r"^\| \[(.+?)\]\(docs/rules/README\.md#([\w-]+)\)", table, re.MULTILINE)
    headings = re.findall(r"^## (.+)$", read(ROOT / "docs" / "rules" / "README.md"), re.MULTILINE)
    assert [title for title, _ in named] == [title for title in headings if title != "The linter's own"]
    assert all(anchor == title.lower().replace(" ", "-") for title, anchor in named)


@pytest.mark.parametrize(
    "block", [pytest.param(each, id=each.text.splitlines()[0]) for each in blocks(README, "console")]
)
def test_the_output_in_the_readme_is_what_the_command_prints(block: Block) -> None:
    prompt, _, shown = block.text.partition("\n")
    words = shlex.split(prompt.removeprefix("$ "))
    assert words[0] == "celery-lint"
    done = subprocess.run(
        [sys.executable, "-m", "celery_lint", *words[1:]],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    printed = done.stdout.decode().replace("\r\n", "\n")
    if printed.rstrip() != shown.rstrip():
        pytest.fail(f"README.md is out of date. What is printed now:\n\n{prompt}\n{printed}", pytrace=False)


def test_each_command_of_the_readme_that_is_run_elsewhere_is_one_line() -> None:
    """`.ci/run` takes the one under "Test it" from here."""
    for heading in ("Try it", "Test it"):
        found = FENCE.search(section(README, heading))
        assert found is not None
        assert len(found["text"].splitlines()) == 1


def test_every_key_has_its_section_in_the_configuration_page() -> None:
    headings = re.findall(r"^### `([\w-]+)`$", read(ROOT / "docs" / "configuration.md"), re.MULTILINE)
    assert sorted(headings) == sorted(configuration_keys())


def test_every_key_has_its_row_in_the_readme() -> None:
    rows = [match["first"] for match in TABLE_ROW.finditer(section(README, "Configuration"))]
    keys = [key for row in rows for key in re.findall(r"`([\w-]+)`", row)]
    assert sorted(keys) == sorted(configuration_keys())


@pytest.mark.parametrize("path", NAMED)
def test_configurations_that_are_shown_are_accepted(path: Path, tmp_path: Path) -> None:
    for number, block in enumerate(blocks(path, "toml")):
        folder = tmp_path / str(number)
        folder.mkdir()
        name = "celery-lint.toml" if block.text.startswith("# celery-lint.toml") else "pyproject.toml"
        (folder / name).write_text(block.text, encoding="utf-8")
        found = configuration.find_file(folder)
        assert (found is not None) == (name == "celery-lint.toml" or "tool.celery-lint" in block.text)
        configuration.load(folder, known_codes())


def test_every_hook_that_is_named_is_offered() -> None:
    offered = set(re.findall(r"^- id: ([\w-]+)$", read(ROOT / ".pre-commit-hooks.yaml"), re.MULTILINE))
    used = {
        hook
        for path in DOCUMENTS
        for block in blocks(path, "yaml")
        for hook in re.findall(r"- id: ([\w-]+)", block.text)
    }
    assert used
    assert sorted(used - offered) == []
    table = section(ROOT / "docs" / "integrations.md", "pre-commit")
    assert offered <= set(re.findall(r"`([\w-]+)`", table))


def test_the_architecture_names_every_module() -> None:
    listed = section(ROOT / "docs" / "architecture.md", "The modules")
    named = re.findall(r"`(celery_lint/[\w/]+\.py)`", listed)
    package = ROOT / "celery_lint"
    modules = {path.relative_to(ROOT).as_posix() for path in package.rglob("*.py")}
    # Rules have pages of their own, and a package's own file says what its modules say.
    modules = {
        name
        for name in modules
        if not re.match(r"celery_lint/rules/\w+/", name)
        and (not name.endswith("/__init__.py") or name == "celery_lint/__init__.py")
    }
    assert sorted(named) == sorted(modules)
