"""Compare the linter's repairs with those that the projects' own authors made.

    python benchmarks/authors_fixes.py --labels LABELS.jsonl --mirrors DIR --trees DIR [--repo NAME] [--code CEL201]

Each line of LABELS is a JSON object; those of kind `fix` say that the defect of
`rule` at `path`, `line` to `end_line`, in the commit `before` is gone at
`after_path`, `after_line` to `after_end_line`, in `after`. Mirrors are bare git
directories DIR/OWNER+NAME/repo; trees are written to DIR once and kept.

Where the linter reports the defect and offers a fix, the fix is made in memory,
and what matters in the repaired statement is compared with the authors': what
is sent, whether it waits for the commit, which keys are passed, which limits
are set. Prints in how many the essential change is the same, and both texts of
each other one, for reading. No verdict is an error: the authors may have wanted
something else as well.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import difflib
import json
import subprocess
import sys
import tarfile
import textwrap
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from celery_lint.configuration import Overrides, Selection
from celery_lint.findings import Applicability, Finding
from celery_lint.fixes import fix_project
from celery_lint.run import Checked, run

# Codes that name one defect from several sides.
FAMILIES = [
    {"CEL101", "CEL102", "CEL103"},
    {"CEL201", "CEL202", "CEL203"},
    {"CEL301", "CEL302", "CEL303"},
    {"CEL401", "CEL402"},
    {"CEL601", "CEL602", "CEL603"},
]
WANTED = (".py", ".toml", ".cfg", ".ini")
# Projects have their own names for `on_commit` and for sending.
DEFERS = ("on_commit", "call_event")
SENDS = ("delay", "apply_async", "send_task")
LIMITS = ("time_limit", "soft_time_limit", "TASK_TIME_LIMIT", "TASK_SOFT_TIME_LIMIT")
NO_FIX = "found without a fix"
ALL = frozenset({Applicability.SAFE, Applicability.UNSAFE})


@dataclass(frozen=True)
class Essence:
    """What matters in some lines of code, so far as it can be compared."""

    defers: bool
    sends: bool
    keys: bool  # an argument is a key: `.pk`, `.id`, `order_id`, `values_list`
    limits: bool
    raises: bool
    expressions: bool  # `F("...")`, or a row locked for the change


def essence(code: str) -> Essence:
    names: set[str] = set()
    limits = raises = False
    for node in ast.walk(parsed(code)):
        if isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.keyword) and node.arg:
            limits = limits or node.arg in LIMITS
        elif isinstance(node, (ast.Raise, ast.ExceptHandler)):
            raises = raises or isinstance(node, ast.Raise)
    return Essence(
        defers=any(each in name for name in names for each in DEFERS),
        sends=any(name.startswith(SENDS) for name in names),
        keys=any(name in ("pk", "id", "values_list") or name.endswith(("_id", "_pk", "_ids")) for name in names),
        limits=limits or any(name.endswith(LIMITS) for name in names),
        raises=raises,
        expressions=bool(names & {"F", "select_for_update"}),
    )


def compared(code: str) -> tuple[str, ...]:
    """The parts of the essence that a repair of this code is about."""
    return {
        "CEL1": ("sends", "keys"),
        "CEL2": ("defers",),
        "CEL3": ("raises",),
        "CEL4": ("expressions",),
        "CEL5": ("limits",),
        "CEL6": ("sends",),
    }[code[:4]]


def parsed(code: str) -> ast.AST:
    """The tree of a fragment of code, as far as it parses with something around it."""
    code = textwrap.dedent(code)
    for attempt in (code, f"{code}\n    pass", f"{code}\ndef f(): pass", f"({code}\n)", f"f({code}\n)"):
        try:
            return ast.parse(attempt)
        except SyntaxError:
            continue
    return ast.parse("\n".join(line for line in code.splitlines() if is_code(line)) or "pass")


def is_code(line: str) -> bool:
    try:
        ast.parse(line.strip())
    except SyntaxError:
        return False
    return True


def tree(mirror: Path, commit: str, trees: Path) -> Path:
    """The Python and configuration files of a commit, written once."""
    place = trees / mirror.parent.name / commit[:12]
    if not (place / ".complete").exists():
        place.mkdir(parents=True, exist_ok=True)
        git = ["git", "-C", str(mirror)]
        listed = subprocess.run(
            [*git, "ls-tree", "-r", "--name-only", commit], check=True, capture_output=True
        ).stdout.decode("utf-8", "replace")
        # The largest blobs of a mirror may be missing: they are never asked for.
        patterns = [f"*{ending}" for ending in WANTED if f"{ending}\n" in listed]
        archive = subprocess.run([*git, "archive", commit, "--", *patterns], check=True, capture_output=True).stdout
        with tarfile.open(fileobj=BytesIO(archive)) as files:
            for member in files:
                if member.isfile():
                    files.extract(member, place, filter="data")
        (place / ".git").mkdir(exist_ok=True)  # a root of its own
        (place / ".complete").touch()
    return place


def content(mirror: Path, commit: str, path: str) -> str:
    shown = subprocess.run(["git", "-C", str(mirror), "show", f"{commit}:{path}"], check=False, capture_output=True)
    return shown.stdout.decode("utf-8", "replace")


def statement(text: str, first: int, last: int) -> str:
    """The lines of the smallest statements that cover the rows, with their decorators."""
    try:
        module = ast.parse(text)
    except SyntaxError:
        return "\n".join(text.splitlines()[first - 1 : last])
    covering = [(first, last)]
    for node in ast.walk(module):
        if isinstance(node, ast.stmt):
            start = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))])
            head = node.body[0].lineno - 1 if getattr(node, "body", None) else node.end_lineno or node.lineno
            if start <= last and first <= head and not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                covering.append((start, head))
    start, end = min(a for a, _ in covering), max(b for _, b in covering)
    return "\n".join(text.splitlines()[start - 1 : end])


def rows_after(before: str, after: str, first: int, last: int) -> tuple[int, int]:
    """Where the rows of a text have gone."""
    matcher = difflib.SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False)
    found: list[int] = []
    for _, a, b, c, d in matcher.get_opcodes():
        if (a < last and first - 1 < b) or (a == b and first - 1 <= a <= last):
            offset = max(first - 1 - a, 0) if b - a == d - c else 0
            found += [c + offset + 1, d - (max(b - last, 0) if b - a == d - c else 0)]
    return (min(found), max(found)) if found else (first, last)


def offered(label: dict[str, Any], root: Path) -> tuple[Checked, Finding] | str:
    """The finding with a fix at the labelled place, or why there is none."""
    family = next((codes for codes in FAMILIES if label["rule"] in codes), {label["rule"]})
    path = root / label["path"]
    if not path.exists():
        return "the file is not there"
    report = run([path], Overrides(selection=Selection(select=("ALL",)), isolated=True))
    (checked,) = report.checked
    at_place = [
        finding
        for finding in checked.findings
        if finding.code in family
        and finding.place.span.start.row <= label["end_line"] + 1
        and label["line"] - 1 <= finding.place.span.end.row
    ]
    if not at_place:
        return "not found"
    with_fix = [finding for finding in at_place if finding.fix is not None]
    if not with_fix:
        return NO_FIX
    return checked, with_fix[0]


@dataclass(frozen=True)
class Held:
    """Why a fix is held back."""

    reason: str


def repaired(checked: Checked, finding: Finding) -> str | Held:
    """The statement that the finding's fix alone makes.

    It may stand in another file than the finding: in the helper that sends the task.
    """
    done = iter([[finding]])

    def check(contents: object) -> list[Finding]:
        return next(done, [])

    result = fix_project(check, checked.read, ALL, False, checked.project.root)
    assert finding.fix is not None
    places = [finding.place, *(change.place for change in finding.fix.changes)]
    for place in places:
        for file in result.files:
            if file.filename == place.filename:
                before, after = (text.decode("utf-8", "replace") for text in (file.before, file.after))
                rows = rows_after(before, after, place.span.start.row, place.span.end.row)
                return statement(after, *rows)
    return Held("; ".join([*result.reasons.values(), *(failure.reason for failure in result.failures)]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("labels", "mirrors", "trees"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--repo", default="")
    parser.add_argument("--code", default="")
    arguments = parser.parse_args()
    outcomes: Counter[str] = Counter()
    for label in labels(arguments.labels, arguments.repo, arguments.code):
        mirror = arguments.mirrors / label["repo"].replace("/", "+") / "repo"
        root = tree(mirror, label["before"], arguments.trees)
        where = f"{label['repo']} {label['before'][:10]} {label['path']}:{label['line']} {label['rule']}"
        found = offered(label, root)
        if isinstance(found, str):
            outcomes[found] += 1
            if found == NO_FIX:
                print(f"{found}: {where}: {label.get('note', '')}")
            continue
        checked, finding = found
        ours = repaired(checked, finding)
        if isinstance(ours, Held):
            outcomes["held back"] += 1
            print(f"held back: {where}: {ours.reason}")
            continue
        text = content(mirror, label["after"], label["after_path"])
        theirs = statement(text, label["after_line"], label["after_end_line"])
        one, other = (dataclasses.asdict(essence(code)) for code in (ours, theirs))
        same = all(one[part] == other[part] for part in compared(finding.code))
        outcomes["essentially the same" if same else "different"] += 1
        print(f"{'same' if same else 'DIFFERENT'}: {where} ({finding.code}): {label.get('note', '')}")
        if not same:
            print(textwrap.indent(f"ours:\n{ours}\ntheirs:\n{theirs}", "    "))
    print(", ".join(f"{kind}: {number}" for kind, number in outcomes.most_common()))
    return 0


def labels(path: Path, repo: str, code: str) -> Iterable[dict[str, Any]]:
    for line in path.read_text("utf-8").splitlines():
        label = json.loads(line)
        if label["kind"] == "fix" and repo in label["repo"] and label["rule"].startswith(code):
            yield label


if __name__ == "__main__":
    sys.exit(main())
