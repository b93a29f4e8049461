"""CEL201: a dispatch inside a transaction."""

from __future__ import annotations

from pathlib import Path

import celery
import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task
from django.core.mail import send_mail
from django.db import transaction

from shop import payments
from shop.models import Customer, Order


@shared_task
def send_receipt(order_id):
    order = Order.objects.get(pk=order_id)
    send_mail(f"{order.total} received", "Thank you.", "shop@localhost", [order.customer.email])


def place_order(total):
    with transaction.atomic():
        customer = Customer.objects.create(name="Ada", email="ada@localhost")
        order = Order.objects.create(customer=customer, total=total)
        send_receipt.delay(order.pk)
        payments.charge(order.pk, order.total)
"""

REPAIRED = """\
from functools import partial

from celery import shared_task
from django.core.mail import send_mail
from django.db import transaction

from shop import payments
from shop.models import Customer, Order


@shared_task
def send_receipt(order_id):
    order = Order.objects.get(pk=order_id)
    send_mail(f"{order.total} received", "Thank you.", "shop@localhost", [order.customer.email])


def place_order(total):
    with transaction.atomic():
        customer = Customer.objects.create(name="Ada", email="ada@localhost")
        order = Order.objects.create(customer=customer, total=total)
        transaction.on_commit(partial(send_receipt.delay, order.pk))
        payments.charge(order.pk, order.total)
"""

REPAIRED_BY_METHOD = BAD.replace("send_receipt.delay(", "send_receipt.delay_on_commit(")

BAD_UPDATE = """\
from celery import shared_task
from django.core.mail import send_mail
from django.db import transaction

from shop import payments
from shop.models import Order


@shared_task
def send_receipt(order_id):
    order = Order.objects.get(pk=order_id)
    send_mail(f"{order.total} received", "Thank you.", "shop@localhost", [order.customer.email])


@transaction.atomic
def change_total(order_id, total):
    order = Order.objects.get(pk=order_id)
    order.total = total
    order.save(update_fields=["total"])
    send_receipt.delay(order.pk)
    payments.charge(order.pk, order.total)
"""

REPAIRED_UPDATE = BAD_UPDATE.replace(
    "    send_receipt.delay(order.pk)", "    transaction.on_commit(lambda: send_receipt.delay(order.pk))"
)

BAD_SQLALCHEMY = """\
from celery import shared_task
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

from shop import payments

engine = create_engine("sqlite:///invoices.sqlite3")
Session = sessionmaker(engine)


class Base(DeclarativeBase):
    pass


class Invoice(Base):
    __tablename__ = "invoice"
    id: Mapped[int] = mapped_column(primary_key=True)
    total: Mapped[int]


@shared_task
def print_invoice(invoice_id):
    with Session() as session:
        return session.get_one(Invoice, invoice_id).total


def issue(total):
    with Session.begin() as session:
        invoice = Invoice(total=total)
        session.add(invoice)
        session.flush()
        print_invoice.delay(invoice.id)
        payments.charge(invoice.id, total)
"""

REPAIRED_SQLALCHEMY = """\
from celery import shared_task
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

from shop import payments

engine = create_engine("sqlite:///invoices.sqlite3")
Session = sessionmaker(engine)


class Base(DeclarativeBase):
    pass


class Invoice(Base):
    __tablename__ = "invoice"
    id: Mapped[int] = mapped_column(primary_key=True)
    total: Mapped[int]


@shared_task
def print_invoice(invoice_id):
    with Session() as session:
        return session.get_one(Invoice, invoice_id).total


def issue(total):
    with Session.begin() as session:
        invoice = Invoice(total=total)
        session.add(invoice)
        session.flush()
        invoice_id = invoice.id
        payments.charge(invoice_id, total)
    print_invoice.delay(invoice_id)
"""

has_delay_on_commit = pytest.param(
    REPAIRED_BY_METHOD,
    id="by method",
    marks=pytest.mark.skipif(celery.VERSION < (5, 4), reason="delay_on_commit is new in Celery 5.4"),
)
repaired = pytest.mark.parametrize("source", [pytest.param(REPAIRED, id="on_commit"), has_delay_on_commit])


class Declined(Exception):
    """The payment failed."""


@pytest.fixture
def slow_payment(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A payment that takes so long that a worker has run all that has been sent."""
    monkeypatch.setattr("shop.payments.charge", lambda order_id, amount: shop.settle())


@pytest.fixture
def declined_payment(monkeypatch: pytest.MonkeyPatch) -> None:
    def decline(order_id: int, amount: int) -> None:
        raise Declined

    monkeypatch.setattr("shop.payments.charge", decline)


def placed(shop: Shop, source: str) -> list[str]:
    """Place an order with a worker at hand, and give each run's exception by name, or ""."""
    module = shop.load(source)
    with shop.worker():
        module.place_order(30)
        shop.settle()
    return [type(run.value).__name__ if isinstance(run.value, Exception) else "" for run in shop.runs]


@pytest.mark.usefixtures("slow_payment")
def test_bad_runs_before_the_commit_and_finds_no_row(shop: Shop) -> None:
    from shop.models import Order

    assert placed(shop, BAD) == ["DoesNotExist"]
    assert shop.mails == []
    assert Order.objects.count() == 1  # it is there now; the task has failed all the same


@repaired
@pytest.mark.usefixtures("slow_payment")
def test_repaired_runs_after_the_commit(shop: Shop, source: str) -> None:
    assert placed(shop, source) == [""]
    assert shop.mails == ["30 received"]


@pytest.mark.usefixtures("declined_payment")
def test_bad_is_sent_although_the_transaction_is_rolled_back(shop: Shop) -> None:
    from shop.models import Order

    with pytest.raises(Declined):
        placed(shop, BAD)
    assert shop.sent == ["send_receipt"]
    assert Order.objects.count() == 0


@repaired
@pytest.mark.usefixtures("declined_payment")
def test_repaired_is_not_sent_when_the_transaction_is_rolled_back(shop: Shop, source: str) -> None:
    with pytest.raises(Declined):
        placed(shop, source)
    assert shop.sent == []


@pytest.mark.usefixtures("slow_payment")
@pytest.mark.parametrize(
    ("source", "subject"),
    [(BAD_UPDATE, "30 received"), (REPAIRED_UPDATE, "45 received")],
    ids=["bad reads the old value", "repaired reads the new value"],
)
def test_an_updated_row(shop: Shop, source: str, subject: str) -> None:
    order = shop.order(total=30)
    module = shop.load(source)
    with shop.worker():
        module.change_total(order.pk, 45)
        shop.settle()
    assert shop.mails == [subject]


@pytest.mark.usefixtures("slow_payment")
@pytest.mark.parametrize(
    ("source", "state"),
    [(BAD_SQLALCHEMY, "FAILURE"), (REPAIRED_SQLALCHEMY, "SUCCESS")],
    ids=["bad finds no row", "repaired finds it"],
)
def test_a_sqlalchemy_session(
    shop: Shop, source: str, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    module = shop.load(source)
    with module.engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    module.Base.metadata.create_all(module.engine)
    with shop.worker():
        module.issue(30)
        shop.settle()
    module.engine.dispose()
    assert shop.states == [state]
