"""CEL406: with `max_retries=None` a message that can never succeed comes back for ever."""

from __future__ import annotations

import pytest

from tests.proofs.harness import DEADLINE, Shop

BAD = """\
from threading import Event

from celery import shared_task

many = Event()
runs = []


@shared_task(autoretry_for=(ConnectionError,), retry_kwargs={"countdown": 0}, max_retries=None)
def reserve(order_id):
    runs.append(order_id)
    if len(runs) > 30:
        many.set()
    raise ConnectionError("there is no such order")
"""

REPAIRED = BAD.replace("max_retries=None", "max_retries=10")

BAD_BY_HAND = """\
from threading import Event

from celery import shared_task

many = Event()
runs = []


@shared_task(bind=True, max_retries=None)
def reserve(self, order_id):
    runs.append(order_id)
    if len(runs) > 30:
        many.set()
    raise self.retry(exc=ConnectionError("there is no such order"), countdown=0)
"""

REPAIRED_BY_HAND = BAD_BY_HAND.replace("max_retries=None", "max_retries=10")


@pytest.mark.parametrize("source", [BAD, BAD_BY_HAND])
def test_bad_is_still_retried_after_thirty_runs(shop: Shop, source: str) -> None:
    module = shop.load(source)
    with shop.worker():
        module.reserve.delay(7)
        assert module.many.wait(DEADLINE)
    assert set(shop.states) == {"RETRY"}


@pytest.mark.parametrize("source", [REPAIRED, REPAIRED_BY_HAND])
def test_repaired_fails_in_the_end(shop: Shop, source: str) -> None:
    module = shop.load(source)
    with shop.worker():
        module.reserve.delay(7)
        shop.settle()
    assert shop.states == ["RETRY"] * 10 + ["FAILURE"]


@pytest.mark.parametrize("bound", ['"countdown": 0, "max_retries": 2', '"countdown": 0, "max_retries": None'])
def test_a_number_in_retry_kwargs_ends_it_and_none_there_does_not(shop: Shop, bound: str) -> None:
    module = shop.load(BAD.replace('"countdown": 0', bound))
    with shop.worker():
        module.reserve.delay(7)
        if "None" in bound:
            assert module.many.wait(DEADLINE)
        else:
            shop.settle()
            assert shop.states == ["RETRY"] * 2 + ["FAILURE"]
