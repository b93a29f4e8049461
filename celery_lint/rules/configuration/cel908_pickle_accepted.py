"""CEL908."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.configuration.trust import PICKLE, accepting_pickle, accepts_pickle, has_own_pickle, pickling
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.dispatching.sendoptions import options_of_set
from celery_lint.semantics.model import Argument, Call, Dispatch, FunctionFlow, Task


class PickleAccepted(Rule):
    """Workers unpickle messages.

    ## What it does
    Reports `accept_content` with pickle in it, in Django's settings, in what
    `config_from_object` names, and on `app.conf`. Where nothing accepts pickle in sight, it
    reports what sends it: `task_serializer`, and the `serializer` of a task or a dispatch.

    ## Why is this bad
    To unpickle a message is to run whatever its sender has put into it. Whoever can write
    to the broker, from another service, through a forgotten port or with a leaked password,
    runs code in every worker. A worker with the default settings refuses pickle, so that
    tasks sent so never run: `ContentDisallowed: Refusing to deserialize untrusted content`.

    ## Example
    ```python
    app.conf.update(accept_content=["json", "pickle"], task_serializer="pickle")
    ```

    ## Use instead
    ```python
    app.conf.update(accept_content=["json"], task_serializer="json")
    ```
    and send keys, numbers and text in the place of objects. Messages that have to be
    trusted can be signed: `app.setup_security()` with `task_serializer = "auth"`.

    ## Silent when
    The project registers a serializer of its own for pickle, or under a name of its own, or
    the list can't be read. YAML is read safely by Celery, and is not reported.

    ## References
    - [Celery: security, serializers](https://docs.celeryq.dev/en/stable/userguide/security.html#serializers)
    """

    severity = Severity.ERROR

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        hub = file.hub
        for reading in accepting_pickle(hub, file.module):
            if not has_own_pickle(hub):
                is_of_results = "result" in reading.name.lower()
                who, where = ("whoever fetches results", "result backend") if is_of_results else ("a worker", "broker")
                message = f"`{reading.name}` has pickle in it: {who} runs whatever code somebody puts into the {where}"
                yield self.finding(file.place(reading.node), message)
        for reading in pickling(hub, file.module):
            if not _is_known(file):
                message = f"`{reading.name}` is pickle: workers refuse it, or run whatever code a message brings"
                yield self.finding(file.place(reading.node), message)

    def check_task(self, task: Task, file: FileContext) -> Iterator[Finding]:
        option = task.options.get("serializer")
        if option is None or option.constant not in PICKLE or option.where != "decorator" or _is_known(file):
            return
        place = file.place(option.node) if option.node is not None else file.heading(task.report_node)
        message = f"`{task.name}` is sent as pickle: workers refuse it, or run whatever code a message brings"
        yield self.finding(place, message)

    def check_dispatch(self, dispatch: Dispatch, file: FileContext) -> Iterator[Finding]:
        yield from self._report(dispatch.options.get("serializer"), dispatch.call, file)

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        for call in flow.calls:
            yield from self._report(options_of_set(call).get("serializer"), call, file)

    def _report(self, given: Argument | None, call: Call, file: FileContext) -> Iterator[Finding]:
        if given is None or getattr(given.value, "value", None) not in PICKLE or _is_known(file):
            return
        sender = file.text(call.node.func)
        message = f"`{sender}` sends pickle: workers refuse it, or run whatever code a message brings"
        yield self.finding(file.place(given.node), message)


def _is_known(file: FileContext) -> bool:
    """Whether the finding belongs elsewhere, or nowhere: tests, an own pickle, settings that accept it."""
    return file.is_test or accepts_pickle(file.hub) or has_own_pickle(file.hub)
