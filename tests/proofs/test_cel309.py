"""CEL309: an exception or a number is no list of arguments, and a text cannot be raised."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task

from shop import warehouse


@shared_task(bind=True, max_retries=2, default_retry_delay=0)
def reserve(self, order_id):
    try:
        warehouse.reserve(order_id)
    except ConnectionError as exc:
        raise self.retry(exc)
"""

REPAIRED = BAD.replace("self.retry(exc)", "self.retry(exc=exc)")

BAD_DELAY = BAD.replace("self.retry(exc)", "self.retry(0.01)")

REPAIRED_DELAY = BAD.replace("self.retry(exc)", "self.retry(countdown=0.01)")

BAD_SECOND = BAD.replace("self.retry(exc)", "self.retry([order_id], exc)")

REPAIRED_SECOND = BAD.replace("self.retry(exc)", "self.retry([order_id], exc=exc)")

BAD_TEXT = BAD.replace("self.retry(exc)", "self.retry(exc=str(exc))")

REPAIRED_TEXT = REPAIRED


@pytest.fixture(autouse=True)
def down(monkeypatch: pytest.MonkeyPatch, shop: Shop) -> None:
    def fail(order_id: int) -> None:
        raise ConnectionError("the warehouse is down")

    monkeypatch.setattr("shop.warehouse.reserve", fail)


def run(shop: Shop, source: str) -> None:
    module = shop.load(source)
    with shop.worker():
        module.reserve.delay(1)
        shop.settle()


@pytest.mark.parametrize("source", [BAD, BAD_DELAY])
def test_bad_sends_no_retry(shop: Shop, source: str) -> None:
    run(shop, source)
    (only,) = shop.runs
    assert (only.state, type(only.value)) == ("FAILURE", TypeError)


def test_bad_second_is_rejected(shop: Shop) -> None:
    run(shop, BAD_SECOND)
    assert shop.states == ["REJECTED"]


def test_bad_text_hides_the_error_at_the_end(shop: Shop) -> None:
    run(shop, BAD_TEXT)
    assert shop.states == ["RETRY", "RETRY", "FAILURE"]
    assert type(shop.runs[-1].value) is TypeError


@pytest.mark.parametrize("source", [REPAIRED, REPAIRED_SECOND])
def test_repaired_retries_and_fails_with_the_error(shop: Shop, source: str) -> None:
    run(shop, source)
    assert shop.states == ["RETRY", "RETRY", "FAILURE"]
    assert type(shop.runs[-1].value) is ConnectionError


def test_repaired_delay_retries(shop: Shop) -> None:
    run(shop, REPAIRED_DELAY)
    assert shop.states == ["RETRY", "RETRY", "FAILURE"]


def test_repaired_text_fails_with_the_error(shop: Shop) -> None:
    run(shop, REPAIRED_TEXT)
    assert type(shop.runs[-1].value) is ConnectionError
