"""Say where the time of a cold run on one tree goes, and how much memory it takes.

    python benchmarks/profile_cold.py TREE [--runs 3]

Each run is a process of its own, in which the steps of one run are made with a
clock on them. A step's time is its own: what it makes others do (a rule that has
a file parsed) counts there. Printed are medians. The analysis that rules share
is done for the first that asks, so a family's figure says less than their sum;
the last lines are those of the plain command: its time, and its peak of memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]
COMMAND = "from celery_lint.cli import main; main()"
OPTIONS = ["--isolated", "--quiet", "--exit-zero", "--output-format", "concise"]


class Clock:
    """Seconds by step; a step that is entered within another stops the outer one's clock."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._steps: list[str] = []
        self._since = time.perf_counter()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self._turn()
        self._steps.append(name)
        try:
            yield
        finally:
            self._turn()
            self._steps.pop()

    def _turn(self) -> None:
        now = time.perf_counter()
        if self._steps:
            name = self._steps[-1]
            self.seconds[name] = self.seconds.get(name, 0.0) + now - self._since
        self._since = now

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def replacement(*arguments: Any, **keywords: Any) -> Any:
            with self.step(name):
                return function(*arguments, **keywords)

        return replacement


def profile(tree: Path) -> dict[str, float]:
    """One run in this process: seconds by step."""
    import ast

    clock = Clock()
    with clock.step("import"):
        from celery_lint.configuration import Overrides
        from celery_lint.engine import Engine
        from celery_lint.output import Results
        from celery_lint.project.index import Project
        from celery_lint.rules.registry import all_rules
        from celery_lint.run import Checked, collection_paused, find_projects
        from celery_lint.semantics import hub  # noqa: F401

        all_rules()
    ast.parse = clock.timed("parse", ast.parse)
    Project.read = clock.timed("read", Project.read)  # type: ignore[method-assign]
    with clock.step("walk"):
        projects, _ = find_projects([tree], Overrides(isolated=True))
    checked = []
    with collection_paused():
        for project in projects:
            engine = Engine(project.root, project.files, project.settings)
            with clock.step("prefilter"):
                engine.project.traced  # noqa: B018
            with clock.step("which files matter"):
                engine.semantics.candidates.files  # noqa: B018
            for rule in engine._rules:
                for hook in ("check_file", "check_task", "check_function", "check_dispatch", "check_app"):
                    setattr(rule, hook, _listing(clock, f"rules {rule.code[:4]}xx", getattr(rule, hook)))
            findings = []
            for filename in project.asked:
                with clock.step("tasks, flows and dispatches of checked files"):
                    findings += engine.check(filename)
            checked.append(Checked(project, tuple(findings), (), {}))
    with clock.step("report"):
        Results(checked).render("full", statistics=False, color=False, fixable=frozenset())
    return clock.seconds


def _listing(clock: Clock, name: str, hook: Callable[..., Iterator[Any]]) -> Callable[..., list[Any]]:
    """A hook that is run to its end under the clock."""
    return clock.timed(name, lambda *arguments: list(hook(*arguments)))


def in_a_process(arguments: list[str], tree: Path) -> tuple[str, float, float]:
    """What a process prints, its seconds, and its peak of memory in MiB, that of its children included."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=tree, env={**kept, "PYTHONPATH": os.fspath(HERE)}, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    text = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"exit {os.waitstatus_to_exitcode(status)} of {arguments}")
    return text, seconds, _mebibytes(usage.ru_maxrss)


def _mebibytes(peak: int) -> float:
    """`ru_maxrss` counts kibibytes, but bytes on macOS."""
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    tree = arguments.tree.resolve()
    if arguments.inside:
        seconds = profile(tree)
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps({"seconds": seconds, "peak": _mebibytes(own)}))
        return 0
    help_text, _, _ = in_a_process(["-c", COMMAND, "--help"], tree)
    fresh = ["--no-cache"] if "--no-cache" in help_text.split() else []
    runs = []
    bare, whole, peaks = [], [], []
    for _ in range(arguments.runs):
        text, _, _ = in_a_process([os.fspath(Path(__file__).resolve()), os.fspath(tree), "--inside"], tree)
        runs.append(json.loads(text))
        bare.append(in_a_process(["-c", "pass"], tree)[1])
        _, seconds, peak = in_a_process(["-c", COMMAND, *OPTIONS, *fresh, "."], tree)
        whole.append(seconds)
        peaks.append(peak)
    steps = {name: statistics.median(run["seconds"].get(name, 0.0) for run in runs) for name in runs[0]["seconds"]}
    total = sum(steps.values())
    print(f"{tree.name}, {arguments.runs} runs, {os.cpu_count()} cores, Python {sys.version.split()[0]}")
    print(f"{'interpreter':46} {statistics.median(bare):7.3f}s")
    for name, seconds in steps.items():
        print(f"{name:46} {seconds:7.3f}s {100 * seconds / total:4.0f}%")
    print(f"{'all of it, in one process':46} {total:7.3f}s {statistics.median(run['peak'] for run in runs):6.0f} MiB")
    print(f"{'the command' + ' --no-cache' * bool(fresh):46} {statistics.median(whole):7.3f}s {max(peaks):6.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
