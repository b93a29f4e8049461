"""CEL907: Celery refuses to read old and new names of settings together."""

from __future__ import annotations

import pytest
from celery.exceptions import ImproperlyConfigured

from tests.proofs.harness import Shop

BAD = """\
from celery import Celery

billing = Celery("billing", set_as_current=False)
billing.config_from_object({"task_time_limit": 60, "task_acks_late": True, "CELERY_RESULT_BACKEND": "rpc://"})
"""

REPAIRED = BAD.replace("CELERY_RESULT_BACKEND", "result_backend")
REPAIRED_TWICE = BAD.replace('"CELERY', '"result_backend": "rpc://", "CELERY')

BAD_CONF = """\
from celery import Celery

billing = Celery("billing", set_as_current=False)
billing.conf.update(task_time_limit=60)
billing.conf.CELERYD_CONCURRENCY = 4
"""

REPAIRED_CONF = BAD_CONF.replace("CELERYD_CONCURRENCY", "worker_concurrency")
REPAIRED_KEYWORDS = """\
from celery import Celery

billing = Celery("billing", set_as_current=False, task_time_limit=60, CELERY_ALWAYS_EAGER=True)
"""


@pytest.mark.parametrize("source", [BAD, BAD_CONF])
def test_bad_raises_when_the_settings_are_looked_at(shop: Shop, source: str) -> None:
    billing = shop.load(source).billing
    with pytest.raises(ImproperlyConfigured, match="Cannot mix new and old setting keys"):
        billing.conf.task_time_limit  # noqa: B018


@pytest.mark.parametrize("source", [REPAIRED, REPAIRED_TWICE, REPAIRED_CONF, REPAIRED_KEYWORDS])
def test_repaired_is_read(shop: Shop, source: str) -> None:
    assert shop.load(source).billing.conf.task_time_limit == 60
