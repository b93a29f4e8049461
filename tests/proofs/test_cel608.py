"""CEL608: asking all workers takes the whole timeout, however soon they answer."""

from __future__ import annotations

import time

import pytest

from tests.proofs.harness import Shop

MODULE = "shop.views"

BAD = """\
from django.http import JsonResponse
from django.urls import path

from shop.celery import app


def ask():
    return app.control.inspect(timeout=1.5).ping()


def status(request):
    return JsonResponse({"workers": len(ask() or ())})


urlpatterns = [path("status/", status)]
"""

REPAIRED = BAD.replace("timeout=1.5", "timeout=1.5, limit=1")

BAD_PING = BAD.replace("app.control.inspect(timeout=1.5).ping()", "app.control.ping(timeout=1.5)")

REPAIRED_PING = BAD_PING.replace("timeout=1.5", "timeout=1.5, limit=1")

BAD_DEFAULT = BAD.replace("timeout=1.5", "")

REPAIRED_DEFAULT = BAD_DEFAULT.replace("inspect()", "inspect(limit=1)")


def seconds(shop: Shop, source: str) -> float:
    """How long a request takes with one worker, that answers at once."""
    module = shop.load(source, MODULE)
    with shop.worker():
        module.ask()  # the worker is up and its queues are there
        start = time.monotonic()
        assert shop.request("/status/", MODULE) == 200
        return time.monotonic() - start


@pytest.mark.parametrize(("source", "timeout"), [(BAD, 1.5), (BAD_PING, 1.5), (BAD_DEFAULT, 1)])
def test_bad_waits_for_the_whole_timeout(shop: Shop, source: str, timeout: float) -> None:
    assert seconds(shop, source) >= timeout


@pytest.mark.parametrize(("source", "timeout"), [(REPAIRED, 1.5), (REPAIRED_PING, 1.5), (REPAIRED_DEFAULT, 1)])
def test_repaired_ends_with_the_answer(shop: Shop, source: str, timeout: float) -> None:
    assert seconds(shop, source) < timeout
