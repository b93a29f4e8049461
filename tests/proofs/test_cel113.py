"""CEL113: nobody notices that a name is no task's, neither who sends it nor who routes it."""

from __future__ import annotations

import pytest
from celery.exceptions import NotRegistered

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task

from shop.celery import app


@shared_task(name="stock.recount")
def recount():
    return "counted"


def close_day():
    return app.send_task("shop.tasks.recount")
"""

REPAIRED = BAD.replace('app.send_task("shop.tasks.recount")', "recount.delay()")

BAD_SIGNATURE = BAD.replace("from celery import shared_task", "from celery import shared_task, signature").replace(
    'app.send_task("shop.tasks.recount")', 'signature("recount").delay()'
)
REPAIRED_SIGNATURE = BAD_SIGNATURE.replace('signature("recount")', 'signature("stock.recount")')

BAD_ROUTE = """\
from celery import shared_task

from shop.celery import app

app.conf.task_routes = {"shop.tasks.recount": {"queue": "slow"}}


@shared_task(name="stock.recount")
def recount():
    return "counted"


def close_day():
    return recount.delay()
"""

REPAIRED_ROUTE = BAD_ROUTE.replace('{"shop.tasks.recount":', '{"stock.recount":')


@pytest.mark.parametrize("source", [BAD, BAD_SIGNATURE])
def test_bad_is_sent_and_thrown_away(shop: Shop, source: str) -> None:
    module = shop.load(source)
    with shop.worker():
        result = module.close_day()
        with pytest.raises(NotRegistered):
            result.get(timeout=10)
    assert shop.runs == []


@pytest.mark.parametrize("source", [REPAIRED, REPAIRED_SIGNATURE])
def test_repaired_runs(shop: Shop, source: str) -> None:
    module = shop.load(source)
    with shop.worker():
        module.close_day()
        shop.settle()
    assert [run.value for run in shop.runs] == ["counted"]


def queue_of(shop: Shop, source: str) -> str:
    """The queue that the task is sent to."""
    shop.load(source)
    task = shop.app.tasks["stock.recount"]
    return str(shop.app.amqp.Router().route({}, task.name)["queue"].name)


def test_bad_route_is_never_taken(shop: Shop) -> None:
    assert queue_of(shop, BAD_ROUTE) == shop.app.conf.task_default_queue


def test_repaired_route_is_taken(shop: Shop) -> None:
    assert queue_of(shop, REPAIRED_ROUTE) == "slow"
