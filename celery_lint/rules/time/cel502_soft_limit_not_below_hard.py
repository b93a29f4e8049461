"""CEL502."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext, related
from celery_lint.semantics.model import Dispatch, FunctionFlow, Task
from celery_lint.semantics.time.limits import (
    Pair,
    pair_of_class,
    pair_of_dispatch,
    pair_of_set,
    pair_of_task,
    pairs_of_settings,
)


class SoftLimitNotBelowHard(Rule):
    """The soft time limit is not below the hard one.

    ## What it does
    Reports a soft time limit that is larger than the hard one, or equal to it, wherever
    both can be read: in a task's options, its base class, the settings, `task_annotations`,
    `apply_async(...)` and `signature.set(...)`, also when one of them comes from the task
    and the other from its base class or the settings of its application, or when settings
    that import others replace one of the two.

    ## Why is this bad
    The soft limit raises `SoftTimeLimitExceeded` in the task, so that it can clean up
    before the hard limit kills the process. With a larger soft limit on a task, Celery
    5.5 and newer refuse to send it at all: `ValueError: soft_time_limit must be less than
    or equal to time_limit`. Since 5.7 the limits of the settings count there as well,
    alone and together with the task's own. Where nobody checks, in older versions and in
    `apply_async`, the run goes on past the hard limit until the soft one. With equal
    limits the process is killed at the moment it is warned.

    ## Example
    ```python
    @shared_task(soft_time_limit=120, time_limit=60)
    def cut(path): ...
    ```

    ## Use instead
    ```python
    @shared_task(soft_time_limit=60, time_limit=120)
    def cut(path): ...
    ```

    ## References
    - [Celery: time limits](https://docs.celeryq.dev/en/stable/userguide/workers.html#time-limits)
    """

    severity = Severity.ERROR

    def check_task(self, task: Task, file: FileContext) -> Iterator[Finding]:
        yield from self._report(pair_of_task(file.hub, task), file)

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        for cls in file.module.classes:
            yield from self._report(pair_of_class(file.hub, cls), file)
        for pair in pairs_of_settings(file.hub, file.module):
            yield from self._report(pair, file)

    def check_dispatch(self, dispatch: Dispatch, file: FileContext) -> Iterator[Finding]:
        yield from self._report(pair_of_dispatch(dispatch), file)

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        for call in flow.calls:
            yield from self._report(pair_of_set(call), file)

    def _report(self, pair: Pair | None, file: FileContext) -> Iterator[Finding]:
        if pair is None or pair.soft < pair.hard:
            return
        whose = {
            "task": f"`{pair.owner}`",
            "class": f"tasks made on `{pair.owner}`",
            "settings": "all tasks",
            "message": f"this run of `{pair.owner}`",
        }[pair.where]
        limits = f"the soft limit of {whose} is {pair.soft:g} s, the hard one {pair.hard:g} s"
        steps = related([pair.other] if pair.other is not None else [])
        place = file.place(pair.node)
        if pair.soft == pair.hard:
            message = f"{limits}: the process is killed at the moment it is warned, with no time to clean up"
            yield self.finding(place, message, related=steps, severity=Severity.WARNING)
        elif pair.where == "message":
            yield self.finding(
                place, f"{limits}: the hard limit is not kept, the run goes on to the soft one", related=steps
            )
        else:
            message = f"{limits}: Celery refuses to send the message (ValueError), or runs past the hard limit"
            yield self.finding(place, message, related=steps)
