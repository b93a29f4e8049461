"""CEL405: Celery takes retry options that nothing reads, and says nothing."""

from __future__ import annotations

from pathlib import Path

from celery.exceptions import MaxRetriesExceededError, TimeLimitExceeded, WorkerLostError

from tests.proofs.harness import DEADLINE, Shop
from tests.proofs.prefork import SilentServer, needs_prefork, prefork_worker

BAD = """\
from celery import shared_task


@shared_task(max_retries=2, default_retry_delay=0)
def reserve(order_id):
    raise ConnectionError("the warehouse does not answer")
"""

REPAIRED = BAD.replace("(max", "(autoretry_for=(ConnectionError,), max")

BAD_BACKOFF = """\
from celery import shared_task


@shared_task(bind=True, retry_backoff=True, retry_jitter=False, max_retries=2)
def reserve(self, order_id):
    try:
        raise ConnectionError("the warehouse does not answer")
    except ConnectionError as error:
        raise self.retry(exc=error)
"""

REPAIRED_BACKOFF = """\
from celery import shared_task


@shared_task(autoretry_for=(ConnectionError,), retry_backoff=True, retry_jitter=False, max_retries=2)
def reserve(order_id):
    raise ConnectionError("the warehouse does not answer")
"""

BAD_DELAY = """\
from celery import shared_task


@shared_task(
    autoretry_for=(ConnectionError,), retry_backoff=4, retry_jitter=False, default_retry_delay=60, max_retries=1
)
def reserve(order_id):
    raise ConnectionError("the warehouse does not answer")
"""

REPAIRED_DELAY = BAD_DELAY.replace(" default_retry_delay=60,", "")

BAD_NUMBER = """\
from celery import shared_task


@shared_task(autoretry_for=(ConnectionError,), retry_kwargs={"max_retries": 1, "countdown": 0}, max_retries=5)
def reserve(order_id):
    raise ConnectionError("the warehouse does not answer")
"""

REPAIRED_NUMBER = BAD_NUMBER.replace(", max_retries=5", "")

BAD_ABOVE = """\
from celery import Task, shared_task


class Retrying(Task):
    autoretry_for = (ConnectionError,)
    retry_kwargs = {"max_retries": 1, "countdown": 0}


@shared_task(base=Retrying, max_retries=3)
def reserve(order_id):
    raise ConnectionError("the warehouse does not answer")
"""

REPAIRED_ABOVE = BAD_ABOVE.replace("max_retries=3", 'retry_kwargs={"max_retries": 3, "countdown": 0}')

BAD_JITTER = """\
from celery import shared_task


@shared_task(autoretry_for=(ConnectionError,), retry_jitter=True, retry_backoff_max=7, max_retries=1)
def reserve(order_id):
    raise ConnectionError("the warehouse does not answer")
"""

REPAIRED_JITTER = BAD_JITTER.replace("retry_jitter=True, retry_backoff_max=7, ", "")

BAD_NONE = """\
from celery import shared_task


@shared_task(bind=True)
def reserve(self, order_id):
    raise self.retry(countdown=0, max_retries=None)
"""

REPAIRED_NONE = BAD_NONE.replace(", max_retries=None", "").replace("bind=True", "bind=True, max_retries=5")

BAD_REJECT = """\
from threading import Event

from celery import shared_task
from celery.exceptions import Reject

came_back = Event()
seen = []


@shared_task
def reserve(order_id):
    if order_id in seen:
        came_back.set()
        return
    seen.append(order_id)
    raise Reject("the warehouse is closed", requeue=True)
"""

REPAIRED_REJECT = BAD_REJECT.replace("@shared_task", "@shared_task(acks_late=True)")

BAD_LOST = """\
import os
from pathlib import Path

from celery import shared_task


@shared_task(reject_on_worker_lost=True)
def reserve(path):
    trace = Path(path)
    if trace.exists():
        return "run again"
    trace.touch()
    os.kill(os.getpid(), 9)
"""

REPAIRED_LOST = BAD_LOST.replace("(reject", "(acks_late=True, reject")

BAD_KILLED = """\
from pathlib import Path
from urllib.request import urlopen

from celery import shared_task
from celery.exceptions import TimeLimitExceeded


@shared_task(time_limit=1, autoretry_for=(TimeLimitExceeded,), retry_kwargs={"countdown": 0})
def reserve(url, path):
    trace = Path(path)
    if trace.exists():
        return "run again"
    trace.touch()
    urlopen(url)
"""

REPAIRED_KILLED = BAD_KILLED.replace("TimeLimitExceeded", "SoftTimeLimitExceeded").replace(
    "time_limit=1,", "soft_time_limit=1, time_limit=9,"
)


def runs_of(shop: Shop, source: str) -> list[str]:
    """How the runs of one message end, those of its retries too."""
    module = shop.load(source)
    with shop.worker():
        module.reserve.delay(7)
        shop.settle()
    return shop.states


def countdowns_of(shop: Shop, source: str) -> list[float]:
    """After how many seconds each retry of a message is to run; all of them run at once."""
    module = shop.load(source)
    task = module.reserve
    asked: list[float] = []

    def retry_at_once(*args: object, countdown: float | None = None, **options: object) -> object:
        asked.append(task.default_retry_delay if countdown is None else countdown)
        return plain(*args, countdown=0, **options)

    plain = task.retry
    task.retry = retry_at_once
    try:
        with shop.worker():
            task.delay(7)
            shop.settle()
    finally:
        del task.retry
    return asked


def test_bad_is_never_retried(shop: Shop) -> None:
    assert runs_of(shop, BAD) == ["FAILURE"]


def test_repaired_is_retried(shop: Shop) -> None:
    assert runs_of(shop, REPAIRED) == ["RETRY", "RETRY", "FAILURE"]


def test_bad_backoff_waits_three_minutes_each_time(shop: Shop) -> None:
    assert countdowns_of(shop, BAD_BACKOFF) == [180, 180, 180]


def test_repaired_backoff_waits_longer_each_time(shop: Shop) -> None:
    assert countdowns_of(shop, REPAIRED_BACKOFF) == [1, 2, 4]


def test_bad_delay_is_not_waited_for(shop: Shop) -> None:
    assert countdowns_of(shop, BAD_DELAY) == [4, 8]


def test_repaired_delay_waits_just_as_long(shop: Shop) -> None:
    assert countdowns_of(shop, REPAIRED_DELAY) == [4, 8]


def test_bad_number_does_not_count(shop: Shop) -> None:
    assert runs_of(shop, BAD_NUMBER) == ["RETRY", "FAILURE"]


def test_repaired_number_is_the_same(shop: Shop) -> None:
    assert runs_of(shop, REPAIRED_NUMBER) == ["RETRY", "FAILURE"]


def test_bad_number_does_not_count_beside_that_of_the_base_class(shop: Shop) -> None:
    assert runs_of(shop, BAD_ABOVE) == ["RETRY", "FAILURE"]


def test_repaired_number_counts_in_the_place_of_that_of_the_base_class(shop: Shop) -> None:
    assert runs_of(shop, REPAIRED_ABOVE) == ["RETRY", "RETRY", "RETRY", "FAILURE"]


def test_bad_jitter_is_not_seen(shop: Shop) -> None:
    assert countdowns_of(shop, BAD_JITTER) == [180, 180]


def test_repaired_jitter_is_the_same(shop: Shop) -> None:
    assert countdowns_of(shop, REPAIRED_JITTER) == [180, 180]


def test_bad_none_is_the_limit_of_the_task(shop: Shop) -> None:
    assert runs_of(shop, BAD_NONE) == ["RETRY"] * 3 + ["FAILURE"]
    assert isinstance(shop.runs[-1].value, MaxRetriesExceededError)


def test_repaired_none_has_its_own_limit(shop: Shop) -> None:
    assert runs_of(shop, REPAIRED_NONE) == ["RETRY"] * 5 + ["FAILURE"]


def test_bad_reject_does_not_bring_the_message_back(shop: Shop) -> None:
    module = shop.load(BAD_REJECT)
    with shop.worker():
        module.reserve.delay(7)
        shop.settle()
        module.reserve.delay(8)  # whatever came back would be run before
        shop.settle()
    assert module.seen == [7, 8]
    assert not module.came_back.is_set()


def test_repaired_reject_brings_it_back(shop: Shop) -> None:
    module = shop.load(REPAIRED_REJECT)
    with shop.worker():
        module.reserve.delay(7)
        assert module.came_back.wait(DEADLINE)


@needs_prefork
def test_bad_is_not_run_again_when_its_process_is_lost(tmp_path: Path) -> None:
    with prefork_worker(BAD_LOST, tmp_path) as worker:
        assert isinstance(worker.finish(worker.send("reserve", str(tmp_path / "trace"))), WorkerLostError)


@needs_prefork
def test_repaired_is_run_again_when_its_process_is_lost(tmp_path: Path) -> None:
    with prefork_worker(REPAIRED_LOST, tmp_path) as worker:
        assert worker.finish(worker.send("reserve", str(tmp_path / "trace"))) == "run again"


@needs_prefork
def test_bad_is_killed_and_not_retried(tmp_path: Path, silent_server: SilentServer) -> None:
    with prefork_worker(BAD_KILLED, tmp_path) as worker:
        sent = worker.send("reserve", silent_server.url, str(tmp_path / "trace"))
        assert isinstance(worker.finish(sent), TimeLimitExceeded)


@needs_prefork
def test_repaired_is_retried_at_the_soft_limit(tmp_path: Path, silent_server: SilentServer) -> None:
    with prefork_worker(REPAIRED_KILLED, tmp_path) as worker:
        assert worker.finish(worker.send("reserve", silent_server.url, str(tmp_path / "trace"))) == "run again"
