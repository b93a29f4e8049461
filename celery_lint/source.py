"""Source text: from a file's bytes to a syntax tree, with exact positions."""

from __future__ import annotations

import ast
import codecs
import io
import re
import tokenize
import warnings
from array import array
from bisect import bisect_right
from functools import cached_property
from itertools import accumulate

from celery_lint import newer_syntax
from celery_lint.findings import Place, Position, Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# What ends a line for Python's tokenizer: a form feed or U+2028 does not.
NEWLINE = re.compile(r"\r\n|\r|\n")


def parse(text: str, filename: str = "<unknown>") -> ast.Module:
    """The syntax tree of a text, which may be newer than the running Python.

    Raises what `ast.parse` raises: SyntaxError, RecursionError, MemoryError, ValueError.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text, filename)
        except SyntaxError as error:
            if newer_syntax.SUPPORTED:
                raise
            written_older = newer_syntax.older(text)
            if written_older == text:
                raise
            try:
                return ast.parse(written_older, filename)
            except SyntaxError:
                raise error from None


# Every byte that is no part of a name becomes a blank: splitting is several times as fast as a pattern.
_WORDS_ONLY = bytes(b if (chr(b).isalnum() and b < 128) or b == 95 or b > 127 else 32 for b in range(256))


# Words of so few letters stand inside of many others: looking at each place would take long.
_FEW_LETTERS = 2
# The `s` of "that's" and of `%s` is no name.
_SHORT_WORDS_ONLY = bytes(b if b in b"'%" else word for b, word in enumerate(_WORDS_ONLY))


def words_of(data: bytes) -> set[bytes]:
    """The names, keywords and numbers in a file's bytes, comments and strings included."""
    return set(data.translate(_WORDS_ONLY).split())


def _is_of_name(character: str) -> bool:
    return character.isalnum() or character == "_"


class UnreadableError(Exception):
    """A file that cannot be read or parsed; `reason` is fit for a report."""

    def __init__(self, reason: str, position: Position = Position(1, 1)) -> None:
        super().__init__(reason)
        self.reason = reason
        self.position = position


class Source:
    """One file's text. `filename` is relative to the project root, with `/`."""

    def __init__(self, filename: str, data: bytes) -> None:
        self.filename = filename
        self.data = data

    @cached_property
    def text(self) -> str:
        """The decoded text, without a byte-order mark.

        Raises UnreadableError when the bytes do not decode by the file's own
        declaration (PEP 263).
        """
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(self.data).readline)
        except (SyntaxError, UnicodeDecodeError) as error:
            # Said also of a first line that declares nothing and is no UTF-8: which byte is not, is told below.
            if not f"{error}".startswith("invalid or missing encoding declaration"):
                raise UnreadableError(f"{error}".partition(" for ")[0]) from None
            encoding = "utf-8"
        try:
            codec = codecs.lookup(encoding)
            text, _ = codec.decode(self.data)
        except UnicodeDecodeError as error:
            row = self.data.count(b"\n", 0, error.start) + 1
            column = error.start - self.data.rfind(b"\n", 0, error.start)
            raise UnreadableError(
                f"byte 0x{self.data[error.start]:02x} is not valid {encoding}: declare the file's encoding"
                " (`# -*- coding: latin-1 -*-`) or save it as UTF-8",
                Position(row, column),
            ) from None
        return text.removeprefix("\ufeff")

    @cached_property
    def lines(self) -> Sequence[str]:
        """The text's lines, without their ends."""
        return NEWLINE.split(self.text)

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree. Raises UnreadableError."""
        text = self.text
        if "\0" in text:
            row = len(NEWLINE.findall(text[: text.index("\0")])) + 1
            raise UnreadableError("source code holds a NUL byte", Position(row, 1))
        try:
            return parse(text, self.filename)
        except SyntaxError as error:
            position = Position(max(error.lineno or 1, 1), max(error.offset or 1, 1))
            raise UnreadableError(f"invalid syntax: {error.msg}", position) from None
        except (RecursionError, MemoryError):
            raise UnreadableError("the code is nested too deeply to be parsed") from None
        except ValueError as error:
            raise UnreadableError(str(error)) from None

    @cached_property
    def _starts(self) -> Sequence[int]:
        """Where each row starts in the text, and where a row after the last would."""
        text = self.text
        if "\r" in text:
            return array("L", [0, *(end.end() for end in NEWLINE.finditer(text)), len(text) + 1])
        return array("L", accumulate(map((1).__add__, map(len, text.split("\n"))), initial=0))

    def code(self, node: ast.AST) -> str:
        """The node's own source text as it stands, with its ends of lines."""
        span, starts = self.span(node), self._starts
        start = starts[span.start.row - 1] + span.start.column - 1
        return self.text[start : starts[span.end.row - 1] + span.end.column - 1]

    def rows_text(self, first: int, last: int) -> str:
        """The text of some rows, counted from 1, the end of the last left out."""
        starts = self._starts
        return self.text[starts[first - 1] : starts[min(last, len(starts) - 1)] - 1]

    def rows_of(self, word: str) -> Sequence[int]:
        """The rows in which a word stands, as a whole word; lines that are comments are left out."""
        text, starts = self.text, self._starts
        rows = []
        for at in (
            self._places_of_short(word) if len(word) <= _FEW_LETTERS and text.isascii() else self._places_of(word)
        ):
            row = bisect_right(starts, at)
            if not text[starts[row - 1] : at].lstrip().startswith("#"):
                rows.append(row)
        return rows

    def _places_of(self, word: str) -> Iterator[int]:
        text = self.text
        at = text.find(word)
        while at >= 0:
            end = at + len(word)
            if not (_is_of_name(text[at - 1 : at]) or _is_of_name(text[end : end + 1])):
                yield at
            at = text.find(word, end)

    def _places_of_short(self, word: str) -> Iterator[int]:
        words = f" {self.text} ".encode().translate(_SHORT_WORDS_ONLY)
        for wanted in (f" {word} ".encode(), f" '{word}' ".encode()):
            at = words.find(wanted)
            while at >= 0:
                yield at
                at = words.find(wanted, at + len(wanted) - 1)

    def words(self) -> set[str]:
        """The names, keywords and numbers in the text, comments and strings included; made at each call."""
        data = self.text.encode("utf-8", "surrogatepass").translate(_WORDS_ONLY)
        return set(data.decode("utf-8", "surrogatepass").split())

    def position(self, row: int, byte_column: int) -> Position:
        """The position of an `ast` row (from 1) and UTF-8 byte column (from 0)."""
        if not self.text.isascii() and row <= len(self.lines):
            line = self.lines[row - 1]
            if not line.isascii():
                byte_column = len(line.encode("utf-8", "surrogatepass")[:byte_column].decode("utf-8", "ignore"))
        return Position(row, byte_column + 1)

    def span(self, node: ast.AST) -> Span:
        """The span of a node that has a place (statements, expressions, handlers, arguments...)."""
        row: int = node.lineno  # type: ignore[attr-defined]
        column: int = node.col_offset  # type: ignore[attr-defined]
        end_row: int = getattr(node, "end_lineno", None) or row
        end_column = getattr(node, "end_col_offset", None)
        start = self.position(row, column)
        end = self.position(end_row, column + 1 if end_column is None else end_column)
        return Span(start, end)

    def place(self, node: ast.AST) -> Place:
        """The place of a node in this file."""
        return Place(self.filename, self.span(node))

    def segment(self, node: ast.AST) -> str:
        """The node's own source text, on one line."""
        span = self.span(node)
        first, last = span.start, span.end
        if first.row == last.row:
            return self.lines[first.row - 1][first.column - 1 : last.column - 1]
        parts = [self.lines[first.row - 1][first.column - 1 :]]
        parts += self.lines[first.row : last.row - 1]
        parts.append(self.lines[last.row - 1][: last.column - 1])
        return " ".join(part.strip() for part in parts)
