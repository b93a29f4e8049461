"""CEL306: the state that a task sets is overwritten at its end, and the meta of a failure must be an exception's."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task

from shop import warehouse


@shared_task(bind=True)
def reserve(self, order_id):
    try:
        warehouse.reserve(order_id)
    except ConnectionError as exc:
        self.update_state(state="FAILURE")
        return {"error": str(exc)}
"""

REPAIRED = """\
from celery import shared_task
from celery.exceptions import Ignore

from shop import warehouse


@shared_task(bind=True)
def reserve(self, order_id):
    try:
        warehouse.reserve(order_id)
    except ConnectionError as exc:
        meta = {"exc_type": type(exc).__name__, "exc_message": [str(exc)], "order": order_id}
        self.update_state(state="FAILURE", meta=meta)
        raise Ignore()
"""

BAD_META = """\
from celery import shared_task
from celery.exceptions import Ignore

from shop import warehouse


@shared_task(bind=True)
def reserve(self, order_id):
    try:
        warehouse.reserve(order_id)
    except ConnectionError as exc:
        self.update_state(state="FAILURE", meta={"error": str(exc)})
        raise Ignore()
"""

REPAIRED_META = REPAIRED

BAD_TEXT = BAD_META.replace('{"error": str(exc)}', 'f"failed: {exc}"')

REPAIRED_TEXT = REPAIRED

BAD_REVOKED = BAD_META.replace("FAILURE", "REVOKED")

REPAIRED_REVOKED = BAD_META.replace("FAILURE", "CANCELLED")


@pytest.fixture(autouse=True)
def down(monkeypatch: pytest.MonkeyPatch, shop: Shop) -> None:
    def fail(order_id: int) -> None:
        raise ConnectionError("the warehouse is down")

    monkeypatch.setattr("shop.warehouse.reserve", fail)


def result(shop: Shop, source: str) -> object:
    """What a caller has of the run."""
    module = shop.load(source)
    with shop.worker():
        sent = module.reserve.delay(1)
        shop.settle()
    return sent


def test_bad_is_stored_as_a_success(shop: Shop) -> None:
    assert result(shop, BAD).state == "SUCCESS"  # type: ignore[attr-defined]


@pytest.mark.parametrize("source", [BAD_META, BAD_TEXT, BAD_REVOKED])
def test_bad_meta_cannot_be_read(shop: Shop, source: str) -> None:
    sent = result(shop, source)
    with pytest.raises(ValueError, match=r"exception type|dictionary update"):
        sent.state  # type: ignore[attr-defined]  # noqa: B018


def test_repaired_stays_a_failure(shop: Shop) -> None:
    sent = result(shop, REPAIRED)
    assert sent.state == "FAILURE"  # type: ignore[attr-defined]
    with pytest.raises(Exception, match="the warehouse is down"):
        sent.get(timeout=1)  # type: ignore[attr-defined]


def test_a_state_of_its_own_has_any_meta(shop: Shop) -> None:
    sent = result(shop, REPAIRED_REVOKED)
    assert sent.state == "CANCELLED"  # type: ignore[attr-defined]
    assert sent.info == {"error": "the warehouse is down"}  # type: ignore[attr-defined]
