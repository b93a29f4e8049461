"""CEL902: of two functions with one task name, one runs for both."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task


@shared_task(name="shop.export")
def export_orders():
    return "orders"


@shared_task(name="shop.export")
def export_customers():
    return "customers"
"""

REPAIRED = BAD.replace('"shop.export")\ndef export_customers', '"shop.export_customers")\ndef export_customers')

BAD_UNNAMED = """\
from celery import shared_task


def logged(function):
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


@shared_task
@logged
def export_orders():
    return "orders"


@shared_task
@logged
def export_customers():
    return "customers"
"""

REPAIRED_UNNAMED = BAD_UNNAMED.replace("from celery", "import functools\n\nfrom celery").replace(
    "    def wrapper", "    @functools.wraps(function)\n    def wrapper"
)

BAD_METHODS = """\
from shop.celery import app


class Orders:
    @app.task
    def export():
        return "orders"


class Customers:
    @app.task
    def export():
        return "customers"


export_orders = Orders.export
export_customers = Customers.export
"""

REPAIRED_METHODS = BAD_METHODS.replace(
    '@app.task\n    def export():\n        return "c',
    '@app.task(name="export_customers")\n    def export():\n        return "c',
)


def ran(shop: Shop, source: str) -> list[object]:
    """What the two tasks give when each is sent once."""
    module = shop.load(source)
    with shop.worker():
        module.export_orders.delay()
        module.export_customers.delay()
        shop.settle()
    return [run.value for run in shop.runs]


@pytest.mark.filterwarnings("ignore:Task name")
@pytest.mark.parametrize("source", [BAD, BAD_UNNAMED, BAD_METHODS])
def test_bad_runs_one_body_for_both(shop: Shop, source: str) -> None:
    first, second = ran(shop, source)
    assert first == second


def test_repaired_runs_each(shop: Shop) -> None:
    assert ran(shop, REPAIRED) == ["orders", "customers"]


def test_repaired_unnamed_runs_each(shop: Shop) -> None:
    assert ran(shop, REPAIRED_UNNAMED) == ["orders", "customers"]


def test_repaired_methods_run_each(shop: Shop) -> None:
    assert ran(shop, REPAIRED_METHODS) == ["orders", "customers"]


def test_the_name_of_a_base_class_names_no_decorated_task(shop: Shop) -> None:
    module = shop.load(
        "from celery import Task\nfrom shop.celery import app\n"
        "class Named(Task):\n    name = 'shop.base'\n"
        "@app.task(base=Named)\ndef export():\n    pass\n"
    )
    assert module.export.name == "shop.tasks.export"
