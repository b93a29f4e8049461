"""Files replaced whole."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from celery_lint.fixes.write import Replacement, remove_abandoned, replace_files


def test_the_mode_stays_and_nothing_is_left_beside(tmp_path: Path) -> None:
    path = tmp_path / "tasks.py"
    path.write_bytes(b"old")
    path.chmod(0o751)
    replace_files([Replacement(path, b"old", b"new")])
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o751
    assert os.listdir(tmp_path) == ["tasks.py"]


def test_a_symbolic_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real = tmp_path / "real" / "tasks.py"
    real.write_bytes(b"old")
    link = tmp_path / "link.py"
    link.symlink_to(real)
    replace_files([Replacement(link, b"old", b"new")])
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_a_file_that_was_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "tasks.py"
    path.write_bytes(b"edited")
    with pytest.raises(OSError, match="changed meanwhile"):
        replace_files([Replacement(path, b"old", b"new")])
    assert path.read_bytes() == b"edited"
    assert os.listdir(tmp_path) == ["tasks.py"]


def test_a_new_file_takes_nobody_elses_place(tmp_path: Path) -> None:
    path = tmp_path / "known.json"
    replace_files([Replacement(path, None, b"new")])
    assert path.read_bytes() == b"new"
    with pytest.raises(OSError, match="made meanwhile"):
        replace_files([Replacement(path, None, b"newer")])
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["known.json"]


@pytest.mark.parametrize("missing", ["gone.py", "no/folder.py", "folder"])
def test_none_is_written_where_one_cannot_be(tmp_path: Path, missing: str) -> None:
    (tmp_path / "folder").mkdir()
    first = tmp_path / "a.py"
    first.write_bytes(b"old")
    with pytest.raises(OSError):  # noqa: PT011 - the system says why
        replace_files([Replacement(first, b"old", b"new"), Replacement(tmp_path / missing, b"old", b"new")])
    assert first.read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["a.py", "folder"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_is_read_only_stays(tmp_path: Path, what: str) -> None:
    path = tmp_path / "tasks.py"
    path.write_bytes(b"old")
    locked = path if what == "file" else tmp_path
    locked.chmod(0o555)
    try:
        with pytest.raises(PermissionError):
            replace_files([Replacement(path, b"old", b"new")])
        assert path.read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["tasks.py"]
    finally:
        locked.chmod(0o755)


def test_a_full_disk_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tasks.py"
    path.write_bytes(b"old")

    def full(path: str, mode: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "chmod", full)
    with pytest.raises(OSError, match="No space left"):
        replace_files([Replacement(path, b"old", b"new")])
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["tasks.py"]


def test_what_a_killed_run_left_is_removed_and_what_a_running_one_needs_is_not(tmp_path: Path) -> None:
    path = tmp_path / "tasks.py"
    path.write_bytes(b"old")
    (tmp_path / ".tasks.py.abc.celery-lint.tmp").write_bytes(b"half")
    others = ["notes.celery-lint.tmp", ".tasks.py.tmp"]
    for name in others:
        (tmp_path / name).write_bytes(b"")
    # A run of its own, which waits with its temporary file ready.
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom celery_lint.fixes import Replacement, replace_files\n"
        "replace = os.replace\n"
        "def wait(*paths):\n    print('ready', flush=True)\n    sys.stdin.readline()\n    replace(*paths)\n"
        "os.replace = wait\n"
        "replace_files([Replacement(Path('tasks.py'), b'old', b'new')])\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        remove_abandoned([str(tmp_path), str(tmp_path / "missing")])
        left = set(os.listdir(tmp_path)) - {"tasks.py", *others}
        assert len(left) == 1
        assert left != {".tasks.py.abc.celery-lint.tmp"}
        running.communicate("go\n")
    assert path.read_bytes() == b"new"
    assert sorted(os.listdir(tmp_path)) == sorted(["tasks.py", *others])


def test_what_was_left_beside_the_target_of_a_link_is_removed_too(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "tasks.py").write_bytes(b"")
    (tmp_path / "real" / ".tasks.py.abc.celery-lint.tmp").write_bytes(b"half")
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "tasks.py").symlink_to(tmp_path / "real" / "tasks.py")
    remove_abandoned([str(tmp_path / "project")])
    assert os.listdir(tmp_path / "real") == ["tasks.py"]
