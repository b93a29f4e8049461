"""Files replaced whole: whoever reads one, at any moment, finds the old bytes or the new."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from celery_lint.records import record

if sys.platform != "win32":
    import fcntl

_HOLDS_OPEN_FILES = os.name == "nt"
"""Whether an open file can be neither renamed nor removed."""

_SUFFIX = ".celery-lint.tmp"
_TEMPORARY = re.compile(rf"\..+{re.escape(_SUFFIX)}", re.DOTALL)
_ABANDONED_AFTER = 24 * 60 * 60
"""Seconds after which a temporary file is nobody's, where no lock can tell."""


@record()
class Replacement:
    """New bytes for a file that must still hold the old ones; with `before` None, that must not be there yet."""

    path: Path
    before: bytes | None
    after: bytes


def replace_files(replacements: Sequence[Replacement]) -> None:
    """Write all files, or raise OSError and write none where that can be known beforehand.

    The new bytes go to a temporary file beside the old one, which then takes
    its place: with its mode, and behind a symbolic link the link's target.
    """
    with contextlib.ExitStack() as stack:
        renames = []
        for replacement in replacements:
            target = os.path.realpath(replacement.path)
            renames.append((_prepare(target, replacement, stack), target))
        for temporary, target in renames:
            os.replace(temporary, target)


def remove_abandoned(folders: Iterable[str]) -> None:
    """Remove the temporary files that runs which were killed have left in `folders`.

    Those of a run that is still at work stay: it holds a lock on each. A
    folder that cannot be read or written is left as it is.
    """
    waiting = set(folders)
    seen: set[str] = set()
    while waiting:
        folder = waiting.pop()
        seen.add(folder)
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if _TEMPORARY.fullmatch(entry.name):
                    _remove_if_abandoned(entry.path)
                elif entry.is_symlink() and entry.name.endswith((".py", ".pyi")):
                    # What it leads to was replaced where that lies.
                    waiting |= {os.path.dirname(os.path.realpath(entry.path))} - seen


def _prepare(target: str, replacement: Replacement, stack: contextlib.ExitStack) -> str:
    """The temporary file that is ready to take the target's place, locked until `stack` is closed."""
    status = None
    if replacement.before is not None:
        with open(target, "r+b") as file:  # a file that may not be written is not replaced either
            if file.read() != replacement.before:
                raise OSError("it was changed meanwhile")
            status = os.fstat(file.fileno())
    elif os.path.lexists(target):
        raise OSError("it was made meanwhile")
    temporary, descriptor = _new_file(target)
    stack.callback(_remove, temporary)
    written = stack.enter_context(os.fdopen(descriptor, "wb"))
    written.write(replacement.after)
    written.flush()
    if status is not None:
        with contextlib.suppress(OSError):  # to give a file away takes more rights than to write it
            if hasattr(os, "chown"):
                os.chown(temporary, status.st_uid, status.st_gid)
    os.chmod(temporary, _mode_of_new_files() if status is None else stat.S_IMODE(status.st_mode))
    if _HOLDS_OPEN_FILES:
        written.close()
    return temporary


def _mode_of_new_files() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


def _new_file(target: str) -> tuple[str, int]:
    """An empty temporary file beside `target`, locked: its path and descriptor."""
    folder, name = os.path.split(target)
    while True:
        # A name may have 255 bytes.
        descriptor, temporary = tempfile.mkstemp(prefix=f".{name[:40]}.", suffix=_SUFFIX, dir=folder)
        _lock(descriptor, wait=True)
        # Before it was locked, another run may have taken it for abandoned.
        if _is_at(descriptor, temporary):
            return temporary, descriptor
        os.close(descriptor)


def _remove_if_abandoned(path: str) -> None:
    with contextlib.suppress(OSError), open(path, "rb") as file:
        locked = _lock(file.fileno(), wait=False)
        if locked is None:
            locked = time.time() - os.fstat(file.fileno()).st_mtime > _ABANDONED_AFTER
        if not locked or not _is_at(file.fileno(), path):
            return
        if _HOLDS_OPEN_FILES:
            file.close()
        os.unlink(path)


def _lock(descriptor: int, *, wait: bool) -> bool | None:
    """Lock a file for this process: False if another one has locked it, None if that cannot be told."""
    if sys.platform == "win32":
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return None  # the file system has no locks
    return True


def _is_at(descriptor: int, path: str) -> bool:
    """Whether an open file is the one at `path`."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:
        return False


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
