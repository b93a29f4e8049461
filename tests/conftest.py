"""What tests of many kinds need: a project on disk, and the command run in it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import settings

from celery_lint.cli import main

# The same examples in each run, so that a change fails by what it does. `HYPOTHESIS_PROFILE=exploring` tries new ones.
settings.register_profile("repeatable", derandomize=True)
settings.register_profile("exploring")
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

# CEL301 at row 8, column 5, under default rules.
SWALLOWING_TASK = """\
from celery import shared_task


@shared_task
def charge(order_id):
    try:
        pay(order_id)
    except Exception:
        pass
"""


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class Workspace:
    """A folder of its own for a test."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Writes files by their paths; texts are dedented."""
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else textwrap.dedent(content).encode())

    def lint(self, *arguments: str, stdin: str | bytes = "") -> Outcome:
        """Runs the command in this process."""
        with CliRunner().isolation(stdin) as (out, err, _), pytest.raises(SystemExit) as end:
            main(arguments)
        assert isinstance(end.value.code, int)
        return Outcome(end.value.code, out.getvalue().decode(), err.getvalue().decode())

    def python(self, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Outcome:
        """Runs `python ...` as a process of its own in the workspace."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            input=stdin,
            capture_output=True,
            env={**os.environ, "PYTHONIOENCODING": "utf-8", **(env or {})},
            timeout=120,
            check=False,
        )
        return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


class Repository:
    """A git repository, made in a folder that may hold files already."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        """Runs git in the folder, with nothing of the user's own configuration, and gives what it prints."""
        settings = (
            "user.name=Someone",
            "user.email=someone@example.org",
            "commit.gpgsign=false",
            "core.autocrlf=false",
        )
        given = [word for setting in settings for word in ("-c", setting)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environment.update(GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1")
        done = subprocess.run(
            ["git", *given, *arguments], cwd=self.root, env=environment, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self) -> str:
        """Commits all that is there, and gives the commit's name."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "as it is")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A folder with a repository's mark, so that nothing above it counts, as working directory."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return Workspace(tmp_path)
