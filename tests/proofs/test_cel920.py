"""CEL920: a worker takes four messages for each of its processes, unless it is told otherwise."""

from __future__ import annotations

from tests.proofs.harness import DEADLINE, Shop

MODULE = "shop.celery"

BAD = """\
from celery import Celery

app = Celery("billing", broker="memory://", set_as_current=False)
app.conf.update(task_acks_late=True)


@app.task
def bill(order_id):
    return order_id
"""

REPAIRED = BAD.replace("task_acks_late=True", "task_acks_late=True, worker_prefetch_multiplier=1")


def _taken_ahead(shop: Shop, source: str) -> int:
    """How many messages a worker of three threads takes, by the settings of the example."""
    conf = shop.load(source, MODULE).app.conf
    shop.app.conf.worker_prefetch_multiplier = conf.worker_prefetch_multiplier
    with shop.worker("threads", 3):
        stats = shop.app.control.inspect(limit=1, timeout=DEADLINE).stats()
    return int(next(iter(stats.values()))["prefetch_count"])


def test_bad_takes_four_for_each(shop: Shop) -> None:
    assert _taken_ahead(shop, BAD) == 12


def test_repaired_takes_as_many_as_it_runs(shop: Shop) -> None:
    assert _taken_ahead(shop, REPAIRED) == 3
