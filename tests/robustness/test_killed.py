"""`--fix` that is killed leaves every file whole, and nothing that the next run does not clean."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.robustness.killing import Tree, moments


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_each_file_is_old_or_new_and_the_next_run_cleans(tmp_path: Path) -> None:
    """A hundred times over a thousand files: benchmarks/kill.py."""
    tree = Tree(tmp_path, 60)
    for moment, writing in moments(4, seed=7):
        tree.put_back()
        assert tree.kill(moment, writing=writing).broken == []
        # As if it had been killed between a temporary file and its renaming, which is hard to hit.
        (tmp_path / "shop" / ".tasks_0001.py.x.celery-lint.tmp").write_bytes(b"half of i")
        tree.finish()
        assert tree.others() == []
        assert tree.unfinished() == []
