"""CEL917: what an import opens is one connection in all processes of a worker."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.proofs.prefork import needs_prefork, prefork_worker

BAD = """\
import os
import socket

from celery import shared_task

TILL = ("127.0.0.1", int(os.environ.get("SHOP_TILL", "1")))
connection = socket.create_connection(TILL)
opened_by = os.getpid()


@shared_task
def charge():
    connection.sendall(b"?")
    return [connection.recv(8).decode(), os.getpid() == opened_by]
"""

REPAIRED = """\
import os
import socket

from celery import shared_task
from celery.signals import worker_process_init

TILL = ("127.0.0.1", int(os.environ.get("SHOP_TILL", "1")))
connection = opened_by = None


@worker_process_init.connect
def connect(**kwargs):
    global connection, opened_by
    connection = socket.create_connection(TILL)
    opened_by = os.getpid()


@shared_task
def charge():
    connection.sendall(b"?")
    return [connection.recv(8).decode(), os.getpid() == opened_by]
"""

MIXED = """\
import os
import socket

ours, theirs = socket.socketpair()
for question in (b"A", b"B"):
    if not os.fork():
        ours.sendall(question)
        os._exit(0)
    os.wait()
theirs.sendall(theirs.recv(1) + theirs.recv(1))
if not os.fork():
    # The process that has asked B reads first.
    print(ours.recv(1).decode(), flush=True)
    os._exit(0)
os.wait()
"""


@contextmanager
def till(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server that answers everything it is asked."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer(connection: socket.socket) -> None:
        with connection:
            while connection.recv(1):
                connection.sendall(b"paid")

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    monkeypatch.setenv("SHOP_TILL", str(server.getsockname()[1]))
    with server:
        yield


@needs_prefork
def test_bad_is_opened_by_the_process_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with till(monkeypatch), prefork_worker(BAD, tmp_path) as worker:
        assert worker.finish(worker.send("charge")) == ["paid", False]


@needs_prefork
def test_repaired_is_opened_by_the_process_that_runs_the_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with till(monkeypatch), prefork_worker(REPAIRED, tmp_path) as worker:
        assert worker.finish(worker.send("charge")) == ["paid", True]


@needs_prefork
def test_one_process_reads_what_another_has_asked() -> None:
    run = subprocess.run([sys.executable, "-c", MIXED], capture_output=True, text=True, timeout=20, check=True)
    assert run.stdout == "A\n"
