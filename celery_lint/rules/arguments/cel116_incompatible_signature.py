"""CEL116."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import Finding, Place, Related, Severity
from celery_lint.rules.arguments.wording import count, listed
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.definition.naming import name_of
from celery_lint.semantics.dispatching.compatibility import Refusal, refusal
from celery_lint.semantics.model import Task
from celery_lint.semantics.revision import Revision


class IncompatibleSignature(Rule):
    """Messages that the code of before has sent do not fit the task as it is now.

    **Only reports with `--since REV`**, which tells it what the code of before is: without
    the option it is silent.

    ## What it does
    Compares the tasks in changed files with those of the revision, and reports a task that

    - has come to need a parameter, or no longer takes one that messages give it: it was
      removed, or is called otherwise and messages give it by name,
    - takes its parameters in another order, where messages give them by position,
    - was renamed or moved to another module, so that its name in messages is another one.

    What messages hold is told from the dispatches, and beat's schedules, of the code of
    before. Where some of them cannot be read, only what fails by position and by name
    alike is reported.

    ## Why is this bad
    Messages outlive a deployment: those that wait in the queue, for their `countdown` or for a
    retry, were written by the old code and are read by the new. One whose arguments do not fit fails with
    `TypeError`, one for a name that no task has is thrown away (`NotRegistered`), and one whose
    arguments go to the wrong parameters runs with them. While workers are replaced one
    after the other, the same happens the other way round: old workers get messages of the new code.

    ## Example
    ```python
    # main: def send_receipt(order_id): ...
    @shared_task
    def send_receipt(order_id, language): ...

    send_receipt.delay(order.pk, order.language)
    ```

    ## Use instead
    ```python
    @shared_task
    def send_receipt(order_id, language="en"): ...

    send_receipt.delay(order.pk, order.language)
    ```

    The default can go with the next release, when no message without the argument is left.
    A task that moves keeps its name with `name=`, or leaves a task under the old name that
    calls the new one. Rows of django-celery-beat name their tasks as well.

    ## Silent when
    The name is given by `name=` and stays, a task under the old name is kept, new parameters
    have defaults, `*args` or `**kwargs` take what messages give, all messages give what was renamed by
    position, or what was reordered by name. Nothing is said of a task that was deleted, of one that
    nothing in the project sent, of tests, and where a decorator or a base class may change the arguments.

    ## References
    - [Celery: task names](https://docs.celeryq.dev/en/stable/userguide/tasks.html#names)
    - [Celery: unknown tasks](https://docs.celeryq.dev/en/stable/userguide/signals.html#task-unknown)
    """

    severity = Severity.WARNING

    def check_revision(self, revision: Revision, file: FileContext) -> Iterator[Finding]:
        for task in file.tasks if not file.is_test else ():
            before = revision.predecessor(task)
            if before is None:
                continue
            heading = file.heading(_definition(task, file))
            if before.name is not None:
                if revision.is_sent(before.task):
                    old = Related(_origin(revision, before.task), heading)
                    yield self.finding(heading, _renamed(revision, task, before.name), related=(old,))
                continue
            found = refusal(revision, before.task, task)
            if found is not None:
                old = Related(_shown(revision, found), heading)
                yield self.finding(
                    _place(task, found, file) or heading, _refused(revision, task, found), related=(old,)
                )


def _definition(task: Task, file: FileContext) -> ast.AST:
    """What takes the arguments, if it stands in this file, else what makes the task here."""
    return task.function.node if task.function is not None and task.function.module is file.module else task.node


def _renamed(revision: Revision, task: Task, name: str) -> str:
    now = name_of(revision.now, task)
    return (
        f"`{task.name}` is registered as `{now}`, and was `{name}` at `{revision.name}`:"
        " workers throw away messages under the old name (NotRegistered)"
    )


def _origin(revision: Revision, old: Task) -> str:
    place = FileContext(revision.before, old.module).place(old.node)
    return f"at `{revision.name}` it was `{old.name}` in {place.filename}:{place.span.start.row}"


def _refused(revision: Revision, task: Task, found: Refusal) -> str:
    """What is wrong, as a message of the revision meets it."""
    of_before = f"messages of `{revision.name}`"
    if found.shifted is not None:
        was, given = found.shifted
        return f"`{task.name}` takes `{given}` where {of_before} have `{was}`: it runs with the wrong arguments"
    wrong = found.mismatch
    assert wrong is not None
    fails = "their runs fail with TypeError"
    if wrong.missing:
        return f"`{task.name}` needs {listed(wrong.missing)}, which {of_before} lack: {fails}"
    if wrong.unknown:
        new = [name for name in found.now.names if name not in found.then.names]
        renamed = len(new) == 1 and len(wrong.unknown) == 1 and len(found.now.names) == len(found.then.names)
        hint = f" (but `{new[0]}`)" if renamed else ""
        return f"`{task.name}` takes no {listed(wrong.unknown)}{hint}, which {of_before} give by name: {fails}"
    if wrong.twice:
        return f"{of_before} give `{task.name}` {listed(wrong.twice)} twice, by position and by name: {fails}"
    taken = listed(found.now.positional)
    return f"`{task.name}` takes {taken} by position, and {of_before} give {count(wrong.positional)}: {fails}"


def _shown(revision: Revision, found: Refusal) -> str:
    """What was there, and what sent it."""
    took = f"at `{revision.name}` it took {listed(found.then.names)}"
    if found.dispatch is None:
        return took
    sender = FileContext(revision.before, found.dispatch.flow.module)
    row = sender.place(found.dispatch.node).span.start.row
    return f"{took}, and {sender.filename}:{row} had `{sender.text(found.dispatch.node)}`"


def _place(task: Task, found: Refusal, file: FileContext) -> Place | None:
    """The parameter that is at fault, where there is one in this file."""
    function = task.function
    if found.shifted is not None:
        name = found.shifted[1]
    elif found.mismatch is not None and found.mismatch.missing:
        name = found.mismatch.missing[0]
    else:
        return None
    return file.place(function.parameters[name]) if function is not None and function.module is file.module else None
