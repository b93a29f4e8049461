"""CEL705: a loop over rows sends a message for each, a group too, and chunks send a few."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import group, shared_task

from shop.models import Order

done = []


@shared_task
def remind(order_id):
    done.append(order_id)


def remind_all():
    for key in Order.objects.values_list("pk", flat=True):
        remind.delay(key)
"""

REPAIRED = BAD.replace(
    """\
    for key in Order.objects.values_list("pk", flat=True):
        remind.delay(key)
""",
    """\
    remind.chunks(Order.objects.values_list("pk").iterator(), 10).apply_async()
""",
)

REPAIRED_ALL = BAD.replace("(order_id):\n    done.append(order_id)", "(keys):\n    done.extend(keys)").replace(
    """\
    for key in Order.objects.values_list("pk", flat=True):
        remind.delay(key)
""",
    """\
    remind.delay(list(Order.objects.values_list("pk", flat=True)))
""",
)

GROUP = BAD.replace(
    """\
    for key in Order.objects.values_list("pk", flat=True):
        remind.delay(key)
""",
    """\
    group(remind.s(key) for key in Order.objects.values_list("pk", flat=True)).delay()
""",
)

ROWS = 20


def messages(shop: Shop, source: str) -> int:
    """How many messages are sent; all rows are seen to."""
    orders = [shop.order().pk for _ in range(ROWS)]
    module = shop.load(source)
    with shop.worker():
        module.remind_all()
        shop.settle()
    assert sorted(module.done) == sorted(orders)
    return len(shop.sent)


@pytest.mark.parametrize("source", [BAD, GROUP])
def test_bad_sends_a_message_for_each_row(shop: Shop, source: str) -> None:
    assert messages(shop, source) == ROWS


@pytest.mark.parametrize(("source", "number"), [(REPAIRED, 2), (REPAIRED_ALL, 1)])
def test_repaired_sends_a_few(shop: Shop, source: str, number: int) -> None:
    assert messages(shop, source) == number
