"""A file's bytes as text, and back again without losing one of them."""

from __future__ import annotations

import ast
import bisect
import io
import re
import tokenize
from collections.abc import Sequence

from celery_lint.findings import Position, Span
from celery_lint.records import record
from celery_lint.source import NEWLINE, Source, UnreadableError

_TRIVIA = re.compile(r"(?:[ \t\f\r\n]|\\(?:\r\n|\r|\n)|#[^\r\n]*)*")


class NotExact(Exception):
    """A change cannot be made exactly, so it is not offered. The message says why."""


@record()
class Splice:
    """Put `text` in the place of the characters from `start` up to `end`."""

    start: int
    end: int
    text: str


def parse(data: bytes) -> ast.Module:
    """The syntax tree of a file, or of code to put into one. Raises UnreadableError."""
    return Source("", data).tree


def splice(text: str, splices: list[Splice]) -> str:
    """`text` with splices made that do not overlap; those at one offset in the order given."""
    pieces: list[str] = []
    done = 0
    for change in sorted(splices, key=lambda change: (change.start, change.end)):
        pieces += (text[done : change.start], change.text)
        done = change.end
    return "".join(pieces) + text[done:]


class SourceText:
    """The text of a file, its encoding and its lines.

    Lines end where Python ends them: a form feed or a Unicode separator does
    not. A byte-order mark is not part of the text, but of the encoding.
    """

    def __init__(self, data: bytes) -> None:
        try:
            self.text = Source("", data).text
        except UnreadableError as error:
            raise NotExact(error.reason) from error
        self.encoding = tokenize.detect_encoding(io.BytesIO(data).readline)[0]
        # Some encodings can say one text in several ways; those bytes could not be kept.
        if self.encode(self.text) != data:
            raise NotExact(f"its {self.encoding} bytes cannot be written back unchanged")
        ends = list(NEWLINE.finditer(self.text))
        kinds = [end[0] for end in ends]
        self.newline = max(("\n", "\r\n", "\r"), key=kinds.count)
        self._starts = [0, *(end.end() for end in ends)]
        self._ends = [*(end.start() for end in ends), len(self.text)]

    def encode(self, text: str) -> bytes:
        """`text` in the file's encoding, with its byte-order mark if it has one."""
        try:
            return text.encode(self.encoding)
        except UnicodeError as error:
            raise NotExact(f"{self.encoding} cannot say it: {error}") from error

    @property
    def line_starts(self) -> Sequence[int]:
        """The character offset at which each line starts."""
        return self._starts

    def offset(self, position: Position) -> int:
        """The character offset of a position."""
        if not 1 <= position.row <= len(self._starts):
            raise NotExact("the place is not in the file")
        offset = self._starts[position.row - 1] + position.column - 1
        if not self._starts[position.row - 1] <= offset <= self._ends[position.row - 1]:
            raise NotExact("the place is not in the file")
        return offset

    def position(self, offset: int) -> Position:
        """The position of a character offset."""
        row = bisect.bisect_right(self._starts, offset)
        return Position(row, offset - self._starts[row - 1] + 1)

    def span(self, start: int, end: int) -> Span:
        """The span of the characters from `start` up to `end`."""
        return Span(self.position(start), self.position(end))

    def line_start(self, offset: int) -> int:
        """Where the line of `offset` starts."""
        return self._starts[bisect.bisect_right(self._starts, offset) - 1]

    def line_end(self, offset: int) -> int:
        """Where the line of `offset` ends, before its newline."""
        return self._ends[bisect.bisect_right(self._starts, offset) - 1]

    def next_line(self, offset: int) -> int:
        """Where the line after that of `offset` starts; the text's end after the last line."""
        row = bisect.bisect_right(self._starts, offset)
        return self._starts[row] if row < len(self._starts) else len(self.text)

    def starts_line(self, offset: int) -> bool:
        """Whether only white space stands before `offset` in its line."""
        return not self.text[self.line_start(offset) : offset].strip(" \t\f")

    def indentation(self, offset: int) -> str:
        """The white space that the line of `offset` starts with; a form feed starts it anew."""
        line = self.text[self.line_start(offset) : self.line_end(offset)]
        return line[: len(line) - len(line.lstrip(" \t\f"))].rpartition("\f")[2]

    def after_trivia(self, offset: int) -> int:
        """The first offset from `offset` on that is not white space, comment or continuation."""
        found = _TRIVIA.match(self.text, offset)
        return found.end() if found else offset

    def after_spaces(self, offset: int) -> int:
        """The first offset from `offset` on that is no space or tab."""
        while self.text[offset : offset + 1] in (" ", "\t"):
            offset += 1
        return offset
