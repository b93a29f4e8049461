"""CEL114: what `apply_async()` does not know is sent along and read by nobody."""

from __future__ import annotations

import time

import pytest

from tests.proofs.harness import Shop

BAD = """\
import time

from celery import shared_task


@shared_task
def reserve(order_id, house="north"):
    return time.time(), house


def send(order_id):
    reserve.apply_async((order_id,), count_down=1)
"""

REPAIRED = BAD.replace("count_down", "countdown")

BAD_SIGNATURE = BAD.replace(
    "reserve.apply_async((order_id,), count_down=1)", "reserve.s(order_id).apply_async(cuntdown=1)"
)

REPAIRED_SIGNATURE = BAD_SIGNATURE.replace("cuntdown", "countdown")

BAD_PARAMETER = BAD.replace("count_down=1", 'house="south"')

REPAIRED_PARAMETER = BAD_PARAMETER.replace('house="south")\n', 'kwargs={"house": "south"})\n')


def sent(shop: Shop, source: str) -> tuple[float, str]:
    """The seconds from the call to the run, and the house."""
    module = shop.load(source)
    with shop.worker():
        before = time.time()
        module.send(7)
        shop.settle()
    assert shop.states == ["SUCCESS"]
    after, house = shop.runs[0].value
    return after - before, house


@pytest.mark.parametrize("source", [BAD, BAD_SIGNATURE])
def test_bad_runs_at_once(shop: Shop, source: str) -> None:
    assert sent(shop, source)[0] < 0.9


@pytest.mark.parametrize("source", [REPAIRED, REPAIRED_SIGNATURE])
def test_repaired_waits(shop: Shop, source: str) -> None:
    assert sent(shop, source)[0] > 0.9


def test_bad_parameter_is_not_given_to_the_task(shop: Shop) -> None:
    assert sent(shop, BAD_PARAMETER)[1] == "north"


def test_repaired_parameter_is(shop: Shop) -> None:
    assert sent(shop, REPAIRED_PARAMETER)[1] == "south"


def test_what_celery_and_kombu_take_is_known() -> None:
    import inspect

    from celery import Celery, Task
    from celery.app.amqp import AMQP
    from kombu import Producer

    from celery_lint.semantics.dispatching.sendoptions import OPTIONS

    app = Celery("shop", broker="memory://")
    methods = (Task.apply_async, Celery.send_task, AMQP.as_task_v2, app.amqp.send_task_message, Producer.publish)
    taken = {name for method in methods for name in inspect.signature(method).parameters}
    internal = """self args kwargs options name producer message body properties now timezone origin create_sent_event
    event_dispatcher content_type content_encoding callbacks errbacks"""
    assert taken - OPTIONS <= set(internal.split())
