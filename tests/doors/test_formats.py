"""What formats make of awkward findings."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest

from celery_lint.findings import Applicability, Finding, Fix, Place, Position, Related, Severity, Span
from celery_lint.reporters import concise, full, github, gitlab, junit
from celery_lint.reporters.style import Style
from tests.conftest import SWALLOWING_TASK, Workspace


def place(filename: str, row: int, column: int, end_column: int, end_row: int = 0) -> Place:
    return Place(filename, Span(Position(row, column), Position(end_row or row, end_column)))


def finding(where: Place, message: str = "message", **more: object) -> Finding:
    return Finding(where, "CEL301", "swallowed-exception", Severity.WARNING, message, **more)  # type: ignore[arg-type]


def excerpt(line: str, column: int, end_column: int, end_row: int = 0) -> list[str]:
    """The source line as shown and the carets under it, without the gutter."""
    text = full.render([finding(place("a.py", 1, column, end_column, end_row))], lambda _: [line])
    return [shown[4:] for shown in text.splitlines()[2:4]]


@pytest.mark.parametrize(
    ("line", "column", "end_column", "expected"),
    [
        ("charge(order)", 8, 13, ["charge(order)", "       ^^^^^"]),
        ("\tcharge(order)", 9, 14, ["    charge(order)", "           ^^^^^"]),
        ("x\tcharge()", 3, 9, ["x   charge()", "    ^^^^^^"]),
        ("send('日本', order)", 12, 17, ["send('日本', order)", "             ^^^^^"]),
        ("send('日本')", 7, 9, ["send('日本')", "      ^^^^"]),
        ("send('e\u0301', x)", 12, 13, ["send('e\u0301', x)", "          ^"]),
        ("x = (", 6, 6, ["x = (", "     ^"]),
    ],
)
def test_carets_stand_under_what_they_mean(line: str, column: int, end_column: int, expected: list[str]) -> None:
    assert excerpt(line, column, end_column) == expected


def test_a_span_of_several_lines_is_underlined_to_the_end_of_its_first() -> None:
    assert excerpt("with atomic():", 1, 9, end_row=4) == ["with atomic():", "^^^^^^^^^^^^^^"]


def test_a_very_long_line_is_shown_around_the_finding() -> None:
    line = "x = [" + "1, " * 5000 + "charge()]"
    shown, carets = excerpt(line, line.index("charge") + 1, line.index("charge") + 9)
    assert len(shown) < 250
    assert shown[carets.index("^") : carets.rindex("^") + 1] == "charge()"


def test_source_cannot_steer_the_terminal() -> None:
    hostile = finding(place("a\x1b]0;x\x07.py", 1, 1, 2), "name \x1b[2J\nforged.py:1:1: CEL101 x")
    for text in (full.render([hostile], lambda _: ["x = '\x1b[2J\u202e'"]), concise.render([hostile])):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert not any(line.startswith("forged") for line in text.splitlines())


def test_evidence_and_repair_are_shown_with_the_finding() -> None:
    shown = finding(
        place("views.py", 2, 1, 5),
        related=(Related("the transaction is opened here", place("models.py", 1, 1, 5)),),
        fix=Fix(Applicability.UNSAFE, "Send it after the commit", ()),
    )
    sources = {"views.py": ["first", "here", "", ""], "models.py": ["there"]}
    assert full.render([shown], sources.__getitem__).splitlines() == [
        "views.py:2:1: CEL301 message",
        "  |",
        "1 | first",
        "2 | here",
        "  | ^^^^",
        "  |",
        "note: models.py:1:1: the transaction is opened here",
        "  |",
        "1 | there",
        "  | ^^^^",
        "  |",
        "help: Send it after the commit (fixable with `--fix --unsafe-fixes`)",
        "",
    ]


def test_a_file_that_is_gone_is_reported_without_its_lines() -> None:
    assert full.render([finding(place("a.py", 3, 1, 2))], lambda _: []) == "a.py:3:1: CEL301 message\n\n"


def test_fixes_within_reach_are_marked() -> None:
    where = place("a.py", 1, 1, 2)
    safe = finding(where, fix=Fix(Applicability.SAFE, "", ()))
    unsafe = finding(where, fix=Fix(Applicability.UNSAFE, "", ()))
    assert concise.render([safe, unsafe, finding(where)]).splitlines() == [
        *("a.py:1:1: CEL301 [*] message", "a.py:1:1: CEL301 message", "a.py:1:1: CEL301 message")
    ]
    both = Style(fixable=(Applicability.SAFE, Applicability.UNSAFE))
    assert concise.render([unsafe], both) == "a.py:1:1: CEL301 [*] message\n"


def test_workflow_commands_are_escaped() -> None:
    command = github.render([finding(place("a,b:c.py", 1, 2, 3), "100%\nof it")])
    assert command == (
        "::warning title=celery-lint (CEL301),file=a%2Cb%3Ac.py,line=1,col=2,endLine=1,endColumn=3"
        "::a,b:c.py:1:2: CEL301 100%25%0Aof it\n"
    )


ISSUE = {"description", "check_name", "fingerprint", "severity", "location"}


class TestGitlab:
    """What GitLab wants of a report, and what it makes of two."""

    @staticmethod
    def issues(workspace: Workspace, *arguments: str) -> list[dict[str, object]]:
        out = workspace.lint("--select", "CEL301", "--output-format", "gitlab", *arguments).out
        issues: list[dict[str, object]] = json.loads(out)
        return issues

    def fingerprints(self, workspace: Workspace, *arguments: str) -> list[object]:
        return [issue["fingerprint"] for issue in self.issues(workspace, *arguments)]

    def test_every_finding_is_an_issue(self, workspace: Workspace) -> None:
        workspace.write({"shop/tasks.py": SWALLOWING_TASK, "clean.py": "x = 1\n"})
        (issue,) = self.issues(workspace)
        assert issue.keys() == ISSUE
        assert (issue["check_name"], issue["severity"]) == ("CEL301", "major")
        assert str(issue["description"]).startswith("CEL301: ")
        assert issue["location"] == {"path": "shop/tasks.py", "lines": {"begin": 8, "end": 8}}
        assert self.issues(workspace, "clean.py") == []

    def test_severities_are_those_that_gitlab_knows(self) -> None:
        shown = [Finding(place("a.py", 1, 1, 2), "CEL301", "x", severity, "") for severity in Severity]
        told = [each["severity"] for each in json.loads(gitlab.render(shown, lambda _: "", str))]
        known = ["blocker", "critical", "major", "minor", "info"]
        assert sorted(set(told), key=known.index) == told

    def test_a_fingerprint_is_unique_and_stays(self, workspace: Workspace) -> None:
        once = SWALLOWING_TASK.partition("\n    try:")[2]
        workspace.write({"a.py": f"{SWALLOWING_TASK}    try:{once}", "b.py": SWALLOWING_TASK})
        before = self.fingerprints(workspace)
        assert len(set(before)) == 3
        workspace.write({"a.py": f"import os\n\n{SWALLOWING_TASK}    x = 1\n    try:{once}"})
        assert self.fingerprints(workspace) == before
        workspace.write({"a.py": SWALLOWING_TASK})
        assert self.fingerprints(workspace) == [before[0], before[2]]

    def test_paths_are_from_the_top_of_what_is_checked_out(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        workspace.write({"backend/shop/tasks.py": SWALLOWING_TASK})
        before = self.issues(workspace)
        monkeypatch.setenv("CI_PROJECT_DIR", str(workspace.root))
        monkeypatch.chdir("backend")
        assert self.issues(workspace) == before
        monkeypatch.setenv("CI_PROJECT_DIR", str(workspace.root / "elsewhere"))
        (issue,) = self.issues(workspace)
        assert issue["location"] == {"path": "shop/tasks.py", "lines": {"begin": 8, "end": 8}}


class TestJUnit:
    """A report is read back as a server does it."""

    @staticmethod
    def cases(text: str) -> list[ElementTree.Element]:
        """The cases of a report, whose counts must be right."""
        top = ElementTree.fromstring(text)
        assert top.tag == "testsuites"
        for element in (top, *top):
            assert element.get("tests") == str(len(element.findall(".//testcase")))
            assert element.get("failures") == str(len(element.findall(".//failure")))
            assert element.get("errors") == "0"
        assert {suite.tag for suite in top} == {"testsuite"}
        cases = top.findall("testsuite/testcase")
        names = [(case.get("classname"), case.get("name")) for case in cases]
        assert len(set(names)) == len(names)
        return cases

    def test_a_finding_is_a_case_that_failed(self, workspace: Workspace) -> None:
        workspace.write({"shop/tasks.py": SWALLOWING_TASK})
        out = workspace.lint("--select", "CEL301", "--output-format", "junit").out
        (case,) = self.cases(out)
        assert case.attrib == {
            "classname": "shop.tasks",
            "name": "CEL301 swallowed-exception in charge",
            "file": "shop/tasks.py",
            "line": "8",
        }
        (failure,) = case
        assert failure.get("type") == "warning"
        assert failure.text == f"shop/tasks.py:8:5: CEL301 {failure.get('message')}"

    def test_a_run_without_findings_is_a_case_that_passed(self, workspace: Workspace) -> None:
        workspace.write({"clean.py": "x = 1\n"})
        (case,) = self.cases(workspace.lint("--output-format", "junit").out)
        assert list(case) == []

    def test_a_case_keeps_its_name_when_the_finding_moves(self) -> None:
        first, second = finding(place("a.py", 1, 1, 2)), finding(place("a.py", 5, 1, 2))
        names = [case.get("name") for case in self.cases(junit.render([first, second]))]
        assert names == ["CEL301 swallowed-exception", "CEL301 swallowed-exception (2)"]
        moved = finding(place("a.py", 9, 1, 2))
        assert [case.get("name") for case in self.cases(junit.render([moved]))] == names[:1]

    @pytest.mark.parametrize(
        "text",
        ["<b> & \"x\" 'y' ]]>", "tab\tand\nline", "日本 \N{PILE OF POO}", "\x00\x08\x1b[2J", "\ufffe\uffff", "\udcff"],
    )
    def test_any_text_makes_a_well_formed_report(self, text: str) -> None:
        out = junit.render([finding(place(f"shop/{text}.py", 1, 1, 2), f"before {text} after")])
        assert out.isascii(), "whatever the encoding of the output is, it is the declared one"
        (case,) = self.cases(out)
        expected = re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", f"before {text} after")
        assert case[0].get("message") == expected
