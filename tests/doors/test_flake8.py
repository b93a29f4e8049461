"""flake8 with the plugin, as its users run it."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import re

import pytest

from celery_lint.engine import Engine
from celery_lint.flake8_plugin import Plugin
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

    def test_a_wrong_one_is_told_before_flake8_starts_processes(self, workspace: Workspace) -> None:
        # A pool that is ended while its processes work sometimes waits forever.
        workspace.write({"pyproject.toml": '[tool.celery-lint]\nselct = ["CEL301"]\n'})
        without_pools = "import multiprocessing.pool as m; m.Pool = None; from flake8.main.cli import main as flake8; "
        outcome = workspace.python("-c", f"{without_pools}raise SystemExit(flake8(['-j', '2']))")
        assert (outcome.code, outcome.err) == (1, "")
        assert "unknown key `selct`" in outcome.out

    def test_a_wrong_one_of_files_that_flake8_excludes_does_not_matter(self, workspace: Workspace) -> None:
        workspace.write({"vendor/pyproject.toml": "[tool.celery-lint]\nselct = 1\n", "vendor/x.py": SWALLOWING_TASK})
        outcome = flake8(workspace, "-j", "2", "--select", "CEL301", options="exclude = vendor")
        assert codes(outcome) == ["CEL301"] * 3


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

    def test_it_does_not_stand_for_a_file_of_its_name_that_is_checked_too(self, workspace: Workspace) -> None:
        arguments = ("--select", "CEL301", "-", "shop/a.py", "--stdin-display-name", "shop/a.py")
        assert codes(flake8(workspace, *arguments, stdin="x = 1\n")) == ["CEL301"]

    def test_without_a_name(self, workspace: Workspace) -> None:
        outcome = flake8(workspace, "--select", "CEL301", "-", stdin=SWALLOWING_TASK)
        assert outcome.out.startswith("stdin:8:5: CEL301 ")


@pytest.mark.skipif(not IS_INSTALLED, reason="celery-lint is not installed here")
def test_flake8_names_the_plugin_in_its_version() -> None:
    (point,) = (point for point in importlib.metadata.entry_points(group="flake8.extension") if point.name == "CEL")
    assert point.load().__name__ == "Plugin"


class TestCache:
    """What flake8's run found is kept, whichever of its processes saw which file."""

    @pytest.fixture(autouse=True)
    def old(self, workspace: Workspace) -> None:
        for path in workspace.root.rglob("*.py"):
            os.utime(path, (1_700_000_000, 1_700_000_000))

    def needs_engine(self, workspace: Workspace, *arguments: str) -> bool:
        """Whether a run of flake8 in one process has to look into any file."""
        script = (
            "import sys\n"
            "from flake8.main.cli import main\n"
            f"main({['--select', 'CEL', '--jobs', '1', *arguments]!r})\n"
            "print(*sys.modules, file=sys.stderr)\n"
        )
        modules = workspace.python("-c", script).err.split()
        assert "celery_lint.cache" in modules
        return "celery_lint.engine" in modules

    @pytest.mark.parametrize("jobs", ["1", "2"])
    def test_the_next_run_looks_into_nothing(self, workspace: Workspace, jobs: str) -> None:
        first = flake8(workspace, "--select", "CEL", "-j", jobs)
        assert codes(first).count("CEL301") == 3
        assert not self.needs_engine(workspace)
        assert flake8(workspace, "--select", "CEL", "-j", jobs) == first

    def test_the_command_and_flake8_keep_one_for_both(self, workspace: Workspace) -> None:
        flake8(workspace, "--select", "CEL")
        (kept,) = (workspace.root / ".celery_lint_cache").glob("*.json")
        workspace.lint()
        assert list((workspace.root / ".celery_lint_cache").glob("*.json")) == [kept]

    def test_a_run_over_one_file_drops_nothing_of_the_others(self, workspace: Workspace) -> None:
        flake8(workspace, "--select", "CEL")
        workspace.write({"shop/models.py": "x = 2\n"})
        assert codes(flake8(workspace, "--select", "CEL301", "shop/models.py")) == []
        assert not self.needs_engine(workspace)
        assert codes(flake8(workspace, "--select", "CEL301")) == ["CEL301"] * 3

    @pytest.mark.parametrize("jobs", ["1", "2"])
    def test_a_change_is_seen(self, workspace: Workspace, jobs: str) -> None:
        view = f"{SWALLOWING_TASK}\n\ndef view(request):\n    charge.delay(VALUE)\n"
        workspace.write({"shop/views.py": view.replace("VALUE", "request.user")})
        assert codes(flake8(workspace, "--select", "CEL101", "-j", jobs)) == ["CEL101"]
        workspace.write({"shop/views.py": view.replace("VALUE", "request.user.pk")})
        assert codes(flake8(workspace, "--select", "CEL101", "-j", jobs)) == []

    def test_standard_input_is_not_kept(self, workspace: Workspace) -> None:
        flake8(workspace, "--select", "CEL", "-", "--stdin-display-name", "shop/a.py", stdin="x = 1\n")
        assert not (workspace.root / ".celery_lint_cache").exists()

    def test_processes_that_know_nothing_of_the_first_one(self, workspace: Workspace) -> None:
        """As on systems that do not fork."""
        workspace.write(
            {
                "spawned.py": """
                    import multiprocessing, sys
                    from flake8.main.cli import main
                    if __name__ == "__main__":
                        multiprocessing.set_start_method("spawn")
                        main(sys.argv[1:])
                """
            }
        )
        expected = flake8(workspace, "--select", "CEL", "-j", "2", "shop")
        assert codes(expected).count("CEL301") == 3
        spawned = workspace.python("spawned.py", "--select", "CEL", "-j", "2", "shop")
        assert (spawned.out, spawned.err) == (expected.out, expected.err)


class TestWhatIsNotFoundAhead:
    OPTIONS = argparse.Namespace(
        select=None,
        extend_select=None,
        stdin_display_name="stdin",
        filenames=["shop"],
        disable_noqa=False,
        jobs=argparse.Namespace(is_auto=False, n_jobs=1),
    )

    def test_a_process_that_flake8_started_finds_what_it_is_asked_for(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        checked = []
        check = Engine._check

        def note(engine: Engine, filename: str) -> object:
            checked.append(filename)
            return check(engine, filename)

        workspace.write({"celery-lint.toml": ""})
        monkeypatch.setattr(Engine, "_check", note)
        Plugin.parse_options(self.OPTIONS)
        assert set(checked) == {f"shop/{name}.py" for name in ("__init__", "a", "b", "c", "models")}
        checked.clear()
        (workspace.root / "shop/a.py").write_text("x = 1\n")
        monkeypatch.setattr("multiprocessing.parent_process", lambda: "the first one")
        Plugin.parse_options(self.OPTIONS)
        assert list(Plugin(None, "shop/a.py", []).run()) == []
        assert checked == ["shop/a.py"]

    def test_files_that_git_ignores_are_flake8s_to_name(self, workspace: Workspace) -> None:
        workspace.write({".gitignore": "b.py\n"})
        assert codes(flake8(workspace, "--select", "CEL")).count("CEL301") == 3

    def test_an_excluded_file_is_not_reported_though_it_is_named(self, workspace: Workspace) -> None:
        workspace.write({"celery-lint.toml": 'exclude = ["b.py"]\n'})
        outcome = flake8(workspace, "--select", "CEL301", "shop/a.py", "shop/b.py")
        assert codes(outcome) == ["CEL301"]

    def test_a_file_on_which_the_linter_fails(self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        check = Engine.check

        def fail(engine: Engine, filename: str) -> object:
            if filename == "shop/b.py":
                raise RuntimeError("broken")
            return check(engine, filename)

        monkeypatch.setattr(Engine, "check", fail)
        Plugin.parse_options(self.OPTIONS)
        assert "CEL301" in [text[:6] for _, _, text, _ in Plugin(None, "shop/a.py", []).run()]
        with pytest.raises(RuntimeError, match="broken"):
            list(Plugin(None, "shop/b.py", []).run())
