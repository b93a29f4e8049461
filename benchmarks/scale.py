"""How cost grows with the project, and what it is in units of `ast.parse`.

    python benchmarks/scale.py TREE [--sizes 500,2000,8000,32000] [--keep DIR]

Makes projects of the given numbers of files from the real project TREE: its
files once more under another package, with each of its own functions, classes
and modules renamed, so that copies do not know each other. Prints for each
size the seconds, the seconds for a thousand files, the files that were opened,
and the ratio of the whole to `ast.parse` of exactly those files (both measured
in the same process, one after the other).
"""

from __future__ import annotations

import argparse
import ast
import gc
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

DEFINED = re.compile(r"^[ \t]*(?:async[ \t]+def|def|class)[ \t]+(\w{4,})", re.MULTILINE)
WORD = re.compile(r"\w+")
KEPT = frozenset("save delete create update get_queryset perform_create ready handle clean Meta __init__ setUp".split())


def sources(tree: Path) -> dict[str, str]:
    """The Python files of a project by their relative names, those in hidden folders left out."""
    found = {}
    for path in sorted(tree.rglob("*.py")):
        name = path.relative_to(tree).as_posix()
        # `manage.py` and `setup.py` would make each copy a project of its own.
        hidden = any(part.startswith(".") for part in name.split("/"))
        if not hidden and path.name not in ("manage.py", "setup.py"):
            found[name] = path.read_text("utf-8", "replace")
    return found


def copies(files: dict[str, str], count: int) -> Iterator[tuple[str, str]]:
    """`count` files: the project again and again, each time under other names."""
    own = {name for text in files.values() for name in DEFINED.findall(text)} - KEPT
    own = {name for name in own if not name.startswith("__")}
    packages = {name.split("/")[0] for name in files if "/" in name}
    made = number = 0
    while True:
        suffix = f"_{number}"
        renamed = {name: name + suffix for name in own | packages}
        for name, text in files.items():
            if made == count:
                return
            top, _, rest = name.partition("/")
            place = f"{top}{suffix}/{rest}" if rest else f"loose{suffix}/{top}"
            yield place, WORD.sub(lambda match, new=renamed: new.get(match[0], match[0]), text)  # type: ignore[misc]
            made += 1
        number += 1


def measure(root: Path) -> None:
    """Check a project in this process; print seconds, opened files and the seconds that parsing them takes."""
    from celery_lint.configuration import Overrides
    from celery_lint.engine import Engine
    from celery_lint.run import find_projects

    start = time.perf_counter()
    (project,), _ = find_projects([root], Overrides(isolated=True))
    gc.disable()
    engine = Engine(project.root, project.files, project.settings)
    for filename in project.asked:
        engine.check(filename)
    whole = time.perf_counter() - start
    texts = [module.source.text for module in engine.project.opened]
    start = time.perf_counter()
    for text in texts:
        ast.parse(text)
    print(len(project.files), len(texts), whole, time.perf_counter() - start)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=Path)
    parser.add_argument("--sizes", default="500,2000,8000,32000")
    parser.add_argument("--keep", type=Path, help="make the projects here and leave them")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.tree)
        return 0
    files = sources(arguments.tree)
    base = arguments.keep or Path(tempfile.mkdtemp())
    print(f"{'files':>7} {'opened':>7} {'seconds':>8} {'s/1000':>7} {'parse':>6} {'ratio':>6}")
    for size in map(int, arguments.sizes.split(",")):
        root = base / str(size)
        for name, text in copies(files, size):
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8", "surrogateescape")
        (root / "manage.py").touch()
        run = subprocess.run(
            [sys.executable, __file__, "--measure", os.fspath(root)], capture_output=True, text=True, check=True
        )
        count, opened, whole, parse = (float(part) for part in run.stdout.split())
        ratio = whole / parse if parse else 0.0
        print(f"{count:7.0f} {opened:7.0f} {whole:8.2f} {1000 * whole / count:7.2f} {parse:6.2f} {ratio:6.2f}")
    if arguments.keep is None:
        shutil.rmtree(base)
    return 0


if __name__ == "__main__":
    sys.exit(main())
