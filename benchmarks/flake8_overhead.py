"""What the plugin adds to flake8's own time, with nothing kept and with everything kept.

    python benchmarks/flake8_overhead.py TREE... [--pairs 5] [--jobs 2]

Each round runs flake8 three times, one after the other: without the plugin, with
it and an empty cache, with it and the cache that this left. The ratios are taken
within a round, so that what else the machine does falls on all alike; those of
processor time, which all processes of flake8 took together, vary less. flake8 and
celery-lint must be installed in this Python; without means that flake8 does not
find the entry point, and all else is the same. Each TREE must be writable: its
`.celery_lint_cache` is deleted.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import statistics
import sys
from pathlib import Path

from compare import Contender, quartiles, run, version_of

COMPARE = Path(__file__).with_name("compare.py")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trees", nargs="+", type=Path)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--jobs", default="2", help="what flake8 is told by -j")
    arguments = parser.parse_args()
    version = version_of([sys.executable, "-m", "flake8"])
    if "celery-lint" not in version:
        raise SystemExit(f"flake8 does not find the plugin in this Python: {version}")
    print(version)
    for tree in arguments.trees:
        measure(tree, arguments.pairs, arguments.jobs)
    return 0


def measure(tree: Path, rounds: int, jobs: str) -> None:
    def contender(name: str, ours: str) -> Contender:
        command = [sys.executable, str(COMPARE), "--flake8", ours, "--isolated", "--exit-zero", "-j", jobs, "."]
        return Contender(name, command)

    without = contender("flake8", "without")
    cold = contender("with the plugin, nothing kept", "with")
    warm = contender("with the plugin, all kept", "with")
    cold.prepare = lambda: shutil.rmtree(tree / ".celery_lint_cache", ignore_errors=True)
    found = [without, cold, warm]
    for each in found:
        run(each, tree)  # fills the disk's cache, and Python's
    if not any((tree / ".celery_lint_cache").glob("*.json")):
        raise SystemExit(f"{tree}: the plugin kept nothing")
    processor: dict[str, list[float]] = {each.name: [] for each in found}
    for _ in range(rounds):
        for each in found:
            before = processor_time()
            each.seconds.append(run(each, tree))
            processor[each.name].append(processor_time() - before)
    print(f"\n{tree.name}, -j {jobs}, {rounds} rounds")
    for each in found:
        low, middle, high = quartiles(each.seconds)
        elapsed = added(each.seconds, without.seconds)
        taken = added(processor[each.name], processor[without.name])
        spread = f"{low:.2f}-{high:.2f}s"
        print(f"{each.name:32} {middle:7.2f}s {spread:>14} {elapsed:+7.1f} %, processor {taken:+6.1f} %", flush=True)


def added(own: list[float], base: list[float]) -> float:
    """By how many per cent runs took longer than those of the same rounds."""
    return 100 * statistics.median(each / other - 1 for each, other in zip(own, base, strict=True))


def processor_time() -> float:
    """The processor seconds of all processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    sys.exit(main())
