"""CEL601: `apply()` in a request runs the task there, and hides its exception."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

MODULE = "shop.views"

BAD = """\
from celery import shared_task
from django.http import HttpResponse
from django.urls import path

from shop import warehouse


@shared_task(bind=True, max_retries=2)
def reserve(self, order_id):
    try:
        warehouse.reserve(order_id)
    except ConnectionError as error:
        raise self.retry(exc=error, countdown=3600)


def confirm(request, order_id):
    reserve.apply(args=(order_id,))
    return HttpResponse("confirmed")


urlpatterns = [path("orders/<int:order_id>/confirm/", confirm)]
"""

REPAIRED = BAD.replace("reserve.apply(", "reserve.apply_async(")


@pytest.fixture
def calls(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The calls of the warehouse, which cannot be reached."""
    calls: list[int] = []

    def refuse(order_id: int) -> None:
        calls.append(order_id)
        raise ConnectionError("refused")

    monkeypatch.setattr("shop.warehouse.reserve", refuse)
    return calls


def test_bad_fails_in_the_request_and_nobody_sees_it(shop: Shop, calls: list[int]) -> None:
    shop.load(BAD, MODULE)
    assert shop.request("/orders/7/confirm/", MODULE) == 200
    assert shop.sent == []
    assert calls == [7, 7, 7]  # the retries too, at once: an hour's delay is not kept
    assert {run.eager for run in shop.runs} == {True}
    assert "FAILURE" in shop.states


def test_repaired_leaves_the_work_to_a_worker(shop: Shop, calls: list[int]) -> None:
    shop.load(REPAIRED, MODULE)
    assert shop.request("/orders/7/confirm/", MODULE) == 200
    assert shop.sent == ["reserve"]
    assert calls == []
