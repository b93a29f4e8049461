"""CEL913: an option of a wrong name is taken without complaint, and has no effect."""

from __future__ import annotations

import inspect

import pytest
from celery.app.task import Task

from celery_lint.semantics.definition.options import KNOWN
from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task


@shared_task(bind=True, retries=1, default_retry_delay=0)
def charge(self, order_id):
    raise self.retry(exc=ValueError(order_id))
"""

REPAIRED = BAD.replace("retries=1", "max_retries=1")

BAD_CLASS = """\
from celery import Task, shared_task


class Retried(Task):
    autoretry_for = (ValueError,)
    default_retry_delay = 0
    max_retry = 1


@shared_task(base=Retried)
def charge(order_id):
    raise ValueError(order_id)
"""

REPAIRED_CLASS = BAD_CLASS.replace("max_retry =", "max_retries =")


def runs(shop: Shop, source: str) -> int:
    """How often the task is run when it is sent once."""
    module = shop.load(source)
    with shop.worker():
        module.charge.delay(7)
        shop.settle()
    return len(shop.runs)


@pytest.mark.parametrize("source", [BAD, BAD_CLASS])
def test_bad_keeps_the_default(shop: Shop, source: str) -> None:
    assert runs(shop, source) == 1 + Task.max_retries


def test_repaired_is_bounded(shop: Shop) -> None:
    assert runs(shop, REPAIRED) == 2


def test_repaired_class_is_bounded(shop: Shop) -> None:
    assert runs(shop, REPAIRED_CLASS) == 2


def test_each_attribute_of_a_task_is_known() -> None:
    assert not {name for name in dir(Task) if not name.startswith("_")} - KNOWN


def test_each_parameter_of_the_decorator_is_known() -> None:
    from celery.app.base import Celery

    parameters = inspect.signature(Celery._task_from_fun).parameters.values()
    assert not {p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD} - KNOWN - {"self", "fun"}
