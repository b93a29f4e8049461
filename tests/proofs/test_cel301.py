"""CEL301: a task swallows every exception."""

from __future__ import annotations

import logging

import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task

from shop import warehouse


@shared_task
def reserve(order_id):
    try:
        warehouse.reserve(order_id)
    except Exception:
        pass
"""

REPAIRED = """\
import logging

from celery import shared_task

from shop import warehouse

logger = logging.getLogger(__name__)


@shared_task
def reserve(order_id):
    try:
        warehouse.reserve(order_id)
    except Exception:
        logger.exception("order %s is not reserved", order_id)
        raise
"""

BAD_BARE = BAD.replace("except Exception:", "except:")
REPAIRED_BARE = REPAIRED

BAD_SUPPRESS = """\
from contextlib import suppress

from celery import shared_task

from shop import warehouse


@shared_task(autoretry_for=(ConnectionError,), retry_kwargs={"max_retries": 2, "countdown": 0})
def reserve(order_id):
    with suppress(Exception):
        warehouse.reserve(order_id)
"""

REPAIRED_SUPPRESS = """\
from celery import shared_task

from shop import warehouse


@shared_task(autoretry_for=(ConnectionError,), retry_kwargs={"max_retries": 2, "countdown": 0})
def reserve(order_id):
    warehouse.reserve(order_id)
"""


def reserved(shop: Shop, source: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The states of the runs while the warehouse cannot be reached."""

    def refuse(order_id: int) -> None:
        raise ConnectionError("refused")

    monkeypatch.setattr("shop.warehouse.reserve", refuse)
    module = shop.load(source)
    with shop.worker():
        module.reserve.delay(1)
        shop.settle()
    return shop.states


@pytest.mark.parametrize("source", [BAD, BAD_BARE, BAD_SUPPRESS])
def test_bad_is_a_success_that_nobody_hears_of(
    shop: Shop, source: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert reserved(shop, source, monkeypatch) == ["SUCCESS"]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_repaired_fails_and_is_logged(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert reserved(shop, REPAIRED, monkeypatch) == ["FAILURE"]
    # By the task's own logger, or by Celery's.
    heard = [record.exc_info[1] for record in caplog.records if record.levelno >= logging.ERROR and record.exc_info]
    assert any(isinstance(error, ConnectionError) for error in heard)


def test_repaired_is_retried(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reserved(shop, REPAIRED_SUPPRESS, monkeypatch) == ["RETRY", "RETRY", "FAILURE"]
