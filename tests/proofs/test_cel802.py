"""CEL802: beat sends whatever it is told to, and the worker throws away what it does not know."""

from __future__ import annotations

import pytest
from celery.exceptions import NotRegistered

from tests.proofs.beat import send
from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task

from shop.celery import app


@shared_task(name="reports.digest")
def send_digest():
    return "sent"


app.conf.beat_schedule = {
    "digest": {"task": "shop.tasks.send_digest", "schedule": 3600},
}
"""

REPAIRED = BAD.replace("shop.tasks.send_digest", "reports.digest")

BAD_FUNCTION = BAD.replace('@shared_task(name="reports.digest")\n', "")
REPAIRED_FUNCTION = BAD.replace('(name="reports.digest")', "")

BAD_BARE = REPAIRED_FUNCTION.replace("shop.tasks.send_digest", "send_digest")
REPAIRED_BARE = BAD_BARE.replace("@shared_task\n", '@shared_task(name="send_digest")\n')


@pytest.mark.parametrize("source", [BAD, BAD_FUNCTION, BAD_BARE])
def test_bad_is_sent_and_thrown_away(shop: Shop, source: str) -> None:
    shop.load(source)
    with shop.worker():
        result = send(shop, "digest")
        with pytest.raises(NotRegistered):
            result.get(timeout=10)
    assert shop.sent == ["send_digest"]
    assert shop.runs == []


@pytest.mark.parametrize("source", [REPAIRED, REPAIRED_FUNCTION, REPAIRED_BARE])
def test_repaired_runs(shop: Shop, source: str) -> None:
    shop.load(source)
    with shop.worker():
        send(shop, "digest")
        shop.settle()
    assert [run.value for run in shop.runs] == ["sent"]
