"""CEL604: in a worker `get()` raises at once; where that is switched off, it may wait for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.proofs.harness import Shop
from tests.proofs.prefork import needs_prefork, prefork_worker

BAD = """\
from celery import chain, shared_task
from celery.result import AsyncResult, allow_join_result


@shared_task
def price(order_id):
    return 30


@shared_task
def invoice(order_id):
    return price.delay(order_id).get(timeout=1) + 1
"""

REPAIRED = BAD.replace(
    """\
def invoice(order_id):
    return price.delay(order_id).get(timeout=1) + 1
""",
    """\
def add_fee(total):
    return total + 1


@shared_task(bind=True)
def invoice(self, order_id):
    return self.replace(chain(price.s(order_id), add_fee.s()))
""",
)

BAD_APPLY = BAD.replace(".delay(order_id).get(timeout=1)", ".apply((order_id,)).get()")

REPAIRED_APPLY = BAD.replace(".delay(order_id).get(timeout=1)", "(order_id)")

BAD_READY = BAD.replace(
    "    return price.delay(order_id).get(timeout=1) + 1\n",
    """\
    result = price.apply_async((order_id,))
    result = AsyncResult(result.id)
    if result.ready() or order_id:
        return result.get(timeout=1)
""",
)

REPAIRED_READY = BAD_READY.replace("result.get(timeout=1)", "result.state")

BAD_ALLOWED = BAD.replace("get(timeout=1)", "get(timeout=1, disable_sync_subtasks=False)")

REPAIRED_ALLOWED = REPAIRED

BAD_BLOCK = BAD.replace(
    "    return price.delay(order_id).get(timeout=1) + 1\n",
    """\
    with allow_join_result():
        return price.delay(order_id).get(timeout=1) + 1
""",
)

REPAIRED_BLOCK = REPAIRED


@needs_prefork
@pytest.mark.parametrize("source", [BAD, BAD_APPLY, BAD_READY])
def test_bad_raises_in_a_worker(tmp_path: Path, source: str) -> None:
    with prefork_worker(source, tmp_path) as worker:
        error = worker.finish(worker.send("invoice", 7))
    assert isinstance(error, RuntimeError)
    assert "Never call result.get() within a task" in str(error)


@needs_prefork
@pytest.mark.parametrize("source", [BAD_ALLOWED, BAD_BLOCK])
def test_bad_allowed_waits_for_the_worker_that_it_holds(tmp_path: Path, source: str) -> None:
    with prefork_worker(source, tmp_path) as worker:
        error = worker.finish(worker.send("invoice", 7))
    assert "timed out" in str(error)


@needs_prefork
@pytest.mark.parametrize("source", [REPAIRED, REPAIRED_APPLY])
def test_repaired_gives_the_total(tmp_path: Path, source: str) -> None:
    with prefork_worker(source, tmp_path) as worker:
        assert worker.finish(worker.send("invoice", 7)) == 31


@needs_prefork
def test_repaired_asks_for_the_state_alone(tmp_path: Path) -> None:
    with prefork_worker(REPAIRED_READY, tmp_path) as worker:
        assert worker.finish(worker.send("invoice", 7)) in ("PENDING", "SUCCESS")


@needs_prefork
def test_a_task_that_stores_no_result_gives_none_at_once(tmp_path: Path) -> None:
    source = BAD.replace("@shared_task\ndef price", "@shared_task(ignore_result=True)\ndef price").replace(" + 1", "")
    with prefork_worker(source, tmp_path) as worker:
        assert worker.finish(worker.send("invoice", 7)) is None


def test_the_worker_of_the_tests_does_not_check(shop: Shop) -> None:
    module = shop.load(BAD_APPLY)
    with shop.worker():
        module.invoice.delay(7)
        shop.settle()
    assert shop.states[-1] == "SUCCESS"
