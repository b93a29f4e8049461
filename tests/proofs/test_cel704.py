"""CEL704: a backend that looks for the results of a chord's header waits for what is never stored."""

from __future__ import annotations

from pathlib import Path

from tests.proofs.harness import Shop

BAD = """\
from celery import chord, shared_task

totals = []


@shared_task(ignore_result=True)
def price(order_id):
    return 30


@shared_task
def total(prices):
    totals.append(sum(prices))


def confirm():
    return chord([price.s(7), price.s(8)])(total.s())
"""

REPAIRED = BAD.replace("(ignore_result=True)", "")

ASKED_FOR = BAD.replace("price.s(7), price.s(8)", "*(price.s(one).set(ignore_result=False) for one in (7, 8))")


def totals(shop: Shop, source: str) -> list[int]:
    """What the body of the chord is run for, on a backend like memcached's."""
    module = shop.load(source)
    shop.app.conf.result_chord_join_timeout = 0.3
    with shop.worker():
        module.confirm()
        shop.settle()
    return list(module.totals)


def test_bad_never_runs_the_body(shop: Shop) -> None:
    assert totals(shop, BAD) == []


def test_bad_asks_for_ever_with_a_database(shop: Shop, tmp_path: Path) -> None:
    module = shop.load(BAD)
    shop.app.conf.result_backend = f"db+sqlite:///{tmp_path}/results.sqlite3"
    with shop.worker():
        result = module.confirm()
        shop.wait_for_runs("chord_unlock", 2)
        assert not result.ready()
    assert module.totals == []


def test_repaired_runs_the_body(shop: Shop) -> None:
    assert totals(shop, REPAIRED) == [60]


def test_a_signature_may_ask_for_its_result(shop: Shop) -> None:
    assert totals(shop, ASKED_FOR) == [60]
