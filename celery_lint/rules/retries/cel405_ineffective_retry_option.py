"""CEL405."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import Applicability, Finding, Fix, RemoveArguments, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.model import Task
from celery_lint.semantics.retries.retry_options import (
    Idle,
    idle_for_all,
    idle_options,
    limit_of,
    limits_given_as_none,
    raised_outside,
    rejects_in_vain,
)


class IneffectiveRetryOption(Rule):
    """A retry option that nothing reads.

    ## What it does
    Reports, of a task or of the base class that tasks are made on:

    - `retry_backoff`, `retry_backoff_max`, `retry_jitter` and `retry_kwargs` without
      `autoretry_for`, which alone reads them;
    - `max_retries` and `default_retry_delay` where nothing retries: there is no
      `autoretry_for`, and no call of `retry()`;
    - `retry_backoff_max` and `retry_jitter` without `retry_backoff`;
    - `default_retry_delay`, or a countdown in `retry_kwargs`, beside `retry_backoff`, and
      `max_retries` beside another number in `retry_kwargs`: the other one counts;
    - `max_retries=None` in `retry_kwargs` or in a call of `retry()`: it does not mean
      "without limit" there, but the task's own number;
    - `reject_on_worker_lost`, and `raise Reject`, without `acks_late`;
    - the hard time limit in `autoretry_for`: the process is killed, so nothing is raised in it.

    ## Why is this bad
    Celery takes the options and says nothing. The task looks as if it were retried, and its
    first failure is its last; or it is retried at other times than it says.

    ## Example
    ```python
    @shared_task(max_retries=5, default_retry_delay=60)
    def reserve(order_id):
        warehouse.reserve(order_id)
    ```

    ## Use instead
    ```python
    @shared_task(autoretry_for=(ConnectionError,), max_retries=5, default_retry_delay=60)
    def reserve(order_id):
        warehouse.reserve(order_id)
    ```

    ## Silent when
    The option says what holds anyway (`max_retries=0`, `retry_jitter=False`); the body, its
    class or a signal handler reads it (`self.max_retries`); the task is given to other code
    (`handle(self, error)`), or is made by a decorator or base class that can't be read.
    `acks_late` may come from the settings; where those can't be read, nothing is said of it.

    ## Fix safety
    Safe: an option in whose place another one counts is taken away, but for a task's own
    beside one of its base class: which is meant only you know. Where nothing retries
    there is no fix: only you know which exceptions a retry may cure.

    ## References
    - [Celery: retrying](https://docs.celeryq.dev/en/stable/userguide/tasks.html#retrying)
    """

    severity = Severity.WARNING
    fixable = "safe"

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        for cls in file.module.classes:
            for idle in idle_for_all(file.hub, cls):
                yield from self._report(idle, f"no task made on `{cls.name}` has", None, file)

    def check_task(self, task: Task, file: FileContext) -> Iterator[Finding]:
        hub = file.hub
        for idle in idle_options(hub, task):
            if idle.option.where == "decorator":
                yield from self._report(idle, f"`{task.name}` has no", task, file)
        for name, option in raised_outside(task):
            if option.where == "decorator" and option.node is not None and option.module is file.module:
                message = f"`{name}` is never raised in `{task.name}`: its process is killed, and nothing is retried"
                yield self.finding(file.place(option.node), message)
        for node in limits_given_as_none(hub, task):
            message = f"`max_retries=None` means the limit of `{task.name}` itself here, {limit_of(task)}, and not none"
            yield self.finding(file.place(node), message)
        for raised in rejects_in_vain(hub, task):
            message = f"`Reject` cannot put the message of `{task.name}` back: {_EARLY}"
            yield self.finding(file.place(raised.node), message)

    def _report(self, idle: Idle, lacks: str, task: Task | None, file: FileContext) -> Iterator[Finding]:
        node, module = idle.option.node, idle.option.module
        if node is None or module is not file.module:
            return
        names = " and ".join(f"`{name}`" for name in idle.names)
        verb = "do" if len(idle.names) > 1 else "does"
        above = " (the base class gives it)" if idle.is_beaten_from_above else ""
        message = f"{names} {verb} nothing{_WHY[idle.kind].format(lacks=lacks)}{above}"
        yield self.finding(file.place(node), message, fix=_fix(idle, task, file))


_EARLY = "without `acks_late` it is acknowledged before the task runs"
_WHY = {
    "no retry": ": {lacks} `autoretry_for`, and nothing calls `retry()`",
    "no autoretry": ": {lacks} `autoretry_for`, which alone reads such options",
    "no backoff": " without `retry_backoff`: the delay between retries is fixed",
    "backoff": " beside `retry_backoff`, which sets the delay itself",
    "number": " beside the number in `retry_kwargs`, which counts",
    "none": " when it is None: the task's own limit counts",
    "early": f": {_EARLY}",
}


def _fix(idle: Idle, task: Task | None, file: FileContext) -> Fix | None:
    """Without the options, where nothing changes by that and their keywords stand in the task's own decorator."""
    call = task.decorator if task is not None else None
    if idle.kind not in ("no backoff", "backoff", "number") or not isinstance(call, ast.Call):
        return None
    if idle.is_beaten_from_above:
        return None  # the task's own was meant
    if not set(idle.names) <= {k.arg for k in call.keywords}:
        return None
    names = " and ".join(f"`{name}`" for name in idle.names)
    change = RemoveArguments(file.place(call), idle.names)
    return Fix(Applicability.SAFE, f"Remove {names}", (change,))
