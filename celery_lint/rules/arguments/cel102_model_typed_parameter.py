"""CEL102."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import Finding, Related, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.definition.keynames import names_key
from celery_lint.semantics.definition.taskparams import Given, given_to, named_model, row_use
from celery_lint.semantics.dispatching.evidence import members_of
from celery_lint.semantics.dispatching.keyed import keyed
from celery_lint.semantics.inference.values import ModelValue, Scalar
from celery_lint.semantics.model import Task

STALE = "a copy that is stale when it runs: take its key and load the row"
CURE = "which no JSON message can carry: take its key and load the row"
CURES = "which no JSON message can carry: take their keys and load the rows"


class ModelTypedParameter(Rule):
    """A task's parameter is a model instance.

    ## What it does
    Reports a parameter of a task that is annotated as a model or as a container of models,
    that some dispatch fills with an instance, or that the body only ever uses as a row (it
    is saved, deleted or refreshed), while no dispatch passes a key.

    ## Why is this bad
    A message can't carry a row: with JSON every dispatch that passes one raises
    EncodeError, and one that passes a key gives the body an `int` where it expects a row.
    With pickle the body works on a stale copy.

    ## Example
    ```python
    @shared_task
    def send_receipt(order: Order):
        send_mail("Receipt", order.summary(), None, [order.email])
    ```

    ## Use instead
    ```python
    @shared_task
    def send_receipt(order_id: int):
        order = Order.objects.get(pk=order_id)
        send_mail("Receipt", order.summary(), None, [order.email])
    ```

    ## Silent when
    Dispatches pass keys, the task is only called directly, or it is a `pydantic=True` task.

    ## Fix safety
    Unsafe: the body works on the row as it is when the task runs, and raises `DoesNotExist`
    when it is gone. Offered where every use of the task is known, its tests included, and
    each passes a row of one model. The calls, the parameter and the body are changed
    together: it is the fix of CEL101.

    ## References
    - [Celery: state](https://docs.celeryq.dev/en/stable/userguide/tasks.html#state)
    """

    severity = Severity.WARNING
    fixable = "unsafe"

    def check_task(self, task: Task, file: FileContext) -> Iterator[Finding]:
        if task.function is None or task.is_true("pydantic") or file.is_test or file.hub.tasks.is_wrapped(task):
            return
        for arg in [*task.parameters, *task.function.node.args.kwonlyargs]:
            given = given_to(file.hub, task, arg.arg)
            if given.keys or names_key(arg.arg):
                continue
            message = self._judge(task, arg, given, file)
            if message is not None:
                related = tuple(Related("an instance is passed here", p) for p in given.rows[:3])
                repair = keyed(file.hub, task)
                fix = repair.fix if repair is not None and arg.arg in repair.parameters else None
                yield self.finding(file.place(arg), message, related=related, fix=fix)

    def _judge(self, task: Task, arg: ast.arg, given: Given, file: FileContext) -> str | None:
        hub = file.hub
        name = task.name
        declared = hub.annotation(arg.annotation, task.module) if arg.annotation is not None else None
        if declared is not None:
            if any(isinstance(one, Scalar) for one in declared.alternatives()):
                return None  # `order: Order | int` takes keys
            for one, inside in members_of(declared):
                if isinstance(one, ModelValue) and not hub.serializers.can_encode(one.model):
                    if given.direct_only:
                        return None
                    model = hub.classes.model_label(one.model)
                    if inside:
                        return f"`{name}` takes instances of `{model}` in `{arg.arg}`, {CURES}"
                    return f"`{name}` takes an instance of `{model}` as `{arg.arg}`, {CURE}"
            return None
        if given.rows:
            model = hub.classes.model_label(given.model) if given.model is not None else "model"
            cure = STALE if given.is_pickled else CURE
            return f"`{name}` gets an instance of `{model}` as `{arg.arg}`, {cure}"
        if given.direct_only:
            return None
        use = row_use(hub, task, arg.arg)
        if use is None:
            return None
        if use.is_certain or named_model(hub, arg.arg) is not None:
            return f"`{name}` uses `{arg.arg}` as a row ({use.text}), {CURE}"
        return None
