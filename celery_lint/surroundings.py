"""What decides which files a run looks at, and by which settings, in a form that two runs can compare.

Configurations, requirements, `.gitignore` files and the marks of a project's root
are read in several places. Each notes here what it is about to look at, so that
nothing which a run rests on has to be known anywhere else:

- a *path*: a file's dates and size, or whether there is anything at all;
- a *folder* that was walked: its Python files with their dates and sizes, the
  folders in it, and the files that say how to treat it;
- a *start* of names in a folder: which requirement files there are.

A place is such a thing as a text, its kind first. Its state is a text as well.
Dates are those of the content and those of the file system's own entry (`st_ctime`,
which nothing can set back), compared for being equal and never for being newer.
"""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SUFFIXES = (".py", ".pyw")
"""The names of Python files end so."""
MARKERS = frozenset({"pyproject.toml", "celery-lint.toml", "manage.py", "setup.cfg", "setup.py", ".git"})
"""What a folder holds that is the top of a project."""
VIRTUAL_ENVIRONMENT = "pyvenv.cfg"
FOREIGN = frozenset(
    """
    .git .hg .svn .bzr .jj CVS __pycache__ __pypackages__ node_modules site-packages .venv .tox .nox .eggs .mypy_cache
    .ruff_cache .pytest_cache .pytype .hypothesis .direnv .pyenv .ipynb_checkpoints .celery_lint_cache bower_components
    """.split()
)
"""Folders that are never the project's own code: neither checked nor known, whatever `exclude` says."""
CACHE_FOLDER = ".celery_lint_cache"
RACY = 2_000_000_000
"""A file that changed within this many nanoseconds before it was looked at may change again unseen."""

_PATH, _FOLDER, _START = "=", "/", "*"
_NOTHING = "nothing"
"""The state of what is not there, or cannot be looked at; no listing is like that."""
_REQUIREMENTS = (".txt", ".in")
_TELLING = MARKERS | {".gitignore", VIRTUAL_ENVIRONMENT}

_noted: dict[str, str | None] = {}
"""The places of this run, with the state that each had before it was looked at; None for a folder."""


def note(path: str | os.PathLike[str]) -> None:
    """What follows rests on a path: on what the file holds, or on whether there is one."""
    place = f"{_PATH}{os.fspath(path)}"
    if place not in _noted:
        _noted[place] = _state(place)[0]


def note_folder(path: str) -> None:
    """What follows rests on a folder that is walked. Its state is left to `Surroundings`: few runs ask for it."""
    _noted.setdefault(f"{_FOLDER}{path}")


def requirement_files(folder: str | os.PathLike[str], start: str) -> list[str]:
    """The names of requirement files in a folder that start with `start`, sorted."""
    place = f"{_START}{os.fspath(folder)}/{start}"
    state = _noted[place] = _state(place)[0]
    return state.split("/") if state != _NOTHING else []


class Surroundings:
    """The places of a run and their states, for a later run to compare."""

    def __init__(self, places: Iterable[str], states: Iterable[str]) -> None:
        self.places = list(places)
        self.states = list(states)

    @classmethod
    def noted(cls, started: int, folders: Iterable[str]) -> Surroundings | None:
        """What has been noted up to now, with `folders` besides. To be called before the Python files are read.

        None when something changed shortly before the time `started` (nanoseconds since
        the epoch) or after it: it may change again within the grain of its dates, or
        have changed since it was looked at.
        """
        for folder in folders:
            note_folder(folder)
        states = []
        for place, known in _noted.items():
            state, newest = _state(place)
            if place.startswith(_FOLDER):
                newest = max(newest, _newest(place[1:]))
            if newest >= started - RACY or (known is not None and state != known):
                return None
            states.append(state)
        return cls(_noted, states)

    @staticmethod
    def forget() -> None:
        """Another run of this process starts."""
        _noted.clear()

    def hold(self) -> bool:
        """Whether every place is as it was. Raises ValueError when there is not one state for each."""
        return all(_state(place)[0] == known for place, known in zip(self.places, self.states, strict=True))


def folders_under(top: str) -> Iterator[str]:
    """A folder and all in it, but for foreign ones."""
    for folder, inner, _ in os.walk(top):
        inner[:] = [name for name in inner if name not in FOREIGN]
        yield folder


def _state(place: str) -> tuple[str, int]:
    """The state of a place, and the newest date of the files in it."""
    kind, path = place[:1], place[1:]
    try:
        if kind == _FOLDER:
            return _listing(path)
        if kind == _START:
            folder, _, start = path.rpartition("/")
            names = (name for name in os.listdir(folder) if name.startswith(start) and name.endswith(_REQUIREMENTS))
            return "/".join(sorted(names)) or _NOTHING, 0
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            return "folder", 0
        return _stamp(status), max(status.st_mtime_ns, status.st_ctime_ns)
    except (OSError, ValueError):
        return _NOTHING, 0


def _listing(folder: str) -> tuple[str, int]:
    """The state of a folder that is walked, and the newest date of the files that it tells of."""
    told = []
    newest = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            try:
                if entry.is_dir():
                    if name not in FOREIGN or name in MARKERS:
                        told.append(f"{name}//{os.path.realpath(entry.path)}" if entry.is_symlink() else f"{name}//")
                elif name.endswith(SUFFIXES) or name in _TELLING:
                    if entry.is_symlink():
                        told.append(f"{name}//{os.path.realpath(entry.path)}")
                    status = entry.stat()
                    told.append(f"{name}/{_stamp(status)}")
                    newest = max(newest, status.st_mtime_ns, status.st_ctime_ns)
            except OSError:  # a link that leads nowhere, or to itself
                told.append(f"{name}//")
    return "/".join(sorted(told)), newest


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_mtime_ns}/{status.st_ctime_ns}/{status.st_size}"


def _newest(folder: str) -> int:
    """When an entry of a folder last came or went."""
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return 0
