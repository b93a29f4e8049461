"""The edits that fixes come to, for reports.

To make them libcst parses whole files, which takes longer than to find what is wrong in these. So
they are kept beside the findings, each under the digest of all that it rests on: the fix, the
content of the files that it changes, and how long their lines may be.
"""

from __future__ import annotations

import importlib.util
import json
import os

from celery_lint.cache import Shelf, digest_of
from celery_lint.codec import DecodeError, decode, encode
from celery_lint.findings import Edit, Position, Span
from celery_lint.line_length import line_length

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from celery_lint.findings import Finding, Fix
    from celery_lint.run import Checked


def edits_of(checked: Checked, findings: Sequence[Finding]) -> list[tuple[Edit, ...]]:
    """The edits of each finding's fix as if it were made alone, imports included; none where it has no exact one.

    libcst is imported only where some have to be made.
    """
    project = checked.project
    folder = project.settings.cache_dir
    shelf = Shelf(project.root / folder if folder is not None else None, f"edits {_state_of_libcst()}")
    width = line_length(project.root)
    contents: dict[str, str] = {}
    digests = [_digest(finding.fix, checked, contents, width) for finding in findings]
    known = {digest: _kept(shelf.get(digest)) for digest in digests if digest is not None}
    missing = {digest: index for index, digest in enumerate(digests) if digest is not None and known[digest] is None}
    if missing:
        from celery_lint.fixes import edits_for

        made = edits_for([findings[index] for index in missing.values()], checked.read, width)
        for number, digest in enumerate(missing):
            edits = known[digest] = made.get(number, ())
            shelf.put(digest, encode(edits))
        shelf.save()
    return [(known[digest] if digest is not None else None) or () for digest in digests]


def _digest(fix: Fix | None, checked: Checked, contents: dict[str, str], width: int) -> str | None:
    """A digest of all that the edits of a fix rest on; None where there can be none.

    `contents` are the digests of the files that have been read.
    """
    if fix is None:
        return None
    for change in fix.changes:
        filename = change.place.filename
        if filename not in contents:
            try:
                contents[filename] = digest_of(checked.read(filename))
            except OSError:
                return None
    files = sorted({(change.place.filename, contents[change.place.filename]) for change in fix.changes})
    return digest_of(json.dumps([width, files, encode(fix)]).encode())


def _kept(value: Any) -> tuple[Edit, ...] | None:
    """Edits that were kept, if that is what the value is."""
    try:
        edits = decode(value)
    except DecodeError:
        return None
    return edits if isinstance(edits, tuple) and all(map(_is_edit, edits)) else None


def _is_edit(value: object) -> bool:
    if not (isinstance(value, Edit) and isinstance(value.filename, str) and isinstance(value.content, str)):
        return False
    positions = (value.span.start, value.span.end) if isinstance(value.span, Span) else ()
    return bool(positions) and all(
        isinstance(each, Position) and isinstance(each.row, int) and isinstance(each.column, int) for each in positions
    )


def _state_of_libcst() -> str:
    """What changes with libcst's version, without an import."""
    spec = importlib.util.find_spec("libcst")
    if spec is None or spec.origin is None:
        return ""
    try:
        status = os.stat(os.path.join(os.path.dirname(spec.origin), "_version.py"))
    except OSError:
        status = os.stat(spec.origin)
    return f"{spec.origin} {status.st_mtime_ns} {status.st_size}"
