"""Each finding with its source line, the places that prove it, and its fix."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from celery_lint.findings import Applicability, Finding, Place
from celery_lint.reporters.style import Style, printable

Lines = Callable[[str], Sequence[str]]

_TAB = 4
_WIDEST = 200
_HOW = {
    Applicability.SAFE: "fixable with `--fix`",
    Applicability.UNSAFE: "fixable with `--fix --unsafe-fixes`",
    Applicability.DISPLAY: "to be made by hand",
}


def render(findings: Iterable[Finding], lines: Lines, style: Style = Style()) -> str:
    """The findings as text. `lines` gives the lines of a file by its name, none when it cannot be read."""
    return "".join(f"{line}\n" for finding in findings for line in _finding(finding, lines, style))


def _finding(finding: Finding, lines: Lines, style: Style) -> Iterator[str]:
    yield style.headline(finding)
    yield from _excerpt(finding.place, lines, style, context=1)
    for related in finding.related:
        note = style.paint("note", "blue")
        yield f"{note}: {style.place(related.place)}: {printable(related.message)}"
        yield from _excerpt(related.place, lines, style, context=0)
    if finding.fix is not None:
        yield f"{style.paint('help', 'green')}: {finding.fix.message} ({_HOW[finding.fix.applicability]})"
    yield ""


def _excerpt(place: Place, lines: Lines, style: Style, context: int) -> Iterator[str]:
    """The line on which the place starts, with carets under it, and `context` lines around it."""
    text = lines(place.filename)
    row = place.span.start.row
    if row > len(text):
        return
    first, last = max(row - context, 1), min(row + context, len(text))
    while first < row and not text[first - 1].strip():
        first += 1
    while last > row and not text[last - 1].strip():
        last -= 1
    gutter = len(str(last))
    bar = style.paint("|", "blue")
    yield f"{' ' * gutter} {bar}"
    for number in range(first, last + 1):
        line = text[number - 1]
        shown, carets = _underlined(line, place) if number == row else (_columns(line), "")
        label = style.paint(f"{number:>{gutter}}", "blue")
        yield f"{label} {bar} {shown[:_WIDEST]}".rstrip()
        if carets:
            yield f"{' ' * gutter} {bar} {style.paint(carets, 'red')}"
    yield f"{' ' * gutter} {bar}"


def _underlined(line: str, place: Place) -> tuple[str, str]:
    """A line as shown, and the carets to print under it."""
    start = place.span.start.column - 1
    one_row = place.span.end.row == place.span.start.row
    end = place.span.end.column - 1 if one_row else len(line.rstrip())
    if start > _WIDEST // 2 and len(line) > _WIDEST:
        # So long a line is shown from near the finding on.
        cut = start - _WIDEST // 4
        line, start, end = f"...{line[cut:]}", start - cut + 3, end - cut + 3
    before = _columns(line[:start])
    under = _columns(line[:end])
    count = max(min(_width(under), _WIDEST) - _width(before), 1)
    return _columns(line), " " * _width(before) + "^" * count


def _columns(text: str) -> str:
    """The text with its tabs as spaces, and nothing that would act on a terminal."""
    return printable(text.expandtabs(_TAB))


def _width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(_character_width(character) for character in text)


def _character_width(character: str) -> int:
    import unicodedata  # for the few lines with other than plain characters

    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
