"""CEL104."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext, related
from celery_lint.semantics.dispatching.encoding import certain, is_guessed, may_be_another, obstacle
from celery_lint.semantics.dispatching.evidence import Carried, carried
from celery_lint.semantics.dispatching.fitting import expects_error, keeps_values
from celery_lint.semantics.dispatching.signatures import runs_here
from celery_lint.semantics.inference.values import Collection
from celery_lint.semantics.model import Dispatch


class UnserializableArgument(Rule):
    """A value that no JSON message can carry is passed to a task.

    ## What it does
    Reports arguments of dispatches and signatures that kombu's JSON does not know, also
    inside a list, a tuple, a dict or a comprehension:

    - sets, deques, ranges, generators, iterators, `map()`, `zip()`, a dict's `.keys()`, `.values()`, `.items()`
    - the request, its session, uploaded and open files, a row's `FileField`
    - functions, lambdas, classes, modules, tasks, results of tasks, `self`
    - members of a plain `Enum`, dataclasses, pydantic models, other objects of the project
    - `timedelta`, `Path`, compiled patterns, exceptions, loggers, locks, sessions, connections
    - a row's `__dict__`, and dicts with keys such as tuples and UUIDs

    Model instances are CEL101, querysets CEL103.

    ## Why is this bad
    The call raises `kombu.exceptions.EncodeError: Object of type set is not JSON
    serializable`, and nothing is sent. So it does with `task_always_eager`.

    ## Example
    ```python
    recalculate.delay({line.order_id for line in lines})
    remind.delay(customer.pk, timedelta(days=3))
    ```

    ## Use instead
    ```python
    recalculate.delay([line.order_id for line in lines])
    remind.delay(customer.pk, days=3)
    ```

    ## Silent when
    The serializer in force is another than JSON, as far as it can be told; the type has
    `__json__` or is registered with kombu's `register_type`; the argument is a pydantic
    model and the task has `pydantic=True`. Dates, times, decimals, UUIDs and bytes arrive
    as they were sent (kombu 5.3 and newer), members of a `str` or `int` enum as their value.

    ## References
    - [Celery: serializers](https://docs.celeryq.dev/en/stable/userguide/calling.html#serializers)
    - [kombu: serialization](https://docs.celeryq.dev/projects/kombu/en/stable/userguide/serialization.html)
    """

    severity = Severity.ERROR

    def check_dispatch(self, dispatch: Dispatch, file: FileContext) -> Iterator[Finding]:
        hub = file.hub
        task = dispatch.task
        if not dispatch.sent or hub.serializers.name(dispatch) != "json" or runs_here(dispatch):
            return
        if (task is not None and not keeps_values(hub, task)) or (file.is_test and dispatch.is_signature):
            return
        for found in carried(dispatch, file, lambda value: obstacle(hub, value) is not None, certain):
            what = obstacle(hub, found.value)
            if what is None or self._is_dumped(what, dispatch) or expects_error(dispatch.call, "EncodeError"):
                continue
            if is_guessed(hub, found.value, dispatch.flow.function) or may_be_another(found.value, file.module):
                continue
            name = f"`{task.name}`" if task is not None else "the task"
            yield self.finding(
                file.place(found.sent.node),
                f"`{file.text(found.sent.node, 40)}` {self._verb(found, dispatch)} {what}, which JSON can't carry:"
                f" the call raises EncodeError and {name} is never sent",
                related=related(found.steps),
            )

    def _verb(self, found: Carried, dispatch: Dispatch) -> str:
        given = dispatch.flow.value(found.sent.node)
        is_spread = isinstance(given, Collection) and given != found.value
        return "holds" if found.inside or (is_spread and not found.steps) else "is"

    def _is_dumped(self, what: str, dispatch: Dispatch) -> bool:
        """Whether Celery makes data of a pydantic model (celery/app/base.py, pydantic_wrapper)."""
        return dispatch.task is not None and dispatch.task.is_true("pydantic") and "pydantic" in what
