"""What goes wrong on the way in: a clear word about it, and the rest is still checked."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from celery_lint import engine
from celery_lint.configuration import Settings
from celery_lint.discovery import Project
from celery_lint.run import check_project
from tests.conftest import SWALLOWING_TASK, Outcome, Workspace

CONCISE = ("--select", "CEL301", "--output-format", "concise")


@pytest.fixture(autouse=True)
def project(workspace: Workspace) -> None:
    workspace.write({"manage.py": "", "shop/tasks.py": SWALLOWING_TASK})


def others_are_checked(outcome: Outcome) -> bool:
    return any(line.startswith("shop/tasks.py:8:5: CEL301 ") for line in outcome.lines)


@pytest.mark.parametrize(
    ("content", "place", "reason"),
    [
        (b"from celery import shared_task\n\ndef f(:\n", "3:", "invalid syntax"),
        (b"# celery\n\nname = 'caf\xe9'\n", "3:12", "byte 0xe9 is not valid utf-8"),
        (b"# celery\nx = 1\0\n", "2:", "NUL byte"),
        (b"# -*- coding: martian -*-\n# celery\n", "1:1", "martian"),
        (b"from celery import shared_task\nx = " + b"(" * 5000 + b")" * 5000, "", "nested"),
        (b"from celery import shared_task\nx = '", "2:", "unterminated"),
    ],
)
def test_a_file_that_cannot_be_parsed_is_a_finding(
    workspace: Workspace, content: bytes, place: str, reason: str
) -> None:
    workspace.write({"shop/bad.py": content})
    outcome = workspace.lint(*CONCISE)
    assert outcome.code == 1
    (line,) = (line for line in outcome.lines if "CEL001" in line)
    assert line.startswith(f"shop/bad.py:{place}")
    assert reason in line
    assert others_are_checked(outcome)
    # Nothing to be seen in a source line must not stop the format that shows it.
    assert "CEL001" in workspace.lint("--select", "CEL301", "shop/bad.py").out
    assert workspace.lint("--ignore", "CEL", "shop/bad.py").code == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"\xef\xbb\xbf",
        b"# -*- coding: latin-1 -*-\n# celery\nname = 'caf\xe9'\n",
        b"\xef\xbb\xbffrom celery import shared_task\r\n",
        b"\x0c\nfrom celery import shared_task\n\x0c\n",
    ],
)
def test_unusual_files_are_fine(workspace: Workspace, content: bytes) -> None:
    workspace.write({"shop/odd.py": content})
    assert workspace.lint(*CONCISE, "shop/odd.py").code == 0


@pytest.mark.parametrize("ends", [b"\r\n", b"\r"])
def test_other_line_ends_change_no_position(workspace: Workspace, ends: bytes) -> None:
    workspace.write({"shop/tasks.py": SWALLOWING_TASK.encode().replace(b"\n", ends)})
    assert others_are_checked(workspace.lint(*CONCISE))


def test_a_missing_path(workspace: Workspace) -> None:
    outcome = workspace.lint(*CONCISE, "nowhere.py", "shop")
    assert outcome.code == 2
    assert "nowhere.py: no such file or directory" in outcome.err
    assert others_are_checked(outcome)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="needs permissions that can be denied")
def test_a_file_that_may_not_be_read(workspace: Workspace) -> None:
    workspace.write({"shop/secret.py": "x = 1\n"})
    Path("shop/secret.py").chmod(0)
    outcome = workspace.lint(*CONCISE)
    assert outcome.code == 1
    assert any(line.startswith("shop/secret.py:1:1: CEL001 ") for line in outcome.lines)
    assert others_are_checked(outcome)


def test_a_file_that_vanishes_before_it_is_read(workspace: Workspace) -> None:
    names = ("shop/gone.py", "shop/tasks.py")
    settings = Settings(rules=frozenset({"CEL001", "CEL301"}))
    checked = check_project(Project(workspace.root, settings, names, names), {})
    assert checked.failures == ()
    found = [(finding.place.filename, finding.code) for finding in checked.findings]
    assert found == [("shop/gone.py", "CEL001"), ("shop/tasks.py", "CEL301")]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_loop_of_folders_and_a_broken_link(workspace: Workspace) -> None:
    os.symlink(".", "shop/again")
    os.symlink("nothing.py", "shop/broken.py")
    outcome = workspace.lint(*CONCISE)
    assert (outcome.code, len(outcome.lines)) == (1, 1)
    assert others_are_checked(outcome)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names there")
def test_a_pipe_is_not_waited_for(workspace: Workspace) -> None:
    os.mkfifo("shop/pipe.py")
    assert others_are_checked(workspace.lint(*CONCISE))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[tool.celery-lint\n", "not valid TOML"),
        ("[tool.celery-lint]\nselct = []\n", "unknown key `selct`; did you mean 'select'?"),
        ('[tool.celery-lint]\nignore = ["CEL777"]\n', "unknown code 'CEL777'"),
        ("[tool.celery-lint]\natomic-requests = 'yes'\n", "`atomic-requests` must be true or false"),
        ("[tool]\ncelery-lint = 1\n", "`tool.celery-lint` must be a table"),
    ],
)
def test_a_wrong_configuration(workspace: Workspace, text: str, complaint: str) -> None:
    workspace.write({"other/pyproject.toml": text, "other/x.py": ""})
    outcome = workspace.lint(*CONCISE)
    assert outcome.code == 2
    assert f"{Path('other/pyproject.toml').absolute()}: " in outcome.err
    assert complaint in outcome.err
    assert "Traceback" not in outcome.err
    assert others_are_checked(outcome)


def test_an_internal_error_is_told_and_the_other_files_are_checked(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.write({"shop/views.py": ""})
    check = engine.Engine.check

    def failing(self: engine.Engine, filename: str) -> object:
        if filename == "shop/views.py":
            raise ZeroDivisionError("of all things")
        return check(self, filename)

    monkeypatch.setattr(engine.Engine, "check", failing)
    outcome = workspace.lint(*CONCISE)
    assert outcome.code == 2
    assert "internal error in shop/views.py: ZeroDivisionError: of all things" in outcome.err
    assert "/issues" in outcome.err
    assert "Traceback" not in outcome.err
    assert "Traceback" in workspace.lint(*CONCISE, "-v").err
    assert others_are_checked(outcome)
    alone = workspace.lint(*CONCISE, "shop/views.py")
    assert alone.err.splitlines()[-1] == "Not checked because of an internal error: 1 file."
    assert "No findings" not in alone.err
