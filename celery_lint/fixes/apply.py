"""The rounds of fixing: check, fix what does not overlap, check again, until nothing is left."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from celery_lint.findings import Applicability, Finding, Fix
from celery_lint.fixes.plan import Drafts, Files, Read, syntax_error
from celery_lint.fixes.text import NotExact
from celery_lint.fixes.write import Replacement, replace_files
from celery_lint.line_length import line_length
from celery_lint.records import record

ROUNDS = 10
_NUMBER = re.compile(r"\d+")

Check = Callable[[Mapping[str, bytes]], list[Finding]]
Objection = Callable[[Finding, Read], str | None]


@record()
class FixedFile:
    """One file before and after, and how many findings of which code were fixed in it."""

    filename: str
    before: bytes
    after: bytes
    fixed: Mapping[str, int]


@record()
class Failure:
    """A file that lacks a fix, or all fixes made for it, and why.

    `is_internal`: a fix was wrong, which is an error of the linter. Then `codes`
    are the findings that it was to cure, and `before` and `attempted` what the
    file held and what it was to hold. Otherwise the file is as it was.
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
    allow an exact edit, fixes still overlap after the last round, the fix or its
    file failed.
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
    """Why a round's result for a file cannot stay, and whether a wrong fix is to blame."""

    reason: str
    is_internal: bool = False


@record()
class _Round:
    """What one round made of the files, in which it went wrong, and what is found in the project then.

    `reasons` say why fixes were not made.
    """

    applied: list[_Applied]
    contents: dict[str, bytes]
    broken: dict[str, _Broken]
    findings: list[Finding]
    reasons: dict[Finding, str]


def fix_project(
    check: Check,
    read: Read,
    allowed: frozenset[Applicability],
    write: bool,
    root: Path = Path(),
    objection: Objection = lambda finding, read: None,
) -> FixResult:
    """Make the allowed fixes of all that `check` finds, and write the files if `write`.

    `check` gives the findings of the project in which some files, named as
    findings name them, hold other bytes than on disk. `read` gives a file's
    bytes. `root` is the directory that the names start from. `objection` gives the
    reason to hold back a finding's fix, if there is one.

    A fix that would break a file, or bring up a finding that was not there, is
    left out, with all of its changes; the others are made.
    """
    fixing = _Fixing(check, read, allowed, objection, line_length(root))
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
        objection: Objection,
        width: int,
    ) -> None:
        self._check = check
        self._read_original = read
        self._allowed = allowed
        self._objection = objection
        self._files = Files(width)
        self._originals: dict[str, bytes] = {}
        self._current: dict[str, bytes] = {}
        self._applied: list[_Applied] = []
        self._failures: list[Failure] = []
        self._refused: dict[tuple[str, ...], str] = {}
        self._reasons: dict[Finding, str] = {}
        self._findings = check({})

    def run(self) -> None:
        for _ in range(ROUNDS):
            refused = len(self._refused)
            done = self._tried(self._findings)
            if done.broken:
                done = self._sound_part(done)
            self._reasons = done.reasons
            if done.applied:
                self._applied += done.applied
                self._current.update(done.contents)
                self._findings = done.findings
            elif len(self._refused) == refused:
                return

    def write(self, root: Path) -> None:
        """Write the files. Those that fixes join are written together, or none of them."""
        broken: dict[str, str] = {}
        for group in self._joined():
            replacements = [
                Replacement(root / name, self._originals[name], self._current[name]) for name in sorted(group)
            ]
            try:
                replace_files(replacements)
            except OSError as error:
                broken.update((name, f"cannot be written: {error.strerror or error}") for name in group)
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
        failures = sorted(self._failures, key=lambda failure: (failure.filename, failure.codes))
        return FixResult(tuple(files), tuple(self._findings), tuple(held_back), tuple(failures), reasons)

    def _is_allowed(self, finding: Finding) -> bool:
        return finding.fix is not None and finding.fix.applicability in self._allowed

    def _read(self, filename: str) -> bytes:
        if filename in self._current:
            return self._current[filename]
        if filename not in self._originals:
            self._originals[filename] = self._read_original(filename)
        return self._originals[filename]

    def _tried(self, candidates: Iterable[Finding]) -> _Round:
        """One round, and how the project is after it."""
        done = self._round(candidates)
        if done.applied and not done.broken:
            done.findings.extend(self._check({**self._current, **done.contents}))
            done.broken.update(self._gained(done))
        return done

    def _round(self, candidates: Iterable[Finding]) -> _Round:
        """Make all fixes that overlap none made before them; the others wait for the next round."""
        drafts = Drafts(self._read, self._files)
        done = _Round([], {}, {}, [], {})
        applied, reasons = done.applied, done.reasons
        made: dict[Fix, frozenset[str]] = {}
        # Those that yield come last, when it is known which other fixes are made.
        for finding in sorted(candidates, key=_yields):
            if finding.fix is None or not self._is_allowed(finding):
                continue
            if finding.fix.yields and finding.code in {i.finding.code for i in applied if not _yields(i.finding)}:
                continue
            objection = self._refused.get(_kind(finding)) or self._objection(finding, self._read)
            if objection is not None:
                reasons[finding] = objection
                continue
            try:
                files = made.get(finding.fix) or drafts.add(finding.fix)
            except NotExact as error:
                reasons[finding] = str(error)
                continue
            if files is None:
                reasons[finding] = "it overlaps another one"
            else:
                made[finding.fix] = files
                applied.append(_Applied(finding, files))
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

    def _gained(self, done: _Round) -> dict[str, _Broken]:
        """The files that have more findings of a code than they had, less those fixed.

        Messages are not compared, as they quote code and rows that fixes change.
        """
        expected = _counted(self._findings)
        expected.subtract(_counted(item.finding for item in done.applied))
        uncovered = {
            code for item in done.applied if item.finding.fix is not None for code in item.finding.fix.uncovers
        }
        gained = {}
        for (name, code), number in sorted(_counted(done.findings).items()):
            if number > max(expected[name, code], 0) and code not in uncovered:
                changed = {name}
                if name not in done.contents:
                    # Another file brought it up: one that was changed for that finding, or any.
                    at = [item for item in done.applied if item.finding.code == code]
                    joined = [item.files for item in at if item.finding.place.filename == name]
                    changed = set().union(*joined) or set(done.contents)
                for file in sorted(changed):
                    gained[file] = _Broken(f"fixed, it would leave or bring up {code} in {name}", is_internal=True)
        return gained

    def _sound_part(self, done: _Round) -> _Round:
        """As many fixes of a round that went wrong as go right together; the others are refused from now on."""
        fixes = dict.fromkeys((item.finding.fix, not item.files & done.broken.keys()) for item in done.applied)
        kept: set[Fix | None] = set()
        sound = _Round([], {}, {}, [], {})
        # The last is taken first: what has nothing to do with the broken files.
        waiting = [[fix for fix, is_apart in fixes if is_apart == each] for each in (False, True)]
        while waiting:
            batch = waiting.pop()
            trial = self._tried([each for each in self._findings if each.fix in kept or each.fix in batch])
            if not trial.broken:
                kept.update(batch)
                sound = trial
            elif len(batch) > 1:
                half = len(batch) // 2
                waiting += [batch[half:], batch[:half]]
            else:
                self._refuse(batch[0], trial)
        return replace(sound, reasons=done.reasons)

    def _refuse(self, fix: Fix | None, trial: _Round) -> None:
        """Leave out a fix that goes wrong, and those like it."""
        items = [item for item in trial.applied if item.finding.fix == fix]
        files = frozenset[str]().union(*(item.files for item in items))
        name = min(files & trial.broken.keys(), default=min(files))
        why = trial.broken.get(name) or next(iter(trial.broken.values()))
        self._refused.update(
            (_kind(item.finding), "it went wrong" if why.is_internal else why.reason) for item in items
        )
        if why.is_internal:
            codes = tuple(sorted(item.finding.code for item in items))
            attempted = trial.contents.get(name, b"")
            self._failures.append(
                Failure(name, f"internal error: {why.reason}", True, codes, self._read(name), attempted)
            )

    def _put_back(self, broken: Mapping[str, str]) -> None:
        """Undo what was done to files that cannot be written, and to those that fixes join to them."""
        for group in self._joined():
            reasons = [broken[name] for name in sorted(group) if name in broken]
            if not reasons:
                continue
            for name in group:
                self._current.pop(name, None)
                self._failures.append(Failure(name, broken.get(name, reasons[0])))
            self._applied = [item for item in self._applied if not item.files & group]
        self._findings = self._check(self._current)
        put_back = {failure.filename for failure in self._failures if not failure.is_internal}
        self._reasons.update(
            (finding, "its file was put back")
            for finding in self._findings
            if finding.fix is not None and put_back & {change.place.filename for change in finding.fix.changes}
        )

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


def _kind(finding: Finding) -> tuple[str, ...]:
    """What findings have in common that one fix and its like are for, wherever other fixes move them."""
    return (finding.place.filename, finding.code, _NUMBER.sub("", finding.message))


def _yields(finding: Finding) -> bool:
    return finding.fix is not None and finding.fix.yields


def _counted(findings: Iterable[Finding]) -> Counter[tuple[str, str]]:
    return Counter((finding.place.filename, finding.code) for finding in findings)
