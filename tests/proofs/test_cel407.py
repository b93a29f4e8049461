"""CEL407: `autoretry_for=(Exception,)` retries what no retry cures."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task


@shared_task(autoretry_for=(Exception,), retry_kwargs={"countdown": 0})
def reserve(order_id):
    return order_id + None
"""

REPAIRED = BAD.replace("(Exception,)", "(ConnectionError,)")

BAD_REJECT = """\
from celery import shared_task
from celery.exceptions import Reject


@shared_task(autoretry_for=(Exception,), retry_kwargs={"countdown": 0}, acks_late=True)
def reserve(order_id):
    raise Reject("there is no such order", requeue=False)
"""

REPAIRED_REJECT = BAD_REJECT.replace("(Exception,)", "(Exception,), dont_autoretry_for=(Reject,)")

BAD_LIMIT = """\
from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded


@shared_task(autoretry_for=(Exception,), retry_kwargs={"countdown": 0})
def reserve(order_id):
    raise SoftTimeLimitExceeded()
"""

REPAIRED_LIMIT = BAD_LIMIT.replace("(Exception,)", "(Exception,), dont_autoretry_for=(SoftTimeLimitExceeded,)")


def states_of(shop: Shop, source: str) -> list[str]:
    module = shop.load(source)
    with shop.worker():
        module.reserve.delay(7)
        shop.settle()
    return shop.states


@pytest.mark.parametrize("source", [BAD, BAD_REJECT, BAD_LIMIT])
def test_bad_is_retried(shop: Shop, source: str) -> None:
    assert states_of(shop, source)[:3] == ["RETRY"] * 3


@pytest.mark.parametrize("source", [REPAIRED, REPAIRED_REJECT, REPAIRED_LIMIT])
def test_repaired_ends_at_once(shop: Shop, source: str) -> None:
    (state,) = states_of(shop, source)
    assert state in ("FAILURE", "REJECTED")


def test_with_base_exception_the_end_of_the_process_is_retried(shop: Shop) -> None:
    source = BAD.replace("(Exception,)", "(BaseException,)").replace("return order_id + None", "raise SystemExit(1)")
    assert "RETRY" in states_of(shop, source)
