"""Work shared between copies of this process, which start with all that it knows.

Where the system can fork, a copy has the parsed files and the index at once, and
only what it finds comes back. Elsewhere, and for little work, one process does.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable, Iterator, Sequence

_NUMBER = struct.Struct("=I")
MAX_NUMBERS = 16_000
"""As many numbers as a pipe surely takes without a reader."""


def cores() -> int:
    """How many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def can_fork() -> bool:
    """Whether copies of this process can be made, and safely: other threads would not be copied with it."""
    if not hasattr(os, "fork"):
        return False
    threading = sys.modules.get("threading")
    return threading is None or threading.active_count() == 1


def share_out(pieces: int, jobs: int, work: Callable[[Iterator[int]], bytes], most: int) -> list[bytes]:
    """Have `jobs` copies of this process do `work` on the numbers below `pieces`.

    A copy takes the numbers of a range of its own first, in order, as neighbours have much
    in common, then what others have not come to. When each has taken about `most` numbers,
    new copies follow, which start with the memory of this process. The outcomes come in no
    certain order; of a copy that died there is none, nor of its pieces.
    """
    rounds = -(-pieces // (jobs * min(most, MAX_NUMBERS)))
    return [data for part in _parts(range(pieces), rounds) for data in _round(part, jobs, work)]


def _parts(whole: range, number: int) -> list[range]:
    """A range cut into parts of much the same length."""
    return [whole[len(whole) * part // number : len(whole) * (part + 1) // number] for part in range(number)]


def _round(numbers: range, jobs: int, work: Callable[[Iterator[int]], bytes]) -> Iterator[bytes]:
    ranges = [_filled(part) for part in _parts(numbers, jobs)]
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    copies = [_start(ranges[job:] + ranges[:job], work) for job in range(jobs)]
    for source in ranges:
        os.close(source)
    for process, outcome in copies:
        data = _outcome(process, outcome)
        if data is not None:
            yield data


def _filled(numbers: range) -> int:
    """A pipe from which the numbers can be read."""
    source, sink = os.pipe()
    os.write(sink, b"".join(map(_NUMBER.pack, numbers)))
    os.close(sink)
    return source


def _taken(ranges: Sequence[int]) -> Iterator[int]:
    for numbers in ranges:
        while data := os.read(numbers, _NUMBER.size):
            yield _NUMBER.unpack(data)[0]


def _start(ranges: Sequence[int], work: Callable[[Iterator[int]], bytes]) -> tuple[int, int]:
    """The number of a new copy of this process, and where its outcome can be read."""
    source, sink = os.pipe()
    process = os.fork()
    if process:
        os.close(sink)
        return process, source
    code = 1
    try:
        os.close(source)
        data = work(_taken(ranges))
        with os.fdopen(sink, "wb") as file:
            file.write(data)
        code = 0
    finally:
        # No clean-up here: buffers and handlers are the parent's to see to.
        os._exit(code)


def _outcome(process: int, source: int) -> bytes | None:
    with os.fdopen(source, "rb") as file:
        data = file.read()
    _, status = os.waitpid(process, 0)
    return data if status == 0 else None
