"""CEL105."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext, related
from celery_lint.semantics.dispatching.evidence import carried
from celery_lint.semantics.dispatching.signatures import runs_here
from celery_lint.semantics.inference.values import Content
from celery_lint.semantics.model import Dispatch

_SOURCES = {
    "file": "all that a file holds",
    "upload": "the whole uploaded file",
    "response": "the whole body of a response",
    "buffer": "all that a buffer holds",
    "rows": "every row of a queryset",
}


class LargeArgument(Rule):
    """The content of a file or of a response is passed to a task.

    ## What it does
    Reports arguments of dispatches and signatures that are all of a file, an upload, a
    downloaded response or a `BytesIO`, as it was read, in base64, or parsed; and querysets
    made into text by Django's `serializers.serialize`.

    ## Why is this bad
    The whole content travels through the broker and stays in its memory until a worker
    takes the message. The body of the message is base64, a third larger: 5 MB make a message
    of 6.7 MB. Each retry sends it again, and so do countdowns and redeliveries. Brokers
    are made for small messages, and some refuse large ones (SQS above 1 MiB).

    ## Example
    ```python
    def upload(request):
        import_orders.delay(request.FILES["orders"].read().decode())
    ```

    ## Use instead
    ```python
    def upload(request):
        name = default_storage.save("imports/orders.csv", request.FILES["orders"])
        import_orders.delay(name)
    ```

    ## Silent when
    A size is asked for (`read(1024)`), the content is cut (`text[:500]`), or the file is one
    that the code itself names, as a template or a version.

    ## References
    - [Celery: data locality](https://docs.celeryq.dev/en/stable/userguide/tasks.html#data-locality)
    """

    severity = Severity.WARNING

    def check_dispatch(self, dispatch: Dispatch, file: FileContext) -> Iterator[Finding]:
        if not dispatch.sent or file.is_test or runs_here(dispatch):
            return
        name = f"`{dispatch.task.name}`" if dispatch.task is not None else "the task"
        for found in carried(dispatch, file, lambda value: isinstance(value, Content)):
            assert isinstance(found.value, Content)
            verb = "holds" if found.inside else "is"
            yield self.finding(
                file.place(found.sent.node),
                f"`{file.text(found.sent.node, 40)}` {verb} {_SOURCES[found.value.source]}: the broker keeps it in the"
                f" message of {name}, a third larger, and every retry copies it",
                related=related(found.steps),
            )
