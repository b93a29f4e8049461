"""What a file's bytes say, and where words stand in its text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celery_lint.source import NEWLINE, Source, UnreadableError

PIECES = ["s", "si", "send", "ss", "_", "1", ".", " ", "(", '"', "#", "é", "\n", "\r\n", "\r", "\t", "\x0c", "\u2028"]


@given(st.lists(st.sampled_from(PIECES)).map("".join), st.sampled_from(["s", "si", "send"]))
def test_the_rows_of_a_word_are_those_where_it_stands_whole(text: str, word: str) -> None:
    rows = Source("a.py", text.encode()).rows_of(word)
    whole = re.compile(rf"(?<!\w){word}(?!\w)")
    lines = enumerate(NEWLINE.split(text), 1)
    code = [(row, line) for row, line in lines if not line.lstrip().startswith("#")]
    assert sorted(set(rows)) == [row for row, line in code if whole.search(line)]


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("task.s(1)", True),
        ("(task\n.s\n(1))", True),
        ("getattr(task, 's')", True),
        ('getattr(task, "s")', True),
        ("f'{s}'", True),
        ("log('%s', name)", False),
        ("'the task's name'", False),
        ("# the task s", False),
    ],
)
def test_a_letter_of_a_text_is_no_name(text: str, is_found: bool) -> None:
    assert bool(Source("a.py", text.encode()).rows_of("s")) is is_found


@pytest.mark.parametrize("data", [b"\xff\n", b"x = 1\n\n\ny = '\xff'\n"], ids=["first row", "later row"])
def test_a_byte_that_is_no_utf_8_is_named_wherever_it_stands(data: bytes) -> None:
    with pytest.raises(UnreadableError, match="byte 0xff is not valid utf-8"):
        _ = Source("a.py", data).text
