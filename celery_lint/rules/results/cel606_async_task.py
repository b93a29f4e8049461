"""CEL606."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.definition.running import Undriven, undriven
from celery_lint.semantics.model import Task
from celery_lint.semantics.results.stored import ignores_result


class AsyncTask(Rule):
    """A task is a coroutine function or a generator, whose body a worker never runs.

    ## What it does
    Reports `async def` and functions with `yield` that are made tasks, and such `run`
    methods of task classes.

    ## Why is this bad
    Celery calls the function, and knows nothing of coroutines: the call gives a coroutine that
    nobody awaits, or a generator that nobody iterates over. Nothing of the body runs. The run ends
    with EncodeError, as the coroutine cannot be stored. A task that ignores its result ends
    as SUCCESS, and nobody learns that it does nothing.

    ## Example
    ```python
    @shared_task
    async def refresh(url):
        await store(await fetch(url))
    ```

    ## Use instead
    ```python
    @shared_task
    def refresh(url):
        asyncio.run(refresh_now(url))

    async def refresh_now(url):
        await store(await fetch(url))
    ```

    ## Silent when
    Something may run what the function gives: a decorator below the task's, a task class
    whose `__call__` does more than to call the body, a project's own decorator that puts a function in
    between, an application of its own, a pool that is not
    Celery's; in tests.

    ## References
    - [Celery: tasks](https://docs.celeryq.dev/en/stable/userguide/tasks.html)
    - [asgiref: async_to_sync](https://docs.djangoproject.com/en/stable/topics/async/#async-to-sync)
    """

    severity = Severity.ERROR

    def check_task(self, task: Task, file: FileContext) -> Iterator[Finding]:
        kind = None if file.is_test else undriven(file.hub, task)
        if kind is None or task.function is None or task.function.module is not file.module:
            return
        outcome = (
            "each run is stored as a success all the same"
            if ignores_result(file.hub, task)
            else "each run fails, as its result cannot be stored"
        )
        message = f"`{task.name}` {_KINDS[kind]}: its body never runs, and {outcome}"
        yield self.finding(file.heading(task.function.node), message)


_KINDS: dict[Undriven, str] = {
    "coroutine": "is a coroutine function, which a worker calls and does not await",
    "generator": "is a generator, which a worker calls and does not iterate over",
}
