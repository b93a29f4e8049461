"""CEL915."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import (
    Applicability,
    Change,
    Finding,
    Fix,
    Place,
    Position,
    PutStatement,
    Related,
    Severity,
    Side,
    Span,
    Substitute,
)
from celery_lint.rules.base import Rule
from celery_lint.semantics.configuration.appimports import may_be_imported_early, unimported_app, variable
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.model import App


class AppNotImported(Rule):
    """The Django project does not import its Celery application.

    ## What it does
    Reports the package of a Django project's settings when its Celery application stands in
    a module beside them that nothing imports, and tasks are made with `@shared_task`.

    ## Why is this bad
    A worker imports the application, the web process does not. There a shared task belongs
    to a default application that knows no settings: `.delay()` looks for RabbitMQ on
    `localhost` and fails, or hangs, whatever broker the settings name.

    ## Example
    ```python
    # shop/__init__.py is empty
    ```

    ## Use instead
    ```python
    # shop/__init__.py
    from .celery import app as celery_app

    __all__ = ("celery_app",)
    ```

    ## Silent when
    Any file of the project names the application's module, there are several applications,
    the settings stand in another package, or nothing sends a task.

    ## Fix safety
    Safe: the import is the one that Celery's documentation asks for. There is none where
    the application's module imports more than Celery and the settings, which may need
    Django's models.

    ## References
    - [Celery: Django, first steps](https://docs.celeryq.dev/en/stable/django/first-steps-with-django.html)
    """

    severity = Severity.WARNING
    fixable = "safe"

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        app = unimported_app(file.hub, file.module)
        if app is None:
            return
        first = next(iter(file.module.tree.body), None)
        start = Position(1, 1)
        place = file.heading(first) if first is not None else Place(file.filename, Span(start, start))
        message = (
            f"nothing imports `{app.module.name}`: in the web process shared tasks belong to an application "
            f"without settings, which sends to a broker on localhost"
        )
        related = Related("the application", app.module.source.place(app.node))
        yield self.finding(place, message, related=(related,), fix=_fix(app, file))


def _fix(app: App, file: FileContext) -> Fix | None:
    """The import of the application, behind the package's other imports."""
    name = variable(app)
    if name is None or not may_be_imported_early(app.module):
        return None
    last = app.module.name.rpartition(".")[2]
    code = f"from .{last} import {name}" + ("" if name == "celery_app" else " as celery_app")
    body = file.module.tree.body
    imports = [node for node in body if isinstance(node, (ast.Import, ast.ImportFrom))]
    change: Change
    if not body:
        lines = file.module.source.lines
        end = Position(len(lines), len(lines[-1]) + 1)
        before = "\n" if lines[-1] else ""
        change = Substitute(Place(file.filename, Span(end, end)), f'{before}{code}\n\n__all__ = ("celery_app",)\n')
    elif imports or isinstance(body[0], ast.Expr):
        change = PutStatement(file.place([*body[:1], *imports][-1]), Side.AFTER, code)
    else:
        change = PutStatement(file.place(body[0]), Side.BEFORE, code)
    return Fix(Applicability.SAFE, f"Import the application: `{code}`", (change,))
