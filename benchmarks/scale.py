"""How cost grows with the project, and what it is in units of `ast.parse`.

    python benchmarks/scale.py TREE [--sizes 500,2000,8000,32000] [--keep DIR]

Makes projects of the given numbers of files from the real project TREE: its
files once more under another package, with each of its own functions, classes
and modules renamed, so that copies do not know each other. Prints for each
size the files that were opened, the seconds that `ast.parse` takes for exactly
those, the seconds of a whole run in one process, measured in the same process
(of the processor's time, which other work on the machine does not lengthen),
and those of the command with all cores and an empty cache; each with its ratio
to parsing. Then the command once more with nothing changed.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
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
    """Check a project in this process; print its files, those opened, the seconds, and those that parsing takes."""
    from celery_lint.configuration import Overrides
    from celery_lint.engine import Engine
    from celery_lint.run import find_projects

    start = time.process_time()
    (project,), _ = find_projects([root], Overrides(isolated=True))
    gc.disable()
    engine = Engine(project.root, project.files, project.settings)
    for filename in project.asked:
        engine.check(filename)
    whole = time.process_time() - start
    texts = [module.source.text for module in engine.project.opened]
    start = time.process_time()
    for text in texts:
        with contextlib.suppress(SyntaxError):  # newer than this Python
            ast.parse(text)
    print(len(project.files), len(texts), whole, time.process_time() - start)


def command(root: Path, *options: str) -> float:
    """The seconds that the command takes for a project, from start to end."""
    start = time.perf_counter()
    words = [sys.executable, "-m", "celery_lint", "--isolated", "-q", "--exit-zero", *options, os.fspath(root)]
    subprocess.run(words, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


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
    print(
        f"{'files':>7} {'opened':>7} {'parse':>7} {'1 core':>7} {'ratio':>6} {'all':>7} {'ratio':>6} {'warm':>6} s/1000"
    )
    for size in map(int, arguments.sizes.split(",")):
        root = base / str(size)
        if root.exists():
            parser.error(f"{root} exists: give --keep a folder without it")
        for name, text in copies(files, size):
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8", "surrogateescape")
        (root / "manage.py").touch()
        run = subprocess.run(
            [sys.executable, __file__, "--measure", os.fspath(root)], capture_output=True, text=True, check=True
        )
        count, opened, alone, parse = (float(part) for part in run.stdout.split())
        cache = ("--cache-dir", os.fspath(root / ".cache"))
        shutil.rmtree(root / ".cache", ignore_errors=True)
        together, warm = command(root, *cache), min(command(root, *cache) for _ in range(3))
        print(
            f"{count:7.0f} {opened:7.0f} {parse:7.2f} {alone:7.2f} {alone / parse:6.2f} {together:7.2f}"
            f" {together / parse:6.2f} {warm:6.2f} {1000 * together / count:6.2f}",
            flush=True,
        )
    if arguments.keep is None:
        shutil.rmtree(base)
    return 0


if __name__ == "__main__":
    sys.exit(main())
