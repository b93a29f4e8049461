"""CEL803: what does not fit a scheduled task is refused each time that it is due."""

from __future__ import annotations

import pytest
from celery.beat import SchedulingError

from tests.proofs.beat import send
from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task

from shop.celery import app


@shared_task
def remind(days):
    return days


app.conf.beat_schedule = {
    "remind": {"task": "shop.tasks.remind", "schedule": 3600},
}
"""

REPAIRED = BAD.replace('"schedule": 3600', '"schedule": 3600, "args": (3,)')

BAD_NAME = BAD.replace('"schedule": 3600', '"schedule": 3600, "kwargs": {"day": 3}')
REPAIRED_NAME = BAD.replace('"schedule": 3600', '"schedule": 3600, "kwargs": {"days": 3}')

BAD_NUMBER = BAD.replace('"schedule": 3600', '"schedule": 3600, "args": (3)')
REPAIRED_NUMBER = REPAIRED

BAD_LETTERS = BAD.replace('"schedule": 3600', '"schedule": 3600, "args": ("week")')
REPAIRED_LETTERS = BAD.replace('"schedule": 3600', '"schedule": 3600, "args": ("week",)')

BAD_CLASS = """\
from shop.celery import app


class Remind(app.Task):
    name = "remind"

    def run(self, days):
        return days


app.register_task(Remind())
app.conf.beat_schedule = {
    "remind": {"task": "remind", "schedule": 3600, "args": (3, 4)},
}
"""

REPAIRED_CLASS = BAD_CLASS.replace("(3, 4)", "(3,)")

BAD_ADDED = """\
from celery import shared_task

from shop.celery import app


@shared_task
def remind(days):
    return days


app.add_periodic_task(3600, remind.s(), name="remind")
"""

REPAIRED_ADDED = BAD_ADDED.replace("remind.s()", "remind.s(3)")


@pytest.mark.parametrize("source", [BAD, BAD_NAME, BAD_NUMBER, BAD_LETTERS, BAD_ADDED])
def test_bad_is_never_sent(shop: Shop, source: str) -> None:
    shop.load(source)
    with pytest.raises(SchedulingError):
        send(shop, "remind")
    assert shop.sent == []


def test_bad_class_fails_in_the_worker(shop: Shop) -> None:
    shop.load(BAD_CLASS)
    with shop.worker():
        send(shop, "remind")
        shop.settle()
    assert shop.states == ["FAILURE"]


@pytest.mark.parametrize(
    "source", [REPAIRED, REPAIRED_NAME, REPAIRED_NUMBER, REPAIRED_LETTERS, REPAIRED_CLASS, REPAIRED_ADDED]
)
def test_repaired_runs(shop: Shop, source: str) -> None:
    shop.load(source)
    with shop.worker():
        send(shop, "remind")
        shop.settle()
    assert shop.states == ["SUCCESS"]
    assert shop.runs[0].value in (3, "week")
