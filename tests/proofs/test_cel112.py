"""CEL112: a secret among a task's arguments."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from kombu.transport.memory import Channel

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task


@shared_task
def send_password(customer_id, password): ...


def register(customer_id, password):
    send_password.delay(customer_id, password)
"""

REPAIRED = """\
from celery import shared_task


@shared_task
def send_password_link(customer_id): ...


def register(customer_id, password):
    send_password_link.delay(customer_id)
"""

SECRET = "hunter2"


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The task messages that the broker is given."""
    found: list[Any] = []
    put = Channel._put

    def _put(self: Any, queue: str, message: Any, *args: Any, **kwargs: Any) -> Any:
        if "task" in message.get("headers", {}):
            found.append(message)
        return put(self, queue, message, *args, **kwargs)

    monkeypatch.setattr(Channel, "_put", _put)
    return found


def test_bad_stands_in_the_message_and_its_headers(shop: Shop, messages: list[Any]) -> None:
    shop.load(BAD).register(1, SECRET)
    (message,) = messages
    assert SECRET in message["headers"]["argsrepr"]
    assert SECRET.encode() in base64.b64decode(message["body"])


def test_argsrepr_hides_it_in_the_headers_alone(shop: Shop, messages: list[Any]) -> None:
    shop.load(BAD).send_password.apply_async((1, SECRET), argsrepr="(1, '***')")
    (message,) = messages
    assert SECRET not in str(message["headers"])
    assert SECRET.encode() in base64.b64decode(message["body"])


def test_repaired_does_not_send_it(shop: Shop, messages: list[Any]) -> None:
    shop.load(REPAIRED).register(1, SECRET)
    (message,) = messages
    assert SECRET not in str(message["headers"])
    assert SECRET.encode() not in base64.b64decode(message["body"])
