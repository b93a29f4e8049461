"""From a place in a file to the libcst node that stands there.

Findings come from `ast`, whose spans libcst does not know: the bridge matches
them by the exact stretch of text. Nothing is ever written from a libcst tree,
which only says where the parts are; so every byte outside a splice stays.
"""

from __future__ import annotations

import bisect
import contextlib
import dataclasses
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property
from typing import cast

import libcst as cst
from libcst.metadata import ByteSpanPositionProvider, CodeSpan, MetadataWrapper

from celery_lint.findings import Span
from celery_lint.fixes.text import NotExact, SourceText

# CPython starts the indentation anew after a form feed; libcst loses count there.
_FORM_FEED_INDENT = re.compile(r"^[ \t\f]*\f", re.MULTILINE)
# Strings that hold expressions; older versions of libcst do not know the second kind.
FORMATTED = tuple(getattr(cst, name) for name in ("FormattedString", "TemplatedString") if hasattr(cst, name))
_LONE_CARRIAGE_RETURN = re.compile(r"\r(?!\n)")


class Bridge:
    """One file: its text, its libcst tree, and where each node stands in the text.

    All offsets count characters of the text.
    """

    def __init__(self, filename: str, data: bytes) -> None:
        """Raise NotExact for a file that cannot be rewritten exactly."""
        self.filename = filename
        self.source = SourceText(data)
        self.text = self.source.text
        clean, removed = _without_form_feeds(_LONE_CARRIAGE_RETURN.sub("\n", self.text))
        try:
            with _deep_recursion():
                self.module = cst.parse_module(clean)
                if self.module.code != clean:
                    raise NotExact("libcst does not give the file back unchanged")
                self._spans = _Spans.of(self.module)
        except (cst.ParserSyntaxError, RecursionError, cst.CSTValidationError) as error:
            raise NotExact(f"libcst cannot read it: {error}") from error
        self._original = _offsets(clean, removed)
        self._parents: dict[cst.CSTNode, cst.CSTNode] = {}
        self.nodes: list[cst.CSTNode] = []
        waiting: list[cst.CSTNode] = [self.module]
        while waiting:
            node = waiting.pop()
            self.nodes.append(node)
            below = children(node)
            for child in below:
                self._parents[child] = node
            waiting.extend(reversed(below))

    @cached_property
    def quote(self) -> str:
        """The quotation mark that the file prefers."""
        quotes = [node.quote for node in self.nodes if isinstance(node, cst.SimpleString)]
        return "'" if quotes.count("'") > quotes.count('"') else '"'

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        return self._parents.get(node)

    def path(self, node: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, cst.CSTNode]]:
        """(child, parent) pairs from a node up to the module."""
        parent = self._parents.get(node)
        while parent is not None:
            yield node, parent
            node, parent = parent, self._parents.get(parent)

    def span(self, node: cst.CSTNode) -> tuple[int, int]:
        """Where a node stands: without parentheses round it, as far as libcst knows them."""
        span = self._spans.get(node)
        if span is None:
            raise NotExact("libcst gives no place for the node")
        return self._original(span.start), self._original(span.start + span.length)

    def core(self, node: cst.BaseExpression) -> tuple[int, int]:
        """Where `ast` says that an expression stands.

        The parentheses of a tuple or a generator are its own for `ast`.
        """
        if isinstance(node, (cst.Tuple, cst.GeneratorExp)) and node.lpar:
            return self.span(node.lpar[-1])[0], self.span(node.rpar[0])[1]
        return self.span(node)

    def outer(self, node: cst.BaseExpression) -> tuple[int, int]:
        """Where an expression stands with all of its parentheses."""
        if node.lpar:
            return self.span(node.lpar[0])[0], self.span(node.rpar[-1])[1]
        return self.span(node)

    def code(self, span: tuple[int, int]) -> str:
        return self.text[span[0] : span[1]]

    def expression_at(self, span: Span) -> cst.BaseExpression | cst.Param:
        """The expression, or the parameter, that stands exactly at `span`.

        For a keyword argument or a starred one it is the value.
        """
        key = (self.source.offset(span.start), self.source.offset(span.end))
        node = self._expressions.get(key)
        if node is None:
            raise NotExact("no expression stands at the place")
        if any(isinstance(above, FORMATTED) for _, above in self.path(node)):
            raise NotExact("the expression stands inside an f-string")
        return node

    def statement_at(self, span: Span) -> cst.BaseSmallStatement | cst.BaseCompoundStatement:
        """The statement that stands exactly at `span`; decorators are not part of it."""
        key = (self.source.offset(span.start), self.source.offset(span.end))
        node = self._statements.get(key)
        if node is None:
            raise NotExact("no statement stands at the place")
        return node

    @cached_property
    def _expressions(self) -> dict[tuple[int, int], cst.BaseExpression | cst.Param]:
        found: dict[tuple[int, int], cst.BaseExpression | cst.Param] = {}
        for node in self.nodes:  # outermost first, and the outermost is meant
            if isinstance(node, cst.StarredElement):
                found.setdefault(self.span(node), node.value)
            elif isinstance(node, cst.BaseExpression):
                found.setdefault(self.core(node), node)
            elif isinstance(node, cst.Arg) and (node.star or node.keyword):
                found.setdefault(self.span(node), node.value)
            elif isinstance(node, cst.Param) and node.annotation:
                start, end = self.span(node.name)[0], self.outer(node.annotation.annotation)[1]
                found.setdefault((start, end), node)
            if isinstance(node, cst.Call) and (generator := sole_generator(node)) is not None:
                # `ast` lends the call's parentheses to the generator.
                found.setdefault((self.opening(node), self.span(node)[1]), generator)
        return found

    @cached_property
    def _statements(self) -> dict[tuple[int, int], cst.BaseSmallStatement | cst.BaseCompoundStatement]:
        return {
            self.span(node): node
            for node in self.nodes
            if isinstance(node, (cst.BaseSmallStatement, cst.BaseCompoundStatement))
        }

    @cached_property
    def _comments(self) -> list[tuple[int, str]]:
        """Where each comment starts, and its text, in order."""
        return sorted((self.span(node)[0], node.value) for node in self.nodes if isinstance(node, cst.Comment))

    def comments_in(self, start: int, end: int) -> list[str]:
        """The comments that start from `start` up to `end`."""
        return [text for _, text in self.comments_between(start, end)]

    def comments_between(self, start: int, end: int) -> list[tuple[int, str]]:
        """The comments that start from `start` up to `end`, each with where it starts."""
        first = bisect.bisect_left(self._comments, (start, ""))
        last = bisect.bisect_left(self._comments, (end, ""))
        return self._comments[first:last]

    def is_comment_line(self, offset: int) -> bool:
        """Whether the line that starts at `offset` holds a comment and nothing else."""
        text = self.source.after_spaces(offset)
        return bool(self.comments_in(text, text + 1))

    def comment_above(self, offset: int) -> int | None:
        """Where the line above that of `offset` starts, if it holds a comment and nothing else."""
        start = self.source.line_start(offset)
        above = self.source.line_start(start - 1) if start else 0
        return above if start and self.is_comment_line(above) else None

    def above_comments(self, offset: int, indentation: str = "") -> int:
        """Where the line of `offset` starts, or the first of the comments right above it, so indented."""
        start = self.source.line_start(offset)
        while (above := self.comment_above(start)) is not None and self.source.indentation(above) == indentation:
            start = above
        return start

    def opening(self, call: cst.Call) -> int:
        """Where the parenthesis that opens a call's arguments stands."""
        return self.source.after_trivia(self.outer(call.func)[1])


@contextlib.contextmanager
def _deep_recursion() -> Iterator[None]:
    """Let libcst go as deep as `ast` can: it recurses some three frames a level."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 10_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def sole_generator(call: cst.Call) -> cst.GeneratorExp | None:
    """The generator that is a call's only argument, without parentheses of its own."""
    value = call.args[0].value if len(call.args) == 1 else None
    return value if isinstance(value, cst.GeneratorExp) and not value.lpar else None


def _without_form_feeds(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text as libcst can count it, and after which of its offsets how much is missing."""
    removed: list[tuple[int, int]] = []
    total = 0
    for found in _FORM_FEED_INDENT.finditer(text):
        removed.append((found.start() - total, total + len(found[0])))
        total += len(found[0])
    return _FORM_FEED_INDENT.sub("", text).replace("\f", " "), removed


def _offsets(clean: str, removed: list[tuple[int, int]]) -> Callable[[int], int]:
    """From a byte offset in libcst's text to a character offset in the file's."""
    characters: list[int] | None = None
    if not clean.isascii():
        characters = []
        for index, character in enumerate(clean):
            characters += [index] * len(character.encode())
        characters.append(len(clean))
    places = [place for place, _ in removed]

    def original(offset: int) -> int:
        if characters is not None:
            offset = characters[offset]
        before = bisect.bisect_right(places, offset)
        return offset + (removed[before - 1][1] if before else 0)

    return original


class _Spans(ByteSpanPositionProvider):
    """Where libcst's nodes stand.

    `MetadataWrapper.resolve` would walk the whole tree once more, for providers of which there are none.
    """

    @classmethod
    def of(cls, module: cst.Module) -> Mapping[cst.CSTNode, CodeSpan]:
        spans = cls()._gen(MetadataWrapper(module, unsafe_skip_copy=True))
        return cast("Mapping[cst.CSTNode, CodeSpan]", spans)  # none of them is made late


class _Kinds(dict[type, bool]):
    """Whether a class is one of nodes; to ask libcst's abstract classes each time takes long."""

    def __missing__(self, kind: type) -> bool:
        self[kind] = issubclass(kind, cst.CSTNode)
        return self[kind]


_IS_NODE = _Kinds()


@cache
def _fields(kind: type[cst.CSTNode]) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def children(node: cst.CSTNode) -> list[cst.CSTNode]:
    """The nodes right below a node, in the order of its fields."""
    found: list[cst.CSTNode] = []
    for name in _fields(node.__class__):
        value = getattr(node, name)
        kind = value.__class__
        if _IS_NODE[kind]:
            found.append(value)
        elif kind is list or kind is tuple:
            found += [item for item in value if _IS_NODE[item.__class__]]
    return found


def descendants(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """A node and all nodes below it."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(children(node))
