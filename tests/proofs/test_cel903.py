"""CEL903: what a decorator makes of a task has no `delay`, and the worker runs the bare function."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task
from django.db import connection, transaction


@transaction.atomic
@shared_task
def charge(order_id):
    return connection.in_atomic_block
"""

REPAIRED = """\
from celery import shared_task
from django.db import connection, transaction


@shared_task
@transaction.atomic
def charge(order_id):
    return connection.in_atomic_block
"""

BAD_OWN = """\
import functools

from celery import shared_task


def doubled(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return 2 * function(*args, **kwargs)

    return wrapper


@doubled
@shared_task(bind=True)
def charge(self, order_id):
    return order_id
"""

REPAIRED_OWN = BAD_OWN.replace(
    "@doubled\n@shared_task(bind=True)\n",
    "@shared_task(bind=True)\n@doubled\n",
)


@pytest.mark.parametrize("source", [BAD, BAD_OWN])
def test_bad_has_nothing_of_a_task(shop: Shop, source: str) -> None:
    module = shop.load(source)
    for name in ("delay", "apply_async", "s"):
        with pytest.raises(AttributeError):
            getattr(module.charge, name)
    assert "shop.tasks.charge" in shop.app.tasks


@pytest.mark.parametrize(("source", "result"), [(BAD, False), (BAD_OWN, 7)])
def test_bad_runs_the_bare_function_in_the_worker(shop: Shop, source: str, result: object) -> None:
    shop.load(source)
    with shop.worker():
        shop.app.send_task("shop.tasks.charge", (7,))
        shop.settle()
    assert [run.value for run in shop.runs] == [result]


def sent(shop: Shop, source: str) -> object:
    module = shop.load(source)
    with shop.worker():
        module.charge.delay(7)
        shop.settle()
    assert shop.states == ["SUCCESS"]
    return shop.runs[0].value


def test_repaired_runs_in_the_transaction(shop: Shop) -> None:
    assert sent(shop, REPAIRED) is True


def test_repaired_runs_the_wrapper(shop: Shop) -> None:
    assert sent(shop, REPAIRED_OWN) == 14


@pytest.mark.parametrize(
    "decorator",
    [
        "functools.lru_cache",
        "functools.cache",
        "contextlib.contextmanager",
        "sync_to_async",
        "csrf_exempt",
        "login_required",
        "translation.override('de')",
        "Timed()",
    ],
)
def test_known_decorators_hide_the_task(shop: Shop, decorator: str) -> None:
    imports = (
        "import contextlib, functools\n"
        "from asgiref.sync import sync_to_async\n"
        "from celery import shared_task\n"
        "from django.contrib.auth.decorators import login_required\n"
        "from django.utils import translation\n"
        "from django.views.decorators.csrf import csrf_exempt\n"
        "class Timed(contextlib.ContextDecorator):\n"
        "    pass\n"
    )
    module = shop.load(f"{imports}@{decorator}\n@shared_task\ndef charge(order_id):\n    return 1\n")
    assert not hasattr(module.charge, "delay")


def test_decorators_that_give_the_task_back_hide_nothing(shop: Shop) -> None:
    module = shop.load(
        "import typing\n"
        "from celery import shared_task\n"
        "from django.db import transaction\n"
        "@typing.no_type_check\n@transaction.non_atomic_requests\n@shared_task\n"
        "def charge(order_id):\n    return 1\n"
    )
    assert hasattr(module.charge, "delay")
