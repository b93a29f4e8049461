"""CEL403: `self` in a task that is not bound is no variable at all."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task

from shop import warehouse


@shared_task(max_retries=2)
def reserve(order_id):
    try:
        return warehouse.reserve(order_id)
    except ConnectionError as error:
        raise self.retry(exc=error, countdown=0)
"""

REPAIRED = BAD.replace("(max_retries=2)", "(max_retries=2, bind=True)").replace("(order_id):", "(self, order_id):")

REPAIRED_BY_NAME = BAD.replace("self.retry", "reserve.retry")


@pytest.fixture(autouse=True)
def answers(monkeypatch: pytest.MonkeyPatch, shop: Shop) -> list[bool]:
    """What the warehouse answers at each call: nothing at the first."""
    answers: list[bool] = []

    def reserve(order_id: int) -> str:
        answers.append(bool(answers))
        if not answers[-1]:
            raise ConnectionError("refused")
        return "reserved"

    monkeypatch.setattr("shop.warehouse.reserve", reserve)
    return answers


def run(shop: Shop, source: str) -> None:
    module = shop.load(source)
    with shop.worker():
        module.reserve.delay(7)
        shop.settle()


def test_bad_fails_with_a_name_error_and_is_not_retried(shop: Shop) -> None:
    run(shop, BAD)
    assert shop.states == ["FAILURE"]
    assert isinstance(shop.runs[0].value, NameError)


@pytest.mark.parametrize("source", [REPAIRED, REPAIRED_BY_NAME], ids=["bound", "by name"])
def test_repaired_is_retried(shop: Shop, source: str) -> None:
    run(shop, source)
    assert shop.states == ["RETRY", "SUCCESS"]
    assert shop.runs[-1].value == "reserved"


@pytest.mark.parametrize("call", ["reserve(7)", "reserve.run(7)", "reserve.__wrapped__(7)"])
def test_direct_callers_pass_to_the_repaired_what_they_passed(shop: Shop, call: str, answers: list[bool]) -> None:
    answers.append(True)
    assert eval(call, vars(shop.load(REPAIRED))) == "reserved"
