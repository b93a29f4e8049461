"""CEL409: Celery makes a tuple of `autoretry_for` when the application is first used, and catches what it names."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task


@shared_task(autoretry_for=ConnectionError, retry_kwargs={"countdown": 0})
def reserve(order_id):
    raise ConnectionError("the warehouse does not answer")
"""

REPAIRED = BAD.replace("ConnectionError, retry", "(ConnectionError,), retry")

BAD_EXCEPTED = """\
from celery import shared_task


@shared_task(autoretry_for=(OSError,), dont_autoretry_for=ConnectionError, retry_kwargs={"countdown": 0})
def reserve(order_id):
    raise ConnectionError("the warehouse does not answer")
"""

REPAIRED_EXCEPTED = BAD_EXCEPTED.replace("=ConnectionError,", "=(ConnectionError,),")

BAD_BASE = """\
from celery import Task, shared_task


class Retried(Task):
    autoretry_for = ConnectionError
    retry_kwargs = {"countdown": 0}


@shared_task(base=Retried)
def reserve(order_id):
    raise ConnectionError("the warehouse does not answer")
"""

REPAIRED_BASE = BAD_BASE.replace("= ConnectionError", "= (ConnectionError,)")


def states_of(shop: Shop, source: str) -> list[str]:
    module = shop.load(source)
    with shop.worker():
        module.reserve.delay(7)
        shop.settle()
    return shop.states


@pytest.mark.parametrize("source", [BAD, BAD_EXCEPTED, BAD_BASE])
def test_bad_cannot_be_used(shop: Shop, source: str) -> None:
    module = shop.load(source)  # defined without complaint
    with pytest.raises(TypeError, match="not iterable"):
        module.reserve.delay(7)


def test_a_text_hides_the_error(shop: Shop) -> None:
    assert states_of(shop, BAD.replace("=ConnectionError", '="ConnectionError"')) == ["FAILURE"]
    assert isinstance(shop.runs[0].value, TypeError)


@pytest.mark.parametrize("source", [REPAIRED, REPAIRED_BASE])
def test_repaired_is_retried(shop: Shop, source: str) -> None:
    assert states_of(shop, source) == ["RETRY"] * 3 + ["FAILURE"]
    assert isinstance(shop.runs[-1].value, ConnectionError)


def test_repaired_excepted_fails_at_once(shop: Shop) -> None:
    assert states_of(shop, REPAIRED_EXCEPTED) == ["FAILURE"]
    assert isinstance(shop.runs[0].value, ConnectionError)


@pytest.mark.parametrize("value", ["[ConnectionError]", "{ConnectionError}"])
def test_a_list_or_a_set_will_do(shop: Shop, value: str) -> None:
    assert states_of(shop, BAD.replace("=ConnectionError", f"={value}")) == ["RETRY"] * 3 + ["FAILURE"]


def test_throws_takes_a_class(shop: Shop) -> None:
    assert states_of(shop, BAD.replace("autoretry_for", "throws")) == ["FAILURE"]
    assert isinstance(shop.runs[0].value, ConnectionError)
