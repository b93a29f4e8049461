"""CEL305: `retry` raises by itself, and with `throw=False` the rest of the task runs beside its retry."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task

from shop import warehouse


@shared_task(bind=True, max_retries=2)
def ship(self, order_id):
    try:
        warehouse.reserve(order_id)
    except ConnectionError as exc:
        self.retry(exc=exc, countdown=0)
        warehouse.book(order_id)
"""

REPAIRED = BAD.replace("        self.retry", "        raise self.retry").replace(
    "        warehouse.book(order_id)\n", ""
)

BAD_NO_THROW = """\
from celery import shared_task

from shop import warehouse


@shared_task(bind=True, max_retries=2)
def ship(self, order_id):
    try:
        warehouse.reserve(order_id)
    except ConnectionError as exc:
        self.retry(exc=exc, countdown=0, throw=False)
    warehouse.book(order_id)
"""

REPAIRED_NO_THROW = BAD_NO_THROW.replace("        self.retry", "        raise self.retry").replace(", throw=False", "")


@pytest.fixture
def booked(monkeypatch: pytest.MonkeyPatch, shop: Shop) -> list[int]:
    """What the warehouse, which is down, is told to book."""

    def down(order_id: int) -> None:
        raise ConnectionError("the warehouse is down")

    orders: list[int] = []
    monkeypatch.setattr("shop.warehouse.reserve", down)
    monkeypatch.setattr("shop.warehouse.book", orders.append, raising=False)
    return orders


def states(shop: Shop, source: str) -> list[str]:
    module = shop.load(source)
    with shop.worker():
        module.ship.delay(1)
        shop.settle()
    return shop.states


def test_bad_never_comes_to_the_next_line(shop: Shop, booked: list[int]) -> None:
    assert states(shop, BAD) == ["RETRY", "RETRY", "FAILURE"]
    assert booked == []


def test_repaired_does_the_same(shop: Shop, booked: list[int]) -> None:
    assert states(shop, REPAIRED) == ["RETRY", "RETRY", "FAILURE"]
    assert booked == []


def test_bad_runs_the_rest_each_time_and_is_a_success(shop: Shop, booked: list[int]) -> None:
    assert states(shop, BAD_NO_THROW) == ["SUCCESS", "SUCCESS", "FAILURE"]
    assert booked == [1, 1]


def test_repaired_ends_the_run(shop: Shop, booked: list[int]) -> None:
    assert states(shop, REPAIRED_NO_THROW) == ["RETRY", "RETRY", "FAILURE"]
    assert booked == []
