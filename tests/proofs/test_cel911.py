"""CEL911: an eager task that fails raises nothing, unless errors are to propagate."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import Celery

billing = Celery("billing", broker="memory://", set_as_current=False)
billing.conf.task_always_eager = True


@billing.task
def bill(order_id):
    raise LookupError(order_id)
"""

REPAIRED = BAD.replace("eager = True\n", "eager = True\nbilling.conf.task_eager_propagates = True\n")


def test_bad_raises_nothing(shop: Shop) -> None:
    assert shop.load(BAD).bill.delay(1).state == "FAILURE"


def test_repaired_raises(shop: Shop) -> None:
    module = shop.load(REPAIRED)
    with pytest.raises(LookupError):
        module.bill.delay(1)
