"""CEL109."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import AddArguments, Applicability, Change, Finding, Fix, Import, Replace, Severity
from celery_lint.project.syntax import own_nodes, walk
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.dispatching.due_times import ETA, EXPIRES, Schedule, schedules
from celery_lint.semantics.inference.moments import is_process_on_utc, surely_naive
from celery_lint.semantics.inference.values import Duration, External, Moment
from celery_lint.semantics.model import FunctionFlow


class NaiveEta(Rule):
    """An `eta` or `expires` in local time without a time zone, which Celery reads as UTC.

    ## What it does
    Reports `eta` and `expires` that come from `datetime.now()`, `datetime.today()`,
    `datetime.fromtimestamp()`, a `datetime(...)` of figures, or Django's `timezone.now()` with
    `USE_TZ = False`, all without a time zone: at dispatches, signatures, `set()` and `retry()`,
    also through variables, helpers and arithmetic with `timedelta`.

    ## Why is this bad
    The worker reads a naive time as UTC, whatever `timezone` and `enable_utc` are set to. It is
    wrong by the offset of the process that sends it. West of Greenwich, a task meant for
    in an hour runs at once, and one that expires in an hour has expired already and
    never runs. East of it, the task comes hours late. On a machine that runs on UTC nothing is
    seen of it.

    ## Example
    ```python
    send_reminder.apply_async((order.pk,), eta=datetime.now() + timedelta(hours=1))
    ```

    ## Use instead
    ```python
    send_reminder.apply_async((order.pk,), eta=datetime.now(timezone.utc) + timedelta(hours=1))
    ```

    `countdown=3600` says the same.

    ## Silent when
    The time comes from `utcnow()`, which is what Celery takes it for, or has or may have a time zone;
    Django's settings say `TIME_ZONE = "UTC"`, as Django then puts the process on UTC; the project sets
    `os.environ["TZ"]` to UTC itself.

    ## Fix safety
    The fix gives `now()`, `today()` and `fromtimestamp()` the zone UTC. It is left out where
    the same moment is used for something else as well.

    ## References
    - [Celery: ETA and countdown](https://docs.celeryq.dev/en/stable/userguide/calling.html#eta-and-countdown)
    """

    severity = Severity.ERROR
    fixable = "safe"

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        for schedule in schedules(file.hub, flow):
            for name in (ETA, EXPIRES):
                value = schedule.value(name)
                moment = surely_naive(value) if value is not None else None
                if moment is None or is_process_on_utc(file.hub):
                    continue
                where = "a time without a zone"
                if moment.node is not None and any(node is moment.node for node in walk(file.module.tree)):
                    where = f"`{file.text(moment.node)}`"
                yield self.finding(
                    file.place(schedule.call.node if schedule.is_forwarded else schedule.given[name].node),
                    f"`{name}` comes from {where}, local time without a zone, and Celery reads it as UTC: "
                    f"{_outcome(name)}",
                    fix=_fix(schedule, name, moment, flow, file),
                )


def _outcome(name: str) -> str:
    if name == ETA:
        return "the task runs too early or too late by the sender's offset from UTC"
    return "the task expires too early, and never runs, or too late, by the sender's offset from UTC"


def _fix(schedule: Schedule, name: str, moment: Moment, flow: FunctionFlow, file: FileContext) -> Fix | None:
    node = moment.node
    if node is None or moment.clock == "written" or schedule.is_forwarded or not isinstance(node.func, ast.Attribute):
        return None
    if not _is_shifted(schedule.given[name].node, node, flow):
        return None
    utc = Import("datetime", "timezone")
    change: Change
    if node.func.attr == "fromtimestamp":
        change = AddArguments(file.place(node), (("tz", "$timezone.utc"),), (utc,))
    elif flow.value(node.func) in _OF_THIS_MOMENT and not node.args and not node.keywords:
        owner = file.module.source.segment(node.func.value)
        change = Replace(file.place(node), f"{owner}.now($timezone.utc)", (utc,))
    else:
        return None
    return Fix(Applicability.SAFE, "Give it the time zone UTC", (change,))


_OF_THIS_MOMENT = (External("datetime.datetime.now"), External("datetime.datetime.today"))


def _is_shifted(node: ast.expr, call: ast.Call, flow: FunctionFlow) -> bool:
    """Whether an expression is the call's moment with durations added, and nothing else has that moment."""
    if isinstance(node, ast.BinOp):
        for one, other in ((node.left, node.right), (node.right, node.left)):
            if isinstance(flow.value(other), Duration):
                return _is_shifted(one, call, flow)
    if isinstance(node, ast.Name):
        names = [n for n in own_nodes(flow.body) if isinstance(n, ast.Name) and n.id == node.id]
        values = list(flow.assigned(node.id))
        is_alone = len(names) == 2 and len(values) == 1
        return is_alone and not isinstance(values[0], ast.Name) and _is_shifted(values[0], call, flow)
    return node is call
