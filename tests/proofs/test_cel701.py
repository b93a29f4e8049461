"""CEL701: to build a signature sends nothing, and a task that returns one has it stored as its result."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

TASKS = """\
from celery import chain, chord, group, shared_task


@shared_task
def reserve(order_id):
    return order_id


@shared_task
def pay(order_id):
    return order_id


"""

BAD = (
    TASKS
    + """\
def confirm(order_id):
    chain(reserve.s(order_id), pay.s())
"""
)

REPAIRED = BAD.replace("pay.s())", "pay.s()).delay()")

BAD_PIPED = (
    TASKS
    + """\
def confirm(order_id):
    reserve.s(order_id) | pay.s()
"""
)

REPAIRED_PIPED = BAD_PIPED.replace("reserve.s(order_id) | pay.s()", "(reserve.s(order_id) | pay.s()).delay()")

BAD_KEPT = (
    TASKS
    + """\
def confirm(order_id):
    jobs = []
    for task in (reserve, pay):
        jobs.append(reserve.s(order_id))
"""
)

REPAIRED_KEPT = BAD_KEPT + "    group(jobs).delay()\n"

BAD_RETURNED = (
    TASKS
    + """\
@shared_task(bind=True)
def plan(self, order_id):
    return chain(reserve.s(order_id), pay.s())


def confirm(order_id):
    plan.delay(order_id)
"""
)

REPAIRED_RETURNED = BAD_RETURNED.replace(
    "return chain(reserve.s(order_id), pay.s())", "return self.replace(chain(reserve.s(order_id), pay.s()))"
)


def ran(shop: Shop, source: str) -> list[str]:
    """The tasks that run when an order is confirmed."""
    module = shop.load(source)
    with shop.worker():
        module.confirm(7)
        shop.settle()
    return [run.task for run in shop.runs if run.state == "SUCCESS"]


@pytest.mark.parametrize("source", [BAD, BAD_PIPED, BAD_KEPT])
def test_bad_sends_nothing(shop: Shop, source: str) -> None:
    assert ran(shop, source) == []
    assert shop.sent == []


def test_bad_returned_is_the_result_of_a_task_that_succeeds(shop: Shop) -> None:
    assert ran(shop, BAD_RETURNED) == ["plan"]
    assert shop.runs[0].value["task"] == "celery.chain"


def test_repaired_runs_the_chain(shop: Shop) -> None:
    assert ran(shop, REPAIRED) == ["reserve", "pay"]


def test_repaired_pipe_runs_the_chain(shop: Shop) -> None:
    assert ran(shop, REPAIRED_PIPED) == ["reserve", "pay"]


def test_repaired_list_runs_the_group(shop: Shop) -> None:
    assert ran(shop, REPAIRED_KEPT) == ["reserve", "reserve"]


def test_repaired_task_runs_the_chain_in_its_place(shop: Shop) -> None:
    assert ran(shop, REPAIRED_RETURNED)[-2:] == ["reserve", "pay"]


@pytest.mark.parametrize("work", ["group(reserve.s(order_id))", "reserve.chunks([(order_id,)], 1)", "reserve.map([7])"])
def test_each_canvas_can_be_sent_with_delay(shop: Shop, work: str) -> None:
    assert ran(shop, BAD.replace("chain(reserve.s(order_id), pay.s())", f"{work}.delay()"))
