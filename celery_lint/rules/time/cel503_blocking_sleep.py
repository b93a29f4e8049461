"""CEL503."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext, related
from celery_lint.semantics.time.sleeping import sleeps


class BlockingSleep(Rule):
    """A task sleeps, and its worker slot with it.

    ## What it does
    Reports `time.sleep` in tasks, and in the functions that they call, for a second or
    more, or in a loop.

    ## Why is this bad
    A worker runs as many tasks at a time as it has slots. One that sleeps keeps its slot,
    does nothing, and the next task waits; with as many sleeping tasks as slots the worker
    stands still. A message with a countdown waits just as long and holds nothing up. A
    sleep in a loop is also lost work when the worker is stopped in between.

    ## Example
    ```python
    @shared_task
    def sync(page):
        answer = warehouse.fetch(page)
        if answer.status_code == 429:
            time.sleep(300)
            answer = warehouse.fetch(page)
        store(answer)
    ```

    ## Use instead
    ```python
    @shared_task(bind=True)
    def sync(self, page):
        answer = warehouse.fetch(page)
        if answer.status_code == 429:
            raise self.retry(countdown=300)
        store(answer)
    ```
    For a pause between the steps of a loop, send the rest as a message of its own with
    `countdown=`, or give the task a `rate_limit`.

    ## Silent when
    The workers may use gevent or eventlet, whose pools run other tasks meanwhile: by
    `worker_pool`, a command line, or a patch beside the application. A sleep outside of
    loops is shorter than a second, or of a length that can't be read. Tests are left alone.

    ## References
    - [Celery: retrying](https://docs.celeryq.dev/en/stable/userguide/tasks.html#retrying)
    """

    severity = Severity.WARNING

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        if file.is_test:
            return
        for sleep in sleeps(file.hub, file.module):
            path = file.hub.roles.task_path(sleep.call.flow.function)
            if path is None:
                continue
            again = " each time round the loop" if sleep.in_loop else ""
            message = (
                f"`{file.text(sleep.call.node)}` holds the worker slot of `{path.task.name}`{again}, "
                "and other tasks wait: let a message with a countdown wait instead"
            )
            steps = path.steps if len(path.steps) > 1 else ()
            yield self.finding(file.place(sleep.call.node), message, related=related(steps))
