"""CEL208: `delay_on_commit` gives None, and only tasks on Celery's DjangoTask have it."""

from __future__ import annotations

import celery
import pytest

from tests.proofs.harness import Shop

pytestmark = pytest.mark.skipif(celery.VERSION < (5, 4), reason="Celery has the method since 5.4")

BAD = """\
from celery import shared_task
from django.db import transaction

from shop.models import Order


@shared_task
def send_receipt(order_id):
    return order_id


def checkout(customer):
    with transaction.atomic():
        order = Order.objects.create(customer=customer)
        result = send_receipt.delay_on_commit(order.pk)
        return result.id
"""

REPAIRED = BAD.replace(
    """\
        result = send_receipt.delay_on_commit(order.pk)
        return result.id
""",
    """\
        task_id = uuid()
        send_receipt.apply_async_on_commit(args=(order.pk,), task_id=task_id)
        return task_id
""",
).replace("from celery import shared_task\n", "from celery import shared_task, uuid\n")

BAD_CLASS = """\
from celery import Task, shared_task
from django.db import transaction

from shop.models import Order


class Logged(Task):
    pass


@shared_task(base=Logged)
def send_receipt(order_id):
    return order_id


def checkout(customer):
    with transaction.atomic():
        order = Order.objects.create(customer=customer)
        send_receipt.delay_on_commit(order.pk)
"""

REPAIRED_CLASS = (
    BAD_CLASS.replace("import Task, shared_task", "import shared_task")
    .replace("from django.db", "from celery.contrib.django.task import DjangoTask\nfrom django.db")
    .replace("Logged(Task)", "Logged(DjangoTask)")
)

BAD_SIGNATURE = BAD.replace(
    """\
        result = send_receipt.delay_on_commit(order.pk)
        return result.id
""",
    """\
        send_receipt.s(order.pk).delay_on_commit()
""",
)

REPAIRED_SIGNATURE = BAD_SIGNATURE.replace(
    "send_receipt.s(order.pk).delay_on_commit()", "transaction.on_commit(send_receipt.s(order.pk).delay)"
)


def checkout(shop: Shop, source: str) -> object:
    from shop.models import Order

    customer = shop.order().customer
    Order.objects.all().delete()
    return shop.load(source).checkout(customer)


@pytest.mark.parametrize("source", [BAD, BAD_CLASS, BAD_SIGNATURE])
def test_bad_fails_and_rolls_back(shop: Shop, source: str) -> None:
    from shop.models import Order

    with pytest.raises(AttributeError):
        checkout(shop, source)
    assert shop.sent == []
    assert not Order.objects.exists()


@pytest.mark.parametrize("source", [REPAIRED, REPAIRED_CLASS, REPAIRED_SIGNATURE])
def test_repaired_is_sent_after_the_commit(shop: Shop, source: str) -> None:
    from shop.models import Order

    checkout(shop, source)
    assert shop.sent == ["send_receipt"]
    assert Order.objects.exists()
