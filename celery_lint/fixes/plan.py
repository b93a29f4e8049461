"""From fixes to edits: what a fix changes in which file, or that it cannot be made exactly."""

from __future__ import annotations

import bisect
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from celery_lint.findings import Change, Edit, Finding, Fix, Substitute
from celery_lint.fixes.bridge import Bridge
from celery_lint.fixes.changes import splice_for
from celery_lint.fixes.imports import FileImports
from celery_lint.fixes.scopes import Scopes
from celery_lint.fixes.text import NotExact, Splice, parse, splice
from celery_lint.fixes.wrapping import wrapped
from celery_lint.source import UnreadableError

Read = Callable[[str], bytes]


class Files:
    """The files that fixes ask for, each analysed once for the same bytes."""

    def __init__(self, width: int | None = None) -> None:
        """`width` is how long lines may be that fixes make longer; None for any length."""
        self.width = width
        self._known: dict[str, tuple[bytes, tuple[Bridge, Scopes] | NotExact]] = {}

    def draft(self, filename: str, data: bytes) -> Draft:
        """A draft without edits."""
        known = self._known.get(filename)
        if known is None or known[0] != data:
            try:
                bridge = Bridge(filename, data)
                known = (data, (bridge, Scopes(bridge)))
            except NotExact as error:
                known = (data, error)
            self._known[filename] = known
        if isinstance(known[1], NotExact):
            raise known[1]
        bridge, scopes = known[1]
        return Draft(bridge, FileImports(bridge, scopes, self.width))


@dataclass
class Draft:
    """The edits of one file that fixes have put together so far."""

    bridge: Bridge
    imports: FileImports
    splices: list[Splice] = field(default_factory=list)

    def takes(self, new: Sequence[Splice]) -> bool:
        """Whether new edits overlap none made before, nor the imports that they need.

        Two insertions at one place overlap, as each may depend on the other.
        """
        taken = sorted([*self.splices, *new], key=lambda splice: (splice.start, splice.end))
        for before, after in itertools.pairwise(taken):
            if after.start < before.end or (before.start, before.end) == (after.start, after.end):
                return False
        starts = [splice.start for splice in taken]
        for line in self.imports.splices():
            index = bisect.bisect_left(starts, line.start)
            if index and taken[index - 1].end > line.start:
                return False
            if index < len(taken) and taken[index].start < line.end:
                return False
        return True

    def text(self) -> str:
        """The file's text with the edits made; imports stand before what is put in at their place."""
        return splice(self.bridge.text, [*self.imports.splices(), *self.splices])

    def edits(self) -> list[Edit]:
        span = self.bridge.source.span
        splices = sorted([*self.imports.splices(), *self.splices], key=lambda splice: (splice.start, splice.end))
        return [Edit(self.bridge.filename, span(item.start, item.end), item.text) for item in splices]


class Drafts:
    """The edits of all files that a set of fixes makes: each fix with all of its edits, or none."""

    def __init__(self, read: Read, files: Files) -> None:
        self._read = read
        self._files = files
        self.by_file: dict[str, Draft] = {}

    def add(self, fix: Fix) -> frozenset[str] | None:
        """The files that a fix was drafted in, or None where it overlaps an earlier one.

        Raises NotExact for a fix that cannot be made exactly.
        """
        drafts = {change.place.filename: self._draft(change.place.filename) for change in fix.changes}
        if not drafts:
            raise NotExact("the fix changes nothing")
        snapshots = {filename: draft.imports.snapshot() for filename, draft in drafts.items()}
        new: dict[str, list[Splice]] = {filename: [] for filename in drafts}
        kept = False
        try:
            for change in fix.changes:
                draft = drafts[change.place.filename]
                made = splice_for(change, draft.bridge, draft.imports)
                _check_exact(change, made, draft.bridge)
                new[change.place.filename].append(made)
            if self._files.width is not None:
                for filename, draft in drafts.items():
                    new[filename] = wrapped(new[filename], draft.bridge, self._files.width)
            kept = all(draft.takes(new[filename]) for filename, draft in drafts.items())
        finally:
            if not kept:
                for filename, draft in drafts.items():
                    draft.imports.restore(snapshots[filename])
        if not kept:
            return None
        for filename, draft in drafts.items():
            draft.splices += new[filename]
            self.by_file[filename] = draft
        return frozenset(drafts)

    def _draft(self, filename: str) -> Draft:
        if filename in self.by_file:
            return self.by_file[filename]
        try:
            data = self._read(filename)
        except OSError as error:
            raise NotExact(f"{filename} cannot be read: {error}") from error
        return self._files.draft(filename, data)


def _check_exact(change: Change, made: Splice, bridge: Bridge) -> None:
    """Refuse an edit that changes nothing, or loses a comment."""
    if made.text == bridge.code((made.start, made.end)):
        raise NotExact("the change changes nothing")
    if isinstance(change, Substitute):
        return  # it is about a comment
    comments = Counter(bridge.comments_in(made.start, made.end))
    if any(made.text.count(text) < number for text, number in comments.items()):
        raise NotExact("a comment would be lost")


def syntax_error(data: bytes) -> str | None:
    """Why a file does not parse, or None."""
    try:
        parse(data)
    except UnreadableError as error:
        return f"line {error.position.row}: {error.reason}"
    return None


def edits_for(findings: Sequence[Finding], read: Read, width: int | None = None) -> dict[int, tuple[Edit, ...]]:
    """The edits of each finding's fix, by the finding's index, imports included.

    Each is drafted as if it were made alone. A finding without a fix, or whose
    fix cannot be made exactly, has none. `read` gives a file's bytes by the
    name that findings call it. `width` is how long lines may be that fixes make
    longer; None for any length.
    """
    files = Files(width)
    found = {}
    for index, finding in enumerate(findings):
        if finding.fix is None:
            continue
        drafts = Drafts(read, files)
        try:
            if drafts.add(finding.fix) is None:
                continue
            outcome = {name: draft.bridge.source.encode(draft.text()) for name, draft in drafts.by_file.items()}
        except NotExact:
            continue
        if not any(map(syntax_error, outcome.values())):
            edits = [edit for _, draft in sorted(drafts.by_file.items()) for edit in draft.edits()]
            found[index] = tuple(edits)
    return found
