"""CEL205: a callback for `on_commit` that dispatches nothing."""

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
        transaction.on_commit(lambda: send_welcome.delay)
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


def _with_callback(callback: str) -> str:
    return BAD.replace("lambda: send_welcome.delay)", f"{callback})")


BAD_SIGNATURE_BUILT = _with_callback("lambda: send_welcome.s(customer.pk)")
REPAIRED_SIGNATURE_BUILT = _with_callback("send_welcome.s(customer.pk).delay")

BAD_SIGNATURE_CALLED = _with_callback("send_welcome.s(customer.pk)")
REPAIRED_SIGNATURE_CALLED = REPAIRED_SIGNATURE_BUILT

BAD_TASK_CALLED = _with_callback("lambda: send_welcome(customer.pk)")
REPAIRED_TASK_CALLED = _with_callback("lambda: send_welcome.delay(customer.pk)")


def registered(shop: Shop, source: str) -> tuple[list[str], list[str]]:
    """Register without a worker, and give the messages sent and the mails that the caller itself has sent."""
    shop.load(source).register("Ada", "ada@localhost")
    return shop.sent, shop.mails


@pytest.mark.parametrize("source", [BAD, BAD_SIGNATURE_BUILT])
def test_bad_does_nothing_in_silence(shop: Shop, source: str) -> None:
    assert registered(shop, source) == ([], [])


@pytest.mark.parametrize("source", [BAD_SIGNATURE_CALLED, BAD_TASK_CALLED])
def test_bad_runs_the_body_in_the_caller(shop: Shop, source: str) -> None:
    assert registered(shop, source) == ([], ["Welcome, Ada"])


@pytest.mark.parametrize("source", [REPAIRED, REPAIRED_SIGNATURE_BUILT, REPAIRED_TASK_CALLED])
def test_repaired_sends_a_message(shop: Shop, source: str) -> None:
    assert registered(shop, source) == (["send_welcome"], [])
    with shop.worker():
        shop.settle()
    assert shop.mails == ["Welcome, Ada"]
