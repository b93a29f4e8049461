"""Measure a run after one file has changed, came or went, and hold its findings to those of a run without cache.

    python benchmarks/incremental.py TREE... [--files 20] [--seed 0] [--compare]

Of each TREE a copy is made, linted once, and then changed in one file at a time, some of those with findings or with
tasks, views, models or settings in them: a comment at the end, a statement in a function's body made another, one
more line in a body, one more function, one more file beside it, the file gone. After each change the command runs in
a process of its own, with what was kept before the change, and is timed whole. Printed are medians, the worst, and
how many files were looked into anew. With --compare the findings are compared with those of a run without cache
(which takes long); exits 1 if they ever differ.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
# The command, which says last how many files it looked into.
COMMAND = """
import sys
from celery_lint.finder import Finder
make, keep = Finder._engine.func, Finder.keep
known = set()
def made(finder):
    engine = make(finder)
    known.update(name for name, _, _ in engine.memo.kept("found"))
    return engine
def kept(finder):
    engine = finder.__dict__.get("_engine")
    if engine is not None and engine.project.traced:
        found = {name for name, _, _ in engine.memo.kept("found")} - known
        print("looked into", *found.intersection(engine.semantics.candidates.files), file=sys.stderr)
    keep(finder)
Finder._engine.func, Finder.keep = made, kept
from celery_lint.cli import main
main()
"""
OPTIONS = ["--isolated", "--exit-zero", "--output-format", "concise", "--quiet", "--select", "ALL"]
TELLING = ("task", "view", "model", "setting", "celery", "api", "service", "admin", "signal")
CACHE = ".celery_lint_cache"


def comment(text: str) -> str:
    return f"{text.rstrip()}\n# One more remark.\n"


def statement(text: str) -> str | None:
    """A statement of a body made another, on the same line."""
    return _in_a_body(text, lambda line: f"{line}; None")


def line(text: str) -> str | None:
    """One more line in a body."""
    return _in_a_body(text, lambda line: f"{line}\n{line[: len(line) - len(line.lstrip())]}None")


def function(text: str) -> str:
    return f"{text.rstrip()}\n\n\ndef one_more(order):\n    return order\n"


CHANGES: dict[str, Callable[[str], str | None]] = {
    "a comment at the end": comment,
    "a statement in a body": statement,
    "a line in a body": line,
    "a new function": function,
}


def _in_a_body(text: str, change: Callable[[str], str]) -> str | None:
    """The text with one line changed, in the middle one of its functions."""
    lines = text.split("\n")
    bodies = [n for n in ast.walk(ast.parse(text)) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    simple = (ast.Expr, ast.Assign, ast.Return, ast.AugAssign, ast.Raise)
    rows = sorted(
        node.lineno - 1
        for body in bodies
        for node in body.body[1:]
        if isinstance(node, simple) and node.lineno == node.end_lineno and not isinstance(node, ast.Return)
    )
    rows = [row for row in rows if "#" not in lines[row] and lines[row].isascii()]
    if not rows:
        return None
    row = rows[len(rows) // 2]
    lines[row] = change(lines[row])
    return "\n".join(lines)


def beside(text: str) -> str:
    """A new file for the folder of this one: what it imports, and a function."""
    imports = [n for n in ast.parse(text).body if isinstance(n, (ast.Import, ast.ImportFrom))]
    return "".join(f"{ast.unparse(node)}\n" for node in imports) + "\n\ndef one_more(order):\n    return order\n"


@dataclass(frozen=True)
class Outcome:
    filename: str
    seconds: float
    looked: int
    findings: str


def lint(tree: Path, *options: str) -> tuple[float, int, str]:
    """The seconds of a run, how many files it looked into, and what it printed."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    run = subprocess.run(
        [sys.executable, "-c", COMMAND, *OPTIONS, *options],
        cwd=tree, env={**kept, "PYTHONPATH": os.fspath(HERE)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    if run.returncode:
        raise SystemExit(f"{tree}: exit {run.returncode}: {run.stderr[-2000:]}")
    return seconds, len(run.stderr.split()[2:]), run.stdout


@contextlib.contextmanager
def changed(path: Path, content: str | None) -> Iterator[None]:
    """A file with another content for a while (None: gone); all is put back, its dates too."""
    before = path.read_bytes() if path.exists() else None
    times = path.stat() if path.exists() else None
    try:
        if content is None:
            path.unlink()
        else:
            path.write_text(content, encoding="utf-8")
        yield
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_bytes(before)
            assert times is not None
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def after(tree: Path, kept: Path, path: Path, content: str | None) -> tuple[float, int, str]:
    """A run with one file as given (None: gone) and with what was kept before; all is put back."""
    shutil.rmtree(tree / CACHE)
    shutil.copytree(kept, tree / CACHE)
    with changed(path, content):
        return lint(tree)


def without_cache(tree: Path, path: Path, content: str | None) -> str:
    with changed(path, content):
        return lint(tree, "--no-cache")[2]


def chosen(tree: Path, printed: str, count: int, seed: int) -> list[str]:
    """Files with findings, and files that are about what the linter is about, half of each."""
    files = {p.relative_to(tree).as_posix() for p in tree.rglob("*.py") if "/migrations/" not in p.as_posix()}
    files = {name for name in files if _is_parsable(tree / name)}
    found = sorted(files & {row.partition(":")[0] for row in printed.splitlines()})
    telling = sorted(n for n in files - set(found) if any(word in n for word in TELLING) and "test" not in n)
    pick = random.Random(seed)
    first = pick.sample(found, min(len(found), count // 2))
    return first + pick.sample(telling, min(len(telling), count - len(first)))


def _is_parsable(path: Path) -> bool:
    try:
        return bool(ast.parse(path.read_text(encoding="utf-8")).body)
    except (SyntaxError, ValueError):
        return False


def changes(tree: Path, name: str) -> Iterator[tuple[str, Path, str | None]]:
    """The kinds of change to try on a file: what they are called, the file, its content then."""
    path = tree / name
    text = path.read_text(encoding="utf-8")
    for kind, change in CHANGES.items():
        content = change(text)
        if content is not None:
            yield kind, path, content
    yield "a file added", path.with_name("one_more_file.py"), beside(text)
    yield "a file removed", path, None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trees", nargs="+", type=Path)
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--each", action="store_true", help="print every run")
    arguments = parser.parse_args()
    differing = 0
    for original in arguments.trees:
        with tempfile.TemporaryDirectory() as folder:
            tree = Path(folder, "tree")
            shutil.copytree(
                original, tree, symlinks=True, ignore=shutil.ignore_patterns("objects", "node_modules", CACHE)
            )
            first, _, printed = lint(tree)
            kept = Path(folder, "kept")
            shutil.copytree(tree / CACHE, kept)
            nothing = statistics.median(lint(tree)[0] for _ in range(3))
            outcomes: dict[str, list[Outcome]] = {}
            for name in chosen(tree, printed, arguments.files, arguments.seed):
                for kind, path, content in changes(tree, name):
                    outcome = Outcome(name, *after(tree, kept, path, content))
                    outcomes.setdefault(kind, []).append(outcome)
                    if arguments.each:
                        print(f"  {outcome.seconds:.2f} {outcome.looked:4} {kind}: {name}", flush=True)
                    if arguments.compare and outcome.findings != without_cache(tree, path, content):
                        differing += 1
                        print(f"DIFFERENT: {kind}: {name}", flush=True)
        print(f"{original.name}: first run {first:.2f} s, nothing changed {nothing:.2f} s")
        print(f"  {'':24}{'runs':>5}{'median':>8}{'worst':>8}{'looked into':>13}{'worst':>7}")
        for kind, every in outcomes.items():
            seconds = [each.seconds for each in every]
            looked = [each.looked for each in every]
            print(
                f"  {kind:24}{len(every):5}{statistics.median(seconds):7.2f}s{max(seconds):7.2f}s"
                f"{statistics.median(looked):13.0f}{max(looked):7}",
                flush=True,
            )
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
