"""CEL304: without `exc` the end of the retries has another error than what went wrong."""

from __future__ import annotations

import pytest
from celery.exceptions import MaxRetriesExceededError

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task

from shop import warehouse


@shared_task(bind=True, max_retries=1)
def reserve(self, order_id):
    try:
        warehouse.reserve(order_id)
    except ConnectionError as exc:
        raise self.retry(countdown=0)
"""

REPAIRED = BAD.replace("countdown=0", "countdown=0, exc=exc")


@pytest.fixture(autouse=True)
def down(monkeypatch: pytest.MonkeyPatch, shop: Shop) -> None:
    def fail(order_id: int) -> None:
        raise ConnectionError("the warehouse is down")

    monkeypatch.setattr("shop.warehouse.reserve", fail)


def last_error(shop: Shop, source: str) -> object:
    module = shop.load(source)
    with shop.worker():
        module.reserve.delay(1)
        shop.settle()
    assert shop.states == ["RETRY", "FAILURE"]
    return shop.runs[-1].value


def test_bad_fails_with_an_error_of_celery(shop: Shop) -> None:
    assert type(last_error(shop, BAD)) is MaxRetriesExceededError


def test_repaired_fails_with_what_went_wrong(shop: Shop) -> None:
    assert type(last_error(shop, REPAIRED)) is ConnectionError
