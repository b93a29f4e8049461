"""CEL504: a call without a timeout holds its task for as long as the other side is silent."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.proofs.prefork import SilentServer, needs_prefork, prefork_worker

BAD = """\
from urllib.request import urlopen

from celery import shared_task


@shared_task
def fetch_rates(url):
    with urlopen(url) as response:
        return response.read().decode()
"""

REPAIRED = BAD.replace("urlopen(url)", "urlopen(url, timeout=1)")

BAD_PROCESS = """\
import subprocess
import sys

from celery import shared_task

FETCH = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())"


@shared_task
def fetch_rates(url):
    return subprocess.check_output([sys.executable, "-c", FETCH, url], text=True).strip()
"""

REPAIRED_PROCESS = BAD_PROCESS.replace("text=True", "text=True, timeout=1")


def hasten(source: str) -> str:
    """The linter's repair with a timeout that a test can wait for."""
    return re.sub(r"timeout=(30|300)\b", "timeout=1", source)


@needs_prefork
@pytest.mark.parametrize("source", [BAD, BAD_PROCESS])
def test_bad_waits_as_long_as_the_server_is_silent(source: str, tmp_path: Path, silent_server: SilentServer) -> None:
    with prefork_worker(source, tmp_path) as worker:
        result = worker.send("fetch_rates", silent_server.url)
        worker.wait_until(lambda: silent_server.calls == 1)
        # Longer than the repaired one waits.
        assert worker.watch(lambda: result.state == "PENDING", seconds=2)
        silent_server.answer()
        assert worker.finish(result) == "ok"


@needs_prefork
def test_repaired_raises_at_the_call(tmp_path: Path, silent_server: SilentServer) -> None:
    with prefork_worker(REPAIRED, tmp_path) as worker:
        result = worker.send("fetch_rates", silent_server.url)
        assert isinstance(worker.finish(result), TimeoutError)
        assert result.state == "FAILURE"


@needs_prefork
def test_repaired_process_is_ended(tmp_path: Path, silent_server: SilentServer) -> None:
    with prefork_worker(REPAIRED_PROCESS, tmp_path) as worker:
        result = worker.send("fetch_rates", silent_server.url)
        error = worker.finish(result)
        assert isinstance(error, subprocess.TimeoutExpired) or "timed out" in str(error)
        assert result.state == "FAILURE"
