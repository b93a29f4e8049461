"""Every rule against code as developers write it: what it must find, and what must stay silent.

A folder of tests/fixtures bears the code of a rule, or of several, and holds small projects: a module or a folder whose
name begins with `bad`, with a comment `# expect: CEL101` at the line of each finding, or with `good`,
where nothing is expected. `bad.fixed.py` (or `bad.fixed/`) beside one is what its repair must become.

A project with the folders `before` and `after` is linted as it is after, with `--since` what was before.

The folders of tests/fixtures/projects are larger: code of many modules in which defects and their
innocent twins lie side by side. All rules are run on them.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from celery_lint.configuration import Overrides, Selection
from celery_lint.run import run
from tests.conftest import Repository

FIXTURES = Path(__file__).parent / "fixtures"
LARGE = FIXTURES / "projects"
EXAMPLE = Path(__file__).parent.parent / "examples" / "shop"
MARK = re.compile(r"# expect: (CEL\d{3}(?:, ?CEL\d{3})*)")
RULE_FOLDER = re.compile(r"(?:CEL\d{3}_)+")
# Of nearly every task there is: a mark at each would hide the others.
EVERYWHERE = frozenset({"CEL901"})


def codes_of(folder: Path) -> frozenset[str]:
    """The codes that a folder bears in its name."""
    found = RULE_FOLDER.match(folder.name)
    return frozenset(found[0].strip("_").split("_")) if found is not None else frozenset()


ALL_CODES = frozenset(code for folder in FIXTURES.iterdir() for code in codes_of(folder)) - EVERYWHERE

Expected = frozenset[tuple[str, int, str]]
"""Findings as (file, row, code)."""


@dataclass(frozen=True)
class Project:
    """One fixture: a module or a folder that is linted as a project of its own."""

    path: Path
    codes: frozenset[str]

    def __str__(self) -> str:
        return f"{self.path.parent.name}/{self.path.name}"

    def copy_to(self, root: Path) -> str | None:
        """Put the project into an empty folder, so that nothing around it can play a part.

        For one that was another before, gives the revision at which it was.
        """
        before = self.path / "before"
        if before.is_dir():
            shutil.copytree(before, root, dirs_exist_ok=True)
            repository = Repository(root)
            repository.commit()
            for path in root.iterdir():
                if path.name != ".git":
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            shutil.copytree(self.path / "after", root, dirs_exist_ok=True)
            return "HEAD"
        if self.path.is_dir():
            shutil.copytree(self.path, root, dirs_exist_ok=True)
        else:
            shutil.copy(self.path, root)
        return None


def projects() -> Iterator[Project]:
    for folder in sorted(FIXTURES.iterdir()):
        if folder.is_dir():
            # What the linter says of its own work depends on what other rules find.
            codes = frozenset(code for code in codes_of(folder) if not code.startswith("CEL0")) or ALL_CODES
            for path in sorted(folder.iterdir()):
                if path.name.startswith(("bad", "good")) and ".fixed" not in path.name:
                    yield Project(path, codes)


PROJECTS = list(projects())
MODULES = [project for project in PROJECTS if project.path.name.startswith("bad") and project.path.is_file()]
REPAIRED = [
    (project, fixed)
    for project in PROJECTS
    if (fixed := project.path.with_name(f"{project.path.stem}.fixed{project.path.suffix}")).exists()
]


def files_of(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*.py"))


def marks(root: Path) -> Expected:
    """What the comments of a project's files ask for."""
    return frozenset(
        (name, row, code.strip())
        for name in files_of(root)
        for row, line in enumerate((root / name).read_text(encoding="utf-8", errors="replace").splitlines(), start=1)
        for mark in MARK.finditer(line)
        for code in mark[1].split(",")
    )


def findings(root: Path, codes: frozenset[str], since: str | None = None) -> Expected:
    """What is reported for every file of a project."""
    report = run([root], Overrides(selection=Selection(select=tuple(sorted(codes))), isolated=True, since=since))
    assert not report.errors
    assert not any(checked.failures for checked in report.checked)
    return frozenset(
        (
            (checked.project.root / finding.place.filename).relative_to(root).as_posix(),
            finding.place.span.start.row,
            finding.code,
        )
        for checked in report.checked
        for finding in checked.findings
    )


def assert_same(root: Path, expected: Expected, found: Expected) -> None:
    """Fail with the lines of code that are missing from the findings, or that should not be there."""

    def lines(heading: str, wrong: Expected) -> Iterator[str]:
        for name, row, code in sorted(wrong):
            text = (root / name).read_bytes().decode("utf-8-sig", errors="replace").splitlines()[row - 1]
            yield f"{heading} {name}:{row}: {code}  {text.strip()}"

    problems = [*lines("missing   ", expected - found), *lines("unexpected", found - expected)]
    if problems:
        pytest.fail("\n".join(["", *problems]), pytrace=False)


@pytest.mark.parametrize("project", PROJECTS, ids=str)
def test_findings_are_the_marked_lines(project: Project, tmp_path: Path) -> None:
    since = project.copy_to(tmp_path)
    expected = marks(tmp_path)
    if project.path.name.startswith("bad"):
        assert expected, "a bad project expects at least one finding"
    else:
        assert not expected, "a good project expects nothing"
    assert_same(tmp_path, expected, findings(tmp_path, project.codes, since))


@pytest.mark.parametrize("path", sorted(p for p in LARGE.iterdir() if p.is_dir()), ids=lambda p: p.name)
def test_large_project(path: Path, tmp_path: Path) -> None:
    Project(path, ALL_CODES).copy_to(tmp_path)
    assert_same(tmp_path, marks(tmp_path), findings(tmp_path, ALL_CODES | {"CEL001"}))


def test_example_project_shows_what_it_is_said_to_show() -> None:
    text = (FIXTURES / "examples_expected.txt").read_text(encoding="utf-8")
    expected = frozenset(
        (name, int(row), code.strip()) for name, row, code in (line.split(":") for line in text.splitlines() if line)
    )
    assert_same(EXAMPLE, expected, findings(EXAMPLE, ALL_CODES))


@pytest.mark.parametrize(("project", "fixed"), REPAIRED, ids=str)
def test_repair_is_the_one_shown(project: Project, fixed: Path, tmp_path: Path) -> None:
    project.copy_to(tmp_path)
    subprocess.run(
        [
            *(sys.executable, "-m", "celery_lint", "--isolated", "--fix", "--unsafe-fixes", "--exit-zero"),
            *("--select", ",".join(sorted(project.codes)), "."),
        ],
        cwd=tmp_path,
        check=True,
    )
    if fixed.is_dir():
        wanted = {name: (fixed / name).read_text(encoding="utf-8") for name in files_of(fixed)}
    else:
        wanted = {project.path.name: fixed.read_text(encoding="utf-8")}
    assert {name: (tmp_path / name).read_text(encoding="utf-8") for name in files_of(tmp_path)} == wanted


def with_crlf(source: str) -> tuple[bytes, int]:
    return source.replace("\n", "\r\n").encode(), 0


def with_byte_order_mark(source: str) -> tuple[bytes, int]:
    return source.encode("utf-8-sig"), 0


def in_latin_1(source: str) -> tuple[bytes, int]:
    """Under a cookie, and with a byte that is not UTF-8."""
    return f"# -*- coding: latin-1 -*-\n# caf\xe9\n{source}".encode("latin-1"), 2


def with_async_callers(source: str) -> tuple[bytes, int]:
    """Plain functions that no other code of the module names become coroutine functions."""
    tree = ast.parse(source)
    named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    lines = source.splitlines(keepends=True)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.decorator_list and node.name not in named:
            lines[node.lineno - 1] = f"async {lines[node.lineno - 1]}"
    return "".join(lines).encode(), 0


REWRITINGS: list[Callable[[str], tuple[bytes, int]]] = [
    with_crlf,
    with_byte_order_mark,
    in_latin_1,
    with_async_callers,
]
"""Each takes a module's source, and gives the bytes of its twin and how many rows it moved down."""

REWRITTEN = [
    pytest.param(project, content, shift, id=f"{project}-{rewrite.__name__}")
    for project in MODULES
    for source in [project.path.read_text(encoding="utf-8")]
    for rewrite in REWRITINGS
    for content, shift in [rewrite(source)]
    if content != source.encode()
]


@pytest.mark.parametrize(("project", "content", "shift"), REWRITTEN)
def test_findings_do_not_depend_on_how_the_file_is_written(
    project: Project, content: bytes, shift: int, tmp_path: Path
) -> None:
    project.copy_to(tmp_path)
    expected = marks(tmp_path)
    (tmp_path / project.path.name).write_bytes(content)
    moved = frozenset((name, row + shift, code) for name, row, code in expected)
    assert_same(tmp_path, moved, findings(tmp_path, project.codes))
