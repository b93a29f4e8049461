"""Walking trees that are not the linter's alone."""

from __future__ import annotations

import ast

from celery_lint.project.syntax import own_nodes, walk

SOURCE = """
import a, b as c
global x

@decorated(1)
async def f(p: int = 0, /, *args, k: "str" = {**d, "a": 1}, **kw) -> list[int]:
    def inner(): return [i async for i in p if (w := i)]
    match p:
        case {"k": v, **rest} | [1, *_] if v:
            yield f"{v!r:>{width}}"
        case None | True:
            lambda z: z
    try:
        x[1:2, ...] = not -p if p else await q
    except* ValueError as error:
        raise
    return
"""


def test_every_node_is_met_once_that_ast_walk_meets():
    tree = ast.parse(SOURCE.replace("except*", "except").replace("global x\n", ""))
    plain = (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop)
    expected = [node for node in ast.walk(tree) if not isinstance(node, plain)]
    met = list(walk(tree))
    assert len(met) == len(set(met))
    assert set(met) == set(expected)


def test_source_order():
    names = [n.id for n in walk(ast.parse("a(b, c=d)[e] = f or g")) if isinstance(n, ast.Name)]
    assert names == list("abdefg")


def test_own_nodes_stop_at_nested_scopes():
    (function,) = ast.parse("def f():\n    a\n    def g(): b\n    lambda: c\n    class D: d\n").body
    assert isinstance(function, ast.FunctionDef)
    assert [n.id for n in own_nodes(function.body) if isinstance(n, ast.Name)] == ["a"]


def test_parents_that_other_plugins_hang_on_nodes_are_no_children():
    """pyflakes (flake8 6) sets `_pyflakes_parent` on nodes, those that all trees share among them."""
    tree = ast.parse("def f(x):\n    return x.y\n")
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            child._pyflakes_parent = node  # type: ignore[attr-defined]
    try:
        assert len(list(walk(tree))) == 7
    finally:
        for node in ast.walk(ast.parse("x.y")):
            if isinstance(node, ast.expr_context) and hasattr(node, "_pyflakes_parent"):
                del node._pyflakes_parent
