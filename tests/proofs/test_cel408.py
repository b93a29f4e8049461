"""CEL408: without `retry_backoff` each retry comes three minutes after the last try."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task


@shared_task(autoretry_for=(ConnectionError,), max_retries=5)
def reserve(order_id):
    raise ConnectionError("the warehouse does not answer")
"""

REPAIRED = BAD.replace("max_retries=5", "max_retries=5, retry_backoff=True")


def countdowns_of(shop: Shop, source: str, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """After how many seconds each retry of a message is to run; all of them run at once."""
    task = shop.load(source).reserve
    asked: list[float] = []
    plain = task.retry

    def retry_at_once(*args: object, countdown: float | None = None, **options: object) -> object:
        asked.append(task.default_retry_delay if countdown is None else countdown)
        return plain(*args, countdown=0, **options)

    monkeypatch.setattr("random.randrange", lambda stop: stop - 1)  # the jitter at its largest
    monkeypatch.setattr(task, "retry", retry_at_once)
    with shop.worker():
        task.delay(7)
        shop.settle()
    return asked


def test_bad_waits_three_minutes_each_time(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(countdowns_of(shop, BAD, monkeypatch)) == {180}


def test_repaired_waits_longer_each_time(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = countdowns_of(shop, REPAIRED, monkeypatch)
    assert asked == sorted(asked)
    assert asked[0] == 1
    assert asked[-1] == 2 ** (len(asked) - 1)
