"""CEL115: `send_task` makes a message without the task, and so without its options."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from celery import Celery, signals

from tests.proofs.harness import Shop

BAD = """\
from celery import current_app, shared_task


@shared_task(queue="mails", expires=3600)
def greet(customer_id):
    return customer_id


def register(customer_id):
    return current_app.send_task("shop.tasks.greet", args=[customer_id])
"""

REPAIRED = BAD.replace('current_app.send_task("shop.tasks.greet", args', "greet.apply_async(args")

BAD_CLASS = """\
from celery import Task, current_app

from shop.celery import app

waiting = []


class AfterCommit(Task):
    def apply_async(self, *args, **kwargs):
        waiting.append(self.name)


@app.task(base=AfterCommit)
def greet(customer_id):
    return customer_id


def register(customer_id):
    return current_app.send_task("shop.tasks.greet", args=[customer_id])
"""

REPAIRED_CLASS = BAD_CLASS.replace('current_app.send_task("shop.tasks.greet", args', "greet.apply_async(args")


@contextmanager
def messages() -> Iterator[list[tuple[str, bool]]]:
    """The queue of each message sent, and whether it expires."""
    found = []

    def note(routing_key: str, headers: dict[str, Any], **_: Any) -> None:
        found.append((routing_key, headers["expires"] is not None))

    signals.before_task_publish.connect(note)
    try:
        yield found
    finally:
        signals.before_task_publish.disconnect(note)


def test_bad_goes_without_its_options_from_a_process_without_the_task(shop: Shop) -> None:
    module = shop.load(BAD)
    with Celery("web", broker="memory://") as elsewhere, messages() as sent:
        module.current_app = elsewhere
        module.register(7)
    assert sent == [(elsewhere.conf.task_default_queue, False)]


def test_repaired_has_its_options(shop: Shop) -> None:
    module = shop.load(REPAIRED)
    with messages() as sent:
        module.register(7)
    assert sent == [("mails", True)]


def test_bad_passes_the_class_by(shop: Shop) -> None:
    module = shop.load(BAD_CLASS)
    module.register(7)
    assert module.waiting == []
    assert shop.sent == ["greet"]


def test_repaired_asks_the_class(shop: Shop) -> None:
    module = shop.load(REPAIRED_CLASS)
    module.register(7)
    assert module.waiting == ["shop.tasks.greet"]
    assert shop.sent == []


def test_arguments_are_not_checked(shop: Shop) -> None:
    module = shop.load(BAD)
    with pytest.raises(TypeError):
        module.greet.apply_async(args=[1, 2])
    shop.app.send_task("shop.tasks.greet", args=[1, 2])
    assert shop.sent == ["greet"]
