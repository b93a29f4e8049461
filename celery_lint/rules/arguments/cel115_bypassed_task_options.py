"""CEL115."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.findings import Applicability, Finding, Fix, Import, Related, Replace, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.calls.imports import leads_to
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.definition.byname import bypassed
from celery_lint.semantics.model import Dispatch, Task


class BypassedTaskOptions(Rule):
    """A task of the project is sent by its name, without its options.

    ## What it does
    Reports `send_task("...")` of a task that the project itself defines, where that has options which
    its messages carry (`queue`, `priority`, `expires`, `serializer`, `ignore_result`, ...), or
    a class with an `apply_async` of its own. Opt-in.

    ## Why is this bad
    `send_task` makes the message without the task. It goes to the default queue, does not expire, and
    waits for its commit or its lock no more than any other. Arguments are not checked, and
    `task_always_eager` does not count. Since Celery 5.7 the options are found where
    the sending process has imported the task, and are lost where it has not.

    ## Example
    ```python
    @shared_task(queue="mails", expires=3600)
    def greet(customer_id): ...

    app.send_task("shop.tasks.greet", args=[customer.pk])
    ```

    ## Use instead
    ```python
    greet.apply_async(args=[customer.pk])
    ```

    ## Silent when
    The call gives the options itself; the project has several applications, of which one may not
    have the other's code; the name is none of the project's. From Celery 5.7 on, only classes
    with their own `apply_async` are reported.

    ## Fix safety
    Unsafe: the message goes where the task's options say, which may be another queue than today. Offered where
    the arguments are given as `args` and `kwargs`. The import goes into the function where the
    modules would import each other.

    ## Options
    - `celery-version`

    ## References
    - [Celery: send_task](https://docs.celeryq.dev/en/stable/reference/celery.html#celery.Celery.send_task)
    """

    severity = Severity.ADVICE
    fixable = "unsafe"

    def check_dispatch(self, dispatch: Dispatch, file: FileContext) -> Iterator[Finding]:
        found = bypassed(file.hub, dispatch)
        task = dispatch.task
        if not found or task is None:
            return
        names = [f"`{name}`" for name in found]
        listed = " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)
        definition = FileContext(file.hub, task.module).place(task.report_node)
        yield self.finding(
            file.place(dispatch.node),
            f"sent by name, `{task.name}` goes without its {listed}",
            related=(Related(f"`{task.name}` is defined here", definition),),
            fix=_fix(dispatch, task, file),
        )


def _fix(dispatch: Dispatch, task: Task, file: FileContext) -> Fix | None:
    function = task.function
    node = dispatch.node
    code = file.module.source.code
    if function is None or function.cls is not None or function.parent is not None or task.cls is not None:
        return None
    if not node.args or len(node.args) > 3 or task.decorator not in function.decorators:
        return None
    rest = [code(arg) for arg in node.args[1:]]
    rest += [f"{keyword.arg}={code(keyword.value)}" for keyword in node.keywords]
    text = ", ".join(rest)
    if "#" in code(node) or "{}" in text or "$" in text or "\n" in text:
        return None
    imports: tuple[Import, ...] = ()
    name = function.name
    if task.module is not file.module:
        is_local = leads_to(file.hub, task.module, file.module)
        imports, name = (Import(task.module.name, name, is_local=is_local),), f"${name}"
    change = Replace(file.place(node), f"{name}.apply_async({text})", imports)
    return Fix(Applicability.UNSAFE, "Send the task itself", (change,))
