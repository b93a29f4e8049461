"""CEL605: what a task that ignores its result stores, and what is read where there is no backend."""

from __future__ import annotations

import pytest
from celery.exceptions import TimeoutError

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task


@shared_task(ignore_result=True)
def total(order_id):
    return 30


def start(order_id):
    return total.delay(order_id)


def read(result):
    return result.get(timeout=5)


def read_total(order_id):
    return start(order_id).get(timeout=5)
"""

REPAIRED = BAD.replace("(ignore_result=True)", "")

BAD_STATE = """\
from celery import shared_task


@shared_task(ignore_result=True)
def total(order_id):
    return 30


def start(order_id):
    return total.delay(order_id)


def read(result):
    result = total.AsyncResult(result.id)
    return result.ready(), result.state
"""

REPAIRED_STATE = BAD_STATE.replace("(ignore_result=True)", "")

BAD_BY_ID = BAD_STATE.replace("result.ready(), result.state", "result.get(timeout=0.2)")

REPAIRED_BY_ID = BAD_BY_ID.replace("(ignore_result=True)", "")

NO_BACKEND = """\
from celery import Celery

app = Celery("other", broker="memory://")


@app.task
def total(order_id):
    return 30


def read(order_id):
    return total.delay(order_id).get(timeout=1)


def ask(order_id):
    return total.delay(order_id).ready()
"""

WITH_BACKEND = NO_BACKEND.replace('"memory://")', '"memory://", backend="cache+memory://")')

GOOD_ASKED_FOR = BAD.replace("total.delay(order_id)", "total.apply_async((order_id,), ignore_result=False)")


def read(shop: Shop, source: str) -> object:
    """What is read of the result when the task has run."""
    module = shop.load(source)
    with shop.worker():
        result = module.start(7)
        shop.settle()
    assert shop.runs[0].value == 30
    return module.read(result)


def test_bad_gives_none(shop: Shop) -> None:
    assert read(shop, BAD) is None


def test_bad_stays_pending(shop: Shop) -> None:
    assert read(shop, BAD_STATE) == (False, "PENDING")


def test_bad_waits_for_what_never_comes(shop: Shop) -> None:
    with pytest.raises(TimeoutError):
        read(shop, BAD_BY_ID)


@pytest.mark.parametrize("source", [REPAIRED, REPAIRED_BY_ID, GOOD_ASKED_FOR])
def test_repaired_gives_what_was_returned(shop: Shop, source: str) -> None:
    assert read(shop, source) == 30


def test_repaired_tells_the_state(shop: Shop) -> None:
    assert read(shop, REPAIRED_STATE) == (True, "SUCCESS")


def test_bad_without_a_backend_raises(shop: Shop) -> None:
    module = shop.load(NO_BACKEND)
    with pytest.raises(NotImplementedError, match="No result backend is configured"):
        module.read(7)
    with pytest.raises(AttributeError, match="DisabledBackend"):
        module.ask(7)


def test_repaired_has_a_backend_to_ask(shop: Shop) -> None:
    assert shop.load(WITH_BACKEND).ask(7) is False
