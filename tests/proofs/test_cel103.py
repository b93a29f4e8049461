"""CEL103: a queryset or a manager among a task's arguments."""

from __future__ import annotations

import pytest
from kombu.exceptions import EncodeError

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task

from shop.models import Order


@shared_task
def export(order_ids):
    return sorted(order_ids)


def export_new():
    export.delay(Order.objects.filter(status="new"))
"""

REPAIRED = """\
from celery import shared_task

from shop.models import Order


@shared_task
def export(order_ids):
    return sorted(order_ids)


def export_new():
    export.delay(list(Order.objects.filter(status="new").values_list("pk", flat=True)))
"""

BAD_MANAGER = BAD.replace('Order.objects.filter(status="new")', "Order.objects")
REPAIRED_MANAGER = REPAIRED.replace('Order.objects.filter(status="new")', "Order.objects")

BAD_VALUES_LIST = BAD.replace('filter(status="new")', 'filter(status="new").values_list("pk", flat=True)')
REPAIRED_VALUES_LIST = REPAIRED

BAD_VALUES = BAD.replace('filter(status="new")', 'filter(status="new").values("pk")').replace(
    "sorted(order_ids)", 'sorted(order["pk"] for order in order_ids)'
)
REPAIRED_VALUES = BAD_VALUES.replace(
    'Order.objects.filter(status="new").values("pk")', 'list(Order.objects.filter(status="new").values("pk"))'
)


@pytest.mark.parametrize("source", [BAD, BAD_MANAGER, BAD_VALUES_LIST, BAD_VALUES])
def test_bad_raises_in_the_caller_and_sends_nothing(shop: Shop, source: str) -> None:
    shop.order()
    module = shop.load(source)
    with pytest.raises(EncodeError, match="is not JSON serializable"):
        module.export_new()
    assert shop.sent == []


@pytest.mark.parametrize("source", [REPAIRED, REPAIRED_MANAGER, REPAIRED_VALUES])
def test_repaired_sends_the_keys(shop: Shop, source: str) -> None:
    keys = [shop.order().pk, shop.order().pk]
    module = shop.load(source)
    with shop.worker():
        module.export_new()
        shop.settle()
    assert [run.value for run in shop.runs] == [keys]
