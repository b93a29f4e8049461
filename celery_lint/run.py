"""From paths to findings: the one way that all doors take."""

from __future__ import annotations

import contextlib
import gc
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from celery_lint.configuration import UNREADABLE, UNUSED_SUPPRESSION, Overrides, Settings, load
from celery_lint.discovery import Project, discover
from celery_lint.finder import Finder
from celery_lint.findings import Finding
from celery_lint.rules.registry import known_codes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from celery_lint.revisions import Earlier
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
    known: tuple[Finding, ...] = ()
    """What was found and is not reported, because it is in the baseline."""
    stale: int = 0
    """How many findings of the baseline should have been found, and are not there any more."""
    earlier: Earlier | None = None
    """The project as it was, where only what is new since then is asked for."""
    old: tuple[Finding, ...] = ()
    """The findings that were there then; they carry no fixes."""

    def read(self, filename: str) -> bytes:
        """The content of a file of the project. Raises OSError."""
        return _read(self.project.root, filename, self.unsaved)

    @property
    def read_files(self) -> list[str]:
        """The files that were asked for, without those that could not be checked."""
        unread = {failure.filename for failure in self.failures}
        unread |= {one.place.filename for one in (*self.findings, *self.old) if one.code == UNREADABLE}
        return [filename for filename in self.project.asked if filename not in unread]

    def is_looked_for(self, code: str) -> bool:
        """Whether the run tells all findings of a code: it is selected, or no rule has it any more."""
        return code in self.project.settings.rules or code not in known_codes()


@dataclass(frozen=True)
class Report:
    """The outcome of a run. `errors` are complaints about paths and configurations."""

    checked: tuple[Checked, ...]
    errors: tuple[str, ...]


def find_projects(
    paths: Iterable[Path], overrides: Overrides = Overrides(), unsaved: Unsaved | None = None
) -> tuple[tuple[Project, ...], tuple[str, ...]]:
    """The projects that `paths` belong to, with the files to check, and complaints."""
    found = discover(
        paths,
        lambda root: settings_of(root, overrides),
        unsaved=unsaved.path if unsaved is not None else None,
    )
    return found.projects, found.errors


def settings_of(root: Path, overrides: Overrides) -> Settings:
    """The settings of the project at `root`. Raises ConfigurationError, for a baseline that cannot be used as well."""
    settings = load(root, known_codes(), overrides)
    if settings.baseline is not None:
        from celery_lint import baseline

        baseline.read(root, settings.baseline, may_be_new=overrides.starts_baseline)
    return settings


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
    old: list[Finding] = []
    failures = []
    finder = Finder(project, unsaved)
    if project.asked:
        with collection_paused():
            finder.prepare(project.asked)
            for filename in project.asked:
                try:
                    found = _found(finder, filename, noqa=noqa)
                    findings += found.new
                    known += found.known
                except Exception as error:
                    failures.append(Failure(filename, error))
            finder.keep()
            if earlier is not None:
                findings, old = _told_apart(finder, earlier, findings, failures, noqa=noqa)
    findings.sort(key=lambda finding: finding.sort_key)
    checked = Checked(project, tuple(findings), tuple(failures), unsaved, tuple(known), 0, earlier, tuple(old))
    if finder.baseline is not None:
        reach = finder.baseline.reach(checked.read_files, checked.is_looked_for)
        checked = replace(checked, stale=sum(map(Counter.total, reach.values())) - len(known))
    return checked


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
    old: list[Finding] = []
    for filename in finder.project.asked:
        found = by_file.get(filename, [])
        before = earlier.name_of(filename)
        try:
            if found and before is not None:
                text, text_then = _content(finder, filename), _content(then, before)
                left = only_new(found, _reported(then, before, then.find(before), noqa=noqa), text, text_then)
                old += [replace(one, fix=None) for one in found if one not in left]
                found = left
            new += found
            new += _reported(finder, filename, then.changes_in(filename), noqa=noqa)
        except Exception as error:
            failures.append(Failure(filename, error))
    return new, old


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
    """The findings in one file after per-file-ignores, comments and baseline: what every door reports.

    With `noqa` false, only celery-lint's own comments count.
    """
    return _found(finder, filename, noqa=noqa).new


@dataclass(frozen=True)
class _Found:
    """The findings in one file that are reported, and those that the baseline holds."""

    new: list[Finding]
    known: list[Finding]


def _found(finder: Finder, filename: str, *, noqa: bool) -> _Found:
    findings = _reported(finder, filename, finder.find(filename), noqa=noqa, unused=True)
    if findings and finder.baseline is not None:
        return _Found(*finder.baseline.split(_source(finder, filename), findings))
    return _Found(findings, [])


def _reported(
    finder: Finder, filename: str, findings: list[Finding], *, noqa: bool, unused: bool = False
) -> list[Finding]:
    """Those findings in a file that are to be reported, and with `unused` the comments that suppress nothing."""
    settings = finder.project.settings
    if findings or (unused and UNUSED_SUPPRESSION in settings.rules):
        from celery_lint import suppressions

        rules = settings.rules if unused else settings.rules - {UNUSED_SUPPRESSION}
        findings = suppressions.apply(_source(finder, filename), findings, rules, noqa=noqa)
    if findings:
        ignored = settings.ignored_codes(filename)
        findings = [finding for finding in findings if finding.code not in ignored]
    return sorted(findings, key=lambda finding: finding.sort_key)


def _source(finder: Finder, filename: str) -> Source:
    from celery_lint.source import Source

    return Source(filename, _content(finder, filename))


def _content(finder: Finder, filename: str) -> bytes:
    """What is in a file; nothing when it cannot be read."""
    try:
        return _read(finder.project.root, filename, finder.unsaved)
    except OSError:
        return b""


def _read(root: Path, filename: str, unsaved: Mapping[str, bytes]) -> bytes:
    content = unsaved.get(filename)
    return (root / filename).read_bytes() if content is None else content
