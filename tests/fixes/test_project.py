"""Fixing a project: the rounds, what belongs together, and what is put back."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from celery_lint.findings import (
    AddArguments,
    Applicability,
    DeferToCommit,
    Finding,
    Fix,
    Import,
    Place,
    Replace,
    ReraiseFirst,
    Severity,
)
from celery_lint.fixes import FixResult, fix_project
from celery_lint.source import Source

SAFE, UNSAFE = Applicability.SAFE, Applicability.UNSAFE
Rules = Callable[[Source], Iterator[Finding]]


class Project:
    """Files, and rules that look for findings in them."""

    def __init__(self, root: Path, files: dict[str, str], rules: Rules) -> None:
        self.root = root
        self.before = {name: text.encode() for name, text in files.items()}
        self.rules = rules
        self.checks = 0
        for name, data in self.before.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)

    def check(self, overrides: Mapping[str, bytes]) -> list[Finding]:
        self.checks += 1
        found = []
        for name in self.before:
            data = overrides[name] if name in overrides else (self.root / name).read_bytes()
            found += self.rules(Source(name, data))
        return sorted(found, key=lambda finding: finding.sort_key)

    def fix(self, *allowed: Applicability, write: bool = True) -> FixResult:
        permitted = frozenset(allowed or (SAFE, UNSAFE))
        return fix_project(self.check, lambda name: (self.root / name).read_bytes(), permitted, write, self.root)

    def text(self, name: str) -> str:
        return (self.root / name).read_bytes().decode()


def report(code: str, place: Place, *changes: object, applicability: Applicability = SAFE) -> Finding:
    fix = Fix(applicability, "repair it", changes) if changes else None  # type: ignore[arg-type]
    return Finding(place, code, "name", Severity.ERROR, "message", (), fix)


def calls(source: Source, method: str) -> Iterator[ast.Call]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == method:
            yield node


def dispatches(source: Source) -> Iterator[Finding]:
    """CEL201 at each `.delay(...)`, unsafe; CEL101 at each argument `order` of one, safe."""
    for call in calls(source, "delay"):
        place = source.place(call)
        yield report("CEL201", place, DeferToCommit(place), applicability=UNSAFE)
    for node in ast.walk(source.tree):
        for argument in node.args if isinstance(node, ast.Call) else ():
            if isinstance(argument, ast.Name) and argument.id == "order":
                place = source.place(argument)
                yield report("CEL101", place, Replace(place, "{}.pk"))


def test_fixes_that_overlap_are_made_in_turns(tmp_path: Path) -> None:
    project = Project(tmp_path, {"a.py": "def g(order):\n    f.delay(order, order)\n    f.delay(order)\n"}, dispatches)
    result = project.fix()
    assert project.text("a.py") == (
        "from functools import partial\n\nfrom django.db import transaction\n\n\ndef g(order):\n"
        "    transaction.on_commit(partial(f.delay, order.pk, order.pk))\n"
        "    transaction.on_commit(partial(f.delay, order.pk))\n"
    )
    assert result.fixed == {"CEL101": 3, "CEL201": 2}
    assert (result.findings, result.held_back, result.failures) == ((), (), ())
    (file,) = result.files
    assert (file.filename, file.before, file.fixed) == ("a.py", project.before["a.py"], result.fixed)
    assert file.after == (tmp_path / "a.py").read_bytes()


def test_only_what_is_allowed_is_fixed(tmp_path: Path) -> None:
    project = Project(tmp_path, {"a.py": "f.delay(order)\n"}, dispatches)
    result = project.fix(SAFE)
    assert project.text("a.py") == "f.delay(order.pk)\n"
    assert result.fixed == {"CEL101": 1}
    assert [finding.code for finding in result.findings] == ["CEL201"]
    assert result.held_back == ()


def test_nothing_is_written_unless_asked_for(tmp_path: Path) -> None:
    project = Project(tmp_path, {"a.py": "f.delay(order)\n"}, dispatches)
    result = project.fix(write=False)
    assert project.text("a.py") == "f.delay(order)\n"
    assert b"on_commit" in result.files[0].after


def test_fixing_twice_changes_nothing_more(tmp_path: Path) -> None:
    project = Project(tmp_path, {"a.py": "f.delay(order)\n", "b.py": "x = 1\n"}, dispatches)
    project.fix()
    first = project.text("a.py")
    project.checks = 0
    assert project.fix().files == ()
    assert (project.text("a.py"), project.checks) == (first, 1)


def test_what_has_no_exact_fix_is_said(tmp_path: Path) -> None:
    project = Project(tmp_path, {"a.py": "result = f.delay(1)\nf.delay(2)\n"}, dispatches)
    result = project.fix()
    assert [finding.place.span.start.row for finding in result.held_back] == [4 + 1]
    assert result.fixed == {"CEL201": 1}


def handlers(source: Source) -> Iterator[Finding]:
    """CEL302 and CEL303 at each `try` that lacks their handler."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Try):
            caught = [ast.unparse(handler.type) for handler in node.handlers if handler.type]
            for code, name in (("CEL302", "Retry"), ("CEL303", "SoftTimeLimitExceeded")):
                if name not in caught:
                    place = source.place(node)
                    yield report(code, place, ReraiseFirst(place, (Import("celery.exceptions", name),)))


def test_two_insertions_at_one_place_are_both_made(tmp_path: Path) -> None:
    project = Project(tmp_path, {"a.py": "try:\n    f()\nexcept Exception:\n    pass\n"}, handlers)
    assert project.fix().fixed == {"CEL302": 1, "CEL303": 1}
    assert project.text("a.py") == (
        "from celery.exceptions import Retry, SoftTimeLimitExceeded\n\n"
        "try:\n    f()\nexcept SoftTimeLimitExceeded:\n    raise\nexcept Retry:\n    raise\n"
        "except Exception:\n    pass\n"
    )


def across(source: Source) -> Iterator[Finding]:
    """One fix that changes `old(1)` in `a.py` and `old` in `b.py` together."""
    if source.filename == "a.py":
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Name) and node.id == "old":
                there = Source("b.py", b"old = 1\n").place(ast.parse("old = 1").body[0].targets[0])  # type: ignore[attr-defined]
                place = source.place(node)
                yield report("CEL101", place, Replace(place, "new"), Replace(there, "new"))


def test_a_fix_over_two_files_is_made_in_both(tmp_path: Path) -> None:
    project = Project(tmp_path, {"a.py": "f(old)\n", "b.py": "old = 1\n"}, across)
    result = project.fix()
    assert (project.text("a.py"), project.text("b.py")) == ("f(new)\n", "new = 1\n")
    assert {file.filename: dict(file.fixed) for file in result.files} == {"a.py": {"CEL101": 1}, "b.py": {}}


@pytest.mark.parametrize("there", ["other = 1\n", "'old' = = 1\n", None])
def test_a_fix_over_two_files_is_made_in_none_if_one_does_not_allow_it(tmp_path: Path, there: str | None) -> None:
    files = {"a.py": "f(old)\n"} if there is None else {"a.py": "f(old)\n", "b.py": there}
    project = Project(tmp_path, files, across)
    result = project.fix()
    assert project.text("a.py") == "f(old)\n"
    assert result.files == ()
    assert [finding.code for finding in result.held_back] == ["CEL101"]


def test_files_that_a_fix_joins_are_written_together_or_not(tmp_path: Path) -> None:
    def rules(source: Source) -> Iterator[Finding]:
        yield from across(source)
        yield from dispatches(source)

    project = Project(tmp_path, {"a.py": "f(old)\n", "b.py": "old = 1\n", "c.py": "f.delay(order)\n"}, rules)
    (tmp_path / "b.py").unlink()
    (tmp_path / "b.py").symlink_to(tmp_path / "gone.py")
    read = {"b.py": b"old = 1\n"}
    result = fix_project(
        lambda overrides: project.check({**read, **overrides}),
        lambda name: read[name] if name in read else (tmp_path / name).read_bytes(),
        frozenset({SAFE}),
        True,
        tmp_path,
    )
    assert project.text("a.py") == "f(old)\n"
    assert project.text("c.py") == "f.delay(order.pk)\n"
    assert [failure.filename for failure in result.failures] == ["a.py", "b.py"]
    assert all("cannot be written" in failure.reason for failure in result.failures)
    assert [file.filename for file in result.files] == ["c.py"]
    assert sorted(os.listdir(tmp_path)) == ["a.py", "b.py", "c.py"]


def test_a_fix_that_would_not_parse_is_left_out_and_the_others_are_made(tmp_path: Path) -> None:
    def rules(source: Source) -> Iterator[Finding]:
        for call in calls(source, "break_"):
            place = source.place(call)
            yield report("CEL999", place, AddArguments(place, (("a", "1 1"),)))
        yield from dispatches(source)

    project = Project(tmp_path, {"a.py": "x.break_()\nf.delay(order)\n", "b.py": "f.delay(order)\n"}, rules)
    result = project.fix(SAFE)
    assert project.text("a.py") == "x.break_()\nf.delay(order.pk)\n"
    assert project.text("b.py") == "f.delay(order.pk)\n"
    (failure,) = result.failures
    assert (failure.filename, failure.codes) == ("a.py", ("CEL999",))
    assert "internal error" in failure.reason
    assert "does not parse" in failure.reason
    assert {finding.code: result.reasons[finding] for finding in result.held_back} == {"CEL999": "it went wrong"}


@pytest.mark.parametrize(
    ("fixed", "code"),
    [
        ("again(1)", "CEL901"),  # the finding comes back
        ("worse(1)", "CEL902"),  # another one comes up
    ],
)
def test_a_fix_that_brings_up_a_finding_is_left_out(tmp_path: Path, fixed: str, code: str) -> None:
    def rules(source: Source) -> Iterator[Finding]:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Name) and node.id in ("bad", "again"):
                place = source.place(node)
                yield report("CEL901", place, Replace(place, fixed.partition("(")[0]))
            if isinstance(node, ast.Name) and node.id == "worse":
                yield report("CEL902", source.place(node))
        yield from dispatches(source)

    project = Project(tmp_path, {"a.py": "bad(1)\nf.delay(order)\n", "b.py": "f.delay(order)\n"}, rules)
    result = project.fix(SAFE)
    assert project.text("a.py") == "bad(1)\nf.delay(order.pk)\n"
    assert project.text("b.py") == "f.delay(order.pk)\n"
    (failure,) = result.failures
    assert (failure.filename, failure.before) == ("a.py", b"bad(1)\nf.delay(order)\n")
    assert code in failure.reason
    assert {finding.code for finding in result.findings} == {"CEL201", "CEL901"}


def test_all_fixes_of_a_file_but_the_wrong_ones_are_made(tmp_path: Path) -> None:
    """Those that wait for a wrong one's place as well."""

    def rules(source: Source) -> Iterator[Finding]:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("good", "bad"):
                place = source.place(node.func)
                yield report(
                    f"CEL90{len(node.func.id)}", place, Replace(place, {"good": "done"}.get(node.func.id, "worse"))
                )
            if isinstance(node, ast.Name) and node.id == "worse":
                yield report("CEL999", source.place(node))
            if isinstance(node, ast.Name) and node.id == "row":
                place = source.place(node)
                yield report("CEL908", place, Replace(place, "key"))

    lines = [f"good({number})\n" for number in range(9)]
    before = "".join([*lines[:4], "bad(row)\n", *lines[4:], "bad(0)\n"])
    project = Project(tmp_path, {"a.py": before}, rules)
    result = project.fix()
    assert project.text("a.py") == before.replace("good", "done").replace("row", "key")
    assert result.fixed == {"CEL904": 9, "CEL908": 1}
    assert [failure.codes for failure in result.failures] == [("CEL903",)]
    assert [finding.code for finding in result.held_back] == ["CEL903", "CEL903"]


def test_what_a_fix_is_known_to_uncover_is_no_fault_of_it(tmp_path: Path) -> None:
    def rules(source: Source) -> Iterator[Finding]:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Name) and node.id == "covered":
                place = source.place(node)
                fix = Fix(SAFE, "repair it", (Replace(place, "bare"),), uncovers=("CEL902",))
                yield Finding(place, "CEL901", "name", Severity.ERROR, "message", (), fix)
            if isinstance(node, ast.Name) and node.id == "bare":
                yield report("CEL902", source.place(node))

    project = Project(tmp_path, {"a.py": "covered\n"}, rules)
    result = project.fix()
    assert project.text("a.py") == "bare\n"
    assert ([finding.code for finding in result.findings], result.failures) == (["CEL902"], ())


def test_what_earlier_rounds_did_right_stays(tmp_path: Path) -> None:
    """Of three fixes at one place the last one is wrong."""
    steps = ["one", "two", "three", "worse"]

    def rules(source: Source) -> Iterator[Finding]:
        for node in ast.walk(source.tree):
            place = source.place(node) if isinstance(node, ast.Name) else None
            if place is not None and isinstance(node, ast.Name) and node.id in steps[:3]:
                at = steps.index(node.id)
                yield report(f"CEL90{at}", place, Replace(place, steps[at + 1]))
                yield from (report(f"CEL90{later}", place) for later in range(at + 1, 3))
            if isinstance(node, ast.Name) and node.id == "worse":
                yield report("CEL999", source.place(node))

    project = Project(tmp_path, {"a.py": "one\n"}, rules)
    result = project.fix()
    assert project.text("a.py") == "three\n"
    assert len(result.failures) == 1


def test_a_finding_that_only_moves_is_none_gained(tmp_path: Path) -> None:
    def rules(source: Source) -> Iterator[Finding]:
        yield from handlers(source)
        for call in calls(source, "charge"):
            place = source.place(call)
            yield Finding(place, "CEL401", "name", Severity.WARNING, f"line {place.span.start.row}")

    project = Project(tmp_path, {"a.py": "try:\n    card.charge()\nexcept Exception:\n    pass\n"}, rules)
    result = project.fix()
    assert result.failures == ()
    assert [finding.message for finding in result.findings] == ["line 4"]


def test_a_fix_that_several_findings_share_is_made_once(tmp_path: Path) -> None:
    def rules(source: Source) -> Iterator[Finding]:
        names = [node for node in ast.walk(source.tree) if isinstance(node, ast.Name) and node.id == "old"]
        changes = [Replace(source.place(node), "{}.pk") for node in names]
        parents = {child: node for node in ast.walk(source.tree) for child in ast.iter_child_nodes(node)}
        for node in names:
            if not isinstance(parents[node], ast.Attribute):
                yield report("CEL101", source.place(node), *changes)

    project = Project(tmp_path, {"a.py": "f(old)\ng(old)\n"}, rules)
    result = project.fix()
    assert project.text("a.py") == "f(old.pk)\ng(old.pk)\n"
    assert result.fixed == {"CEL101": 2}
    assert project.checks == 2


@pytest.mark.parametrize(
    ("other", "after"),
    [("CEL501", "limit\ndone\n"), ("CEL502", "limit\nslow(time_limit=330)\n")],
    ids=["the same rule", "another rule"],
)
def test_a_fix_that_yields_waits_for_others_of_its_rule(tmp_path: Path, other: str, after: str) -> None:
    """`app` becomes `limit`. Once it has, `slow()` needs no limit of its own, and here becomes `done`."""

    def rules(source: Source) -> Iterator[Finding]:
        names = {node.id: node for node in ast.walk(source.tree) if isinstance(node, ast.Name)}
        if "app" in names:
            place = source.place(names["app"])
            yield report(other, place, Replace(place, "limit"))
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and not node.keywords:
                place = source.place(node)
                change = Replace(place, "done") if "limit" in names else AddArguments(place, (("time_limit", "330"),))
                yield Finding(
                    place, "CEL501", "name", Severity.ERROR, "message", (), Fix(SAFE, "repair it", (change,), True)
                )

    project = Project(tmp_path, {"a.py": "app\nslow()\n"}, rules)
    project.fix()
    assert project.text("a.py") == after


def test_only_what_was_changed_for_a_finding_is_put_back_when_that_stays(tmp_path: Path) -> None:
    """The finding in `a.py` asks for a change of `b.py` that does not cure it; `c.py` has nothing to do with it."""

    def rules(source: Source) -> Iterator[Finding]:
        if source.filename == "a.py":
            there = Source("b.py", b"old\n")
            change = Replace(there.place(there.tree.body[0].value), "new")  # type: ignore[attr-defined]
            yield report("CEL201", source.place(source.tree.body[0]), change)
        yield from dispatches(source)

    project = Project(tmp_path, {"a.py": "f()\n", "b.py": "old\n", "c.py": "f.delay(order)\n"}, rules)
    result = project.fix(SAFE)
    assert (project.text("b.py"), project.text("c.py")) == ("old\n", "f.delay(order.pk)\n")
    assert [failure.filename for failure in result.failures] == ["b.py"]


def test_a_fix_against_which_there_is_an_objection_is_held_back(tmp_path: Path) -> None:
    project = Project(tmp_path, {"a.py": "f(old)\n", "b.py": "old = 1\n"}, across)
    result = fix_project(
        project.check,
        lambda name: project.before[name],
        frozenset({SAFE}),
        False,
        tmp_path,
        lambda finding, read: "not that one" if read("b.py") == b"old = 1\n" else None,
    )
    assert result.files == ()
    assert [result.reasons[finding] for finding in result.held_back] == ["not that one"]
