"""CEL916: a worker does not know the tasks of a module that nothing imports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.proofs.examples import lay_out, to_run

MODULE = "shop.nightly"

BAD = """\
from celery import shared_task


@shared_task(name="clean")
def clean():
    return 1
"""

REPAIRED = '''\
"""The task stands in `shop/tasks.py` now."""
'''

LOOK = "from shop.celery import app; app.loader.init_worker(); print(*sorted(app.tasks))"


def _known_to_worker(directory: Path, *modules: tuple[str, str]) -> set[str]:
    for name, source in modules:
        lay_out(directory, to_run(source), name)
    known = {**os.environ, "DJANGO_SETTINGS_MODULE": "shop.settings", "SHOP_DATA": str(directory)}
    run = subprocess.run(
        [sys.executable, "-c", LOOK], cwd=directory, env=known, capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


def test_bad_is_not_known(tmp_path: Path) -> None:
    assert "clean" not in _known_to_worker(tmp_path, (MODULE, BAD))


def test_where_tasks_are_looked_for_it_is(tmp_path: Path) -> None:
    assert "clean" in _known_to_worker(tmp_path, (MODULE, REPAIRED), ("shop.tasks", BAD))


def test_so_it_is_where_the_tasks_import_it(tmp_path: Path) -> None:
    assert "clean" in _known_to_worker(tmp_path, (MODULE, BAD), ("shop.tasks", "from shop import nightly\n"))
