"""Handlers that log a failure, and tell nobody else of it."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from celery_lint.project.syntax import own_nodes, walk
from celery_lint.semantics.exceptions.handlers import Catch, calls_in, is_mute, is_told_later
from celery_lint.semantics.inference.values import External, FunctionValue
from celery_lint.semantics.model import Call, FunctionFlow

# Calls that tell the log, or the worker's output, and nobody else.
LOG_METHODS = frozenset({"debug", "info", "warning", "warn", "error", "exception", "critical", "log"})
_PRINTS = frozenset({"builtins.print", "traceback.print_exc", "traceback.print_exception", "traceback.print_stack"})
_LEAVING = (ast.Raise, ast.AugAssign, ast.Yield, ast.YieldFrom, ast.Await, ast.Break, ast.Continue)
_SIMPLE = (
    ast.Expr, ast.Assign, ast.AnnAssign, ast.Import, ast.ImportFrom, ast.Return, ast.Global, ast.Pass, ast.Delete,
)  # fmt: skip
_TEXTS = ("traceback.format", "builtins.", "sys.exc_info")


def only_logs(catch: Catch) -> bool:
    """Whether a handler logs what it caught, does nothing else, and hands nothing on."""
    quiet = all(_is_log(call) or is_mute(call) or _makes_text(call) for call in catch.calls)
    return (
        quiet
        and any(_is_log(call) for call in catch.calls)
        and not any(isinstance(node, _LEAVING) or _is_kept(node) or _hands_on(node) for node in own_nodes(catch.body))
        and not is_told_later(catch)
    )


def _is_log(call: Call) -> bool:
    if any(isinstance(c, External) and c.path in _PRINTS for c in call.callee.alternatives()):
        return True
    is_own = any(isinstance(c, FunctionValue) for c in call.callee.alternatives())
    return isinstance(call.node.func, ast.Attribute) and call.name in LOG_METHODS and not is_own


def _makes_text(call: Call) -> bool:
    return all(isinstance(c, External) and c.path.startswith(_TEXTS) for c in call.callee.alternatives())


def _hands_on(node: ast.AST) -> bool:
    """Whether a statement returns something other than None or False."""
    if not isinstance(node, ast.Return) or node.value is None:
        return False
    return not (isinstance(node.value, ast.Constant) and (node.value.value is None or node.value.value is False))


def _is_kept(node: ast.AST) -> bool:
    """Whether a statement stores something outside of the function's variables."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return any(isinstance(n, (ast.Attribute, ast.Subscript)) for target in targets for n in walk(target))


def guards_all(catch: Catch) -> bool:
    """Whether the `try` of a handler holds all of a body's work: what is before and after it prepares and logs."""
    function = catch.flow.function
    body: Sequence[ast.stmt] = function.body if function is not None else ()
    while True:
        compound = [one for one in body if not isinstance(one, _SIMPLE) and not _is_exit(one)]
        if len(compound) != 1 or not _only_ends(catch.flow, body[body.index(compound[0]) + 1 :]):
            return False
        if not isinstance(compound[0], (ast.With, ast.AsyncWith)):
            return compound[0] is catch.statement
        body = compound[0].body


def _only_ends(flow: FunctionFlow, rest: Sequence[ast.stmt]) -> bool:
    """Whether statements do no work and give nothing to the caller but a literal."""
    returned = [one.value for one in rest if isinstance(one, ast.Return) and one.value is not None]
    is_quiet = all(_is_log(call) or is_mute(call) for call in calls_in(flow, rest))
    return is_quiet and all(isinstance(value, ast.Constant) for value in returned)


def _is_exit(node: ast.stmt) -> bool:
    """Whether a statement is `if test: return`."""
    return isinstance(node, ast.If) and not node.orelse and isinstance(node.body[-1], (ast.Return, ast.Raise))
