"""The repairs that the linter makes itself do on real Celery what the hand-written ones do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.proofs import test_cel403, test_cel404
from tests.proofs.examples import lay_out
from tests.proofs.harness import Shop

ROWS_GIVEN = """\
from celery import shared_task, signature
from django.db import transaction

from shop.models import Order


@shared_task
def settle(order: Order, status="paid"):
    \"\"\"Takes what is owed.\"\"\"
    order.status = status
    order.save()


def dispatch(pk):
    order = Order.objects.get(pk=pk)
    settle.delay(order)
    settle.apply_async(kwargs={"order": order, "status": "sent"})
    transaction.on_commit(lambda: settle.delay(order=order, status="closed"))
    signature("shop.tasks.settle", args=[order, "kept"]).delay()
    settle(order, "here")
"""


def repaired(directory: Path, source: str, code: str) -> str:
    """The module after `celery-lint --fix --unsafe-fixes` with one rule."""
    path = lay_out(directory, source)
    command = [sys.executable, "-m", "celery_lint", "--isolated", "--fix", "--unsafe-fixes", "--exit-zero", "--quiet"]
    subprocess.run([*command, "--select", code, "."], cwd=directory, check=True, capture_output=True)
    return path.read_text(encoding="utf-8")


def test_rows_given_become_keys_everywhere(shop: Shop, tmp_path: Path) -> None:
    source = repaired(tmp_path, ROWS_GIVEN, "CEL101")
    assert "order: Order" not in source
    order = shop.order()
    module = shop.load(source)
    with shop.worker():
        module.dispatch(order.pk)
        shop.settle()
    assert shop.states == ["SUCCESS"] * 4
    assert [run.args for run in shop.runs if run.args] == [(order.pk,), (order.pk, "kept")]


@pytest.mark.parametrize(
    ("code", "bad", "by_hand"),
    [
        ("CEL403", test_cel403.BAD, test_cel403.REPAIRED),
        ("CEL404", test_cel404.BAD, test_cel404.REPAIRED),
        ("CEL404", test_cel404.BAD_UNBOUND, test_cel404.REPAIRED_UNBOUND),
        ("CEL404", test_cel404.BAD_DATA, test_cel404.REPAIRED_DATA),
    ],
)
def test_what_is_proved_by_hand_is_what_the_machine_makes(code: str, bad: str, by_hand: str, tmp_path: Path) -> None:
    assert repaired(tmp_path, bad, code) == by_hand
