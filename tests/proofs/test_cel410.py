"""CEL410: with `acks_late` alone, a run whose process dies is acknowledged, and lost."""

from __future__ import annotations

from pathlib import Path

from celery.exceptions import WorkerLostError

from tests.proofs.prefork import needs_prefork, prefork_worker

BAD = """\
import os
from pathlib import Path

from celery import shared_task


@shared_task(acks_late=True)
def render(path):
    trace = Path(path)
    if trace.exists():
        return "run again"
    trace.touch()
    os.kill(os.getpid(), 9)
"""

REPAIRED = BAD.replace("acks_late=True", "acks_late=True, reject_on_worker_lost=True")


@needs_prefork
def test_bad_is_lost_with_its_process(tmp_path: Path) -> None:
    with prefork_worker(BAD, tmp_path) as worker:
        assert isinstance(worker.finish(worker.send("render", str(tmp_path / "trace"))), WorkerLostError)


@needs_prefork
def test_repaired_comes_back(tmp_path: Path) -> None:
    with prefork_worker(REPAIRED, tmp_path) as worker:
        assert worker.finish(worker.send("render", str(tmp_path / "trace"))) == "run again"
