"""What fixes change, as a unified diff that `git apply` and `patch` take."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from celery_lint.fixes.apply import FixedFile

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def unified_diff(files: Iterable[FixedFile]) -> bytes:
    """The diff from each file's bytes before to those after, in the order given.

    It is bytes, as the files may be in several encodings.
    """
    return b"".join(line for file in files for line in _lines(file))


def _lines(file: FixedFile) -> Iterator[bytes]:
    lines = difflib.diff_bytes(
        difflib.unified_diff,
        _split(file.before),
        _split(file.after),
        _label("a", file.filename),
        _label("b", file.filename),
    )
    for line in lines:
        yield line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n"


def _split(data: bytes) -> list[bytes]:
    """Lines as git sees them, which ends them at a line feed only."""
    lines = [line + b"\n" for line in data.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _label(side: str, filename: str) -> bytes:
    """A file's name as git writes it: quoted where it must be, and its end marked."""
    name = f"{side}/{filename}"
    if any(character in _ESCAPES or character < " " for character in name):
        escaped = (_ESCAPES.get(c) or (c if c >= " " else f"\\{ord(c):03o}") for c in name)
        return f'"{"".join(escaped)}"'.encode("utf-8", "surrogateescape")
    return (name + ("\t" if " " in name else "")).encode("utf-8", "surrogateescape")
