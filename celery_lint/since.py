"""`--since`: what was not there at a revision.

A change reaches further than its own lines: a setting, a base class or a caller makes a task
wrong that nobody touched. So what is new is told from two analyses, of the project as it is
and as it was. The second one starts from the answers of the first that do not rest on
anything that changed (`incremental.py`, the other way round in time), and only files with
findings are looked into.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from celery_lint.discovery import Project, belonged
from celery_lint.finder import Finder
from celery_lint.findings import Finding
from celery_lint.identity import Identity, identity_of
from celery_lint.revisions import Earlier, read_earlier
from celery_lint.source import NEWLINE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from celery_lint.engine import Engine
    from celery_lint.semantics.revision import Revision


def earlier(project: Project, revision: str) -> Earlier:
    """A project's files at a revision. Raises revisions.RevisionError."""
    root, settings = project.root, project.settings
    return read_earlier(root, project.files, revision, lambda name: belonged(root, settings, name))


class Then(Finder):
    """Finds what would have been found at a revision, starting from what is found now."""

    def __init__(self, now: Finder, earlier: Earlier) -> None:
        files = tuple(sorted(earlier.files))
        super().__init__(replace(now.project, files=files), dict(earlier.texts))
        self._now = now
        self.earlier = earlier

    def find(self, filename: str) -> list[Finding]:
        """The findings in a file, by its name then."""
        return self._engine.check(filename)

    def changes_in(self, filename: str) -> list[Finding]:
        """What rules find in the changes that a file of now has seen."""
        if filename not in self._others or not self._may_hold_tasks:
            return []
        return self._now.compare(filename, self._revision)

    @cached_property
    def _revision(self) -> Revision:
        from celery_lint.semantics.revision import Revision

        shown = _shown(self.earlier.revision)
        return Revision(shown, self._engine.semantics, self._now.semantics, self._others, self._contents.keys())

    @cached_property
    def _others(self) -> Mapping[str, str | None]:
        """The files of now that are other than they were, with their names then."""
        return {**{name: self.earlier.name_of(name) for name in self._now.unsaved}, **self.earlier.origins}

    @cached_property
    def _contents(self) -> Mapping[str, bytes]:
        """What stood in the files that are other now, or gone."""
        found = {}
        for name in self._now.unsaved:
            if self.earlier.name_of(name) == name:
                try:
                    found[name] = (self.project.root / name).read_bytes()
                except OSError:
                    continue
        return {**found, **self.earlier.texts}

    @cached_property
    def _may_hold_tasks(self) -> bool:
        from celery_lint.project.index import has_trace

        return any(map(has_trace, self._contents.values()))

    @cached_property
    def _engine(self) -> Engine:
        from celery_lint.cache import Changes
        from celery_lint.codec import DecodeError
        from celery_lint.engine import Engine
        from celery_lint.incremental import restore

        project = self.project
        gone = [name for name in self._now.project.files if name not in self.earlier.files]
        engine = Engine(project.root, project.files, project.settings, self.unsaved)
        try:
            if restore(engine, self._now.snapshot(), Changes(self._contents, {}, gone, False)):
                return engine
        except DecodeError:
            pass
        return Engine(project.root, project.files, project.settings, self.unsaved)


def _shown(revision: str) -> str:
    """A revision as messages show it: a commit's whole name is cut as git cuts it."""
    return revision[:10] if re.fullmatch(r"[0-9a-f]{40,64}", revision) else revision


def only_new(now: Sequence[Finding], then: Sequence[Finding], text: bytes, text_then: bytes) -> list[Finding]:
    """The findings of a file that are not among those of then.

    A finding was there when the same rule reported the same line. A line that moved or is
    indented otherwise is the same; where only its neighbours changed, the message may be another.
    """
    if not then:
        return list(now)
    lines, lines_then = (NEWLINE.split(data.decode(errors="replace")) for data in (text, text_then))
    rows = _same_rows(lines_then, lines)
    left = list(then)
    unplaced = []
    for finding in now:
        row = rows.get(finding.place.span.start.row)
        known = next((one for one in left if one.code == finding.code and one.place.span.start.row == row), None)
        if known is not None:
            left.remove(known)
        else:
            unplaced.append(finding)
    moved = Counter(_wherever(finding, lines_then) for finding in left)
    new = []
    for finding in unplaced:
        identity = _wherever(finding, lines)
        if moved[identity] > 0:
            moved[identity] -= 1
        else:
            new.append(finding)
    return new


def _wherever(finding: Finding, lines: Sequence[str]) -> Identity:
    """What stays of a finding when its line moves, into another function as well."""
    return replace(identity_of(finding, lines), scope="")


def _same_rows(before: Sequence[str], after: Sequence[str]) -> dict[int, int]:
    """For each row of a text that stood in another one, counted from 1, its row there."""
    if before == after:
        return {row: row for row in range(1, len(after) + 1)}
    import difflib

    blocks = difflib.SequenceMatcher(None, before, after).get_matching_blocks()
    return {block.b + step + 1: block.a + step + 1 for block in blocks for step in range(block.size)}
