"""CEL501."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import AddArguments, Applicability, Finding, Fix, Related, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.configuration.appsettings import adding
from celery_lint.semantics.context import FileContext, related
from celery_lint.semantics.model import App, Task
from celery_lint.semantics.time.blocking import does_nothing_long, way_to_block
from celery_lint.semantics.time.interruption import swallowing
from celery_lint.semantics.time.limits import (
    HARD,
    SOFT,
    Unlimited,
    bearable,
    is_limited,
    unlimited_apps,
    unlimited_tasks,
)

_HANGS = "that hangs holds its worker for ever"
_SOFT, _HARD = 300, 330
MANY_TASKS = 500
_LIMITS = ((SOFT, str(_SOFT)), (HARD, str(_HARD)))


class MissingTimeLimit(Rule):
    """Nothing ends a run that hangs.

    ## What it does
    Reports a Celery application whose settings limit no task (once, at `Celery(...)`),
    and besides each task that nothing limits and that has a visible way to block: requests
    without a timeout, child processes, waiting, `while True`, and work on each row of a
    query, in the task or in helpers that it calls. Without an application in sight, each
    task is reported that does more than compute, raise or send other tasks.

    A limit may come from the task's options, its base class, `task_annotations`, all of
    its dispatches, or the settings, under today's or the old names. A value that can't be
    read counts as a limit, and so do settings that come from another package, from a file
    that is no Python, or from the environment as a whole. Of several applications, each has
    its own settings; where it can't be told which one reads a limit, or which one a task
    belongs to, the limit counts for all.

    ## Why is this bad
    There is no limit by default. A run that waits for a server that never answers holds
    its worker process for ever; a few of those, and the worker takes no tasks at all,
    while its process is alive and its heartbeat is fine.

    ## Example
    ```python
    app = Celery("shop")

    @app.task
    def fetch(url):
        return requests.get(url).text
    ```

    ## Use instead
    ```python
    app = Celery("shop")
    app.conf.update(task_soft_time_limit=300, task_time_limit=330)
    ```
    and for tasks that need more, or less:
    ```python
    @app.task(soft_time_limit=3000, time_limit=3300)
    def fetch(url):
        return requests.get(url).text
    ```
    Either limit alone is enough for this rule. The prefork pool keeps both, gevent the hard
    one, threads and solo neither. Limits given to the worker's command line
    (`--time-limit`) are not seen: set `task_time_limit` instead, or ignore the rule.

    ## Fix safety
    Unsafe: runs that last longer than the limits are ended. The numbers are a start, five
    minutes: choose what the tasks need. At the application, the fix adds the settings where
    it has its others: in Django's settings, in the module or class that
    `config_from_object` names, or on `app.conf`. At a task, it adds the options to the
    decorator, but not in one run with the settings, which limit that task as well. A limit
    is left out where it would clash with one that a task has, and the soft one also where a
    handler would swallow it, or where an application has more than 500 tasks to look for
    such handlers in.

    ## Options
    `time-limit-scope`: `app` reports as above, `task` each task that nothing limits.

    ## References
    - [Celery: time limits](https://docs.celeryq.dev/en/stable/userguide/workers.html#time-limits)
    """

    severity = Severity.WARNING
    fixable = "unsafe"

    def check_app(self, app: App, file: FileContext) -> Iterator[Finding]:
        if file.is_test or file.hub.settings.time_limit_scope == "task":
            return
        for unlimited in unlimited_apps(file.hub):
            if unlimited.app is app:
                first = unlimited.tasks[0]
                rest = len(unlimited.tasks) - 1
                others = f" or of {rest} other task{'s' if rest > 1 else ''}" if rest else ""
                message = f"no time limit is set: a run of `{first.name}`{others} {_HANGS}"
                place = first.module.source.place(first.report_node)
                yield self.finding(
                    file.place(app.node),
                    message,
                    related=(Related("the first task without a limit", place),),
                    fix=_fix_for_all(unlimited, file),
                )

    def check_task(self, task: Task, file: FileContext) -> Iterator[Finding]:
        hub = file.hub
        function = task.function
        if file.is_test or function is None or is_limited(hub, task):
            return
        block = way_to_block(hub, function)
        if block is not None:
            way = f"and {block.what}" if len(block.steps) == 1 else f"and a helper {block.what}"
            message = f"`{task.name}` has no time limit {way}: a run {_HANGS}"
        elif hub.settings.time_limit_scope == "task" or not hub.project_settings.all_apps:
            if does_nothing_long(hub, function):
                return
            message = f"`{task.name}` has no time limit: a run {_HANGS}"
        else:
            return
        steps = block.steps if block is not None else ()
        yield self.finding(file.heading(task.report_node), message, related=related(steps), fix=_fix(task, file))


def _fix_for_all(unlimited: Unlimited, file: FileContext) -> Fix | None:
    """Limits for all tasks, where the application has its settings."""
    hub = file.hub
    soft, hard = bearable(hub, _SOFT, _HARD)
    # A soft limit would be an exception that a handler of a task eats.
    tasks = unlimited_tasks(hub) if soft else ()
    soft = soft and len(tasks) <= MANY_TASKS and not any(any(swallowing(hub, task)) for task in tasks)
    wanted = {f"task_{name}": value for (name, value), fits in zip(_LIMITS, (soft, hard), strict=True) if fits}
    added = adding(hub, unlimited.app, wanted) if wanted else None
    if added is None:
        return None
    names = " and ".join(f"`{name}`" for name in added.names)
    # Beside old names the old ones are put, as Celery refuses a mixture.
    uncovers = ("CEL906",) if wanted.keys().isdisjoint(added.names) else ()
    message = f"Limit all tasks: {names} in {added.filename}"
    return Fix(Applicability.UNSAFE, message, (added.change,), uncovers=uncovers)


def _fix(task: Task, file: FileContext) -> Fix | None:
    """Limits at the task's own decorator, where it is one of Celery's."""
    if (
        task.factory is not None
        or not task.takes_options
        or task.decorator is None
        or task.report_node is not task.decorator
    ):
        return None
    if any(swallowing(file.hub, task)):
        # A soft limit would be an exception that a handler of the task eats.
        change = AddArguments(file.place(task.decorator), _LIMITS[1:])
        return Fix(Applicability.UNSAFE, "Limit the task to 330 seconds", (change,), yields=True)
    change = AddArguments(file.place(task.decorator), _LIMITS)
    message = "Limit the task to 300 seconds, and to 330 at the latest"
    return Fix(Applicability.UNSAFE, message, (change,), yields=True)
