"""CEL203: a dispatch from a model's signal handler, signal by signal.

A second handler of the same signal stands for all that the saver has yet to do
before it commits: it waits until a worker has run what has been sent.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import signals

from tests.proofs.harness import Shop

MODULE = "shop.handlers"

BAD_PRE_SAVE = """\
from celery import shared_task
from django.db.models.signals import pre_save
from django.dispatch import receiver

from shop.models import Product


@shared_task
def reindex(product_id):
    return Product.objects.get(pk=product_id).price


@receiver(pre_save, sender=Product)
def product_changes(sender, instance, **kwargs):
    reindex.delay(instance.pk)
"""

REPAIRED_PRE_SAVE = """\
from functools import partial

from celery import shared_task
from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver

from shop.models import Product


@shared_task
def reindex(product_id):
    return Product.objects.get(pk=product_id).price


@receiver(post_save, sender=Product)
def product_changed(sender, instance, **kwargs):
    transaction.on_commit(partial(reindex.delay, instance.pk))
"""

BAD = """\
from celery import shared_task
from django.db.models.signals import post_save
from django.dispatch import receiver

from shop.models import Customer


@shared_task
def greet(customer_id):
    return Customer.objects.get(pk=customer_id).name


@receiver(post_save, sender=Customer)
def customer_saved(sender, instance, created, **kwargs):
    if created:
        greet.delay(instance.pk)
"""

REPAIRED = """\
from functools import partial

from celery import shared_task
from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver

from shop.models import Customer


@shared_task
def greet(customer_id):
    return Customer.objects.get(pk=customer_id).name


@receiver(post_save, sender=Customer)
def customer_saved(sender, instance, created, **kwargs):
    if created:
        transaction.on_commit(partial(greet.delay, instance.pk))
"""

BAD_PRE_DELETE = """\
from celery import shared_task
from django.db import models
from django.dispatch import receiver

from shop.models import Order


@shared_task
def recount(customer_id):
    return Order.objects.filter(customer_id=customer_id).count()


@receiver(models.signals.pre_delete, sender=Order)
def order_goes(sender, instance, **kwargs):
    recount.delay(instance.customer_id)
"""

REPAIRED_PRE_DELETE = """\
from functools import partial

from celery import shared_task
from django.db import models, transaction
from django.dispatch import receiver

from shop.models import Order


@shared_task
def recount(customer_id):
    return Order.objects.filter(customer_id=customer_id).count()


@receiver(models.signals.pre_delete, sender=Order)
def order_goes(sender, instance, **kwargs):
    transaction.on_commit(partial(recount.delay, instance.customer_id))
"""

BAD_POST_DELETE = BAD_PRE_DELETE.replace("pre_delete", "post_delete")
REPAIRED_POST_DELETE = REPAIRED_PRE_DELETE.replace("pre_delete", "post_delete")

BAD_M2M_CHANGED = """\
from celery import shared_task
from django.db.models import Sum
from django.db.models.signals import m2m_changed
from django.dispatch import receiver

from shop.models import Order


@shared_task
def reprice(order_id):
    return Order.objects.get(pk=order_id).products.aggregate(total=Sum("price", default=0))["total"]


@receiver(m2m_changed, sender=Order.products.through)
def products_changed(sender, instance, action, **kwargs):
    if action == "post_add":
        reprice.delay(instance.pk)
"""

REPAIRED_M2M_CHANGED = """\
from celery import shared_task
from django.db import transaction
from django.db.models import Sum
from django.db.models.signals import m2m_changed
from django.dispatch import receiver

from shop.models import Order


@shared_task
def reprice(order_id):
    return Order.objects.get(pk=order_id).products.aggregate(total=Sum("price", default=0))["total"]


@receiver(m2m_changed, sender=Order.products.through)
def products_changed(sender, instance, action, **kwargs):
    if action == "post_add":
        transaction.on_commit(lambda: reprice.delay(instance.pk))
"""


class Saver:
    """The rest of the saver's work, as a last handler of a signal; notes whether it is in a transaction."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.in_atomic: list[bool] = []

    def connect(self, signal: Any, sender: Any) -> None:
        signal.connect(self._work, sender=sender)

    def _work(self, action: str = "", **_: Any) -> None:
        if not action.startswith("pre"):
            self.in_atomic.append(connection.in_atomic_block)
            self.shop.settle()


@pytest.fixture
def saver(shop: Shop) -> Saver:
    return Saver(shop)


def test_pre_save(shop: Shop, saver: Saver) -> None:
    """In autocommit already: the row is written after the handler."""
    assert _price_seen(shop, saver, BAD_PRE_SAVE) == 10
    assert saver.in_atomic == [False]


def test_pre_save_repaired(shop: Shop, saver: Saver) -> None:
    assert _price_seen(shop, saver, REPAIRED_PRE_SAVE) == 12


def _price_seen(shop: Shop, saver: Saver, source: str) -> Any:
    """The price that the task reads when it is changed from 10 to 12."""
    from shop.models import Product

    product = Product.objects.create(name="Tea", price=10)
    shop.load(source, MODULE)
    saver.connect(signals.pre_save, Product)
    with shop.worker():
        product.price = 12
        product.save()
        shop.settle()
    return shop.runs[-1].value


def _create() -> None:
    from shop.models import Customer

    Customer.objects.create(name="Ada", email="ada@localhost")


def _create_in_atomic() -> None:
    with transaction.atomic():
        _create()


def _get_or_create() -> None:
    from shop.models import Customer

    Customer.objects.get_or_create(name="Ada", defaults={"email": "ada@localhost"})


def _update_or_create() -> None:
    from shop.models import Customer

    Customer.objects.update_or_create(name="Ada", defaults={"email": "ada@localhost"})


@pytest.mark.parametrize("save", [_create_in_atomic, _get_or_create, _update_or_create])
def test_post_save_in_a_transaction(shop: Shop, saver: Saver, save: Any) -> None:
    assert _states_of_greeting(shop, saver, BAD, save) == ["FAILURE"]
    assert saver.in_atomic == [True]


@pytest.mark.parametrize("save", [_create, _create_in_atomic, _get_or_create, _update_or_create])
def test_post_save_repaired(shop: Shop, saver: Saver, save: Any) -> None:
    assert _states_of_greeting(shop, saver, REPAIRED, save) == ["SUCCESS"]


def test_post_save_of_a_plain_save_is_in_no_transaction(shop: Shop, saver: Saver) -> None:
    """Why it is a warning and the others are errors."""
    assert _states_of_greeting(shop, saver, BAD, _create) == ["SUCCESS"]
    assert saver.in_atomic == [False]


def _states_of_greeting(shop: Shop, saver: Saver, source: str, save: Any) -> list[str]:
    """The states of the runs when `save` creates a customer."""
    from shop.models import Customer

    shop.load(source, MODULE)
    saver.connect(signals.post_save, Customer)
    with shop.worker():
        save()
        shop.settle()
    return shop.states


@pytest.mark.parametrize("of_a_queryset", [False, True], ids=["instance", "queryset"])
@pytest.mark.parametrize(
    ("signal", "source"), [(signals.pre_delete, BAD_PRE_DELETE), (signals.post_delete, BAD_POST_DELETE)]
)
def test_delete(shop: Shop, saver: Saver, signal: Any, source: str, of_a_queryset: bool) -> None:
    assert _orders_counted(shop, saver, signal, source, of_a_queryset) == 1
    assert saver.in_atomic == [True]


@pytest.mark.parametrize("of_a_queryset", [False, True], ids=["instance", "queryset"])
@pytest.mark.parametrize(
    ("signal", "source"),
    [(signals.pre_delete, REPAIRED_PRE_DELETE), (signals.post_delete, REPAIRED_POST_DELETE)],
)
def test_delete_repaired(shop: Shop, saver: Saver, signal: Any, source: str, of_a_queryset: bool) -> None:
    assert _orders_counted(shop, saver, signal, source, of_a_queryset) == 0


def _orders_counted(shop: Shop, saver: Saver, signal: Any, source: str, of_a_queryset: bool) -> Any:
    """How many orders the task counts when the only one is deleted, in autocommit."""
    from shop.models import Order

    order = shop.order()
    shop.load(source, MODULE)
    saver.connect(signal, Order)
    with shop.worker():
        (Order.objects.filter(pk=order.pk) if of_a_queryset else order).delete()
        shop.settle()
    return shop.runs[-1].value


def test_m2m_changed(shop: Shop, saver: Saver) -> None:
    assert _total_computed(shop, saver, BAD_M2M_CHANGED) == 0
    assert saver.in_atomic == [True]


def test_m2m_changed_repaired(shop: Shop, saver: Saver) -> None:
    assert _total_computed(shop, saver, REPAIRED_M2M_CHANGED) == 10


def _total_computed(shop: Shop, saver: Saver, source: str) -> Any:
    """The total that the task computes when a product for 10 is added to an empty order, in autocommit."""
    from shop.models import Order, Product

    order, product = shop.order(), Product.objects.create(name="Tea", price=10)
    shop.load(source, MODULE)
    saver.connect(signals.m2m_changed, Order.products.through)
    with shop.worker():
        order.products.add(product)
        shop.settle()
    return shop.runs[-1].value
