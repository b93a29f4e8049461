"""From paths to findings: the one way that all doors take."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from celery_lint.configuration import UNUSED_SUPPRESSION, Overrides, load
from celery_lint.discovery import Project, discover
from celery_lint.finder import Finder
from celery_lint.findings import Finding
from celery_lint.rules.registry import known_codes


@dataclass(frozen=True)
class Unsaved:
    """Content that stands for a file's own: standard input under the name it is given."""

    path: Path
    content: bytes


@dataclass(frozen=True)
class Failure:
    """A file on which the linter itself failed. `filename` is relative to the root."""

    filename: str
    error: Exception


@dataclass(frozen=True)
class Checked:
    """One project and what was found in the files asked for, in the order of every report."""

    project: Project
    findings: tuple[Finding, ...]
    failures: tuple[Failure, ...]
    unsaved: Mapping[str, bytes]

    def read(self, filename: str) -> bytes:
        """The content of a file of the project. Raises OSError."""
        return _read(self.project.root, filename, self.unsaved)


@dataclass(frozen=True)
class Report:
    """The outcome of a run. `errors` are complaints about paths and configurations."""

    checked: tuple[Checked, ...]
    errors: tuple[str, ...]


def find_projects(
    paths: Iterable[Path], overrides: Overrides = Overrides(), unsaved: Unsaved | None = None
) -> tuple[tuple[Project, ...], tuple[str, ...]]:
    """The projects that `paths` belong to, with the files to check, and complaints."""
    known = known_codes()
    found = discover(
        paths,
        lambda root: load(root, known, overrides),
        unsaved=unsaved.path if unsaved is not None else None,
    )
    return found.projects, found.errors


def run(
    paths: Iterable[Path],
    overrides: Overrides = Overrides(),
    unsaved: Unsaved | None = None,
    before_reading: Callable[[], None] | None = None,
) -> Report:
    """Checks files and folders. A path that is not there is a complaint; the others are checked.

    `before_reading` is called when it is known which files there are.
    """
    projects, errors = find_projects(paths, overrides, unsaved)
    if before_reading is not None:
        before_reading()
    return Report(tuple(check_project(project, unsaved_in(project, unsaved)) for project in projects), errors)


def unsaved_in(project: Project, unsaved: Unsaved | None) -> dict[str, bytes]:
    """The unsaved content by its name in the project, if it belongs there."""
    if unsaved is None:
        return {}
    path = Path(os.path.abspath(unsaved.path))
    return {filename: unsaved.content for filename in project.asked if project.root / filename == path}


def check_project(project: Project, unsaved: Mapping[str, bytes], *, noqa: bool = True) -> Checked:
    """Checks the files asked for. Where the linter fails on one, the others are checked.

    With `noqa` false, only celery-lint's own comments count.
    """
    findings: list[Finding] = []
    failures = []
    if project.asked:
        finder = Finder(project, unsaved)
        with collection_paused():
            finder.prepare(project.asked)
            for filename in project.asked:
                try:
                    findings += check_file(finder, filename, noqa=noqa)
                except Exception as error:
                    failures.append(Failure(filename, error))
            finder.keep()
    findings.sort(key=lambda finding: finding.sort_key)
    return Checked(project, tuple(findings), tuple(failures), unsaved)


def explain_context(path: Path, row: int, overrides: Overrides = Overrides()) -> list[str]:
    """What is known of a line: the task around it, its transaction, the kinds of its names, what it sends.

    Raises ConfigurationError.
    """
    from celery_lint.engine import Engine

    projects, errors = find_projects([path], overrides)
    lines = list(errors)
    for project in projects:
        engine = Engine(project.root, project.files, project.settings)
        for filename in project.asked:
            lines += engine.explain(filename, row)
    return lines


@contextlib.contextmanager
def collection_paused() -> Iterator[None]:
    """Keep the garbage collector still: syntax trees are many objects that live to the end of a run."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.freeze()  # what was built stays: looking through it once more would cost a second
            gc.enable()


def check_file(finder: Finder, filename: str, *, noqa: bool = True) -> list[Finding]:
    """The findings in one file after per-file-ignores and comments: what every door reports.

    With `noqa` false, only celery-lint's own comments count.
    """
    findings = finder.find(filename)
    settings = finder.project.settings
    if findings or UNUSED_SUPPRESSION in settings.rules:
        from celery_lint import suppressions
        from celery_lint.source import Source

        try:
            source = Source(filename, _read(finder.project.root, filename, finder.unsaved))
        except OSError:
            source = Source(filename, b"")
        findings = suppressions.apply(source, findings, settings.rules, noqa=noqa)
    if findings:
        ignored = settings.ignored_codes(filename)
        findings = [finding for finding in findings if finding.code not in ignored]
    return sorted(findings, key=lambda finding: finding.sort_key)


def _read(root: Path, filename: str, unsaved: Mapping[str, bytes]) -> bytes:
    content = unsaved.get(filename)
    return (root / filename).read_bytes() if content is None else content
