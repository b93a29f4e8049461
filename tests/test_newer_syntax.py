"""Files written for a newer Python than the one that runs the linter are checked all the same."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from celery_lint.configuration import Settings
from celery_lint.engine import Engine
from celery_lint.newer_syntax import older
from celery_lint.source import parse

NEWER = {
    "same quotes in an f-string": 'x = f"{a["b"]} and {c.get("d", 0):>5} {e!r}"\n',
    "an f-string in an f-string": 'x = f"{f"{a}"}"\n',
    "a backslash in a field": "x = f\"{'\\n'.join(a)}\"\n",
    "type parameters of a function": "def first[T](items: list[T]) -> T:\n    return items[0]\n",
    "type parameters of a class": "class Box[T, *Ts]:\n    pass\n",
    "a type statement": "type Pair[T] = tuple[T, T]\nif x:\n    type Name = str\n",
    "two exceptions without parentheses": "try:\n    f()\nexcept ValueError, os.error:\n    pass\n",
    "a template string": 'x = t"hello {name}"\n',
}


@pytest.mark.parametrize("text", NEWER.values(), ids=NEWER)
def test_it_is_read_and_every_line_keeps_its_length(text: str) -> None:
    assert [len(line) for line in older(text).splitlines()] == [len(line) for line in text.splitlines()]
    parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "type = 3\ntype(x) == y\nmatch = {'type': 1}\n",
        'x = "{a["\ny = f"{{literal}} {a}" f\'{b["c"]}\'\n',
        "# except A, B:\n'''\nexcept A, B:\ndef f[T](): ...\n'''\n",
        "try:\n    f()\nexcept (A, B):\n    pass\n",
        "names[0]\nclass A(Base[int]):\n    x: dict[str, int] = {}\n",
    ],
)
def test_older_syntax_is_left_as_it_is(text: str) -> None:
    assert ast.dump(ast.parse(older(text))) == ast.dump(ast.parse(text))


@pytest.mark.parametrize("text", ["x = (\n", "def f(:\n", 'x = f"{a"\n', "except A, B:\n", "type = \n"])
def test_what_is_wrong_in_any_python_stays_wrong(text: str) -> None:
    with pytest.raises(SyntaxError):
        parse(text)


def test_findings_are_where_the_file_has_them(tmp_path: Path) -> None:
    text = (
        "from celery import shared_task\n\n\n@shared_task(time_limit=9)\ndef charge(order: dict) -> None:\n"
        '    print(f"{order["id"]} is charged")\n    try:\n        pay(order)\n    except Exception:\n        pass\n'
    )
    (tmp_path / "tasks.py").write_text(text, encoding="utf-8")
    found = Engine(tmp_path, ["tasks.py"], Settings(rules=frozenset({"CEL301", "CEL001"}))).check("tasks.py")
    assert [(f.code, f.place.span.start.row) for f in found] == [("CEL301", 9)]


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python reads it by itself")
def test_what_cannot_be_written_in_older_syntax_is_reported(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text('from celery import x\ny = f"{\n    a\n}"\n', encoding="utf-8")
    found = Engine(tmp_path, ["tasks.py"], Settings(rules=frozenset({"CEL001"}))).check("tasks.py")
    assert [f.code for f in found] == ["CEL001"]
