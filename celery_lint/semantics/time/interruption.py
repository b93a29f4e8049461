"""The soft time limit as an exception in a task: who has one, and what a handler that catches it does next.

The prefork pool raises `SoftTimeLimitExceeded` once, in whatever code runs at
that moment (billiard/pool.py, `soft_timeout_sighandler`).
"""

from __future__ import annotations

import ast
from collections.abc import Collection as AnyOf
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from celery_lint.semantics.exceptions.handlers import SOFT_LIMIT, Catch, catches, is_mute, raised_predicates
from celery_lint.semantics.inference.packages import NEVER_RETURNING
from celery_lint.semantics.inference.values import Constant, FunctionValue
from celery_lint.semantics.model import Call, Step, Task
from celery_lint.semantics.time.blocking import blocking_call, helper_block
from celery_lint.semantics.time.limits import SOFT, may_reach, own, pool_applies
from celery_lint.semantics.transactions.writes import may_follow

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# What catches an exception begins so; `contextlib.suppress` may have another name.
_CATCHES = ("except", "with")
_ENDS = ("raise", "exit", "_exit", "quit", "abort")

Way = Literal["fall", "continue", "break"]


def soft_limit(hub: Semantics, task: Task) -> Step | None:
    """What gives a task a soft limit; None when nothing does, or the project's pool applies none."""
    if not pool_applies(hub, SOFT):
        return None
    if SOFT in task.options:
        option = own(task, SOFT)
        if option is None or option.node is None or option.module is None:
            return None
        where = "its base class" if option.where == "base" else f"`{task.name}`"
        return Step(option.module.source.place(option.node), f"the soft time limit of {where}")
    for setting in hub.project_settings.all("task_soft_time_limit"):
        if setting.value != Constant(None) and may_reach(hub, setting, task):
            return Step(setting.module.source.place(setting.node), "the soft time limit of all tasks")
    return None


def swallowing(hub: Semantics, task: Task) -> Iterator[tuple[Catch, Literal["retry", "loop", "work"]]]:
    """The broad catches of a task's body that would eat its soft time limit, and what they do instead of ending."""
    assert task.function is not None
    if not task.function.holds(_CATCHES):
        return
    for flow in hub.calls.flows_within(task.function):
        for catch in catches(flow):
            if not catch.is_broad or catch.raises_same(hub) or catch.asks_for(SOFT_LIMIT) or catch.names(SOFT_LIMIT):
                continue
            if any(earlier.names(SOFT_LIMIT) for earlier in catch.earlier):
                continue
            how = goes_on(hub, catch)
            if how is not None:
                yield catch, how


def goes_on(hub: Semantics, catch: Catch) -> Literal["retry", "loop", "work"] | None:
    """What a task does once a handler has caught the limit; None when it ends, or nothing slow is guarded."""
    if all(is_mute(call) for call in catch.guarded_calls):
        return None
    retries = {raised.node for raised in raised_predicates(hub, catch.flow) if raised.kind == "Retry"}
    if any(call.node in retries for call in catch.calls):
        return "retry"
    ways = ways_out(catch.body, {call.node for call in catch.calls if never_returns(hub, call)})
    loop = catch.around.find("loop")
    in_loop = loop is not None and isinstance(loop.node, (ast.For, ast.AsyncFor, ast.While))
    if in_loop and ways & {"fall", "continue"}:
        return "loop"
    after = catch.statement.end_lineno or 0
    if loop is not None and in_loop and "break" in ways:
        after = getattr(loop.node, "end_lineno", after)
    if not ways:
        return None
    for call in catch.flow.calls:
        if (
            call.node.lineno <= after
            or call.frame.find("handler")
            or not may_follow(catch.around, call.frame, catch.flow)
        ):
            continue
        if blocking_call(call) is not None or helper_block(hub, call, slow=True) is not None:
            return "work"
    return None


def never_returns(hub: Semantics, call: Call) -> bool:
    """Whether a call ends what called it: `sys.exit()`, a helper that raises whatever happens."""
    return all(
        one in NEVER_RETURNING
        or (
            isinstance(one, FunctionValue)
            and one.function.holds(_ENDS)
            and not one.function.is_generator
            and not hub.flow(one.function, one.captured).returns
        )
        for one in call.callee.alternatives()
    )


def ways_out(body: Sequence[ast.stmt], ends: AnyOf[ast.expr] = ()) -> frozenset[Way]:
    """How control may leave a block other than by `return` or `raise`; `ends` are calls that never return."""
    found: set[Way] = set()
    for node in body:
        if isinstance(node, (ast.Return, ast.Raise)) or (isinstance(node, ast.Expr) and node.value in ends):
            return frozenset(found)
        if isinstance(node, ast.Continue):
            return frozenset({*found, "continue"})
        if isinstance(node, ast.Break):
            return frozenset({*found, "break"})
        if isinstance(node, ast.If):
            inner = ways_out(node.body, ends) | ways_out(node.orelse, ends)
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            inner = ways_out(node.body, ends)
        elif isinstance(node, ast.Try):
            inner = ways_out([*node.body, *node.orelse], ends).union(*(ways_out(h.body, ends) for h in node.handlers))
        else:
            continue
        found |= inner - {"fall"}
        if "fall" not in inner:
            return frozenset(found)
    return frozenset({*found, "fall"})
