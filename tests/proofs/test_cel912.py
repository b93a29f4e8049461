"""CEL912: a worker does not know a task that a function of another process defines."""

from __future__ import annotations

from pathlib import Path

import pytest
from celery.exceptions import NotRegistered

from tests.proofs.harness import Shop
from tests.proofs.prefork import needs_prefork, prefork_worker

BAD = """\
from celery import shared_task


def upload(name):
    @shared_task
    def resize(picture):
        return f"{picture} resized"

    return resize.delay(name)
"""

REPAIRED = """\
from celery import shared_task


@shared_task
def resize(picture):
    return f"{picture} resized"


def upload(name):
    return resize.delay(name)
"""

TWICE = """\
from celery import shared_task


def upload(name):
    @shared_task
    def resize():
        return name

    return resize.delay()
"""


@needs_prefork
def test_bad_is_unknown_to_a_worker(tmp_path: Path) -> None:
    with prefork_worker(BAD, tmp_path) as worker:
        assert isinstance(worker.finish(worker.send("resize", "a")), NotRegistered)


@needs_prefork
def test_repaired_is_run(tmp_path: Path) -> None:
    with prefork_worker(REPAIRED, tmp_path) as worker:
        assert worker.finish(worker.send("resize", "a")) == "a resized"


@pytest.mark.filterwarnings("ignore:Task name")
def test_a_second_definition_is_dropped(shop: Shop) -> None:
    module = shop.load(TWICE)
    module.upload("first")
    module.upload("second")
    with shop.worker():
        shop.settle()
    first, second = (run.value for run in shop.runs)
    assert first == second


def test_repaired_is_sent(shop: Shop) -> None:
    module = shop.load(REPAIRED)
    with shop.worker():
        module.upload("a")
        shop.settle()
    assert [run.value for run in shop.runs] == ["a resized"]
