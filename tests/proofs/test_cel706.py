"""CEL706: what a task that is linked for errors is given, and that it never runs where it cannot take it."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

TASKS = """\
from celery import shared_task

done = []


@shared_task
def charge(order_id):
    raise ConnectionError(order_id)


@shared_task
def log(request, exc, traceback):
    done.append("logged")


def confirm():
    charge.apply_async((7,), link_error=log.s())
"""

BAD = TASKS.replace("@shared_task\ndef log(", "@shared_task(bind=True)\ndef log(self, ")
REPAIRED = TASKS

BAD_TWO = TASKS.replace("exc, traceback", "exc")
REPAIRED_TWO = TASKS

BAD_NONE = TASKS.replace("request, exc, traceback", "")
REPAIRED_NONE = BAD_NONE.replace("log.s()", "log.si()")

BAD_OWN = TASKS.replace("log.s()", "log.s(7)")
REPAIRED_OWN = BAD_OWN.replace("exc, traceback", "exc, traceback, order_id")

BAD_CLASS = """\
from shop.celery import app

done = []


@app.task
def charge(order_id):
    raise ConnectionError(order_id)


class Log(app.Task):
    name = "log"

    def run(self, request, exc, traceback):
        done.append("logged")


log = app.register_task(Log())


def confirm():
    charge.apply_async((7,), link_error=log.s())
"""

REPAIRED_CLASS = BAD_CLASS.replace("request, exc, traceback", "task_id")

GOOD_ID = TASKS.replace("request, exc, traceback", "task_id")
GOOD_BOUND_ID = BAD.replace("request, exc, traceback", "task_id")
GOOD_OPTIONAL = TASKS.replace("exc, traceback", "exc=None, traceback=None")


def logged(shop: Shop, source: str) -> list[str]:
    module = shop.load(source)
    with shop.worker():
        module.confirm()
        shop.settle()
    return list(module.done)


@pytest.mark.parametrize("source", [BAD, BAD_TWO, BAD_NONE, BAD_OWN, BAD_CLASS])
def test_bad_never_runs(shop: Shop, source: str) -> None:
    assert logged(shop, source) == []


@pytest.mark.parametrize(
    "source",
    [REPAIRED, REPAIRED_NONE, REPAIRED_OWN, REPAIRED_CLASS, GOOD_ID, GOOD_BOUND_ID, GOOD_OPTIONAL],
)
def test_repaired_runs(shop: Shop, source: str) -> None:
    assert logged(shop, source) == ["logged"]
