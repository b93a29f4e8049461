"""flake8 with the plugin, as its users run it."""

from __future__ import annotations

import importlib.metadata
import re

import pytest

from tests.conftest import SWALLOWING_TASK, Outcome, Workspace

IS_INSTALLED = any(point.name == "CEL" for point in importlib.metadata.entry_points(group="flake8.extension"))
LOCAL_PLUGIN = "[flake8:local-plugins]\nextension =\n    CEL = celery_lint.flake8_plugin:Plugin\n"


@pytest.fixture(autouse=True)
def project(workspace: Workspace) -> None:
    """A project of several files, so that flake8 shares them out among its processes."""
    workspace.write({"manage.py": "", "shop/__init__.py": "", "shop/models.py": "x = 1\n"})
    for name in ("a", "b", "c"):
        workspace.write({f"shop/{name}.py": f"import os\n{SWALLOWING_TASK}"})


def flake8(workspace: Workspace, *arguments: str, options: str = "", stdin: str = "") -> Outcome:
    plugin = "" if IS_INSTALLED else LOCAL_PLUGIN
    workspace.write({".flake8": f"[flake8]\n{options}\n{plugin}"})
    return workspace.python("-m", "flake8", *arguments, stdin=stdin.encode())


def codes(outcome: Outcome) -> list[str]:
    """The codes of ours that flake8 printed; it must not have failed."""
    assert outcome.err == ""
    return re.findall(r": (CEL\d+) ", outcome.out)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_the_findings_are_those_of_the_command(workspace: Workspace, jobs: str) -> None:
    ours = workspace.python("-m", "celery_lint", "--output-format", "concise", ".")
    theirs = flake8(workspace, "--select", "CEL", "-j", jobs)
    assert theirs.code == 1
    assert theirs.err == ""
    expected = [line.replace(" [*] ", " ") for line in ours.lines]
    assert sorted(line.removeprefix("./") for line in theirs.lines) == sorted(expected)
    assert sum("CEL301" in line for line in expected) == 3


def test_other_checks_go_on_beside_it(workspace: Workspace) -> None:
    outcome = flake8(workspace, "shop/a.py")
    assert "shop/a.py:1:1: F401 'os' imported but unused" in outcome.lines
    assert any(line.startswith("shop/a.py:9:5: CEL301 ") for line in outcome.lines)


class TestOptIn:
    """CEL002 is such a rule."""

    @pytest.fixture(autouse=True)
    def unused(self, workspace: Workspace) -> None:
        workspace.write({"shop/models.py": "x = 1  # noqa: CEL301\n"})

    @pytest.mark.parametrize(
        ("arguments", "options"),
        [((), ""), ((), "ignore ="), (("--select", "CEL"), ""), (("--extend-select", "CEL0"), "")],
    )
    def test_off_unless_named(self, workspace: Workspace, arguments: tuple[str, ...], options: str) -> None:
        assert codes(flake8(workspace, *arguments, "shop/models.py", options=options)) == []

    @pytest.mark.parametrize(
        ("arguments", "options"),
        [
            (("--select", "CEL002"), ""),
            (("--extend-select", "CEL002"), ""),
            ((), "extend-select = CEL002"),
            ((), "select = E,CEL002"),
        ],
    )
    def test_on_when_flake8_is_told_the_code(
        self, workspace: Workspace, arguments: tuple[str, ...], options: str
    ) -> None:
        assert codes(flake8(workspace, *arguments, "shop/models.py", options=options)) == ["CEL002"]

    def test_on_when_the_configuration_selects_it(self, workspace: Workspace) -> None:
        workspace.write({"pyproject.toml": '[tool.celery-lint]\nextend-select = ["CEL002"]\n'})
        assert codes(flake8(workspace, "shop/models.py")) == ["CEL002"]


class TestConfiguration:
    def test_it_holds(self, workspace: Workspace) -> None:
        workspace.write(
            {
                "pyproject.toml": '[tool.celery-lint]\nselect = ["CEL301"]\nextend-exclude = ["b.py"]\n'
                '[tool.celery-lint.per-file-ignores]\n"shop/c.py" = ["CEL3"]\n'
            }
        )
        outcome = flake8(workspace, "--select", "CEL", "shop")
        assert [line.split(":")[0] for line in outcome.lines] == ["shop/a.py"]

    @pytest.mark.parametrize("jobs", ["1", "2"])
    def test_a_wrong_one_is_told_without_a_traceback(self, workspace: Workspace, jobs: str) -> None:
        workspace.write({"pyproject.toml": '[tool.celery-lint]\nselct = ["CEL301"]\n'})
        outcome = flake8(workspace, "-j", jobs)
        assert outcome.code == 1
        assert "unknown key `selct`; did you mean 'select'?" in outcome.out + outcome.err
        assert "Traceback" not in outcome.err


class TestComments:
    @pytest.mark.parametrize("comment", ["# noqa: CEL301", "# celery-lint: ignore[CEL301] the gateway retries"])
    def test_both_forms_count(self, workspace: Workspace, comment: str) -> None:
        text = SWALLOWING_TASK.replace("except Exception:", f"except Exception:  {comment}")
        workspace.write({"shop/a.py": text})
        assert codes(flake8(workspace, "--select", "CEL301", "shop/a.py")) == []

    def test_noqa_can_be_disabled(self, workspace: Workspace) -> None:
        text = SWALLOWING_TASK.replace("except Exception:", "except Exception:  # noqa")
        workspace.write({"shop/a.py": text})
        assert codes(flake8(workspace, "--select", "CEL301", "--disable-noqa", "shop/a.py")) == ["CEL301"]


class TestStandardInput:
    def test_it_comes_before_what_is_on_disk(self, workspace: Workspace) -> None:
        arguments = ("--select", "CEL301", "-", "--stdin-display-name", "shop/a.py")
        assert codes(flake8(workspace, *arguments, stdin="x = 1\n")) == []
        outcome = flake8(workspace, *arguments, stdin=f"# é\n\n{SWALLOWING_TASK}")
        assert outcome.out.startswith("shop/a.py:10:5: CEL301 ")

    def test_without_a_name(self, workspace: Workspace) -> None:
        outcome = flake8(workspace, "--select", "CEL301", "-", stdin=SWALLOWING_TASK)
        assert outcome.out.startswith("stdin:8:5: CEL301 ")


@pytest.mark.skipif(not IS_INSTALLED, reason="celery-lint is not installed here")
def test_flake8_names_the_plugin_in_its_version() -> None:
    (point,) = (point for point in importlib.metadata.entry_points(group="flake8.extension") if point.name == "CEL")
    assert point.load().__name__ == "Plugin"
