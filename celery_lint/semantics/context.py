"""What a rule sees of the file that it checks."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import cached_property

from celery_lint.findings import Place, Position, Related, Span
from celery_lint.project.modules import Module
from celery_lint.semantics.hub import Semantics
from celery_lint.semantics.model import App, Call, Dispatch, FunctionFlow, Step, Task


class FileContext:
    """One file under check, and the project around it."""

    def __init__(self, hub: Semantics, module: Module) -> None:
        self.hub = hub
        self.module = module

    @property
    def filename(self) -> str:
        return self.module.filename

    @cached_property
    def is_test(self) -> bool:
        """Whether the file belongs to the tests."""
        return self.hub.roles.is_test_module(self.module)

    @property
    def is_migration(self) -> bool:
        return "/migrations/" in self.filename or self.filename.startswith("migrations/")

    def place(self, node: ast.AST) -> Place:
        """Where a node of this file stands."""
        return self.module.source.place(node)

    def heading(self, node: ast.AST) -> Place:
        """The place of a node; of a function or a class without its body: `def name`."""
        place = self.place(node)
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return place
        # Not by the very type: that of a function whose body is not parsed yet is another one.
        is_function = isinstance(node, ast.FunctionDef)
        word = "def " if is_function else "class " if isinstance(node, ast.ClassDef) else "async def "
        start = place.span.start
        end = Position(start.row, start.column + len(word) + len(node.name))
        return Place(place.filename, Span(start, end))

    def text(self, node: ast.AST, limit: int = 60) -> str:
        """A node's source on one line and without comments, shortened for messages."""
        segment = self.module.source.segment(node)
        if "#" in segment and "\n" in self.module.source.code(node):
            segment = ast.unparse(node)
        text = " ".join(segment.split())
        return text if len(text) <= limit else text[: limit - 3].rstrip() + "..."

    @cached_property
    def tasks(self) -> Sequence[Task]:
        """The tasks that the file defines."""
        return self.hub.tasks.in_module(self.module)

    @cached_property
    def flows(self) -> Sequence[FunctionFlow]:
        """The bodies in the file that may matter to a rule: the module's own, functions, what is nested in them.

        Raises source.UnreadableError when one of them is no Python.
        """
        found = [self.hub.module_flow(self.module)]
        for function in self.module.functions:
            if function.parent is None and self.hub.candidates.has(function):
                if function.is_unreadable:
                    self.module.source.tree  # noqa: B018  raises, and tells where
                found += self.hub.calls.flows_within(function)
        for nested, value, _ in found[0].closures:
            captured = getattr(value, "captured", None)
            found.append(self.hub.flow(nested, captured))
        return found

    @cached_property
    def dispatches(self) -> Sequence[Dispatch]:
        """The dispatches and signatures made in the file."""
        return [d for flow in self.flows for d in self.hub.dispatches.of_flow(flow)]

    @cached_property
    def apps(self) -> Sequence[App]:
        """The Celery applications that the file makes."""
        return self.hub.project_settings.apps(self.module)

    @cached_property
    def calls(self) -> Sequence[Call]:
        return [c for flow in self.flows for c in flow.calls]


def related(steps: Sequence[Step]) -> tuple[Related, ...]:
    """The steps of a proof as the related places of a finding."""
    return tuple(Related(step.text, step.place) for step in steps)
