"""The outcome of a whole run, said again while nothing that it rests on has changed.

Beside the answers about single files (`cache.py`) the cache folder holds, for
each command line, what the last run under it printed, with its surroundings:
every folder, file, configuration and mark that it looked at, those of the linter
itself among them. If all are as they were, so is the outcome, and neither a
configuration nor a file is opened: that takes as long as looking at dates.

Kept are the runs over folders that did nothing but print findings as text. The
file is data: one that is damaged, cut or of another command line is left unread.
"""

from __future__ import annotations

import os
import sys
import time
import zlib

from celery_lint import __version__
from celery_lint.reporters import CONTROL
from celery_lint.surroundings import CACHE_FOLDER, Surroundings, folders_under

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

FORMAT = 1
SUFFIX = ".run"
OPTION = "--cache-dir"
MAX_BYTES = 64_000_000

Outcome = tuple[int, str, str]
"""The exit code, and the texts for standard output and for standard error."""


def known_outcome(words: Sequence[str], *, color: bool) -> Outcome | None:
    """What the run with these words would end in, if that is known and sure."""
    try:
        key = _key(words, color)
        path = _path(words, key)
        if os.stat(path).st_size > MAX_BYTES:
            return None
        with open(path, "rb") as file:
            text = file.read().decode("utf-8", "surrogateescape")
        known, code, out, err, places, states = _unpacked(text)
        if known != key or code not in ("0", "1") or not (_is_plain(out) and _is_plain(err)):
            return None
        return (int(code), out, err) if Surroundings(places.split("\0"), states.split("\0")).hold() else None
    except (OSError, ValueError):
        return None


class Recording:
    """Watches one run, to keep its outcome if that will be sure."""

    def __init__(self, words: Sequence[str], *, color: bool) -> None:
        self._words = words
        self._key = _key(words, color)
        self._started = time.time_ns()
        self._surroundings: Surroundings | None = None
        Surroundings.forget()

    def start(self) -> None:
        """To be called when it is known which files there are, and before they are read."""
        package = os.path.dirname(os.path.abspath(__file__))
        self._surroundings = Surroundings.noted(self._started, folders_under(package))

    def keep(self, outcome: Outcome) -> None:
        """Keeps how the run ended, in a cache folder that is there already."""
        path = _path(self._words, self._key)
        code, out, err = outcome
        if self._surroundings is None or not os.path.isdir(os.path.dirname(path)):
            return
        from celery_lint.cache import write

        places, states = "\0".join(self._surroundings.places), "\0".join(self._surroundings.states)
        text = _packed([self._key, str(code), out, err, places, states])
        try:
            data = text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return
        if len(data) <= MAX_BYTES:
            write(path, data)


def _key(words: Sequence[str], color: bool) -> str:
    """All that an outcome rests on beside the surroundings."""
    return "\0".join([f"{FORMAT}", __version__, sys.version, os.getcwd(), f"{color}", *words])


def _path(words: Sequence[str], key: str) -> str:
    """Where the outcome is kept: in the folder that the words name, by default in that of the working directory."""
    folder = CACHE_FOLDER
    rest = iter(words)
    for word in rest:
        if word == OPTION:
            folder = next(rest, folder)
        elif word.startswith(f"{OPTION}="):
            folder = word.removeprefix(f"{OPTION}=")
    return os.path.join(os.path.abspath(folder), f"{zlib.crc32(key.encode('utf-8', 'surrogatepass')):08x}{SUFFIX}")


def _packed(parts: Sequence[str]) -> str:
    return "\n".join([" ".join(str(len(part)) for part in parts), "".join(parts)])


def _unpacked(text: str) -> list[str]:
    """The parts of a text made by `_packed`. Raises ValueError when it is none, or not whole."""
    line, _, rest = text.partition("\n")
    parts = []
    position = 0
    for length in map(int, line.split()):
        parts.append(rest[position : position + length])
        position += length
    if position != len(rest):
        raise ValueError("not whole")
    return parts


def _is_plain(text: str) -> bool:
    """Whether a text has nothing that acts on a terminal, but for colours and ends of lines."""
    first, *rest = text.split("\x1b[")
    parts = [first]
    for piece in rest:
        color, _, behind = piece.partition("m")
        if not color.replace(";", "").isdecimal():
            return False
        parts.append(behind)
    return CONTROL.isdisjoint("".join(parts).replace("\n", ""))
