"""CEL108: `args` that are no list or tuple are refused, dropped or spread."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task


@shared_task
def reserve(order_id):
    return order_id


def send(order_id):
    reserve.apply_async(args=(order_id))
"""

REPAIRED = BAD.replace("(order_id))", "(order_id,))")

BAD_AS_TO_DELAY = """\
from celery import shared_task


@shared_task
def reserve(order_id, house="north"):
    return order_id


def send(order_id):
    reserve.apply_async(order_id, "south", priority=3)
"""

REPAIRED_AS_TO_DELAY = BAD_AS_TO_DELAY.replace('order_id, "south"', 'args=(order_id, "south")')

BAD_MAPPING = BAD.replace("args=(order_id)", 'args={"order_id": order_id}')

REPAIRED_MAPPING = BAD_MAPPING.replace("args={", "kwargs={")

BAD_DROPPED = """\
from celery import shared_task


@shared_task
def reserve(order_id=7):
    return order_id


def send(order_id):
    reserve.apply_async(args=(0))
"""

REPAIRED_DROPPED = BAD_DROPPED.replace("(0)", "(0,)")

BAD_SPREAD = """\
from celery import shared_task


@shared_task
def reserve(order_ids):
    return order_ids


def send(order_id):
    order_ids = [order_id]
    reserve.apply_async((order_ids))
"""

REPAIRED_SPREAD = BAD_SPREAD.replace("((order_ids))", "((order_ids,))")


def sent(shop: Shop, source: str) -> object:
    """What the task's one run gives."""
    module = shop.load(source)
    with shop.worker():
        module.send(7)
        shop.settle()
    assert shop.states == ["SUCCESS"]
    return shop.runs[0].value


@pytest.mark.parametrize("source", [BAD, BAD_AS_TO_DELAY, BAD_MAPPING])
def test_bad_cannot_be_sent(shop: Shop, source: str) -> None:
    module = shop.load(source)
    with pytest.raises(TypeError):
        module.send(7)
    assert shop.sent == []


@pytest.mark.parametrize("source", [REPAIRED, REPAIRED_AS_TO_DELAY, REPAIRED_MAPPING])
def test_repaired_runs(shop: Shop, source: str) -> None:
    assert sent(shop, source) == 7


@pytest.mark.parametrize("given", ["7", "'abc'", "{7}", "iter([7])", "range(1)", "b'x'", "object()"])
def test_what_is_no_list_or_tuple_is_refused(shop: Shop, given: str) -> None:
    module = shop.load(BAD.replace("(order_id))", f"{given})"))
    with pytest.raises(TypeError):
        module.send(7)


@pytest.mark.parametrize("given", ["7", "'abc'", "[7]", "('order_id', 7)", "{7}"])
def test_kwargs_that_are_no_mapping_are_refused(shop: Shop, given: str) -> None:
    module = shop.load(BAD.replace("(order_id))", f"(order_id,), kwargs={given})"))
    with pytest.raises(TypeError):
        module.send(7)


def test_what_is_empty_counts_as_none(shop: Shop) -> None:
    assert sent(shop, BAD_DROPPED.replace("(0)", "{}, kwargs=[]")) == 7


def test_bad_dropped_never_reaches_the_task(shop: Shop) -> None:
    assert sent(shop, BAD_DROPPED) == 7


def test_repaired_dropped_reaches_it(shop: Shop) -> None:
    assert sent(shop, REPAIRED_DROPPED) == 0


def test_bad_spread_gives_the_list_s_only_member(shop: Shop) -> None:
    assert sent(shop, BAD_SPREAD) == 7


def test_repaired_spread_gives_the_list(shop: Shop) -> None:
    assert sent(shop, REPAIRED_SPREAD) == [7]
