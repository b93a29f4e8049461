"""CEL502: with a soft time limit that is not below the hard one, a task is not sent, or cannot clean up."""

from __future__ import annotations

from pathlib import Path

import celery
import pytest
from celery.exceptions import TimeLimitExceeded

from tests.proofs.harness import Shop
from tests.proofs.prefork import SilentServer, needs_prefork, prefork_worker

BAD = """\
from celery import shared_task


@shared_task(soft_time_limit=120, time_limit=60)
def cut(path):
    return path
"""

REPAIRED = BAD.replace("soft_time_limit=120, time_limit=60", "soft_time_limit=60, time_limit=120")

BAD_EQUAL = """\
import time
from urllib.request import urlopen

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded


@shared_task(soft_time_limit=1, time_limit=1)
def fetch_rates(url):
    try:
        with urlopen(url) as response:
            return response.read().decode()
    except SoftTimeLimitExceeded:
        time.sleep(0.5)
        return "cleaned up"
"""

REPAIRED_EQUAL = BAD_EQUAL.replace(", time_limit=1", ", time_limit=5")

WITHOUT_LIMITS = BAD.replace("(soft_time_limit=120, time_limit=60)", "")

is_checked = pytest.mark.skipif(celery.VERSION < (5, 5), reason="Celery compares the limits since 5.5")
counts_settings = celery.VERSION >= (5, 7)


@is_checked
def test_bad_is_not_sent(shop: Shop) -> None:
    module = shop.load(BAD)
    with pytest.raises(ValueError, match="soft_time_limit must be less than or equal to time_limit"):
        module.cut.delay("picture.png")
    assert shop.sent == []


def test_repaired_is_sent(shop: Shop) -> None:
    module = shop.load(REPAIRED)
    with shop.worker():
        module.cut.delay("picture.png")
        shop.settle()
    assert [run.value for run in shop.runs] == ["picture.png"]


@is_checked
def test_the_limits_of_the_settings_count_since_5_7(shop: Shop) -> None:
    shop.app.conf.update(task_soft_time_limit=120, task_time_limit=60)
    module = shop.load(WITHOUT_LIMITS)
    if counts_settings:
        with pytest.raises(ValueError, match="soft_time_limit must be less than or equal to time_limit"):
            module.cut.delay("picture.png")
    else:
        module.cut.delay("picture.png")
    assert len(shop.sent) == (0 if counts_settings else 1)


@is_checked
def test_so_they_do_together_with_the_task_s_own(shop: Shop) -> None:
    shop.app.conf.update(task_time_limit=60)
    module = shop.load(BAD.replace(", time_limit=60", ""))
    if counts_settings:
        with pytest.raises(ValueError, match="soft_time_limit must be less than or equal to time_limit"):
            module.cut.delay("picture.png")
    else:
        module.cut.delay("picture.png")
    assert len(shop.sent) == (0 if counts_settings else 1)


@needs_prefork
def test_bad_is_killed_before_it_has_cleaned_up(tmp_path: Path, silent_server: SilentServer) -> None:
    with prefork_worker(BAD_EQUAL, tmp_path) as worker:
        assert isinstance(worker.finish(worker.send("fetch_rates", silent_server.url)), TimeLimitExceeded)


@needs_prefork
def test_repaired_cleans_up(tmp_path: Path, silent_server: SilentServer) -> None:
    with prefork_worker(REPAIRED_EQUAL, tmp_path) as worker:
        assert worker.finish(worker.send("fetch_rates", silent_server.url)) == "cleaned up"
