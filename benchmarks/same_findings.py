"""Compare the findings of every door, by file, row and code.

    python benchmarks/same_findings.py TREE... [--sample N]

Each TREE is a project. Its findings are taken from the command on the whole
tree, from a run of its own for each file (all that have findings and a sample
of the others), and from flake8 with one job and with two (but for the files that
flake8 itself can't parse, E9, which it hands to no plugin). Prints one line a
tree, and every difference; exits 1 if there is any. flake8 must see the
plugin: install celery-lint in the environment.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
from pathlib import Path

Place = tuple[str, int, str]
FLAKE8_LINE = re.compile(r"^(?P<name>.+?):(?P<row>\d+):\d+: (?P<code>CEL\d{3}|E9\d\d) ")


def by_command(tree: Path, paths: list[str]) -> set[Place]:
    """The findings of one run of the command."""
    run = subprocess.run(
        [sys.executable, "-m", "celery_lint", "--isolated", "--no-cache", "--output-format", "json", *paths],
        cwd=tree, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if run.returncode not in (0, 1):
        raise SystemExit(f"{tree}: exit {run.returncode}: {run.stderr[-500:]}")
    found = json.loads(run.stdout)
    return {(f["filename"], f["location"]["row"], f["code"]) for f in found}


def by_flake8(tree: Path, jobs: int) -> tuple[set[Place], set[str]]:
    """The findings of flake8's run over the whole tree, and the files that flake8 itself can't parse."""
    run = subprocess.run(
        [sys.executable, "-m", "flake8", "--isolated", "--select", "CEL,E9", f"--jobs={jobs}", "."],
        cwd=tree, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if run.returncode not in (0, 1):
        raise SystemExit(f"{tree}: flake8 exit {run.returncode}: {run.stderr[-500:]}")
    matches = map(FLAKE8_LINE.match, run.stdout.splitlines())
    found = {(m["name"].removeprefix("./"), int(m["row"]), m["code"]) for m in matches if m}
    unparsed = {name for name, _, code in found if code.startswith("E9")}
    return {place for place in found if place[2].startswith("CEL")}, unparsed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trees", nargs="+", type=Path)
    parser.add_argument("--sample", type=int, default=20, help="files without findings that are run alone")
    arguments = parser.parse_args()
    differences = 0
    for tree in arguments.trees:
        whole = by_command(tree, ["."])
        with_findings = sorted({name for name, _, _ in whole})
        files = sorted(
            str(p.relative_to(tree))
            for p in tree.rglob("*.py")
            if not any(q.startswith(".") for q in p.relative_to(tree).parts)
        )
        others = [name for name in files if name not in with_findings]
        alone = with_findings + random.Random(0).sample(others, min(arguments.sample, len(others)))
        results: dict[str, set[Place]] = {}
        results["flake8 -j1"], unparsed = by_flake8(tree, 1)
        results["flake8 -j2"], _ = by_flake8(tree, 2)
        single: set[Place] = set()
        for name in alone:
            single |= by_command(tree, [name])
        results["one file at a time"] = single
        # flake8 hands a file that it can't parse itself (E9) to no plugin.
        parsed = {place for place in whole if place[0] not in unparsed}
        expected = {door: whole if door == "one file at a time" else parsed for door in results}
        differing = {door: found ^ expected[door] for door, found in results.items() if found != expected[door]}
        verdict = "DIFFERENT" if differing else "the same"
        print(f"{tree.name}: {len(whole)} findings, {len(alone)} files alone: {verdict}")
        for door, places in differing.items():
            differences += len(places)
            for name, row, code in sorted(places):
                side = "only the command" if (name, row, code) in whole else f"only {door}"
                print(f"  {name}:{row}: {code} {side}")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
