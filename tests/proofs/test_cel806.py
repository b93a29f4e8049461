"""CEL806: beat refuses entries with fields that it does not know, and some that it takes are never sent."""

from __future__ import annotations

import pytest

from tests.proofs.beat import send, started
from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task

from shop.celery import app


@shared_task
def poll(source="all"):
    return source


app.conf.beat_schedule = {
    "poll": {"task": "shop.tasks.poll", "schedule": 60, "expires": 50},
}
"""

REPAIRED = BAD.replace('"expires": 50', '"options": {"expires": 50}')

BAD_FIELD = BAD.replace('"expires": 50', '"arg": ("mail",)')
REPAIRED_FIELD = BAD.replace('"expires": 50', '"args": ("mail",)')

BAD_TEXT = BAD.replace('60, "expires": 50', '"60"')
REPAIRED_TEXT = BAD.replace('60, "expires": 50', "60")

BAD_NAMELESS = BAD.replace('"task": "shop.tasks.poll", ', "").replace(', "expires": 50', "")
REPAIRED_NAMELESS = BAD.replace(', "expires": 50', "")

BAD_TIMELESS = BAD.replace(', "schedule": 60, "expires": 50', "")
REPAIRED_TIMELESS = BAD.replace(', "expires": 50', "")

BAD_TWICE = """\
from celery import shared_task

from shop.celery import app


@shared_task
def poll(source="all"):
    return source


@app.on_after_configure.connect
def plan(sender, **kwargs):
    sender.add_periodic_task(10.0, poll.s("mail"))
    sender.add_periodic_task(3600.0, poll.s("mail"))


plan(app)
"""

REPAIRED_TWICE = BAD_TWICE.replace('3600.0, poll.s("mail")', '3600.0, poll.s("mail"), name="hourly"')


@pytest.mark.parametrize(("source", "error"), [(BAD, TypeError), (BAD_FIELD, TypeError), (BAD_TEXT, AttributeError)])
def test_bad_keeps_beat_from_starting(shop: Shop, source: str, error: type[Exception]) -> None:
    shop.load(source)
    with pytest.raises(error):
        started(shop)


def test_bad_nameless_is_a_message_that_no_worker_reads(shop: Shop) -> None:
    shop.load(BAD_NAMELESS)
    assert started(shop).schedule["poll"].task is None


def test_bad_timeless_never_comes_round(shop: Shop) -> None:
    shop.load(BAD_TIMELESS)
    entry = started(shop).schedule["poll"]
    with pytest.raises(AttributeError):
        entry.is_due()


def test_bad_twice_is_there_once(shop: Shop) -> None:
    shop.load(BAD_TWICE)
    assert [entry["schedule"] for entry in shop.app.conf.beat_schedule.values()] == [3600.0]


@pytest.mark.parametrize(
    ("source", "value"),
    [(REPAIRED, "all"), (REPAIRED_FIELD, "mail"), (REPAIRED_TEXT, "all"), (REPAIRED_NAMELESS, "all")],
)
def test_repaired_is_sent(shop: Shop, source: str, value: str) -> None:
    shop.load(source)
    with shop.worker():
        send(shop, "poll")
        shop.settle()
    assert [run.value for run in shop.runs] == [value]


def test_repaired_expires(shop: Shop) -> None:
    shop.load(REPAIRED)
    assert started(shop).schedule["poll"].options == {"expires": 50}


def test_repaired_timeless_comes_round(shop: Shop) -> None:
    shop.load(REPAIRED_TIMELESS)
    assert started(shop).schedule["poll"].is_due().next <= 60


def test_repaired_twice_is_there_twice(shop: Shop) -> None:
    shop.load(REPAIRED_TWICE)
    assert sorted(entry["schedule"] for entry in shop.app.conf.beat_schedule.values()) == [10.0, 3600.0]
