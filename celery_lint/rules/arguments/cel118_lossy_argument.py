"""CEL118."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext, related
from celery_lint.semantics.definition.taskparams import parameter_of
from celery_lint.semantics.dispatching.arrivals import notices
from celery_lint.semantics.dispatching.dispatches import MAPPING
from celery_lint.semantics.dispatching.encoding import Loss, is_guessed, loss, surely_lost
from celery_lint.semantics.dispatching.evidence import Carried, held_by
from celery_lint.semantics.dispatching.fitting import keeps_values
from celery_lint.semantics.dispatching.signatures import runs_here
from celery_lint.semantics.model import Dispatch


class LossyArgument(Rule):
    """An argument arrives at the task as a value of another type.

    ## What it does
    Reports arguments of dispatches and signatures that JSON carries, but not as they are:

    - dicts whose keys are numbers, which arrive as strings
    - Django's `request.GET` and `request.POST`, which keep the last value of each name alone
    - tuples, which arrive as lists, where the task's body hashes, compares, adds or formats them
    - members of a `str` or `int` enum and of Django's choices, and named tuples, which arrive as
      plain values, where the body asks for their attributes or type

    ## Why is this bad
    Nothing fails where the task is called. In the task `totals[order.pk]` raises KeyError, a
    list is no key of a dict, `status.label` is gone, and of the boxes that a user ticked one
    is left. A test that calls the task as a function sees none of it.

    ## Example
    ```python
    remind.delay({order.pk: order.total for order in orders})
    ```

    ## Use instead
    ```python
    remind.delay([[order.pk, order.total] for order in orders])
    ```
    or make the value anew in the task: `Status(status)`, `tuple(pair)`.

    ## Silent when
    The serializer in force is another than JSON, as far as it can be told; the body makes
    numbers of the keys (`int(key)`); nothing in it shows that a list or a plain value will not do.

    ## References
    - [Celery: serializers](https://docs.celeryq.dev/en/stable/userguide/calling.html#serializers)
    """

    severity = Severity.ADVICE

    def check_dispatch(self, dispatch: Dispatch, file: FileContext) -> Iterator[Finding]:
        hub, task = file.hub, dispatch.task
        if file.is_test or hub.serializers.name(dispatch) != "json" or runs_here(dispatch):
            return
        if dispatch.verb in MAPPING or (task is not None and not keeps_values(hub, task)):
            return

        for sent in dispatch.sent:
            held = held_by(
                sent, dispatch, file, lambda value: loss(hub, value) is not None, lambda value: surely_lost(hub, value)
            )
            for found in held:
                how = loss(hub, found.value)
                inside = found.inside or found.sent.node is not sent.node
                parameter = sent.keyword or parameter_of(dispatch, sent.node)
                if how is None or is_guessed(hub, found.value, dispatch.flow.function):
                    continue
                if notices(hub, task, parameter, how, inside):
                    yield self._report(found, how, dispatch, file)
                    break

    def _report(self, found: Carried, how: Loss, dispatch: Dispatch, file: FileContext) -> Finding:
        name = f"`{dispatch.task.name}`" if dispatch.task is not None else "the task"
        verb = "holds" if found.inside else "is"
        return self.finding(
            file.place(found.sent.node),
            f"`{file.text(found.sent.node, 40)}` {verb} {how.what}, and {name} gets {how.becomes}:"
            " JSON changes it in silence",
            related=related(found.steps),
        )
