"""The cache never changes what is found: not after edits, not when it is broken, not for two at once."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from celery_lint.configuration import Overrides, Selection
from celery_lint.findings import Finding
from celery_lint.run import Unsaved, run
from tests.conftest import Workspace

PROJECTS = Path(__file__).parent / "fixtures" / "projects"
ALL = Selection(select=("ALL",))


def found(root: Path, *, cache: bool, unsaved: Unsaved | None = None, only: str = "") -> list[Finding]:
    paths = [unsaved.path if unsaved is not None else root / only]
    report = run(paths, Overrides(selection=ALL, isolated=True, cache=cache), unsaved)
    assert not report.errors
    assert not any(checked.failures for checked in report.checked)
    return [finding for checked in report.checked for finding in checked.findings]


def age(root: Path) -> None:
    """Make all files look old: a file that has just been written is looked into, whatever its date says."""
    for path in root.rglob("*.py"):
        os.utime(path, (1_700_000_000, 1_700_000_000))


def cache_file(root: Path) -> Path:
    (path,) = (root / ".celery_lint_cache").glob("*.json")
    return path


SHOP = {
    "manage.py": "",
    "shop/__init__.py": "",
    "shop/models.py": "from django.db import models\n\n\nclass Order(models.Model):\n    pass\n",
    "shop/helpers.py": "def pick(value):\n    return value\n",
    "shop/tasks.py": (
        "from celery import shared_task\n\n\n"
        "@shared_task(name='shop.send', time_limit=9)\ndef send(order):\n    print(order)\n"
    ),
    "shop/views.py": (
        "from shop.helpers import pick\nfrom shop.tasks import send\n\n\n"
        "def view(request):\n    send.delay(pick(request.GET['id']))\n"
    ),
    "shop/other.py": "print(1)\n",
}


@pytest.fixture
def shop(workspace: Workspace) -> Path:
    workspace.write(SHOP)
    age(workspace.root)
    return workspace.root


def test_a_change_elsewhere_changes_the_findings_of_a_file_that_did_not(shop: Path) -> None:
    assert found(shop, cache=True) == []
    (shop / "shop/helpers.py").write_text(
        "from shop.models import Order\n\n\ndef pick(value):\n    return Order.objects.get(pk=value)\n"
    )
    (finding,) = (f for f in found(shop, cache=True) if f.code == "CEL101")
    assert finding.place.filename == "shop/views.py"
    (shop / "shop/helpers.py").write_text(SHOP["shop/helpers.py"])
    assert found(shop, cache=True) == []


def test_what_has_not_changed_is_not_read_again(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shop / "shop/views.py").write_text(SHOP["shop/views.py"].replace("pick(request.GET['id'])", "request"))
    age(shop)
    before = found(shop, cache=True)

    def fail(*_: object) -> None:
        raise AssertionError("the engine was asked")

    monkeypatch.setattr("celery_lint.engine.Engine.check", fail)
    assert found(shop, cache=True) == before
    assert found(shop, cache=True, only="shop/views.py") == [f for f in before if f.place.filename == "shop/views.py"]


def noted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are looked into from now on, as they come."""
    from celery_lint.engine import Engine

    checked = []
    check: Callable[[Engine, str], list[Finding]] = Engine._check

    def note(engine: Engine, filename: str) -> list[Finding]:
        checked.append(filename)
        return check(engine, filename)

    monkeypatch.setattr(Engine, "_check", note)
    return checked


def test_an_unrelated_change_leaves_the_rest_alone(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found(shop, cache=True)
    checked = noted(monkeypatch)
    (shop / "shop/other.py").write_text("print(2)\n")
    assert found(shop, cache=True) == []
    assert checked == ["shop/other.py"]


@pytest.mark.parametrize("change", ["added", "removed"])
def test_a_file_that_comes_or_goes_leaves_the_rest_alone(
    shop: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    (shop / "shop/views.py").write_text(SHOP["shop/views.py"].replace("pick(request.GET['id'])", "request.user"))
    before = found(shop, cache=True)
    checked = noted(monkeypatch)
    if change == "added":
        (shop / "shop/more.py").write_text("print(2)\n")
    else:
        (shop / "shop/other.py").unlink()
    assert found(shop, cache=True) == before != []
    assert checked == (["shop/more.py"] if change == "added" else [])


def test_a_module_that_comes_gives_a_name_its_meaning(shop: Path) -> None:
    (shop / "shop/helpers.py").unlink()
    assert found(shop, cache=True) == []
    (shop / "shop/helpers.py").write_text("from shop.models import Order\n\n\ndef pick(value):\n    return Order()\n")
    assert "CEL101" in {f.code for f in found(shop, cache=True)}


def test_a_change_within_the_clocks_grain_is_seen(shop: Path) -> None:
    found(shop, cache=True)
    path = shop / "shop/views.py"
    text = SHOP["shop/views.py"]
    path.write_text(text)
    found(shop, cache=True)
    status = path.stat()
    path.write_text(text.replace("request.GET['id']", "request.user     "))  # the same size, and now the same date
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert found(shop, cache=True) == found(shop, cache=False) != []


def test_a_change_that_sets_the_date_back_is_seen(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `rsync --times` and some editors do: the file's entry is dated all the same."""
    monkeypatch.setattr("celery_lint.cache.RACY", -(10**18))  # as if the last run had been long ago
    found(shop, cache=True)
    path = shop / "shop/views.py"
    status = path.stat()
    path.write_text(SHOP["shop/views.py"].replace("request.GET['id']", "request.user     "))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert found(shop, cache=True) == found(shop, cache=False) != []


def test_unsaved_content_is_checked_and_not_kept(shop: Path) -> None:
    before = found(shop, cache=True)
    content = SHOP["shop/views.py"].replace("pick(request.GET['id'])", "request.user")
    unsaved = Unsaved(shop / "shop/views.py", content.encode())
    assert [f.code for f in found(shop, cache=True, unsaved=unsaved)] == ["CEL101"]
    assert found(shop, cache=True) == before


@pytest.mark.parametrize("change", ["new file", "gone file", "settings"])
def test_what_the_cache_knows_nothing_of(shop: Path, change: str) -> None:
    found(shop, cache=True)
    if change == "new file":
        (shop / "shop/more.py").write_text("from shop.tasks import send\n\n\ndef f(request):\n    send.apply([1])\n")
    elif change == "gone file":
        (shop / "shop/helpers.py").unlink()
    else:
        (shop / "shop/settings.py").write_text("CELERY_TASK_TIME_LIMIT = 5\n")
    assert found(shop, cache=True) == found(shop, cache=False)
    assert found(shop, cache=True) == found(shop, cache=False)


BREAKS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "no JSON": lambda data: b"\x80\x04" + data,
    "another shape": lambda data: b'{"key": 1}',
    "deep": lambda data: b"[" * 100_000,
    "no finding": lambda data: data.replace(b'["Finding"', b'["Sabotage"'),
    "wrong parts": lambda data: data.replace(b'["Place"', b'["Span"'),
    "wrong numbers": lambda data: data.replace(b'"taken":', b'"taken":"x","t":'),
    "wrong sets": lambda data: json.dumps({**json.loads(data), "sets": ["zz"]}).encode(),
    "no sets": lambda data: json.dumps({**json.loads(data), "sets": []}).encode(),
}


@pytest.mark.parametrize("kind", BREAKS)
def test_a_broken_cache_is_written_anew(shop: Path, kind: str) -> None:
    (shop / "shop/views.py").write_text(SHOP["shop/views.py"].replace("pick(request.GET['id'])", "request.user"))
    age(shop)
    before = found(shop, cache=True)
    assert before
    whole = cache_file(shop).read_bytes()
    cache_file(shop).write_bytes(BREAKS[kind](whole))
    assert found(shop, cache=True) == before
    (shop / "shop/other.py").write_text("print(3)\n")
    cache_file(shop).write_bytes(BREAKS[kind](whole))
    assert found(shop, cache=True) == before


def test_a_folder_in_the_way_is_no_reason_to_fail(shop: Path) -> None:
    (shop / ".celery_lint_cache").write_text("a file where the folder should be")
    assert found(shop, cache=True) == found(shop, cache=True) == []


def test_the_folder_keeps_itself_out_of_version_control(shop: Path) -> None:
    found(shop, cache=True)
    assert (shop / ".celery_lint_cache" / ".gitignore").read_text() == "*\n"
    assert (shop / ".celery_lint_cache" / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d17278")


def test_the_command_keeps_its_findings_where_it_is_told(workspace: Workspace) -> None:
    workspace.write(SHOP)
    workspace.lint("--no-cache")
    assert not (workspace.root / ".celery_lint_cache").exists()
    workspace.lint("--cache-dir", "elsewhere")
    assert list((workspace.root / "elsewhere").glob("*.json"))
    assert not (workspace.root / ".celery_lint_cache").exists()
    workspace.write({"celery-lint.toml": 'cache-dir = "build/kept"\n'})
    workspace.lint()
    assert list((workspace.root / "build/kept").glob("*.json"))


def test_many_at_once(shop: Path) -> None:
    expected = found(shop, cache=False)
    outcomes: list[list[Finding]] = []
    threads = [threading.Thread(target=lambda: outcomes.append(found(shop, cache=True))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [expected] * 4
    assert not list((shop / ".celery_lint_cache").glob("*.tmp"))


LINES = st.sampled_from(
    [
        "x = 1",
        "from django.db import models",
        "    name = models.CharField(max_length=3)",
        "def save(self): pass",
        "import celery",
        "def helper(order):\n    order.save()\n    return order",
        "CELERY_TASK_TIME_LIMIT = 3",
        "def broken(:",
    ]
)


KINDS = ["delete line", "insert line", "double line", "rename", "put back", "empty", "comment", "statement", "blank"]


@st.composite
def edits(draw: st.DrawFn, files: list[str]) -> tuple[str, str, int, str]:
    kind = draw(st.sampled_from([*KINDS, "remove", "copy", "new package"]))
    return draw(st.sampled_from(files)), kind, draw(st.integers(0, 400)), draw(LINES)


def edited(text: str, original: str, kind: str, at: int, line: str) -> str:
    lines = text.splitlines(keepends=True)
    if kind == "put back" or not lines:
        return original
    if kind == "empty":
        return ""
    index = at % len(lines)
    if kind == "delete line":
        del lines[index]
    elif kind == "double line":
        lines.insert(index, lines[index])
    elif kind == "insert line":
        lines.insert(index, line + "\n")
    elif kind == "blank":
        lines.insert(index, "\n")
    elif kind == "comment":
        lines.insert(index, "# order.save() and send.delay(order) in atomic\n")
    elif kind == "statement":
        lines[index] = lines[index].rstrip("\n") + "; None\n"
    else:
        words = [word for word in lines[index].replace("(", " ").replace(".", " ").split() if word.isidentifier()]
        if words:
            return text.replace(words[at % len(words)], f"other_{at}")
    return "".join(lines)


def edit(root: Path, filename: str, original: str, kind: str, at: int, line: str) -> None:
    """Change one file of a project, take it away, or make another beside it; one that is gone comes back."""
    path = root / filename
    if kind == "remove":
        path.unlink(missing_ok=True)
    elif not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(original)
    elif kind == "copy":
        path.with_name(f"another_{at % 3}.py").write_text(path.read_text())
    elif kind == "new package":
        folder = path.parent / ["orders", "models", "src"][at % 3]
        folder.mkdir(exist_ok=True)
        (folder / ["__init__.py", path.name][at % 2]).write_text(path.read_text())
    else:
        path.write_text(edited(path.read_text(), original, kind, at, line))


@pytest.mark.parametrize("name", ["shop_django", "warehouse_contexts", "payments_idempotency", "task_packages"])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_after_any_edits_the_findings_are_those_of_a_run_without_cache(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("edited")
    shutil.copytree(PROJECTS / name, root, dirs_exist_ok=True)
    (root / "manage.py").touch()
    age(root)
    originals = {p.relative_to(root).as_posix(): p.read_text() for p in root.rglob("*.py")}
    files = sorted(originals)
    found(root, cache=True)
    for step in range(data.draw(st.integers(1, 4), "steps")):
        for filename, kind, at, line in data.draw(st.lists(edits(files), min_size=1, max_size=3), f"step {step}"):
            edit(root, filename, originals[filename], kind, at, line)
        assert found(root, cache=True) == found(root, cache=False)
    shutil.rmtree(root)
