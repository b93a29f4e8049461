"""A worker with processes, for what happens only there: soft time limits and the killing of a task.

The worker is Celery's own command in a process of its own, on a broker and a
result backend made of files, and runs a copy of the project with the example.
Such examples use no database.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from celery.result import AsyncResult

from tests.proofs import whole_messages
from tests.proofs.examples import DEFAULT_MODULE, lay_out, others_to_run, to_run
from tests.proofs.harness import DEADLINE

needs_prefork = pytest.mark.skipif(sys.platform == "win32", reason="Celery has no prefork pool on Windows")


class PreforkWorker:
    """The worker, seen from a client of its broker."""

    def __init__(self, client: Celery, process: subprocess.Popen[bytes], log: Path) -> None:
        self._client = client
        self._process = process
        self._log = log

    def send(self, task: str, *args: Any) -> AsyncResult:
        """Send the task `task` of the example, as a client without its code would."""
        return self._client.send_task(f"{DEFAULT_MODULE}.{task}", args)

    def finish(self, result: AsyncResult) -> Any:
        """Wait for the end of a task, and give what it returned or the exception."""
        self.wait_until(result.ready)
        return result.result

    def wait_until_received(self, result: AsyncResult) -> None:
        """Wait until the worker has taken the message from the broker."""
        self.wait_until(lambda: f"[{result.id}] received" in self._log.read_text("utf-8"))

    def watch(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Whether `condition` holds all the time for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not condition():
                return False
            time.sleep(0.02)
        return True

    def wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE
        while not condition():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise AssertionError("the worker says:\n" + self._log.read_text("utf-8"))
            time.sleep(0.02)


@contextmanager
def prefork_worker(source: str, directory: Path) -> Iterator[PreforkWorker]:
    """A prefork worker with one process and the tasks of `source`; `directory` takes all of its files."""
    project, queue, control, results, scratch = (
        directory / name for name in ("project", "queue", "control", "results", "scratch")
    )
    for folder in (project, queue, results, scratch):
        folder.mkdir()
    lay_out(project, to_run(source))
    shutil.copy(whole_messages.__file__, project / "sitecustomize.py")
    for name, text in others_to_run(source):
        (project / name).write_text(text, encoding="utf-8")
    broker, backend = "filesystem://", results.as_uri()
    options = {
        "data_folder_in": str(queue),
        "data_folder_out": str(queue),
        "control_folder": str(control),
        "polling_interval": 0.02,
    }
    environment = {
        **os.environ,
        "PYTHONPATH": str(project),
        "PYTHONDONTWRITEBYTECODE": "1",
        "DJANGO_SETTINGS_MODULE": "shop.settings",
        "SHOP_DATA": str(directory),
        "SHOP_BROKER": broker,
        "SHOP_BROKER_OPTIONS": json.dumps(options),
        "SHOP_RESULTS": backend,
        "TMPDIR": str(scratch),  # where the broker puts a message while it is read
        "NO_PROXY": "*",
    }
    command = [sys.executable, "-m", "celery", "-A", "shop", "worker", "--pool=prefork", "--concurrency=1"]
    quiet = ["--loglevel=INFO", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    log = directory / "worker.log"
    with log.open("wb") as output, _client(broker, backend, options) as client:
        process = subprocess.Popen(
            command + quiet,
            cwd=project,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield PreforkWorker(client, process, log)
        finally:
            # All of its processes, and at once: a task that hangs would hold up an orderly end.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def _client(broker: str, backend: str, options: dict[str, Any]) -> Iterator[Celery]:
    client = Celery("client", broker=broker, backend=backend, set_as_current=False, fixups=[])
    client.conf.broker_transport_options = options
    try:
        yield client
    finally:
        client.close()


class SilentServer:
    """A web server that takes every call, and answers none until it is told to."""

    def __init__(self) -> None:
        self._answer = threading.Event()
        self._calls = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server._calls += 1
                server._answer.wait(DEADLINE)
                with suppress(ConnectionError):  # the caller has been killed meanwhile
                    self.send_response(200)
                    self.end_headers()
                    self.wfile.write(b"ok")

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/"

    @property
    def calls(self) -> int:
        """How often it has been called."""
        return self._calls

    def answer(self) -> None:
        """Answer all calls, those to come too."""
        self._answer.set()

    def close(self) -> None:
        self.answer()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
