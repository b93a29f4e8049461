"""CEL603: `get()` in a request holds the request until a worker has answered."""

from __future__ import annotations

from concurrent.futures import TimeoutError

import pytest

from tests.proofs.harness import DEADLINE, Shop

MODULE = "shop.views"

BAD = """\
from celery import shared_task
from django.http import JsonResponse
from django.urls import path

from shop.models import Order


@shared_task
def total_of(customer_id):
    return sum(Order.objects.filter(customer_id=customer_id).values_list("total", flat=True))


def report(request, customer_id):
    result = total_of.delay(customer_id)
    return JsonResponse({"total": result.get()})


urlpatterns = [path("customers/<int:customer_id>/report/", report)]
"""

REPAIRED = BAD.replace('{"total": result.get()}', '{"task": result.id}, status=202')


def test_bad_waits_for_a_worker(shop: Shop) -> None:
    shop.load(BAD, MODULE)
    with shop.in_thread(lambda: shop.request("/customers/1/report/", MODULE)) as status:
        shop.wait_for_message()
        try:
            with pytest.raises(TimeoutError):
                status.result(timeout=1)
        finally:
            with shop.worker():
                assert status.result(timeout=DEADLINE) == 200


def test_repaired_answers_without_one(shop: Shop) -> None:
    shop.load(REPAIRED, MODULE)
    assert shop.request("/customers/1/report/", MODULE) == 202
    assert shop.sent == ["total_of"]
