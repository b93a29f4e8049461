"""The project as it was at a revision, beside the project as it is: which task is which."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from celery_lint.project.index import is_test_file
from celery_lint.records import record
from celery_lint.semantics.definition.naming import given_name, name_of
from celery_lint.semantics.dispatching.signatures import runs_here
from celery_lint.semantics.dispatching.tasknames import may_be_made
from celery_lint.semantics.hub import Semantics
from celery_lint.semantics.model import Task
from celery_lint.semantics.schedules.entries import task_of
from celery_lint.semantics.schedules.written import Entry, entries

# How much of two bodies must be the same for one task to be the other, elsewhere or under a new name.
_LIKE_MOVED = 0.5
_LIKE_RENAMED = 0.7


@record()
class Predecessor:
    """What a task was at the revision. `name` is the one it was registered by, where it is another one now."""

    task: Task
    name: str | None = None


@dataclass(eq=False)
class Revision:
    """A project at a revision. `origins` has the files of now that are other, each with its name then, if it had one.

    `files` are those of then that are other now, or not there.
    """

    name: str
    before: Semantics
    now: Semantics
    origins: Mapping[str, str | None]
    files: Collection[str]

    def predecessor(self, task: Task) -> Predecessor | None:
        """What a task of now was at the revision; None when it was none, or where it can't be told."""
        return self._predecessors.get(task)

    def is_sent(self, task: Task) -> bool:
        """Whether something is known to have sent a task at the revision."""
        return any(not runs_here(one) for one in self.before.dispatches_of(task)) or bool(self.schedules(task))

    def schedules(self, task: Task) -> Sequence[Entry]:
        """The entries of beat's schedules that had a task sent."""
        return self.before.memo.get(("schedules of", task), lambda: tuple(self._schedules(task)), ())

    def _schedules(self, task: Task) -> Iterator[Entry]:
        project = self.before.project
        words = {task.name.rpartition(".")[2], task.registered_name.rpartition(".")[2]}
        for filename in sorted({name for word in words for name in project.mentioning(word)}):
            module = project.module_or_none(filename)
            for entry in entries(self.before, module) if module is not None else ():
                if task_of(self.before, entry) is task:
                    yield entry

    @cached_property
    def _predecessors(self) -> Mapping[Task, Predecessor]:
        found: dict[Task, Predecessor] = {}
        came = {(task.module.filename, task.name): task for task in _tasks(self.now, self.origins)}
        successors = {then: now for now, then in self.origins.items() if then is not None}
        left = []
        for old in _tasks(self.before, self.files):
            twin = came.get((successors.get(old.module.filename, ""), old.name))
            if twin is not None and self._is_same(old, twin):
                found[twin] = Predecessor(old)
            else:
                left.append((old, twin))
        gone = []
        for old, twin in left:
            name = name_of(self.before, old)
            if name is None:
                continue
            same = self.now.tasks.registered(name)
            if same is not None and name_of(self.now, same) == name:
                # Where it was all the time, it belongs to another application.
                if same in came.values() and same not in found:
                    found[same] = Predecessor(old)
            elif twin is None:
                gone.append((old, name))
            elif twin not in found and name_of(self.now, twin) is not None and self._is_lost(name):
                found[twin] = Predecessor(old, name)
        new = [task for task in came.values() if task not in found and self._is_new(task)]
        taken = set()
        for _, old, name, task in sorted(_likenesses(gone, new, successors), key=lambda pair: -pair[0]):
            if old not in taken and task not in found and self._is_lost(name):
                taken.add(old)
                found[task] = Predecessor(old, name)
        return found

    def _is_same(self, old: Task, new: Task) -> bool:
        """Whether a task that still stands where it stood, in a file that may have moved, has the name that it had."""
        is_moved = old.module.filename != new.module.filename
        if not is_moved and given_name(old) is None and given_name(new) is None:
            return True  # whatever the folders around it are for imports
        was, now = name_of(self.before, old), name_of(self.now, new)
        if was is None or now is None:
            return not is_moved
        # But for a folder in front: where imports start may be known less well than it was.
        return f".{was}".endswith(f".{now}") or f".{now}".endswith(f".{was}")

    def _is_lost(self, name: str) -> bool:
        """Whether surely no task is registered under a name any more."""
        return not may_be_made(self.now, name)

    def _is_new(self, task: Task) -> bool:
        """Whether a task surely has a name that none had at the revision."""
        name = name_of(self.now, task)
        return name is not None and self.before.tasks.registered(name) is None


def _likenesses(
    gone: Sequence[tuple[Task, str]], new: Sequence[Task], successors: Mapping[str, str]
) -> Iterator[tuple[float, Task, str, Task]]:
    """Tasks that are gone, with their names, and new ones that may be what became of them; how like these are first."""
    for old, name in gone:
        for task in new:
            is_called_so = old.name.rpartition(".")[2] == task.name.rpartition(".")[2]
            is_there = successors.get(old.module.filename) == task.module.filename
            if is_called_so or (is_there and _parameters(old) == _parameters(task)):
                likeness = _likeness(old, task)
                if likeness >= (_LIKE_MOVED if is_called_so else _LIKE_RENAMED):
                    yield likeness + is_called_so, old, name, task


def _tasks(hub: Semantics, files: Collection[str]) -> Iterator[Task]:
    """The tasks in some files, tests left out."""
    for filename in sorted(files):
        if not is_test_file(filename) and filename in hub.project.traced:
            module = hub.project.module_or_none(filename)
            yield from hub.tasks.in_module(module) if module is not None else ()


def _parameters(task: Task) -> Sequence[str]:
    return tuple(task.function.parameters) if task.function is not None else ()


def _likeness(old: Task, new: Task) -> float:
    """How much of two tasks' bodies is the same, from 0 to 1."""
    import difflib  # takes long to load, and is seldom needed

    return difflib.SequenceMatcher(None, _body(old), _body(new), autojunk=False).ratio()


def _body(task: Task) -> Sequence[str]:
    """The lines of a task's body without their indentation, and without its docstring."""
    function = task.function
    body = list(function.body) if function is not None else []
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        del body[0]
    if function is None or not body:
        return ()
    source = function.module.source
    text = source.rows_text(source.span(body[0]).start.row, source.span(body[-1]).end.row)
    return [line for line in map(str.strip, text.splitlines()) if line]
