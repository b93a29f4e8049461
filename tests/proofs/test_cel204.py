"""CEL204: `on_commit` is given the result of a dispatch, so that it is sent at once."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task
from django.core.mail import send_mail
from django.db import transaction

from shop.models import Customer


@shared_task
def send_welcome(customer_id):
    customer = Customer.objects.get(pk=customer_id)
    send_mail(f"Welcome, {customer.name}", "Hello.", "shop@localhost", [customer.email])


def register(name, email):
    with transaction.atomic():
        customer = Customer.objects.create(name=name, email=email)
        transaction.on_commit(send_welcome.delay(customer.pk))
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
    with transaction.atomic():
        customer = Customer.objects.create(name=name, email=email)
        transaction.on_commit(partial(send_welcome.delay, customer.pk))
"""

BAD_PARTIAL = REPAIRED.replace("customer.pk))", "customer.pk)())")
REPAIRED_PARTIAL = REPAIRED


@pytest.mark.parametrize("source", [BAD, BAD_PARTIAL])
def test_bad_sends_at_once_and_then_rolls_back(shop: Shop, source: str) -> None:
    from shop.models import Customer

    module = shop.load(source)
    with shop.worker():
        with pytest.raises(TypeError, match="callback must be a callable"):
            module.register("Ada", "ada@localhost")
        shop.settle()
    assert [type(run.value) for run in shop.runs] == [Customer.DoesNotExist]
    assert Customer.objects.count() == 0


def test_repaired_sends_after_the_commit(shop: Shop) -> None:
    module = shop.load(REPAIRED)
    with shop.worker():
        module.register("Ada", "ada@localhost")
        shop.settle()
    assert shop.mails == ["Welcome, Ada"]
