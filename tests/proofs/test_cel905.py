"""CEL905: Celery ignores settings whose names it does not know."""

from __future__ import annotations

import celery
import pytest
from celery.app.defaults import SETTING_KEYS

from celery_lint.semantics.configuration.setting_names import KNOWN, NEWEST
from tests.proofs.harness import Shop

BAD = """\
from celery import Celery

billing = Celery("billing", set_as_current=False)
billing.config_from_object({"CELERY_TASK_SOFT_TIMELIMIT": 60}, namespace="CELERY")
"""

REPAIRED = BAD.replace("SOFT_TIMELIMIT", "SOFT_TIME_LIMIT")

BAD_CASE = BAD.replace("CELERY_TASK_SOFT_TIMELIMIT", "celery_task_soft_time_limit")

REPAIRED_CASE = REPAIRED

BAD_PLAIN = """\
from celery import Celery

billing = Celery("billing", set_as_current=False)
billing.config_from_object({"TASK_SOFT_TIME_LIMIT": 60})
"""

REPAIRED_PLAIN = BAD_PLAIN.replace("TASK_SOFT_TIME_LIMIT", "task_soft_time_limit")

BAD_CONF = """\
from celery import Celery

billing = Celery("billing", set_as_current=False)
billing.conf.task_soft_timelimit = 60
"""

REPAIRED_CONF = BAD_CONF.replace("timelimit", "time_limit")

BAD_UPDATE = """\
from celery import Celery

billing = Celery("billing", set_as_current=False)
billing.conf.update(task_soft_timelimit=60)
"""

REPAIRED_UPDATE = BAD_UPDATE.replace("timelimit", "time_limit")


@pytest.mark.parametrize("source", [BAD, BAD_CASE, BAD_PLAIN, BAD_CONF, BAD_UPDATE])
def test_bad_is_ignored_in_silence(shop: Shop, source: str) -> None:
    assert shop.load(source).billing.conf.task_soft_time_limit is None


@pytest.mark.parametrize("source", [REPAIRED, REPAIRED_PLAIN, REPAIRED_CONF, REPAIRED_UPDATE])
def test_repaired_is_in_force(shop: Shop, source: str) -> None:
    assert shop.load(source).billing.conf.task_soft_time_limit == 60


@pytest.mark.skipif(celery.VERSION[:2] > NEWEST, reason="the names are those of an older Celery")
def test_every_setting_of_celery_is_known() -> None:
    assert SETTING_KEYS <= KNOWN
