"""CEL805: what beat has sent while no worker was there is all run, unless it has expired."""

from __future__ import annotations

from datetime import timedelta
from unittest import mock

import pytest
from celery.exceptions import TaskRevokedError

from tests.proofs.beat import send
from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task

from shop.celery import app


@shared_task
def poll():
    return "polled"


app.conf.beat_schedule = {
    "poll": {"task": "shop.tasks.poll", "schedule": 60},
}
"""

REPAIRED = BAD.replace('"schedule": 60', '"schedule": 60, "options": {"expires": 60}')

BAD_ADDED = """\
from celery import shared_task

from shop.celery import app


@shared_task
def poll():
    return "polled"


app.add_periodic_task(60, poll.s(), name="poll")
"""

REPAIRED_ADDED = BAD_ADDED.replace('name="poll"', 'name="poll", expires=60')


def sent_an_hour_ago(shop: Shop) -> list[object]:
    """The results of some runs for which no worker was there."""
    past = shop.app.now() - timedelta(hours=1)
    with mock.patch.object(shop.app, "now", return_value=past):
        return [send(shop, "poll") for _ in range(3)]


@pytest.mark.parametrize("source", [BAD, BAD_ADDED])
def test_bad_runs_all_of_them(shop: Shop, source: str) -> None:
    shop.load(source)
    sent_an_hour_ago(shop)
    with shop.worker():
        shop.settle()
    assert shop.states == ["SUCCESS"] * 3


@pytest.mark.parametrize("source", [REPAIRED, REPAIRED_ADDED])
def test_repaired_runs_none_that_is_late(shop: Shop, source: str) -> None:
    shop.load(source)
    results = sent_an_hour_ago(shop)
    with shop.worker():
        for result in results:
            with pytest.raises(TaskRevokedError):
                result.get(timeout=10)  # type: ignore[attr-defined]
    assert shop.runs == []
