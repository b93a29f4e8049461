"""CEL116: a worker with new code gets the messages of the old one, and can't run them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from celery import signals

from tests.proofs.harness import DEADLINE, Shop

BEFORE = """\
from celery import shared_task


@shared_task
def reserve(order_id, warehouse):
    return order_id, warehouse


def send():
    reserve.delay(7, "north")
"""

BAD = BEFORE.replace("order_id, warehouse):", "order_id, warehouse, shelf):").replace('"north"', '"north", 3')
REPAIRED = BAD.replace("shelf)", "shelf=0)")

BAD_REMOVED = BEFORE.replace("order_id, warehouse", "order_id").replace(', "north"', "")
REPAIRED_REMOVED = BAD_REMOVED.replace("(order_id)", "(order_id, warehouse=None)")

BEFORE_PARAMETER = BEFORE.replace('7, "north"', 'order_id=7, warehouse="north"')
BAD_PARAMETER = BEFORE_PARAMETER.replace("warehouse", "house")
REPAIRED_PARAMETER = BAD_PARAMETER.replace("order_id, house):", "order_id, house=None, warehouse=None):")

BAD_ORDER = BEFORE.replace("(order_id, warehouse)", "(warehouse, order_id)").replace('7, "north"', '"north", 7')
REPAIRED_ORDER = BEFORE.replace('7, "north"', 'warehouse="north", order_id=7')

BAD_NAME = BEFORE.replace("reserve", "allocate")
REPAIRED_NAME = BAD_NAME.replace("@shared_task", '@shared_task(name="shop.tasks.reserve")')
REPAIRED_ALIAS = (
    BAD_NAME
    + """

@shared_task
def reserve(*args, **kwargs):
    return allocate(*args, **kwargs)
"""
)

FAILING = [(BEFORE, BAD), (BEFORE, BAD_REMOVED), (BEFORE_PARAMETER, BAD_PARAMETER)]


def deployed(shop: Shop, before: str, after: str) -> None:
    """Puts a message of the old code into the queue, and the new code in the old one's place."""
    shop.load(before).send()
    shop.unload()
    for name in [name for name in shop.app.tasks if name.startswith("shop.")]:
        shop.app.tasks.unregister(name)
    shop.load(after)


def run_deployed(shop: Shop, before: str, after: str) -> None:
    deployed(shop, before, after)
    with shop.worker():
        shop.settle()


@contextmanager
def unknown_tasks() -> Iterator[tuple[list[str], threading.Event]]:
    """The names in messages that a worker of this process knows no task for."""
    names: list[str] = []
    met = threading.Event()

    def note(name: str, **_: Any) -> None:
        names.append(name)
        met.set()

    signals.task_unknown.connect(note)
    try:
        yield names, met
    finally:
        signals.task_unknown.disconnect(note)


@pytest.mark.parametrize(("before", "after"), FAILING)
def test_bad_fails_with_messages_of_before(shop: Shop, before: str, after: str) -> None:
    run_deployed(shop, before, after)
    assert shop.states == ["FAILURE"]
    assert isinstance(shop.runs[0].value, TypeError)


@pytest.mark.parametrize(("after", "before"), FAILING)
def test_bad_fails_in_workers_that_are_not_replaced_yet(shop: Shop, before: str, after: str) -> None:
    run_deployed(shop, before, after)
    assert shop.states == ["FAILURE"]
    assert isinstance(shop.runs[0].value, TypeError)


def test_bad_order_runs_with_the_wrong_arguments(shop: Shop) -> None:
    run_deployed(shop, BEFORE, BAD_ORDER)
    assert [(run.state, tuple(run.value)) for run in shop.runs] == [("SUCCESS", ("north", 7))]


def test_bad_name_is_thrown_away(shop: Shop) -> None:
    deployed(shop, BEFORE, BAD_NAME)
    with unknown_tasks() as (names, met), shop.worker():
        assert met.wait(DEADLINE)
    assert names == ["shop.tasks.reserve"]
    assert shop.runs == []


@pytest.mark.parametrize(
    ("before", "after", "value"),
    [
        (BEFORE, REPAIRED, (7, "north")),
        (BEFORE, REPAIRED_ORDER, (7, "north")),
        (BEFORE, REPAIRED_NAME, (7, "north")),
        (BEFORE, REPAIRED_ALIAS, (7, "north")),
    ],
)
def test_repaired_runs_messages_of_before(shop: Shop, before: str, after: str, value: object) -> None:
    run_deployed(shop, before, after)
    assert [(run.state, tuple(run.value)) for run in shop.runs] == [("SUCCESS", value)]


@pytest.mark.parametrize(("before", "after"), [(BEFORE, REPAIRED_REMOVED), (BEFORE_PARAMETER, REPAIRED_PARAMETER)])
def test_repaired_takes_what_it_no_longer_needs(shop: Shop, before: str, after: str) -> None:
    run_deployed(shop, before, after)
    assert shop.states == ["SUCCESS"]
