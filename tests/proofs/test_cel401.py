"""CEL401: a task that is retried repeats an effect that must happen once."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task

from shop import payments, warehouse
from shop.models import Order


@shared_task(autoretry_for=(ConnectionError,), retry_kwargs={"max_retries": 2, "countdown": 0})
def settle(order_id):
    order = Order.objects.get(pk=order_id)
    payments.charge(order.pk, order.total)
    warehouse.reserve(order.pk)
"""

REPAIRED = """\
from celery import shared_task
from django.utils import timezone

from shop import payments, warehouse
from shop.models import Order


@shared_task(autoretry_for=(ConnectionError,), retry_kwargs={"max_retries": 2, "countdown": 0})
def settle(order_id):
    order = Order.objects.get(pk=order_id)
    if order.paid_at is None:
        payments.charge(order.pk, order.total)
        order.paid_at = timezone.now()
        order.save(update_fields=["paid_at"])
    warehouse.reserve(order.pk)
"""

BAD_MAIL = """\
from celery import shared_task
from django.core.mail import send_mail

from shop import warehouse


@shared_task(bind=True, max_retries=2)
def dispatch(self, order_id):
    try:
        send_mail("Your order is on its way", "Thank you.", "shop@localhost", ["ada@localhost"])
        warehouse.reserve(order_id)
    except ConnectionError as error:
        raise self.retry(exc=error, countdown=0)
"""

REPAIRED_MAIL = """\
from celery import shared_task
from django.core.mail import send_mail

from shop import warehouse
from shop.models import Order


@shared_task(bind=True, max_retries=2)
def dispatch(self, order_id):
    try:
        if Order.objects.filter(pk=order_id, status="new").update(status="announced"):
            send_mail("Your order is on its way", "Thank you.", "shop@localhost", ["ada@localhost"])
        warehouse.reserve(order_id)
    except ConnectionError as error:
        raise self.retry(exc=error, countdown=0)
"""

BAD_ROW = """\
from celery import shared_task

from shop import warehouse
from shop.models import Product


@shared_task(autoretry_for=(ConnectionError,), retry_kwargs={"max_retries": 2, "countdown": 0})
def import_product(name, order_id):
    Product.objects.create(name=name)
    warehouse.reserve(order_id)
"""

REPAIRED_ROW = BAD_ROW.replace("objects.create(", "objects.get_or_create(")


@pytest.fixture
def charged(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The orders charged. The warehouse answers at the third call only."""
    charged: list[int] = []
    answers = iter([False, False, True])

    def reserve(order_id: int) -> None:
        if not next(answers):
            raise ConnectionError("refused")

    monkeypatch.setattr("shop.payments.charge", lambda order_id, amount: charged.append(order_id))
    monkeypatch.setattr("shop.warehouse.reserve", reserve)
    return charged


@pytest.mark.parametrize(("source", "times"), [(BAD, 3), (REPAIRED, 1)], ids=["bad", "repaired"])
def test_a_payment(shop: Shop, charged: list[int], source: str, times: int) -> None:
    order = shop.order()
    module = shop.load(source)
    with shop.worker():
        module.settle.delay(order.pk)
        shop.settle()
    assert shop.states == ["RETRY", "RETRY", "SUCCESS"]
    assert charged == [order.pk] * times


@pytest.mark.usefixtures("charged")
@pytest.mark.parametrize(("source", "times"), [(BAD_MAIL, 3), (REPAIRED_MAIL, 1)], ids=["bad", "repaired"])
def test_a_mail(shop: Shop, source: str, times: int) -> None:
    order = shop.order()
    module = shop.load(source)
    with shop.worker():
        module.dispatch.delay(order.pk)
        shop.settle()
    assert shop.states == ["RETRY", "RETRY", "SUCCESS"]
    assert shop.mails == ["Your order is on its way"] * times


@pytest.mark.usefixtures("charged")
@pytest.mark.parametrize(("source", "times"), [(BAD_ROW, 3), (REPAIRED_ROW, 1)], ids=["bad", "repaired"])
def test_a_new_row(shop: Shop, source: str, times: int) -> None:
    from shop.models import Product

    module = shop.load(source)
    with shop.worker():
        module.import_product.delay("tea", 1)
        shop.settle()
    assert shop.states == ["RETRY", "RETRY", "SUCCESS"]
    assert Product.objects.filter(name="tea").count() == times
