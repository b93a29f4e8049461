"""CEL118: an argument that arrives as a value of another type."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task

from shop.models import Order


@shared_task
def remind(totals):
    return [totals[order.pk] for order in Order.objects.all()]


def start():
    remind.delay({order.pk: order.total for order in Order.objects.all()})
"""

REPAIRED = BAD.replace("totals[order.pk] for", "dict(totals)[order.pk] for").replace(
    "{order.pk: order.total for order in Order.objects.all()}",
    "[[order.pk, order.total] for order in Order.objects.all()]",
)

BAD_TUPLE = """\
from celery import shared_task

from shop.models import Order


@shared_task
def remind(pairs):
    return [total for _, total in set(pairs)]


def start():
    remind.delay([(order.pk, order.total) for order in Order.objects.all()])
"""

REPAIRED_TUPLE = BAD_TUPLE.replace("set(pairs)", "set(map(tuple, pairs))")

BAD_MEMBER = """\
from celery import shared_task
from django.db import models


class Total(models.TextChoices):
    LARGE = "large", "30"


@shared_task
def remind(total):
    return [int(total.label)]


def start():
    remind.delay(Total.LARGE)
"""

REPAIRED_MEMBER = BAD_MEMBER.replace("int(total.label)", "int(Total(total).label)")

BAD_QUERY = """\
from celery import shared_task
from django.http import HttpResponse
from django.test import RequestFactory


@shared_task
def remind(values):
    return values["total"] if isinstance(values["total"], list) else values


def order(request):
    remind.delay(request.POST)
    return HttpResponse()


def start():
    order(RequestFactory().post("/", {"total": [10, 30]}))
"""

REPAIRED_QUERY = BAD_QUERY.replace("delay(request.POST)", "delay(dict(request.POST))")


def _run(shop: Shop, source: str) -> tuple[str, object]:
    shop.order(total=30)
    module = shop.load(source)
    with shop.worker():
        module.start()
        shop.settle()
    (run,) = shop.runs
    return run.state, run.value if run.state == "SUCCESS" else type(run.value).__name__


@pytest.mark.parametrize(
    ("source", "error"), [(BAD, "KeyError"), (BAD_TUPLE, "TypeError"), (BAD_MEMBER, "AttributeError")]
)
def test_bad_fails_in_the_worker(shop: Shop, source: str, error: str) -> None:
    assert _run(shop, source) == ("FAILURE", error)


@pytest.mark.parametrize("source", [REPAIRED, REPAIRED_TUPLE, REPAIRED_MEMBER])
def test_repaired_finds_what_was_sent(shop: Shop, source: str) -> None:
    assert _run(shop, source) == ("SUCCESS", [30])


def test_bad_loses_all_values_but_the_last(shop: Shop) -> None:
    assert _run(shop, BAD_QUERY) == ("SUCCESS", {"total": "30"})


def test_repaired_keeps_all_values(shop: Shop) -> None:
    assert _run(shop, REPAIRED_QUERY) == ("SUCCESS", ["10", "30"])
