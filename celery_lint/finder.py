"""A project's findings, from the engine or from what an earlier run kept."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from celery_lint.discovery import Project
from celery_lint.findings import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from celery_lint.baseline import Baseline
    from celery_lint.cache import Cache, Changes, FileState, Snapshot
    from celery_lint.engine import Engine
    from celery_lint.semantics.hub import Semantics
    from celery_lint.semantics.revision import Revision


MANY = 40
"""With fewer files to look into, a second process costs more than it saves."""


@dataclass(frozen=True)
class _Known:
    """A snapshot, and what is not as it was then."""

    snapshot: Snapshot
    changes: Changes


class Finder:
    """Finds the findings of one project's files, comments not heeded.

    `unsaved` is content in the place of a file's. With the project's settings
    naming a folder for the cache, answers that still hold are taken from there.
    """

    def __init__(self, project: Project, unsaved: Mapping[str, bytes]) -> None:
        self.project = project
        self.unsaved = unsaved
        self._started = time.time_ns()
        self._states: Mapping[str, FileState] = {}
        self._restored: Snapshot | None = None

    def find(self, filename: str) -> list[Finding]:
        """The findings in a file."""
        known = self._known
        if known is not None and not known.changes and "_engine" not in self.__dict__:
            from celery_lint.cache import findings_of
            from celery_lint.codec import DecodeError

            try:
                findings = findings_of(known.snapshot, filename)
            except DecodeError:
                findings = None
            if findings is not None:
                return findings
        return self._engine.check(filename)

    def prepare(self, filenames: Sequence[str]) -> None:
        """Finds the findings of many files ahead, with several processes where that pays."""
        jobs = self.project.settings.jobs
        if jobs == 1 or len(filenames) < MANY or (self._known is not None and not self._known.changes):
            return
        from celery_lint.workers import can_fork, cores

        jobs = jobs or cores()
        if jobs == 1 or not can_fork():
            return
        engine = self._engine
        worthwhile = [name for name in filenames if engine.is_open(name)]
        if len(worthwhile) >= MANY:
            from celery_lint.incremental import check_with_others

            check_with_others(engine, worthwhile, jobs)

    def compare(self, filename: str, revision: Revision) -> list[Finding]:
        """What rules find in the changes that a file has seen since a revision."""
        return self._engine.compare(filename, revision)

    @property
    def semantics(self) -> Semantics:
        """What the project's code means."""
        return self._engine.semantics

    def snapshot(self) -> Snapshot:
        """All that is known so far, for whoever starts from it."""
        known = self._known
        if known is not None and not known.changes and "_engine" not in self.__dict__:
            return replace(known.snapshot, files=dict(known.snapshot.files))
        from celery_lint.cache import states_of
        from celery_lint.incremental import capture

        engine = self._engine
        states = self._states or states_of(self.project.root, self.project.files)
        return capture(engine, states, self._started, self._restored)

    def keep(self) -> None:
        """Keeps what was found for the next run, if there is anything new."""
        if self._cache is None or self.unsaved:
            return
        if "_engine" not in self.__dict__:
            if self._known is not None and self._known.changes.is_dated_anew:
                self._known.snapshot.taken = self._started
                self._cache.save(self._known.snapshot)
            return
        from celery_lint.incremental import capture

        self._cache.save(capture(self._engine, self._states, self._started, self._restored))

    @cached_property
    def baseline(self) -> Baseline | None:
        """The project's baseline, if it has one. Raises ConfigurationError."""
        place = self.project.settings.baseline
        if place is None:
            return None
        from celery_lint import baseline

        return baseline.read(self.project.root, place, may_be_new=True)

    @cached_property
    def _cache(self) -> Cache | None:
        folder = self.project.settings.cache_dir
        if folder is None:
            return None
        from celery_lint.cache import Cache

        return Cache(Path(os.path.join(self.project.root, folder)), self.project.root, self.project.settings)

    @cached_property
    def _known(self) -> _Known | None:
        snapshot = self._cache.load() if self._cache is not None else None
        if snapshot is None:
            return None
        from celery_lint.cache import changes_since

        changes = changes_since(snapshot, self.project.root, self.project.files)
        if changes is None:
            return None
        if self.unsaved:
            changes = replace(changes, contents={**changes.contents, **self.unsaved})
        return _Known(snapshot, changes)

    @cached_property
    def _engine(self) -> Engine:
        from celery_lint.engine import Engine  # with all that knows of Celery: most of what there is to import

        project = self.project
        if self._cache is not None:
            from celery_lint.cache import states_of
            from celery_lint.codec import DecodeError
            from celery_lint.incremental import restore

            if self._known is not None:
                engine = Engine(project.root, project.files, project.settings, self.unsaved)
                try:
                    if restore(engine, self._known.snapshot, self._known.changes):
                        self._restored = self._known.snapshot
                        self._states = self._restored.files
                        return engine
                except DecodeError:
                    pass
            self._states = states_of(project.root, project.files)
        return Engine(project.root, project.files, project.settings, self.unsaved)
