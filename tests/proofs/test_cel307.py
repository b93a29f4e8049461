"""CEL307: an exception that cannot be made anew from its `args` reaches others as another one."""

from __future__ import annotations

import pytest
from celery.utils.serialization import UnpickleableExceptionWrapper

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task


class Rejected(Exception):
    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code


@shared_task
def book(order_id):
    raise Rejected(400, "no such order")
"""

REPAIRED = BAD.replace('f"{code}: {message}"', "code, message")

BAD_KEYWORD_ONLY = """\
from celery import shared_task


class Rejected(Exception):
    def __init__(self, message, *, code):
        super().__init__(message)
        self.code = code


@shared_task
def book(order_id):
    raise Rejected("no such order", code=400)
"""

REPAIRED_KEYWORD_ONLY = BAD_KEYWORD_ONLY.replace("*, code", "code").replace("__(message)", "__(message, code)")

BAD_BY_KEYWORD = """\
from celery import shared_task


class Rejected(Exception):
    def __init__(self, code, message):
        self.code = code
        self.message = message


@shared_task
def book(order_id):
    raise Rejected(code=400, message="no such order")
"""

REPAIRED_BY_KEYWORD = BAD_BY_KEYWORD.replace('code=400, message="no', '400, "no')

BAD_LOCAL = """\
from celery import shared_task


@shared_task
def book(order_id):
    class Rejected(Exception):
        pass

    raise Rejected(order_id)
"""

REPAIRED_LOCAL = """\
from celery import shared_task


class Rejected(Exception):
    pass


@shared_task
def book(order_id):
    raise Rejected(order_id)
"""

BAD_OWN_BASE = BAD.replace("(Exception)", "(ValueError)")

REPAIRED_OWN_BASE = REPAIRED.replace("(Exception)", "(ValueError)")


def caught(shop: Shop, source: str) -> str:
    """The class of what the caller has to handle."""
    module = shop.load(source)
    with shop.worker():
        result = module.book.delay(1)
        shop.settle()
    assert shop.states == ["FAILURE"]
    with pytest.raises(Exception) as caught:  # noqa: PT011  which one is the question
        result.get(timeout=1)
    return caught.type.__name__


@pytest.mark.parametrize("source", [BAD, BAD_KEYWORD_ONLY, BAD_BY_KEYWORD, BAD_LOCAL])
def test_bad_reaches_the_caller_as_a_wrapper(shop: Shop, source: str) -> None:
    assert caught(shop, source) == UnpickleableExceptionWrapper.__name__


def test_bad_own_base_reaches_the_caller_as_its_base(shop: Shop) -> None:
    assert caught(shop, BAD_OWN_BASE) == "ValueError"


@pytest.mark.parametrize(
    "source", [REPAIRED, REPAIRED_KEYWORD_ONLY, REPAIRED_BY_KEYWORD, REPAIRED_LOCAL, REPAIRED_OWN_BASE]
)
def test_repaired_reaches_the_caller_as_it_is(shop: Shop, source: str) -> None:
    assert caught(shop, source) == "Rejected"
