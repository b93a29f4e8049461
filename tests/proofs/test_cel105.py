"""CEL105: the content of a file among a task's arguments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from kombu.transport.memory import Channel

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task


@shared_task(bind=True, max_retries=1)
def count_lines(self, content):
    if not self.request.retries:
        raise self.retry(countdown=0)
    return len(content.splitlines())


def start(path):
    with open(path) as file:
        count_lines.delay(file.read())
"""

REPAIRED = """\
from celery import shared_task


@shared_task(bind=True, max_retries=1)
def count_lines(self, path):
    if not self.request.retries:
        raise self.retry(countdown=0)
    with open(path) as file:
        return len(file.read().splitlines())


def start(path):
    count_lines.delay(path)
"""

LINES = 50_000
LINE = b"order 1, total 3\n"


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the messages that the broker is given, their headers included."""
    found: list[int] = []
    put = Channel._put

    def _put(self: Any, queue: str, message: Any, *args: Any, **kwargs: Any) -> Any:
        if "task" in message.get("headers", {}):
            found.append(len(json.dumps(message)))
        return put(self, queue, message, *args, **kwargs)

    monkeypatch.setattr(Channel, "_put", _put)
    return found


def _count(shop: Shop, source: str, directory: Path) -> None:
    path = directory / "orders.csv"
    path.write_bytes(LINE * LINES)
    module = shop.load(source)
    with shop.worker():
        module.start(str(path))
        shop.settle()
    assert [run.value for run in shop.runs if run.state == "SUCCESS"] == [LINES]


def test_bad_sends_more_than_the_file_and_again_with_each_retry(shop: Shop, sizes: list[int], tmp_path: Path) -> None:
    _count(shop, BAD, tmp_path)
    assert len(sizes) == 2
    assert min(sizes) > 1.3 * len(LINE) * LINES


def test_repaired_sends_a_path(shop: Shop, sizes: list[int], tmp_path: Path) -> None:
    _count(shop, REPAIRED, tmp_path)
    assert len(sizes) == 2
    assert max(sizes) < 5_000
