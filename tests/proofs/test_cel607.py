"""CEL607: what a task returns is stored, whether somebody reads it or not."""

from __future__ import annotations

import pytest
from celery.backends.base import Backend

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task


@shared_task
def price(order_id):
    return 30


def confirm():
    price.delay(7)
"""

REPAIRED = BAD.replace("@shared_task", "@shared_task(ignore_result=True)")


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What any backend stores of runs."""
    kept: list[object] = []
    store = Backend.store_result

    def store_result(self: Backend, task_id: str, result: object, *args: object, **options: object) -> object:
        kept.append(result)
        return store(self, task_id, result, *args, **options)

    monkeypatch.setattr(Backend, "store_result", store_result)
    return kept


def confirm(shop: Shop, source: str) -> None:
    module = shop.load(source)
    with shop.worker():
        module.confirm()
        shop.settle()
    assert shop.states == ["SUCCESS"]


def test_bad_is_stored(shop: Shop, stored: list[object]) -> None:
    confirm(shop, BAD)
    assert stored == [30]


def test_repaired_is_not(shop: Shop, stored: list[object]) -> None:
    confirm(shop, REPAIRED)
    assert stored == []
