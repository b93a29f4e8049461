"""Kill `--fix` at random moments, and look at each file that it leaves.

    python benchmarks/kill.py [--files 1000] [--times 100] [--seed 0]

Half of the kills fall anywhere in the run, half while it writes. After each,
every file must hold its old bytes or its new ones; the next run must finish the
work and leave no temporary file. Exits 1 if one does not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.robustness.killing import Tree, moments


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tree = Tree(Path(folder, "project"), arguments.files)
        print(f"a run takes {tree.seconds:.1f} s, of which {tree.writing:.3f} s are writing", flush=True)
        partly = left = broken = 0
        for moment, writing in moments(arguments.times, arguments.seed):
            tree.put_back()
            killed = tree.kill(moment, writing=writing)
            partly += 0 < killed.new < arguments.files
            left += killed.temporary
            tree.finish()
            for name in killed.broken + tree.unfinished() + tree.others():
                broken += 1
                print(f"broken: {name}")
        print(
            f"killed {arguments.times} times, {partly} of them in the midst of writing;"
            f" {left} temporary files left behind and cleaned by the next run; broken: {broken}"
        )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
