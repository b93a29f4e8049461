"""Adding elements to a list, in the style in which it is written."""

from __future__ import annotations

from collections.abc import Sequence

from celery_lint.fixes.text import SourceText, Splice

Stretch = tuple[int, int]


def append(source: SourceText, last: Stretch, new: Sequence[str], *, in_brackets: bool) -> Splice:
    """Add `new` after the last element: each in its own line where that one is.

    A trailing comma, or its absence, is kept. A comment behind the last
    element stays with it.
    """
    end = last[1]
    if not in_brackets or not source.starts_line(last[0]):
        return Splice(end, end, "".join(f", {item}" for item in new))
    line = source.newline + source.indentation(last[0])
    following = source.after_trivia(end)
    has_comma = source.text[following : following + 1] == ","
    anchor = following + 1 if has_comma else end
    stop = source.line_end(anchor)
    if source.after_trivia(anchor) <= stop:
        stop = anchor  # the closing bracket stands in the same line
    between = source.text[end:stop]
    if has_comma:
        return Splice(end, stop, between + "".join(f"{line}{item}," for item in new))
    return Splice(end, stop, "," + between + ",".join(line + item for item in new))


def insert(source: SourceText, before: Stretch, new: Sequence[str]) -> Splice:
    """Add `new` before an element."""
    start = before[0]
    separator = ", "
    if source.starts_line(start):
        separator = "," + source.newline + source.indentation(start)
    return Splice(start, start, "".join(item + separator for item in new))
