"""CEL103."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Applicability, Finding, Fix, Replace, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext, related
from celery_lint.semantics.definition.taskparams import parameter_of, takes_keys
from celery_lint.semantics.dispatching.dispatches import MAPPING
from celery_lint.semantics.dispatching.evidence import Carried, carried
from celery_lint.semantics.inference.queries import is_query
from celery_lint.semantics.inference.values import ManagerValue, QuerySetValue
from celery_lint.semantics.model import Dispatch


class QuerysetArgument(Rule):
    """A queryset or manager is passed to a task.

    ## What it does
    Reports a QuerySet or a manager among the arguments of a dispatch or a signature, the
    results of `.values()` and `.values_list()` included: those are querysets too. So are
    SQLAlchemy's queries and results, as long as no `.all()` has made a list of them.

    ## Why is this bad
    JSON can't carry a queryset: the call raises
    `EncodeError: Object of type QuerySet is not JSON serializable`, and nothing is sent.
    With pickle all rows are loaded, copied into the message, and stale when the task runs.

    ## Example
    ```python
    send_newsletter.delay(Subscriber.objects.filter(active=True))
    archive.delay(Order.objects.values_list("pk", flat=True))
    ```

    ## Use instead
    ```python
    send_newsletter.delay(list(Subscriber.objects.filter(active=True).values_list("pk", flat=True)))
    archive.delay(list(Order.objects.values_list("pk", flat=True)))
    ```
    or let the task make the query itself.

    ## Fix safety
    `list(...)` around `.values_list()` is safe. For a queryset of instances the fix passes
    the keys and is unsafe: they stand for the rows as they are when the task runs. It is
    offered where the task takes keys already, as its parameter's name or use or another
    dispatch shows; keys would break a body that expects rows. Queries of other mappers than
    Django's have no fix.

    ## References
    - [Celery: serializers](https://docs.celeryq.dev/en/stable/userguide/calling.html#serializers)
    """

    severity = Severity.ERROR
    fixable = "unsafe"

    def check_dispatch(self, dispatch: Dispatch, file: FileContext) -> Iterator[Finding]:
        if dispatch.verb in MAPPING or file.hub.serializers.kind(dispatch) == "other":
            return
        is_pickled = file.hub.serializers.kind(dispatch) == "pickle"
        for found in carried(dispatch, file, lambda v: isinstance(v, (QuerySetValue, ManagerValue))):
            if is_pickled and isinstance(found.value, QuerySetValue) and found.value.rows != "instances":
                continue  # keys and columns, which are what they are
            yield self._report(found, dispatch, file)

    def _report(self, found: Carried, dispatch: Dispatch, file: FileContext) -> Finding:
        value = found.value
        assert isinstance(value, (QuerySetValue, ManagerValue))
        what = file.text(found.sent.node, 40)
        name = dispatch.task.name if dispatch.task is not None else "the task"
        kind = "manager" if isinstance(value, ManagerValue) else "queryset"
        if isinstance(value, QuerySetValue) and is_query(value):
            kind = f"`{str(value.cls).rpartition('.')[2]}`"  # as SQLAlchemy calls it
        verb = f"holds a {kind}" if found.inside else f"is a {kind}"
        if file.hub.serializers.kind(dispatch) == "pickle":
            message = f"`{what}` {verb}: every row is copied into the message, and stale when `{name}` runs"
            severity = Severity.WARNING
        else:
            message = f"`{what}` {verb}, which JSON can't carry: the call raises EncodeError and `{name}` is never sent"
            severity = Severity.ERROR
        return self.finding(
            file.place(found.sent.node),
            message,
            related=related(found.steps),
            fix=self._fix(found, dispatch, file),
            severity=severity,
        )

    def _fix(self, found: Carried, dispatch: Dispatch, file: FileContext) -> Fix | None:
        """A list; of keys in the place of rows only where the task takes keys already.

        None for the queries of other mappers than Django's, which have methods and members of their own.
        """
        value = found.value
        assert isinstance(value, (QuerySetValue, ManagerValue))
        is_djangos = value.model is None or file.hub.classes.is_django_model(value.model)
        if not found.is_plain or not is_djangos or (isinstance(value, QuerySetValue) and is_query(value)):
            return None
        place = file.place(found.sent.node)
        if isinstance(value, QuerySetValue) and value.rows != "instances":
            return Fix(Applicability.SAFE, "Pass a list", (Replace(place, "list({})"),))
        name = parameter_of(dispatch, found.sent.node)
        if dispatch.task is None or name is None or not takes_keys(file.hub, dispatch.task, name):
            return None
        change = Replace(place, 'list({}.values_list("pk", flat=True))')
        return Fix(Applicability.UNSAFE, "Pass a list of primary keys", (change,))
