"""CEL908: a worker that accepts pickle runs what a message brings."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from kombu import serialization
from kombu.exceptions import ContentDisallowed, DecodeError

from tests.proofs.harness import Shop

BAD = """\
from celery import Celery

billing = Celery("billing", broker="memory://", set_as_current=False)
billing.conf.accept_content = ["json", "pickle"]
"""

REPAIRED = BAD.replace('["json", "pickle"]', '["json"]')

BAD_SENT = """\
from celery import Celery

billing = Celery("billing", broker="memory://", set_as_current=False)
billing.conf.task_serializer = "pickle"
"""

REPAIRED_SENT = BAD_SENT.replace('"pickle"', '"json"')


class Attack:
    """What an attacker pickles: unpickled, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self._path,)


def _receive(app: Celery, body: bytes) -> None:
    """What a worker does with a message's body."""
    accepted = serialization.prepare_accept_content(app.conf.accept_content)
    serialization.loads(body, "application/x-python-serialize", "binary", accept=accepted)


def test_bad_runs_what_the_message_brings(shop: Shop, tmp_path: Path) -> None:
    _receive(shop.load(BAD).billing, pickle.dumps(Attack(tmp_path / "entered")))
    assert (tmp_path / "entered").is_dir()


@pytest.mark.parametrize("source", [REPAIRED, BAD_SENT])
def test_without_it_the_message_is_refused(shop: Shop, tmp_path: Path, source: str) -> None:
    with pytest.raises(ContentDisallowed, match="untrusted content of type pickle"):
        _receive(shop.load(source).billing, pickle.dumps(Attack(tmp_path / "entered")))
    assert not (tmp_path / "entered").exists()


def test_sent_as_json_it_is_accepted(shop: Shop) -> None:
    billing = shop.load(REPAIRED_SENT).billing
    accepted = serialization.prepare_accept_content(billing.conf.accept_content)
    content_type, encoding, body = serialization.dumps([1], serializer=billing.conf.task_serializer)
    assert serialization.loads(body, content_type, encoding, accept=accepted) == [1]


def test_yaml_runs_nothing(tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    body = f"!!python/object/apply:os.mkdir ['{tmp_path / 'entered'}']"
    with pytest.raises(DecodeError, match="could not determine a constructor"):
        serialization.loads(body, "application/x-yaml", "utf-8", force=True, accept=None)
    assert not (tmp_path / "entered").exists()
