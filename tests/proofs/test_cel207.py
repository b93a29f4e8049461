"""CEL207: `on_commit` calls at once where no transaction of its own database is open."""

from __future__ import annotations

import celery
import pytest

from tests.proofs.harness import Shop

BAD = """\
from functools import partial

from celery import shared_task
from django.db import transaction

from shop import warehouse


@shared_task
def send_receipt(order_id):
    return order_id


def archive(order_id):
    with transaction.atomic(using="archive"):
        transaction.on_commit(partial(send_receipt.delay, order_id))
        warehouse.reserve(order_id)
"""

REPAIRED = BAD.replace("order_id))", 'order_id), using="archive")')

BAD_METHOD = """\
from celery import shared_task
from django.db import transaction

from shop import warehouse


@shared_task
def send_receipt(order_id):
    return order_id


def archive(order_id):
    with transaction.atomic(using="archive"):
        send_receipt.delay_on_commit(order_id)
        warehouse.reserve(order_id)
"""

REPAIRED_METHOD = REPAIRED

has_method = pytest.mark.skipif(celery.VERSION < (5, 4), reason="delay_on_commit is new in Celery 5.4")


BOTH = pytest.mark.parametrize("source", [BAD, pytest.param(BAD_METHOD, marks=has_method)])


def sent_inside(shop: Shop, source: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many messages have left before the commit."""
    counts: list[int] = []
    monkeypatch.setattr("shop.warehouse.reserve", lambda order_id: counts.append(len(shop.sent)))
    shop.load(source).archive(1)
    assert shop.sent == ["send_receipt"]
    return counts[0]


def sent_although_rolled_back(shop: Shop, source: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What has left although the transaction is rolled back."""

    def fail(order_id: int) -> None:
        raise ConnectionError("the warehouse is down")

    monkeypatch.setattr("shop.warehouse.reserve", fail)
    with pytest.raises(ConnectionError):
        shop.load(source).archive(1)
    return shop.sent


@BOTH
def test_bad_is_sent_at_once(shop: Shop, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sent_inside(shop, source, monkeypatch) == 1


@BOTH
def test_bad_is_sent_although_rolled_back(shop: Shop, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sent_although_rolled_back(shop, source, monkeypatch) == ["send_receipt"]


def test_repaired_waits_for_the_commit(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sent_inside(shop, REPAIRED, monkeypatch) == 0


def test_repaired_is_dropped_with_the_transaction(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sent_although_rolled_back(shop, REPAIRED_METHOD, monkeypatch) == []
