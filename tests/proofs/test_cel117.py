"""CEL117: a result that JSON can't carry."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task

from shop.models import Order


@shared_task
def close(order_id):
    order = Order.objects.get(pk=order_id)
    order.status = "closed"
    order.save()
    return order
"""

REPAIRED = BAD.replace("return order\n", "return order.pk\n")
REPAIRED_SILENT = BAD.replace("@shared_task\n", "@shared_task(ignore_result=True)\n")

BAD_SET = BAD.replace("return order\n", "return {order.pk}\n")
REPAIRED_SET = BAD.replace("return order\n", "return [order.pk]\n")
BAD_QUERYSET = BAD.replace("return order\n", 'return Order.objects.values_list("pk", flat=True)\n')
REPAIRED_QUERYSET = BAD.replace("return order\n", 'return list(Order.objects.values_list("pk", flat=True))\n')
BAD_GENERATOR = BAD.replace("return order\n", "return (pk for pk in [order.pk])\n")
REPAIRED_GENERATOR = BAD.replace("return order\n", "return [pk for pk in [order.pk]]\n")
BAD_LAMBDA = BAD.replace("return order\n", "return lambda: order.pk\n")
REPAIRED_LAMBDA = REPAIRED
BAD_EXCEPTION = BAD.replace("return order\n", 'return ValueError("no")\n')
REPAIRED_EXCEPTION = BAD.replace("return order\n", 'return str(ValueError("no"))\n')

BAD_RESULTS = """\
from celery import shared_task

from shop.models import Order


@shared_task
def mark(order_id):
    Order.objects.filter(pk=order_id).update(status="closed")


@shared_task
def close(order_id):
    return [mark.delay(order_id)]
"""

REPAIRED_RESULTS = BAD_RESULTS.replace("return [mark.delay(order_id)]", "return mark.delay(order_id)")


BROKEN = [BAD, BAD_SET, BAD_QUERYSET, BAD_GENERATOR, BAD_LAMBDA, BAD_EXCEPTION, BAD_RESULTS]
WORKING = [
    REPAIRED,
    REPAIRED_SILENT,
    REPAIRED_SET,
    REPAIRED_QUERYSET,
    REPAIRED_GENERATOR,
    REPAIRED_EXCEPTION,
    REPAIRED_RESULTS,
]


def _close(shop: Shop, source: str) -> tuple[str, str, str]:
    """The state of the task, what it ended with, and the status of the order that it was to close."""
    module = shop.load(source)
    order = shop.order()
    with shop.worker():
        module.close.delay(order.pk)
        shop.settle()
    order.refresh_from_db()
    run = next(run for run in shop.runs if run.task == "close")
    return run.state, str(run.value), order.status


@pytest.mark.parametrize("source", BROKEN)
def test_bad_does_its_work_and_fails(shop: Shop, source: str) -> None:
    state, value, status = _close(shop, source)
    assert (state, status) == ("FAILURE", "closed")
    assert "is not JSON serializable" in value


@pytest.mark.parametrize("source", WORKING)
def test_repaired_succeeds(shop: Shop, source: str) -> None:
    state, _, status = _close(shop, source)
    assert (state, status) == ("SUCCESS", "closed")


@pytest.mark.parametrize("conf", [{"task_ignore_result": True}, {"result_backend": "disabled://"}])
def test_bad_succeeds_where_no_result_is_stored(shop: Shop, conf: dict[str, object]) -> None:
    shop.app.conf.update(conf)
    state, _, _ = _close(shop, BAD_SET)
    assert state == "SUCCESS"


def test_pickles_hold_a_set(shop: Shop) -> None:
    shop.app.conf.update(result_serializer="pickle", accept_content=["json", "pickle"])
    state, _, _ = _close(shop, BAD_SET)
    assert state == "SUCCESS"
