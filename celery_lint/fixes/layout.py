"""Where a file has its import lines, and where isort would put another one."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence

import libcst as cst

from celery_lint.fixes.bridge import Bridge
from celery_lint.fixes.scopes import dotted
from celery_lint.fixes.text import Splice
from celery_lint.records import record

FUTURE, STANDARD_LIBRARY, THIRD_PARTY, FIRST_PARTY, RELATIVE = range(5)
_DEFINITION = re.compile(r"@|(?:async\s+)?def\b|class\b")


@record()
class Line:
    """An import line to add, without its newline."""

    module: str
    is_from: bool
    code: str
    before: int  # the offset that it must stand before


@record()
class Existing:
    """An import line of the file, at top level."""

    section: int
    module: str
    is_from: bool
    start: int  # of its line
    end: int  # after its newline
    code: str


@record()
class Slot:
    """A place for import lines: where, and whether blank lines part them from what is round it."""

    offset: int
    blank_before: bool = False
    blank_after: bool = False


class Layout:
    """The top-level imports of a file, in runs that no other statement interrupts."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._source = bridge.source
        self._folders = set(bridge.filename.split("/")[:-1])
        self._known: dict[str, int] = {}
        self._runs = [run for run in self._read() if run]

    def splices(self, lines: Sequence[Line]) -> list[Splice]:
        """The edits that add `lines`; lines for one place are joined in their order."""
        at: dict[int, list[tuple[Line, Slot]]] = {}
        for line in sorted(lines, key=lambda line: (self._section(line.module), _straight_first(line))):
            slot = self._slot(line)
            at.setdefault(slot.offset, []).append((line, slot))
        return [self._joined(offset, group) for offset, group in at.items()]

    def _joined(self, offset: int, group: list[tuple[Line, Slot]]) -> Splice:
        newline = self._source.newline
        text = newline if group[0][1].blank_before else ""
        above = None
        for line, _ in group:
            section = self._section(line.module)
            text += (newline if above not in (None, section) else "") + line.code + newline
            above = section
        if group[-1][1].blank_after:
            is_definition = _DEFINITION.match(self._bridge.text, self._source.after_trivia(offset))
            text += newline * (2 if is_definition else 1)
        if offset and self._bridge.text[offset - 1] not in "\r\n":
            text = newline + text.removesuffix(newline)  # the file ends without a newline
        return Splice(offset, offset, text)

    def _slot(self, line: Line) -> Slot:
        runs = [[item for item in run if item.start < line.before] for run in self._runs]
        runs = [run for run in runs if run]
        if not runs:
            return self._first_slot()
        section = self._section(line.module)
        fitting = [run for run in runs if any(item.section == section for item in run)] or runs
        # The project's own modules may need what stands between two runs, such as `django.setup()`.
        run = fitting[-1 if section >= FIRST_PARTY else 0]
        same = [item for item in run if item.section == section]
        if same:
            key = _force_sorted if _is_force_sorted(same) else _straight_first
            above = [item for item in same if (key(item), item.code) < (key(line), line.code)]
            return Slot(above[-1].end if above else same[0].start)
        lower = [item for item in run if item.section < section]
        if not lower:
            return Slot(run[0].start, blank_after=True)
        following = next((item for item in run if item.start >= lower[-1].end), None)
        if following:
            return Slot(lower[-1].end, blank_before=self._is_parted(following))
        return Slot(lower[-1].end, blank_before=True, blank_after=not self._is_blank(lower[-1].end))

    def _first_slot(self) -> Slot:
        """The place in a file without imports: after the docstring and the comments at its top."""
        first = self._bridge.module.body[0]
        if self._bridge.module.get_docstring(clean=False) is not None:
            end = self._source.next_line(self._bridge.span(first)[1])
            return Slot(end, blank_before=True, blank_after=not self._is_blank(end))
        decorators = first.decorators if isinstance(first, (cst.FunctionDef, cst.ClassDef)) else ()
        start = self._source.line_start(self._bridge.span(decorators[0] if decorators else first)[0])
        # Comments at the very top are the file's, others the statement's.
        return Slot(self._bridge.above_comments(start) or start, blank_after=True)

    def _read(self) -> Iterator[list[Existing]]:
        run: list[Existing] = []
        for line in self._bridge.module.body:
            if not isinstance(line, cst.SimpleStatementLine) or not all(
                isinstance(statement, (cst.Import, cst.ImportFrom)) for statement in line.body
            ):
                yield run
                run = []
                continue
            module, is_from = _imported(line.body[0])
            start, end = self._bridge.span(line)
            section = self._section(module)
            code = self._bridge.code((start, end))
            item = Existing(section, module, is_from, self._source.line_start(start), self._source.next_line(end), code)
            previous = run[-1].section if run else None
            if section == THIRD_PARTY and (
                previous == FIRST_PARTY or (previous == THIRD_PARTY and self._is_parted(item))
            ):
                # A second block of packages that are not the standard library's is the project's own.
                item = Existing(FIRST_PARTY, module, is_from, item.start, item.end, code)
            self._known.setdefault(module.partition(".")[0], item.section)
            run.append(item)
        yield run

    def _section(self, module: str) -> int:
        """isort's section of a module, as far as the file and its path tell."""
        root = module.partition(".")[0]
        if not root:
            return RELATIVE
        if root == "__future__":
            return FUTURE
        if root in sys.stdlib_module_names:
            return STANDARD_LIBRARY
        return self._known.get(root, FIRST_PARTY if root in self._folders else THIRD_PARTY)

    def _is_parted(self, item: Existing) -> bool:
        """Whether a blank line stands above an import line, or above its comments."""
        start = self._bridge.above_comments(item.start)
        return start > 0 and self._is_blank(self._source.line_start(start - 1))

    def _is_blank(self, offset: int) -> bool:
        return not self._bridge.text[offset : self._source.line_end(offset)].strip()


def _imported(statement: cst.BaseSmallStatement) -> tuple[str, bool]:
    """The module of an import statement, with a dot in front if it is relative; whether it is `from`."""
    if isinstance(statement, cst.ImportFrom):
        module = dotted(statement.module) if statement.module else ""
        return "." * len(statement.relative) + module, True
    return (dotted(statement.names[0].name) if isinstance(statement, cst.Import) else ""), False


def _straight_first(item: Line | Existing) -> tuple[bool, str]:
    """isort's order: `import` lines before `from` lines."""
    return (item.is_from, item.module.lower())


def _force_sorted(item: Line | Existing) -> tuple[str, bool]:
    """The other usual order, by the module alone."""
    return (item.module.lower(), item.is_from)


def _is_force_sorted(items: Sequence[Existing]) -> bool:
    return [*map(_force_sorted, items)] == sorted(map(_force_sorted, items)) and [
        *map(_straight_first, items)
    ] != sorted(map(_straight_first, items))
