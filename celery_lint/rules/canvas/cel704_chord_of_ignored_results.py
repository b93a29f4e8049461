"""CEL704."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext, related
from celery_lint.semantics.dispatching.canvas import chords
from celery_lint.semantics.model import FunctionFlow, Step
from celery_lint.semantics.results.stored import WAITING_BACKENDS, backend, ignores_result, may_be_kept


class ChordOfIgnoredResults(Rule):
    """The tasks of a chord's header ignore their results, and the backend waits for these.

    ## What it does
    Reports chords, and groups with a step behind them, that have a task in the header which
    ignores its result, where the project's result backend is known to read the results back: a
    database, files, memcached and the others, but not Redis.

    ## Why is this bad
    Redis collects what the header's tasks return in the chord itself. Other backends look for the
    stored results, and there are none: with memcached the body fails with ChordError, and with
    a database or files it never runs, while `celery.chord_unlock` asks once a second for ever.

    ## Example
    ```python
    @shared_task(ignore_result=True)
    def price(order_id): ...

    chord([price.s(order_id) for order_id in order_ids])(total.s())
    ```

    ## Use instead
    ```python
    @shared_task
    def price(order_id): ...

    chord([price.s(order_id) for order_id in order_ids])(total.s())
    ```
    From Celery 5.6 on, `price.s(order_id).set(ignore_result=False)` asks for the one result.

    ## Silent when
    The backend is Redis, another package's, or can't be told; some message of the task asks for its
    result; tasks are eager; in tests. CEL707 reports chords where there is no backend for them.

    ## References
    - [Celery: chords](https://docs.celeryq.dev/en/stable/userguide/canvas.html#important-notes)
    """

    severity = Severity.WARNING

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        hub = file.hub
        for chord in () if file.is_test else chords(hub, flow):
            task = next((t for t in chord.tasks if ignores_result(hub, t) is True and not may_be_kept(hub, t)), None)
            if task is None or hub.project_settings.constant("task_always_eager") is True:
                continue
            kind = backend(hub, task)
            if kind not in WAITING_BACKENDS:
                continue
            name = f"`{task.name}`"
            message = (
                f"`{file.text(chord.node)}` never runs its body: {name} ignores its result,"
                f" and the result backend `{kind}` waits for it"
            )
            step = Step(task.module.source.place(task.report_node), f"{name} ignores its result")
            yield self.finding(file.place(chord.node), message, related=related((step,)))
