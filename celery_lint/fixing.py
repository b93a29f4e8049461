"""`--fix` and `--diff`: the fixes of a whole run. Imports libcst: import it only when asked to fix."""

from __future__ import annotations

import dataclasses
import os
import platform
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from celery_lint import __version__
from celery_lint.discovery import Project, is_excluded
from celery_lint.findings import Applicability, Finding, PutStatement, Side
from celery_lint.fixes import Failure, FixedFile, FixResult, Read, fix_project, remove_abandoned, unified_diff
from celery_lint.output import count, shown_path
from celery_lint.run import Checked, check_project
from celery_lint.source import Source
from celery_lint.suppressions import Comments

SHOWN_PLACES = 3


@dataclass(frozen=True)
class Fixed:
    """What fixing came to: the projects as they are now, what changed, and what to tell.

    `errors` are (message, report) pairs: a report, where there is one, is the
    text of a bug report on the linter.
    """

    checked: tuple[Checked, ...]
    diff: bytes
    errors: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def fix(
    checked: Sequence[Checked], allowed: frozenset[Applicability], *, write: bool, only_asked: bool = False
) -> Fixed:
    """Makes the allowed fixes, on disk if `write`, else in the projects' unsaved content.

    With `only_asked`, no other file than those asked for is changed.
    """
    after, diffs, errors = [], [], []
    fixed: Counter[str] = Counter()
    held_back: dict[str, list[str]] = defaultdict(list)
    files = 0
    for each in checked:
        root = each.project.root
        result, old = _fix_project(each, allowed, write, only_asked)
        contents = {} if write else each.project.under_all_names({file.filename: file.after for file in result.files})
        reported = tuple(finding for finding in result.findings if finding not in old)
        after.append(dataclasses.replace(each, findings=reported, unsaved={**each.unsaved, **contents}))
        shown = [
            dataclasses.replace(file, filename=shown_path(root, file.filename).lstrip("/")) for file in result.files
        ]
        diffs.append(unified_diff(shown))
        for failure in result.failures:
            what = f"{', '.join(sorted(set(failure.codes)))} not fixed" if failure.is_internal else "not fixed"
            message = f"{shown_path(root, failure.filename)}: {what}: {failure.reason}"
            errors.append((message, _report(failure) if failure.is_internal else ""))
        for finding, reason in result.reasons.items():
            place = finding.place
            held_back[reason].append(f"{shown_path(root, place.filename)}:{place.span.start.row} {finding.code}")
        fixed.update(result.fixed)
        files += len(result.files)
    notes = []
    if fixed:
        by_code = ", ".join(f"{number} × {code}" for code, number in sorted(fixed.items()))
        fixed_what = f"{count(fixed.total(), 'finding')} in {count(files, 'file')} ({by_code})"
        notes.append(f"Fixed {fixed_what}." if write else f"Would fix {fixed_what}.")
    for reason, places in sorted(held_back.items()):
        left = len(places) - SHOWN_PLACES
        named = ", ".join(places[:SHOWN_PLACES]) + (f" and {left} more" if left > 0 else "")
        notes.append(f"{count(len(places), 'fix', 'fixes')} held back, to be made by hand: {reason} ({named}).")
    return Fixed(tuple(after), b"".join(diffs), tuple(errors), tuple(notes))


def _fix_project(
    checked: Checked, allowed: frozenset[Applicability], write: bool, only_asked: bool
) -> tuple[FixResult, frozenset[Finding]]:
    """What fixing one project came to, and the findings in it that are not to be reported."""
    project = checked.project
    old = frozenset(checked.old)
    known_failures = {failure.filename for failure in checked.failures}
    asked = set(project.asked)
    others: dict[str, Counter[str]] = {}

    def check(contents: Mapping[str, bytes]) -> list[Finding]:
        return [_under_one_name(finding, project.links) for finding in found(project.under_all_names(contents))]

    def found(contents: Mapping[str, bytes]) -> list[Finding]:
        nonlocal old
        if not contents:
            old = frozenset(checked.old)
            return [*checked.findings, *checked.old]
        again = check_project(project, {**checked.unsaved, **contents}, earlier=checked.earlier)
        old = frozenset(again.old)
        for failure in again.failures:
            # A file that the linter fails on since it was fixed must not be written.
            if failure.filename not in known_failures:
                raise failure.error
        return [*again.findings, *again.old, *gained(contents)]

    def gained(contents: Mapping[str, bytes]) -> list[Finding]:
        """What changed files have that were not asked for, and had not before: nothing to fix in them."""
        changed = tuple(sorted(contents.keys() - asked))
        if not changed:
            return []
        part = dataclasses.replace(project, asked=changed)
        if not others.keys() >= set(changed):
            before = check_project(part, checked.unsaved).findings
            others.update(
                (name, Counter(each.code for each in before if each.place.filename == name)) for name in changed
            )
        left = {name: others[name].copy() for name in changed}
        found = []
        for finding in check_project(part, {**checked.unsaved, **contents}).findings:
            known = left[finding.place.filename]
            if known[finding.code] > 0:
                known[finding.code] -= 1
            else:
                found.append(dataclasses.replace(finding, fix=None))
        return found

    if write:
        folders = {os.path.dirname(project.root / filename) for filename in project.files}
        remove_abandoned(folders)
    objection = _Objections(project, only_asked).of
    result = fix_project(check, checked.read, allowed, write, project.root, objection)
    return result, old


class _Objections:
    """Reasons not to make a fix that lie in what the user asked for."""

    def __init__(self, project: Project, only_asked: bool) -> None:
        self._settings = project.settings
        self._asked = frozenset(project.asked)
        self._only_asked = only_asked
        self._comments: dict[str, tuple[bytes, Comments]] = {}

    def of(self, finding: Finding, read: Read) -> str | None:
        """The reason to hold a finding's fix back, because it would change what is to be left alone."""
        fix = finding.fix
        if fix is None:
            return None
        codes = {finding.code, *fix.cures}
        for change in fix.changes:
            filename, row = change.place.filename, change.place.span.start.row
            if filename not in self._asked:
                if self._only_asked:
                    return "it would change other files as well"
                if is_excluded(self._settings, filename):
                    return "it would change an excluded file"
            if codes & self._settings.ignored_codes(filename):
                return "it would change a file in which the rule is ignored"
            is_beside = isinstance(change, PutStatement) and change.side is not Side.INSTEAD
            comments = self._comments_of(filename, read)
            if not is_beside and any(comments.silences(code, row) for code in codes):
                return "it would change a line where a comment silences the rule"
        return None

    def _comments_of(self, filename: str, read: Read) -> Comments:
        try:
            data = read(filename)
        except OSError:
            data = b""
        known = self._comments.get(filename)
        if known is None or known[0] != data:
            known = self._comments[filename] = (data, Comments(Source(filename, data)))
        return known[1]


def _under_one_name(finding: Finding, links: Mapping[str, str]) -> Finding:
    """A finding whose fix changes each file under one of its names."""
    if finding.fix is None or not any(change.place.filename in links for change in finding.fix.changes):
        return finding
    places = [(change, change.place, change.place.filename) for change in finding.fix.changes]
    changes = dict.fromkeys(
        dataclasses.replace(change, place=dataclasses.replace(place, filename=links.get(name, name)))
        for change, place, name in places
    )
    return dataclasses.replace(finding, fix=dataclasses.replace(finding.fix, changes=tuple(changes)))


def _report(failure: Failure) -> str:
    """The text of a bug report on a wrong fix."""
    patch = unified_diff([FixedFile(failure.filename, failure.before, failure.attempted, {})])
    return (
        f"{failure.reason.removeprefix('internal error: ')}\n\n"
        f"celery-lint {__version__}, libcst {version('libcst')}, Python {platform.python_version()}\n"
        f"to be fixed: {', '.join(failure.codes)}\n\n"
        f"```diff\n{patch.decode('utf-8', 'backslashreplace')}```"
    )
