"""What a run found, kept for the next one.

One JSON file a project and configuration holds each file's state, the answers
worth keeping (findings by file, names by file) and, for each answer, the inputs
that it rests on (project/inputs.py). An answer is used again only if none of
its inputs has changed: a change in `models.py` that makes an argument in
`views.py` a model instance changes the findings of `views.py`.

The file is data and nothing else: whatever is wrong with it, it is left unread
and written anew. Two runs at once write whole files, one after the other.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import itertools
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from celery_lint import __version__
from celery_lint.codec import decode_findings
from celery_lint.configuration import Settings
from celery_lint.findings import Finding
from celery_lint.project.inputs import FOUND, numbers_of, set_of
from celery_lint.surroundings import RACY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FORMAT = 4
MAX_BYTES = 64_000_000
MAX_FILES = 16
"""How many projects and configurations are kept in one folder, and how many outcomes of whole runs."""
SHELF = ".edits"
MAX_VALUES = 4_000


@dataclass(slots=True)
class FileState:
    """A file as it was when it was read."""

    modified: int
    """When its content changed, in nanoseconds since the epoch."""
    entered: int
    """The same of the file system's own entry, which nothing can set back."""
    size: int
    digest: str
    """That of the content; empty as long as nobody has looked into the file."""
    traced: bool

    @classmethod
    def of(cls, status: os.stat_result, digest: str = "") -> FileState:
        return cls(status.st_mtime_ns, status.st_ctime_ns, status.st_size, digest, False)

    def is_as(self, status: os.stat_result) -> bool:
        """Whether a file looks as it did, from outside."""
        return (self.modified, self.entered, self.size) == (status.st_mtime_ns, status.st_ctime_ns, status.st_size)


@dataclass(slots=True)
class Snapshot:
    """All that a cache file holds."""

    taken: int = 0
    """When the files were looked at, in nanoseconds since the epoch."""
    files: dict[str, FileState] = field(default_factory=dict)
    inputs: list[tuple[str, ...]] = field(default_factory=list)
    selected: dict[tuple[str, str], Sequence[str]] = field(default_factory=dict)
    """The files that each selection found: project/index.py, Project.selected."""
    shared: dict[str, tuple[str, int]] = field(default_factory=dict)
    """The digests of answers that are an input of others, and the inputs that they rest on."""
    answers: dict[str, dict[str, tuple[Any, int]]] = field(default_factory=dict)
    """By kind and file, JSON values and the inputs that they rest on."""


def digest_of(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


class Cache:
    """The cache file of one project under one configuration."""

    def __init__(self, folder: Path, root: Path, settings: Settings) -> None:
        self._folder = folder
        # What has no influence on what is found.
        settings = dataclasses.replace(settings, output_format="", cache_dir=None, jobs=None, baseline=None)
        key = f"{FORMAT} {_own()} {os.fspath(root)} {_stable(settings)}"
        self._key = digest_of(key.encode("utf-8", "surrogateescape"))
        self._path = folder / f"{self._key}.json"

    def load(self) -> Snapshot | None:
        """What was kept; None when there is nothing, or nothing that can be read."""
        try:
            if self._path.stat().st_size > MAX_BYTES:
                return None
            return _unpacked(json.loads(self._path.read_bytes()), self._key)
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return None

    def save(self, snapshot: Snapshot) -> None:
        """Keeps a snapshot; a cache that cannot be written is no reason to fail."""
        try:
            data = json.dumps(_packed(snapshot, self._key), separators=(",", ":")).encode("utf-8", "surrogatepass")
            if len(data) > MAX_BYTES:
                return
            _put(self._path, data)
        except (OSError, ValueError):
            return


class Shelf:
    """Values under digests of all that they rest on, for every project whose cache is in one folder.

    Without a folder nothing is kept. What was asked for longest ago goes first.
    """

    def __init__(self, folder: Path | None, key: str) -> None:
        """`key` says what all of the values rest on, beside the linter itself."""
        self._key = digest_of(f"{FORMAT} {_own()} {key}".encode("utf-8", "surrogateescape"))
        self._path = folder / f"{self._key}{SHELF}" if folder is not None else None
        self._values = self._read()

    def _read(self) -> dict[str, Any]:
        if self._path is None:
            return {}
        try:
            if self._path.stat().st_size > MAX_BYTES:
                return {}
            data = json.loads(self._path.read_bytes())
            return dict(data["values"]) if data["key"] == self._key else {}
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return {}

    def get(self, digest: str) -> Any:
        """The JSON value under a digest, or None."""
        if digest not in self._values:
            return None
        self._values[digest] = self._values.pop(digest)
        return self._values[digest]

    def put(self, digest: str, value: Any) -> None:
        """Puts a JSON value under a digest, to be kept by `save`."""
        self._values[digest] = value

    def save(self) -> None:
        """Keeps the values for later runs; a cache that cannot be written is no reason to fail."""
        if self._path is None:
            return
        values = dict([*self._values.items()][-MAX_VALUES:])
        try:
            data = json.dumps({"key": self._key, "values": values}, separators=(",", ":"))
            _put(self._path, data.encode("utf-8", "surrogatepass"))
        except (OSError, ValueError):
            return


def _put(path: Path, data: bytes) -> None:
    """Puts a file into a cache folder, which is made if need be. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _mark(path.parent)
    write(os.fspath(path), data)


def write(path: str, data: bytes) -> None:
    """Puts a file into a cache folder, whole or not at all, and deletes what is too many there."""
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
        _tidy(os.path.dirname(path), os.path.splitext(path)[1])
    except OSError:
        _remove(temporary)


@dataclass(frozen=True)
class Changes:
    """What is not as it was when a snapshot was taken."""

    contents: Mapping[str, bytes]
    """What is in the files that changed or came."""
    states: Mapping[str, FileState]
    """The states of these files."""
    gone: Sequence[str]
    is_dated_anew: bool
    """Whether files had to be read to see that they are the same: next time their dates will do."""

    def __bool__(self) -> bool:
        return bool(self.contents or self.gone)


def changes_since(snapshot: Snapshot, root: Path, files: Sequence[str]) -> Changes | None:
    """What changed among the files of a project; None when a file cannot be read, and so nothing is sure.

    States that are only dated anew are brought up to date in the snapshot.
    """
    contents: dict[str, bytes] = {}
    states: dict[str, FileState] = {}
    is_dated_anew = False
    prefix = os.path.join(root, "")
    for name in files:
        known = snapshot.files.get(name)
        try:
            status = os.stat(prefix + name)
        except OSError:
            return None
        if known is not None and known.is_as(status) and max(known.modified, known.entered) < snapshot.taken - RACY:
            continue
        try:
            with open(prefix + name, "rb") as file:
                data = file.read()
        except OSError:
            return None
        is_dated_anew = True
        state = FileState.of(status, digest_of(data))
        if known is None or state.digest != known.digest:
            contents[name], states[name] = data, state
        else:
            known.modified, known.entered, known.size = state.modified, state.entered, state.size
    present = frozenset(files) if len(files) < len(snapshot.files) + len(contents) else snapshot.files.keys()
    gone = [name for name in snapshot.files if name not in present]
    return Changes(contents, states, gone, is_dated_anew)


def states_of(root: Path, files: Sequence[str]) -> dict[str, FileState]:
    """When each file was changed and its size, as far as a look from outside tells; zeros for one that is not there."""
    prefix = os.path.join(root, "")
    states = {}
    for name in files:
        try:
            status = os.stat(prefix + name)
            states[name] = FileState.of(status)
        except OSError:
            states[name] = FileState(0, 0, 0, "", False)
    return states


def findings_of(snapshot: Snapshot, filename: str) -> list[Finding] | None:
    """The findings of a file while nothing has changed; None when it was not checked. Raises DecodeError."""
    known = snapshot.answers.get(FOUND, {}).get(filename)
    return None if known is None else decode_findings(known[0])


def _own() -> str:
    """The linter and the Python that runs it."""
    return f"{__version__} {_own_state()} {sys.version_info[:2]}"


def _own_state() -> str:
    """The linter's own files, so that whoever works on it is not told yesterday's findings."""
    package = Path(__file__).parent
    newest = 0
    for folder, _, names in os.walk(package):
        for name in names:
            if name.endswith(".py"):
                newest = max(newest, os.stat(os.path.join(folder, name)).st_mtime_ns)
    return f"{newest}"


def _stable(value: object) -> str:
    """A text for a configuration that is the same in each run."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return f"({','.join(_stable(getattr(value, each.name)) for each in dataclasses.fields(value))})"
    if isinstance(value, (set, frozenset)):
        return f"{{{','.join(sorted(map(_stable, value)))}}}"
    if isinstance(value, (tuple, list)):
        return f"[{','.join(map(_stable, value))}]"
    if isinstance(value, Mapping):
        return _stable(sorted((str(key), _stable(each)) for key, each in value.items()))
    return repr(value)


def _packed(snapshot: Snapshot, key: str) -> dict[str, Any]:
    names = list(snapshot.files)
    numbers = {name: number for number, name in enumerate(names)}
    sets: dict[int, int] = {}

    def number_of(inputs: int) -> int:
        return sets.setdefault(inputs, len(sets))

    answers = {
        kind: {name: [value, number_of(inputs)] for name, (value, inputs) in by_file.items()}
        for kind, by_file in snapshot.answers.items()
    }
    shared = {name: [digest, number_of(inputs)] for name, (digest, inputs) in snapshot.shared.items()}
    return {
        "key": key,
        "taken": snapshot.taken,
        "files": [[n, s.modified, s.entered, s.size, s.digest, int(s.traced)] for n, s in snapshot.files.items()],
        "inputs": snapshot.inputs,
        "selected": [
            [*selection, [numbers[name] for name in found if name in numbers]]
            for selection, found in snapshot.selected.items()
        ],
        "shared": shared,
        "answers": answers,
        "sets": [*map(_packed_set, sets)],
    }


def _unpacked(data: Any, key: str) -> Snapshot | None:
    if data["key"] != key:
        return None
    files = {n: FileState(int(m), int(e), int(s), str(d), bool(t)) for n, m, e, s, d, t in data["files"]}
    names = list(files)
    sets = [_unpacked_set(packed, len(data["inputs"])) for packed in data["sets"]]
    return Snapshot(
        taken=int(data["taken"]),
        files=files,
        inputs=[tuple(map(str, each)) for each in data["inputs"]],
        selected={(str(s), str(t)): [names[number] for number in found] for s, t, found in data["selected"]},
        shared={str(name): (str(digest), sets[number]) for name, (digest, number) in data["shared"].items()},
        answers={
            str(kind): {str(name): (value, sets[number]) for name, (value, number) in by_file.items()}
            for kind, by_file in data["answers"].items()
        },
    )


def _packed_set(inputs: int) -> str | list[int]:
    """A set of inputs: its bits, or its numbers, each from the one before, where these are few among many."""
    bits, numbers = f"{inputs:x}", numbers_of(inputs)
    if len(bits) <= 4 * len(numbers):
        return bits
    return [number - before for before, number in itertools.pairwise([0, *numbers])]


def _unpacked_set(packed: str | list[int], count: int) -> int:
    """What `_packed_set` was given, of `count` inputs. Raises ValueError or TypeError."""
    if isinstance(packed, str):
        return int(packed, 16)
    numbers = [*itertools.accumulate(packed)]
    if any(number >= count for number in numbers):
        raise ValueError("an input that there is not")
    return set_of(numbers)


def _mark(folder: Path) -> None:
    """Keeps version control and backups out of the folder."""
    for name, text in (
        (".gitignore", "*\n"),
        ("CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n"),
    ):
        path = folder / name
        if not path.exists():
            path.write_text(text)


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


def _tidy(folder: str, suffix: str) -> None:
    """Deletes those files of a kind that were not written for longest, and what killed runs left behind."""
    found = []
    with os.scandir(folder) as scan:
        for entry in scan:
            if entry.name.endswith(suffix):
                found.append((entry.stat().st_mtime, entry.path))
            elif entry.name.endswith(".tmp") and time.time() - entry.stat().st_mtime > 600:
                _remove(entry.path)
    for _, path in sorted(found, reverse=True)[MAX_FILES:]:
        _remove(path)
