"""CEL904: old modules and names are gone, and what takes their place is there."""

from __future__ import annotations

import importlib

import pytest

from celery_lint.semantics.definition import removals
from tests.proofs.harness import Shop

BAD = """\
from celery.task import task


@task(ignore_result=True)
def charge(order_id):
    return order_id
"""

REPAIRED = """\
from celery import shared_task as task


@task(ignore_result=True)
def charge(order_id):
    return order_id
"""

BAD_ATTRIBUTE = """\
import celery


@celery.task(bind=True)
def charge(self, order_id):
    return order_id
"""

REPAIRED_ATTRIBUTE = BAD_ATTRIBUTE.replace("celery.task(", "celery.shared_task(")

BAD_METHOD = """\
from celery import shared_task


@shared_task(bind=True)
def charge(self, order_id):
    self.get_logger().info("charging")
    return order_id
"""

REPAIRED_METHOD = BAD_METHOD.replace("self.get_logger()", "get_task_logger(self.name)").replace(
    "shared_task\n\n\n", "shared_task\nfrom celery.utils.log import get_task_logger\n\n\n", 1
)


def test_bad_cannot_be_imported(shop: Shop) -> None:
    with pytest.raises(ImportError):
        shop.load(BAD)


def test_bad_attribute_is_not_there(shop: Shop) -> None:
    with pytest.raises(AttributeError):
        shop.load(BAD_ATTRIBUTE)


def test_bad_method_is_not_there(shop: Shop) -> None:
    module = shop.load(BAD_METHOD)
    with shop.worker():
        module.charge.delay(7)
        shop.settle()
    assert shop.states == ["FAILURE"]
    assert isinstance(shop.runs[0].value, AttributeError)


def sent(shop: Shop, source: str) -> list[object]:
    module = shop.load(source)
    with shop.worker():
        module.charge.delay(7)
        shop.settle()
    assert shop.states == ["SUCCESS"]
    return [run.value for run in shop.runs]


def test_repaired_runs(shop: Shop) -> None:
    assert sent(shop, REPAIRED) == [7]


def test_repaired_attribute_runs(shop: Shop) -> None:
    assert sent(shop, REPAIRED_ATTRIBUTE) == [7]


def test_repaired_method_runs(shop: Shop) -> None:
    assert sent(shop, REPAIRED_METHOD) == [7]


@pytest.mark.parametrize("path", sorted(removals._MODULES))
def test_old_modules_are_gone(path: str) -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(path)


@pytest.mark.parametrize("path", sorted(removals._NAMES))
def test_old_names_are_gone(path: str) -> None:
    module, _, name = path.rpartition(".")
    assert not hasattr(importlib.import_module(module), name)


@pytest.mark.parametrize("name", sorted(removals.METHODS))
def test_old_methods_are_gone(shop: Shop, name: str) -> None:
    assert not hasattr(shop.load("from celery import shared_task\n@shared_task\ndef f():\n    pass\n").f, name)


@pytest.mark.parametrize("place", sorted(set(removals._REPLACEMENTS.values())))
def test_what_takes_their_place_is_there(place: tuple[str, str]) -> None:
    module, name = place
    assert hasattr(importlib.import_module(module), name)


@pytest.mark.parametrize(
    "path", ["celery.registry.tasks", "celery.execute.send_task", "celery.log.get_default_logger", "celery.subtask"]
)
def test_what_is_old_and_still_there_is_no_removal(path: str) -> None:
    assert removals.removal(path) is None
    module, _, name = path.rpartition(".")
    imported: dict[str, object] = {}
    exec(f"from {module} import {name}", imported)
    assert name in imported
