"""From paths to findings: the one way that all doors take."""

from __future__ import annotations

import contextlib
import gc
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from celery_lint import suppressions
from celery_lint.cache import Cache, Snapshot, changed_files, state_of
from celery_lint.codec import DecodeError
from celery_lint.configuration import Overrides, Settings, load
from celery_lint.discovery import Project, discover
from celery_lint.engine import Engine
from celery_lint.findings import Finding
from celery_lint.incremental import capture, findings_of, restore
from celery_lint.rules.registry import known_codes
from celery_lint.source import Source


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


def run(paths: Iterable[Path], overrides: Overrides = Overrides(), unsaved: Unsaved | None = None) -> Report:
    """Checks files and folders. A path that is not there is a complaint; the others are checked."""
    projects, errors = find_projects(paths, overrides, unsaved)
    return Report(tuple(check_project(project, unsaved_in(project, unsaved)) for project in projects), errors)


def unsaved_in(project: Project, unsaved: Unsaved | None) -> dict[str, bytes]:
    """The unsaved content by its name in the project, if it belongs there."""
    if unsaved is None:
        return {}
    path = Path(os.path.abspath(unsaved.path))
    return {filename: unsaved.content for filename in project.asked if project.root / filename == path}


def check_project(project: Project, unsaved: Mapping[str, bytes], cache_folder: Path | None = None) -> Checked:
    """Checks the files asked for. Where the linter fails on one, the others are checked.

    With `cache_folder`, what an earlier run kept there is used, and kept anew.
    """
    if not project.asked:
        return Checked(project, (), (), unsaved)
    with collection_paused():
        finder = Finder(project, unsaved, cache_folder)
        findings: list[Finding] = []
        failures = []
        for filename in project.asked:
            try:
                found = finder.find(filename)
                findings += heeding_comments(found, project.root, filename, project.settings, unsaved)
            except Exception as error:
                failures.append(Failure(filename, error))
        finder.keep()
    findings.sort(key=lambda finding: finding.sort_key)
    return Checked(project, tuple(findings), tuple(failures), unsaved)


class Finder:
    """Finds a project's findings with what a cache has of them."""

    def __init__(self, project: Project, unsaved: Mapping[str, bytes], cache_folder: Path | None) -> None:
        self._project = project
        self._unsaved = unsaved
        self._cache = Cache(cache_folder, project.root, project.settings) if cache_folder is not None else None
        self._snapshot = self._cache.load() if self._cache is not None else None
        self._changed: Mapping[str, bytes] | None = None
        self._taken = time.time_ns()
        if self._snapshot is not None:
            on_disk = changed_files(self._snapshot, project.root, project.files)
            self._changed = None if on_disk is None else {**on_disk, **unsaved}
        self._states: dict[str, tuple[int, int]] = {}
        self._engine: Engine | None = None

    def find(self, filename: str) -> list[Finding]:
        """The findings in a file, comments not heeded."""
        if self._engine is None and self._snapshot is not None and self._changed is not None and not self._changed:
            known = self._known(self._snapshot, filename)
            if known is not None:
                return known
        if self._engine is None:
            self._engine = self._make_engine()
        return self._engine.check(filename)

    def _known(self, snapshot: Snapshot, filename: str) -> list[Finding] | None:
        try:
            return findings_of(snapshot, filename)
        except DecodeError:
            return None

    def _make_engine(self) -> Engine:
        project = self._project
        if self._cache is not None and not self._unsaved:
            self._states = {name: state_of(project.root, name) for name in project.files}
        if self._snapshot is not None and self._changed is not None:
            engine = Engine(project.root, project.files, project.settings, self._unsaved)
            try:
                if restore(engine, self._snapshot, self._changed):
                    return engine
            except DecodeError:
                pass
        self._snapshot = None
        return Engine(project.root, project.files, project.settings, self._unsaved)

    def keep(self) -> None:
        """Keeps what was found, if anything is new."""
        if self._cache is not None and self._engine is not None and not self._unsaved:
            self._cache.save(capture(self._engine, self._states, self._taken, self._snapshot))


def explain_context(path: Path, row: int, overrides: Overrides = Overrides()) -> list[str]:
    """What is known of a line: the task around it, its transaction, the kinds of its names, what it sends.

    Raises ConfigurationError.
    """
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


def check_file(
    engine: Engine,
    root: Path,
    filename: str,
    settings: Settings,
    unsaved: Mapping[str, bytes],
    *,
    noqa: bool = True,
) -> list[Finding]:
    """The findings in one file after per-file-ignores and comments: what every door reports.

    With `noqa` false, only celery-lint's own comments count.
    """
    return heeding_comments(engine.check(filename), root, filename, settings, unsaved, noqa=noqa)


def heeding_comments(
    findings: list[Finding],
    root: Path,
    filename: str,
    settings: Settings,
    unsaved: Mapping[str, bytes],
    *,
    noqa: bool = True,
) -> list[Finding]:
    """A file's findings after per-file-ignores and comments; with `noqa` false, only celery-lint's own comments."""
    if findings or suppressions.UNUSED in settings.rules:
        try:
            source = Source(filename, _read(root, filename, unsaved))
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
