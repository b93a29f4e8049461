"""CEL410."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import AddArguments, Applicability, Finding, Fix, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.retries.retry_options import LATE, REJECT_LOST, Stated, late_without_reject


class AcksLateWithoutReject(Rule):
    """`acks_late` alone does not bring back a run whose process dies.

    ## What it does
    Reports `acks_late=True`, of a task, a base class or in the settings, where nobody has
    said whether `reject_on_worker_lost` is wanted.

    ## Why is this bad
    With late acknowledgement a message comes back when the whole worker is lost. When only
    the process that runs the task dies (killed by the system for want of memory, or crashed
    in a library), the worker acknowledges the message all the same, and stores a
    `WorkerLostError`: the run is lost. With `reject_on_worker_lost` it comes back. But then a
    task that always kills its process comes back for ever, and kills the next one.
    Neither is right for all tasks, so that it should be said which one is meant.

    ## Example
    ```python
    @shared_task(acks_late=True)
    def render(picture_id):
        renderer.render(picture_id)
    ```

    ## Use instead
    ```python
    @shared_task(acks_late=True, reject_on_worker_lost=True)
    def render(picture_id):
        renderer.render(picture_id)
    ```
    for a task that may be run again and does not kill its process by itself, or
    `reject_on_worker_lost=False` for one that had better be lost.

    ## Silent when
    `reject_on_worker_lost` is given, True or False, in whatever way; the pool has no
    processes; the settings can't be read.

    ## Fix safety
    Shown only: which one is meant, only you know.

    ## References
    - [Celery: reject_on_worker_lost](https://docs.celeryq.dev/en/stable/reference/celery.app.task.html#celery.app.task.Task.reject_on_worker_lost)
    """

    severity = Severity.ADVICE
    fixable = "display"

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        for one in late_without_reject(file.hub, file.module):
            if isinstance(one, Stated):
                whose, setting = f"`{one.owner}`", REJECT_LOST
            else:
                whose, setting = "any task", f"task_{REJECT_LOST}"
            message = (
                f"a run of {whose} whose process dies is acknowledged and lost: "
                f"with `{setting}` it comes back, each time it dies"
            )
            yield self.finding(file.place(one.node), message, fix=_fix(one, file) if isinstance(one, Stated) else None)


def _fix(one: Stated, file: FileContext) -> Fix | None:
    call = one.task.decorator if one.cls is None and one.task is not None else None
    if call is None or not any(k.arg == LATE for k in getattr(call, "keywords", ())):
        return None
    change = AddArguments(file.place(call), ((REJECT_LOST, "True"),))
    return Fix(Applicability.DISPLAY, "Have it come back", (change,))
