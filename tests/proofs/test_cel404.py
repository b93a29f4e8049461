"""CEL404: nothing checks `bind` and the parameters against each other until the task is sent or run."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task


@shared_task(bind=True)
def reserve():
    return "reserved"
"""

REPAIRED = BAD.replace("reserve()", "reserve(self)")

BAD_UNBOUND = """\
from celery import shared_task


@shared_task
def reserve(self, order_id):
    return self.request.retries, order_id
"""

REPAIRED_UNBOUND = BAD_UNBOUND.replace("@shared_task", "@shared_task(bind=True)")

BAD_DATA = """\
from celery import shared_task


@shared_task(bind=True)
def reserve(order_id: int, express=False):
    return str(order_id), express
"""

REPAIRED_DATA = BAD_DATA.replace("(order_id: int", "(self, order_id: int")


def sent(shop: Shop, source: str, *args: object) -> object:
    """What the task's one run gives when it is sent with these arguments."""
    module = shop.load(source)
    with shop.worker():
        module.reserve.delay(*args)
        shop.settle()
    assert shop.states == ["SUCCESS"]
    return shop.runs[0].value


@pytest.mark.parametrize(("source", "args"), [(BAD, ()), (BAD_UNBOUND, (7,)), (BAD_DATA, (7, True))])
def test_bad_cannot_be_sent(shop: Shop, source: str, args: tuple[object, ...]) -> None:
    module = shop.load(source)  # defined without complaint
    with pytest.raises(TypeError):
        module.reserve.delay(*args)
    assert shop.sent == []


def test_bad_runs_with_the_wrong_values_where_a_default_makes_room(shop: Shop) -> None:
    order_id, express = sent(shop, BAD_DATA, 7)  # type: ignore[misc]
    assert order_id.startswith("<@task: shop.tasks.reserve")
    assert express == 7


def test_repaired_gets_what_was_passed(shop: Shop) -> None:
    assert sent(shop, REPAIRED) == "reserved"


def test_repaired_unbound_gets_itself(shop: Shop) -> None:
    assert sent(shop, REPAIRED_UNBOUND, 7) == (0, 7)


def test_repaired_data_gets_what_was_passed(shop: Shop) -> None:
    assert sent(shop, REPAIRED_DATA, 7) == ("7", False)


def test_a_plain_call_passes_the_task_as_well(shop: Shop) -> None:
    reserve = shop.load(BAD_DATA).reserve
    assert reserve(7)[1] == 7
    with pytest.raises(TypeError):
        reserve(7, True)
