"""`--add-noqa`: the next run is clean, and the code is the same."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import SWALLOWING_TASK, Workspace

FIXTURES = Path(__file__).parents[1] / "fixtures"
# What the linter says of its own work, CEL001 and CEL002, is not for comments to silence.
BAD = sorted(
    path for path in FIXTURES.glob("*/bad*") if ".fixed" not in path.name and not path.parent.name.startswith("CEL0")
)
HEAD = (
    "from celery import shared_task\nfrom shop.models import Order\n\n\n@shared_task\ndef pack(*a):\n    return a\n\n\n"
)
MODELS = "from django.db import models\n\n\nclass Order(models.Model):\n    pass\n"
ROW = "Order.objects.get(pk=1)"


def silenced(workspace: Workspace, body: str, *arguments: str, encoding: str = "utf-8") -> str:
    """What becomes of a module with findings of CEL101, which the next run must not report any more."""
    before = HEAD + body
    path = workspace.root / "shop" / "views.py"
    workspace.write({"shop/__init__.py": "", "shop/models.py": MODELS, "shop/views.py": before.encode(encoding)})
    select = ("--select", "CEL101", "--isolated", "shop")
    assert workspace.lint(*select).code == 1
    done = workspace.lint(*(arguments or ("--add-noqa",)), *select)
    assert done.code == 0, done.err
    assert workspace.lint(*select).code == 0
    after = path.read_bytes().decode(encoding)
    assert ast.dump(ast.parse(before)) == ast.dump(ast.parse(after))
    # It is said how many were added, and CEL002 finds none of them idle.
    assert re.search(r"^Added \d+ suppressions? in 1 file\.$", done.err, re.MULTILINE)
    assert workspace.lint("--select", "CEL101,CEL002", "--isolated", "shop").code == 0
    return after.removeprefix(HEAD)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"pack.delay({ROW})\n", f"pack.delay({ROW})  # noqa: CEL101\n"),
        (f"pack.delay({ROW})", f"pack.delay({ROW})  # noqa: CEL101"),
        (f"pack.delay({ROW})   \r\nx = 1\r\n", f"pack.delay({ROW})  # noqa: CEL101\r\nx = 1\r\n"),
        (f"pack.delay({ROW})  # why\n", f"pack.delay({ROW})  # why  # noqa: CEL101\n"),
        (f"pack.delay({ROW})  # noqa: E501\n", f"pack.delay({ROW})  # noqa: E501, CEL101\n"),
        (f"pack.delay({ROW})  # noqa: E501 long\n", f"pack.delay({ROW})  # noqa: E501, CEL101 long\n"),
        (
            f"pack.delay({ROW})  # celery-lint: ignore[CEL202] known\n",
            f"pack.delay({ROW})  # celery-lint: ignore[CEL202, CEL101] known\n",
        ),
        (f"pack.delay({ROW})  # celery-lint: ignore[]\n", f"pack.delay({ROW})  # celery-lint: ignore[CEL101]\n"),
        # The line goes on in a string, or after a backslash.
        (f'pack.delay({ROW}, """\n""")\n', f'pack.delay({ROW}, """\n""")  # noqa: CEL101\n'),
        (
            f'pack.delay(1, {ROW}, f"""\n{{1}}""",\n  2)\n',
            f'pack.delay(1, {ROW}, f"""\n{{1}}""",  # noqa: CEL101\n  2)\n',
        ),
        (
            f'pack.delay(\n  {ROW}, """\n  """,\n  2)\n',
            f'pack.delay(\n  {ROW}, """\n  """,  # noqa: CEL101\n  2)\n',
        ),
        (f"pack.delay({ROW}) \\\n  or 1\n", f"pack.delay({ROW}) \\\n  or 1  # noqa: CEL101\n"),
        (f"pack.delay({ROW}); pack.delay({ROW})\n", f"pack.delay({ROW}); pack.delay({ROW})  # noqa: CEL101\n"),
        (f"if 1: pack.delay({ROW})\n", f"if 1: pack.delay({ROW})  # noqa: CEL101\n"),
        (f"é = pack.delay({ROW}), 'ü'\n", f"é = pack.delay({ROW}), 'ü'  # noqa: CEL101\n"),
        (
            f"pack.delay(\n    {ROW},\n    {ROW},\n)\n",
            f"pack.delay(\n    {ROW},  # noqa: CEL101\n    {ROW},  # noqa: CEL101\n)\n",
        ),
        (f"\f\npack.delay({ROW})\f\n", f"\f\npack.delay({ROW})  # noqa: CEL101\n"),
    ],
)
def test_the_comment_stands_where_it_counts(workspace: Workspace, before: str, after: str) -> None:
    assert silenced(workspace, before) == after


def test_a_reason_makes_it_a_comment_of_our_own_form(workspace: Workspace) -> None:
    before = (
        f"pack.delay({ROW})  # noqa: E501\npack.delay({ROW})\npack.delay({ROW})  # celery-lint: ignore[CEL202] ok\n"
    )
    assert silenced(workspace, before, "--add-noqa=legacy # code") == (
        f"pack.delay({ROW})  # noqa: E501  # celery-lint: ignore[CEL101] legacy code\n"
        f"pack.delay({ROW})  # celery-lint: ignore[CEL101] legacy code\n"
        f"pack.delay({ROW})  # celery-lint: ignore[CEL202, CEL101] ok\n"
    )


def test_the_next_word_is_a_path_and_no_reason(workspace: Workspace) -> None:
    workspace.write({"shop/views.py": HEAD + f"pack.delay({ROW})\n", "other.py": HEAD + f"pack.delay({ROW})\n"})
    assert workspace.lint("--isolated", "--select", "CEL101", "--add-noqa", "shop").code == 0
    assert (workspace.root / "shop" / "views.py").read_text().endswith("  # noqa: CEL101\n")
    assert "noqa" not in (workspace.root / "other.py").read_text()
    mistyped = workspace.lint("--add-noqa", "shpo")
    assert mistyped.code == 2
    assert "shpo" in mistyped.err


def test_a_file_in_another_encoding_keeps_it(workspace: Workspace) -> None:
    head = "# -*- coding: latin-1 -*-\n"
    workspace.write({"a.py": (head + SWALLOWING_TASK + "# é\n").encode("latin-1")})
    cannot = workspace.lint("--isolated", "--select", "CEL301", "--add-noqa=€", "a.py")
    assert cannot.code == 2
    assert "a.py: no comment added: iso-8859-1 cannot say it" in cannot.err
    assert workspace.lint("--isolated", "--select", "CEL301", "--add-noqa=für", "a.py").code == 0
    after = (workspace.root / "a.py").read_bytes().decode("latin-1")
    assert after == (head + SWALLOWING_TASK + "# é\n").replace(
        "Exception:", "Exception:  # celery-lint: ignore[CEL301] für"
    )


def test_what_a_comment_cannot_silence_is_still_reported(workspace: Workspace) -> None:
    workspace.write({"broken.py": "from celery import x\n)\n", "idle.py": "import celery  # noqa: CEL101\n"})
    done = workspace.lint("--isolated", "--select", "ALL", "--add-noqa", "--output-format", "concise", ".")
    assert done.code == 1
    assert [line.split(" ")[1] for line in done.lines] == ["CEL001", "CEL002"]
    assert (workspace.root / "idle.py").read_text() == "import celery  # noqa: CEL101\n"
    assert "Added" not in done.err


def test_with_fix_only_what_is_left_is_silenced(workspace: Workspace) -> None:
    body = (
        "from django.db import transaction\n\n\ndef ship():\n    with transaction.atomic():\n"
        "        transaction.on_commit(pack.delay(1))\n        print(1)  # noqa: CEL101\n"
        f"    pack.delay({ROW})\n"
    )
    workspace.write({"shop/__init__.py": "", "shop/models.py": MODELS, "shop/views.py": HEAD + body})
    done = workspace.lint("--isolated", "--select", "CEL002,CEL101,CEL204", "--fix", "--add-noqa", "shop")
    assert done.code == 0, done.err
    after = (workspace.root / "shop" / "views.py").read_text()
    assert "transaction.on_commit(partial(pack.delay, 1))\n        print(1)\n" in after
    assert after.endswith(f"    pack.delay({ROW})  # noqa: CEL101\n")


def test_standard_input_goes_on_with_its_comments(workspace: Workspace) -> None:
    done = workspace.lint("--isolated", "--select", "CEL301", "--add-noqa", "-", stdin=SWALLOWING_TASK)
    assert done.out == SWALLOWING_TASK.replace("except Exception:", "except Exception:  # noqa: CEL301")
    assert done.code == 0


@pytest.mark.parametrize("project", BAD, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_next_run_over_a_project_is_clean(workspace: Workspace, project: Path) -> None:
    """CEL002 is on in the next run: no comment is idle."""
    if project.is_dir():
        shutil.copytree(project, workspace.root, dirs_exist_ok=True)
    else:
        shutil.copy(project, workspace.root)
    before = {path: ast.dump(ast.parse(path.read_bytes())) for path in workspace.root.rglob("*.py")}
    assert workspace.lint("--isolated", "--select", "ALL", "--ignore", "CEL002", "--add-noqa=known", ".").code == 0
    assert workspace.lint("--isolated", "--select", "ALL", ".").code == 0
    assert {path: ast.dump(ast.parse(path.read_bytes())) for path in before} == before
