"""CEL411: a task that sends itself in each run goes round for ever, as often as it was sent."""

from __future__ import annotations

from tests.proofs.harness import DEADLINE, Shop

BAD = """\
from threading import Event

from celery import shared_task

many = Event()
runs = []


@shared_task
def poll(chain):
    runs.append(chain)
    if len(runs) > 40:
        many.set()
    poll.delay(chain)
"""

REPAIRED = """\
from celery import shared_task

runs = []


@shared_task
def poll(chain):
    runs.append(chain)
    if len(runs) < 10:
        poll.delay(chain)
"""


def test_bad_goes_round_for_ever_once_for_each_time_it_was_sent(shop: Shop) -> None:
    module = shop.load(BAD)
    with shop.worker():
        module.poll.delay("first")
        module.poll.delay("second")
        assert module.many.wait(DEADLINE)
    assert module.runs.count("first") > 15
    assert module.runs.count("second") > 15


def test_repaired_comes_to_an_end(shop: Shop) -> None:
    module = shop.load(REPAIRED)
    with shop.worker():
        module.poll.delay("first")
        shop.settle()
    assert len(module.runs) == 10
