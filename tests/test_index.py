"""Files found by names that stand in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celery_lint.project.index import Project
from celery_lint.project.inputs import numbers_of, set_of

FILES = {
    "shop/a.py": b"def send(): pass\nclass Order:\n    async def save(self): pass\n",
    "shop/b.py": b"    def send(self): pass\n# def save\nsender = 1\ndef resend(): pass\n",
    "shop/c.py": b"async def save(): pass\nx = 'def send'\nclass  Order: pass\n",
    "shop/d.py": "def sendé(send): pass\nclass Orderé: pass\nprint(Order)\n".encode(),
    "shop/tests/test_a.py": b"def send(): pass\nclass Order: pass\n",
}


@pytest.mark.parametrize("kept", [1_000_000, 1])
@pytest.mark.parametrize("many", [False, True])
def test_files_are_found_by_what_they_define(many: bool, kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("celery_lint.project.index.MAX_KEPT", kept)
    project = Project(Path("."), (), overrides=FILES)
    if many:
        project.expect_many_questions()
    assert list(project.defining("send")) == ["shop/a.py", "shop/b.py"]
    assert list(project.defining("send", nested=True)) == ["shop/b.py"]
    assert list(project.defining("save")) == ["shop/a.py", "shop/c.py"]
    assert list(project.defining("save", nested=True)) == ["shop/a.py"]
    assert list(project.defining_class("Order")) == ["shop/a.py"]
    assert list(project.defining("nothing")) == []
    assert list(project.assigning("sender")) == ["shop/b.py"]


PIECES = st.sampled_from(
    ["mport", "import", "requests", "sessions", "Session", "x", "_", ".", "(", " ", "\n", "'", "é"]
)
TEXTS = st.lists(PIECES, min_size=1, max_size=6).map("".join)


@given(texts=st.lists(TEXTS, max_size=4), wanted=TEXTS)
def test_the_index_of_words_leaves_out_no_file_with_a_text(texts: list[str], wanted: str) -> None:
    folders = ("shop", "tests", "shop/celery_tests", "other")
    files = {f"{folder}/a.py": f"celery\n{text}".encode() for folder, text in zip(folders, texts, strict=False)}
    project = Project(Path("."), (), overrides=files)
    indexed = Project(Path("."), (), overrides=files)
    indexed.expect_many_questions()
    for ask in (Project.containing, Project.holding, Project.mentioning_part):
        assert ask(indexed, wanted) == ask(project, wanted)


@given(st.frozensets(st.integers(0, 3000)))
def test_a_set_of_inputs_is_its_numbers(numbers: frozenset[int]) -> None:
    assert numbers_of(set_of(numbers)) == sorted(numbers)
