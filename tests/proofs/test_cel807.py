"""CEL807: a crontab with a random field is another one at each start of beat."""

from __future__ import annotations

import pytest

from tests.proofs.beat import times
from tests.proofs.harness import Shop

BAD = """\
import random

from celery import shared_task
from celery.schedules import crontab

from shop.celery import app


@shared_task
def tidy():
    return "tidied"


app.conf.beat_schedule = {
    "tidy": {"task": "shop.tasks.tidy", "schedule": crontab(minute=random.randint(0, 59), hour=3)},
}
"""

REPAIRED = BAD.replace("import random", "import zlib").replace("random.randint(0, 59)", 'zlib.crc32(b"tidy") % 60')
REPAIRED_SEEDED = BAD.replace("random.randint", 'random.Random("shop").randint')

BAD_CLOCK = BAD.replace("import random", "import time").replace("random.randint(0, 59)", "time.time_ns() // 1000 % 60")
REPAIRED_CLOCK = REPAIRED


def starts(shop: Shop, source: str) -> set[str]:
    """When the entry is due, over some starts of beat."""
    found = set()
    for _ in range(20):
        shop.load(source)
        found.update(times(shop, "tidy"))
    return found


@pytest.mark.parametrize("source", [BAD, BAD_CLOCK])
def test_bad_moves(shop: Shop, source: str) -> None:
    assert len(starts(shop, source)) > 1


@pytest.mark.parametrize("source", [REPAIRED, REPAIRED_SEEDED, REPAIRED_CLOCK])
def test_repaired_stays(shop: Shop, source: str) -> None:
    assert len(starts(shop, source)) == 1
