"""CEL113."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.dispatching.dispatches import BY_NAME
from celery_lint.semantics.dispatching.tasknames import missing, named_in_settings
from celery_lint.semantics.inference.values import Constant
from celery_lint.semantics.model import Argument, Dispatch, first_argument

_EFFECTS = {
    "task_routes": "the route is no task's, and the tasks meant for it go to the default queue",
    "task_annotations": "the options are no task's",
}


class UnknownTaskName(Rule):
    """A name by which a task is sent, or set up, is that of no task.

    ## What it does
    Reports `send_task("name")`, `signature("name")`, calls of the project's own wrappers that
    send a task by the name they are given, and the keys of `task_routes` and
    `task_annotations` that name none of the project's tasks, though the name lies in one of
    the project's packages, or is a task's name but for a part or a letter of it.

    ## Why is this bad
    Whoever sends a task by its name needs no task, so that nothing notices when there is
    none: the message is sent, the worker logs `Received unregistered task` and throws it
    away. A route for a name that no task has is never used, and the task that it was
    meant for goes to the default queue. Mostly a task was renamed or moved, or has a `name=` of
    its own.

    ## Example
    ```python
    @app.task(name="stock.recount")
    def recount(): ...

    def close_day():
        app.send_task("shop.tasks.recount")
    ```

    ## Use instead
    ```python
    @app.task(name="stock.recount")
    def recount(): ...

    def close_day():
        recount.delay()
    ```

    ## Silent when
    The name belongs to another package or service, or has a wildcard; the application makes
    names itself (`gen_task_name`); some task's name is made when the program runs and may be
    this one; the file belongs to the tests. For schedules see CEL802.

    ## References
    - [Celery: automatic naming](https://docs.celeryq.dev/en/stable/userguide/tasks.html#names)
    - [Celery: automatic routing](https://docs.celeryq.dev/en/stable/userguide/routing.html#automatic-routing)
    """

    severity = Severity.ERROR

    def check_dispatch(self, dispatch: Dispatch, file: FileContext) -> Iterator[Finding]:
        argument = _name_argument(dispatch)
        if argument is None or file.is_test or dispatch.task is not None:
            return
        name = argument.value.value if isinstance(argument.value, Constant) else None
        if not isinstance(name, str):
            return
        found = missing(file.hub, name, file.module)
        if found is not None:
            message = f"`{name}` is sent by a name that no worker knows: {found.reason}{found.hint}"
            yield self.finding(file.place(argument.node), message)

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        for setting, key, name in named_in_settings(file.hub, file.module) if not file.is_test else ():
            found = missing(file.hub, name, file.module)
            if found is not None:
                message = f"no task is called `{name}`: {found.reason}{found.hint}; {_EFFECTS[setting]}"
                yield self.finding(file.place(key), message)


def _name_argument(dispatch: Dispatch) -> Argument | None:
    """The argument of `send_task` and its like that is the task's name."""
    call = dispatch.call
    if dispatch.verb not in BY_NAME:
        return None
    if dispatch.forwarder is not None:  # a wrapper's caller gives the name
        return next((a for a in call.args if a.node is dispatch.target), None)
    if call.name not in BY_NAME:  # `partial(app.send_task, name)`
        return None
    keyword = "name" if call.name == "send_task" else "task"
    return first_argument(call.args, keyword)
