"""CEL703: a step that cannot take the result before it makes the finished step before it fail."""

from __future__ import annotations

import pytest

from tests.proofs.harness import Shop

TASKS = """\
from celery import chain, chord, group, shared_task

done = []


@shared_task
def charge(order_id):
    done.append(order_id)
    return order_id


@shared_task
def notify(order_id):
    done.append(order_id)


@shared_task
def clean_up():
    done.append("clean")


def confirm():
"""

BAD = f"{TASKS}    return chain(charge.s(7), notify.s(8)).delay().parent\n"
REPAIRED = BAD.replace("notify.s(8)", "notify.si(8)")

BAD_NO_PARAMETER = f"{TASKS}    return (charge.s(7) | clean_up.s()).delay().parent\n"
REPAIRED_NO_PARAMETER = BAD_NO_PARAMETER.replace("clean_up.s()", "clean_up.si()")

BAD_BY_NAME = f"{TASKS}    return chain(charge.s(7), notify.s(order_id=8)).delay().parent\n"
REPAIRED_BY_NAME = BAD_BY_NAME.replace("order_id=8", "")

BAD_GROUP = f"{TASKS}    return chain(charge.s(7), group(notify.s(8), notify.s())).delay().parent\n"
REPAIRED_GROUP = BAD_GROUP.replace("notify.s(8)", "notify.si(8)")

BAD_LINK = f"{TASKS}    return charge.apply_async((7,), link=clean_up.s())\n"
REPAIRED_LINK = BAD_LINK.replace("clean_up.s()", "clean_up.si()")

BAD_BODY = f"{TASKS}    return chord([charge.s(7)])(clean_up.s())\n"
REPAIRED_BODY = BAD_BODY.replace("clean_up.s()", "clean_up.si()")

BAD_REPEATED = f"{TASKS}    return chain(notify.s(one) for one in (7, 8)).delay().parent\n"
REPAIRED_REPEATED = BAD_REPEATED.replace("notify.s", "notify.si")


def confirm(shop: Shop, source: str) -> tuple[object, list[object]]:
    """The state of the first task, and what has been done."""
    module = shop.load(source)
    with shop.worker():
        result = module.confirm()
        shop.settle()
    return result.state, module.done


@pytest.mark.parametrize("source", [BAD, BAD_NO_PARAMETER, BAD_BY_NAME, BAD_GROUP, BAD_LINK, BAD_REPEATED])
def test_bad_fails_the_task_that_has_done_its_work(shop: Shop, source: str) -> None:
    state, done = confirm(shop, source)
    assert 7 in done
    assert state == "FAILURE"


def test_bad_body_never_runs(shop: Shop) -> None:
    module = shop.load(BAD_BODY)
    shop.app.conf.result_chord_retry_interval = 0.1
    with shop.worker():
        result = module.confirm()
        shop.settle()
    assert module.done == [7]
    assert result.state == "FAILURE"


@pytest.mark.parametrize(
    ("source", "done"),
    [
        (REPAIRED, [7, 8]),
        (REPAIRED_NO_PARAMETER, [7, "clean"]),
        (REPAIRED_BY_NAME, [7, 7]),
        (REPAIRED_GROUP, [7, 8, 7]),
        (REPAIRED_LINK, [7, "clean"]),
        (REPAIRED_REPEATED, [7, 8]),
    ],
)
def test_repaired_does_all(shop: Shop, source: str, done: list[object]) -> None:
    assert confirm(shop, source) == ("SUCCESS", done)


def test_repaired_body_runs(shop: Shop) -> None:
    assert confirm(shop, REPAIRED_BODY) == ("SUCCESS", [7, "clean"])
