"""CEL209: a worker may have the message before the function comes to its next line."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task

from shop import warehouse
from shop.models import Order


@shared_task
def ship(order_id):
    order = Order.objects.get(pk=order_id)
    return "shipped" if order.status == "paid" else "not paid"


def pay(order_id):
    order = Order.objects.get(pk=order_id)
    order.status = "paid"
    ship.delay(order.pk)
    warehouse.reserve(order.pk)
    order.save()
"""

REPAIRED = BAD.replace(
    """\
    ship.delay(order.pk)
    warehouse.reserve(order.pk)
    order.save()
""",
    """\
    order.save()
    ship.delay(order.pk)
    warehouse.reserve(order.pk)
""",
)

BAD_DELETED = BAD.replace('    order.status = "paid"\n', "").replace("order.save()", "order.delete()")

REPAIRED_DELETED = BAD_DELETED.replace("    order.delete()\n", "")


def shipped(shop: Shop, source: str, monkeypatch: pytest.MonkeyPatch, *, quick: bool) -> object:
    """What the task finds; `quick` is a worker that is done before the function goes on."""
    order = shop.order()
    module = shop.load(source)
    monkeypatch.setattr("shop.warehouse.reserve", lambda order_id: shop.settle() if quick else None)
    if quick:
        with shop.worker():
            module.pay(order.pk)
    else:
        module.pay(order.pk)
        with shop.worker():
            shop.settle()
    return shop.runs[0].value


def test_bad_reads_the_row_as_it_was(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shipped(shop, BAD, monkeypatch, quick=True) == "not paid"


def test_bad_works_with_a_slow_worker(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shipped(shop, BAD, monkeypatch, quick=False) == "shipped"


@pytest.mark.parametrize("quick", [True, False])
def test_repaired_reads_the_row_as_it_is(shop: Shop, monkeypatch: pytest.MonkeyPatch, quick: bool) -> None:
    assert shipped(shop, REPAIRED, monkeypatch, quick=quick) == "shipped"


def test_bad_deleted_finds_no_row(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped(shop, BAD_DELETED, monkeypatch, quick=False)
    assert shop.states == ["FAILURE"]


def test_repaired_deleted_finds_its_row(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shipped(shop, REPAIRED_DELETED, monkeypatch, quick=False) == "not paid"
