"""CEL101."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Applicability, Finding, Fix, Replace, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext, related
from celery_lint.semantics.definition.taskparams import parameter_of, takes_key, takes_keys
from celery_lint.semantics.dispatching.dispatches import MAPPING
from celery_lint.semantics.dispatching.evidence import Carried, carried
from celery_lint.semantics.dispatching.keyed import keyed
from celery_lint.semantics.inference.values import ModelValue
from celery_lint.semantics.model import Dispatch


class ModelInstanceArgument(Rule):
    """A model instance is passed to a task.

    ## What it does
    Reports an instance of a database model (Django, SQLAlchemy, SQLModel, mongoengine,
    peewee, or a base named in `model-bases`) among the arguments of a dispatch or a
    signature, also inside a list, a tuple, a dict or a comprehension.

    ## Why is this bad
    Task arguments are serialized. JSON, the default, can't carry a row:
    `kombu.exceptions.EncodeError: Object of type Order is not JSON serializable` is
    raised where the task is called, and nothing is sent. With pickle the row travels
    as it was: the task works on a stale copy, and its `save()` overwrites what was
    changed since.

    ## Example
    ```python
    send_receipt.delay(order)
    ```

    ## Use instead
    ```python
    send_receipt.delay(order.pk)
    ```
    and load the row in the task, where it is as current as can be:
    ```python
    @shared_task
    def send_receipt(order_id):
        order = Order.objects.get(pk=order_id)
    ```

    ## Fix safety
    Unsafe: a key stands for the row as it is when the task runs, so that changes which are
    not saved do not arrive, and a row that is gone by then raises `DoesNotExist`. Messages
    that wait in the queue still carry what they carried.

    Where every use of the task is known, its tests included, and each passes a row of one
    model, one fix changes them all: the calls pass `.pk`, the parameter is renamed, and the
    body starts with loading the row. All of it is done, or none. Where the task takes keys
    already, the call alone is changed. In any other case there is no fix, as a key at one
    call would break a body that expects a row.

    ## References
    - [Celery: avoid passing database objects](https://docs.celeryq.dev/en/stable/userguide/tasks.html#database-transactions)
    """

    severity = Severity.ERROR
    fixable = "unsafe"

    def check_dispatch(self, dispatch: Dispatch, file: FileContext) -> Iterator[Finding]:
        hub = file.hub
        if hub.serializers.kind(dispatch) == "other":
            return
        for found in carried(
            dispatch, file, lambda v: isinstance(v, ModelValue) and not hub.serializers.can_encode(v.model)
        ):
            yield self._report(found, dispatch, file)

    def _report(self, found: Carried, dispatch: Dispatch, file: FileContext) -> Finding:
        assert isinstance(found.value, ModelValue)
        hub = file.hub
        model = hub.classes.model_label(found.value.model)
        what = file.text(found.sent.node, 40)
        name = dispatch.task.name if dispatch.task is not None else "the task"
        one = f"`{what}` holds" if found.inside or dispatch.verb in MAPPING else f"`{what}` is"
        a = "a model instance" if model == "Model" else f"an instance of `{model}`"
        if hub.serializers.kind(dispatch) == "pickle":
            message = f"{one} {a}: `{name}` gets a copy that is stale when it runs, and saving it overwrites newer data"
            severity = Severity.WARNING
        else:
            message = f"{one} {a}, which JSON can't carry: the call raises EncodeError and `{name}` is never sent"
            severity = Severity.ERROR
        return self.finding(
            file.place(found.sent.node),
            message,
            related=related(found.steps),
            fix=self._fix(found, dispatch, file),
            severity=severity,
        )

    def _fix(self, found: Carried, dispatch: Dispatch, file: FileContext) -> Fix | None:
        """The key at every use and in the task; at this call alone, where the task takes keys already."""
        assert isinstance(found.value, ModelValue)
        hub, task = file.hub, dispatch.task
        name = parameter_of(dispatch, found.sent.node)
        if task is None or name is None:
            return None
        everywhere = keyed(hub, task)
        if everywhere is not None and name in everywhere.parameters:
            return everywhere.fix
        takes = takes_keys if found.inside else takes_key
        if not found.is_plain or not hub.classes.is_django_model(found.value.model) or not takes(hub, task, name):
            return None
        what = file.text(found.sent.node, 40)
        change = Replace(file.place(found.sent.node), "{}.pk")
        return Fix(Applicability.UNSAFE, f"Pass the primary key: `{what}.pk`", (change,))
