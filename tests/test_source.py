"""Where words stand in a text."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from celery_lint.source import NEWLINE, Source

PIECES = ["s", "si", "send", "ss", "_", "1", ".", " ", "(", '"', "é", "\n", "\r\n", "\r", "\t", "\x0c", "\u2028"]


@given(st.lists(st.sampled_from(PIECES)).map("".join), st.sampled_from(["s", "si", "send"]))
def test_the_rows_of_a_word_are_those_where_it_stands_whole(text: str, word: str) -> None:
    rows = Source("a.py", text.encode()).rows_of(word)
    whole = re.compile(rf"(?<!\w){word}(?!\w)")
    assert sorted(set(rows)) == [row for row, line in enumerate(NEWLINE.split(text), 1) if whole.search(line)]
