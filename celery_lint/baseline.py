"""Findings that a project lives with: written down once, and not reported from then on.

The file is JSON, one line a kind of finding in a function, sorted, with paths from its
own folder. Of each code, a function may have as many findings as it has entries: one more
is new, wherever it stands. Which of them are the known ones, their lines' texts decide.
So a finding whose line has been edited stays known, and so does one whose function has
got another name.
"""

from __future__ import annotations

import json
import os
import posixpath
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from celery_lint.configuration import UNREADABLE, ConfigurationError
from celery_lint.findings import Finding
from celery_lint.identity import Identity, identity_of
from celery_lint.project.modules import has_scope
from celery_lint.source import Source, UnreadableError
from celery_lint.surroundings import note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

VERSION = 1
WAY_OUT = "put it right, or delete it and run with `--write-baseline`"

Entries = dict[str, Counter[Identity]]
"""How many findings of each identity a file has, by its path from the baseline's folder."""


@dataclass(frozen=True)
class Baseline:
    """A baseline as the project at `root` sees it."""

    path: str
    root: Path
    entries: Entries

    def name(self, filename: str) -> str:
        """The name by which the baseline knows a file of the project: its path from the baseline's folder."""
        return posixpath.normpath(posixpath.join(self._way, filename))

    @cached_property
    def _way(self) -> str:
        """The path from the baseline's folder to the root, with `/`."""
        way = os.path.relpath(os.path.realpath(self.root), os.path.realpath(os.path.dirname(self.path)))
        return way.replace(os.sep, "/")

    def split(self, source: Source, findings: Sequence[Finding]) -> tuple[list[Finding], list[Finding]]:
        """The findings in `source` that are new, and those that are known.

        A file that cannot be read has not been checked: that is never known.
        """
        entries = self.entries.get(self.name(source.filename))
        if not entries:
            return list(findings), []
        identities = [
            None if finding.code == UNREADABLE else identity_of(finding, source.lines) for finding in findings
        ]
        known = _known(identities, entries, source)
        return (
            [finding for number, finding in enumerate(findings) if number not in known],
            [finding for number, finding in enumerate(findings) if number in known],
        )

    def reach(self, filenames: Collection[str], is_looked_for: Callable[[str], bool]) -> Entries:
        """The entries that a run answers for: those of the files that it checked and of codes
        that it looked for, and those of files of the project that are gone."""
        names = {self.name(filename) for filename in filenames}
        reach: Entries = {}
        for name, entries in self.entries.items():
            if name in names:
                reach[name] = Counter({each: number for each, number in entries.items() if is_looked_for(each.code)})
            elif name in self._own and not os.path.exists(self._own[name]):
                reach[name] = entries
        return reach

    def note_files(self) -> None:
        """What follows rests on whether the files of the project in the baseline are there, walked or not."""
        for path in self._own.values():
            note(path)

    @cached_property
    def _own(self) -> dict[str, str]:
        """The files in the baseline that lie in the project, by name, with their whole paths."""
        folder = os.path.realpath(os.path.dirname(self.path))
        inside = os.path.join(os.path.realpath(self.root), "")
        paths = {name: os.path.normpath(os.path.join(folder, name)) for name in self.entries}
        return {name: path for name, path in paths.items() if path.startswith(inside)}


def read(root: Path, place: str, *, may_be_new: bool = False) -> Baseline:
    """The baseline at `place`, a path from the root; with `may_be_new` an empty one where there is none.

    Raises ConfigurationError.
    """
    path = os.path.normpath(os.path.join(root, place))
    note(path)
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        if may_be_new:
            return Baseline(path, root, {})
        raise ConfigurationError(f"{path}: there is no such baseline: run with `--write-baseline` to make it") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(f"{path}: the baseline cannot be read: {reason}") from None
    baseline = Baseline(path, root, _entries(path, data))
    baseline.note_files()
    return baseline


@lru_cache(maxsize=4)
def _entries(path: str, data: bytes) -> Entries:
    """What the text of the baseline at `path` says; a run asks for it early, to complain, and again where it counts."""
    return _Reader(path).entries(data)


def text_of(entries: Mapping[str, Mapping[Identity, int]]) -> str:
    """The text of a baseline file."""
    files = []
    for name in sorted(entries):
        rows = [
            json.dumps({"code": each.code, "in": each.scope, "line": each.line, "count": number}, ensure_ascii=False)
            for each, number in sorted(entries[name].items())
            if number > 0
        ]
        if rows:
            listed = ",\n".join(f"      {row}" for row in rows)
            files.append(f"    {json.dumps(name, ensure_ascii=False)}: [\n{listed}\n    ]")
    inner = "\n{}\n  ".format(",\n".join(files)) if files else ""
    return f'{{\n  "version": {VERSION},\n  "findings": {{{inner}}}\n}}\n'


def _known(identities: Sequence[Identity | None], entries: Counter[Identity], source: Source) -> set[int]:
    """Which of the findings, by number, are entries: each entry stands for one finding."""
    left = entries.copy()
    waiting = {number: identity for number, identity in enumerate(identities) if identity is not None}
    known: set[int] = set()

    def take(number: int, entry: Identity) -> None:
        left[entry] -= 1
        known.add(number)
        del waiting[number]

    for number, identity in list(waiting.items()):
        if left[identity] > 0:
            take(number, identity)

    def is_edited(entry: Identity, identity: Identity) -> bool:
        return (entry.code, entry.scope) == (identity.code, identity.scope)

    def is_renamed(entry: Identity, identity: Identity) -> bool:
        is_alike = (entry.code, entry.line) == (identity.code, identity.line)
        return is_alike and _is_gone(entry.scope, source)

    for is_same in (is_edited, is_renamed):
        for number, identity in list(waiting.items()):
            entry = next((each for each in sorted(left) if left[each] > 0 and is_same(each, identity)), None)
            if entry is not None:
                take(number, entry)
    return known


def _is_gone(scope: str, source: Source) -> bool:
    """Whether a file has no function or class of this name."""
    try:
        return scope != "" and not has_scope(source.tree.body, scope)
    except UnreadableError:
        return False


@dataclass(frozen=True)
class _Reader:
    """Reads the text of a baseline, and complains about what is wrong with it."""

    path: str

    def entries(self, data: bytes) -> Entries:
        try:
            content = json.loads(data.decode("utf-8-sig"))
        except json.JSONDecodeError as error:
            raise ConfigurationError(
                f"{self.path}:{error.lineno}:{error.colno}: the baseline is not valid JSON: {error.msg}: {WAY_OUT}"
            ) from None
        except (ValueError, RecursionError):
            self._refuse("it is not JSON in UTF-8")
        if not isinstance(content, dict) or "version" not in content:
            self._refuse("it has no `version`")
        if content["version"] != VERSION:
            self._refuse(f"its version is {content['version']!r}, and this celery-lint knows {VERSION}")
        files = content.get("findings")
        if not isinstance(files, dict):
            self._refuse("`findings` must be an object with a list for each file")
        return {name: self._of_file(name, listed) for name, listed in files.items()}

    def _of_file(self, name: str, listed: Any) -> Counter[Identity]:
        entries: Counter[Identity] = Counter()
        if not isinstance(listed, list):
            self._refuse(f"`findings[{name!r}]` must be a list")
        for number, entry in enumerate(listed):
            where = f"findings[{name!r}][{number}]"
            if not isinstance(entry, dict):
                self._refuse(f"`{where}` must be an object")
            for key in ("code", "in", "line"):
                if not isinstance(entry.get(key), str):
                    self._refuse(f"`{where}` must have a text `{key}`")
            count = entry.get("count")
            if not isinstance(count, int) or isinstance(count, bool) or count < 1:
                self._refuse(f"`{where}` must have a whole number `count` from 1 on")
            entries[Identity(entry["code"], entry["in"], entry["line"])] += count
        return entries

    def _refuse(self, reason: str) -> NoReturn:
        raise ConfigurationError(f"{self.path}: this is no baseline: {reason}: {WAY_OUT}")
