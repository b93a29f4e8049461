"""What runs after a statement, as far as the order of the source tells."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Literal

from celery_lint.project.syntax import blocks
from celery_lint.records import record
from celery_lint.semantics.model import FunctionFlow

Ending = Literal["return", "raise", "end", "loop"]
_LOOPS = (ast.For, ast.AsyncFor, ast.While)


@record()
class Sequel:
    """The statements that follow, compound ones whole, and how they end.

    `end` is the end of the body, `loop` the next turn of a loop around, whose body is
    then among the statements. `is_explicit`: the statement's own block says how it ends.
    """

    statements: tuple[ast.stmt, ...]
    ending: Ending
    last: ast.stmt | None = None
    """The `return` or `raise`."""
    is_explicit: bool = False


def sequel(body: Sequence[ast.stmt], statement: ast.stmt) -> Sequel:
    """What follows a statement of a body, on the way that takes no branch and catches nothing."""
    found: list[ast.stmt] = []
    jump: ast.stmt | None = None
    for depth, (owner, block, index) in enumerate(_path(body, statement)):
        for one in block[index + 1 :] if jump is None else ():
            if isinstance(one, (ast.Return, ast.Raise)):
                ending: Ending = "return" if isinstance(one, ast.Return) else "raise"
                return Sequel(tuple(found), ending, one, depth == 0)
            if isinstance(one, (ast.Break, ast.Continue)):
                jump = one
                break
            found.append(one)
        if isinstance(owner, _LOOPS) and block is owner.body:
            if not isinstance(jump, ast.Break):
                return Sequel((*found, *owner.body), "loop")
            jump = None
        if isinstance(owner, ast.Try) and block is not owner.finalbody:
            if block is owner.body and jump is None:
                found += owner.orelse
            found += owner.finalbody
    return Sequel(tuple(found), "end")


def _path(body: Sequence[ast.stmt], statement: ast.stmt) -> list[tuple[ast.stmt | None, Sequence[ast.stmt], int]]:
    """The blocks around a statement, the inmost first, each with its owner and the place in it."""
    path: list[tuple[ast.stmt | None, Sequence[ast.stmt], int]] = []
    owner: ast.stmt | None = None
    block: Sequence[ast.stmt] | None = body
    while block is not None:
        inner: Sequence[ast.stmt] | None = None
        for index, one in enumerate(block):
            if _covers(one, one, statement):
                path.insert(0, (owner, block, index))
                if one is not statement:
                    owner = one
                    inner = next((b for b in blocks(one) if _covers(b[0], b[-1], statement)), None)
                break
        block = inner
    return path


def _covers(first: ast.stmt, last: ast.stmt, node: ast.stmt | ast.expr) -> bool:
    """Whether a node stands within the stretch from one statement to another."""
    start, end = (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)
    return (first.lineno, first.col_offset) <= start and end <= (last.end_lineno or 0, last.end_col_offset or 0)


def statement_of(flow: FunctionFlow, node: ast.expr) -> ast.stmt | None:
    """The inmost statement of a body that an expression of it stands in."""
    around = [one for one in flow.frames if _covers(one, one, node)]
    return max(around, key=lambda one: (one.lineno, one.col_offset), default=None)
