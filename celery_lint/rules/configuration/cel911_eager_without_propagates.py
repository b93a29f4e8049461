"""CEL911."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import (
    AddArguments,
    AddItems,
    Applicability,
    Change,
    Finding,
    Fix,
    PutStatement,
    Severity,
    Side,
)
from celery_lint.rules.base import Rule
from celery_lint.semantics.configuration.eagerness import Quiet, quiet_eagerness
from celery_lint.semantics.context import FileContext


class EagerWithoutPropagates(Rule):
    """Tasks run eagerly, and their errors are kept quiet.

    ## What it does
    Reports `task_always_eager = True`, in settings of tests and of development as well,
    where nothing sets `task_eager_propagates`.

    ## Why is this bad
    An eager task that fails raises nothing: `.delay()` returns a result whose state is
    FAILURE, and nobody looks at it. The test passes, while the task does not work.

    ## Example
    ```python
    # settings/test.py
    CELERY_TASK_ALWAYS_EAGER = True
    ```

    ## Use instead
    ```python
    CELERY_TASK_ALWAYS_EAGER = True
    CELERY_TASK_EAGER_PROPAGATES = True
    ```

    ## Silent when
    The project mentions the setting anywhere, with whatever value, or tasks are not made
    eager by a plain `True`. Of the overrides in tests the first of a file is reported, and
    none where settings do the same.

    ## Fix safety
    Safe: the setting is added beside the other. A test that now fails has passed wrongly.

    ## References
    - [Celery: task_eager_propagates](https://docs.celeryq.dev/en/stable/userguide/configuration.html#task-eager-propagates)
    """

    severity = Severity.WARNING
    fixable = "safe"

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        for quiet in quiet_eagerness(file.hub, file.module):
            name = quiet.given.name
            message = f"`{name}` is on without `{quiet.name}`: a task that fails raises nothing, and tests pass"
            yield self.finding(file.place(quiet.given.target), message, fix=_fix(quiet, file))


def _fix(quiet: Quiet, file: FileContext) -> Fix | None:
    """The setting for errors, beside the one that makes tasks eager."""
    around = quiet.given.around
    place = file.place(around)
    change: Change
    if isinstance(around, ast.Call) and any(k.value is quiet.given.value for k in around.keywords):
        change = AddArguments(place, ((quiet.name, "True"),))
    elif isinstance(around, ast.Dict):
        change = AddItems(place, ((quiet.name, "True"),))
    elif isinstance(around, ast.Assign) and len(around.targets) == 1:
        target = around.targets[0]
        code = quiet.name
        if isinstance(target, ast.Attribute):
            code = f"{file.module.source.code(target.value)}.{quiet.name}"
        elif not isinstance(target, ast.Name):
            return None
        change = PutStatement(place, Side.AFTER, f"{code} = True")
    else:
        return None
    return Fix(Applicability.SAFE, f"Add `{quiet.name} = True`", (change,))
