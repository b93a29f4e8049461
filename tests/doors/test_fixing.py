"""`--fix` and `--diff` as their users see them: what is said, what git takes, what an editor can apply."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from celery_lint.findings import Edit, Position, Span
from celery_lint.fixes import changes
from celery_lint.fixes.text import Splice
from tests.conftest import Workspace
from tests.fixes.making import made
from tests.proofs.examples import Example, examples, lay_out

MODELS = "from django.db import models\n\n\nclass Order(models.Model):\n    pass\n"
TASK = """\
from celery import shared_task
from django.db import transaction
from shop.models import Order


@shared_task
def pack(*a):
    return a


"""
SAFE = "def ship():\n    with transaction.atomic():\n        transaction.on_commit(pack.delay(1))\n"
UNSAFE = "def send():\n    with transaction.atomic():\n        Order.objects.create()\n        pack.delay(3)\n"
HELD_BACK = "def show():\n    return f'{transaction.on_commit(pack.delay(2))}'\n"
SELECT = ("--isolated", "--select", "CEL101,CEL201,CEL204")


def lay_shop(workspace: Workspace, **modules: str) -> None:
    files = {f"shop/{name}.py": TASK + body for name, body in modules.items()}
    workspace.write({"shop/__init__.py": "", "shop/models.py": MODELS, **files})


class TestWhatIsSaid:
    def test_what_was_fixed_and_what_was_left_and_how_to_get_it(self, workspace: Workspace) -> None:
        lay_shop(workspace, views=SAFE + UNSAFE + HELD_BACK)
        safe = workspace.lint("--fix", *SELECT)
        assert safe.code == 1
        held_back = "1 fix held back, to be made by hand: the expression stands inside an f-string"
        assert safe.err.splitlines() == [
            "Fixed 1 finding in 1 file (1 × CEL204).",
            f"{held_back} (shop/views.py:21 CEL204).",
            "2 findings in 3 files.",
            "1 can be fixed with `--fix --unsafe-fixes`.",
        ]
        unsafe = workspace.lint("--fix", "--unsafe-fixes", *SELECT)
        assert unsafe.code == 1
        assert unsafe.err.splitlines() == [
            "Fixed 1 finding in 1 file (1 × CEL201).",
            f"{held_back} (shop/views.py:21 CEL204).",
            "1 finding in 3 files.",
        ]

    def test_places_held_back_for_one_reason_are_named_together(self, workspace: Workspace) -> None:
        lay_shop(workspace, views=HELD_BACK * 5)
        (line, *_) = workspace.lint("--diff", "--unsafe-fixes", *SELECT).err.splitlines()
        assert line.startswith("5 fixes held back")
        assert line.endswith("(shop/views.py:12 CEL204, shop/views.py:14 CEL204, shop/views.py:16 CEL204 and 2 more).")

    def test_the_exit_code_is_0_when_nothing_is_left(self, workspace: Workspace) -> None:
        lay_shop(workspace, views=SAFE)
        assert workspace.lint("--fix", *SELECT).code == 0
        again = workspace.lint("--fix", *SELECT)
        assert (again.code, again.err) == (0, "No findings in 3 files.\n")

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            (lambda code: code + ")", "the fixed file does not parse: line 13"),
            (lambda code: f"({code})", "it would leave or bring up CEL204 in shop/views.py"),
        ],
    )
    def test_a_wrong_fix_is_an_internal_error_with_a_bug_report(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, wrong: Callable[[str], str], said: str
    ) -> None:
        def replace(change: Any, bridge: Any, imports: Any) -> Splice:
            start, end = bridge.source.offset(change.place.span.start), bridge.source.offset(change.place.span.end)
            return Splice(start, end, wrong(bridge.code((start, end))))

        lay_shop(workspace, views=SAFE, others="def ok():\n    transaction.on_commit(pack.delay(1))  # fine\n")
        before = (workspace.root / "shop" / "views.py").read_bytes()
        honest = changes._replace

        def replace_in_views(change: Any, bridge: Any, imports: Any) -> Splice:
            return (replace if bridge.filename == "shop/views.py" else honest)(change, bridge, imports)

        monkeypatch.setattr(changes, "_replace", replace_in_views)
        outcome = workspace.lint("--fix", *SELECT)
        assert outcome.code == 2
        assert (workspace.root / "shop" / "views.py").read_bytes() == before
        assert "partial(pack.delay, 1)" in (workspace.root / "shop" / "others.py").read_text()
        assert "error: shop/views.py: CEL204 not fixed: internal error: " in outcome.err
        assert said in outcome.err
        report = outcome.err.partition("Please report this at https://github.com/celery-lint/celery-lint/issues")[2]
        assert re.search(r"celery-lint \S+, libcst \S+, Python 3\.", report)
        assert "to be fixed: CEL204" in report
        assert "-        transaction.on_commit(pack.delay(1))\n+        " in report

    def test_what_a_repair_brings_to_light_is_reported(self, workspace: Workspace) -> None:
        """Once the task has a parameter for itself, the row is an argument like any other."""
        task = "\n\n@shared_task(bind=True)\ndef weigh(order: Order):\n    return order.pk\n"
        lay_shop(workspace, views=SAFE + task)
        outcome = workspace.lint("--fix", "--isolated", "--select", "CEL102,CEL204,CEL404")
        assert outcome.code == 1
        assert outcome.err.splitlines()[0] == "Fixed 2 findings in 1 file (1 × CEL204, 1 × CEL404)."
        assert "def weigh(self, order: Order):" in (workspace.root / "shop" / "views.py").read_text()
        assert "CEL102" in outcome.out

    @pytest.mark.parametrize(
        ("files", "repaired", "uncovered"),
        [
            ({"app.py": "@app.task(retries=3)\ndef pack(): ...\n"}, "CEL913", "CEL405"),
            ({"app.py": "app.conf.update(task_time_limt=30, task_soft_time_limit=60)\n"}, "CEL905", "CEL502"),
            ({"app.py": "app.conf.task_always_eagr = True\n"}, "CEL905", "CEL910"),
            (
                {"app.py": "app.conf.beat_schedule = {'a': {'tasks': 'app.pack', 'schedule': 9}}\n"},
                "CEL806",
                "CEL802",
            ),
            (
                {
                    "app.py": "@app.task\ndef pack(): ...\n@app.task(bind=True)\ndef log(self, request, exc, tb): ...\n"
                    "def send():\n    pack.apply_async(link_error=log.delay())\n"
                },
                "CEL702",
                "CEL706",
            ),
            (
                {
                    "app.py": "@app.task(ignore_results=True)\ndef pack(): ...\n",
                    "views.py": "from app import pack\ndef send():\n    return pack.delay().get()\n",
                },
                "CEL913",
                "CEL605",
            ),
        ],
    )
    def test_code_that_takes_effect_may_be_wrong_in_another_way(
        self, workspace: Workspace, files: dict[str, str], repaired: str, uncovered: str
    ) -> None:
        start = "from celery import Celery\napp = Celery('app', broker='redis://h', backend='redis://h')\n"
        workspace.write({**files, "app.py": start + files["app.py"]})
        select = ("--isolated", "--select", f"{repaired},{uncovered}", "--output-format", "concise")
        assert f" {uncovered} " not in workspace.lint(*select).out
        fixed = workspace.lint("--fix", *select)
        assert "internal error" not in fixed.err
        assert (fixed.code, f" {uncovered} " in fixed.out, f" {repaired} " in fixed.out) == (1, True, False)

    def test_limits_beside_an_old_name_are_renamed_with_it(self, workspace: Workspace) -> None:
        app = "from celery import Celery\napp = Celery('app')\napp.config_from_object('settings')\n"
        task = "@app.task\ndef pack():\n    work()\n"
        workspace.write({"app.py": app + task, "settings.py": "CELERY_TASK_SERIALIZER = 'json'\n"})
        outcome = workspace.lint("--fix", "--unsafe-fixes", "--isolated", "--select", "CEL501,CEL906")
        assert (outcome.code, outcome.out) == (0, "")
        settings = (workspace.root / "settings.py").read_text()
        assert settings == "task_serializer = 'json'\ntask_soft_time_limit = 300\ntask_time_limit = 330\n"

    def test_standard_output_holds_the_fixed_source_and_nothing_else(self, workspace: Workspace) -> None:
        lay_shop(workspace)
        text = "\ufeff" + (TASK + SAFE + UNSAFE).replace("\n", "\r\n")
        named = ("--stdin-filename", "shop/views.py", "-")
        outcome = workspace.lint("--fix", *SELECT, *named, stdin=text.encode())
        assert outcome.code == 1
        assert outcome.out == text.replace("on_commit(pack.delay(1))", "on_commit(partial(pack.delay, 1))").replace(
            "\ufefffrom celery", "\ufefffrom functools import partial\r\n\r\nfrom celery"
        )
        broken = "from celery import shared_task\n)\n"
        assert workspace.lint("--fix", *named, stdin=broken).out == broken


@pytest.mark.parametrize(
    ("code", "body"),
    [
        ("CEL205", "def later():\n    transaction.on_commit(lambda: pack.s(  # soon\n        1\n    ))\n"),
        ("CEL402", "@shared_task\ndef add(pk):\n    order = Order.objects.get(pk=pk)\n"
         "    order.total += (\n        1  # one\n        + 1\n    )\n    order.save()\n"),
        ("CEL302", "@shared_task(bind=True)\ndef again(self):\n    try:\n        raise self.retry()\n"
         "    except* Exception:\n        return None\n"),
    ],
)  # fmt: skip
def test_a_fix_that_could_not_be_made_is_not_announced(workspace: Workspace, code: str, body: str) -> None:
    if "except*" in body and sys.version_info < (3, 11):
        pytest.skip("no syntax of this Python")
    lay_shop(workspace, views=body)
    workspace.write({"shop/models.py": MODELS.replace("pass", "total = models.IntegerField()")})
    (found,) = json.loads(workspace.lint("--isolated", "--select", code, "--output-format", "json").out)
    assert (found["code"], found["fix"]) == (code, None)


TAKES_ROW = (
    TASK
    + """
@shared_task
def weigh(order):
    return order.total


def weigh_all():
    weigh.delay(Order.objects.get(pk=1))
"""
)
USES_IT = "from shop.models import Order\nfrom shop.views import weigh\n\n\ndef again():\n"


class TestWhatIsLeftAlone:
    """A repair over several files that would change what the user has set apart is no half repair: it is none."""

    def lint(self, workspace: Workspace, call: str, *options: str, configuration: str = "") -> str:
        workspace.write(
            {
                "shop/__init__.py": "",
                "shop/models.py": MODELS.replace("pass", "total = models.IntegerField()"),
                "shop/views.py": TAKES_ROW,
                "old/__init__.py": "",
                "old/jobs.py": f"{USES_IT}    {call}\n",
                "celery-lint.toml": configuration,
            }
        )
        outcome = workspace.lint("--fix", "--unsafe-fixes", "--select", "CEL101,CEL102", *options, ".")
        is_same = (workspace.root / "shop" / "views.py").read_text() == TAKES_ROW
        assert is_same == ((workspace.root / "old" / "jobs.py").read_text() == f"{USES_IT}    {call}\n")
        assert is_same == ("held back" in outcome.err)
        return outcome.err

    def test_nothing(self, workspace: Workspace) -> None:
        assert "Fixed 3 findings" in self.lint(workspace, "weigh.delay(Order.objects.get(pk=2))")

    @pytest.mark.parametrize("options", [(), ("--force-exclude",)])
    def test_an_excluded_file(self, workspace: Workspace, options: tuple[str, ...]) -> None:
        said = self.lint(workspace, "weigh.delay(Order.objects.get(pk=2))", "--extend-exclude", "old", *options)
        assert "it would change an excluded file" in said

    def test_a_file_in_which_the_rule_is_ignored(self, workspace: Workspace) -> None:
        configuration = '[per-file-ignores]\n"old/*" = ["CEL101"]\n'
        said = self.lint(workspace, "weigh.delay(Order.objects.get(pk=2))", configuration=configuration)
        assert "it would change a file in which the rule is ignored" in said

    def test_a_line_with_a_comment(self, workspace: Workspace) -> None:
        said = self.lint(workspace, "weigh.delay(Order.objects.get(pk=2))  # noqa: CEL101")
        assert "it would change a line where a comment silences the rule" in said


FILES = {
    "my shop/plain.py": TASK + SAFE,
    "my shop/crlf.py": (TASK + SAFE).replace("\n", "\r\n"),
    "my shop/no_newline.py": (TASK + SAFE).rstrip("\n"),
    "my shop/läden.py": TASK + SAFE,
}


def test_git_applies_the_diff(workspace: Workspace) -> None:
    latin = ("# coding: latin-1\n" + TASK + SAFE + "# é\n").encode("latin-1")
    workspace.write({**FILES, "my shop/latin.py": latin})
    outcome = subprocess.run(
        [sys.executable, "-m", "celery_lint", *SELECT, "--diff", "."],
        cwd=workspace.root,
        capture_output=True,
        check=False,
    )
    assert outcome.returncode == 1
    before = {name: (workspace.root / name).read_bytes() for name in [*FILES, "my shop/latin.py"]}
    shutil.rmtree(workspace.root / ".git")
    subprocess.run(["git", "init", "-q"], cwd=workspace.root, check=True)
    subprocess.run(
        ["git", "-c", "core.autocrlf=false", "apply", "-"], cwd=workspace.root, input=outcome.stdout, check=True
    )
    applied = {name: (workspace.root / name).read_bytes() for name in before}
    for name, data in before.items():
        (workspace.root / name).write_bytes(data)
    assert workspace.lint("--fix", *SELECT, ".").code == 0
    assert {name: (workspace.root / name).read_bytes() for name in before} == applied
    assert all(applied[name] != before[name] for name in before)


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links take rights there")
class TestAFileOfTwoNames:
    @pytest.fixture
    def linked(self, workspace: Workspace) -> Workspace:
        lay_shop(workspace, views=SAFE + UNSAFE)
        workspace.write({"lib/views.py": TASK + SAFE + UNSAFE})
        (workspace.root / "shop" / "views.py").unlink()
        (workspace.root / "shop" / "views.py").symlink_to("../lib/views.py")
        return workspace

    @pytest.mark.parametrize("asked", [".", "shop/views.py"])
    def test_it_is_fixed_once_and_the_link_stays(self, linked: Workspace, asked: str) -> None:
        fixed = linked.lint("--fix", "--unsafe-fixes", *SELECT, asked)
        assert (fixed.code, fixed.out) == (0, "")
        text = (linked.root / "lib" / "views.py").read_text()
        assert "partial(pack.delay, 1)" in text
        assert "partial(pack.delay, 3)" in text
        assert (linked.root / "shop" / "views.py").is_symlink()

    def test_the_diff_has_it_once(self, linked: Workspace) -> None:
        diff = linked.lint("--diff", *SELECT, ".").out
        assert [line for line in diff.splitlines() if line.startswith("+++")] == ["+++ b/lib/views.py"]

    def test_its_comments_are_added_once(self, linked: Workspace) -> None:
        outcome = linked.lint("--add-noqa", *SELECT, ".")
        assert (outcome.code, outcome.err) == (0, "Added 2 suppressions in 1 file.\nNo findings in 4 files.\n")
        assert (linked.root / "lib" / "views.py").read_text().count("# noqa: CEL") == 2


# Edits, as an editor applies them


def json_edits(workspace: Workspace, *arguments: str) -> Iterator[dict[str, list[Edit]]]:
    """The edits of each fix in the JSON that may be applied, by file."""
    for finding in json.loads(workspace.lint("--output-format", "json", *arguments).out):
        by_file: dict[str, list[Edit]] = {}
        fix = finding["fix"] or {"applicability": "", "edits": []}
        for edit in fix["edits"] if fix["applicability"] != "display" else ():
            start, end = (Position(**edit[key]) for key in ("location", "end_location"))
            name = edit.get("filename", finding["filename"])
            by_file.setdefault(name, []).append(Edit(name, Span(start, end), edit["content"]))
        yield by_file


def sarif_edits(workspace: Workspace, *arguments: str) -> Iterator[dict[str, list[Edit]]]:
    """The replacements of each fix in the SARIF that may be applied, by file."""
    (run,) = json.loads(workspace.lint("--output-format", "sarif", *arguments).out)["runs"]
    assert run["columnKind"] == "unicodeCodePoints"
    for result in run["results"]:
        by_file: dict[str, list[Edit]] = {}
        for fix in result.get("fixes", []):
            is_shown_only = fix["properties"]["applicability"] == "display"
            for change in fix["artifactChanges"] if not is_shown_only else ():
                name = unquote(change["artifactLocation"]["uri"])
                for each in change["replacements"]:
                    region = each["deletedRegion"]
                    span = Span(
                        Position(region["startLine"], region["startColumn"]),
                        Position(region["endLine"], region["endColumn"]),
                    )
                    by_file.setdefault(name, []).append(Edit(name, span, each["insertedContent"]["text"]))
        yield by_file


@pytest.mark.parametrize("format_edits", [json_edits, sarif_edits])
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
# In a file that cannot be parsed there is nothing to edit.
@pytest.mark.parametrize("example", [each for each in examples() if each.code != "CEL001"], ids=str)
def test_an_editor_that_applies_the_edits_gets_what_fix_makes(
    workspace: Workspace,
    example: Example,
    newline: str,
    format_edits: Callable[..., Iterator[dict[str, list[Edit]]]],
) -> None:
    path = lay_out(workspace.root, "# é\n" + example.bad, example.module)
    path.write_bytes(path.read_bytes().replace(b"\n", newline.encode()))
    before = {each: each.read_bytes() for each in workspace.root.rglob("*.py")}
    arguments = ("--isolated", "--select", example.code, ".")
    for _ in range(20):
        by_file = next((edits for edits in format_edits(workspace, *arguments) if edits), {})
        for name, edits in by_file.items():
            target = Path(name)
            target.write_bytes(made(target.read_bytes(), edits))
        if not by_file:
            break
    edited = {each: each.read_bytes() for each in before}
    for each, data in before.items():
        each.write_bytes(data)
    workspace.lint("--fix", "--unsafe-fixes", *arguments)
    assert {each: each.read_bytes() for each in before} == edited
    ast.parse(path.read_bytes())
