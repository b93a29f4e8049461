"""CEL602."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import Finding, Severity
from celery_lint.rules.base import Rule
from celery_lint.rules.results.repair import sent
from celery_lint.semantics.context import FileContext, related
from celery_lint.semantics.dispatching.dispatches import sent_directly
from celery_lint.semantics.dispatching.inline import InlineRun, given_to_commit, inline_runs
from celery_lint.semantics.inference.values import Collection, Constant, Field, KeyValue, Parameter, Scalar, Value
from celery_lint.semantics.model import Call, Dispatch, FunctionFlow, Step

_PLAIN = (Scalar, Constant, KeyValue, Parameter, Field)


class DirectCall(Rule):
    """A task is called like a plain function where a request waits for it.

    ## What it does
    Reports `task(...)` in a view, an API action, a signal handler, middleware, the admin,
    a form or a model's `save()`, and in functions that these call.

    ## Why is this bad
    The body runs in the web process: the client waits until it is done, nothing is queued,
    and what the task's decorator promises (automatic retries, time limits, its queue) does
    not apply. In the body `self.request.id` is None, and `self.retry()` raises into the view.
    Mostly `.delay` was forgotten.

    ## Example
    ```python
    def upload(request):
        picture = Picture.objects.create(path=request.POST["path"])
        make_thumbnail(picture.pk)
    ```

    ## Use instead
    ```python
    def upload(request):
        picture = Picture.objects.create(path=request.POST["path"])
        make_thumbnail.delay(picture.pk)
    ```
    Where the request needs the value, move the body to a plain function that both call.

    ## Silent when
    Other tasks, management commands, scripts, tests or handlers of the signals that a worker
    sends call the task; the same function sends
    the task otherwise (`task.delay(x) if later else task(x)`); a test asks for a synchronous
    mode. `task.run(...)` and `task.apply(...)` say what they do (for the latter see CEL601).

    ## Fix safety
    Unsafe: what the task does is not done yet when the next line runs. Offered where the
    value is not used, no `except` around handles what the body raises, and the arguments are
    plain values, those in lists and dictionaries too. In a transaction, and after a write
    of the row, the repair sends the task after the commit, as CEL201, CEL202 and CEL203 ask for.

    ## References
    - [Celery: calling tasks](https://docs.celeryq.dev/en/stable/userguide/calling.html)
    """

    severity = Severity.WARNING
    fixable = "unsafe"

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        if flow.function is None or file.is_test or file.is_migration:
            return
        for run in inline_runs(file.hub, flow):
            if run.way != "call" or run.task is None or given_to_commit(file.hub, flow.function):
                continue
            path = file.hub.roles.request_path(flow.function)
            if path is not None:
                yield self._report(run, path, file)

    def _report(self, run: InlineRun, path: tuple[Step, ...], file: FileContext) -> Finding:
        assert run.task is not None
        call = run.call
        task = run.task
        what = file.text(call.node.func)
        message = (
            f"`{what}(...)` runs the task right here and the request waits for it:"
            " nothing is queued, and the task's retries and time limits do not apply"
        )
        definition = Step(task.module.source.place(task.node), f"`{task.name}` is a task")
        fix = None
        # In `sync_to_async(task)(...)` it is not the task that is called, and what is called has no `delay`.
        is_bare = isinstance(call.node.func, (ast.Name, ast.Attribute))
        if is_bare and _may_be_put_off(call):
            fix = sent(Dispatch(call, "delay", task, sent_directly(call.args)), "{}.delay", file)
        place = file.place(call.node)
        return self.finding(place, message, related=related((definition, *path)), fix=fix)


def _may_be_put_off(call: Call) -> bool:
    """Whether nothing around a call needs it to have run, and a message can hold its arguments."""
    return call.use == "discarded" and all(_is_plain(a.value) for a in call.args) and not _is_failure_handled(call)


def _is_plain(value: Value) -> bool:
    """Whether a message can hold a value, and all that is in it."""
    return all(isinstance(one, _PLAIN) or _holds_plain(one) for one in value.alternatives())


def _holds_plain(value: Value) -> bool:
    if not isinstance(value, Collection) or value.kind not in ("list", "tuple", "dict"):
        return False
    return all(map(_is_plain, value.items if value.items is not None else (value.element,)))


def _is_failure_handled(call: Call) -> bool:
    """Whether an `except` clause around a call is there for what it raises."""
    return any(f.kind == "try" and isinstance(f.node, ast.Try) and f.node.handlers for f in call.frame.chain())
