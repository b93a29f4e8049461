"""Comments that silence findings, and those that silence nothing (CEL002).

`# noqa`, `# noqa: CEL101` and `# celery-lint: ignore[CEL101] reason` hold for
their line: the line on which a finding starts (the next that can have a comment,
where that one ends inside a string or with a backslash), or the first or last
line of the statement that it is part of. `# flake8: noqa`, `# ruff: noqa: CEL101` and
`# celery-lint: ignore-file[CEL101]`, alone on a line, hold for their file.
"""

from __future__ import annotations

import bisect
import re
import tokenize
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from celery_lint.configuration import OF_CHANGES, UNUSED_SUPPRESSION
from celery_lint.findings import Applicability, Finding, Fix, Place, Position, Span, Substitute
from celery_lint.source import Source, UnreadableError

_CODES = r"[A-Z]+[0-9]+(?:(?:\s*,\s*|\s+)[A-Z]+[0-9]+)*"
# The reason that follows a directive of our own belongs to it; words after a `noqa` do not.
_FORMS = re.compile(
    rf"""\#\s*(?:
        (?P<foreign_file> (?:flake8|ruff)\s*[:=]\s*noqa ) (?:\s*:\s*(?P<foreign_file_codes>{_CODES}))?
      | celery-lint\s*:\s*ignore (?P<file>-file)? \s*\[ \s*(?P<own_codes>[^\]]*?)\s* \] [^\#]*
      | celery-lint\s*:\s*ignore (?P<bare_file>-file)? (?!\s*\[|[\w-]) [^\#]*
      | noqa (?:\s*:\s*(?P<codes>{_CODES}))?
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_CODE_GROUPS = ("codes", "own_codes", "foreign_file_codes")
_STRING_STARTS = frozenset({"FSTRING_START", "TSTRING_START"})
_STRING_ENDS = frozenset({"FSTRING_END", "TSTRING_END"})


@dataclass
class _Directive:
    """One suppressing comment. `codes` None suppresses every rule; `used` gathers what it silenced."""

    row: int
    codes: tuple[str, ...] | None
    start: int
    """Where the directive starts in its line, counted from 0, and where it ends."""
    end: int
    codes_start: int = 0
    """Where the list of codes starts, and ends."""
    codes_end: int = 0
    is_own: bool = False
    is_for_file: bool = False
    used: set[str] = field(default_factory=set)

    def silences(self, code: str) -> bool:
        """Whether it names the code; if so, that is remembered."""
        if self.codes is None:
            return True
        naming = [each for each in self.codes if each == "ALL" or code.startswith(each)]
        self.used.update(naming)
        return bool(naming)


def apply(source: Source, findings: Iterable[Finding], rules: Collection[str], *, noqa: bool = True) -> list[Finding]:
    """The findings in `source` that no comment silences, and CEL002 findings where it is selected.

    `rules` are the codes selected in this run. With `noqa` false, only comments
    of celery-lint's own form count.
    """
    findings = list(findings)
    if not _may_count(source, findings, unused=UNUSED_SUPPRESSION in rules):
        return findings
    comments = Comments(source, noqa=noqa)
    if not comments.directives:
        return findings
    kept = [finding for finding in findings if not comments.silence(finding)]
    if UNUSED_SUPPRESSION in rules:
        # Such a finding can be silenced as well, by a directive that is itself in use.
        kept += [finding for finding in _unused(source, comments.directives, rules) if not comments.silence(finding)]
    return kept


def _may_count(source: Source, findings: Collection[Finding], *, unused: bool) -> bool:
    """Whether any text in the file looks like a comment that silences one of the findings.

    With `unused` also whether any looks like one that names a code of ours, needed or not.
    Most `# noqa` are other linters', and to tell comments from strings takes all of a file's tokens.
    """
    if not findings and not unused:
        return False
    found = {finding.code for finding in findings}

    def counts(named: Collection[str] | None) -> bool:
        if named is None:
            return bool(found)
        if any(each == "ALL" or code.startswith(each) for each in named for code in found):
            return True
        return unused and any(each.startswith("CEL") for each in named)

    data = source.data
    for word in _LIKELY.finditer(data):
        start, end = data.rfind(b"\n", 0, word.start()) + 1, data.find(b"\n", word.end())
        line = data[start : end if end >= 0 else len(data)].decode("latin-1")
        for form in _FORMS.finditer(line):
            group = _code_group(form)
            if counts(None if group is None else _codes(form[group])):
                return True
    return False


def _code_group(form: re.Match[str]) -> str | None:
    """The part of a comment that lists codes, by its name in the pattern; None when all codes are meant."""
    return next((name for name in _CODE_GROUPS if form[name] is not None), None)


def _codes(text: str) -> tuple[str, ...]:
    """The codes and prefixes in the list of a comment."""
    return tuple(re.findall(r"[A-Z]+[0-9]+|\b(?:CEL|ALL)\b", text.upper()))


class Comments:
    """The suppressing comments of one file, and the lines that belong together."""

    def __init__(self, source: Source, *, noqa: bool = True) -> None:
        self._noqa = noqa
        self.directives: list[_Directive] = []
        self._for_file: list[_Directive] = []
        self._by_row: dict[int, list[_Directive]] = {}
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._without_comment: set[int] = set()
        # Most files have no such comment: their tokens need not be looked at.
        if _LIKELY.search(source.data):
            for line in _logical_lines(source):
                self._starts.append(line.first)
                self._ends.append(line.last)
                self._without_comment |= line.without_comment
                for row, column, text, alone in line.comments:
                    self._take(row, column, text, alone)

    def _take(self, row: int, column: int, text: str, alone: bool) -> None:
        for found in _FORMS.finditer(text):
            is_own = found[0].lstrip("# \t").lower().startswith("celery-lint")
            if not (is_own or self._noqa) or (found["foreign_file"] and not alone):
                continue
            directive = _Directive(row, None, column + found.start(), column + found.start() + len(found[0].rstrip()))
            group = _code_group(found)
            if group is not None:
                directive.codes = _codes(found[group])
                directive.codes_start = column + found.start(group)
                directive.codes_end = column + found.end(group)
            directive.is_own = is_own
            directive.is_for_file = bool(found["foreign_file"] or found["file"] or found["bare_file"])
            self.directives.append(directive)
            (self._for_file if directive.is_for_file else self._by_row.setdefault(row, [])).append(directive)

    def silence(self, finding: Finding) -> bool:
        """Whether a comment silences the finding; the comment counts as used then."""
        return self.silences(finding.code, finding.place.span.start.row)

    def silences(self, code: str, row: int) -> bool:
        """Whether a comment silences what is found of a rule in a row; the comment counts as used then."""
        rows = {row, _next_row(row, self._without_comment), *self._statement_rows(row)}
        directives = [*self._for_file, *(each for row in rows for each in self._by_row.get(row, ()))]
        # All are asked: each that names the code counts as used.
        silencing = [directive for directive in directives if directive.silences(code)]
        return bool(silencing)

    def _statement_rows(self, row: int) -> tuple[int, ...]:
        """The first and the last row of the logical line that `row` lies in."""
        at = bisect.bisect_right(self._starts, row) - 1
        if at >= 0 and row <= self._ends[at]:
            return (self._starts[at], self._ends[at])
        return ()


def noqa_rows(source: Source, rows: Iterable[int]) -> dict[int, int]:
    """For findings that start on `rows`: the rows at whose ends a comment silences them.

    It is a later row where the line ends inside a string or with a backslash.
    """
    without_comment = set[int]().union(*(line.without_comment for line in _logical_lines(source)))
    return {row: _next_row(row, without_comment) for row in rows}


def _next_row(row: int, without_comment: Collection[int]) -> int:
    """The first row from `row` on at whose end a comment fits."""
    while row in without_comment:
        row += 1
    return row


def listing(source: Source, row: int, *, own: bool) -> tuple[int, bool] | None:
    """Where a comment of a row lists the codes that it silences: the list's end in its line, and whether it is empty.

    `own` asks for a comment of celery-lint's form, else for a `noqa`. Columns count from 0.
    """
    for directive in Comments(source).directives:
        if directive.row == row and directive.codes is not None and directive.is_own == own:
            if not directive.is_for_file:
                return directive.codes_end, directive.codes_start == directive.codes_end
    return None


_LIKELY = re.compile(rb"noqa|celery-lint", re.IGNORECASE)


@dataclass
class _LogicalLine:
    """What one NEWLINE ends, or a line with a comment alone."""

    first: int = 0
    last: int = 0
    has_code: bool = False
    comments: list[tuple[int, int, str, bool]] = field(default_factory=list)
    """Row, column (from 0), text, and whether nothing else is on the line."""
    without_comment: set[int] = field(default_factory=set)
    """Rows that end inside a string or with a backslash: no comment fits there."""


def _logical_lines(source: Source) -> Sequence[_LogicalLine]:
    """The logical lines of a file, as far as its tokens can be told."""
    try:
        physical = source.lines
    except UnreadableError:
        return []
    lines: list[_LogicalLine] = []
    current = _LogicalLine()
    strings: list[int] = []
    # Joined anew, so that rows are those of `source.lines` whatever ends its lines.
    reader = iter([f"{line}\n" for line in physical])
    try:
        for token in tokenize.generate_tokens(lambda: next(reader, "")):
            kind = tokenize.tok_name[token.type]
            if kind in ("INDENT", "DEDENT", "ENDMARKER"):
                continue
            row, column = token.start
            current.first = current.first or row
            if current.last:
                # Between two tokens only a backslash ends a line.
                current.without_comment.update(range(current.last, row))
            current.last = token.end[0] + (kind == "NL")
            if kind == "COMMENT":
                current.comments.append((row, column, token.string, not physical[row - 1][:column].strip()))
            elif kind == "STRING":
                current.without_comment.update(range(row, token.end[0]))
            elif kind in _STRING_STARTS:
                strings.append(row)
            elif kind in _STRING_ENDS:
                current.without_comment.update(range(strings.pop(), token.end[0]))
            current.has_code = current.has_code or kind not in ("COMMENT", "NL")
            if kind == "NEWLINE" or (kind == "NL" and not current.has_code):
                current.last = row
                lines.append(current)
                current = _LogicalLine()
    except (tokenize.TokenError, SyntaxError):
        pass
    if current.first:
        lines.append(current)
    return lines


def _unused(source: Source, directives: Iterable[_Directive], rules: Collection[str]) -> list[Finding]:
    """A finding for each directive that names a code without need."""
    from celery_lint.rules.linter.cel002_unused_suppression import UnusedSuppression
    from celery_lint.rules.registry import known_codes

    known = known_codes()
    findings = []
    for directive in directives:
        idle = [
            code
            for code in dict.fromkeys(directive.codes or ())
            if code.startswith("CEL") and code not in directive.used and _was_looked_for(code, rules, known)
        ]
        if not idle:
            continue
        place = _place(source, directive.row, directive.start, directive.end)
        names = ", ".join(f"`{code}`" if code in known else f"`{code}` (no rule has this code)" for code in idle)
        fix = Fix(Applicability.SAFE, "Take the unused suppression away", (_without(source, directive, idle),))
        findings.append(UnusedSuppression().finding(place, f"nothing here needs the suppression of {names}", fix=fix))
    return findings


def _was_looked_for(code: str, rules: Collection[str], known: Collection[str]) -> bool:
    """Whether this run would have found what the code suppresses, if it were there."""
    under = [each for each in known if each.startswith(code)]
    # Whether a comment about a change is needed, nobody can tell who does not know the revision.
    return code not in (UNUSED_SUPPRESSION, OF_CHANGES) and all(each in rules for each in under)


def _without(source: Source, directive: _Directive, idle: Collection[str]) -> Substitute:
    """The change that takes the codes out of the directive, or the directive away with its last code."""
    row = directive.row
    left = [code for code in directive.codes or () if code not in idle]
    if left:
        return Substitute(_place(source, row, directive.codes_start, directive.codes_end), ", ".join(left))
    line = source.lines[row - 1]
    before, after = line[: directive.start].rstrip(), line[directive.end :].lstrip()
    after_start = len(line) - len(after)
    if after:
        text = "" if after.startswith("#") else "# "
        return Substitute(_place(source, row, directive.start, after_start), text)
    if before or row == len(source.lines):
        return Substitute(_place(source, row, len(before), len(line)), "")
    whole_line = Span(Position(row, 1), Position(row + 1, 1))
    return Substitute(Place(source.filename, whole_line), "")


def _place(source: Source, row: int, start: int, end: int) -> Place:
    """The place of a stretch of one line; `start` and `end` count from 0."""
    return Place(source.filename, Span(Position(row, start + 1), Position(row, end + 1)))
