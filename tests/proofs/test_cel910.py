"""CEL910: an eager application sends nothing, and does the work where it is asked for."""

from __future__ import annotations

import threading

import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import Celery

billing = Celery("billing", broker="memory://", set_as_current=False)
billing.conf.task_always_eager = True


@billing.task
def bill(order_id):
    import threading
    return threading.get_ident()
"""

REPAIRED = BAD.replace("billing.conf.task_always_eager = True\n", "")


def test_bad_runs_in_the_caller_at_once(shop: Shop) -> None:
    module = shop.load(BAD)
    result = module.bill.apply_async((1,), countdown=3600)
    assert result.get() == threading.get_ident()
    assert shop.sent == []


def test_bad_ignores_time_limits(shop: Shop) -> None:
    module = shop.load(BAD)
    module.bill.time_limit = 0.000001
    assert module.bill.delay(1).state == "SUCCESS"


def test_repaired_sends_a_message(shop: Shop) -> None:
    module = shop.load(REPAIRED)
    module.bill.delay(1)
    assert shop.sent == ["bill"]
    assert shop.runs == []


@pytest.mark.filterwarnings("ignore:task_always_eager has no effect")
@pytest.mark.parametrize("source", [BAD, REPAIRED])
def test_send_task_is_not_eager(shop: Shop, source: str) -> None:
    module = shop.load(source)
    module.billing.send_task("bill", (1,))
    assert shop.sent == ["bill"]
