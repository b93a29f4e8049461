"""CEL918: a setting that stands where the application does not read it has no effect."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

BAD = """\
from celery import Celery

billing = Celery("billing", set_as_current=False)
billing.config_from_object({"CELERY_TASK_TIME_LIMIT": 60})
"""

REPAIRED = BAD.replace("60})", '60}, namespace="CELERY")')

BAD_CONF = """\
from celery import Celery

billing = Celery("billing", set_as_current=False)
billing.conf.update(CELERY_TASK_TIME_LIMIT=60)
"""

REPAIRED_CONF = BAD_CONF.replace("CELERY_TASK_TIME_LIMIT", "task_time_limit")

BAD_VARIABLE = """\
from celery import Celery

billing = Celery("billing", set_as_current=False)
task_time_limit = 60
"""

REPAIRED_VARIABLE = BAD_VARIABLE.replace("\ntask_time", "\nbilling.conf.task_time")


@pytest.mark.parametrize("source", [BAD, BAD_CONF, BAD_VARIABLE])
def test_bad_is_not_in_force(shop: Shop, source: str) -> None:
    assert shop.load(source).billing.conf.task_time_limit is None


@pytest.mark.parametrize("source", [REPAIRED, REPAIRED_CONF, REPAIRED_VARIABLE])
def test_repaired_is_in_force(shop: Shop, source: str) -> None:
    assert shop.load(source).billing.conf.task_time_limit == 60
