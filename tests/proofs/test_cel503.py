"""CEL503: a task that sleeps holds up the next one; a message with a countdown does not."""

from __future__ import annotations

from tests.proofs.harness import Shop

BAD = """\
import time

from celery import shared_task


@shared_task
def sync(page):
    time.sleep(1)


@shared_task
def add_up(prices):
    return sum(prices)
"""

REPAIRED = """\
from celery import shared_task


@shared_task(bind=True)
def sync(self, page):
    if self.request.retries == 0:
        raise self.retry(countdown=1)


@shared_task
def add_up(prices):
    return sum(prices)
"""


def order_of(shop: Shop, source: str) -> list[tuple[str, str]]:
    """The runs as they end, when one task is sent behind the other."""
    module = shop.load(source)
    module.sync.delay(1)
    module.add_up.delay([1, 2])
    with shop.worker():
        shop.settle()
    return [(run.task, run.state) for run in shop.runs]


def test_bad_holds_up_the_next_task(shop: Shop) -> None:
    assert order_of(shop, BAD) == [("sync", "SUCCESS"), ("add_up", "SUCCESS")]


def test_repaired_lets_it_run_meanwhile(shop: Shop) -> None:
    assert order_of(shop, REPAIRED) == [("sync", "RETRY"), ("add_up", "SUCCESS"), ("sync", "SUCCESS")]
