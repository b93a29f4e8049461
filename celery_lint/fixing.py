"""`--fix` and `--diff`: the fixes of a whole run. Imports libcst: import it only when asked to fix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from celery_lint.findings import Applicability, Finding
from celery_lint.fixes import FixResult, fix_project, unified_diff
from celery_lint.output import count, shown_path
from celery_lint.run import Checked, check_project


@dataclass(frozen=True)
class Fixed:
    """What fixing came to: the projects as they are now, what changed, and what to tell."""

    checked: tuple[Checked, ...]
    diff: bytes
    errors: tuple[str, ...]
    notes: tuple[str, ...]


def fix(checked: Sequence[Checked], allowed: frozenset[Applicability], *, write: bool) -> Fixed:
    """Makes the allowed fixes, on disk if `write`, else in the projects' unsaved content."""
    after, diffs, errors = [], [], []
    fixed: Counter[str] = Counter()
    files = held_back = 0
    for each in checked:
        result = _fix_project(each, allowed, write)
        contents = {} if write else {file.filename: file.after for file in result.files}
        after.append(replace(each, findings=result.findings, unsaved={**each.unsaved, **contents}))
        root = each.project.root
        shown = [replace(file, filename=shown_path(root, file.filename).lstrip("/")) for file in result.files]
        diffs.append(unified_diff(shown))
        errors += [f"{shown_path(root, failure.filename)}: not fixed: {failure.reason}" for failure in result.failures]
        fixed.update(result.fixed)
        files += len(result.files)
        held_back += len(result.held_back)
    notes = []
    if fixed:
        by_code = ", ".join(f"{number} × {code}" for code, number in sorted(fixed.items()))
        fixed_what = f"{count(fixed.total(), 'finding')} in {count(files, 'file')} ({by_code})"
        notes.append(f"Fixed {fixed_what}." if write else f"Would fix {fixed_what}.")
    if held_back:
        notes.append(f"{count(held_back, 'fix', 'fixes')} held back: no exact edit is possible there.")
    return Fixed(tuple(after), b"".join(diffs), tuple(errors), tuple(notes))


def _fix_project(checked: Checked, allowed: frozenset[Applicability], write: bool) -> FixResult:
    known_failures = {failure.filename for failure in checked.failures}

    def check(contents: Mapping[str, bytes]) -> list[Finding]:
        if not contents:
            return list(checked.findings)
        again = check_project(checked.project, {**checked.unsaved, **contents})
        for failure in again.failures:
            # A file that the linter fails on since it was fixed must not be written.
            if failure.filename not in known_failures:
                raise failure.error
        return list(again.findings)

    return fix_project(check, checked.read, allowed, write, checked.project.root)
