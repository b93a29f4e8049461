"""CEL310: `autoretry_for` retries outside of the body, and ends with the exception itself."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task
from celery.exceptions import MaxRetriesExceededError

from shop import warehouse


@shared_task(autoretry_for=(ConnectionError,), max_retries=2, default_retry_delay=0)
def reserve(order_id):
    try:
        warehouse.reserve(order_id)
    except MaxRetriesExceededError:
        warehouse.give_up(order_id)
"""

REPAIRED = """\
from celery import shared_task

from shop import warehouse


@shared_task(bind=True, autoretry_for=(ConnectionError,), max_retries=2, default_retry_delay=0)
def reserve(self, order_id):
    try:
        warehouse.reserve(order_id)
    except ConnectionError:
        if self.request.retries >= self.max_retries:
            warehouse.give_up(order_id)
        raise
"""

REPAIRED_BY_HAND = """\
from celery import shared_task
from celery.exceptions import MaxRetriesExceededError

from shop import warehouse


@shared_task(bind=True, max_retries=2)
def reserve(self, order_id):
    try:
        warehouse.reserve(order_id)
    except ConnectionError:
        try:
            raise self.retry(countdown=0)
        except MaxRetriesExceededError:
            warehouse.give_up(order_id)
            raise
"""


@pytest.fixture
def given_up(monkeypatch: pytest.MonkeyPatch, shop: Shop) -> list[int]:
    """The orders that the task gives up."""

    def fail(order_id: int) -> None:
        raise ConnectionError("the warehouse is down")

    orders: list[int] = []
    monkeypatch.setattr("shop.warehouse.reserve", fail)
    monkeypatch.setattr("shop.warehouse.give_up", orders.append, raising=False)
    return orders


def run(shop: Shop, source: str) -> None:
    module = shop.load(source)
    with shop.worker():
        module.reserve.delay(1)
        shop.settle()
    assert shop.states == ["RETRY", "RETRY", "FAILURE"]


def test_bad_never_gives_up(shop: Shop, given_up: list[int]) -> None:
    run(shop, BAD)
    assert given_up == []
    assert type(shop.runs[-1].value) is ConnectionError


@pytest.mark.parametrize("source", [REPAIRED, REPAIRED_BY_HAND])
def test_repaired_gives_up(shop: Shop, given_up: list[int], source: str) -> None:
    run(shop, source)
    assert given_up == [1]
