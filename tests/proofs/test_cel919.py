"""CEL919: workers read declared queues alone, and no worker starts with an odd rate limit."""

from __future__ import annotations

import pytest
from celery.utils.time import rate

from celery_lint.semantics.configuration.queues import is_rate
from tests.proofs.harness import Shop

MODULE = "shop.celery"

BAD = """\
from celery import Celery
from kombu import Queue

app = Celery("billing", broker="memory://", set_as_current=False)
app.conf.update(task_queues=[Queue("mail"), Queue("reports")], task_default_queue="reports")


@app.task
def send_receipt(order_id):
    return order_id


def on_paid(order_id):
    send_receipt.apply_async((order_id,), queue="mails")
"""

REPAIRED = BAD.replace('"mails"', '"mail"')

BAD_RATE = """\
from celery import shared_task


@shared_task(rate_limit="10/min")
def send_receipt(order_id):
    return order_id
"""

REPAIRED_RATE = BAD_RATE.replace("10/min", "10/m")


def _waiting(shop: Shop, source: str) -> dict[str, int]:
    """How many messages wait in each queue that a worker reads, when one has been sent."""
    module = shop.load(source, MODULE)
    # Before 5.7 the sender itself counts a queue that it has made as one to read.
    queues = dict(module.app.amqp.queues.consume_from)
    module.on_paid(1)
    with module.app.connection_for_read() as connection:
        channel = connection.default_channel
        return {name: queue(channel).queue_declare().message_count for name, queue in queues.items()}


def test_bad_goes_where_no_worker_reads(shop: Shop) -> None:
    assert _waiting(shop, BAD) == {"mail": 0, "reports": 0}
    assert shop.sent == ["send_receipt"]


def test_repaired_is_read(shop: Shop) -> None:
    assert _waiting(shop, REPAIRED) == {"mail": 1, "reports": 0}


def test_bad_rate_keeps_the_worker_from_starting(shop: Shop) -> None:
    shop.load(BAD_RATE)
    with pytest.raises(KeyError, match="min"), shop.worker():
        pass


def test_repaired_rate_lets_it_start(shop: Shop) -> None:
    module = shop.load(REPAIRED_RATE)
    with shop.worker():
        module.send_receipt.delay(1)
        shop.settle()
    assert shop.states == ["SUCCESS"]


@pytest.mark.parametrize(
    "limit",
    ["10", "10/s", "0.5/m", " 10/h", 10, 0.1, None, "", "10/min", "10/M", "10/d", "10 / m", "ten", "10 per hour"],
)
def test_rates_are_read_as_celery_does(limit: object) -> None:
    try:
        rate(limit)
    except (KeyError, ValueError):
        assert not is_rate(limit)
    else:
        assert is_rate(limit)
