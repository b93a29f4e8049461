"""CEL102: a task's parameter that is to be a model instance."""

from __future__ import annotations

import pytest
from kombu.exceptions import EncodeError

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task
from django.core.mail import send_mail

from shop.models import Order


@shared_task
def send_receipt(order: Order) -> None:
    send_mail(f"Order {order.pk}: {order.total}", "Thank you.", "shop@localhost", [order.customer.email])
"""

REPAIRED = """\
from celery import shared_task
from django.core.mail import send_mail

from shop.models import Order


@shared_task
def send_receipt(order_id: int) -> None:
    order = Order.objects.get(pk=order_id)
    send_mail(f"Order {order.pk}: {order.total}", "Thank you.", "shop@localhost", [order.customer.email])
"""


def test_bad_cannot_be_given_what_it_asks_for(shop: Shop) -> None:
    module = shop.load(BAD)
    with pytest.raises(EncodeError):
        module.send_receipt.delay(shop.order())
    assert shop.sent == []


def test_bad_fails_in_the_worker_with_what_can_be_sent(shop: Shop) -> None:
    module = shop.load(BAD)
    with shop.worker():
        module.send_receipt.delay(shop.order().pk)
        shop.settle()
    assert [type(run.value) for run in shop.runs] == [AttributeError]
    assert shop.mails == []


def test_repaired_gets_the_key_and_reads_the_row(shop: Shop) -> None:
    module = shop.load(REPAIRED)
    order_id = shop.order().pk
    with shop.worker():
        module.send_receipt.delay(order_id)
        shop.settle()
    assert shop.mails == [f"Order {order_id}: 30"]
