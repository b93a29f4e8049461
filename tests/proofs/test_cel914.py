"""CEL914: all runs of a task in one process share the task object."""

from __future__ import annotations

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task


@shared_task(bind=True)
def charge(self, price, discount=None):
    if discount:
        self.discount = discount
    return price - getattr(self, "discount", 0)
"""

REPAIRED = """\
from celery import shared_task


@shared_task(bind=True)
def charge(self, price, discount=None):
    self.discount = discount or 0
    return price - self.discount
"""

BAD_TOTAL = """\
from celery import Task

from shop.celery import app


class Add(Task):
    total = 0

    def run(self, price, discount=None):
        self.total += price
        return self.total


charge = app.register_task(Add())
"""

REPAIRED_TOTAL = BAD_TOTAL.replace("        self.total += price", "        self.total = 0\n        self.total += price")


def charged(shop: Shop, source: str) -> object:
    """What a run gives after another one, which had a discount."""
    module = shop.load(source)
    with shop.worker():
        module.charge.delay(10, 3)
        module.charge.delay(10)
        shop.settle()
    assert shop.states == ["SUCCESS", "SUCCESS"]
    return shop.runs[1].value


def test_bad_gives_the_discount_of_the_run_before(shop: Shop) -> None:
    assert charged(shop, BAD) == 7


def test_repaired_gives_none(shop: Shop) -> None:
    assert charged(shop, REPAIRED) == 10


def test_bad_total_grows(shop: Shop) -> None:
    assert charged(shop, BAD_TOTAL) == 20


def test_repaired_total_starts_anew(shop: Shop) -> None:
    assert charged(shop, REPAIRED_TOTAL) == 10
