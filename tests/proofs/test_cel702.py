"""CEL702: a canvas cannot be built of what `delay()` gives, and the task is on its way already."""

from __future__ import annotations

import pytest
from kombu.exceptions import EncodeError

from tests.proofs.harness import Shop

TASKS = """\
from celery import chain, chord, group, shared_task

from shop.celery import app


@shared_task
def reserve(order_id=7):
    return order_id


@shared_task
def pay(result=None):
    return result


def confirm():
"""

BAD = f"{TASKS}    chain(reserve.delay(7), pay.s()).delay()\n"
REPAIRED = BAD.replace("reserve.delay", "reserve.s")

BAD_OPTIONS = f"{TASKS}    chain(reserve.apply_async(args=[7], priority=3), pay.s()).delay()\n"
REPAIRED_OPTIONS = BAD_OPTIONS.replace("apply_async", "signature")

BAD_PIPED = f"{TASKS}    (reserve.s(7) | pay.delay()).delay()\n"
REPAIRED_PIPED = BAD_PIPED.replace("pay.delay()", "pay.s()")

BAD_TASK = f"{TASKS}    chain(reserve.s(7), pay).delay()\n"
REPAIRED_TASK = BAD_TASK.replace("pay)", "pay.s())")

BAD_CALLED = f"{TASKS}    chain(reserve(7), pay.s()).delay()\n"
REPAIRED_CALLED = BAD_CALLED.replace("reserve(7)", "reserve.s(7)")

BAD_GROUP = f"{TASKS}    group(reserve.delay(one) for one in range(2)).delay()\n"
REPAIRED_GROUP = BAD_GROUP.replace("reserve.delay", "reserve.s")

BAD_GROUP_OF_TASKS = f"{TASKS}    group([reserve, pay]).delay()\n"
REPAIRED_GROUP_OF_TASKS = BAD_GROUP_OF_TASKS.replace("[reserve, pay]", "[reserve.s(), pay.s()]")

BAD_BODY = f"{TASKS}    chord([reserve.s(7)], pay.delay()).delay()\n"
REPAIRED_BODY = BAD_BODY.replace("pay.delay()", "pay.s()")

BAD_SPREAD = f"{TASKS}    chord(reserve.s(1), reserve.s(2), pay.s()).delay()\n"
REPAIRED_SPREAD = BAD_SPREAD.replace("reserve.s(1), reserve.s(2)", "[reserve.s(1), reserve.s(2)]")

BAD_LINK = f"{TASKS}    reserve.apply_async((7,), link=pay.delay())\n"
REPAIRED_LINK = BAD_LINK.replace("pay.delay()", "pay.s()")

BAD_ON_ERROR = f"{TASKS}    reserve.s(7).on_error(pay).delay()\n"
REPAIRED_ON_ERROR = BAD_ON_ERROR.replace("pay)", "pay.s())")

BAD_PERIODIC = f"{TASKS}    app.add_periodic_task(10, reserve.delay(7))\n"
REPAIRED_PERIODIC = BAD_PERIODIC.replace("reserve.delay", "reserve.s")

BAD_PERIODIC_CALLED = f"{TASKS}    app.add_periodic_task(10, reserve(7))\n"
REPAIRED_PERIODIC_CALLED = BAD_PERIODIC_CALLED.replace("reserve(7)", "reserve.s(7)")

BAD_REPLACE = f"""{TASKS}    split.delay()


@shared_task(bind=True)
def split(self):
    raise self.replace(reserve.delay(7))
"""
REPAIRED_REPLACE = BAD_REPLACE.replace("reserve.delay", "reserve.s")

GOOD_HEADER = f"{TASKS}    chord([reserve, reserve])(pay.s())\n"


@pytest.mark.parametrize(
    ("source", "sent"),
    [
        (BAD, 1),
        (BAD_OPTIONS, 1),
        (BAD_PIPED, 1),
        (BAD_TASK, 0),
        (BAD_CALLED, 0),
        (BAD_GROUP, 2),
        (BAD_GROUP_OF_TASKS, 0),
        (BAD_BODY, 1),
        (BAD_SPREAD, 0),
        (BAD_LINK, 1),
        (BAD_ON_ERROR, 0),
        (BAD_PERIODIC_CALLED, 0),
    ],
)
def test_bad_raises_when_some_are_sent_already(shop: Shop, source: str, sent: int) -> None:
    module = shop.load(source)
    with pytest.raises((TypeError, AttributeError, KeyError, EncodeError)):
        module.confirm()
    assert len(shop.sent) == sent


def test_bad_schedule_has_an_entry_without_a_task(shop: Shop) -> None:
    shop.load(BAD_PERIODIC).confirm()
    assert shop.sent == ["reserve"]
    assert [entry["task"] for entry in shop.app.conf.beat_schedule.values()] == [None]


def test_bad_replacement_fails_when_it_has_been_sent(shop: Shop) -> None:
    module = shop.load(BAD_REPLACE)
    with shop.worker():
        module.confirm()
        shop.settle()
    assert sorted(run.state for run in shop.runs) == ["FAILURE", "SUCCESS"]


def ran(shop: Shop, source: str) -> list[str]:
    """The tasks that run when an order is confirmed."""
    module = shop.load(source)
    with shop.worker():
        module.confirm()
        shop.settle()
    return sorted(run.task for run in shop.runs if run.state == "SUCCESS")


@pytest.mark.parametrize(
    "source",
    [
        REPAIRED,
        REPAIRED_OPTIONS,
        REPAIRED_PIPED,
        REPAIRED_TASK,
        REPAIRED_CALLED,
        REPAIRED_GROUP_OF_TASKS,
        REPAIRED_LINK,
    ],
)
def test_repaired_runs_both(shop: Shop, source: str) -> None:
    assert ran(shop, source) == ["pay", "reserve"]


def test_repaired_group_runs_each(shop: Shop) -> None:
    assert ran(shop, REPAIRED_GROUP) == ["reserve", "reserve"]


@pytest.mark.parametrize("source", [REPAIRED_BODY, REPAIRED_SPREAD, GOOD_HEADER])
def test_repaired_chord_is_sent(shop: Shop, source: str) -> None:
    shop.load(source).confirm()
    assert set(shop.sent) == {"reserve"} or "chord_unlock" in shop.sent


def test_repaired_callback_of_errors_is_sent_along(shop: Shop) -> None:
    assert ran(shop, REPAIRED_ON_ERROR) == ["reserve"]


@pytest.mark.parametrize("source", [REPAIRED_PERIODIC, REPAIRED_PERIODIC_CALLED])
def test_repaired_schedule_has_the_task(shop: Shop, source: str) -> None:
    shop.load(source).confirm()
    assert shop.sent == []
    assert [entry["task"] for entry in shop.app.conf.beat_schedule.values()] == ["shop.tasks.reserve"]


def test_repaired_replacement_runs(shop: Shop) -> None:
    assert ran(shop, REPAIRED_REPLACE) == ["reserve"]
