"""CEL302: a broad handler eats the exception by which Celery retries."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
import logging

from celery import shared_task

from shop import warehouse

logger = logging.getLogger(__name__)


@shared_task(bind=True, max_retries=2)
def reserve(self, order_id):
    try:
        if not warehouse.reserve(order_id):
            raise self.retry(countdown=0)
    except Exception:
        logger.exception("order %s is not reserved", order_id)
"""

REPAIRED = """\
import logging

from celery import shared_task
from celery.exceptions import Ignore, Reject, Retry

from shop import warehouse

logger = logging.getLogger(__name__)


@shared_task(bind=True, max_retries=2)
def reserve(self, order_id):
    try:
        if not warehouse.reserve(order_id):
            raise self.retry(countdown=0)
    except (Retry, Ignore, Reject):
        raise
    except Exception:
        logger.exception("order %s is not reserved", order_id)
"""

BAD_RETRIED_AGAIN = """\
from celery import shared_task

from shop import warehouse


@shared_task(bind=True, max_retries=2)
def reserve(self, order_id):
    try:
        if not warehouse.reserve(order_id):
            raise self.retry(countdown=0)
    except Exception as error:
        raise self.retry(exc=error, countdown=0)
"""

REPAIRED_RETRIED_AGAIN = """\
from celery import shared_task
from celery.exceptions import Ignore, Reject, Retry

from shop import warehouse


@shared_task(bind=True, max_retries=2)
def reserve(self, order_id):
    try:
        if not warehouse.reserve(order_id):
            raise self.retry(countdown=0)
    except (Retry, Ignore, Reject):
        raise
    except Exception as error:
        raise self.retry(exc=error, countdown=0)
"""

BAD_IGNORE = """\
from celery import shared_task
from celery.exceptions import Ignore

from shop import warehouse


@shared_task
def reserve(order_id):
    try:
        if not warehouse.reserve(order_id):
            raise Ignore()
    except Exception:
        return "failed"
"""

REPAIRED_IGNORE = BAD_IGNORE.replace(
    "    except Exception:", "    except Ignore:\n        raise\n    except Exception:"
)

BAD_REJECT = BAD_IGNORE.replace("Ignore", "Reject").replace("shared_task\ndef", "shared_task(acks_late=True)\ndef")
REPAIRED_REJECT = REPAIRED_IGNORE.replace("Ignore", "Reject").replace(
    "shared_task\ndef", "shared_task(acks_late=True)\ndef"
)


@pytest.fixture(autouse=True)
def sold_out(monkeypatch: pytest.MonkeyPatch, shop: Shop) -> None:
    monkeypatch.setattr("shop.warehouse.reserve", lambda order_id: False)


def states(shop: Shop, source: str) -> list[str]:
    """The states of the task's runs, in order, once nothing more is to come."""
    module = shop.load(source)
    with shop.worker():
        module.reserve.delay(1)
        shop.settle()
    return shop.states


def test_bad_is_a_success_and_runs_again_all_the_same(shop: Shop) -> None:
    assert states(shop, BAD) == ["SUCCESS", "SUCCESS", "SUCCESS"]


def test_repaired_is_a_retry(shop: Shop) -> None:
    # The last run is handled as the author wants it: MaxRetriesExceededError is an error like any other.
    assert states(shop, REPAIRED) == ["RETRY", "RETRY", "SUCCESS"]


def test_bad_doubles_its_messages_each_round(shop: Shop) -> None:
    assert sorted(states(shop, BAD_RETRIED_AGAIN)) == ["FAILURE"] * 4 + ["RETRY"] * (1 + 2)


def test_repaired_sends_one_message_a_round(shop: Shop) -> None:
    assert states(shop, REPAIRED_RETRIED_AGAIN) == ["RETRY", "RETRY", "FAILURE"]


@pytest.mark.parametrize(
    ("source", "state"),
    [
        (BAD_IGNORE, "SUCCESS"),
        (REPAIRED_IGNORE, "IGNORED"),
        (BAD_REJECT, "SUCCESS"),
        (REPAIRED_REJECT, "REJECTED"),
    ],
    ids=["bad ignore", "repaired ignore", "bad reject", "repaired reject"],
)
def test_ignore_and_reject(shop: Shop, source: str, state: str) -> None:
    assert states(shop, source) == [state]
