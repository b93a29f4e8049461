"""Bodies that are parsed when they are looked at: nobody who walks the tree may see a difference."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celery_lint.configuration import Settings
from celery_lint.engine import Engine
from celery_lint.findings import Finding
from celery_lint.project.outline import is_unreadable, outline
from celery_lint.rules.registry import known_codes
from celery_lint.source import Source, UnreadableError
from tests.conftest import Workspace

LIBRARY = Path(ast.__file__).parent
PROJECT = Path(__file__).parents[1]

BODY = "    a = 1\n    b = 2\n    c = 3\n    return a, b, c\n"
INNER = textwrap.indent(BODY, "    ")


def tree_of(text: str) -> ast.Module:
    return outline(Source("shop/tasks.py", text.encode()))


def assert_same(source: Source) -> None:
    whole = ast.dump(source.tree, include_attributes=True)
    assert ast.dump(outline(Source(source.filename, source.data)), include_attributes=True) == whole


def look_at_all(source: Source) -> None:
    for node in ast.walk(outline(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and is_unreadable(node):
            raise UnreadableError("in a body")


def deferred(tree: ast.Module) -> list[str]:
    """The functions at the top whose bodies are not parsed yet."""
    functions = [n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return [n.name for n in functions if type(n) not in (ast.FunctionDef, ast.AsyncFunctionDef)]


def test_a_body_waits_until_it_is_looked_at() -> None:
    tree = tree_of(f"def first():\n{BODY}\n\nasync def second():\n{BODY}")
    assert deferred(tree) == ["first", "second"]
    first = tree.body[0]
    assert isinstance(first, ast.FunctionDef)
    assert (first.lineno, first.end_lineno, first.end_col_offset) == (1, 5, 18)
    assert [type(statement) for statement in first.body] == [ast.Assign, ast.Assign, ast.Assign, ast.Return]
    assert deferred(tree) == ["second"]
    assert type(first) is ast.FunctionDef


@pytest.mark.parametrize(
    "path",
    [*LIBRARY.glob("*.py"), *PROJECT.glob("celery_lint/**/*.py"), *PROJECT.glob("tests/fixtures/**/*.py")],
    ids=lambda path: path.name,
)
def test_real_code_is_read_the_same(path: Path) -> None:
    try:
        source = Source(path.name, path.read_bytes())
        source.tree  # noqa: B018
    except UnreadableError:
        pytest.skip("no Python")
    assert_same(source)


@pytest.mark.parametrize(
    "text",
    {
        "text at the margin": 'def f():\n    a = """\nSELECT 1\n"""\n    b = 2\n    c = 3\n    return c\n',
        "two texts at the margin": 'def f():\n    a = """\nx\n""" + """\ny\n"""\n    b = 2\n    c = 3\n    d = 4\n',
        "odd quotes in a comment": 'def f():\n    a = """\nx\n"""  # """\n    b = 2\n    c = 3\n    return c\n',
        "a bracket at the margin": "def f():\n    a = 1\n    b = 2\n    c = [\n1, 2,\n]\n    return c\n",
        "a continued line": "def f():\n    a = 1\n    b = 2\n    c = 3 + \\\n4\n    return c\n",
        "a continued line at the end": "def f():\n    a = 1\n    b = 2\n    c = 3\n    return c \\\n\n\nx = 1\n",
        "a definition in a text": f'"""\ndef f():\n{BODY}"""\nx = 1\n',
        "a body on the line of its head": f"class A:\n    def f(self): return 1\n    def g(self):\n{INNER}",
        "a long head": f"def f(\n    a,  # first:\n    b={{1:\n    2}},\n    c=3,\n    d=4,\n) -> int:\n{BODY}",
        "a comment in the head": f"def f(a):  # why: because\n{BODY}",
        "comments at the margin": "def f():\n    a = 1\n# one\n    b = 2\n# two\n    c = 3\n    d = 4\n# three\n",
        "a comment at the end": "def f():\n    a = 1\n    b = 2\n    c = 3\n    return c  # done\n",
        "letters of several bytes": 'def f():\n    a = 1\n    b = 2\n    c = 3\n    return "é"\n\nx = "é"\n',
        "a number for a body": "def f():\n    0\n\ndef g():\n    a = 1\n    b = 2\n    c = 3\n    0\n",
        "tabs": "def f():\n\ta = 1\n\tb = 2\n\tc = 3\n\treturn c\n",
        "carriage returns": "def f():\r\n    a = 1\r\n    b = 2\r\n    c = 3\r\n    return c\r\n",
        "form feeds": "\f\ndef f():\n    a = 1\n    b = 2\n    c = 3\n    return c\n",
        "no end of line": "def f():\n    a = 1\n    b = 2\n    c = 3\n    return c",
        "nested": f"def f():\n    def g():\n{INNER}{BODY}\n    class A:\n        x = 1\n",
        "in statements": f"if x:\n  try:\n    def f():\n{INNER}  finally:\n    def g():\n{INNER}else:\n  pass\n",
        "decorated": f"@a\n@b(\n    1,\n)\ndef f(x=lambda y: 1):\n{BODY}\n@c\nclass A:\n    @d\n    def f():\n{INNER}",
        "short last line": "def f():\n  a = (\n    1,\n    2\n  )\n  b = (1,\n    2,\n 3\n)\nx = 1\n",
        "a default that ends like a head": f"def f(a={{'b':\n1,\n2: 2,\n3: 3, 4:\n4}}):\n{BODY}",
    }.items(),
    ids=lambda item: item[0],
)
def test_unusual_code_is_read_the_same(text: tuple[str, str]) -> None:
    assert_same(Source("shop/tasks.py", text[1].encode()))


LINES = st.sampled_from(
    [
        "x = 1", 'y = """', '"""', "'''", "# note:", "def f():", "async def g(a,", "):", "class A:", "if x:", "else:",
        "return x", "z = [", "]", "1,", "s = 'it'", "", "w = 2 + \\", "@d", "pass", "0", 'q = "\'\'\'"', "for i in x:",
    ]
)  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 3), LINES), max_size=25))
def test_any_code_is_read_the_same(lines: list[tuple[int, str]]) -> None:
    """What Python reads is read the same; what it does not read fails, at the latest when all is looked at."""
    source = Source("shop/tasks.py", "".join(f"{'    ' * depth}{line}\n" for depth, line in lines).encode())
    try:
        source.tree  # noqa: B018
    except UnreadableError:
        with pytest.raises(UnreadableError):
            look_at_all(Source(source.filename, source.data))
    else:
        assert_same(source)


@pytest.mark.parametrize("project", sorted((PROJECT / "tests/fixtures/projects").iterdir()), ids=lambda path: path.name)
def test_the_same_is_found_in_large_projects(project: Path, monkeypatch: Any) -> None:
    files = [path.relative_to(project).as_posix() for path in project.rglob("*.py")]

    def found() -> list[Finding]:
        engine = Engine(project, files, Settings(rules=known_codes()))
        return [finding for filename in sorted(files) for finding in engine.check(filename)]

    at_once = found()
    monkeypatch.setattr("celery_lint.project.index.SMALL", 0)
    assert found() == at_once


class TestABodyThatIsNoPython:
    TEXT = textwrap.dedent(
        """\
        def good():
            a = 1
            b = 2
            c = 3
            return c


        def bad():
            a = 1
            b = = 2
            c = 3
            return c
        """
    )

    def test_is_told_of_when_it_is_looked_at(self) -> None:
        good, bad = tree_of(self.TEXT).body
        assert isinstance(good, ast.FunctionDef)
        assert isinstance(bad, ast.FunctionDef)
        assert not is_unreadable(good)
        assert is_unreadable(bad)

    def test_is_reported_where_a_rule_would_have_read_it(self, workspace: Workspace, monkeypatch: Any) -> None:
        monkeypatch.setattr("celery_lint.project.index.SMALL", 0)
        workspace.write({"shop/tasks.py": f"from celery import shared_task\n{self.TEXT}"})
        assert workspace.lint().code == 0
        workspace.write(
            {"shop/tasks.py": f"from celery import shared_task\n{self.TEXT.replace('= =', '= = x.delay(1)')}"}
        )
        outcome = workspace.lint()
        assert outcome.code == 1
        assert "shop/tasks.py:11:9: CEL001" in outcome.out

    def test_outside_of_bodies_is_told_of_at_once(self) -> None:
        with pytest.raises(UnreadableError, match="invalid syntax"):
            tree_of(f"{self.TEXT}\nx = = 1\n")
