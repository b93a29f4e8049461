"""Syntax trees whose function bodies are parsed when they are first looked at.

Most functions of a project are never read: parsing them takes most of the time and
memory that parsing takes. So longer bodies are cut out of a file's text, with one
number left in their place where the body ends, and what remains is parsed. A function's
node then is of a class of its own with a `body` that parses the text at its place, and
makes the node an ordinary one. Whoever walks the tree sees no difference.

The cut follows indentation. A body that it takes wrongly (text at the margin inside a
string, a continued line) leaves text behind that does not parse, or numbers that end up
elsewhere: then the whole text is parsed at once.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from celery_lint.project.syntax import blocks
from celery_lint.records import record
from celery_lint.source import Source, UnreadableError, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

_DEFINITION = re.compile(r"^( *)(?:async +)?def +\w", re.MULTILINE)
_END_OF_HEAD = re.compile(r":[ \t]*(?:#[^\n]*)?\n")
_INDENTED_BY_TAB = re.compile(r"^ *\t", re.MULTILINE)
_QUOTES = ('"""', "'''")
# Shorter bodies are parsed with the rest.
_FEW_ROWS = 3
_MARK = "0"
_UNREADABLE: list[ast.stmt] = [ast.Pass(lineno=1, col_offset=0, end_lineno=1, end_col_offset=4)]
_ENDS: list[re.Pattern[str]] = []
"""The patterns of `_end_of_block` so far, by indentation."""


@record()
class _Body:
    """The text of a body that was cut out: `text[start:end]` of the source, from a row on."""

    source: Source
    start: int
    end: int
    row: int


def _parse_deferred(node: Definition) -> list[ast.stmt]:
    """The body of a deferred node, which becomes an ordinary one."""
    statements = _statements(node._cut, node)  # type: ignore[union-attr]
    del node._cut  # type: ignore[union-attr]
    node.__class__ = ast.FunctionDef if isinstance(node, ast.FunctionDef) else ast.AsyncFunctionDef
    node.body = statements
    return statements


class _DeferredFunction(ast.FunctionDef):
    __slots__ = ()
    body = property(_parse_deferred)


class _DeferredAsyncFunction(ast.AsyncFunctionDef):
    __slots__ = ()
    body = property(_parse_deferred)


# Who tells nodes apart by the name of their class is to see no difference either.
_DeferredFunction.__name__ = ast.FunctionDef.__name__
_DeferredAsyncFunction.__name__ = ast.AsyncFunctionDef.__name__


def outline(source: Source) -> ast.Module:
    """The syntax tree of a file, with longer function bodies left to be parsed when they are looked at.

    Raises UnreadableError when what is outside of these cannot be parsed. Of a body that turns
    out not to be Python, `is_unreadable` tells.
    """
    bodies = _bodies(source)
    if not bodies:
        return source.tree
    try:
        tree = parse(_without(source.text, bodies), source.filename)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source.tree
    marks = {body.row + source.text.count("\n", body.start, body.end): body for body in bodies}
    found = [(node, marks[row]) for node in _definitions(tree.body) if (row := _row_of_mark(node)) in marks]
    if len(found) != len(bodies):
        return source.tree
    for node, body in found:
        del node.body
        node.__class__ = _DeferredFunction if isinstance(node, ast.FunctionDef) else _DeferredAsyncFunction
        node._cut = body  # type: ignore[union-attr]
    return tree


def is_unreadable(node: Definition) -> bool:
    """Whether the body of a function is no Python: the tree has a `pass` in its place."""
    return node.body is _UNREADABLE


def first_row(node: Definition) -> int:
    """The row in which the body of a function begins, or one before it; nothing is parsed for it."""
    cut: _Body | None = getattr(node, "_cut", None)
    return node.lineno if cut is None else cut.row


def _bodies(source: Source) -> Sequence[_Body]:
    """The bodies that can be cut out; none of a text in which that is not safe."""
    text = source.text
    if "\r" in text or "\f" in text or not text.endswith("\n"):
        return ()
    if "\t" in text and _INDENTED_BY_TAB.search(text):
        return ()
    row, counted, position = 1, 0, 0
    found = []
    while (definition := _DEFINITION.search(text, position)) is not None:
        head = _END_OF_HEAD.search(text, definition.end())
        if head is None:
            break
        start = head.end()
        after = _end_of_block(definition.end(1) - definition.start(1)).search(text, start - 1)
        limit = after.start() + 1 if after is not None else len(text)
        position = max(limit, start)
        if any(text.count(quotes, start, limit) % 2 for quotes in _QUOTES) or text.endswith("\\\n", 0, limit):
            return ()
        end = _end_of_code(text, start, limit)
        if text.count("\n", start, end) < _FEW_ROWS:
            continue
        last = text[text.rfind("\n", 0, end) + 1 : end]
        is_plain = last.isascii() and "#" not in last and not last.endswith("\\")
        # The mark has to end where the body does, inside the block.
        if not is_plain or len(last) < definition.end(1) - definition.start(1) + 2:
            continue
        row += text.count("\n", counted, start)
        counted = start
        found.append(_Body(source, start, end, row))
    return found


def _end_of_block(indentation: int) -> re.Pattern[str]:
    """What a line begins with that is no more part of a block inside a statement so indented."""
    while len(_ENDS) <= indentation:
        _ENDS.append(re.compile(rf"\n(?= {{0,{len(_ENDS)}}}[^ \n#])"))
    return _ENDS[indentation]


def _end_of_code(text: str, start: int, limit: int) -> int:
    """Where the last line of a block ends, blank lines and comments after it left out."""
    end = limit
    while end > start:
        stripped = text[start:end].rstrip()
        end = start + len(stripped)
        line = stripped[stripped.rfind("\n") + 1 :].lstrip()
        if not line.startswith("#") or any(quotes in line for quotes in _QUOTES):
            break
        end -= len(line)
    return end


def _without(text: str, bodies: Sequence[_Body]) -> str:
    """The text with a mark in the place of each body, which ends where the body does."""
    parts: list[str] = []
    kept = 0
    for body in bodies:
        last = text.rfind("\n", 0, body.end) + 1
        parts += (text[kept : body.start], "\n" * text.count("\n", body.start, body.end))
        parts.append(_MARK.rjust(body.end - last))
        kept = body.end
    parts.append(text[kept:])
    return "".join(parts)


def _definitions(body: Sequence[ast.stmt]) -> Iterator[Definition]:
    """The functions and methods defined in a body, at any depth of statements and classes."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node
            if _row_of_mark(node) is not None:
                continue
        for block in blocks(node):
            yield from _definitions(block)


def _row_of_mark(node: Definition) -> int | None:
    only = node.body[0]
    if len(node.body) == 1 and isinstance(only, ast.Expr) and isinstance(only.value, ast.Constant):
        return only.lineno if only.value.value == int(_MARK) else None
    return None


def _statements(body: _Body, node: Definition) -> list[ast.stmt]:
    """The statements of a body that was cut out, at their places."""
    above = "\n" * (body.row - 2)
    text = f"{above}if 1:\n{body.source.text[body.start : body.end]}\n"
    try:
        block = parse(text, body.source.filename).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        block = []
    if len(block) == 1 and isinstance(block[0], ast.If) and not block[0].orelse:
        return block[0].body
    try:
        whole = body.source.tree
    except UnreadableError:
        return _UNREADABLE
    for other in ast.walk(whole):
        if isinstance(other, (ast.FunctionDef, ast.AsyncFunctionDef)) and other.lineno == node.lineno:
            return other.body
    return _UNREADABLE
