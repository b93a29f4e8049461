"""CEL210: `Retry` rolls back the transaction that it leaves."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task
from django.db import transaction

from shop import warehouse
from shop.models import Order


@shared_task(bind=True, max_retries=2)
def ship(self, order_id):
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order_id)
        order.total += 1
        order.save(update_fields=["total"])
        if not warehouse.reserve(order_id):
            raise self.retry(countdown=0)
"""

REPAIRED = """\
from celery import shared_task
from django.db import transaction

from shop import warehouse
from shop.models import Order


@shared_task(bind=True, max_retries=2)
def ship(self, order_id):
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order_id)
        order.total += 1
        order.save(update_fields=["total"])
    if not warehouse.reserve(order_id):
        raise self.retry(countdown=0)
"""

BAD_HANDLER = """\
from celery import shared_task
from django.db import transaction

from shop import warehouse
from shop.models import Order


@shared_task(bind=True, max_retries=2)
@transaction.atomic
def ship(self, order_id):
    order = Order.objects.select_for_update().get(pk=order_id)
    try:
        warehouse.find(order_id)
    except ConnectionError as exc:
        order.total += 1
        order.save(update_fields=["total"])
        raise self.retry(exc=exc, countdown=0)
"""

REPAIRED_HANDLER = """\
from celery import shared_task
from django.db import transaction

from shop import warehouse
from shop.models import Order


@shared_task(bind=True, max_retries=2)
def ship(self, order_id):
    try:
        warehouse.find(order_id)
    except ConnectionError as exc:
        with transaction.atomic():
            order = Order.objects.select_for_update().get(pk=order_id)
            order.total += 1
            order.save(update_fields=["total"])
        raise self.retry(exc=exc, countdown=0)
"""


@pytest.fixture(autouse=True)
def sold_out(monkeypatch: pytest.MonkeyPatch, shop: Shop) -> None:
    def fail(order_id: int) -> None:
        raise ConnectionError("the warehouse is down")

    monkeypatch.setattr("shop.warehouse.reserve", lambda order_id: False)
    monkeypatch.setattr("shop.warehouse.find", fail, raising=False)


def counted(shop: Shop, source: str) -> int:
    """How many attempts the order tells of, after three."""
    order = shop.order(total=0)
    module = shop.load(source)
    with shop.worker():
        module.ship.delay(order.pk)
        shop.settle()
    assert shop.states == ["RETRY", "RETRY", "FAILURE"]
    order.refresh_from_db()
    return int(order.total)


@pytest.mark.parametrize("source", [BAD, BAD_HANDLER])
def test_bad_forgets_its_attempts(shop: Shop, source: str) -> None:
    assert counted(shop, source) == 0


@pytest.mark.parametrize("source", [REPAIRED, REPAIRED_HANDLER])
def test_repaired_counts_its_attempts(shop: Shop, source: str) -> None:
    assert counted(shop, source) == 3
