"""CEL206: a callback for `on_commit` that reads a name which has moved on by the commit."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task
from django.db import transaction

from shop.models import Product


@shared_task
def reindex(product_id):
    return Product.objects.get(pk=product_id).name


def import_products(names):
    with transaction.atomic():
        for name in names:
            product = Product.objects.create(name=name)
            transaction.on_commit(lambda: reindex.delay(product.pk))
"""

REPAIRED = """\
from functools import partial

from celery import shared_task
from django.db import transaction

from shop.models import Product


@shared_task
def reindex(product_id):
    return Product.objects.get(pk=product_id).name


def import_products(names):
    with transaction.atomic():
        for name in names:
            product = Product.objects.create(name=name)
            transaction.on_commit(partial(reindex.delay, product.pk))
"""

BAD_DELETED = """\
from celery import shared_task
from django.db import transaction

from shop.models import Product


@shared_task
def unindex(product_id):
    return product_id


def discontinue(name):
    with transaction.atomic():
        product = Product.objects.get(name=name)
        product.delete()
        transaction.on_commit(lambda: unindex.delay(product.pk))
"""

REPAIRED_DELETED = """\
from celery import shared_task
from django.db import transaction

from shop.models import Product


@shared_task
def unindex(product_id):
    return product_id


def discontinue(name):
    with transaction.atomic():
        product = Product.objects.get(name=name)
        product_id = product.pk
        product.delete()
        transaction.on_commit(lambda: unindex.delay(product_id))
"""

ATOMIC_INSIDE = BAD.replace(
    """\
    with transaction.atomic():
        for name in names:
""",
    """\
    for name in names:
        with transaction.atomic():
""",
)
"""The same callback, committed in each turn."""


def reindexed(shop: Shop, source: str) -> list[str]:
    """The products that the tasks read after the import of three."""
    module = shop.load(source)
    with shop.worker():
        module.import_products(["tea", "milk", "sugar"])
        shop.settle()
    return [run.value for run in shop.runs]


def test_bad_sends_the_last_one_each_time(shop: Shop) -> None:
    assert reindexed(shop, BAD) == ["sugar", "sugar", "sugar"]


@pytest.mark.parametrize("source", [REPAIRED, ATOMIC_INSIDE], ids=["repaired", "atomic inside the loop"])
def test_repaired_sends_each(shop: Shop, source: str) -> None:
    assert reindexed(shop, source) == ["tea", "milk", "sugar"]


@pytest.mark.parametrize("source", [BAD_DELETED, REPAIRED_DELETED], ids=["bad", "repaired"])
def test_a_deleted_row_has_no_key_any_more(shop: Shop, source: str) -> None:
    from shop.models import Product

    product = Product.objects.create(name="tea")
    module = shop.load(source)
    with shop.worker():
        module.discontinue("tea")
        shop.settle()
    assert [run.args for run in shop.runs] == [(None,) if source is BAD_DELETED else (product.pk,)]
