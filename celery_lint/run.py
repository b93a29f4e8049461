"""From paths to findings: the one way that all doors take."""

from __future__ import annotations

import contextlib
import dataclasses
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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from celery_lint.revisions import Earlier


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
    earlier: Earlier | None = None
    """The project as it was, where only what is new since then is asked for."""
    known: tuple[Finding, ...] = ()
    """The findings that were there then; they carry no fixes."""

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
    checked, complaints = [], list(errors)
    for project in projects:
        earlier = None
        if overrides.since is not None and project.asked:
            from celery_lint import revisions, since

            try:
                earlier = since.earlier(project, overrides.since)
            except revisions.RevisionError as error:
                complaints.append(str(error))
                continue
        checked.append(check_project(project, unsaved_in(project, unsaved), earlier=earlier))
    return Report(tuple(checked), tuple(complaints))


def unsaved_in(project: Project, unsaved: Unsaved | None) -> dict[str, bytes]:
    """The unsaved content by its name in the project, if it belongs there."""
    if unsaved is None:
        return {}
    path = Path(os.path.abspath(unsaved.path))
    return {filename: unsaved.content for filename in project.asked if project.root / filename == path}


def check_project(
    project: Project, unsaved: Mapping[str, bytes], *, noqa: bool = True, earlier: Earlier | None = None
) -> Checked:
    """Checks the files asked for. Where the linter fails on one, the others are checked.

    With `noqa` false, only celery-lint's own comments count. With `earlier`, what was found
    in the project as it was then is told apart.
    """
    findings: list[Finding] = []
    known: list[Finding] = []
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
            if earlier is not None:
                findings, known = _told_apart(finder, earlier, findings, failures, noqa=noqa)
    findings.sort(key=lambda finding: finding.sort_key)
    return Checked(project, tuple(findings), tuple(failures), unsaved, earlier, tuple(known))


def _told_apart(
    finder: Finder, earlier: Earlier, findings: Iterable[Finding], failures: list[Failure], *, noqa: bool
) -> tuple[list[Finding], list[Finding]]:
    """The findings that are new since a revision, with those on the changes themselves, and the findings that are not.

    Files on which the linter fails are added to `failures`.
    """
    from celery_lint.since import Then, only_new

    then = Then(finder, earlier)
    by_file: dict[str, list[Finding]] = {}
    for finding in findings:
        by_file.setdefault(finding.place.filename, []).append(finding)
    new: list[Finding] = []
    known: list[Finding] = []
    for filename in finder.project.asked:
        found = by_file.get(filename, [])
        before = earlier.name_of(filename)
        try:
            if found and before is not None:
                text, text_then = _content(finder, filename), _content(then, before)
                left = only_new(found, check_file(then, before, noqa=noqa), text, text_then)
                known += [dataclasses.replace(one, fix=None) for one in found if one not in left]
                found = left
            new += found
            new += _reported(finder, filename, then.changes_in(filename), noqa=noqa)
        except Exception as error:
            failures.append(Failure(filename, error))
    return new, known


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
    return _reported(finder, filename, finder.find(filename), noqa=noqa, unused=True)


def _reported(
    finder: Finder, filename: str, findings: list[Finding], *, noqa: bool, unused: bool = False
) -> list[Finding]:
    """Those findings in a file that are to be reported, and with `unused` the comments that suppress nothing."""
    settings = finder.project.settings
    if findings or (unused and UNUSED_SUPPRESSION in settings.rules):
        from celery_lint import suppressions
        from celery_lint.source import Source

        rules = settings.rules if unused else settings.rules - {UNUSED_SUPPRESSION}
        source = Source(filename, _content(finder, filename))
        findings = suppressions.apply(source, findings, rules, noqa=noqa)
    if findings:
        ignored = settings.ignored_codes(filename)
        findings = [finding for finding in findings if finding.code not in ignored]
    return sorted(findings, key=lambda finding: finding.sort_key)


def _content(finder: Finder, filename: str) -> bytes:
    """What is in a file; nothing when it cannot be read."""
    try:
        return _read(finder.project.root, filename, finder.unsaved)
    except OSError:
        return b""


def _read(root: Path, filename: str, unsaved: Mapping[str, bytes]) -> bytes:
    content = unsaved.get(filename)
    return (root / filename).read_bytes() if content is None else content
