"""Work shared between copies of this process, which start with all that it knows.

Where the system can fork, a copy has the parsed files and the index at once, and
only what it finds comes back. Elsewhere, and for little work, one process does.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable, Iterator

_NUMBER = struct.Struct("=I")
MAX_PIECES = 16_000
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


def share_out(pieces: int, jobs: int, work: Callable[[Iterator[int]], bytes]) -> list[bytes]:
    """Have `jobs` processes, this one among them, do `work` on the numbers below `pieces`.

    Each call of `work` takes numbers until there are none left. The outcomes come
    in no certain order; of a copy that died there is none, nor of its pieces.
    """
    numbers, feed = os.pipe()
    os.write(feed, b"".join(_NUMBER.pack(number) for number in range(min(pieces, MAX_PIECES))))
    os.close(feed)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    copies = [_start(numbers, work) for _ in range(jobs - 1)]
    try:
        outcomes = [work(_taken(numbers))]
    finally:
        os.close(numbers)
        received = [_outcome(process, source) for process, source in copies]
    return outcomes + [data for data in received if data is not None]


def _taken(numbers: int) -> Iterator[int]:
    while data := os.read(numbers, _NUMBER.size):
        yield _NUMBER.unpack(data)[0]


def _start(numbers: int, work: Callable[[Iterator[int]], bytes]) -> tuple[int, int]:
    """The number of a new copy of this process, and where its outcome can be read."""
    source, sink = os.pipe()
    process = os.fork()
    if process:
        os.close(sink)
        return process, source
    code = 1
    try:
        os.close(source)
        data = work(_taken(numbers))
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
