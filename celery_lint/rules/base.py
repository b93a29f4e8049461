"""What a rule is, and what it may ask.

A rule is one module in a family's folder, named `cel101_model_instance_argument.py`:
its code, its name and its page all come from there. It overrides the hooks that
it needs; the engine calls each hook for every such thing in a file, once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from celery_lint.findings import Finding, Fix, Place, Related, Severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar

    from celery_lint.semantics.context import FileContext
    from celery_lint.semantics.model import App, Dispatch, FunctionFlow, Task
    from celery_lint.semantics.revision import Revision

MODULE_NAME = re.compile(r"^(cel(\d{3}))_([a-z0-9_]+)$")


class Rule:
    """One code. Subclasses set `severity` and override the hooks they need."""

    severity: ClassVar[Severity]
    opt_in: ClassVar[bool] = False
    """Selected only by its full code or by ALL. Advice always is."""
    fixable: ClassVar[str | None] = None
    """"safe", "unsafe" or "display", as the page and `--list-rules` say it."""

    code: ClassVar[str]
    name: ClassVar[str]

    def __init_subclass__(cls) -> None:
        found = MODULE_NAME.match(cls.__module__.rpartition(".")[2])
        if found is None:
            raise ValueError(f"{cls.__module__}: a rule's module is named like cel101_short_name.py")
        cls.code = found[1].upper()
        cls.name = found[3].replace("_", "-")
        if cls.severity is Severity.ADVICE:
            cls.opt_in = True

    @classmethod
    def page(cls) -> str:
        """The rule's page: its docstring, which is also what `--explain` prints."""
        import inspect  # imports half of the standard library, for pages only

        return inspect.cleandoc(cls.__doc__ or "")

    @classmethod
    def summary(cls) -> str:
        """The page's first line."""
        return cls.page().partition("\n")[0]

    def finding(
        self,
        place: Place,
        message: str,
        *,
        related: tuple[Related, ...] = (),
        fix: Fix | None = None,
        severity: Severity | None = None,
    ) -> Finding:
        """A finding of this rule."""
        return Finding(place, self.code, self.name, severity or self.severity, message, related, fix)

    # The hooks. Each gets the thing and the file it stands in.

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        """Called once for each file that is reported on and has a trace of Celery."""
        return iter(())

    def check_task(self, task: Task, file: FileContext) -> Iterator[Finding]:
        """Called for each task defined in the file."""
        return iter(())

    def check_dispatch(self, dispatch: Dispatch, file: FileContext) -> Iterator[Finding]:
        """Called for each dispatch and signature made in the file."""
        return iter(())

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        """Called for each function body of the file that may matter, and for the module's own."""
        return iter(())

    def check_app(self, app: App, file: FileContext) -> Iterator[Finding]:
        """Called for each Celery application made in the file."""
        return iter(())

    def check_revision(self, revision: Revision, file: FileContext) -> Iterator[Finding]:
        """Called, with `--since`, for each file that is other than it was at the revision."""
        return iter(())
