"""CEL804: crontabs that Celery refuses, and some that it takes and reads otherwise."""

from __future__ import annotations

from pathlib import Path

import celery
import pytest
from celery.schedules import crontab

from celery_lint.configuration import Overrides, Selection
from celery_lint.run import run
from tests.proofs.beat import times
from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task
from celery.schedules import crontab

from shop.celery import app


@shared_task
def tidy():
    return "tidied"


app.conf.beat_schedule = {
    "tidy": {"task": "shop.tasks.tidy", "schedule": crontab(minute=0, hour=4, day_of_week=7)},
}
"""

REPAIRED = BAD.replace("day_of_week=7", "day_of_week=0")

BAD_STEP = BAD.replace("minute=0, hour=4, day_of_week=7", 'minute="*/90"')
REPAIRED_STEP = BAD.replace("minute=0, hour=4, day_of_week=7", 'minute="*/30"')

BAD_LINE = BAD.replace("minute=0, hour=4, day_of_week=7", '"*/30 9-17 * * *"')
REPAIRED_LINE = BAD.replace("minute=0, hour=4, day_of_week=7", '"*/30", "9-17"')

BAD_DAY = BAD.replace("hour=4, day_of_week=7", "hour=0, day_of_month=31, month_of_year=2")
REPAIRED_DAY = BAD.replace("hour=4, day_of_week=7", "hour=0, day_of_month=31, month_of_year=1")

# What Celery says to each of these, the linter says as well.
FIELDS = [
    *(
        {"minute": m}
        for m in (0, 59, 60, -1, "*", "*/15", "*/60", "*/0", "*/x", "*/-5", "1, 30", "5/10", "", "0,", "?")
    ),
    *({"minute": m} for m in ("**", "* ", "10-5", "1-5/2", "1-5/", "mon", "xyz", "60", "0 3 * * *", None, 1.5, True)),
    *({"minute": m} for m in ([0, 30], [0, 60], ["0"], (1, 2))),
    *({"hour": h} for h in (23, 24, "22-2", "08", "24", "8-24")),
    *({"day_of_week": d} for d in (0, 6, 7, "sun", "Sunday", "sat-mon", "mon-fri/2", "1-7", "weekdays", "1#2", "-1")),
    *({"day_of_month": d} for d in (0, 1, 31, 32, "L", "1-7,15-21", "*/2")),
    *({"month_of_year": m} for m in (0, 12, 13, "dec", "jan-mar", "*/3")),
    *({"day_of_month": d, "month_of_year": m} for d, m in ((29, 2), (31, "2,4"), (31, "2,3"))),
    {"hours": 3},
    {"minute": 0, "nowfun": None},
]


@pytest.mark.parametrize("source", [BAD, BAD_DAY])
def test_bad_cannot_be_imported(shop: Shop, source: str) -> None:
    if source == BAD_DAY and celery.VERSION < (5, 7):
        shop.load(source)
        with pytest.raises(RuntimeError, match="unable to rollover"):
            times(shop, "tidy")
        return
    with pytest.raises(ValueError, match="Invalid"):
        shop.load(source)


def test_bad_step_does_not_step(shop: Shop) -> None:
    shop.load(BAD_STEP)
    assert times(shop, "tidy")[:3] == ["Mon 00:00", "Mon 01:00", "Mon 02:00"]


def test_bad_line_is_not_read_to_its_end(shop: Shop) -> None:
    shop.load(BAD_LINE)
    assert len(times(shop, "tidy")) == 48


def test_repaired_runs_on_sundays(shop: Shop) -> None:
    shop.load(REPAIRED)
    assert times(shop, "tidy", days=7) == ["Sun 04:00"]


def test_repaired_step_steps(shop: Shop) -> None:
    shop.load(REPAIRED_STEP)
    assert times(shop, "tidy")[:3] == ["Mon 00:00", "Mon 00:30", "Mon 01:00"]


def test_repaired_line_keeps_its_hours(shop: Shop) -> None:
    shop.load(REPAIRED_LINE)
    assert len(times(shop, "tidy")) == 18


def test_repaired_day_comes(shop: Shop) -> None:
    shop.load(REPAIRED_DAY)
    assert len(times(shop, "tidy", days=31)) == 1


def refusals(path: Path) -> set[int]:
    """The rows at which the linter says that Celery raises an error."""
    report = run([path], Overrides(selection=Selection(select=("CEL804",)), isolated=True))
    found = (finding for checked in report.checked for finding in checked.findings)
    return {
        finding.place.span.start.row for finding in found if "refuses" in finding.message or "raises" in finding.message
    }


def is_refused(fields: dict[str, object]) -> bool:
    try:
        crontab(**fields)
    except Exception:
        return True
    return False


@pytest.mark.skipif(celery.VERSION < (5, 7), reason="names of months, and days that no month has, since 5.7")
def test_the_linter_refuses_what_celery_refuses(tmp_path: Path) -> None:
    arguments = [", ".join(f"{name}={value!r}" for name, value in fields.items()) for fields in FIELDS]
    lines = ["from celery.schedules import crontab", *(f"crontab({text})" for text in arguments)]
    (tmp_path / "plan.py").write_text("\n".join(lines))
    expected = {row for row, fields in enumerate(FIELDS, start=2) if is_refused(fields)}
    assert refusals(tmp_path / "plan.py") == expected
