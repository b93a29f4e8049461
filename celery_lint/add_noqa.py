"""`--add-noqa`: a suppressing comment for each finding that is left. Imports libcst with the package that writes."""

from __future__ import annotations

import ast
import dataclasses
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from celery_lint.configuration import UNREADABLE, UNUSED_SUPPRESSION
from celery_lint.findings import Finding
from celery_lint.fixes import Replacement, replace_files
from celery_lint.fixes.text import NotExact, SourceText, Splice, splice
from celery_lint.output import count, shown_path
from celery_lint.run import Checked, check_project
from celery_lint.source import Source
from celery_lint.suppressions import listing, noqa_rows

_BEYOND_COMMENTS = frozenset({UNREADABLE, UNUSED_SUPPRESSION})
"""What no comment should silence: a file that cannot be read, and a comment that silences nothing."""


@dataclass(frozen=True)
class Added:
    """What it came to: the projects as they are now, complaints about files, and what to tell."""

    checked: tuple[Checked, ...]
    errors: tuple[str, ...]
    notes: tuple[str, ...]


def add_noqa(checked: Sequence[Checked], reason: str, *, write: bool) -> Added:
    """Adds comments that silence the findings, on disk if `write`, else in the projects' unsaved content.

    Without a reason they are `# noqa: CODES`, with one `# celery-lint: ignore[CODES] reason`.
    """
    reason = " ".join(reason.replace("#", " ").split())
    after, errors = [], []
    number = files = 0
    for each in checked:
        by_file: dict[str, list[Finding]] = defaultdict(list)
        for finding in each.findings:
            if finding.code not in _BEYOND_COMMENTS:
                name = finding.place.filename
                by_file[each.project.links.get(name, name)].append(finding)
        contents: dict[str, bytes] = {}
        for filename, findings in by_file.items():
            try:
                before = each.read(filename)
                data = suppressed(filename, before, findings, reason)
                if write:
                    replace_files([Replacement(each.project.root / filename, before, data)])
            except (OSError, NotExact) as error:
                why = error.strerror or str(error) if isinstance(error, OSError) else str(error)
                errors.append(f"{shown_path(each.project.root, filename)}: no comment added: {why}")
                continue
            contents[filename] = data
            number += len({(finding.place.span.start.row, finding.code) for finding in findings})
        unsaved: Mapping[str, bytes] = (
            each.unsaved if write else {**each.unsaved, **each.project.under_all_names(contents)}
        )
        again = check_project(each.project, unsaved, earlier=each.earlier) if contents else each
        after.append(dataclasses.replace(again, failures=each.failures))
        files += len(contents)
    notes = [f"Added {count(number, 'suppression')} in {count(files, 'file')}."] if number else []
    return Added(tuple(after), tuple(errors), tuple(notes))


def suppressed(filename: str, data: bytes, findings: Collection[Finding], reason: str) -> bytes:
    """A file with a comment for each finding, at the row where it counts.

    A list of codes that is there already is extended. Raises NotExact where
    that cannot be written without changing the code.
    """
    text = SourceText(data)
    source = Source(filename, data)
    rows = noqa_rows(source, [finding.place.span.start.row for finding in findings])
    codes: dict[int, set[str]] = defaultdict(set)
    for finding in findings:
        codes[rows[finding.place.span.start.row]].add(finding.code)
    starts = text.line_starts
    splices = [_comment(source, row, starts[row - 1], sorted(named), reason) for row, named in codes.items()]
    result = text.encode(splice(text.text, splices))
    if ast.dump(Source(filename, result).tree) != ast.dump(source.tree):
        raise NotExact("it would change the code")
    return result


def _comment(source: Source, row: int, start: int, codes: Sequence[str], reason: str) -> Splice:
    """The edit that makes a comment of the row silence the codes; `start` is the row's offset."""
    names = ", ".join(codes)
    found = listing(source, row, own=True) or (None if reason else listing(source, row, own=False))
    if found is not None:
        end, is_empty = found
        return Splice(start + end, start + end, names if is_empty else f", {names}")
    comment = f"# celery-lint: ignore[{names}] {reason}" if reason else f"# noqa: {names}"
    line = source.lines[row - 1]
    code = line.rstrip(" \t\f")
    return Splice(start + len(code), start + len(line), f"  {comment}")
