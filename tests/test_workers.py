"""Several processes find what one finds, whatever becomes of them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from celery_lint import incremental, workers
from celery_lint.configuration import Overrides, Selection
from celery_lint.run import Checked, run
from celery_lint.workers import share_out
from tests.conftest import Workspace

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
NUMBER_OF_APPS = 30
APP = {
    "models.py": "from django.db import models\n\n\nclass Order{n}(models.Model):\n    pass\n",
    "tasks.py": "from celery import shared_task\n\n\n@shared_task\ndef send_{n}(pk):\n    print(pk)\n",
    "views.py": (
        "from app_{n}.models import Order{n}\nfrom app_{m}.tasks import send_{m}\n\n\n"
        "def view(request):\n    send_{m}.delay(Order{n}.objects.get(pk=1))\n"
    ),
}


@pytest.fixture
def project(workspace: Workspace) -> Path:
    for n in range(NUMBER_OF_APPS):
        m = (n + 7) % NUMBER_OF_APPS
        workspace.write({f"app_{n}/{name}": text.format(n=n, m=m) for name, text in APP.items()})
        workspace.write({f"app_{n}/__init__.py": ""})
    workspace.write({"manage.py": ""})
    return workspace.root


def checked(root: Path, jobs: int, *, cache: bool = False) -> Checked:
    overrides = Overrides(selection=Selection(select=("ALL",)), isolated=True, jobs=jobs, cache=cache)
    (only,) = run([root], overrides).checked
    assert not only.failures
    return only


@pytest.mark.parametrize("jobs", [2, 5])
def test_as_many_as_there_are_find_the_same(project: Path, jobs: int) -> None:
    alone = checked(project, 1).findings
    assert len({finding.place.filename for finding in alone}) >= NUMBER_OF_APPS
    assert checked(project, jobs).findings == alone


def test_many_rounds_find_the_same(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = checked(project, 1).findings
    for name, value in (("PIECE", 2), ("MOST_PIECES", 2), ("MANY_ROUNDS", 1), ("SAMPLE", 7)):
        monkeypatch.setattr(incremental, name, value)
    assert checked(project, 2).findings == alone
    assert checked(project, 2, cache=True).findings == alone
    (project / "app_7" / "tasks.py").write_text(APP["tasks.py"].format(n=7).replace("@shared_task\n", ""))
    assert checked(project, 2, cache=True).findings == checked(project, 1).findings != alone


def test_what_the_others_found_is_kept_with_its_inputs(project: Path) -> None:
    found = checked(project, 3, cache=True).findings
    (path,) = (project / ".celery_lint_cache").glob("*.json")
    kept = json.loads(path.read_bytes())["answers"]["found"]
    assert {name for name, (findings, _) in kept.items() if findings} == {f.place.filename for f in found}
    (project / "app_7" / "tasks.py").write_text(APP["tasks.py"].format(n=7).replace("@shared_task\n", ""))
    assert checked(project, 3, cache=True).findings == checked(project, 1).findings != found


def test_what_a_dead_one_took_is_done_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = checked(project, 1).findings
    own = os.getpid()
    from celery_lint.engine import Engine

    check = Engine._check

    def die(engine: Engine, filename: str) -> object:
        if os.getpid() != own:
            os._exit(9)
        return check(engine, filename)

    monkeypatch.setattr(Engine, "_check", die)
    assert checked(project, 4).findings == alone


@pytest.mark.parametrize(("most", "copies"), [(1000, 4), (250, 4), (249, 8), (10, 100)])
def test_every_number_is_taken_once(most: int, copies: int) -> None:
    def work(numbers: Iterator[int]) -> bytes:
        return json.dumps(list(numbers)).encode()

    takers = [json.loads(data) for data in share_out(1000, 4, work, most)]
    assert sorted(number for taken in takers for number in taken) == list(range(1000))
    assert len(takers) == copies


def test_more_than_a_pipe_holds_comes_back() -> None:
    outcomes = share_out(4, 4, lambda numbers: b"x" * 300_000 * (sum(1 for _ in numbers) + 1), 4)
    assert sum(map(len, outcomes)) == 300_000 * 8


def test_little_work_is_done_alone(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "share_out", None)
    workspace.write({name: text.format(n=1, m=1) for name, text in APP.items()})
    checked(workspace.root, 8)
