"""Methods whose name is all over the project: nobody looks through it for their callers, but for the bases' files."""

from __future__ import annotations

from pathlib import Path

from celery_lint.configuration import Settings
from celery_lint.engine import Engine
from celery_lint.semantics.calls.callgraph import MANY_FILES

TASKS = """\
from celery import shared_task


@shared_task
def send_receipt(order_id):
    return order_id
"""
BASE = """\
from django.views import View


class Saving(View):
    def post(self, request):
        {call}

    def save(self, request):
        pass
"""
ORDERS = """\
from shop.base import Saving
from shop.tasks import send_receipt


class SaveOrder(Saving):
    def save(self, request):
        send_receipt(request.POST["order"])
"""


def _codes(root: Path, call: str) -> list[str]:
    files = {
        "shop/__init__.py": "",
        "shop/tasks.py": TASKS,
        "shop/base.py": BASE.format(call=call),
        "shop/orders.py": ORDERS,
        **{f"shop/other{number}.py": "def save():\n    pass\n" for number in range(MANY_FILES + 1)},
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    engine = Engine(root, sorted(files), Settings(rules=frozenset({"CEL602"})))
    return [finding.code for finding in engine.check("shop/orders.py")]


def test_a_base_in_another_file_calls_what_a_subclass_overrides(tmp_path: Path) -> None:
    assert _codes(tmp_path, "self.save(request)") == ["CEL602"]


def test_a_base_that_calls_no_such_method_is_no_caller(tmp_path: Path) -> None:
    assert _codes(tmp_path, "request.save()") == []
