"""What beat does with the schedule of an application, without waiting for its times."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from celery.beat import Scheduler

from tests.proofs.harness import Shop

MONDAY = datetime(2024, 1, 1)


def times(shop: Shop, name: str, days: int = 1) -> list[str]:
    """When beat sends an entry in the days from a Monday on, by a clock that goes a minute at a time."""
    return list(_times(shop, name, days))


def _times(shop: Shop, name: str, days: int) -> Iterator[str]:
    start = MONDAY.replace(tzinfo=shop.app.timezone)
    schedule = shop.app.conf.beat_schedule[name]["schedule"]
    schedule.app = shop.app
    now = last = start - timedelta(minutes=1)
    schedule.nowfun = lambda: now
    for minute in range(days * 24 * 60):
        now = start + timedelta(minutes=minute)
        if schedule.is_due(last).is_due:
            last = now
            yield f"{now:%a %H:%M}"


def started(shop: Shop) -> Scheduler:
    """Beat as it is once it has read the schedule."""
    return Scheduler(shop.app)


def send(shop: Shop, name: str) -> Any:
    """Let beat send an entry, as if its time had come."""
    scheduler = started(shop)
    return scheduler.apply_async(scheduler.schedule[name], advance=False)
