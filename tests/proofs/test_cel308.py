"""CEL308: what a task only logs is a SUCCESS for everybody who does not read the log."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
import logging

from celery import shared_task

from shop import warehouse

logger = logging.getLogger(__name__)


@shared_task(autoretry_for=(ConnectionError,), max_retries=2, default_retry_delay=0)
def reserve(order_id):
    try:
        warehouse.reserve(order_id)
    except Exception:
        logger.exception("cannot reserve %s", order_id)
"""

REPAIRED = BAD + "        raise\n"


@pytest.fixture(autouse=True)
def down(monkeypatch: pytest.MonkeyPatch, shop: Shop) -> None:
    def fail(order_id: int) -> None:
        raise ConnectionError("the warehouse is down")

    monkeypatch.setattr("shop.warehouse.reserve", fail)


def states(shop: Shop, source: str) -> list[str]:
    module = shop.load(source)
    with shop.worker():
        module.reserve.delay(1)
        shop.settle()
    return shop.states


def test_bad_is_a_success_and_is_never_retried(shop: Shop) -> None:
    assert states(shop, BAD) == ["SUCCESS"]


def test_repaired_is_retried_and_fails(shop: Shop) -> None:
    assert states(shop, REPAIRED) == ["RETRY", "RETRY", "FAILURE"]
