"""CEL202: a row is written and its key dispatched, in whatever transaction the caller may have."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from tests.proofs.harness import Shop

MODULE = "shop.accounts"

BAD = """\
from celery import shared_task
from django.core.mail import send_mail

from shop.models import Customer


@shared_task
def send_welcome(customer_id):
    customer = Customer.objects.get(pk=customer_id)
    send_mail(f"Welcome, {customer.name}", "Hello.", "shop@localhost", [customer.email])


def register(name, email):
    customer = Customer.objects.create(name=name, email=email)
    send_welcome.delay(customer.pk)
    return customer
"""

REPAIRED = """\
from functools import partial

from celery import shared_task
from django.core.mail import send_mail
from django.db import transaction

from shop.models import Customer


@shared_task
def send_welcome(customer_id):
    customer = Customer.objects.get(pk=customer_id)
    send_mail(f"Welcome, {customer.name}", "Hello.", "shop@localhost", [customer.email])


def register(name, email):
    customer = Customer.objects.create(name=name, email=email)
    transaction.on_commit(partial(send_welcome.delay, customer.pk))
    return customer
"""

VIEW = """

from django.http import HttpResponse
from django.urls import path


def sign_up(request):
    register("Ada", "ada@localhost")
    settle()
    return HttpResponse()


urlpatterns = [path("sign-up/", sign_up)]
"""
"""The caller: a view that has more to do, while a worker is at hand."""


@pytest.fixture
def atomic_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)


def signed_up(shop: Shop, source: str) -> list[str]:
    """Sign up by a request with a worker at hand, and give the subjects of the mails."""
    module = shop.load(source + VIEW, MODULE)
    module.settle = shop.settle
    with shop.worker():
        assert shop.request("/sign-up/", MODULE) == 200
        shop.settle()
    return shop.mails


def called_in_atomic(shop: Shop, source: str) -> list[str]:
    """Register in a caller's transaction with a worker at hand, and give the subjects of the mails."""
    module = shop.load(source, MODULE)
    with shop.worker():
        with transaction.atomic():
            module.register("Ada", "ada@localhost")
            shop.settle()
        shop.settle()
    return shop.mails


@pytest.mark.usefixtures("atomic_requests")
def test_bad_finds_no_row_under_atomic_requests(shop: Shop) -> None:
    from shop.models import Customer

    assert signed_up(shop, BAD) == []
    assert [type(run.value) for run in shop.runs] == [Customer.DoesNotExist]


@pytest.mark.usefixtures("atomic_requests")
def test_repaired_finds_it_under_atomic_requests(shop: Shop) -> None:
    assert signed_up(shop, REPAIRED) == ["Welcome, Ada"]


def test_bad_finds_no_row_when_its_caller_is_atomic(shop: Shop) -> None:
    assert called_in_atomic(shop, BAD) == []


def test_repaired_finds_it_when_its_caller_is_atomic(shop: Shop) -> None:
    assert called_in_atomic(shop, REPAIRED) == ["Welcome, Ada"]


@pytest.mark.parametrize("source", [BAD, REPAIRED], ids=["bad", "repaired"])
def test_both_do_in_autocommit(shop: Shop, source: str) -> None:
    assert signed_up(shop, source) == ["Welcome, Ada"]
