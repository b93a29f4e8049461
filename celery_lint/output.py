"""From a report to the text that a format makes of it, with paths as seen from the working directory."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from celery_lint.findings import Applicability, Finding, Place
from celery_lint.reporters.style import Style
from celery_lint.run import Checked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from celery_lint.findings import Edit
    from celery_lint.source import Source


def shown_path(root: Path, filename: str) -> str:
    """A project's file as the user would name it: from the working directory if it lies there."""
    path = os.path.normpath(root / filename)
    here = os.path.join(os.getcwd(), "")
    path = path.removeprefix(here)
    return path.replace(os.sep, "/")


def _path_in_repository(shown: str) -> str:
    """A shown path from the top of the repository, where a job of GitLab says which that is."""
    top = os.environ.get("CI_PROJECT_DIR")
    if not top:
        return shown
    path = os.path.abspath(shown)
    inside = os.path.join(os.path.abspath(top), "")
    return path.removeprefix(inside).replace(os.sep, "/") if path.startswith(inside) else shown


def count(number: int, thing: str, things: str = "") -> str:
    """`1 finding`, `2 findings`."""
    return f"{number} {thing if number == 1 else things or f'{thing}s'}"


class Results:
    """Every finding of a run as it is shown, and what formats ask about it."""

    def __init__(self, checked: Sequence[Checked]) -> None:
        self._checked = checked
        self._origins: dict[Finding, tuple[Checked, Finding]] = {}
        self._files: dict[str, tuple[Checked, str]] = {}
        self._read: dict[str, Sequence[str]] = {}
        for each in checked:
            for finding in each.findings:
                self._origins[self._shown(each, finding)] = (each, finding)
        self.findings = sorted(self._origins, key=lambda finding: finding.sort_key)

    def render(self, output_format: str, *, statistics: bool, color: bool, fixable: Collection[Applicability]) -> str:
        """The findings, or how many there are of each rule, in one of the formats."""
        if statistics:
            from celery_lint.reporters import statistics as counts

            return counts.render_json(self.findings) if output_format == "json" else counts.render(self.findings)
        if output_format == "json":
            from celery_lint.reporters import json

            return json.render(self.findings, self._all_edits().__getitem__, self._all_noqa_rows().__getitem__)
        if output_format == "sarif":
            from celery_lint.reporters import sarif

            return sarif.render(self.findings, self._all_edits().__getitem__, self._all_fingerprints().__getitem__)
        if output_format == "github":
            from celery_lint.reporters import github

            return github.render(self.findings)
        if output_format == "gitlab":
            from celery_lint.reporters import gitlab

            return gitlab.render(self.findings, self._all_fingerprints().__getitem__, _path_in_repository)
        if output_format == "junit":
            from celery_lint.reporters import junit

            return junit.render(self.findings)
        style = Style(color, fixable)
        if output_format == "concise":
            from celery_lint.reporters import concise

            return concise.render(self.findings, style)
        from celery_lint.reporters import full

        return full.render(self.findings, self._lines, style)

    def summary(self, tried: Collection[Applicability] = ()) -> list[str]:
        """What to tell at the end: how many findings there are, and how many can be fixed.

        Fixes of a kind that has been `tried` already are not offered once more.
        """
        files = sum(len(each.project.asked) for each in self._checked)
        if not files:
            return ["There is no Python file to check."]
        failed = sum(len(each.failures) for each in self._checked)
        found = count(len(self.findings), "finding") if self.findings else "No findings"
        lines = [f"{found} in {count(files - failed, 'file')}."] if files > failed else []
        if failed:
            lines.append(f"Not checked because of an internal error: {count(failed, 'file')}.")
        by_fix = Counter(
            finding.fix.applicability
            for finding in self.findings
            if finding.fix is not None and finding.fix.applicability not in tried
        )
        safe, unsafe = by_fix[Applicability.SAFE], by_fix[Applicability.UNSAFE]
        if safe:
            lines.append(f"{safe} can be fixed with `--fix`.")
        if unsafe:
            lines.append(f"{unsafe}{' more' if safe else ''} can be fixed with `--fix --unsafe-fixes`.")
        return [*lines, *self._summary_of_baseline()]

    def _summary_of_baseline(self) -> list[str]:
        known = sum(len(each.known) for each in self._checked)
        stale = sum(each.stale for each in self._checked)
        lines = [f"Known from the baseline and not reported: {count(known, 'finding')}."] if known else []
        if stale:
            lines.append(
                f"In the baseline and no longer found: {count(stale, 'finding')} (`--write-baseline` drops them)."
            )
        return lines

    def _shown(self, checked: Checked, finding: Finding) -> Finding:
        related = tuple(replace(each, place=self._shown_place(checked, each.place)) for each in finding.related)
        return replace(finding, place=self._shown_place(checked, finding.place), related=related)

    def _shown_place(self, checked: Checked, place: Place) -> Place:
        shown = shown_path(checked.project.root, place.filename)
        self._files[shown] = (checked, place.filename)
        return Place(shown, place.span)

    def _source(self, shown: str) -> Source:
        from celery_lint.source import Source  # reads syntax as well, which a clean run need not

        checked, filename = self._files[shown]
        try:
            return Source(filename, checked.read(filename))
        except OSError:
            return Source(filename, b"")

    def _lines(self, shown: str) -> Sequence[str]:
        if shown not in self._read:
            self._read[shown] = self._read_lines(shown)
        return self._read[shown]

    def _read_lines(self, shown: str) -> Sequence[str]:
        from celery_lint.source import NEWLINE, UnreadableError

        source = self._source(shown)
        try:
            return source.lines
        except UnreadableError:
            return NEWLINE.split(source.data.decode("utf-8", "replace"))

    def _all_fingerprints(self) -> dict[Finding, str]:
        from celery_lint.identity import fingerprints

        return fingerprints(self.findings, self._lines, _path_in_repository)

    def _all_noqa_rows(self) -> dict[Finding, int]:
        if not self.findings:
            return {}
        from celery_lint.suppressions import noqa_rows

        by_file: dict[str, list[Finding]] = {}
        for finding in self.findings:
            by_file.setdefault(finding.place.filename, []).append(finding)
        result: dict[Finding, int] = {}
        for shown, findings in by_file.items():
            rows = noqa_rows(self._source(shown), [finding.place.span.start.row for finding in findings])
            result.update((finding, rows[finding.place.span.start.row]) for finding in findings)
        return result

    def _all_edits(self) -> dict[Finding, Sequence[Edit]]:
        """The edits of every finding with a fix."""
        result: dict[Finding, Sequence[Edit]] = dict.fromkeys(self.findings, ())
        by_project: dict[Path, list[Finding]] = {}
        for finding, (checked, _) in self._origins.items():
            if finding.fix is not None:
                by_project.setdefault(checked.project.root, []).append(finding)
        for shown in by_project.values():
            from celery_lint.edits import edits_of

            checked = self._origins[shown[0]][0]
            made = edits_of(checked, [self._origins[finding][1] for finding in shown])
            for finding, edits in zip(shown, made, strict=True):
                result[finding] = [
                    replace(edit, filename=shown_path(checked.project.root, edit.filename)) for edit in edits
                ]
        return result
