"""CEL107: an option given to `delay()` or `s()` is an argument of the task."""

from __future__ import annotations

import time

import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task


@shared_task
def reserve(order_id):
    return order_id


def send(order_id):
    reserve.delay(order_id, priority=3)
"""

REPAIRED = BAD.replace("delay(order_id, priority", "apply_async(args=(order_id,), priority")

BAD_PACKED = BAD.replace("delay(order_id, priority=3)", "delay(args=[order_id])")

REPAIRED_PACKED = BAD_PACKED.replace("delay", "apply_async")

BAD_SIGNATURE = BAD.replace("delay(order_id, priority=3)", "s(order_id, priority=3).delay()")

REPAIRED_SIGNATURE = BAD_SIGNATURE.replace(", priority=3)", ").set(priority=3)")

BAD_ON_COMMIT = BAD.replace("delay(", "delay_on_commit(")

REPAIRED_ON_COMMIT = REPAIRED.replace("apply_async(", "apply_async_on_commit(")

BAD_SWALLOWED = """\
import time

from celery import shared_task


@shared_task
def reserve(order_id, **more):
    return time.time()


def send(order_id):
    reserve.delay(order_id, countdown=1)
"""

REPAIRED_SWALLOWED = BAD_SWALLOWED.replace("delay(order_id, count", "apply_async(args=(order_id,), count")


@pytest.mark.parametrize("source", [BAD, BAD_PACKED, BAD_SIGNATURE, BAD_ON_COMMIT])
def test_bad_cannot_be_sent(shop: Shop, source: str) -> None:
    module = shop.load(source)
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        module.send(7)
    assert shop.sent == []


@pytest.mark.parametrize("source", [REPAIRED, REPAIRED_PACKED, REPAIRED_SIGNATURE, REPAIRED_ON_COMMIT])
def test_repaired_runs(shop: Shop, source: str) -> None:
    module = shop.load(source)
    with shop.worker():
        module.send(7)
        shop.settle()
    assert [run.value for run in shop.runs] == [7]


def waited(shop: Shop, source: str) -> float:
    """The seconds from the call to the run."""
    module = shop.load(source)
    with shop.worker():
        before = time.time()
        module.send(7)
        shop.settle()
    return float(shop.runs[0].value) - before


def test_bad_swallowed_runs_at_once(shop: Shop) -> None:
    assert waited(shop, BAD_SWALLOWED) < 0.9


def test_repaired_swallowed_waits(shop: Shop) -> None:
    assert waited(shop, REPAIRED_SWALLOWED) > 0.9
