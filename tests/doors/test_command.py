"""The command as its users call it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from celery_lint import __version__
from celery_lint.rules.registry import all_rules
from tests.conftest import SWALLOWING_TASK, Workspace

SELECT = ("--select", "CEL301")
TWO_TASKS = SWALLOWING_TASK + SWALLOWING_TASK.partition("\n")[2].replace("charge", "refund")


@pytest.fixture(autouse=True)
def project(workspace: Workspace) -> None:
    """A project with one finding, CEL301 in tasks.py at row 8."""
    workspace.write({"manage.py": "", "shop/tasks.py": SWALLOWING_TASK, "shop/views.py": "x = 1\n"})


class TestReporting:
    def test_findings_end_with_1_and_their_absence_with_0(self, workspace: Workspace) -> None:
        assert workspace.lint(*SELECT).code == 1
        assert workspace.lint(*SELECT, "shop/views.py").code == 0
        assert workspace.lint(*SELECT, "--exit-zero").code == 0

    def test_concise_is_one_line_a_finding(self, workspace: Workspace) -> None:
        outcome = workspace.lint(*SELECT, "--output-format", "concise")
        assert re.fullmatch(r"shop/tasks\.py:8:5: CEL301 .+\n", outcome.out)
        assert outcome.err.startswith("1 finding in 3 files.\n")

    def test_quiet_prints_findings_only(self, workspace: Workspace) -> None:
        assert workspace.lint(*SELECT, "-q").err == ""
        assert workspace.lint(*SELECT, "-q", "shop/views.py").out == ""

    def test_code_is_quoted_without_its_comments(self, workspace: Workspace) -> None:
        code = "\ndef run():\n    chain(  # first\n        work.s(),\n        work.s(),\n    )\n"
        tasks = "from celery import chain, shared_task\n\n\n@shared_task\ndef work(result=None): ...\n\n"
        workspace.write({"shop/run.py": tasks + code})
        assert "`chain(work.s(), work.s())` is built" in workspace.lint("--select", "CEL701").out

    def test_full_shows_the_line_and_what_it_is_about(self, workspace: Workspace) -> None:
        lines = workspace.lint(*SELECT).lines
        assert lines[0].startswith("shop/tasks.py:8:5: CEL301 ")
        assert "8 |     except Exception:" in lines
        caret = lines[lines.index("8 |     except Exception:") + 1]
        assert re.fullmatch(r"  \|     \^+", caret)

    def test_json_is_as_promised(self, workspace: Workspace) -> None:
        outcome = workspace.lint(*SELECT, "--output-format", "json")
        (finding,) = json.loads(outcome.out)
        assert finding.keys() == {
            *("code", "name", "severity", "message", "filename", "location", "end_location"),
            *("related", "fix", "noqa_row", "url"),
        }
        assert (finding["code"], finding["name"], finding["severity"]) == (
            "CEL301",
            "swallowed-exception",
            "warning",
        )
        assert finding["filename"] == "shop/tasks.py"
        assert finding["location"] == {"row": 8, "column": 5}
        assert finding["noqa_row"] == 8
        assert finding["url"].endswith("/docs/rules/CEL301.md")
        assert json.loads(workspace.lint("shop/views.py", "--output-format", "json").out) == []

    def test_the_edits_in_json_are_those_that_fix_makes(self, workspace: Workspace) -> None:
        workspace.write({"shop/tasks.py": "import os\n\nos.getpid()  # noqa: CEL301, E501\n"})
        (finding,) = json.loads(workspace.lint("--select", "CEL002,CEL301", "--output-format", "json").out)
        (edit,) = finding["fix"].pop("edits")
        assert finding["fix"]["applicability"] == "safe"
        line = "os.getpid()  # noqa: CEL301, E501"
        start, end = edit["location"]["column"] - 1, edit["end_location"]["column"] - 1
        assert line[:start] + edit["content"] + line[end:] == "os.getpid()  # noqa: E501"

    def test_github_annotates_the_line(self, workspace: Workspace) -> None:
        out = workspace.lint(*SELECT, "--output-format", "github").out
        assert re.match(
            r"::warning title=celery-lint \(CEL301\),file=shop/tasks\.py,line=8,col=5,endLine=8,"
            r"endColumn=\d+::shop/tasks\.py:8:5: CEL301 ",
            out,
        )

    def test_the_format_may_be_configured_and_the_option_wins(self, workspace: Workspace) -> None:
        workspace.write({"celery-lint.toml": 'output-format = "json"\nselect = ["CEL301"]\n'})
        assert json.loads(workspace.lint().out)
        assert workspace.lint("--output-format", "github").out.startswith("::warning")

    def test_statistics_count_by_rule(self, workspace: Workspace) -> None:
        workspace.write({"shop/more.py": TWO_TASKS})
        assert workspace.lint(*SELECT, "--statistics").out == "3  CEL301  swallowed-exception\n"
        counted = json.loads(workspace.lint(*SELECT, "--statistics", "--output-format", "json").out)
        assert counted == [{"code": "CEL301", "name": "swallowed-exception", "count": 3}]

    def test_the_output_file_has_the_findings(self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")
        outcome = workspace.lint(*SELECT, "--output-format", "concise", "--output-file", "found.txt")
        assert (outcome.code, outcome.out) == (1, "")
        assert Path("found.txt").read_text().startswith("shop/tasks.py:8:5: CEL301 ")
        assert workspace.lint(*SELECT, "--output-file", "no/such/folder.txt").code != 0

    def test_order_is_by_path_row_and_column(self, workspace: Workspace) -> None:
        workspace.write({"shop/a.py": TWO_TASKS, "a/tasks.py": SWALLOWING_TASK, "libs/b/setup.py": SWALLOWING_TASK})
        outcome = workspace.lint(*SELECT, "--output-format", "concise", "shop", "libs", "a")
        assert [line.partition(": ")[0] for line in outcome.lines] == [
            *(
                "a/tasks.py:8:5",
                "libs/b/setup.py:8:5",
                "shop/a.py:8:5",
                "shop/a.py:16:5",
                "shop/tasks.py:8:5",
            ),
        ]

    def test_paths_are_as_seen_from_the_working_directory(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.chdir("shop")
        assert workspace.lint(*SELECT, "--output-format", "concise").out.startswith("tasks.py:8:5:")
        away = tmp_path / "away"
        away.mkdir()
        monkeypatch.chdir(away)
        out = workspace.lint(*SELECT, "--output-format", "concise", str(workspace.root / "shop")).out
        assert out.startswith((workspace.root / "shop/tasks.py").as_posix())

    def test_colours_are_for_terminals_unless_the_environment_says_otherwise(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("NO_COLOR", raising=False)
        assert "\x1b[" not in workspace.lint(*SELECT).out
        monkeypatch.setenv("FORCE_COLOR", "1")
        assert "\x1b[" in workspace.lint(*SELECT).out
        monkeypatch.setenv("NO_COLOR", "1")
        assert "\x1b[" not in workspace.lint(*SELECT).out


class TestChoosing:
    def test_rules(self, workspace: Workspace) -> None:
        assert "CEL301" not in workspace.lint("--ignore", "CEL3").out
        assert "CEL301" in workspace.lint("--ignore", "CEL3", "--extend-select", "CEL301").out
        assert workspace.lint("--select", "CEL301", "--select", "CEL1,CEL2").code == 1

    def test_an_unknown_code_is_refused_with_the_nearest(self, workspace: Workspace) -> None:
        outcome = workspace.lint("--select", "CEL3O1")
        assert outcome.code == 2
        assert "unknown code 'CEL3O1'; did you mean 'CEL301'?" in outcome.err

    def test_per_file_ignores(self, workspace: Workspace) -> None:
        assert workspace.lint(*SELECT, "--per-file-ignores", "shop/*:CEL101,CEL3").code == 0
        assert workspace.lint(*SELECT, "--per-file-ignores", "views.py:CEL3").code == 1
        assert workspace.lint(*SELECT, "--per-file-ignores", "CEL3").code == 2

    @pytest.mark.parametrize("option", ["--exclude", "--extend-exclude"])
    def test_excluding_by_option(self, workspace: Workspace, option: str) -> None:
        assert workspace.lint(*SELECT, option, "shop").code == 0

    def test_excluding(self, workspace: Workspace) -> None:
        assert workspace.lint(*SELECT, "--exclude", "tasks.py,other").code == 0
        assert workspace.lint(*SELECT, "--exclude", "tasks.py", "shop/tasks.py").code == 1
        assert workspace.lint(*SELECT, "--exclude", "tasks.py", "--force-exclude", "shop/tasks.py").code == 0

    def test_configuration_files(self, workspace: Workspace) -> None:
        workspace.write(
            {"pyproject.toml": '[tool.celery-lint]\nignore = ["CEL"]\n', "other.toml": 'select = ["CEL301"]'}
        )
        assert workspace.lint().code == 0
        assert workspace.lint("--isolated").code == 1
        assert workspace.lint("--config", "other.toml").code == 1
        assert workspace.lint("--isolated", "--config", "other.toml").code == 2
        missing = workspace.lint("--config", "missing.toml")
        assert (missing.code, len(missing.err.splitlines())) == (2, 1)

    def test_show_files_and_settings(self, workspace: Workspace) -> None:
        assert workspace.lint("--show-files", "--exclude", "views.py").lines == ["manage.py", "shop/tasks.py"]
        shown = workspace.lint("--show-settings", *SELECT, "--exclude", "gen").lines
        assert f"# {workspace.root}" in shown
        assert 'rules = ["CEL001", "CEL301"]' in shown
        assert 'extend-exclude = ["gen"]' in shown

    @pytest.mark.parametrize(
        "arguments",
        [("--fix", "--diff"), ("--unsafe-fixes",), ("-", "shop"), ("--output-format", "yaml"), ("--no",)],
    )
    def test_wrong_usage(self, workspace: Workspace, arguments: tuple[str, ...]) -> None:
        outcome = workspace.lint(*arguments)
        assert outcome.code == 2
        assert outcome.err.startswith("Usage:")


class TestStandardInput:
    def test_it_is_checked_as_the_file_that_it_is_named_after(self, workspace: Workspace) -> None:
        workspace.write({"shop/tasks.py": ""})
        arguments = (*SELECT, "--output-format", "concise", "-")
        named = workspace.lint(*arguments, "--stdin-filename", "shop/tasks.py", stdin=SWALLOWING_TASK)
        assert named.out.startswith("shop/tasks.py:8:5: CEL301 ")
        assert workspace.lint(*arguments, stdin=SWALLOWING_TASK).out.startswith("stdin.py:8:5: CEL301 ")
        assert workspace.lint(*arguments, stdin="x = 1\n").code == 0

    def test_a_file_that_is_excluded_stays_so(self, workspace: Workspace) -> None:
        arguments = (
            *SELECT,
            "--exclude",
            "shop",
            "--force-exclude",
            "-",
            "--stdin-filename",
            "shop/tasks.py",
        )
        assert workspace.lint(*arguments, stdin=SWALLOWING_TASK).code == 0

    def test_fixing_it_passes_it_on(self, workspace: Workspace) -> None:
        arguments = ("--select", "CEL002,CEL301", "-", "--stdin-filename", "shop/views.py")
        text = "x = 'é'  # noqa: CEL301\r\n"
        outcome = workspace.lint("--fix", *arguments, stdin=text.encode())
        assert (outcome.code, outcome.out) == (0, "x = 'é'\r\n")
        assert Path("shop/views.py").read_text() == "x = 1\n"
        assert workspace.lint("--fix", *SELECT, "-", stdin="y = 2\n").out == "y = 2\n"


class TestFixing:
    @pytest.fixture(autouse=True)
    def unused(self, workspace: Workspace) -> None:
        workspace.write({"shop/views.py": "x = 1  # noqa: CEL301\ny = 2\n"})

    def test_fix_repairs_and_reports_what_is_left(self, workspace: Workspace) -> None:
        outcome = workspace.lint("--fix", "--select", "CEL002,CEL301", "--output-format", "concise")
        assert Path("shop/views.py").read_text() == "x = 1\ny = 2\n"
        assert outcome.code == 1
        assert [line.split()[1] for line in outcome.lines] == ["CEL301"]
        assert "Fixed 1 finding in 1 file" in outcome.err
        assert workspace.lint("--fix", "--select", "CEL002,CEL301", "shop/views.py").code == 0

    def test_diff_changes_nothing_and_applies(self, workspace: Workspace) -> None:
        before = Path("shop/views.py").read_bytes()
        outcome = workspace.lint("--diff", "--select", "CEL002,CEL301")
        assert outcome.code == 1
        assert Path("shop/views.py").read_bytes() == before
        subprocess.run(["git", "apply", "-"], input=outcome.out.encode(), check=True)
        assert Path("shop/views.py").read_text() == "x = 1\ny = 2\n"
        outcome = workspace.lint("--diff", "--select", "CEL002,CEL301")
        assert (outcome.code, outcome.out) == (0, "")

    def test_an_unsafe_fix_needs_to_be_asked_for(self, workspace: Workspace) -> None:
        before = Path("shop/tasks.py").read_text()
        workspace.lint("--fix", *SELECT)
        assert Path("shop/tasks.py").read_text() == before
        outcome = workspace.lint("--fix", "--unsafe-fixes", *SELECT)
        assert (outcome.code, outcome.out) == (0, "")
        assert "raise" in Path("shop/tasks.py").read_text()


class TestRules:
    def test_every_rule_is_listed_code_first(self, workspace: Workspace) -> None:
        lines = workspace.lint("--list-rules").lines
        assert [line.split()[0] for line in lines] == [rule.code for rule in all_rules()]
        (unused,) = (line for line in lines if line.startswith("CEL002"))
        assert "opt-in" in unused

    @pytest.mark.parametrize("name", ["CEL301", "cel301", "swallowed-exception"])
    def test_explain_prints_the_page(self, workspace: Workspace, name: str) -> None:
        outcome = workspace.lint("--explain", name)
        assert (outcome.code, outcome.lines[0]) == (0, "# swallowed-exception (CEL301)")

    def test_explaining_what_is_no_rule(self, workspace: Workspace) -> None:
        outcome = workspace.lint("--explain", "CEL311")
        assert outcome.code == 2
        assert "did you mean 'CEL301'?" in outcome.err


class TestProcess:
    """The command as a process of its own."""

    def test_exit_codes_and_streams(self, workspace: Workspace) -> None:
        outcome = workspace.python("-m", "celery_lint", *SELECT, "--output-format", "concise")
        assert outcome.code == 1
        assert outcome.out.startswith("shop/tasks.py:8:5: CEL301 ")
        assert workspace.python("-m", "celery_lint", "--version").out == f"celery-lint, version {__version__}\n"

    @pytest.mark.skipif(sys.platform == "win32", reason="the encoding is chosen otherwise there")
    def test_a_terminal_that_cannot_show_a_character(self, workspace: Workspace) -> None:
        workspace.write({"shop/tasks.py": SWALLOWING_TASK.replace("except Exception:", "except Exception:  # 日")})
        outcome = workspace.python("-m", "celery_lint", *SELECT, env={"PYTHONIOENCODING": "latin-1"})
        assert outcome.code == 1
        assert "\\u65e5" in outcome.out
