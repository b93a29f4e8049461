"""The rounds of fixing: check, fix what does not overlap, check again, until nothing is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from celery_lint.findings import Applicability, Finding, Fix
from celery_lint.fixes.plan import Drafts, Files, Read, syntax_error
from celery_lint.fixes.text import NotExact
from celery_lint.fixes.wrapping import line_length
from celery_lint.fixes.write import Replacement, replace_files
from celery_lint.records import record

ROUNDS = 10

Check = Callable[[Mapping[str, bytes]], list[Finding]]


@record()
class FixedFile:
    """One file before and after, and how many findings of which code were fixed in it."""

    filename: str
    before: bytes
    after: bytes
    fixed: Mapping[str, int]


@record()
class Failure:
    """A file that is as it was, although fixes were made for it, and why.

    `is_internal`: the fix was wrong, which is an error of the linter. Then
    `codes` are the findings that were to be fixed, and `before` and `attempted`
    what the file held and what it was to hold.
    """

    filename: str
    reason: str
    is_internal: bool = False
    codes: tuple[str, ...] = ()
    before: bytes = b""
    attempted: bytes = b""


@record()
class FixResult:
    """What fixing a project came to.

    `files` are the changed ones, by name. `findings` is the last check's
    report. `held_back` are those of its findings whose fix was allowed, but
    could not be made, each with its reason in `reasons`: the place does not
    allow an exact edit, fixes still overlap after the last round, or the file
    failed.
    """

    files: tuple[FixedFile, ...]
    findings: tuple[Finding, ...]
    held_back: tuple[Finding, ...]
    failures: tuple[Failure, ...]
    reasons: Mapping[Finding, str]

    @property
    def fixed(self) -> dict[str, int]:
        """How many findings were fixed, by code."""
        total: Counter[str] = Counter()
        for file in self.files:
            total.update(file.fixed)
        return dict(sorted(total.items()))


@record()
class _Applied:
    """A finding whose fix was made, and the files that it changed."""

    finding: Finding
    files: frozenset[str]


@record()
class _Broken:
    """Why a file has to be put back, and whether a wrong fix is to blame."""

    reason: str
    is_internal: bool = False


@record()
class _Round:
    """What one round made of the files, and in which it went wrong."""

    applied: list[_Applied]
    contents: dict[str, bytes]
    broken: dict[str, _Broken]


def fix_project(
    check: Check,
    read: Read,
    allowed: frozenset[Applicability],
    write: bool,
    root: Path = Path(),
    only: Collection[str] | None = None,
) -> FixResult:
    """Make the allowed fixes of all that `check` finds, and write the files if `write`.

    `check` gives the findings of the project in which some files, named as
    findings name them, hold other bytes than on disk. `read` gives a file's
    bytes. `root` is the directory that the names start from. With `only`, fixes
    that would change another file are held back.

    A file that fixes would break, or in which they would bring up a finding
    that was not there, stays as it was, together with all files that a fix
    joins to it.
    """
    fixing = _Fixing(check, read, allowed, only, line_length(root))
    fixing.run()
    if write:
        fixing.write(root)
    return fixing.result()


class _Fixing:
    """The state between rounds."""

    def __init__(
        self,
        check: Check,
        read: Read,
        allowed: frozenset[Applicability],
        only: Collection[str] | None,
        width: int,
    ) -> None:
        self._check = check
        self._read_original = read
        self._allowed = allowed
        self._only = only
        self._files = Files(width)
        self._originals: dict[str, bytes] = {}
        self._current: dict[str, bytes] = {}
        self._applied: list[_Applied] = []
        self._failures: dict[str, Failure] = {}
        self._reasons: dict[Finding, str] = {}
        self._findings = check({})

    def run(self) -> None:
        for _ in range(ROUNDS):
            done = self._round()
            if not done.applied:
                return
            self._applied += done.applied
            before, self._current = self._findings, {**self._current, **done.contents}
            if not done.broken:
                self._findings = self._check(self._current)
                done.broken.update(self._gained(before, done))
            if done.broken:
                self._put_back(done.broken)

    def write(self, root: Path) -> None:
        """Write the files. Those that fixes join are written together, or none of them."""
        broken: dict[str, _Broken] = {}
        for group in self._joined():
            replacements = [
                Replacement(root / name, self._originals[name], self._current[name]) for name in sorted(group)
            ]
            try:
                replace_files(replacements)
            except OSError as error:
                broken.update((name, _Broken(f"cannot be written: {error.strerror or error}")) for name in group)
        if broken:
            self._put_back(broken)

    def result(self) -> FixResult:
        fixed: dict[str, Counter[str]] = {name: Counter() for name in self._current}
        for item in self._applied:
            name = item.finding.place.filename
            fixed.setdefault(name if name in fixed else min(item.files), Counter())[item.finding.code] += 1
        files = [
            FixedFile(name, self._originals[name], after, dict(sorted(fixed[name].items())))
            for name, after in sorted(self._current.items())
        ]
        held_back = [finding for finding in self._findings if self._is_allowed(finding)]
        reasons = {finding: self._reasons.get(finding, f"not done after {ROUNDS} rounds") for finding in held_back}
        failures = [failure for _, failure in sorted(self._failures.items())]
        return FixResult(tuple(files), tuple(self._findings), tuple(held_back), tuple(failures), reasons)

    def _is_allowed(self, finding: Finding) -> bool:
        return finding.fix is not None and finding.fix.applicability in self._allowed

    def _read(self, filename: str) -> bytes:
        if filename in self._current:
            return self._current[filename]
        if filename not in self._originals:
            self._originals[filename] = self._read_original(filename)
        return self._originals[filename]

    def _round(self) -> _Round:
        """Make all fixes that overlap none made before them; the others wait for the next round."""
        drafts = Drafts(self._read, self._files)
        applied: list[_Applied] = []
        made: dict[Fix, frozenset[str]] = {}
        self._reasons = {}
        # Those that yield come last, when it is known which other fixes are made.
        for finding in sorted(self._findings, key=_yields):
            if finding.fix is None or not self._is_allowed(finding):
                continue
            if finding.fix.yields and finding.code in {i.finding.code for i in applied if not _yields(i.finding)}:
                continue
            changed = {change.place.filename for change in finding.fix.changes}
            if changed & self._failures.keys():
                self._reasons[finding] = "its file was put back"
                continue
            if self._only is not None and not changed <= set(self._only):
                self._reasons[finding] = "it would change other files as well"
                continue
            try:
                files = made.get(finding.fix) or drafts.add(finding.fix)
            except NotExact as error:
                self._reasons[finding] = str(error)
                continue
            if files is None:
                self._reasons[finding] = "it overlaps another one"
            else:
                made[finding.fix] = files
                applied.append(_Applied(finding, files))
        done = _Round(applied, {}, {})
        for name, draft in drafts.by_file.items():
            try:
                data = draft.bridge.source.encode(draft.text())
            except NotExact as error:
                done.broken[name] = _Broken(str(error))
                continue
            done.contents[name] = data
            wrong = syntax_error(data)
            if wrong is not None:
                done.broken[name] = _Broken(f"the fixed file does not parse: {wrong}", is_internal=True)
        return done

    def _gained(self, before: Sequence[Finding], done: _Round) -> dict[str, _Broken]:
        """The files that have more findings of a code than they had, less those fixed.

        Messages are not compared, as they quote code and rows that fixes change.
        """
        expected = _counted(before)
        expected.subtract(_counted(item.finding for item in done.applied))
        gained = {}
        for (name, code), number in sorted(_counted(self._findings).items()):
            if number > max(expected[name, code], 0):
                changed = {name}
                if name not in done.contents:
                    # Another file brought it up: one that was changed for that finding, or any.
                    at = [item for item in done.applied if item.finding.code == code]
                    joined = [item.files for item in at if item.finding.place.filename == name]
                    changed = set().union(*joined) or set(done.contents)
                for file in sorted(changed):
                    gained[file] = _Broken(f"fixed, it would leave or bring up {code} in {name}", is_internal=True)
        return gained

    def _put_back(self, broken: Mapping[str, _Broken]) -> None:
        """Undo, in all rounds, what was done to broken files and those that fixes join to them."""
        for group in self._joined():
            reasons = [broken[name] for name in sorted(group) if name in broken]
            if not reasons:
                continue
            for name in group:
                why = broken.get(name, reasons[0])
                codes = [item.finding.code for item in self._applied if name in item.files]
                attempted = self._current.pop(name, b"")
                before = self._originals.get(name, b"")
                prefix = "internal error: " if why.is_internal else ""
                self._failures[name] = Failure(
                    name, prefix + why.reason, why.is_internal, tuple(sorted(codes)), before, attempted
                )
            self._applied = [item for item in self._applied if not item.files & group]
        self._findings = self._check(self._current)

    def _joined(self) -> list[set[str]]:
        """The changed files, in groups that fixes join."""
        groups: list[set[str]] = []
        for item in self._applied:
            group = set(item.files)
            apart = []
            for other in groups:
                if other & group:
                    group |= other
                else:
                    apart.append(other)
            groups = [*apart, group]
        return groups


def _yields(finding: Finding) -> bool:
    return finding.fix is not None and finding.fix.yields


def _counted(findings: Iterable[Finding]) -> Counter[tuple[str, str]]:
    return Counter((finding.place.filename, finding.code) for finding in findings)
