"""Comments that silence findings, and CEL002 for those that silence nothing."""

from __future__ import annotations

import textwrap

import pytest

from celery_lint.findings import Finding, Place, Position, Severity, Span, Substitute
from celery_lint.rules.registry import known_codes
from celery_lint.source import Source
from celery_lint.suppressions import apply, noqa_rows

RULES = frozenset(known_codes())


def source_of(text: str) -> Source:
    return Source("tasks.py", textwrap.dedent(text).encode())


def finding(row: int, code: str = "CEL301") -> Finding:
    span = Span(Position(row, 1), Position(row, 2))
    return Finding(Place("tasks.py", span), code, "name", Severity.ERROR, "message")


def kept(text: str, *findings: tuple[int, str]) -> list[tuple[int, str]]:
    """The findings that stay, as (row, code), with CEL002 off."""
    wanted = [finding(row, code) for row, code in findings]
    left = apply(source_of(text), wanted, RULES - {"CEL002"})
    return [(each.place.span.start.row, each.code) for each in left]


@pytest.mark.parametrize(
    ("comment", "silenced"),
    [
        ("# noqa", True),
        ("#noqa", True),
        ("# NOQA", True),
        ("# noqa: CEL301", True),
        ("# noqa:cel301", True),
        ("# noqa: CEL3", True),
        ("# noqa: E501, CEL301", True),
        ("# noqa: E501 CEL301", True),
        ("# noqa: CEL301 the gateway retries by itself", True),
        ("# noqa: the gateway retries by itself", True),
        ("# type: ignore  # noqa: CEL301", True),
        ("# noqa: E501", False),
        ("# noqa: CEL302", False),
        ("# no noqa", False),
        ("# celery-lint: ignore[CEL301] the gateway retries by itself", True),
        ("# celery-lint: ignore[CEL101, CEL301]", True),
        ("# celery-lint: ignore[CEL3]", True),
        ("# celery-lint:ignore[ALL]", True),
        ("# celery-lint: ignore", True),
        ("# celery-lint: ignore[CEL101]", False),
        ("# celery-lint: ignore[]", False),
        ("# celery-lint: ignored", False),
        ("# flake8: noqa", False),
    ],
)
def test_a_comment_on_the_line(comment: str, silenced: bool) -> None:
    assert kept(f"a()\nb()  {comment}\n", (1, "CEL301"), (2, "CEL301")) == (
        [(1, "CEL301")] if silenced else [(1, "CEL301"), (2, "CEL301")]
    )


@pytest.mark.parametrize(
    ("comment", "silenced"),
    [
        ("# flake8: noqa", True),
        ("# ruff: noqa", True),
        ("# flake8: noqa: CEL301", True),
        ("# ruff: noqa: CEL3, E501", True),
        ("# celery-lint: ignore-file[CEL301] generated", True),
        ("# celery-lint: ignore-file", True),
        ("# flake8: noqa: E501", False),
        ("# celery-lint: ignore-file[CEL101]", False),
        ("# noqa: CEL301", False),
    ],
)
def test_a_comment_for_the_file(comment: str, silenced: bool) -> None:
    text = f"import x\n\n{comment}\n\nfirst()\nlast()\n"
    assert bool(kept(text, (5, "CEL301"))) is not silenced


def test_strings_suppress_nothing() -> None:
    text = '''\
        a("# noqa")
        b("""
        # flake8: noqa
        # noqa
        """)
    '''
    assert len(kept(text, (1, "CEL301"), (2, "CEL301"), (4, "CEL301"))) == 3


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ('charge(\n    """\n    text\n    """\n)  # noqa', 1),
        ("charge(  # noqa\n    order,\n    amount,\n)", 3),
        ("charge(\n    order,  # noqa\n    amount,\n)", 2),
        ("charge(order, \\\n    amount)  # noqa", 1),
        ('charge("""\n# text\n""", order)  # noqa', 2),
    ],
)
def test_a_statement_of_several_lines(text: str, row: int) -> None:
    assert kept(text, (row, "CEL301")) == []


def test_a_comment_amid_a_statement_is_for_its_own_line() -> None:
    text = "chain(\n    a.s(),\n    b.s(),  # noqa\n    c.s(),\n)"
    assert kept(text, (2, "CEL301"), (4, "CEL301")) == [(2, "CEL301"), (4, "CEL301")]


def test_a_comment_is_not_for_the_block_that_it_ends() -> None:
    text = "try:\n    a()\nexcept Exception:\n    b()  # noqa\n"
    assert kept(text, (3, "CEL301")) == [(3, "CEL301")]


def test_comments_before_a_syntax_error_count() -> None:
    assert kept("# flake8: noqa\nx = (\n", (2, "CEL001")) == []
    assert kept("x = 'noqa\n", (1, "CEL001")) == [(1, "CEL001")]


def test_odd_line_ends_do_not_shift_rows() -> None:
    source = Source("tasks.py", b"a()\r\n\x0cb()  # noqa\r\nc('\xe2\x80\xa8')\r\nd()  # noqa\r\n")
    left = apply(source, [finding(row) for row in (1, 2, 3, 4)], RULES - {"CEL002"})
    assert [each.place.span.start.row for each in left] == [1, 3]


def unused(text: str, *findings: tuple[int, str], rules: frozenset[str] = RULES) -> list[str]:
    """What CEL002 says, and the line as its fix leaves it."""
    source = source_of(text)
    told = []
    for each in apply(source, [finding(row, code) for row, code in findings], rules):
        if each.code != "CEL002":
            continue
        assert each.fix is not None
        (change,) = each.fix.changes
        assert isinstance(change, Substitute)
        span = change.place.span
        line = source.lines[span.start.row - 1]
        if span.end.row == span.start.row:
            told.append(line[: span.start.column - 1] + change.text + line[span.end.column - 1 :])
        else:
            assert (span.start.column, span.end.column, change.text) == (1, 1, "")
            told.append("<gone>")
    return told


@pytest.mark.parametrize(
    ("line", "fixed"),
    [
        ("a()  # noqa: CEL301", "a()"),
        ("a()  # noqa: CEL001, CEL301", "a()"),
        ("a()  # noqa: E501, CEL301, W291", "a()  # noqa: E501, W291"),
        ("a()  # noqa: CEL301  # pragma: no cover", "a()  # pragma: no cover"),
        ("a()  # type: ignore  # noqa: CEL301", "a()  # type: ignore"),
        ("a()  # noqa: CEL301 reviewed in May", "a()  # reviewed in May"),
        ("a()  # celery-lint: ignore[CEL301] reviewed in May", "a()"),
        ("a()  # celery-lint: ignore[CEL301, CEL001]  # noqa: E501", "a()  # noqa: E501"),
        ("# celery-lint: ignore-file[CEL301]", "<gone>"),
        ("    # ruff: noqa: CEL301", "<gone>"),
        ("a()  # noqa: CEL999", "a()"),
    ],
)
def test_an_unused_suppression_and_its_fix(line: str, fixed: str) -> None:
    assert unused(f"{line}\nb()\n") == [fixed]


def test_the_last_line_of_a_file_without_an_end() -> None:
    assert unused("a()\n# noqa: CEL301") == [""]


@pytest.mark.parametrize(
    "line",
    ["a()  # noqa", "a()  # noqa: E501", "a()  # celery-lint: ignore", "# flake8: noqa", "'# noqa: CEL301'"],
)
def test_what_names_none_of_our_codes_is_left_alone(line: str) -> None:
    assert unused(f"{line}\n") == []


def test_a_suppression_in_use_is_not_unused() -> None:
    assert unused("a()  # noqa: CEL301\n", (1, "CEL301")) == []
    assert unused("# celery-lint: ignore-file[CEL3]\na()\n", (2, "CEL301")) == []
    assert unused("a()  # noqa: CEL301, CEL001\n", (1, "CEL301")) == ["a()  # noqa: CEL301"]


def test_codes_that_this_run_does_not_look_for_are_not_judged() -> None:
    assert unused("a()  # noqa: CEL301\n", rules=frozenset({"CEL002"})) == []
    assert unused("a()  # noqa: CEL3\n", rules=RULES - {"CEL301"}) == []


@pytest.mark.parametrize(
    ("text", "row", "expected"),
    [
        ("a()\nb()\n", 1, 1),
        ("a(\n    b,\n)\n", 2, 2),
        ('a("""\ntext\n""")\n', 1, 3),
        ("a(b, \\\n  c, \\\n  d)\n", 1, 3),
        ("a()  # ends with \\\nb()\n", 1, 1),
        ('a(f"""\n{x}\n""")\n', 1, 3),
    ],
)
def test_the_row_where_a_suppression_goes(text: str, row: int, expected: int) -> None:
    assert noqa_rows(source_of(text), [row]) == {row: expected}
    lines = text.splitlines()
    lines[expected - 1] += "  # noqa"
    assert kept("\n".join(lines), (row, "CEL301")) == []
