"""A baseline: what a project had on the day it began is not reported, and what comes later is."""

from __future__ import annotations

import json
import os
import re
import stat
from collections import Counter
from pathlib import Path

import pytest

from celery_lint.baseline import Baseline
from tests.conftest import SWALLOWING_TASK, Outcome, Workspace
from tests.doors.test_flake8 import codes, flake8

SELECT = ("--select", "CEL301", "--output-format", "concise")
BASELINE = ("--baseline", "known.json")
HEAD, BODY = SWALLOWING_TASK.split("\n\n\n")
REFUND = BODY.replace("charge", "refund")
TRY = BODY.partition("\n    try:")[2]


@pytest.fixture(autouse=True)
def project(workspace: Workspace) -> None:
    """Two files with one finding each, which are in the baseline."""
    workspace.write({"manage.py": "", "shop/tasks.py": SWALLOWING_TASK, "shop/jobs.py": f"{HEAD}\n\n\n{REFUND}"})
    assert record(workspace).code == 0


def record(workspace: Workspace, *arguments: str) -> Outcome:
    return workspace.lint(*SELECT, *BASELINE, "--write-baseline", *arguments)


def found(workspace: Workspace, *arguments: str) -> list[str]:
    """The places of what is reported."""
    outcome = workspace.lint(*SELECT, *BASELINE, *arguments)
    assert outcome.code == bool(outcome.out), outcome.err
    return [line.partition(": ")[0] for line in outcome.lines]


def content(path: str = "known.json") -> dict[str, Counter[tuple[str, str]]]:
    """How many findings a baseline holds, by file, code and function."""
    files = json.loads(Path(path).read_text(encoding="utf-8"))["findings"]
    return {
        name: Counter({(entry["code"], entry["in"]): entry["count"] for entry in entries})
        for name, entries in files.items()
    }


class TestFile:
    def test_it_is_sorted_with_one_line_an_entry(self, workspace: Workspace) -> None:
        text = Path("known.json").read_bytes().decode("ascii")
        assert re.sub(r'"line": "[0-9a-f]{12}"', '"line": "..."', text) == (
            '{\n  "version": 1,\n  "findings": {\n'
            '    "shop/jobs.py": [\n      {"code": "CEL301", "in": "refund", "line": "...", "count": 1}\n    ],\n'
            '    "shop/tasks.py": [\n      {"code": "CEL301", "in": "charge", "line": "...", "count": 1}\n    ]\n'
            "  }\n}\n"
        )

    def test_without_findings_it_is_empty_and_holds(self, workspace: Workspace) -> None:
        workspace.lint("--select", "CEL9", "--baseline", "empty.json", "--write-baseline")
        assert Path("empty.json").read_text() == '{\n  "version": 1,\n  "findings": {}\n}\n'
        assert workspace.lint(*SELECT, "--baseline", "empty.json").code == 1

    def test_paths_are_those_from_its_folder(self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        (workspace.root / "ci").mkdir()
        assert workspace.lint(*SELECT, "--baseline", "ci/known.json", "--write-baseline").code == 0
        assert content("ci/known.json").keys() == {"../shop/tasks.py", "../shop/jobs.py"}
        monkeypatch.chdir("shop")
        assert workspace.lint(*SELECT, "--baseline", "../ci/known.json").code == 0
        assert workspace.lint(*SELECT, "--baseline", "../known.json", "tasks.py").code == 0
        (workspace.root / "shop/tasks.py").unlink()
        gone = workspace.lint(*SELECT, "--baseline", "../ci/known.json", "jobs.py")
        assert "no longer found: 1 finding (" in gone.err

    def test_names_in_other_scripts_and_names_that_are_no_text(self, workspace: Workspace) -> None:
        workspace.write({"shop/задачи.py": SWALLOWING_TASK.replace("charge", "списать")})
        names = ["shop/задачи.py"]
        if os.name == "posix":
            names.append(os.fsdecode(b"shop/\xff.py"))
            (workspace.root / names[-1]).write_text(SWALLOWING_TASK)
        record(workspace)
        assert found(workspace) == []
        assert content().keys() >= set(names)
        assert '"shop/задачи.py": [\n      {"code": "CEL301", "in": "списать"' in Path("known.json").read_text("utf-8")

    def test_it_holds_no_source_text(self, workspace: Workspace) -> None:
        assert "except" not in Path("known.json").read_text()

    @pytest.mark.skipif(os.name == "nt", reason="modes are those of POSIX")
    def test_it_is_an_ordinary_file_and_keeps_its_mode(self, workspace: Workspace) -> None:
        workspace.write({"ordinary": ""})
        mode = stat.S_IMODE(os.stat("ordinary").st_mode)
        assert stat.S_IMODE(os.stat("known.json").st_mode) == mode
        os.chmod("known.json", 0o640)
        workspace.write({"shop/more.py": SWALLOWING_TASK})
        record(workspace)
        assert stat.S_IMODE(os.stat("known.json").st_mode) == 0o640
        assert sorted(each.name for each in workspace.root.iterdir() if ".tmp" in each.name) == []

    def test_what_is_the_same_is_not_written_again(self, workspace: Workspace) -> None:
        os.utime("known.json", (1, 1))
        assert "known.json holds 2 findings in 2 files (0 added, 0 removed)." in record(workspace).err
        assert os.stat("known.json").st_mtime == 1


class TestSameness:
    def test_a_finding_that_moves_stays_known(self, workspace: Workspace) -> None:
        assert found(workspace) == []
        workspace.write(
            {"shop/tasks.py": SWALLOWING_TASK.replace("\n\n\n", "\n\nimport os\n\n\ndef f():\n    pass\n\n\n")}
        )
        assert found(workspace) == []
        workspace.write({"shop/tasks.py": f"{HEAD}\nif True:\n" + re.sub("(?m)^(?=.)", "    ", BODY)})
        assert found(workspace) == []

    def test_another_in_the_same_function_is_new(self, workspace: Workspace) -> None:
        workspace.write({"shop/tasks.py": f"{SWALLOWING_TASK}    try:{TRY}"})
        assert found(workspace) == ["shop/tasks.py:12:5"]

    def test_the_new_one_is_told_from_the_old_by_its_line(self, workspace: Workspace) -> None:
        new = TRY.replace("except Exception", "except BaseException")
        workspace.write({"shop/tasks.py": SWALLOWING_TASK.replace("    try:", f"    try:{new}    try:")})
        assert found(workspace) == ["shop/tasks.py:8:5"]

    def test_the_same_in_another_function_is_new(self, workspace: Workspace) -> None:
        workspace.write({"shop/tasks.py": f"{SWALLOWING_TASK}\n\n{REFUND}"})
        assert found(workspace) == ["shop/tasks.py:16:5"]
        # Nor does one that was repaired make room for it.
        workspace.write(
            {"shop/tasks.py": SWALLOWING_TASK.replace("        pass\n", "        raise\n") + f"\n\n{REFUND}"}
        )
        assert found(workspace) == ["shop/tasks.py:16:5"]

    def test_the_same_in_another_file_is_new(self, workspace: Workspace) -> None:
        workspace.write({"shop/more.py": SWALLOWING_TASK})
        assert found(workspace) == ["shop/more.py:8:5"]

    def test_one_of_another_code_is_new(self, workspace: Workspace) -> None:
        assert found(workspace, "--extend-select", "CEL501") == ["shop/jobs.py:4:2", "shop/tasks.py:4:2"]

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("except Exception:", "except Exception:  # for now"),
            ("def charge(", "def charge_card("),
            ("        pass\n", "        return None\n"),
        ],
    )
    def test_edits_around_it_do_not_bring_it_back(self, workspace: Workspace, old: str, new: str) -> None:
        assert old in SWALLOWING_TASK
        workspace.write({"shop/tasks.py": SWALLOWING_TASK.replace(old, new)})
        outcome = workspace.lint(*SELECT, *BASELINE)
        assert (outcome.code, outcome.out) == (0, "")
        assert outcome.err.splitlines()[1:] == ["Known from the baseline and not reported: 2 findings."]

    def test_methods_and_nested_functions_are_told_apart(self, workspace: Workspace) -> None:
        body = BODY.replace("@shared_task\ndef charge(order_id)", "def run(self, order_id)")
        method = re.sub("(?m)^(?=.)", "    ", body)
        nested = re.sub("(?m)^(?=.)", "    ", BODY)
        text = f"from celery import Task, shared_task\n\n\nclass A(Task):\n{method}\n\nclass B(Task):\n{method}"
        workspace.write({"shop/tasks.py": f"{text}\n\ndef make():\n{nested}    return charge\n"})
        record(workspace)
        assert content()["shop/tasks.py"] == {
            ("CEL301", "A.run"): 1,
            ("CEL301", "B.run"): 1,
            ("CEL301", "make.charge"): 1,
        }

    def test_a_decorator_belongs_to_its_function(self, workspace: Workspace) -> None:
        arguments = ("--select", "CEL501", "--baseline", "limits.json")
        workspace.lint(*arguments, "--write-baseline")
        assert content("limits.json")["shop/tasks.py"] == {("CEL501", "charge"): 1}


class TestRewriting:
    def test_what_is_gone_is_said_and_dropped(self, workspace: Workspace) -> None:
        workspace.write({"shop/tasks.py": "x = 1\n"})
        (workspace.root / "shop/jobs.py").unlink()
        outcome = workspace.lint(*SELECT, *BASELINE)
        assert outcome.code == 0
        assert "In the baseline and no longer found: 2 findings (`--write-baseline` drops them)." in outcome.err
        assert workspace.lint(*SELECT, *BASELINE, "-q").err == ""
        assert "known.json holds 0 findings in 0 files (0 added, 2 removed)." in record(workspace).err
        assert content() == {}
        assert "baseline" not in workspace.lint(*SELECT, *BASELINE).err

    def test_files_that_were_not_asked_for_are_left_alone(self, workspace: Workspace) -> None:
        workspace.write({"shop/tasks.py": f"{SWALLOWING_TASK}    try:{TRY}", "shop/jobs.py": "x = 1\n"})
        assert "no longer found" not in workspace.lint(*SELECT, *BASELINE, "shop/tasks.py").err
        record(workspace, "shop/tasks.py")
        assert content() == {"shop/tasks.py": {("CEL301", "charge"): 2}, "shop/jobs.py": {("CEL301", "refund"): 1}}
        record(workspace, "--exclude", "tasks.py")
        assert content() == {"shop/tasks.py": {("CEL301", "charge"): 2}}

    def test_rules_that_were_not_selected_are_left_alone(self, workspace: Workspace) -> None:
        arguments = ("--select", "CEL501", *BASELINE)
        assert workspace.lint(*arguments, "--write-baseline").code == 0
        assert content()["shop/tasks.py"] == {("CEL301", "charge"): 1, ("CEL501", "charge"): 1}
        assert "no longer found" not in workspace.lint(*arguments).err

    def test_a_rule_that_is_no_more_is_dropped(self, workspace: Workspace) -> None:
        text = Path("known.json").read_text()
        Path("known.json").write_text(text.replace("CEL301", "CEL399", 1))
        assert "no longer found: 1 finding (" in workspace.lint(*SELECT, *BASELINE).err
        record(workspace)
        assert Path("known.json").read_text() == text

    def test_what_cannot_be_read_is_reported_and_keeps_its_entries(self, workspace: Workspace) -> None:
        workspace.write({"shop/tasks.py": f"{SWALLOWING_TASK})\n"})
        assert found(workspace) == ["shop/tasks.py:10:1"]
        before = Path("known.json").read_text()
        outcome = record(workspace)
        assert (outcome.code, [line.split()[1] for line in outcome.lines]) == (1, ["CEL001"])
        assert Path("known.json").read_text() == before
        assert "no longer found" not in outcome.err

    def test_a_file_on_which_the_linter_fails_keeps_its_entries(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from celery_lint.engine import Engine

        check = Engine.check

        def fail(engine: Engine, filename: str) -> object:
            if filename == "shop/tasks.py":
                raise RuntimeError("broken")
            return check(engine, filename)

        monkeypatch.setattr(Engine, "check", fail)
        before = Path("known.json").read_text()
        assert record(workspace, "--no-cache").code == 2
        assert Path("known.json").read_text() == before

    def test_projects_may_share_one(self, workspace: Workspace) -> None:
        for name in ("a", "b"):
            workspace.write({f"{name}/celery-lint.toml": "", f"{name}/tasks.py": SWALLOWING_TASK})
        assert record(workspace).code == 0
        assert sorted(content()) == ["a/tasks.py", "b/tasks.py", "shop/jobs.py", "shop/tasks.py"]
        assert found(workspace) == []
        record(workspace, "a")
        assert len(content()) == 4

    def test_two_at_once_write_whole_files_or_say_so(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reach = Baseline.reach

        def write_meanwhile(*arguments: object) -> object:
            Path("new.json").write_text("another run's")
            return reach(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(Baseline, "reach", write_meanwhile)
        outcome = workspace.lint(*SELECT, "--baseline", "new.json", "--write-baseline")
        assert (outcome.code, Path("new.json").read_text()) == (2, "another run's")
        assert "new.json" in outcome.err


class TestComplaints:
    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("{", "known.json:1:2: the baseline is not valid JSON: "),
            ('{\n<<<<<<< HEAD\n  "version": 1,', "known.json:2:1: the baseline is not valid JSON: "),
            (b"\xff", "it is not JSON in UTF-8"),
            ("[" * 100_000, "it is not JSON in UTF-8"),
            ("[]", "it has no `version`"),
            ('{"version": 2, "findings": {}}', "its version is 2, and this celery-lint knows 1"),
            ('{"version": 1}', "`findings` must be an object"),
            ('{"version": 1, "findings": {"a.py": 3}}', "`findings['a.py']` must be a list"),
            ('{"version": 1, "findings": {"a.py": [3]}}', "`findings['a.py'][0]` must be an object"),
            (
                '{"version": 1, "findings": {"a.py": [{"code": "CEL301", "line": "", "count": 1}]}}',
                "`findings['a.py'][0]` must have a text `in`",
            ),
            (
                '{"version": 1, "findings": {"a.py": [{"code": "CEL301", "in": "", "line": "", "count": true}]}}',
                "`findings['a.py'][0]` must have a whole number `count`",
            ),
        ],
    )
    def test_what_is_no_baseline_is_refused(self, workspace: Workspace, text: str | bytes, reason: str) -> None:
        data = text if isinstance(text, bytes) else text.encode()
        Path("known.json").write_bytes(data)
        for arguments in ((), ("--write-baseline",), ("--fix",)):
            outcome = workspace.lint(*SELECT, *BASELINE, *arguments)
            assert (outcome.code, outcome.out) == (2, "")
            (line,) = outcome.err.splitlines()
            assert line.startswith(f"celery-lint: error: {workspace.root}/known.json")
            assert reason in line
            assert line.endswith("put it right, or delete it and run with `--write-baseline`")
        assert Path("known.json").read_bytes() == data

    def test_one_that_is_not_there(self, workspace: Workspace) -> None:
        outcome = workspace.lint(*SELECT, "--baseline", "none.json")
        assert outcome.code == 2
        assert "none.json: there is no such baseline: run with `--write-baseline` to make it" in outcome.err

    def test_one_that_cannot_be_written(self, workspace: Workspace) -> None:
        outcome = workspace.lint(*SELECT, "--baseline", "no/such/folder.json", "--write-baseline")
        assert outcome.code == 2
        assert "no/such/folder.json: the baseline cannot be written: No such file or directory" in outcome.err
        assert len(outcome.lines) == 2, "what is not recorded is reported"

    @pytest.mark.parametrize(
        "arguments",
        [
            ("--write-baseline",),
            ("--write-baseline", "--isolated"),
            (*BASELINE, "--write-baseline", "--fix"),
            (*BASELINE, "--write-baseline", "--diff"),
            (*BASELINE, "--write-baseline", "--add-noqa"),
            (*BASELINE, "--write-baseline", "-"),
            (*BASELINE, "--no-baseline"),
            ("--write-baseline", "--no-baseline"),
            ("--baseline", "shop"),
        ],
    )
    def test_wrong_usage(self, workspace: Workspace, arguments: tuple[str, ...]) -> None:
        before = Path("known.json").read_text()
        outcome = workspace.lint(*arguments)
        assert outcome.code == 2
        assert outcome.err.startswith("Usage:")
        assert Path("known.json").read_text() == before


class TestConfiguration:
    @pytest.fixture(autouse=True)
    def configured(self, workspace: Workspace) -> None:
        workspace.write({"celery-lint.toml": 'select = ["CEL301"]\nbaseline = "known.json"\n'})

    def test_it_holds_wherever_the_command_is_run(self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        assert workspace.lint().code == 0
        monkeypatch.chdir("shop")
        assert workspace.lint("tasks.py").code == 0
        assert workspace.lint("--write-baseline", "tasks.py").code == 0
        assert len(content("../known.json")) == 2

    def test_what_it_holds_can_be_shown(self, workspace: Workspace) -> None:
        assert len(workspace.lint("--no-baseline", "--output-format", "concise").lines) == 2
        assert workspace.lint("--isolated", "--select", "CEL301").code == 1
        assert 'baseline = "known.json"' in workspace.lint("--show-settings").lines

    def test_the_option_comes_before_it(self, workspace: Workspace) -> None:
        workspace.lint("--baseline", "other.json", "--write-baseline", "shop/tasks.py")
        assert content("other.json").keys() == {"shop/tasks.py"}
        assert workspace.lint("--baseline", "other.json").code == 1

    def test_a_project_inside_that_has_none_is_reported_on(self, workspace: Workspace) -> None:
        workspace.write({"inner/celery-lint.toml": 'select = ["CEL301"]\n', "inner/tasks.py": SWALLOWING_TASK})
        workspace.write({"shop/more.py": SWALLOWING_TASK})
        written = workspace.lint("--write-baseline", "--output-format", "concise")
        assert (written.code, [line.partition(":")[0] for line in written.lines]) == (1, ["inner/tasks.py"])
        assert sorted(content()) == ["shop/jobs.py", "shop/more.py", "shop/tasks.py"]

    @pytest.mark.parametrize("jobs", ["1", "2"])
    def test_flake8_reports_what_the_command_reports(self, workspace: Workspace, jobs: str) -> None:
        workspace.write({"shop/more.py": SWALLOWING_TASK, "shop/tasks.py": f"{SWALLOWING_TASK}    try:{TRY}"})
        expected = [line.partition(": ")[0] for line in workspace.lint("--output-format", "concise").lines]
        assert expected == ["shop/more.py:8:5", "shop/tasks.py:12:5"]
        outcome = flake8(workspace, "--select", "CEL", "-j", jobs)
        assert sorted(line.removeprefix("./").partition(": ")[0] for line in outcome.lines) == expected
        name = ("--select", "CEL", "-", "--stdin-display-name", "shop/tasks.py")
        assert codes(flake8(workspace, *name, stdin=SWALLOWING_TASK)) == []

    @pytest.mark.parametrize("jobs", ["1", "2"])
    def test_flake8_tells_what_is_wrong_with_it(self, workspace: Workspace, jobs: str) -> None:
        Path("known.json").write_text("[]")
        outcome = flake8(workspace, "-j", jobs)
        assert outcome.code == 1
        assert "known.json: this is no baseline: it has no `version`" in outcome.out + outcome.err
        assert "Traceback" not in outcome.err


class TestAgreement:
    """Whatever else is asked for is about what is reported."""

    @pytest.fixture(autouse=True)
    def one_new(self, workspace: Workspace) -> None:
        workspace.write({"shop/tasks.py": f"{SWALLOWING_TASK}    try:{TRY.replace('Exception', 'BaseException')}"})

    @pytest.mark.parametrize(
        ("output_format", "number_of"),
        [
            ("full", lambda out: len(re.findall("^shop", out, re.MULTILINE))),
            ("concise", lambda out: len(out.splitlines())),
            ("json", lambda out: len(json.loads(out))),
            ("sarif", lambda out: len(json.loads(out)["runs"][0]["results"])),
            ("github", lambda out: out.count("::warning")),
            ("gitlab", lambda out: len(json.loads(out))),
            ("junit", lambda out: out.count("<failure")),
        ],
    )
    def test_formats(self, workspace: Workspace, output_format: str, number_of: object) -> None:
        outcome = workspace.lint(*SELECT, *BASELINE, "--output-format", output_format)
        assert (outcome.code, number_of(outcome.out)) == (1, 1)  # type: ignore[operator]

    def test_statistics(self, workspace: Workspace) -> None:
        assert workspace.lint(*SELECT, *BASELINE, "--statistics").out == "1  CEL301  swallowed-exception\n"

    def test_standard_input(self, workspace: Workspace) -> None:
        arguments = (*SELECT, *BASELINE, "-", "--stdin-filename", "shop/tasks.py")
        assert workspace.lint(*arguments, stdin=SWALLOWING_TASK).code == 0
        assert workspace.lint(*arguments, stdin=Path("shop/tasks.py").read_text()).code == 1

    def test_only_what_is_reported_is_repaired(self, workspace: Workspace) -> None:
        before = Path("shop/tasks.py").read_text()
        arguments = (*SELECT, *BASELINE, "--unsafe-fixes")
        diff = workspace.lint(*arguments, "--diff").out
        assert re.findall(r"^-[^-].*", diff, re.MULTILINE) == ["-        pass"]
        fixed = workspace.lint(*arguments, "--fix")
        assert (fixed.code, fixed.out) == (0, ""), fixed.err
        assert "Fixed 1 finding in 1 file" in fixed.err
        after = Path("shop/tasks.py").read_text()
        assert after.startswith(SWALLOWING_TASK)
        assert after != before
        assert Path("shop/jobs.py").read_text().endswith(REFUND)

    def test_a_repair_beside_a_known_finding_does_not_bring_that_back(self, workspace: Workspace) -> None:
        text = SWALLOWING_TASK.replace("except Exception:", "except Exception:  # noqa: CEL101")
        workspace.write({"shop/tasks.py": text})
        fixed = workspace.lint("--select", "CEL002,CEL101,CEL301", *BASELINE, "--fix")
        assert (fixed.code, fixed.out) == (0, ""), fixed.err
        assert Path("shop/tasks.py").read_text() == SWALLOWING_TASK

    def test_only_what_is_reported_is_silenced(self, workspace: Workspace) -> None:
        assert workspace.lint(*SELECT, *BASELINE, "--add-noqa").code == 0
        assert Path("shop/tasks.py").read_text().count("# noqa: CEL301") == 1
        assert "noqa" not in Path("shop/jobs.py").read_text()
        assert workspace.lint(*SELECT, *BASELINE).code == 0

    def test_what_a_comment_silences_is_not_in_the_baseline(self, workspace: Workspace) -> None:
        workspace.write({"shop/jobs.py": Path("shop/jobs.py").read_text().replace("pass", "pass  # noqa: CEL301")})
        workspace.write({"shop/tasks.py": SWALLOWING_TASK.replace("Exception:", "Exception:  # noqa: CEL301")})
        record(workspace)
        assert content().keys() == {"shop/jobs.py"}

    def test_a_run_with_the_cache_says_the_same(self, workspace: Workspace) -> None:
        first = workspace.lint(*SELECT, *BASELINE, "--no-cache")
        assert workspace.lint(*SELECT, *BASELINE) == workspace.lint(*SELECT, *BASELINE) == first


def test_readers_of_a_file_that_was_written_by_hand(workspace: Workspace) -> None:
    """Entries that say the same add up, as two branches may have added them; a byte-order mark is no harm."""
    written = json.loads(Path("known.json").read_text())
    written["findings"]["shop/tasks.py"] *= 2
    Path("known.json").write_text("\ufeff" + json.dumps(written), encoding="utf-8")
    workspace.write({"shop/tasks.py": f"{SWALLOWING_TASK}    try:{TRY}"})
    assert found(workspace) == []
