"""CEL111: what waits longer than the broker's visibility timeout is delivered again, and runs twice.

No Redis runs here. A broker in memory stands for it, which does with what is not acknowledged in
time as kombu's does there (kombu/transport/redis.py, `QoS.restore_visible`); worker and task are real.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from celery.contrib.testing.worker import start_worker
from celery.utils.time import get_exponential_backoff_interval
from kombu.transport import TRANSPORT_ALIASES, memory, virtual

from tests.proofs.harness import DEADLINE, Shop

BAD = """\
from celery import Celery

app = Celery("reminders", broker="redis://localhost")
app.conf.broker_transport_options = {"visibility_timeout": 1}
app.conf.worker_redirect_stdouts = False
runs = []


@app.task
def remind(order_id):
    runs.append(order_id)


def send(order_id):
    remind.apply_async((order_id,), countdown=3)
"""

REPAIRED = BAD.replace('"visibility_timeout": 1', '"visibility_timeout": 3600')


class QoS(virtual.QoS):  # type: ignore[misc]
    """Remembers since when each message is out."""

    def append(self, message: Any, delivery_tag: str) -> None:
        super().append(message, delivery_tag)
        self.channel.out[delivery_tag] = time.monotonic()


class Channel(memory.Channel):  # type: ignore[misc]
    """Puts a message that is not acknowledged in time back into its queue."""

    QoS = QoS
    visibility_timeout = 3600
    from_transport_options = (*virtual.Channel.from_transport_options, "visibility_timeout")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.out: dict[str, float] = {}

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        for tag, since in list(self.out.items()):
            if time.monotonic() - since > self.visibility_timeout:
                del self.out[tag]
                if tag in self.qos._delivered and tag not in self.qos._dirty:
                    self._restore(self.qos.get(tag))
        return super()._get(queue)


class Transport(memory.Transport):  # type: ignore[misc]
    Channel = Channel


@pytest.fixture
def broker() -> Iterator[str]:
    """The URL of the broker that stands for Redis."""
    TRANSPORT_ALIASES["impatient"] = f"{__name__}:Transport"
    yield "impatient://"
    del TRANSPORT_ALIASES["impatient"]


def runs(shop: Shop, source: str, broker: str) -> list[int]:
    """What has run once the task was due."""
    module = shop.load(source)
    module.app.conf.update(broker_url=broker, result_backend="cache+memory://")
    module.app.conf.broker_transport_options["polling_interval"] = 0.01
    module.send(7)
    with start_worker(module.app, pool="solo", perform_ping_check=False):
        end = time.monotonic() + DEADLINE
        while not module.runs and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(1)  # the other deliveries were due at the same moment
    return list(module.runs)


def test_bad_runs_more_than_once(shop: Shop, broker: str) -> None:
    assert len(runs(shop, BAD, broker)) > 1


def test_repaired_runs_once(shop: Shop, broker: str) -> None:
    assert runs(shop, REPAIRED, broker) == [7]


def test_the_backoff_doubles_with_each_retry() -> None:
    assert [get_exponential_backoff_interval(60, retries, 300) for retries in range(4)] == [60, 120, 240, 300]


def test_redis_waits_an_hour() -> None:
    pytest.importorskip("redis")
    from kombu.transport.redis import Channel

    assert Channel.visibility_timeout == 3600
