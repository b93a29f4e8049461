"""What formats make of awkward findings."""

from __future__ import annotations

import pytest

from celery_lint.findings import Applicability, Finding, Fix, Place, Position, Related, Severity, Span
from celery_lint.reporters import concise, full, github
from celery_lint.reporters.style import Style


def place(filename: str, row: int, column: int, end_column: int, end_row: int = 0) -> Place:
    return Place(filename, Span(Position(row, column), Position(end_row or row, end_column)))


def finding(where: Place, message: str = "message", **more: object) -> Finding:
    return Finding(where, "CEL301", "swallowed-exception", Severity.WARNING, message, **more)  # type: ignore[arg-type]


def excerpt(line: str, column: int, end_column: int, end_row: int = 0) -> list[str]:
    """The source line as shown and the carets under it, without the gutter."""
    text = full.render([finding(place("a.py", 1, column, end_column, end_row))], lambda _: [line])
    return [shown[4:] for shown in text.splitlines()[2:4]]


@pytest.mark.parametrize(
    ("line", "column", "end_column", "expected"),
    [
        ("charge(order)", 8, 13, ["charge(order)", "       ^^^^^"]),
        ("\tcharge(order)", 9, 14, ["    charge(order)", "           ^^^^^"]),
        ("x\tcharge()", 3, 9, ["x   charge()", "    ^^^^^^"]),
        ("send('日本', order)", 12, 17, ["send('日本', order)", "             ^^^^^"]),
        ("send('日本')", 7, 9, ["send('日本')", "      ^^^^"]),
        ("send('e\u0301', x)", 12, 13, ["send('e\u0301', x)", "          ^"]),
        ("x = (", 6, 6, ["x = (", "     ^"]),
    ],
)
def test_carets_stand_under_what_they_mean(line: str, column: int, end_column: int, expected: list[str]) -> None:
    assert excerpt(line, column, end_column) == expected


def test_a_span_of_several_lines_is_underlined_to_the_end_of_its_first() -> None:
    assert excerpt("with atomic():", 1, 9, end_row=4) == ["with atomic():", "^^^^^^^^^^^^^^"]


def test_a_very_long_line_is_shown_around_the_finding() -> None:
    line = "x = [" + "1, " * 5000 + "charge()]"
    shown, carets = excerpt(line, line.index("charge") + 1, line.index("charge") + 9)
    assert len(shown) < 250
    assert shown[carets.index("^") : carets.rindex("^") + 1] == "charge()"


def test_source_cannot_steer_the_terminal() -> None:
    hostile = finding(place("a\x1b]0;x\x07.py", 1, 1, 2), "name \x1b[2J\nforged.py:1:1: CEL101 x")
    for text in (full.render([hostile], lambda _: ["x = '\x1b[2J\u202e'"]), concise.render([hostile])):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert not any(line.startswith("forged") for line in text.splitlines())


def test_evidence_and_repair_are_shown_with_the_finding() -> None:
    shown = finding(
        place("views.py", 2, 1, 5),
        related=(Related("the transaction is opened here", place("models.py", 1, 1, 5)),),
        fix=Fix(Applicability.UNSAFE, "Send it after the commit", ()),
    )
    sources = {"views.py": ["first", "here", "", ""], "models.py": ["there"]}
    assert full.render([shown], sources.__getitem__).splitlines() == [
        "views.py:2:1: CEL301 message",
        "  |",
        "1 | first",
        "2 | here",
        "  | ^^^^",
        "  |",
        "note: models.py:1:1: the transaction is opened here",
        "  |",
        "1 | there",
        "  | ^^^^",
        "  |",
        "help: Send it after the commit (fixable with `--fix --unsafe-fixes`)",
        "",
    ]


def test_a_file_that_is_gone_is_reported_without_its_lines() -> None:
    assert full.render([finding(place("a.py", 3, 1, 2))], lambda _: []) == "a.py:3:1: CEL301 message\n\n"


def test_fixes_within_reach_are_marked() -> None:
    where = place("a.py", 1, 1, 2)
    safe = finding(where, fix=Fix(Applicability.SAFE, "", ()))
    unsafe = finding(where, fix=Fix(Applicability.UNSAFE, "", ()))
    assert concise.render([safe, unsafe, finding(where)]).splitlines() == [
        *("a.py:1:1: CEL301 [*] message", "a.py:1:1: CEL301 message", "a.py:1:1: CEL301 message")
    ]
    both = Style(fixable=(Applicability.SAFE, Applicability.UNSAFE))
    assert concise.render([unsafe], both) == "a.py:1:1: CEL301 [*] message\n"


def test_workflow_commands_are_escaped() -> None:
    command = github.render([finding(place("a,b:c.py", 1, 2, 3), "100%\nof it")])
    assert command == (
        "::warning title=celery-lint (CEL301),file=a%2Cb%3Ac.py,line=1,col=2,endLine=1,endColumn=3"
        "::a,b:c.py:1:2: CEL301 100%25%0Aof it\n"
    )
