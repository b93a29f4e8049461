"""Lines that a fix has made too long, broken at their brackets as Black would.

https://black.readthedocs.io/en/stable/the_black_code_style/current_style.html#how-black-wraps-lines
"""

from __future__ import annotations

import ast
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from celery_lint.fixes.bridge import Bridge
from celery_lint.fixes.text import Splice, parse, splice
from celery_lint.records import record
from celery_lint.source import NEWLINE, UnreadableError

_OPENING, _CLOSING = "([{", ")]}"
_STRING_STARTS = ("FSTRING_START", "TSTRING_START")
_STRING_ENDS = ("FSTRING_END", "TSTRING_END")


def wrapped(splices: Sequence[Splice], bridge: Bridge, width: int) -> list[Splice]:
    """The edits of a fix, those of each line that they make too long replaced by one that breaks it.

    Lines stay that were too long before and get no longer, and those in which
    nothing can be broken without changing the code.
    """
    source = bridge.source
    by_line: dict[int, list[Splice]] = {}
    result = []
    for each in splices:
        is_one_line = not {"\n", "\r"} & set(each.text)
        if is_one_line:
            by_line.setdefault(source.line_start(each.start), []).append(each)
        else:
            result.append(each)
    for start, group in by_line.items():
        # Several lines may become one: the rest of the last of them counts too.
        end = source.line_end(max(each.end for each in group))
        comments = bridge.comments_between(start, end)
        code = bridge.text[start : comments[0][0] if comments else end].rstrip(" \t\f")
        shifted = [Splice(each.start - start, each.end - start, each.text) for each in group]
        new = splice(code, shifted)
        is_long = _width(new) > max(width, *(_width(line) for line in NEWLINE.split(code)))
        is_alone = not any(start <= each.start < end for each in splices if each not in group)
        # A comment about the types of its line has to stay there.
        is_typed = any("type:" in text for _, text in comments)
        if not is_long or not is_alone or max(each.end for each in shifted) > len(code) or is_typed:
            result += group
            continue
        indentation = source.indentation(start)
        lead = len(code) - len(code.lstrip(" \t\f"))  # a form feed in it starts the indentation anew
        lines = _Layout(bridge.module.default_indent, width).broken(new[lead:], indentation)
        broken = Splice(start + lead, start + len(code), source.newline.join(lines)[len(indentation) :])
        result += [broken] if len(lines) > 1 and _is_same(bridge.text, group, broken) else group
    return sorted(result, key=lambda each: (each.start, each.end))


def _is_same(text: str, plain: Sequence[Splice], broken: Splice) -> bool:
    """Whether breaking a line leaves the code as it is."""
    try:
        trees = [ast.dump(parse(splice(text, list(each)).encode())) for each in (plain, [broken])]
    except UnreadableError:
        return False
    return trees[0] == trees[1]


def _width(line: str) -> int:
    return len(line.expandtabs(4))


@record()
class _Bracket:
    """A pair of brackets in a line: where it opens and closes, and what stands right inside of it."""

    opening: int
    closing: int
    commas: tuple[int, ...]
    fors: tuple[int, ...]
    """Where each `for` of a comprehension stands."""


@dataclass(slots=True)
class _Open:
    """A bracket that is not closed yet, and what has been seen right inside of it."""

    column: int
    commas: list[int] = field(default_factory=list)
    fors: list[int] = field(default_factory=list)
    lambdas: int = 0

    def take(self, text: str, column: int) -> None:
        if text == "lambda":
            self.lambdas += 1
        elif text == ":" and self.lambdas:
            self.lambdas -= 1
        elif text == "," and not self.lambdas:
            self.commas.append(column)
        elif text == "for":
            self.fors.append(column)


@record()
class _Layout:
    unit: str
    width: int

    def broken(self, code: str, indentation: str) -> list[str]:
        """The lines that a piece of code is broken into, one if it fits or has no brackets."""
        line = indentation + code
        pairs = [pair for pair in _outermost(code) if code[pair.opening + 1 : pair.closing].strip()]
        if _width(line) <= self.width or not pairs:
            return [line]
        pair = max(pairs, key=lambda pair: (pair.closing - pair.opening, pair.opening))
        inner = indentation + self.unit
        body = code[pair.opening + 1 : pair.closing].strip()
        head, tail = indentation + code[: pair.opening + 1], indentation + code[pair.closing :]
        has_comma = body.endswith(",")
        if _width(inner + body) <= self.width and not has_comma:
            return [head, inner + body, tail]
        if pair.fors:
            parts = _parts(code, pair, pair.fors, 0)
            return [head, *(line for part in parts for line in self.broken(part, inner)), tail]
        items = [item for item in _parts(code, pair, pair.commas, 1) if item]
        if len(items) == 1 and not has_comma:
            return [head, *self.broken(body, inner), tail]
        lines = []
        for item in items:
            *above, last = self.broken(item.rstrip(","), inner)
            lines += [*above, f"{last},"]
        return [head, *lines, tail]


def _parts(code: str, pair: _Bracket, at: Sequence[int], skipped: int) -> list[str]:
    """What stands in brackets, parted at some places, and there without so many characters."""
    starts = [pair.opening + 1, *(place + skipped for place in at)]
    return [code[start:end].strip() for start, end in zip(starts, [*at, pair.closing], strict=True)]


def _outermost(code: str) -> list[_Bracket]:
    """The pairs of brackets that stand in no other, of those that open and close in the code."""
    found: list[_Bracket] = []
    waiting: list[_Open] = []
    in_string = 0
    for name, text, column in _tokens(code):
        in_string += (name in _STRING_STARTS) - (name in _STRING_ENDS)
        if in_string:
            continue
        if name == "OP" and text in _OPENING:
            waiting.append(_Open(column))
        elif name == "OP" and text in _CLOSING and waiting:
            last = waiting.pop()
            if not waiting:
                found.append(_Bracket(last.column, column, tuple(last.commas), tuple(last.fors)))
        elif waiting:
            waiting[-1].take(text, column)
    return found


def _tokens(code: str) -> Iterator[tuple[str, str, int]]:
    """The kind, text and column of each token of a line, which may be a part of a statement."""
    lines = iter([code])
    try:
        for token in tokenize.generate_tokens(lambda: next(lines, "")):
            yield tokenize.tok_name[token.type], token.string, token.start[1]
    except (tokenize.TokenError, SyntaxError):
        return
