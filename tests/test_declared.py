"""What the configuration declares is believed: wrappers and settings that no analysis can see."""

from __future__ import annotations

from pathlib import Path

from celery_lint.configuration import Settings
from celery_lint.engine import Engine

TASKS = """\
from celery import shared_task


@shared_task
def send_receipt(order_id):
    return order_id
"""
MODELS = """\
from django.db import models


class Order(models.Model):
    paid = models.BooleanField()
"""
VIEWS = """\
from company.queues import enqueue
from django.db import transaction

from .models import Order
from .tasks import send_receipt


def book(request):
    with transaction.atomic():
        order = Order.objects.create()
        enqueue(send_receipt, order)
"""
DATABASES = "from .base import *\nDATABASES = {{'default': {{'ENGINE': 'django.db.backends.sqlite3', {}}}}}\n"
SERVICE = """\
from .models import Order
from .tasks import send_receipt


def pay(request):
    order = Order.objects.create(paid=True)
    send_receipt.delay(order.pk)


def entry():
    pay(None)
"""


def findings(root: Path, files: dict[str, str], filename: str, settings: Settings) -> list[str]:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return [f.code for f in Engine(root, sorted(files), settings).check(filename)]


def test_a_declared_wrapper_sends(tmp_path: Path) -> None:
    files = {"shop/__init__.py": "", "shop/tasks.py": TASKS, "shop/models.py": MODELS, "shop/views.py": VIEWS}
    rules = frozenset({"CEL101", "CEL201"})
    assert findings(tmp_path, files, "shop/views.py", Settings(rules=rules)) == []
    declared = Settings(rules=rules, dispatch_wrappers=("company.queues.enqueue",))
    assert findings(tmp_path, files, "shop/views.py", declared) == ["CEL201", "CEL101"]


def test_the_named_settings_module_decides(tmp_path: Path) -> None:
    files = {
        "shop/__init__.py": "",
        "shop/tasks.py": TASKS,
        "shop/models.py": MODELS,
        "shop/views.py": SERVICE,
        "shop/settings/__init__.py": "",
        "shop/settings/base.py": "TIME_ZONE = 'UTC'\n",
        "shop/settings/production.py": DATABASES.format("'ATOMIC_REQUESTS': True"),
        "shop/settings/local.py": DATABASES.format("'NAME': 'db'"),
    }
    rules = frozenset({"CEL201", "CEL202"})
    local = Settings(rules=rules, settings_module="shop.settings.local")
    production = Settings(rules=rules, settings_module="shop.settings.production")
    assert findings(tmp_path, files, "shop/views.py", production) == ["CEL201"]
    assert findings(tmp_path, files, "shop/views.py", local) != ["CEL201"]


def test_a_setting_of_its_own_makes_no_request_atomic(tmp_path: Path) -> None:
    """Django reads ATOMIC_REQUESTS from DATABASES; as a setting beside it, it does nothing."""
    files = {
        "shop/__init__.py": "",
        "shop/tasks.py": TASKS,
        "shop/models.py": MODELS,
        "shop/views.py": SERVICE,
        "shop/settings.py": "ATOMIC_REQUESTS = True\n" + DATABASES.format("'NAME': 'db'").partition("\n")[2],
    }
    assert findings(tmp_path, files, "shop/views.py", Settings(rules=frozenset({"CEL201"}))) == []
