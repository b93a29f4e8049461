"""Make every fix in copies of whole projects, and check what must hold of fixes anywhere.

    python benchmarks/fixes.py TREE... [--list]

Each TREE is a project. It is copied, all safe fixes of all rules are made in the
copy, and then all unsafe ones. Printed for both: how many files and findings
were fixed, and how often each of these was broken:

  parse      a fixed file does not parse
  new        a finding that was not there before
  touched    a hunk of changed lines that lies at no place named by a fix, and is no import
  syntax     (safe fixes) a difference in the syntax tree outside of the places named by fixes
  again      a second run changes a file
  failed     a file that was put back, as the linter found its own fix to be wrong

and how many allowed fixes were held back, as no exact edit is possible. Exits 1
if anything is broken. With --list, each broken and held back one is named.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import itertools
import shutil
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from celery_lint.configuration import Overrides, Selection
from celery_lint.findings import Applicability, Finding, Span
from celery_lint.fixes import FixResult, fix_project
from celery_lint.run import Checked, check_project, run
from celery_lint.source import Source, UnreadableError

Rows = tuple[int, int]


@dataclass
class Outcome:
    """What fixing a copy once came to: the fixes made by code, and what is broken, by kind."""

    files: int
    fixed: Mapping[str, int]
    broken: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    held_back: list[str] = field(default_factory=list)

    def line(self) -> str:
        codes = ", ".join(f"{number} {code}" for code, number in self.fixed.items()) or "none"
        wrong = ", ".join(f"{kind} {len(items)}" for kind, items in sorted(self.broken.items()))
        return f"{self.files} files, fixed: {codes}; held back {len(self.held_back)}; broken: {wrong or 'nothing'}"


class Rounds:
    """Remembers each round of fixing: the files' content, and the findings in it."""

    def __init__(self, checked: Checked) -> None:
        self._checked = checked
        self.states: list[tuple[dict[str, bytes], list[Finding]]] = []

    def check(self, contents: Mapping[str, bytes]) -> list[Finding]:
        again = check_project(self._checked.project, contents) if contents else self._checked
        if again.failures:
            raise again.failures[0].error
        findings = list(again.findings)
        self.states.append((dict(contents), findings))
        return findings


def fix(tree: Path, allowed: frozenset[Applicability]) -> Outcome:
    """Make the allowed fixes in every project of `tree`, and say what is broken."""
    report = run([tree], Overrides(selection=Selection(select=("ALL",)), isolated=True))
    total = Outcome(0, {})
    for checked in report.checked:
        outcome = fix_one(checked, allowed)
        total.files += outcome.files
        total.fixed = dict(sorted((Counter(total.fixed) + Counter(outcome.fixed)).items()))
        total.held_back += outcome.held_back
        for kind, items in outcome.broken.items():
            total.broken[kind] += items
    return total


def fix_one(before: Checked, allowed: frozenset[Applicability]) -> Outcome:
    """Make the allowed fixes in one project, and say what is broken."""
    tree = before.project.root
    originals = {name: (tree / name).read_bytes() for name in before.project.files}
    rounds = Rounds(before)
    result = fix_project(rounds.check, before.read, allowed, True, tree)
    outcome = Outcome(len(result.files), result.fixed)
    outcome.held_back = [f"{place(finding)} {finding.code}" for finding in result.held_back]
    broken = outcome.broken
    broken["failed"] += [f"{failure.filename}: {failure.reason}" for failure in result.failures]
    for name in sorted({file.filename for file in result.files}):
        try:
            Source(name, (tree / name).read_bytes()).tree  # noqa: B018 - it raises
        except UnreadableError as error:
            broken["parse"].append(f"{name}: {error.reason}")
    after = check_project(before.project, {})
    broken["new"] += new_findings(before.findings, after.findings)
    broken["again"] += changed_again(after, allowed)
    steps = [*rounds.states, ({file.filename: file.after for file in result.files}, [])]
    if not result.failures:
        for (old, findings), (new, _) in itertools.pairwise(steps):
            spans = named(findings, allowed)
            for name in sorted(new):
                was, now = Source(name, old.get(name, originals[name])), Source(name, new[name])
                broken["touched"] += touched_elsewhere(was, now, spans.get(name, ()))
                if allowed == {Applicability.SAFE}:
                    broken["syntax"] += changed_elsewhere(was, now, spans.get(name, ()))
    outcome.broken = {kind: items for kind, items in broken.items() if items}
    return outcome


def place(finding: Finding) -> str:
    return f"{finding.place.filename}:{finding.place.span.start.row}"


def new_findings(before: Iterable[Finding], after: Iterable[Finding]) -> Iterator[str]:
    """The codes of which a file has more than it had."""
    old, new = (Counter((each.place.filename, each.code) for each in findings) for findings in (before, after))
    for (name, code), number in sorted((new - old).items()):
        yield f"{name}: {number} more {code}"


def changed_again(after: Checked, allowed: frozenset[Applicability]) -> Iterator[str]:
    def check(contents: Mapping[str, bytes]) -> list[Finding]:
        return list((check_project(after.project, contents) if contents else after).findings)

    again: FixResult = fix_project(check, after.read, allowed, False)
    return (file.filename for file in again.files)


def named(findings: Iterable[Finding], allowed: frozenset[Applicability]) -> dict[str, list[Span]]:
    """The places that the allowed fixes name, by file."""
    spans: dict[str, list[Span]] = defaultdict(list)
    for finding in findings:
        if finding.fix is not None and finding.fix.applicability in allowed:
            for change in finding.fix.changes:
                spans[change.place.filename].append(change.place.span)
    return spans


def touched_elsewhere(was: Source, now: Source, spans: Sequence[Span]) -> Iterator[str]:
    """The hunks that change lines at no named place, and are no import."""
    imports = [rows(node) for node in ast.walk(was.tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    new_imports = {
        row
        for node in ast.walk(now.tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for row in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    places = [(span.start.row, span.end.row) for span in spans]
    matcher = difflib.SequenceMatcher(None, was.lines, now.lines, autojunk=False)
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        if kind == "equal":
            continue
        is_import = kind == "insert" and all(
            row + 1 in new_imports or not now.lines[row].strip() for row in range(new_start, new_end)
        )
        # A line that is put in may stand right before or behind the place, but for comments and blank lines.
        first, last = (start + 1, end) if kind != "insert" else around(was.lines, start)
        allowed = places if kind == "insert" else places + imports
        if not is_import and not any(low <= last and first <= high for low, high in allowed):
            yield f"{was.filename}:{start + 1}: {' / '.join(now.lines[new_start:new_end])[:100]}"


def around(lines: Sequence[str], index: int) -> Rows:
    """The rows of the code before and behind the line at `index`."""

    def is_code(row: int) -> bool:
        return bool(lines[row - 1].strip()) and not lines[row - 1].lstrip().startswith(("#", "@"))

    above = next((row for row in range(index, 0, -1) if is_code(row)), 1)
    below = next((row for row in range(index + 1, len(lines) + 1) if is_code(row)), len(lines))
    return above, below


def rows(node: ast.stmt) -> Rows:
    return node.lineno, node.end_lineno or node.lineno


def changed_elsewhere(was: Source, now: Source, spans: Sequence[Span]) -> Iterator[str]:
    """Where the trees differ, but for imports and what overlaps a named place."""
    for nodes in differences(was.tree, now.tree):
        found = [was.span(node) for node in nodes if hasattr(node, "lineno")]
        # Beside what is put in, one has to be named as a whole.
        is_named = contains if len(nodes) > 1 else touches
        if not any(is_named(other, span) for span in found for other in spans):
            row = found[0].start.row if found else 1
            yield f"{was.filename}:{row}: {was.lines[row - 1].strip()[:100]}"


def touches(one: Span, other: Span) -> bool:
    """Whether two stretches have a character in common, or meet."""
    return one.start <= other.end and other.start <= one.end


def contains(one: Span, other: Span) -> bool:
    return one.start <= other.start and other.end <= one.end


def differences(was: ast.AST, now: ast.AST) -> Iterator[Sequence[ast.AST]]:
    """The smallest nodes of a tree that the other one has not, or has otherwise; of what is put in, those beside it."""
    if type(was) is not type(now):
        yield [was]
        return
    for name, old in ast.iter_fields(was):
        new = getattr(now, name)
        if isinstance(old, ast.AST) and isinstance(new, ast.AST):
            yield from differences_below(was, old, new)
        elif isinstance(old, list) and isinstance(new, list):
            yield from list_differences(was, without_imports(old), without_imports(new))
        elif old != new:
            yield [was]


def differences_below(parent: ast.AST, old: ast.AST, new: ast.AST) -> Iterator[Sequence[ast.AST]]:
    """The differences of a part of a node; the node itself where the part has no place."""
    for nodes in differences(old, new):
        yield nodes if any(hasattr(node, "lineno") for node in nodes) else [parent]


def list_differences(parent: ast.AST, old: list[ast.AST], new: list[ast.AST]) -> Iterator[Sequence[ast.AST]]:
    if len(old) == len(new):
        for one, other in zip(old, new, strict=True):
            if isinstance(one, ast.AST):
                yield from differences_below(parent, one, other)
            elif one != other:
                yield [parent]
        return
    dumped = [[ast.dump(node) if isinstance(node, ast.AST) else str(node) for node in nodes] for nodes in (old, new)]
    for kind, start, end, _, _ in difflib.SequenceMatcher(None, *dumped, autojunk=False).get_opcodes():
        if kind == "insert":
            yield [*old[max(start - 1, 0) : start + 1], parent]
        elif kind != "equal":
            yield from ([node] for node in old[start:end])


def without_imports(nodes: list[ast.AST]) -> list[ast.AST]:
    return [node for node in nodes if not isinstance(node, (ast.Import, ast.ImportFrom))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trees", nargs="+", type=Path)
    parser.add_argument("--list", action="store_true", help="name each broken and each held back one")
    arguments = parser.parse_args()
    broken = 0
    steps: list[tuple[str, frozenset[Applicability]]] = [
        ("safe", frozenset({Applicability.SAFE})),
        ("unsafe", frozenset({Applicability.SAFE, Applicability.UNSAFE})),
    ]
    for tree in arguments.trees:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, "tree")
            ignored: Callable[[str, list[str]], set[str]] = shutil.ignore_patterns("node_modules")
            shutil.copytree(tree, copy, symlinks=True, ignore=ignored, ignore_dangling_symlinks=True)
            for name, allowed in steps:
                outcome = fix(copy, allowed)
                broken += sum(map(len, outcome.broken.values()))
                print(f"{tree.name}, {name}: {outcome.line()}", flush=True)
                if arguments.list:
                    for kind, items in [*sorted(outcome.broken.items()), ("held back", outcome.held_back)]:
                        for item in items:
                            print(f"    {kind}: {item}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
