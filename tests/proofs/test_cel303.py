"""CEL303: a broad handler eats the soft time limit."""

from __future__ import annotations

from pathlib import Path

from celery.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded

from tests.proofs.prefork import SilentServer, needs_prefork, prefork_worker

BAD = """\
import logging
from urllib.request import urlopen

from celery import shared_task

logger = logging.getLogger(__name__)


@shared_task(soft_time_limit=1, time_limit=3)
def import_feeds(urls):
    for url in urls:
        try:
            with urlopen(url) as response:
                response.read()
        except Exception:
            logger.exception("feed %s is left out", url)
"""

REPAIRED = """\
import logging
from urllib.request import urlopen

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded

logger = logging.getLogger(__name__)


@shared_task(soft_time_limit=1, time_limit=3)
def import_feeds(urls):
    for url in urls:
        try:
            with urlopen(url) as response:
                response.read()
        except SoftTimeLimitExceeded:
            raise
        except Exception:
            logger.exception("feed %s is left out", url)
"""

BAD_WITHOUT_HARD_LIMIT = BAD.replace(", time_limit=3", "")
REPAIRED_WITHOUT_HARD_LIMIT = REPAIRED.replace(", time_limit=3", "")


@needs_prefork
def test_bad_goes_on_until_it_is_killed(tmp_path: Path, silent_server: SilentServer) -> None:
    with prefork_worker(BAD, tmp_path) as worker:
        outcome = worker.finish(worker.send("import_feeds", [silent_server.url] * 3))
    assert isinstance(outcome, TimeLimitExceeded)
    assert silent_server.calls == 2  # after the limit it went on to the next, and got no second warning


@needs_prefork
def test_bad_without_a_hard_limit_is_not_limited_at_all(tmp_path: Path, silent_server: SilentServer) -> None:
    with prefork_worker(BAD_WITHOUT_HARD_LIMIT, tmp_path) as worker:
        result = worker.send("import_feeds", [silent_server.url] * 2)
        worker.wait_until(lambda: silent_server.calls == 2)  # the limit has come and gone
        silent_server.answer()
        worker.finish(result)
        assert result.state == "SUCCESS"


@needs_prefork
def test_repaired_ends_at_the_soft_limit(tmp_path: Path, silent_server: SilentServer) -> None:
    with prefork_worker(REPAIRED, tmp_path) as worker:
        outcome = worker.finish(worker.send("import_feeds", [silent_server.url] * 3))
    assert isinstance(outcome, SoftTimeLimitExceeded)
    assert silent_server.calls == 1
