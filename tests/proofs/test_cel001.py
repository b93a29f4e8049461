"""CEL001: a worker does not start with a module that cannot be parsed, nor does a process that sends its tasks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.proofs.examples import DEFAULT_MODULE, lay_out
from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task


@shared_task
def send_invoice(order_id)
    return order_id
"""

REPAIRED = BAD.replace("(order_id)\n", "(order_id):\n")


def loaded_by_worker(directory: Path, source: str) -> subprocess.CompletedProcess[str]:
    """The tasks that a worker finds: it imports the modules of its application so, before it connects."""
    lay_out(directory, source, DEFAULT_MODULE)
    (directory / "worker.py").write_text(
        "from celery import Celery\n\n"
        f"app = Celery('shop', include=[{DEFAULT_MODULE!r}])\n"
        "app.loader.import_default_modules()\n"
        "print([name for name in app.tasks if not name.startswith('celery.')])\n",
        encoding="utf-8",
    )
    return subprocess.run(
        [sys.executable, "worker.py"], cwd=directory, capture_output=True, text=True, timeout=60, check=False
    )


def test_bad_keeps_a_worker_from_starting(tmp_path: Path) -> None:
    outcome = loaded_by_worker(tmp_path, BAD)
    assert outcome.returncode != 0
    assert "SyntaxError: expected ':'" in outcome.stderr


def test_bad_keeps_senders_from_starting(shop: Shop) -> None:
    with pytest.raises(SyntaxError):
        shop.load(BAD)


def test_repaired_is_sent_and_run(tmp_path: Path, shop: Shop) -> None:
    assert loaded_by_worker(tmp_path, REPAIRED).stdout == "['shop.tasks.send_invoice']\n"
    module = shop.load(REPAIRED)
    with shop.worker():
        module.send_invoice.delay(7)
        shop.settle()
    assert [run.value for run in shop.runs] == [7]
