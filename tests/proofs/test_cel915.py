"""CEL915: where nothing imports the application, a shared task knows none of the settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.proofs.examples import lay_out, to_run

MODULE = "shop.__init__"

BAD = '''\
"""The shop."""

from celery import shared_task


@shared_task
def rate(order_id):
    return order_id


def pay(order_id):
    rate.delay(order_id)
'''

REPAIRED = BAD.replace("shared_task\n\n\n", "shared_task\n\nfrom .celery import app as celery_app\n\n\n", 1)

LOOK = "import django, shop; django.setup(); print(shop.rate.app.conf.broker_url)"


def _broker_in_web_process(source: str, directory: Path) -> str:
    lay_out(directory, to_run(source), MODULE)
    known = {**os.environ, "DJANGO_SETTINGS_MODULE": "shop.settings", "SHOP_DATA": str(directory)}
    known["SHOP_BROKER"] = "memory://"
    run = subprocess.run(
        [sys.executable, "-c", LOOK], cwd=directory, env=known, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


def test_bad_knows_no_broker(tmp_path: Path) -> None:
    assert _broker_in_web_process(BAD, tmp_path) == "None"


def test_repaired_knows_the_broker_of_the_settings(tmp_path: Path) -> None:
    assert _broker_in_web_process(REPAIRED, tmp_path) == "memory://"
