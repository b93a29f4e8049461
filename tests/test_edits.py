"""The edits in reports are those that libcst makes now, whether they were kept or not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from celery_lint import fixes
from tests.conftest import Workspace

PROJECT = {
    "shop/__init__.py": "",
    "shop/tasks.py": """\
        from celery import shared_task


        @shared_task
        def pack(order_id, express=False):
            return order_id
        """,
    "shop/orders.py": """\
        from django.db import transaction
        from shop.tasks import pack


        def ship(a_rather_long_name_of_an_order):
            with transaction.atomic():
                transaction.on_commit(pack.delay(a_rather_long_name_of_an_order))
        """,
}


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    workspace.write(PROJECT)
    return workspace


def report(project: Workspace, *arguments: str) -> str:
    return project.lint("--isolated", "--output-format", "json", *arguments).out


def edits(out: str) -> list[str]:
    return [edit["content"] for finding in json.loads(out) for edit in (finding["fix"] or {"edits": []})["edits"]]


def kept(project: Workspace) -> Path:
    (path,) = (project.root / ".celery_lint_cache").glob("*.edits")
    return path


def test_they_are_made_once(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    first = report(project)
    assert edits(first)
    monkeypatch.setattr(fixes, "edits_for", None)
    assert report(project) == first
    assert report(project, "shop/orders.py") == first


def test_without_a_cache_they_are_made_each_time(project: Workspace) -> None:
    assert report(project, "--no-cache") == report(project)
    first = kept(project).read_bytes()
    kept(project).write_bytes(first.replace(b"lambda", b"LAMBDA").replace(b"partial", b"PARTIAL"))
    assert kept(project).read_bytes() != first
    assert report(project, "--no-cache") != report(project)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("shop/orders.py", PROJECT["shop/orders.py"].replace("def ship", "# One line more.\n\n        def ship")),
        ("pyproject.toml", "[tool.black]\nline-length = 50\n"),
    ],
)
def test_after_a_change_they_are_made_anew(project: Workspace, name: str, text: str) -> None:
    before = report(project)
    project.write({name: text})
    after = report(project)
    assert edits(after)
    assert after != before
    assert after == report(project, "--no-cache")


BREAKS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "no JSON": lambda data: b"\x80\x04K\x01.",
    "another shape": lambda data: b"[1]",
    "another key": lambda data: data.replace(b'"key":"', b'"key":"0'),
    "no edits": lambda data: data.replace(b'"Edit"', b'"Place"'),
    "no places": lambda data: data.replace(b'"Span"', b'"Position"'),
    "no numbers": lambda data: data.replace(b'["Position",7', b'["Position","7"'),
    "values that are none": lambda data: json.dumps({**json.loads(data), "values": 3}).encode(),
}


@pytest.mark.parametrize("kind", BREAKS)
def test_what_is_broken_is_made_anew(project: Workspace, kind: str) -> None:
    before = report(project)
    whole = kept(project).read_bytes()
    broken = BREAKS[kind](whole)
    assert broken != whole
    kept(project).write_bytes(broken)
    assert report(project) == before
    assert kept(project).read_bytes() == whole


def test_a_fix_that_cannot_be_made_is_not_tried_again(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write(
        {
            "shop/orders.py": PROJECT["shop/orders.py"]
            .replace("transaction.on_commit(", "x = f'{transaction.on_commit(")
            .replace("order))", "order))}'")
        }
    )
    first = report(project)
    assert json.loads(first)
    assert not edits(first)
    monkeypatch.setattr(fixes, "edits_for", None)
    assert report(project) == first
