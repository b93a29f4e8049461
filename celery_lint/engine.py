"""From a project's files to the findings of one of them: the one function behind every door."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from celery_lint.configuration import UNREADABLE, Settings
from celery_lint.findings import Finding, Place, Position, Severity, Span
from celery_lint.project.index import Project
from celery_lint.project.inputs import CANDIDATE, FOUND
from celery_lint.project.modules import Module, scope_at
from celery_lint.semantics.memo import Memo
from celery_lint.source import UnreadableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from celery_lint.rules.base import Rule
    from celery_lint.semantics.hub import Semantics
    from celery_lint.semantics.revision import Revision


class Engine:
    """Checks the files of one project.

    `files` are all Python files under `root`, relative and with `/`: the index
    covers them whichever are checked. `overrides` holds content in the place of
    a file's, for standard input and editors.
    """

    def __init__(
        self,
        root: Path,
        files: Sequence[str],
        settings: Settings,
        overrides: Mapping[str, bytes] | None = None,
    ) -> None:
        self.settings = settings
        self.project = Project(root, files, settings.src, overrides)
        self.memo = Memo(self.project.inputs)

    @cached_property
    def semantics(self) -> Semantics:
        """What the project's code means; imported for a project that has a trace of Celery."""
        from celery_lint.semantics.hub import Semantics

        return Semantics(self.project, self.settings, self.memo)

    @cached_property
    def _rules(self) -> list[Rule]:
        from celery_lint.rules.registry import all_rules

        return [rule() for rule in all_rules() if rule.code in self.settings.rules]

    def check(self, filename: str) -> list[Finding]:
        """The findings of the enabled rules in one file, in the order of reports."""
        if filename not in self.project.files:
            self.project.add(filename)
        return self.memo.get((FOUND, filename), lambda: self._check(filename), [])

    def _check(self, filename: str) -> list[Finding]:
        inputs = self.project.inputs
        around = inputs.collected
        is_candidate = self._may_have_findings(filename)
        # The candidates rest on every task's name; it is kept whether this file was one of them, and no more.
        inputs.collected = around
        try:
            if is_candidate:
                inputs.note(CANDIDATE)
            else:
                if self.project.is_small:
                    self.project.probe(filename)
                return []
            module = self.project.module(filename)
            return _in_order(module, self._findings(module))
        except UnreadableError as error:
            return [self._unreadable(filename, error)] if UNREADABLE in self.settings.rules else []

    def compare(self, filename: str, revision: Revision) -> list[Finding]:
        """What the enabled rules find in the changes that a file has seen since a revision."""
        from celery_lint.semantics.context import FileContext

        try:
            module = self.project.module(filename)
            file = FileContext(self.semantics, module)
            return _in_order(module, (one for rule in self._rules for one in rule.check_revision(revision, file)))
        except UnreadableError:
            return []

    def is_open(self, filename: str) -> bool:
        """Whether a file's findings are not known yet, and take more than a look at its bytes."""
        return (FOUND, filename) not in self.memo and self._may_have_findings(filename)

    def explain(self, filename: str, row: int) -> list[str]:
        """What is known of a row of a file, in words."""
        from celery_lint.semantics.explain import explain  # needed by one option only

        try:
            return list(explain(self.semantics, self.project.module(filename), row))
        except UnreadableError as error:
            return [f"{filename} was not read: {error.reason}"]

    def _may_have_findings(self, filename: str) -> bool:
        return bool(self.project.traced) and filename in self.semantics.candidates

    def _findings(self, module: Module) -> Iterator[Finding]:
        from celery_lint.semantics.context import FileContext

        file = FileContext(self.semantics, module)
        for rule in self._rules:
            yield from rule.check_file(file)
            for task in file.tasks:
                yield from rule.check_task(task, file)
            for flow in file.flows:
                yield from rule.check_function(flow, file)
            for dispatch in file.dispatches:
                yield from rule.check_dispatch(dispatch, file)
            for app in file.apps:
                yield from rule.check_app(app, file)

    @staticmethod
    def _unreadable(filename: str, error: UnreadableError) -> Finding:
        start = error.position
        span = Span(start, Position(start.row, start.column + 1))
        return Finding(
            Place(filename, span),
            UNREADABLE,
            "unreadable-file",
            Severity.ERROR,
            f"not checked: {error.reason}",
        )


def _in_order(module: Module, findings: Iterable[Finding]) -> list[Finding]:
    """A file's findings, each once and with the function or class around it."""
    placed = {replace(one, scope=scope_at(module.tree.body, one.place.span.start.row)) for one in set(findings)}
    return sorted(placed, key=lambda one: one.sort_key)
