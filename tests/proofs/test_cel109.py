"""CEL109: Celery reads an `eta` or `expires` without a time zone as UTC.

Django puts this process on its default TIME_ZONE, some hours behind UTC.
"""

from __future__ import annotations

import time

import pytest

from tests.proofs.harness import Shop

BAD = """\
import time
from datetime import datetime, timedelta

from celery import shared_task


@shared_task
def reserve(order_id):
    return time.time()


def send(order_id):
    reserve.apply_async((order_id,), eta=datetime.now() + timedelta(seconds=1))
"""

REPAIRED = BAD.replace("datetime.now()", "datetime.now(timezone.utc)").replace("timedelta\n", "timedelta, timezone\n")

BAD_EXPIRES = BAD.replace("eta=", "expires=").replace("seconds=1", "hours=1")

REPAIRED_EXPIRES = REPAIRED.replace("eta=", "expires=").replace("seconds=1", "hours=1")

BAD_TODAY = BAD.replace("now()", "today()")

REPAIRED_TODAY = REPAIRED

UTCNOW = BAD.replace("now()", "utcnow()")


def waited(shop: Shop, source: str) -> float:
    """The seconds from the call to the run."""
    module = shop.load(source)
    with shop.worker():
        before = time.time()
        module.send(7)
        shop.settle()
    assert shop.states == ["SUCCESS"]
    return float(shop.runs[0].value) - before


@pytest.mark.parametrize("source", [BAD, BAD_TODAY])
def test_bad_runs_at_once(shop: Shop, source: str) -> None:
    assert waited(shop, source) < 0.9


@pytest.mark.parametrize("source", [REPAIRED, REPAIRED_TODAY])
def test_repaired_waits(shop: Shop, source: str) -> None:
    assert waited(shop, source) > 0.9


@pytest.mark.filterwarnings("ignore:.*utcnow")
def test_utcnow_waits(shop: Shop) -> None:
    assert waited(shop, UTCNOW) > 0.9


def test_bad_expires_never_runs(shop: Shop) -> None:
    module = shop.load(BAD_EXPIRES)
    with shop.worker():
        module.send(7)
        # What comes behind it has run: so it is gone.
        module.reserve.delay(8)
        shop.wait_for_run()
    assert [run.args for run in shop.runs] == [(8,)]


def test_repaired_expires_runs(shop: Shop) -> None:
    waited(shop, REPAIRED_EXPIRES)


def test_django_puts_the_process_on_its_own_zone(shop: Shop) -> None:
    from django.conf import settings

    assert settings.TIME_ZONE == "America/Chicago"
    assert time.tzname == ("CST", "CDT")


def test_django_s_now_is_naive_without_use_tz(shop: Shop) -> None:
    from django.test import override_settings
    from django.utils import timezone

    with override_settings(USE_TZ=False):
        assert timezone.now().tzinfo is None
    with override_settings(USE_TZ=True):
        assert timezone.now().tzinfo is not None
