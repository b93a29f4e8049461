"""The diff, given to git as its users give it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from celery_lint.fixes import FixedFile, unified_diff

CASES = {
    "plain": (b"a\nb\nc\n", b"a\nB\nc\n"),
    "no newline at the end": (b"a\nb", b"a\nc"),
    "newline added": (b"a", b"a\n"),
    "newline lost": (b"a\nb\n", b"a\nb"),
    "carriage returns": (b"a\r\nb\r\n", b"a\r\nx\r\nb\r\n"),
    "lone carriage returns": (b"a\rb\rc", b"a\rB\rc"),
    "latin-1": ("# coding: latin-1\né\n".encode("latin-1"), "# coding: latin-1\nü\n".encode("latin-1")),
    "form feed and separators": ("a\f\n\u2028b\x1c\nc\n".encode(), "a\f\n\u2028B\x1c\nc\n".encode()),
    "far apart": (b"\n".join(b"%d" % n for n in range(99)), b"\n".join(b"%d" % (n or 7) for n in range(98))),
}


@pytest.mark.parametrize("name", ["tasks.py", "my app/tasks.py", "é.py", 'a"b\\c.py', "a\tb.py"])
@pytest.mark.parametrize("case", CASES)
def test_git_applies_it(tmp_path: Path, case: str, name: str) -> None:
    before, after = CASES[case]
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(before)
    diff = unified_diff([FixedFile(name, before, after, {})])
    environment = {"GIT_CEILING_DIRECTORIES": str(tmp_path.parent), "PATH": "/usr/bin:/bin:/usr/local/bin"}
    done = subprocess.run(
        ["git", "-c", "core.autocrlf=false", "apply", "-"],
        cwd=tmp_path,
        input=diff,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert path.read_bytes() == after


def test_files_follow_each_other_and_unchanged_ones_are_silent() -> None:
    files = [FixedFile("a.py", b"1\n", b"2\n", {}), FixedFile("b.py", b"x", b"x", {})]
    assert unified_diff(files) == b"--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-1\n+2\n"
