"""Kills `--fix` while it runs over many files, and looks at what it left."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

COMMAND = [
    sys.executable,
    "-m",
    "celery_lint",
    "--isolated",
    "--select",
    "CEL101",
    "--fix",
    "--unsafe-fixes",
    "-q",
    ".",
]
MODULE = """\
from celery import shared_task
from shop.models import Order


@shared_task
def pack_{number}(order):
    return order


def order_{number}(request):
    pack_{number}.delay(Order.objects.create(number={number}))
"""
MODELS = "from django.db import models\n\n\nclass Order(models.Model):\n    number = models.IntegerField()\n"


@dataclass
class Killed:
    """What a killed run left: how many files are new, how many temporary ones there are, and any that is neither."""

    new: int
    temporary: int
    broken: list[str]


class Tree:
    """A project of many files, all of which get a fix."""

    def __init__(self, root: Path, number: int) -> None:
        self.root = root
        package = root / "shop"
        package.mkdir(parents=True)
        (root / ".git").mkdir()
        (package / "__init__.py").write_text("")
        (package / "models.py").write_text(MODELS)
        self._paths = [package / f"tasks_{index:04}.py" for index in range(number)]
        self._old = {path: MODULE.format(number=index).encode() for index, path in enumerate(self._paths)}
        self.put_back()
        # One run that nobody kills says what is new, how long it takes and when it starts to write.
        started = time.time()
        self.finish()
        self.seconds = time.time() - started
        written = [path.stat().st_ctime for path in self._paths]
        self.writing = max(written) - min(written)
        self._new = {path: path.read_bytes() for path in self._paths}
        if any(self._new[path] == self._old[path] for path in self._paths):
            raise AssertionError("the linter has to change every file")

    def put_back(self) -> None:
        for path, data in self._old.items():
            path.write_bytes(data)

    def finish(self) -> None:
        """One run to its end."""
        subprocess.run(COMMAND, cwd=self.root, check=True, stdout=subprocess.DEVNULL, env=_environment())

    def kill(self, moment: float, *, writing: bool) -> Killed:
        """A run that is killed `moment` (from 0 to 1) into its time, or into its time of writing."""
        inodes = [path.stat().st_ino for path in self._paths]
        process = subprocess.Popen(COMMAND, cwd=self.root, stdout=subprocess.DEVNULL, env=_environment())
        if writing:
            first = min(range(len(inodes)), key=lambda index: self._paths[index])
            while process.poll() is None and self._paths[first].stat().st_ino == inodes[first]:
                time.sleep(0.0005)
        time.sleep(moment * (self.writing if writing else self.seconds))
        process.send_signal(signal.SIGKILL)
        process.wait()
        held = {path: path.read_bytes() for path in self._paths}
        broken = [path.name for path, data in held.items() if data not in (self._old[path], self._new[path])]
        new = sum(data == self._new[path] for path, data in held.items())
        return Killed(new, len(self.others()), broken)

    def others(self) -> list[str]:
        """The files that do not belong here."""
        known = {*(path.name for path in self._paths), "__init__.py", "models.py"}
        return sorted(name for name in os.listdir(self.root / "shop") if name not in known)

    def unfinished(self) -> list[str]:
        """The files that are not the new ones."""
        return [path.name for path in self._paths if path.read_bytes() != self._new[path]]


def moments(number: int, seed: int) -> list[tuple[float, bool]]:
    """When to kill: random moments of the whole run, and as many of its time of writing."""
    generator = random.Random(seed)
    return [(generator.random(), index % 2 == 0) for index in range(number)]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
