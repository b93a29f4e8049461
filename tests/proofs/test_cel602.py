"""CEL602: a task called as a function in a request runs there, as a function."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

MODULE = "shop.views"

BAD = """\
from celery import shared_task
from django.http import HttpResponse
from django.urls import path

from shop import warehouse


@shared_task(autoretry_for=(ConnectionError,), retry_kwargs={"max_retries": 2, "countdown": 0})
def reserve(order_id):
    warehouse.reserve(order_id)


def confirm(request, order_id):
    reserve(order_id)
    return HttpResponse("confirmed")


urlpatterns = [path("orders/<int:order_id>/confirm/", confirm)]
"""

REPAIRED = BAD.replace("    reserve(order_id)\n    return", "    reserve.delay(order_id)\n    return")


@pytest.fixture
def calls(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The calls of the warehouse, which answers at the third only."""
    calls: list[int] = []

    def reserve(order_id: int) -> None:
        calls.append(order_id)
        if len(calls) < 3:
            raise ConnectionError("refused")

    monkeypatch.setattr("shop.warehouse.reserve", reserve)
    return calls


def test_bad_runs_once_and_breaks_the_request(shop: Shop, calls: list[int]) -> None:
    shop.load(BAD, MODULE)
    assert shop.request("/orders/7/confirm/", MODULE) == 500
    assert shop.sent == []
    assert calls == [7]  # `autoretry_for` is not applied


def test_repaired_runs_in_a_worker_and_is_retried(shop: Shop, calls: list[int]) -> None:
    shop.load(REPAIRED, MODULE)
    assert shop.request("/orders/7/confirm/", MODULE) == 200
    assert calls == []
    with shop.worker():
        shop.settle()
    assert shop.states == ["RETRY", "RETRY", "SUCCESS"]
    assert calls == [7, 7, 7]
