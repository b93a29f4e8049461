"""CEL901: a task without a name of its own has that of its module and function, and loses messages with it."""

from __future__ import annotations

from pathlib import Path

from celery.exceptions import NotRegistered

from tests.proofs.harness import Shop
from tests.proofs.prefork import needs_prefork, prefork_worker

BAD = """\
from celery import shared_task


@shared_task
def charge(order_id):
    return order_id
"""

REPAIRED = BAD.replace("@shared_task", '@shared_task(name="shop.tasks.charge")')

# The same after the function has been renamed.
UNNAMED = BAD.replace("def charge", "def charge_order")
NAMED = REPAIRED.replace("def charge", "def charge_order")


@needs_prefork
def test_bad_is_unknown_under_the_name_it_had(tmp_path: Path) -> None:
    with prefork_worker(UNNAMED, tmp_path) as worker:
        assert isinstance(worker.finish(worker.send("charge", 7)), NotRegistered)


@needs_prefork
def test_repaired_is_known_whatever_the_function_is_called(tmp_path: Path) -> None:
    with prefork_worker(NAMED, tmp_path) as worker:
        assert worker.finish(worker.send("charge", 7)) == 7


def test_repaired_has_the_name_that_bad_has(shop: Shop) -> None:
    assert shop.load(REPAIRED).charge.name == "shop.tasks.charge"


def test_bad_has_the_name_of_its_module_and_function(shop: Shop) -> None:
    assert shop.load(BAD).charge.name == "shop.tasks.charge"


def test_a_module_of_two_names_makes_two_tasks(shop: Shop) -> None:
    shop.load(BAD)
    shop.load(BAD, "tasks")
    assert {"shop.tasks.charge", "tasks.charge"} <= set(shop.app.tasks)
