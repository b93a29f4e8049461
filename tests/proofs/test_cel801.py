"""CEL801: a crontab without a minute runs in each minute."""

from __future__ import annotations

import pytest

from tests.proofs.beat import times
from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task
from celery.schedules import crontab

from shop.celery import app


@shared_task
def remind():
    return "reminded"


app.conf.beat_schedule = {
    "remind": {"task": "shop.tasks.remind", "schedule": crontab(hour=3)},
}
"""

REPAIRED = BAD.replace("crontab(hour=3)", "crontab(hour=3, minute=0)")

BAD_STEP = BAD.replace("crontab(hour=3)", 'crontab(hour="*/8")')
REPAIRED_STEP = BAD.replace("crontab(hour=3)", 'crontab(hour="*/8", minute=0)')

BAD_WEEKLY = BAD.replace("crontab(hour=3)", "crontab(day_of_week=1)")
REPAIRED_WEEKLY = BAD.replace("crontab(hour=3)", "crontab(day_of_week=1, hour=0, minute=0)")


@pytest.mark.parametrize(("source", "number"), [(BAD, 60), (BAD_STEP, 180), (BAD_WEEKLY, 1440)])
def test_bad_runs_each_minute(shop: Shop, source: str, number: int) -> None:
    shop.load(source)
    assert len(times(shop, "remind")) == number


def test_repaired_runs_once_a_day(shop: Shop) -> None:
    shop.load(REPAIRED)
    assert times(shop, "remind", days=2) == ["Mon 03:00", "Tue 03:00"]


def test_repaired_step_runs_at_each_of_its_hours(shop: Shop) -> None:
    shop.load(REPAIRED_STEP)
    assert times(shop, "remind") == ["Mon 00:00", "Mon 08:00", "Mon 16:00"]


def test_repaired_weekly_runs_once_a_week(shop: Shop) -> None:
    shop.load(REPAIRED_WEEKLY)
    assert times(shop, "remind", days=8) == ["Mon 00:00", "Mon 00:00"]
