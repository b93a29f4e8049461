"""CEL110: what contradicts itself is dropped, revoked or refused."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
import time
from datetime import datetime, timedelta, timezone

from celery import shared_task


@shared_task
def reserve(order_id):
    return time.time()


def send(order_id):
    reserve.apply_async((order_id,), countdown=0.1, expires=0.05)
"""

REPAIRED = BAD.replace("expires=0.05", "expires=20")

BAD_AT_ONCE = BAD.replace("countdown=0.1, expires=0.05", "expires=0")

REPAIRED_AT_ONCE = BAD_AT_ONCE.replace("expires=0", "expires=20")

BAD_BY_DECORATOR = BAD.replace("@shared_task", "@shared_task(expires=0.05)").replace(", expires=0.05)\n", ")\n", 1)

REPAIRED_BY_DECORATOR = BAD_BY_DECORATOR.replace("expires=0.05", "expires=20")

BAD_MOMENTS = BAD.replace(
    "countdown=0.1, expires=0.05",
    "eta=datetime.now(timezone.utc) + timedelta(seconds=1), expires=datetime.now(timezone.utc)",
)

REPAIRED_MOMENTS = BAD_MOMENTS.replace("utc))", "utc) + timedelta(seconds=20))")

BAD_BOTH = BAD.replace("expires=0.05", "eta=datetime.now(timezone.utc) + timedelta(hours=5)")

REPAIRED_BOTH = BAD_BOTH.replace("countdown=0.1", "countdown=0").replace("hours=5", "seconds=0.1")

BAD_DURATION = BAD.replace("countdown=0.1, expires=0.05", "countdown=timedelta(seconds=0.1)")

REPAIRED_DURATION = BAD_DURATION.replace("0.1)", "0.1).total_seconds()")

BAD_EXPIRES = BAD.replace("countdown=0.1, expires=0.05", "expires=timedelta(hours=1)")

REPAIRED_EXPIRES = BAD_EXPIRES.replace("hours=1)", "hours=1).total_seconds()")

BAD_ETA = BAD.replace("countdown=0.1, expires=0.05", "eta=0.1")

REPAIRED_ETA = BAD_ETA.replace("eta=", "countdown=")

BAD_TASK = BAD.replace("@shared_task", "@shared_task(expires=timedelta(hours=1))").replace(
    ", countdown=0.1, expires=0.05", ""
)

REPAIRED_TASK = BAD_TASK.replace("timedelta(hours=1)", "3600")

BAD_RETRY = """\
from celery import shared_task


@shared_task(bind=True, expires=0.5)
def reserve(self, order_id):
    if not self.request.retries:
        raise self.retry(countdown=1)
    return order_id


def send(order_id):
    reserve.delay(order_id)
"""

REPAIRED_RETRY = BAD_RETRY.replace("expires=0.5", "expires=20").replace("countdown=1", "countdown=0")

BEHIND = """

@shared_task
def last():
    return "last"
"""


@pytest.mark.parametrize("source", [BAD, BAD_AT_ONCE, BAD_BY_DECORATOR, BAD_MOMENTS])
def test_bad_expires_before_it_runs(shop: Shop, source: str) -> None:
    module = shop.load(source + BEHIND)
    with shop.worker():
        module.send(7)
        module.last.apply_async(countdown=1.5)
        shop.wait_for_run()
    assert [run.task for run in shop.runs] == ["last"]
    assert shop.sent == ["reserve", "last"]


def test_bad_retry_expires_before_it_runs(shop: Shop) -> None:
    module = shop.load(BAD_RETRY + BEHIND)
    with shop.worker():
        module.send(7)
        shop.wait_for_run()
        result = module.last.apply_async(countdown=1.5)
        result.get(timeout=20, disable_sync_subtasks=False)
    assert [run.state for run in shop.runs] == ["RETRY", "SUCCESS"]
    assert shop.sent == ["reserve", "reserve", "last"]


@pytest.mark.parametrize("source", [BAD_DURATION, BAD_EXPIRES, BAD_ETA, BAD_TASK])
def test_bad_kind_is_refused(shop: Shop, source: str) -> None:
    module = shop.load(source)
    with pytest.raises((TypeError, AttributeError)):
        module.send(7)
    assert shop.sent == []


def test_bad_eta_has_no_effect_beside_a_countdown(shop: Shop) -> None:
    module = shop.load(BAD_BOTH)
    with shop.worker():
        module.send(7)
        shop.settle()
    assert shop.states == ["SUCCESS"]


@pytest.mark.parametrize(
    "source",
    [
        REPAIRED,
        REPAIRED_AT_ONCE,
        REPAIRED_BY_DECORATOR,
        REPAIRED_MOMENTS,
        REPAIRED_BOTH,
        REPAIRED_DURATION,
        REPAIRED_EXPIRES,
        REPAIRED_ETA,
        REPAIRED_TASK,
        REPAIRED_RETRY,
    ],
)
def test_repaired_runs(shop: Shop, source: str) -> None:
    module = shop.load(source)
    with shop.worker():
        module.send(7)
        shop.settle()
    assert shop.states[-1] == "SUCCESS"
