"""Time celery-lint and its neighbours on one tree, in one run, as ratios.

    python benchmarks/compare.py TREE [--pairs 5] [--slow-pairs 1] [--tools BIN] [--slow-on FOLDER]

Each round runs every tool once, one after the other, so that what else the
machine does falls on all of them alike. Printed for each: the median, the
spread from the lower to the upper quartile, and the ratio to ruff in the same
round. BIN is a folder of programs (an environment's `bin`) for those that are
not installed beside this Python; what is nowhere is skipped, and said so. Tools
that take minutes run --slow-pairs times, and on FOLDER when one is given.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

FLAKE8 = "flake8, its own checks"
RULES = "E4,E7,E9,F,DJ"
SEMGREP_RULE = """\
rules:
  - id: delay
    languages: [python]
    severity: WARNING
    message: delay
    pattern: $TASK.delay(...)
"""
HERE = Path(__file__).resolve().parents[1]


@dataclass
class Contender:
    """One way to run one tool. `prepare` is called before each run, and not timed."""

    name: str
    command: list[str]
    is_slow: bool = False
    prepare: Callable[[], None] = lambda: None
    seconds: list[float] = field(default_factory=list)


def find(program: str, tools: Path | None) -> str | None:
    """A program beside this Python, in the folder of tools, or on the path."""
    places = [os.fspath(Path(sys.executable).parent), *([os.fspath(tools)] if tools else [])]
    return shutil.which(program, path=os.pathsep.join(places)) or shutil.which(program)


def has_option(help_text: str, name: str) -> bool:
    return name in help_text.split()


def contenders(scratch: Path, tools: Path | None) -> tuple[list[Contender], list[str]]:
    """The tools that are there, ruff first, and what is missing."""
    found: list[Contender] = []
    missing: list[str] = []

    def tool(program: str) -> str | None:
        path = find(program, tools)
        if path is None:
            missing.append(program)
        return path

    ruff = tool("ruff")
    if ruff:
        plain = [ruff, "check", "--isolated", "--quiet", "--exit-zero", "--select", RULES]
        cache = scratch / "ruff"
        found.append(Contender("ruff, cold", [*plain, "--no-cache", "."]))
        found.append(Contender("ruff, warm", [*plain, "--cache-dir", os.fspath(cache), "."]))

    ours = [sys.executable, "-c", "from celery_lint.cli import main; main()"]
    help_text = subprocess.run(
        [*ours, "--help"], capture_output=True, text=True, check=True, env=environment(ours)
    ).stdout
    plain = [*ours, "--isolated", "--quiet", "--exit-zero", "--output-format", "concise"]
    if has_option(help_text, "--cache-dir"):
        cold, warm = scratch / "cold", scratch / "warm"
        fresh = ["--no-cache"] if has_option(help_text, "--no-cache") else ["--cache-dir", os.fspath(cold)]
        forget = (lambda: None) if "--no-cache" in fresh else (lambda: shutil.rmtree(cold, ignore_errors=True))
        found.append(Contender("celery-lint, cold", [*plain, *fresh, "."], prepare=forget))
        if has_option(help_text, "--jobs"):
            found.append(
                Contender("celery-lint, cold, one process", [*plain, *fresh, "--jobs", "1", "."], prepare=forget)
            )
        found.append(Contender("celery-lint, warm", [*plain, "--cache-dir", os.fspath(warm), "."]))
    else:
        missing.append("celery-lint's cache")
        found.append(Contender("celery-lint, cold", [*plain, "."]))

    flake8 = tool("flake8")
    if flake8:
        # In this Python, so that our plugin is the only difference between the two.
        itself = [sys.executable, __file__, "--flake8"]
        plain = ["--isolated", "--exit-zero", "."]
        found.append(Contender(FLAKE8, [*itself, "without", *plain], is_slow=True))
        if "celery-lint" in version_of([flake8]):
            found.append(Contender(f"{FLAKE8} with our plugin", [*itself, "with", *plain], is_slow=True))
        else:
            missing.append("our plugin in flake8")
        pie = shutil.which("flake8", path=os.fspath(tools)) if tools else None
        if pie and "pie" in version_of([pie]):
            found.append(Contender(f"{FLAKE8} with flake8-pie", [pie, *plain], is_slow=True))
        else:
            missing.append("flake8-pie")
    semgrep = tool("semgrep")
    if semgrep:
        rule = scratch / "rule.yaml"
        rule.write_text(SEMGREP_RULE)
        command = [
            semgrep,
            "scan",
            "--config",
            os.fspath(rule),
            "--metrics=off",
            "--disable-version-check",
            "--quiet",
            ".",
        ]
        found.append(Contender("semgrep, one rule", command, is_slow=True))
    fixit = tool("fixit")
    if fixit:
        found.append(Contender("fixit, its rules", [fixit, "--quiet", "lint", "."], is_slow=True))
    pylint = tool("pylint")
    if pylint:
        # The check nearest to ours: a handler that is too broad, as CEL301 looks at.
        command = [pylint, "--recursive=y", "--disable=all", "--enable=W0718", "--score=n", "."]
        found.append(Contender("pylint, broad-exception-caught", command, is_slow=True))
    return found, missing


def environment(command: list[str]) -> dict[str, str]:
    """Byte code kept as an installed tool keeps it, and for this Python our own code from this checkout."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH")}
    # semgrep looks for a part of itself on the path.
    kept["PATH"] = os.pathsep.join([os.path.dirname(command[0]), kept.get("PATH", "")])
    return {**kept, "PYTHONPATH": os.fspath(HERE)} if command[0] == sys.executable else kept


def run(contender: Contender, folder: Path) -> float:
    contender.prepare()
    start = time.perf_counter()
    command = contender.command
    done = subprocess.run(
        command, cwd=folder, env=environment(command), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
    )
    seconds = time.perf_counter() - start
    # pylint's code is a sum of what it found; 32 and more is wrong usage.
    if done.returncode not in range(32):
        raise SystemExit(f"{contender.name}: exit {done.returncode}: {done.stderr.decode()[-500:]}")
    return seconds


def version_of(command: list[str]) -> str:
    done = subprocess.run(
        [*command, "--version"], capture_output=True, text=True, check=False, env=environment(command)
    )
    return " ".join(done.stdout.split())


def run_flake8(ours: str, arguments: list[str]) -> int:
    """flake8 in this process, `with` our plugin or as if it were not installed."""
    from flake8.main.cli import main
    from flake8.plugins import finder

    if ours == "without":
        every = finder._find_importlib_plugins
        finder._find_importlib_plugins = lambda: (each for each in every() if each.package != "celery-lint")
    return main(arguments)


def quartiles(values: list[float]) -> tuple[float, float, float]:
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def report(found: list[Contender]) -> None:
    baselines = {each.name: each for each in found if each.name.startswith("ruff")}
    print(f"{'':40} {'median':>8} {'quartiles':>17} {'/ ruff cold':>12} {'/ ruff warm':>12}")
    for each in found:
        low, middle, high = quartiles(each.seconds)
        ratios = []
        for name in ("ruff, cold", "ruff, warm"):
            base = baselines.get(name)
            pairs = [own / other for own, other in zip(each.seconds, base.seconds, strict=True)] if base else []
            ratios.append(f"{statistics.median(pairs):12.2f}" if pairs else f"{'':12}")
        print(f"{each.name:40} {middle:7.3f}s {low:7.3f}-{high:.3f}s {ratios[0]} {ratios[1]}", flush=True)


def main() -> int:
    if sys.argv[1:2] == ["--flake8"]:
        return run_flake8(sys.argv[2], sys.argv[3:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=Path)
    parser.add_argument("--pairs", type=int, default=5, help="rounds of the fast tools")
    parser.add_argument("--slow-pairs", type=int, default=1, help="rounds of the slow ones; 0 leaves them out")
    parser.add_argument("--tools", type=Path, help="a folder with programs that are not beside this Python")
    parser.add_argument("--slow-on", type=Path, help="a smaller tree for the slow tools, and ours and ruff once more")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found, missing = contenders(Path(folder), arguments.tools)
        print(f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}")
        programs = {each.command[0]: each.command[:1] for each in found if each.command[0] != sys.executable}
        programs = {"celery-lint": [sys.executable, "-m", "celery_lint"], **programs}
        if find("flake8", None):
            programs["flake8 in this Python"] = [sys.executable, "-m", "flake8"]
        for program, command in programs.items():
            print(f"  {Path(program).name}: {version_of(command)}")
        for name in missing:
            print(f"  skipped, as it is not there: {name}")
        fast = [each for each in found if not each.is_slow]
        slow = [each for each in found if each.is_slow]
        measure(fast, arguments.tree, arguments.pairs)
        if arguments.slow_pairs:
            again = [Contender(each.name, each.command, prepare=each.prepare) for each in fast]
            measure([*again, *slow], arguments.slow_on or arguments.tree, arguments.slow_pairs)
    return 0


def overhead(found: list[Contender]) -> None:
    """What our plugin adds to flake8."""
    seconds = {each.name: each.seconds for each in found}
    with_us, without = seconds.get(f"{FLAKE8} with our plugin"), seconds.get(FLAKE8)
    if with_us and without:
        ratio = statistics.median(own / other for own, other in zip(with_us, without, strict=True))
        print(f"our plugin adds {100 * (ratio - 1):.0f}% to flake8")


def measure(found: list[Contender], tree: Path, rounds: int) -> None:
    print(f"\n{tree.name}, {rounds} rounds")
    for each in found:
        run(each, tree)  # fills caches, of the disk and of the tools
    for _ in range(rounds):
        for each in found:
            each.seconds.append(run(each, tree))
    report(found)
    overhead(found)


if __name__ == "__main__":
    sys.exit(main())
