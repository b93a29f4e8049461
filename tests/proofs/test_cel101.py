"""CEL101: a model instance among a task's arguments."""

from __future__ import annotations

import pytest
from kombu.exceptions import EncodeError

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task
from django.core.mail import send_mail

from shop.models import Order


@shared_task
def send_receipt(order):
    send_mail(f"Order {order.pk}: {order.total}", "Thank you.", "shop@localhost", [order.customer.email])


def confirm(order_id):
    order = Order.objects.get(pk=order_id)
    send_receipt.delay(order)
"""

REPAIRED = """\
from celery import shared_task
from django.core.mail import send_mail

from shop.models import Order


@shared_task
def send_receipt(order_id):
    order = Order.objects.get(pk=order_id)
    send_mail(f"Order {order.pk}: {order.total}", "Thank you.", "shop@localhost", [order.customer.email])


def confirm(order_id):
    order = Order.objects.get(pk=order_id)
    send_receipt.delay(order.pk)
"""

BAD_NESTED = """\
from celery import shared_task
from django.core.mail import send_mail

from shop.models import Order


@shared_task
def send_summary(orders):
    send_mail(f"{len(orders)} orders", "Thank you.", "shop@localhost", ["sales@localhost"])


def summarise(customer_id):
    send_summary.delay([order for order in Order.objects.filter(customer_id=customer_id)])
"""

REPAIRED_NESTED = """\
from celery import shared_task
from django.core.mail import send_mail

from shop.models import Order


@shared_task
def send_summary(order_ids):
    send_mail(f"{len(order_ids)} orders", "Thank you.", "shop@localhost", ["sales@localhost"])


def summarise(customer_id):
    send_summary.delay([order.pk for order in Order.objects.filter(customer_id=customer_id)])
"""

BAD_PICKLED = """\
from celery import shared_task

from shop.models import Order


@shared_task(serializer="pickle")
def mark_shipped(order):
    order.status = "shipped"
    order.save()


def ship(order_id):
    order = Order.objects.get(pk=order_id)
    mark_shipped.delay(order)
"""

REPAIRED_PICKLED = """\
from celery import shared_task

from shop.models import Order


@shared_task(serializer="pickle")
def mark_shipped(order_id):
    order = Order.objects.get(pk=order_id)
    order.status = "shipped"
    order.save()


def ship(order_id):
    order = Order.objects.get(pk=order_id)
    mark_shipped.delay(order.pk)
"""

BAD_SQLALCHEMY = """\
from celery import shared_task
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

engine = create_engine("sqlite://")


class Base(DeclarativeBase):
    pass


class Invoice(Base):
    __tablename__ = "invoice"
    id: Mapped[int] = mapped_column(primary_key=True)


@shared_task
def print_invoice(invoice):
    return invoice.id


def issue():
    with Session(engine, expire_on_commit=False) as session:
        invoice = Invoice()
        session.add(invoice)
        session.commit()
        print_invoice.delay(invoice)
"""

REPAIRED_SQLALCHEMY = (
    BAD_SQLALCHEMY.replace("print_invoice(invoice)", "print_invoice(invoice_id)")
    .replace("return invoice.id", "return invoice_id")
    .replace("print_invoice.delay(invoice)", "print_invoice.delay(invoice.id)")
)


def test_bad_raises_in_the_caller_and_sends_nothing(shop: Shop) -> None:
    module = shop.load(BAD)
    with pytest.raises(EncodeError, match="Order is not JSON serializable"):
        module.confirm(shop.order().pk)
    assert shop.sent == []


def test_repaired_arrives(shop: Shop) -> None:
    module = shop.load(REPAIRED)
    order_id = shop.order().pk
    with shop.worker():
        module.confirm(order_id)
        shop.settle()
    assert shop.mails == [f"Order {order_id}: 30"]


def test_bad_in_a_list_raises_too(shop: Shop) -> None:
    module = shop.load(BAD_NESTED)
    order = shop.order()
    with pytest.raises(EncodeError):
        module.summarise(order.customer_id)
    assert shop.sent == []


def test_repaired_list_arrives(shop: Shop) -> None:
    module = shop.load(REPAIRED_NESTED)
    order = shop.order()
    with shop.worker():
        module.summarise(order.customer_id)
        shop.settle()
    assert shop.mails == ["1 orders"]


@pytest.mark.parametrize(("source", "total"), [(BAD_PICKLED, 30), (REPAIRED_PICKLED, 45)], ids=["bad", "repaired"])
def test_a_pickled_instance_overwrites_what_was_saved_meanwhile(shop: Shop, source: str, total: int) -> None:
    from shop.models import Order

    shop.app.conf.accept_content = ["json", "pickle"]
    module = shop.load(source)
    order_id = shop.order().pk
    module.ship(order_id)
    Order.objects.filter(pk=order_id).update(total=45)  # before a worker takes the message
    with shop.worker():
        shop.settle()
    order = Order.objects.get(pk=order_id)
    assert (order.status, order.total) == ("shipped", total)


def test_bad_raises_for_sqlalchemy_as_well(shop: Shop) -> None:
    module = shop.load(BAD_SQLALCHEMY)
    module.Base.metadata.create_all(module.engine)
    with pytest.raises(EncodeError, match="Invoice is not JSON serializable"):
        module.issue()
    assert shop.sent == []


def test_repaired_arrives_for_sqlalchemy_as_well(shop: Shop) -> None:
    module = shop.load(REPAIRED_SQLALCHEMY)
    module.Base.metadata.create_all(module.engine)
    with shop.worker():
        module.issue()
        shop.settle()
    assert [run.value for run in shop.runs] == [1]
