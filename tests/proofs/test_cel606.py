"""CEL606: a worker calls a coroutine function or a generator, and its body never runs."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
import asyncio

from celery import shared_task

done = []


@shared_task
async def reserve(order_id):
    done.append(order_id)
"""

REPAIRED = BAD.replace("async def reserve", "def reserve").replace(
    "    done.append(order_id)\n",
    """\
    asyncio.run(reserve_now(order_id))


async def reserve_now(order_id):
    done.append(order_id)
""",
)

BAD_IGNORED = BAD.replace("@shared_task\n", "@shared_task(ignore_result=True)\n")

REPAIRED_IGNORED = REPAIRED.replace("@shared_task\n", "@shared_task(ignore_result=True)\n")

BAD_GENERATOR = """\
from celery import shared_task

done = []


@shared_task
def reserve(order_id):
    done.append(order_id)
    yield order_id
"""

REPAIRED_GENERATOR = BAD_GENERATOR.replace("yield order_id", "return [order_id]")

BAD_CLASS = """\
from shop.celery import app

done = []


class Reserve(app.Task):
    name = "reserve"

    async def run(self, order_id):
        done.append(order_id)


reserve = app.register_task(Reserve())
"""

REPAIRED_CLASS = BAD_CLASS.replace("async def run", "def run")

GOOD_BASE = """\
import asyncio

from celery import Task, shared_task

done = []


class Awaiting(Task):
    def __call__(self, *args, **kwargs):
        return asyncio.run(self.run(*args, **kwargs))


@shared_task(base=Awaiting)
async def reserve(order_id):
    done.append(order_id)
"""


def done(shop: Shop, source: str) -> list[int]:
    """The orders for which the body has run."""
    module = shop.load(source)
    with shop.worker():
        module.reserve.delay(7)
        shop.settle()
    return list(module.done)


@pytest.mark.filterwarnings("ignore:coroutine")
@pytest.mark.parametrize("source", [BAD, BAD_GENERATOR, BAD_CLASS])
def test_bad_fails_and_never_runs(shop: Shop, source: str) -> None:
    assert done(shop, source) == []
    assert shop.states == ["FAILURE"]


@pytest.mark.filterwarnings("ignore:coroutine")
def test_bad_without_a_result_is_a_success_that_never_ran(shop: Shop) -> None:
    assert done(shop, BAD_IGNORED) == []
    assert shop.states == ["SUCCESS"]


@pytest.mark.parametrize("source", [REPAIRED, REPAIRED_IGNORED, REPAIRED_GENERATOR, REPAIRED_CLASS, GOOD_BASE])
def test_repaired_runs(shop: Shop, source: str) -> None:
    assert done(shop, source) == [7]
    assert shop.states == ["SUCCESS"]
