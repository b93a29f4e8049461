"""Fixes: from what findings describe to exact edits of files.

This package alone imports libcst, which takes longer to import than most files
take to check. Import it only when somebody asks for fixes.

- `edits_for(findings, read, width)` gives the edits of each finding's fix, for reports
  and editors.
- `fix_project(check, read, allowed, write, root)` makes the fixes, in rounds,
  until nothing is left to fix.
- `unified_diff(result.files)` shows what `fix_project` changed.

An edit is exact or not offered: every byte outside of it stays, no comment is
lost, and the result parses.
"""

from celery_lint.fixes.apply import Failure, FixedFile, FixResult, fix_project
from celery_lint.fixes.diff import unified_diff
from celery_lint.fixes.plan import Read, edits_for
from celery_lint.fixes.write import Replacement, remove_abandoned, replace_files

__all__ = [
    "Failure",
    "FixResult",
    "FixedFile",
    "Read",
    "Replacement",
    "edits_for",
    "fix_project",
    "remove_abandoned",
    "replace_files",
    "unified_diff",
]
