"""CEL402: a value is read, changed and written back, while another task does the same."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db.models.signals import ModelSignal, post_init, pre_save

from tests.proofs.harness import DEADLINE, Shop

BAD = """\
from celery import shared_task

from shop.models import Product


@shared_task
def count_view(product_id):
    product = Product.objects.get(pk=product_id)
    product.views += 1
    product.save()
"""

REPAIRED = """\
from celery import shared_task
from django.db.models import F

from shop.models import Product


@shared_task
def count_view(product_id):
    product = Product.objects.get(pk=product_id)
    product.views = F("views") + 1
    product.save(update_fields=["views"])
"""

BAD_UPDATE_FIELDS = BAD.replace("save()", 'save(update_fields=["views"])')
REPAIRED_UPDATE_FIELDS = """\
from celery import shared_task
from django.db.models import F

from shop.models import Product


@shared_task
def count_view(product_id):
    Product.objects.filter(pk=product_id).update(views=F("views") + 1)
"""


BAD_QUERY = REPAIRED_UPDATE_FIELDS.replace(
    "    Product", "    product = Product.objects.get(pk=product_id)\n    Product"
).replace('F("views")', "product.views")
REPAIRED_QUERY = BAD_QUERY.replace("product.views", 'F("views")')


def views_counted(shop: Shop, source: str, has_read: ModelSignal = pre_save) -> int:
    """The count after two runs that overlap: before either writes, both have read."""
    from shop.models import Product

    product = Product.objects.create(name="tea")
    both_have_read = threading.Barrier(2, timeout=DEADLINE)

    def meet(**_: Any) -> None:
        both_have_read.wait()

    has_read.connect(meet, sender=Product)
    module = shop.load(source)
    with shop.worker(pool="threads", concurrency=2):
        module.count_view.delay(product.pk)
        module.count_view.delay(product.pk)
        shop.settle()
    has_read.disconnect(meet, sender=Product)
    assert shop.states == ["SUCCESS", "SUCCESS"]
    product.refresh_from_db()
    return int(product.views)


@pytest.mark.parametrize("source", [BAD, BAD_UPDATE_FIELDS])
def test_bad_loses_one(shop: Shop, source: str) -> None:
    assert views_counted(shop, source) == 1


@pytest.mark.parametrize("source", [REPAIRED, REPAIRED_UPDATE_FIELDS])
def test_repaired_counts_both(shop: Shop, source: str) -> None:
    assert views_counted(shop, source) == 2


def test_bad_query_loses_one(shop: Shop) -> None:
    assert views_counted(shop, BAD_QUERY, post_init) == 1


def test_repaired_query_counts_both(shop: Shop) -> None:
    assert views_counted(shop, REPAIRED_QUERY, post_init) == 2
