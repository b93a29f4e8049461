"""`--write-baseline`: what is found becomes what is known. Imports libcst with the package that writes."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from celery_lint import baseline
from celery_lint.arguments import UsageError
from celery_lint.baseline import Baseline, Entries
from celery_lint.configuration import UNREADABLE
from celery_lint.findings import Finding
from celery_lint.fixes import Replacement, remove_abandoned, replace_files
from celery_lint.identity import Identity, identity_of
from celery_lint.output import count, shown_path
from celery_lint.run import Checked
from celery_lint.source import Source

OPTION = "--write-baseline"


@dataclass(frozen=True)
class Written:
    """What it came to: the projects with what is still to be reported, complaints about files, and what to tell."""

    checked: tuple[Checked, ...]
    errors: tuple[str, ...]
    notes: tuple[str, ...]


def write_baseline(checked: Sequence[Checked]) -> Written:
    """Puts the findings of each project into its baseline; those of a project that has none are left to be reported.

    What the baseline holds of files that were not checked, and of rules that were not
    selected, stays. A file that cannot be read is still reported: it has not been checked.
    Raises UsageError when no project has a baseline.
    """
    after: list[Checked] = []
    errors, notes = [], []
    by_path: dict[str, list[tuple[Checked, Baseline]]] = defaultdict(list)
    for each in checked:
        place = each.project.settings.baseline
        if place is None:
            after.append(each)
            continue
        read = baseline.read(each.project.root, place, may_be_new=True)
        by_path[read.path].append((each, read))
    if after and not by_path:
        root = after[0].project.root
        raise UsageError(f"{root} has no baseline: name one with --baseline FILE, or in the configuration", OPTION)
    for path, group in by_path.items():
        shown = shown_path(Path(path).parent, Path(path).name)
        before, entries = group[0][1].entries, dict(group[0][1].entries)
        for each, read in group:
            _update(entries, each, read)
        try:
            _write(Path(path), baseline.text_of(entries))
        except OSError as error:
            errors.append(f"{shown}: the baseline cannot be written: {error.strerror or error}")
            after += [each for each, _ in group]
            continue
        after += [_as_known(each) for each, _ in group]
        notes.append(_told(shown, _number_by_identity(before), _number_by_identity(entries)))
    after.sort(key=lambda each: each.project.root)
    return Written(tuple(after), tuple(errors), tuple(notes))


def _update(entries: Entries, checked: Checked, read: Baseline) -> None:
    """Puts into `entries` what was found in a project, for what is there of the files that were checked."""
    for name, gone in read.reach(checked.read_files, checked.is_looked_for).items():
        entries[name] = entries[name] - gone
    by_file: dict[str, list[Finding]] = defaultdict(list)
    for finding in (*checked.findings, *checked.known):
        if finding.code != UNREADABLE:
            by_file[finding.place.filename].append(finding)
    for filename, findings in by_file.items():
        name = read.name(filename)
        with contextlib.suppress(OSError):  # it is gone since it was checked
            lines = Source(filename, checked.read(filename)).lines
            entries[name] = entries.get(name, Counter()) + Counter(identity_of(each, lines) for each in findings)


def _as_known(checked: Checked) -> Checked:
    known = [finding for finding in checked.findings if finding.code != UNREADABLE]
    left = [finding for finding in checked.findings if finding.code == UNREADABLE]
    return dataclasses.replace(checked, findings=tuple(left), known=(*checked.known, *known), stale=0)


def _write(path: Path, text: str) -> None:
    before = path.read_bytes() if path.exists() else None
    after = text.encode("utf-8", "backslashreplace")  # what is no text in a name is escaped as JSON does it
    if after != before:
        remove_abandoned([os.fspath(path.parent)])
        replace_files([Replacement(path, before, after)])


def _number_by_identity(entries: Entries) -> Counter[tuple[str, Identity]]:
    return Counter({(name, each): number for name, known in entries.items() for each, number in known.items()})


def _told(shown: str, before: Counter[tuple[str, Identity]], after: Counter[tuple[str, Identity]]) -> str:
    files = len({name for name, _ in after.elements()})
    added, removed = (after - before).total(), (before - after).total()
    return (
        f"{shown} holds {count(after.total(), 'finding')} in {count(files, 'file')} ({added} added, {removed} removed)."
    )
