"""CEL707."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.dispatching.canvas import chords
from celery_lint.semantics.inference.values import BoundMethod, ResultValue
from celery_lint.semantics.model import FunctionFlow, Task
from celery_lint.semantics.results.stored import NO_BACKEND, backend


class ChordWithoutBackend(Rule):
    """A chord is made, and no result backend can count its header's tasks.

    ## What it does
    Reports chords, groups followed by a step in a chain, which Celery makes chords of, and
    `save()` of a group's result, where the project has no result backend, or `rpc://`.

    ## Why is this bad
    A chord runs its body when the last task of its header has stored its result, and
    the backend is where they are counted. Without one, and with `rpc://`, whose results go
    straight back to the client, sending a chord raises NotImplementedError.

    ## Example
    ```python
    app = Celery("shop", broker="amqp://", backend="rpc://")

    chord([price.s(order_id) for order_id in order_ids])(total.s())
    ```

    ## Use instead
    ```python
    app = Celery("shop", broker="amqp://", backend="redis://cache/1")
    ```

    ## Silent when
    The backend can't be read, or differs between the project's applications; nothing in the
    code names a broker, so that the environment may name both; tasks are eager; a group in
    `chain(...)` has one member, which stands for it; in tests.

    ## References
    - [Celery: chords](https://docs.celeryq.dev/en/stable/userguide/canvas.html#chords)
    - [Celery: result backends](https://docs.celeryq.dev/en/stable/userguide/tasks.html#result-backends)
    """

    severity = Severity.ERROR

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        hub = file.hub
        if file.is_test:
            return
        for chord in chords(hub, flow):
            kind = backend(hub, next(iter(chord.tasks), None))
            if kind not in _REASONS or hub.project_settings.constant("task_always_eager") is True:
                continue
            what = "a group with a step behind it, which is a chord" if chord.is_upgraded else "a chord"
            message = f"`{file.text(chord.node)}` is {what}: to send it raises NotImplementedError, as {_REASONS[kind]}"
            yield self.finding(file.place(chord.node), message)
        for call in flow.calls:
            callee = call.callee
            if call.name == "save" and isinstance(callee, BoundMethod) and isinstance(callee.receiver, ResultValue):
                task = callee.receiver.task
                kind = backend(hub, task if isinstance(task, Task) else None)
                if kind in _REASONS:
                    message = f"`{file.text(call.node)}` raises an error, as {_REASONS[kind]}"
                    yield self.finding(file.place(call.node), message)


_REASONS: dict[str | None, str] = {
    NO_BACKEND: "no result backend is configured",
    "rpc": "the result backend `rpc://` knows neither chords nor saved groups",
}
