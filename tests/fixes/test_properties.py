"""What holds for every dispatch in every file, however it is written."""

from __future__ import annotations

import ast
import codecs
import functools
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterable, Mapping

from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from celery_lint.findings import Applicability, DeferToCommit, Finding, Fix, Severity
from celery_lint.fixes import FixResult, fix_project
from celery_lint.source import Source

FUNCTIONS = st.sampled_from(
    ["f.delay", "a.b.apply_async", "f.s(1, x=2).apply_async", "(f or g).delay", "tasks[0].delay", "f().delay"]
)
ARGUMENTS = st.sampled_from(
    [
        "x",
        "order.pk",
        "'é # no comment'",
        "lambda y: y",
        "(a, b)",
        "[z for z in y]",
        "a if b else c",
        "(w := 1)",
        "f'{x}'",
        "{'k': [\n1, # in\n]}",
        "'''two\n  lines # '''",
        "not x",
        "-x ** 2",
    ]
)
COMMENTS = st.sampled_from(["", "  # why", "  # é «», 'x'"])
HEADS = st.sampled_from(
    [
        "",
        '"""Doc."""\n',
        "# top\n",
        "from __future__ import annotations\n",
        "import functools\nfrom django.db import models  # all\n",
        "from django.db import (\n    models,  # one\n    # two\n)\n",
        "from functools import (cache, wraps)\nimport celery\n\nfrom . import models\n",
        "from functools import partial as later\nfrom django.db import transaction as t\n",
        "transaction = 1\n\ndef partial(): pass\n",
        "try:\n    import json\nexcept ImportError:\n    x = None\n",
        "from django.db.transaction import on_commit\n",
    ]
)
PLACES = st.sampled_from(
    [
        "{}\n",
        "{}  # sent\n",
        "if a: {}\n",
        "if a:\n\tif b:\n\t\t{}\n\telse: pass\n",
        "def g(partial):\n    {}\n    return 1\n",
        "async def g():\n  async with h():\n    {}\n",
        "class A:\n    def g(self, transaction=None):\n        x = 1; {}; y = 2\n",
        "for a in b:\n    {}\n\n    # end\n",
        "match a:\n    case [b, *_]:\n        {}\n",
        "h(lambda: {})\n",
        "a and {}\n",
        "def g():\n    from django.db import transaction\n    with transaction.atomic():\n        {}\n",
        "\fdef g():\n    {}\n",
        "(\n    {}\n)\n",
        "try: {}\nfinally: pass\n",
    ]
)


@st.composite
def calls(draw: st.DrawFn) -> str:
    positional = draw(st.lists(ARGUMENTS, max_size=2))
    keywords = [f"k{n}={value}" for n, value in enumerate(draw(st.lists(ARGUMENTS, max_size=2)))]
    arguments = positional + draw(st.sampled_from([[], ["*args"]])) + keywords
    arguments += draw(st.sampled_from([[], ["**kwargs"]]))
    function = draw(FUNCTIONS)
    if not arguments:
        return function + draw(st.sampled_from(["()", "( )", "(  # none\n)"]))
    style = draw(st.sampled_from(["inline", "hanging", "aligned", "own"]))
    comma = draw(st.sampled_from(["", ","]))
    if style == "inline":
        return f"{function}({', '.join(arguments)}{comma})"
    comments = [draw(COMMENTS) for _ in arguments]
    last = len(arguments) - 1
    indent = "\n" + " " * (len(function) + 1 if style == "aligned" else 8)
    lines = [
        item + ("," if index < last else comma) + comment
        for index, (item, comment) in enumerate(zip(arguments, comments, strict=True))
    ]
    closing = "\n    )" if style != "aligned" or comments[-1] else ")"
    opening = f"({draw(COMMENTS)}{indent}" if style == "hanging" else "("
    if style == "own":
        opening += f"{indent}# own{indent}"
    return function + opening + indent.join(lines) + closing


@st.composite
def files(draw: st.DrawFn) -> bytes:
    body = "".join(draw(PLACES).format(draw(calls())) for _ in range(draw(st.integers(1, 3))))
    text = draw(HEADS) + draw(st.sampled_from(["", "\n", "\n\n"])) + body
    if draw(st.booleans()):
        text = text.removesuffix("\n")
    encoding = draw(st.sampled_from(["utf-8", "bom", "latin-1"]))
    if encoding == "latin-1":
        text = "# -*- coding: latin-1 -*-\n" + text
    # Python finds no cookie in a file whose lines end with a carriage return alone.
    newlines = ["\n", "\r\n"] if encoding == "latin-1" else ["\n", "\r\n", "\r"]
    text = text.replace("\n", draw(st.sampled_from(newlines)))
    if encoding == "bom":
        return codecs.BOM_UTF8 + text.encode()
    return text.encode(encoding)


def is_deferred(node: ast.Call) -> bool:
    return ast.unparse(node.func).split(".")[-1] == "on_commit"


def dispatches(data: bytes) -> list[Finding]:
    """Each call of `delay` or `apply_async`."""
    source = Source("shop/tasks.py", data)
    found = []
    for node in ast.walk(source.tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("delay", "apply_async")
        ):
            place = source.place(node)
            fix = Fix(Applicability.SAFE, "defer", (DeferToCommit(place),))
            found.append(Finding(place, "CEL201", "name", Severity.ERROR, "message", (), fix))
    return sorted(found, key=lambda finding: finding.sort_key)


def fixed(data: bytes) -> FixResult:
    def check(overrides: Mapping[str, bytes]) -> list[Finding]:
        return dispatches(overrides.get("shop/tasks.py", data))

    return fix_project(check, lambda name: data, frozenset({Applicability.SAFE}), write=False)


class Undo(ast.NodeTransformer):
    """Make `on_commit(partial(f, a))` `f(a)` again."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if not is_deferred(node):
            return node
        inner = node.args[0]
        if isinstance(inner, ast.Call) and ast.unparse(inner.func) in (
            "partial",
            "later",
            "functools.partial",
            "functools_partial",
        ):
            return ast.Call(inner.args[0], inner.args[1:], inner.keywords)
        return ast.Call(inner, [], [])


def without_imports(tree: ast.Module) -> str:
    """The code of a tree, whatever it imports at its top level."""
    body = [node for node in tree.body if not isinstance(node, (ast.Import, ast.ImportFrom))]
    return ast.dump(ast.Module(body, []))


def comments(data: bytes) -> Counter[str]:
    text = Source("", data).text.replace("\r\n", "\n").replace("\r", "\n")
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return Counter(token.string for token in tokens if token.type == tokenize.COMMENT)


def newlines(data: bytes) -> set[bytes]:
    return set(re.findall(rb"\r\n|\r|\n", data))


@settings(max_examples=200, deadline=None)
@given(files())
def test_every_dispatch_is_deferred_exactly(before: bytes) -> None:
    result = fixed(before)
    assert result.failures == ()
    assert result.findings == ()
    (file,) = result.files
    after = file.after

    # The same program, but for the deferral, and every comment.
    tree = Undo().visit(ast.parse(Source("", after).text))
    assert without_imports(tree) == without_imports(ast.parse(Source("", before).text))
    assert comments(after) == comments(before)

    # The file is written as it was.
    assert after.startswith(codecs.BOM_UTF8) == before.startswith(codecs.BOM_UTF8)
    assert after.endswith((b"\n", b"\r")) == before.endswith((b"\n", b"\r"))
    assert newlines(before) >= newlines(after) or not newlines(before)

    # There is nothing left to do, and each import is there once.
    assert fixed(after).files == ()
    top = [ast.unparse(node) for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = [name for line in top for name in line.partition("import ")[2].split(", ")]
    assert len(names) == len(set(names))


def bound(nodes: Iterable[ast.AST]) -> set[str]:
    """The names that nodes bind themselves, but not by an import."""
    names = set()
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
    return names


@settings(max_examples=100, deadline=None)
@given(files())
def test_names_of_the_fix_mean_what_they_should(before: bytes) -> None:
    """`on_commit` and `partial` are Django's and functools', and nothing stands in their way."""
    (file,) = fixed(before).files
    tree = ast.parse(Source("", file.after).text)
    of_module = bound(
        child
        for node in tree.body
        for child in ([node] if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else ast.walk(node))
    )
    for statement in tree.body:
        namespace: dict[str, object] = {}
        for node in [*tree.body, *ast.walk(statement)]:
            if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and not node.level):
                exec(compile(ast.Module([node], []), "shop/tasks.py", "exec"), namespace)
        for node in ast.walk(statement):
            if not isinstance(node, ast.Call) or not is_deferred(node):
                continue
            assert eval(ast.unparse(node.func), namespace) is transaction.on_commit
            called = [node.func]
            if isinstance(node.args[0], ast.Call):
                assert eval(ast.unparse(node.args[0].func), namespace) is functools.partial
                called.append(node.args[0].func)
            roots = {ast.unparse(function).partition(".")[0] for function in called}
            own = {node.name for node in ast.walk(statement) if isinstance(node, ast.alias)}
            assert not roots & ((of_module - own) | bound(ast.walk(statement)))
