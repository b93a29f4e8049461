"""CEL906: a setting under its name from before Celery 4 is not read with a namespace, or not for long."""

from __future__ import annotations

import warnings

import celery
import pytest
from celery.app.defaults import _TO_OLD_KEY

from celery_lint.semantics.configuration.setting_names import OLD_NAMES
from tests.proofs.harness import Shop

BAD = """\
from celery import Celery

billing = Celery("billing", set_as_current=False)
billing.config_from_object({"CELERYD_TASK_TIME_LIMIT": 60, "CELERY_QUEUES": "invoices"}, namespace="CELERY")
"""

REPAIRED = BAD.replace("CELERYD_TASK_TIME_LIMIT", "CELERY_TASK_TIME_LIMIT").replace(
    "CELERY_QUEUES", "CELERY_TASK_QUEUES"
)

BAD_PLAIN = """\
from celery import Celery

billing = Celery("billing", set_as_current=False)
billing.config_from_object({"CELERYD_TASK_TIME_LIMIT": 60, "CELERY_ROUTES": {}})
"""

REPAIRED_PLAIN = BAD_PLAIN.replace("CELERYD_TASK_TIME_LIMIT", "task_time_limit").replace("CELERY_ROUTES", "task_routes")

BAD_CONF = """\
from celery import Celery

billing = Celery("billing", set_as_current=False)
billing.conf.update(CELERYD_TASK_TIME_LIMIT=60)
billing.conf.CELERY_ALWAYS_EAGER = True
"""

REPAIRED_CONF = BAD_CONF.replace("CELERYD_TASK_TIME_LIMIT", "task_time_limit").replace(
    "CELERY_ALWAYS_EAGER", "task_always_eager"
)


def test_bad_is_not_read_before_5_7(shop: Shop) -> None:
    conf = shop.load(BAD).billing.conf
    expected = (60, "invoices") if celery.VERSION >= (5, 7) else (None, None)
    assert (conf.task_time_limit, conf.task_queues) == expected


def test_repaired_is_read(shop: Shop) -> None:
    conf = shop.load(REPAIRED).billing.conf
    assert (conf.task_time_limit, conf.task_queues) == (60, "invoices")


@pytest.mark.parametrize("source", [BAD_PLAIN, BAD_CONF])
def test_without_a_namespace_it_is_read_and_deprecated_for_celery_6(shop: Shop, source: str) -> None:
    conf = shop.load(source).billing.conf
    assert conf.task_time_limit == 60
    assert _warned(conf)


@pytest.mark.parametrize("source", [REPAIRED_PLAIN, REPAIRED_CONF])
def test_repaired_warns_of_nothing(shop: Shop, source: str) -> None:
    conf = shop.load(source).billing.conf
    assert conf.task_time_limit == 60
    assert not _warned(conf)


def test_some_names_are_today_s_as_well(shop: Shop) -> None:
    billing = celery.Celery("billing", set_as_current=False)
    billing.config_from_object({"CELERY_RESULT_BACKEND": "rpc://"}, namespace="CELERY")
    assert billing.conf.result_backend == "rpc://"


def test_the_names_are_celery_s() -> None:
    known = {new: old for new, old in OLD_NAMES.items() if new in _TO_OLD_KEY}
    assert known == {new: _TO_OLD_KEY[new] for new in known}
    assert len(known) > 100


def _warned(conf: object) -> list[str]:
    """What a worker warns of when it starts with a configuration."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        conf.maybe_warn_deprecated_settings()  # type: ignore[attr-defined]
    return [str(one.message) for one in caught if "6.0" in str(one.message)]
