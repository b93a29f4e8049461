"""CEL106: Celery checks the arguments of few dispatches, and all of them fail."""

from __future__ import annotations

import pytest
from celery import signature

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task


@shared_task
def reserve(order_id, warehouse):
    return order_id, warehouse


def send(order_id):
    reserve.delay(order_id)
"""

REPAIRED = BAD.replace("delay(order_id)", 'delay(order_id, "north")')

BAD_BY_NAME = """\
from celery import shared_task

from shop.celery import app


@shared_task
def reserve(order_id, warehouse):
    return order_id, warehouse


def send(order_id):
    app.send_task("shop.tasks.reserve", args=[order_id], kwargs={"house": "north"})
"""

REPAIRED_BY_NAME = BAD_BY_NAME.replace("house", "warehouse").replace("warewarehouse", "warehouse")

BAD_CLASS = """\
from celery import Task

from shop.celery import app


class Reserve(Task):
    name = "reserve"

    def run(self, order_id, warehouse):
        return order_id, warehouse


reserve = app.register_task(Reserve())


def send(order_id):
    reserve.delay(order_id)
"""

REPAIRED_CLASS = BAD_CLASS.replace("delay(order_id)", 'delay(order_id, "north")')

BAD_LATER = """\
from celery import chain, shared_task


@shared_task
def find(order_id):
    return order_id


@shared_task
def reserve(order_id, warehouse):
    return order_id, warehouse


def send(order_id):
    return chain(find.s(order_id), reserve.s("north", 1, 2))()
"""

REPAIRED_LATER = BAD_LATER.replace('"north", 1, 2', '"north"')

BAD_WRAPPED = """\
import functools

from celery import shared_task


def counted(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


@shared_task
@counted
def reserve(order_id, warehouse):
    return order_id, warehouse


def send(order_id):
    reserve.delay(order_id)
"""

REPAIRED_WRAPPED = BAD_WRAPPED.replace("delay(order_id)", 'delay(order_id, "north")')

BAD_BY_POSITION = """\
from celery import shared_task


@shared_task
def reserve(order_id, /, warehouse):
    return order_id, warehouse


def send(order_id):
    reserve.delay(order_id=order_id, warehouse="north")
"""

REPAIRED_BY_POSITION = BAD_BY_POSITION.replace("order_id=order_id", "order_id")

BAD_RETRY = """\
from celery import shared_task


@shared_task(bind=True, max_retries=1, default_retry_delay=0)
def reserve(self, order_id, warehouse=""):
    if not warehouse:
        raise self.retry(args=(order_id, "north", 1))
    return order_id, warehouse


def send(order_id):
    reserve.delay(order_id)
"""

REPAIRED_RETRY = BAD_RETRY.replace('"north", 1', '"north"')

IN_WORKER = [BAD_BY_NAME, BAD_CLASS, BAD_WRAPPED, BAD_BY_POSITION]
REPAIRED_ALL = [
    REPAIRED,
    REPAIRED_BY_NAME,
    REPAIRED_CLASS,
    REPAIRED_LATER,
    REPAIRED_WRAPPED,
    REPAIRED_BY_POSITION,
    REPAIRED_RETRY,
]


def sent(shop: Shop, source: str) -> None:
    module = shop.load(source)
    with shop.worker():
        module.send(7)
        shop.settle()


def test_bad_cannot_be_sent(shop: Shop) -> None:
    module = shop.load(BAD)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'warehouse'"):
        module.send(7)
    assert shop.sent == []


@pytest.mark.parametrize("source", IN_WORKER)
def test_bad_is_sent_and_fails_in_the_worker(shop: Shop, source: str) -> None:
    sent(shop, source)
    assert shop.runs[-1].task == "reserve"
    assert shop.states[-1] == "FAILURE"
    assert isinstance(shop.runs[-1].value, TypeError)


def test_bad_later_step_fails_the_task_before_it(shop: Shop) -> None:
    module = shop.load(BAD_LATER)
    with shop.worker():
        result = module.send(7)
        shop.settle()
    assert shop.sent == ["find"]
    assert result.parent.state == "FAILURE"


def test_bad_retry_is_never_sent_and_leaves_no_result(shop: Shop) -> None:
    sent(shop, BAD_RETRY)
    assert shop.sent == ["reserve"]
    assert shop.states == ["REJECTED"]


def test_bad_arguments_fail_in_the_result_of_apply(shop: Shop) -> None:
    module = shop.load(BAD)
    result = module.reserve.apply((7,))
    assert isinstance(result.result, TypeError)


@pytest.mark.parametrize("source", REPAIRED_ALL)
def test_repaired_runs(shop: Shop, source: str) -> None:
    sent(shop, source)
    assert shop.states[-1] == "SUCCESS"
    assert tuple(shop.runs[-1].value) == (7, "north")


def test_what_a_signature_lacks_may_come_later(shop: Shop) -> None:
    module = shop.load(REPAIRED)
    with shop.worker():
        module.reserve.s("north").delay(7)  # what is given later comes first
        module.reserve.s(7).apply_async(kwargs={"warehouse": "north"})
        signature("shop.tasks.reserve", args=("north",)).clone(args=(7,)).delay()
        shop.settle()
    assert [run.value for run in shop.runs] == [(7, "north")] * 3


def test_what_an_immutable_signature_lacks_never_comes(shop: Shop) -> None:
    module = shop.load(REPAIRED)
    with pytest.raises(TypeError):
        module.reserve.si("north").delay(7)
