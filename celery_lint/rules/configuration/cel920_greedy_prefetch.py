"""CEL920."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Applicability, Finding, Fix, Related, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.configuration.appsettings import adding
from celery_lint.semantics.configuration.prefetching import is_late, waiting_behind
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.model import App


class GreedyPrefetch(Rule):
    """Workers take messages ahead that wait behind long tasks.

    ## What it does
    Reports an application that leaves `worker_prefetch_multiplier` at its default of 4,
    while tasks of the project are acknowledged late, or have a time limit of their own of
    ten minutes or more.

    ## Why is this bad
    Each process of a worker takes four messages from the broker. Three of them wait behind
    the one that runs, for as long as it runs, while other workers are idle. With late
    acknowledgement they count as being worked on, and when the worker dies, all of them go
    back to the queue together.

    ## Example
    ```python
    app = Celery("shop")
    app.conf.update(task_acks_late=True)
    ```

    ## Use instead
    ```python
    app = Celery("shop")
    app.conf.update(task_acks_late=True, worker_prefetch_multiplier=1)
    ```

    ## Silent when
    The setting is given, whatever its value, settings may come from where nobody can read
    them, or the project has several applications. `--prefetch-multiplier` on the worker's
    command line is not seen.

    ## Fix safety
    Safe: no task runs otherwise than before. Many short tasks may take a little longer.

    ## References
    - [Celery: prefetch limits](https://docs.celeryq.dev/en/stable/userguide/optimizing.html#prefetch-limits)
    """

    severity = Severity.ADVICE
    fixable = "safe"

    def check_app(self, app: App, file: FileContext) -> Iterator[Finding]:
        tasks = waiting_behind(file.hub, app) if not file.is_test else ()
        if not tasks:
            return
        first = tasks[0]
        others = f" and {len(tasks) - 1} other task{'s' if len(tasks) > 2 else ''}" if len(tasks) > 1 else ""
        why = "acknowledged late" if is_late(file.hub, first) else "allowed to run long"
        message = (
            f"`{first.name}`{others} {'are' if others else 'is'} {why}, and each process takes 4 messages ahead, "
            f"which wait behind them: `worker_prefetch_multiplier` is not set"
        )
        related = Related("the first of them", first.module.source.place(first.report_node))
        yield self.finding(file.place(app.node), message, related=(related,), fix=_fix(app, file))


def _fix(app: App, file: FileContext) -> Fix | None:
    added = adding(file.hub, app, {"worker_prefetch_multiplier": "1"})
    if added is None:
        return None
    return Fix(Applicability.SAFE, f"Set `{added.names[0]} = 1` in {added.filename}", (added.change,))
