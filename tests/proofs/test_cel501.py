"""CEL501: a task without a time limit holds its slot for as long as it blocks."""

from __future__ import annotations

import re
from pathlib import Path

from celery.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded

from tests.proofs.prefork import SilentServer, needs_prefork, prefork_worker

BAD = """\
from urllib.request import urlopen

from celery import shared_task


@shared_task
def fetch_rates(url):
    with urlopen(url) as response:
        return response.read().decode()


@shared_task
def add_up(prices):
    return sum(prices)
"""


def hasten(source: str) -> str:
    """The linter's repair with limits that a test can wait for."""
    return re.sub(r"\b330\b", "2", re.sub(r"\b300\b", "1", source))


REPAIRED = BAD.replace("@shared_task", "@shared_task(time_limit=1)")


@needs_prefork
def test_bad_keeps_the_next_task_waiting(tmp_path: Path, silent_server: SilentServer) -> None:
    with prefork_worker(BAD, tmp_path) as worker:
        blocked = worker.send("fetch_rates", silent_server.url)
        worker.wait_until(lambda: silent_server.calls == 1)
        waiting = worker.send("add_up", [1, 2])
        worker.wait_until_received(waiting)
        # Longer than the repaired one is given.
        assert worker.watch(lambda: (blocked.state, waiting.state) == ("PENDING", "PENDING"), seconds=2)
        silent_server.answer()
        assert worker.finish(waiting) == 3
        assert worker.finish(blocked) == "ok"
        assert blocked.date_done < waiting.date_done


@needs_prefork
def test_repaired_is_killed_and_the_next_task_runs(tmp_path: Path, silent_server: SilentServer) -> None:
    with prefork_worker(REPAIRED, tmp_path) as worker:
        blocked = worker.send("fetch_rates", silent_server.url)
        worker.wait_until(lambda: silent_server.calls == 1)
        waiting = worker.send("add_up", [1, 2])
        assert worker.finish(waiting) == 3
        assert isinstance(worker.finish(blocked), (SoftTimeLimitExceeded, TimeLimitExceeded))
