"""CEL707: without a backend that counts the header's results no chord can be sent."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import Celery, chain, chord, group, shared_task

app = Celery("other", broker="memory://", backend="rpc://")


@app.task
def price(order_id):
    return 30


@app.task
def total(prices):
    return sum(prices)


def confirm():
    return chord([price.s(7), price.s(8)])(total.s())
"""

REPAIRED = BAD.replace("rpc://", "cache+memory://")

BAD_GROUP = BAD.replace("chord([price.s(7), price.s(8)])(total.s())", "(group(price.s(7)) | total.s()).delay()")

REPAIRED_GROUP = BAD_GROUP.replace("rpc://", "cache+memory://")

SAVED = BAD.replace("chord([price.s(7), price.s(8)])(total.s())", "group(price.s(7), price.s(8)).delay().save()")

UNSAVED = SAVED.replace(".save()", "")

BAD_CHAIN = BAD.replace(
    "chord([price.s(7), price.s(8)])(total.s())", "chain(group(price.s(7), price.s(8)), total.s()).delay()"
)

REPAIRED_CHAIN = BAD_CHAIN.replace("rpc://", "cache+memory://")

GROUP_OF_ONE = BAD_CHAIN.replace(", price.s(8)", "")


@pytest.mark.parametrize("source", [BAD, BAD_GROUP, BAD_CHAIN, SAVED])
def test_bad_raises(shop: Shop, source: str) -> None:
    with pytest.raises(NotImplementedError):
        shop.load(source).confirm()


@pytest.mark.parametrize("source", [BAD, BAD_GROUP, BAD_CHAIN])
def test_without_a_backend_it_raises_too(shop: Shop, source: str) -> None:
    module = shop.load(source.replace(', backend="rpc://"', ""))
    with pytest.raises(NotImplementedError):
        module.confirm()


@pytest.mark.parametrize("source", [REPAIRED, REPAIRED_GROUP, REPAIRED_CHAIN, UNSAVED, GROUP_OF_ONE])
def test_repaired_is_sent(shop: Shop, source: str) -> None:
    shop.load(source).confirm()
    assert shop.sent
