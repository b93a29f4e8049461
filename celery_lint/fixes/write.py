"""Files replaced whole: whoever reads one, at any moment, finds the old bytes or the new."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

from celery_lint.records import dataclass


@dataclass(frozen=True, slots=True)
class Replacement:
    """New bytes for a file that must still hold the old ones."""

    path: Path
    before: bytes
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
            temporary = _prepare(target, replacement)
            stack.callback(_remove, temporary)
            renames.append((temporary, target))
        for temporary, target in renames:
            os.replace(temporary, target)


def _prepare(target: str, replacement: Replacement) -> str:
    """The temporary file that is ready to take the target's place."""
    with open(target, "r+b") as file:  # a file that may not be written is not replaced either
        if file.read() != replacement.before:
            raise OSError("it was changed meanwhile")
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    folder, name = os.path.split(target)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{name}.", suffix=".tmp", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(replacement.after)
        os.chmod(temporary, mode)
    except BaseException:
        _remove(temporary)
        raise
    return temporary


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
