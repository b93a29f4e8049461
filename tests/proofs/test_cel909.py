"""CEL909: with the password in the code, whoever reads it can connect to the broker."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import Celery

billing = Celery("billing", broker="amqp://shop:tr0ub4dor@rabbit.shop.example//", set_as_current=False)
"""

REPAIRED = """\
import os

from celery import Celery

billing = Celery("billing", broker=os.environ["BILLING_BROKER"], set_as_current=False)
"""


def test_bad_tells_the_password(shop: Shop) -> None:
    assert "tr0ub4dor" in BAD
    assert shop.load(BAD).billing.connection().password == "tr0ub4dor"


def test_repaired_connects_as_well_and_tells_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLING_BROKER", "amqp://shop:other@rabbit.shop.example//")
    assert "other" not in REPAIRED
    assert shop.load(REPAIRED).billing.connection().password == "other"
