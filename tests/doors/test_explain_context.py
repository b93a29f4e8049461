"""`--explain-context` tells what a finding, or a silence, rests on."""

from __future__ import annotations

import pytest

from tests.conftest import Workspace

VIEWS = """\
from django.db import transaction
from .models import Order
from .tasks import send_receipt


def book(request):
    with transaction.atomic():
        order = Order.objects.create(owner=request.user)
        announce(order)


def announce(order):
    send_receipt.delay(order.pk)
"""
TASKS = """\
from celery import shared_task

LIMITS = {"time_limit": 60}


@shared_task(bind=True, max_retries=5, **LIMITS)
def send_receipt(self, order_id):
    return order_id
"""


@pytest.fixture(autouse=True)
def project(workspace: Workspace) -> None:
    models = "from django.db import models\n\n\nclass Order(models.Model):\n    paid = models.BooleanField()\n"
    files = {"manage.py": "", "shop/__init__.py": "", "shop/models.py": models}
    workspace.write({**files, "shop/views.py": VIEWS, "shop/tasks.py": TASKS})


def test_the_transaction_is_told_with_the_way_into_it(workspace: Workspace) -> None:
    outcome = workspace.lint("--explain-context", "shop/views.py:13")
    assert outcome.code == 0
    assert "transaction: the function is reached inside one" in outcome.out
    assert "shop/views.py:7: the transaction is opened here" in outcome.out
    assert "shop/views.py:9: `announce` is called here" in outcome.out
    assert "sends `send_receipt`" in outcome.out


def test_kinds_of_names_are_told(workspace: Workspace) -> None:
    outcome = workspace.lint("--explain-context", "shop/views.py:9")
    assert "`order`: instance of the model `Order`" in outcome.out


def test_a_tasks_options_are_told_with_their_origin(workspace: Workspace) -> None:
    outcome = workspace.lint("--explain-context", "shop/tasks.py:8")
    assert "task `shop.tasks.send_receipt` (bound, parameters: order_id)" in outcome.out
    assert "max_retries = 5 (from the decorator, shop/tasks.py:6)" in outcome.out
    assert "time_limit = 60 (from the decorator, shop/tasks.py:6)" in outcome.out


@pytest.mark.parametrize("place", ["shop/views.py", "shop/nothing.py:3", "shop/views.py:x"])
def test_a_place_that_is_none_is_refused(workspace: Workspace, place: str) -> None:
    outcome = workspace.lint("--explain-context", place)
    assert outcome.code == 2
    assert "a file and a line" in outcome.err


def test_a_file_that_cannot_be_read_is_said_so(workspace: Workspace) -> None:
    workspace.write({"shop/broken.py": "def f(:\n"})
    outcome = workspace.lint("--explain-context", "shop/broken.py:1")
    assert "shop/broken.py was not read: invalid syntax" in outcome.out
