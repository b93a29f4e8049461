"""A run is said again only when it would end in the same way."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import celery_lint.cache  # has the grain of dates of its own, which the tests here leave alone
from celery_lint import surroundings
from tests.conftest import SWALLOWING_TASK, Outcome, Workspace

CLEAN = SWALLOWING_TASK.replace("        pass\n", "        raise\n")
PROJECT = {
    "pyproject.toml": '[project]\ndependencies = ["celery>=5.3"]\n[tool.celery-lint]\nextend-select = ["CEL501"]\n',
    ".gitignore": "generated\n",
    "requirements.txt": "django>=4.2\n",
    "requirements/base.txt": "kombu\n",
    "manage.py": "",
    "shop/__init__.py": "",
    "shop/tasks.py": SWALLOWING_TASK,
    "shop/clean.py": CLEAN,
    "shop/generated/tasks.py": SWALLOWING_TASK,
    "inner/celery-lint.toml": 'select = ["CEL301"]\n',
    "inner/tasks.py": SWALLOWING_TASK,
}


@pytest.fixture
def project(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A project with all that a run looks at, in which nothing counts as changed a moment ago."""
    workspace.write(PROJECT)
    (workspace.root / ".git/info").mkdir()
    (workspace.root / "elsewhere").mkdir()
    workspace.write({"elsewhere/more.py": SWALLOWING_TASK, "elsewhere/celery-lint.toml": ""})
    os.symlink("shop", workspace.root / "linked")  # a second name of a folder that is walked anyway
    assert celery_lint.cache.RACY > 0
    monkeypatch.setattr(surroundings, "RACY", -(10**15))
    return workspace


def is_replayed(monkeypatch: pytest.MonkeyPatch, run: Callable[[], Outcome]) -> bool:
    """Whether a run takes its outcome from an earlier one."""
    asked = []
    with monkeypatch.context() as patch:
        patch.setattr("celery_lint.cli._command", lambda *_: asked.append(1) or 0)
        run()
    return not asked


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--output-format", "concise", "-q"),
        ("--output-format=github", "--exit-zero"),
        ("--statistics",),
        ("--output-format", "junit"),
        ("shop", "inner"),
        ("--cache-dir", "kept", "--select", "CEL5,CEL3"),
        ("--cache-dir=kept", "--isolated"),
    ],
)
def test_it_ends_as_the_run_before(
    project: Workspace, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    project.lint(*arguments)  # with it come the folder `kept` and its .gitignore, which a later run walks
    first = project.lint(*arguments)
    assert "CEL301" in first.out
    assert is_replayed(monkeypatch, lambda: project.lint(*arguments))
    assert project.lint(*arguments) == first == project.lint(*arguments, "--no-cache")


def test_colours_are_those_of_the_output(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = project.lint()
    monkeypatch.setenv("FORCE_COLOR", "1")
    colored = project.lint()
    assert "\x1b[" in colored.out
    assert is_replayed(monkeypatch, project.lint)
    assert project.lint() == colored != plain


@pytest.mark.parametrize(
    "arguments",
    [
        ("shop/tasks.py",),
        ("--output-format", "json"),
        ("--output-format", "sarif"),
        ("--output-format", "gitlab"),
        ("--no-cache",),
        ("--fix",),
        ("--diff",),
        ("-v",),
        ("--output-file", "findings.txt"),
        ("no-such-folder",),
    ],
)
def test_what_does_more_than_print_is_done_each_time(
    project: Workspace, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    project.lint(*arguments)
    assert not is_replayed(monkeypatch, lambda: project.lint(*arguments))


def test_the_configuration_decides_on_a_format_with_edits(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write({"pyproject.toml": '[tool.celery-lint]\noutput-format = "json"\n'})
    project.lint()
    assert not is_replayed(monkeypatch, project.lint)


def rewrite(root: Path) -> None:
    """Other content of the same size, under the same date."""
    path = root / "shop/clean.py"
    status = path.stat()
    path.write_text(CLEAN.replace("        raise", "        ..., "))
    assert path.stat().st_size == status.st_size
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def put(name: str, text: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / name).parent.mkdir(exist_ok=True, parents=True)
        (root / name).write_text(text)

    return change


def relink(root: Path) -> None:
    (root / "linked").unlink()
    os.symlink("shop/generated", root / "linked")


CHANGES: dict[str, Callable[[Path], None]] = {
    "other content under the same date": rewrite,
    "a new file": put("shop/more.py", SWALLOWING_TASK),
    "a new folder": put("shop/more/deep/tasks.py", SWALLOWING_TASK),
    "a file less": lambda root: (root / "shop/tasks.py").unlink(),
    "a file by another name": lambda root: (root / "shop/tasks.py").rename(root / "shop/jobs.py"),
    "a folder by another name": lambda root: (root / "shop").rename(root / "store"),
    "the configuration": put("pyproject.toml", '[tool.celery-lint]\nignore = ["CEL3"]\n'),
    "a configuration of its own kind": put("celery-lint.toml", 'ignore = ["CEL3"]\n'),
    "the configuration of a nested project": put("inner/celery-lint.toml", 'select = ["CEL5"]\n'),
    "a project more": put("shop/pyproject.toml", '[tool.celery-lint]\nselect = ["CEL5"]\n'),
    "a project less": lambda root: (root / "inner/celery-lint.toml").unlink(),
    "a mark of a project": put("shop/setup.py", ""),
    "a virtual environment": put("shop/pyvenv.cfg", ""),
    "what git ignores": put(".gitignore", "shop\n"),
    "what git ignores in a folder": put("shop/.gitignore", "tasks.py\n"),
    "what git ignores here": put(".git/info/exclude", "tasks.py\n"),
    "where a link leads": relink,
}


@pytest.mark.parametrize("name", CHANGES)
def test_after_a_change_it_is_a_run_like_any_other(
    project: Workspace, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before = project.lint()
    CHANGES[name](project.root)
    assert not is_replayed(monkeypatch, project.lint)
    after = project.lint()
    assert after == project.lint("--no-cache")
    assert after != before
    assert is_replayed(monkeypatch, project.lint)


def test_a_link_to_itself_hides_nothing(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("shop/loop", "shop/loop.py"):
        os.symlink(project.root / name, project.root / name)
    before = project.lint()
    assert is_replayed(monkeypatch, project.lint)
    project.write({"shop/more.py": SWALLOWING_TASK})
    assert not is_replayed(monkeypatch, project.lint)
    assert project.lint() == project.lint("--no-cache") != before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements.txt", "celery>=5.4\n"),
        ("requirements-dev.in", "celery>=5.4\n"),
        ("requirements/dev.txt", "celery>=5.4\n"),
        ("Pipfile", ""),
        ("setup.cfg", ""),
        ("shop/.git/HEAD", ""),
    ],
)
def test_what_may_count_counts(project: Workspace, monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    project.lint()
    project.write({name: text})
    assert not is_replayed(monkeypatch, project.lint)


@pytest.mark.parametrize("name", ["notes.txt", "shop/data.json", ".git/index", "shop/__pycache__/tasks.pyc"])
def test_what_no_run_looks_at_does_not(project: Workspace, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    project.lint()
    project.write({name: "changed"})
    assert is_replayed(monkeypatch, project.lint)


@pytest.mark.parametrize("arguments", [("--baseline", "../known.json"), ("--config", "../given.toml")])
def test_the_baseline_counts(project: Workspace, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    """It lies outside of all folders that are walked."""
    known = project.root.parent / "known.json"
    project.write({"../given.toml": 'select = ["CEL3"]\nbaseline = "../known.json"\n'})
    written = project.lint(*arguments, "--write-baseline")
    assert written.code == 0
    assert not is_replayed(monkeypatch, lambda: project.lint(*arguments, "--write-baseline"))
    clean = project.lint(*arguments)
    assert clean.code == 0
    assert is_replayed(monkeypatch, lambda: project.lint(*arguments))
    assert project.lint(*arguments) == clean
    text = known.read_text()
    for changed in (text.replace("CEL301", "CEL302"), None, "{}", text):
        if changed is None:
            known.unlink()
        else:
            known.write_text(changed)
        assert not is_replayed(monkeypatch, lambda: project.lint(*arguments))
        assert project.lint(*arguments) == project.lint(*arguments, "--no-cache")
        assert project.lint(*arguments).code == (0 if changed == text else 1 if changed else 2) or changed == "{}"


@pytest.mark.parametrize("name", ["tasks.py", "generated/tasks.py"])
def test_a_file_of_the_baseline_that_goes_counts(
    project: Workspace, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    arguments = ("--baseline", "known.json")
    project.lint(*arguments, "--write-baseline", "shop/tasks.py", "shop/generated/tasks.py")
    project.lint(*arguments)
    assert is_replayed(monkeypatch, lambda: project.lint(*arguments))
    (project.root / "shop" / name).unlink()
    assert project.lint(*arguments) == project.lint(*arguments, "--no-cache")


def test_a_configuration_above_counts(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write({"inner/celery-lint.toml": ""})
    monkeypatch.chdir("shop")
    arguments = ("--cache-dir", "kept")
    project.lint(*arguments)
    project.lint(*arguments)
    assert is_replayed(monkeypatch, lambda: project.lint(*arguments))
    project.write({"pyproject.toml": '[tool.celery-lint]\nignore = ["CEL3"]\n'})
    assert not is_replayed(monkeypatch, lambda: project.lint(*arguments))


def test_another_folder_is_another_run(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = ("--cache-dir", str(project.root / "kept"))
    for _ in range(3):
        before = project.lint(*cache)
    monkeypatch.chdir("shop")
    assert not is_replayed(monkeypatch, lambda: project.lint(*cache))
    assert project.lint(*cache) != before


def test_the_linters_own_files_count(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    package = Path(surroundings.__file__).parent
    assert {str(package), str(package / "rules" / "exceptions")} <= set(surroundings.folders_under(str(package)))
    own = project.root.parent / "package"
    own.mkdir()
    (own / "rule.py").write_text("x = 1\n")
    monkeypatch.setattr("celery_lint.replay.folders_under", lambda _: [str(own)])
    project.lint()
    assert is_replayed(monkeypatch, project.lint)
    (own / "rule.py").write_text("x = 2\n")
    assert not is_replayed(monkeypatch, project.lint)


@pytest.mark.parametrize("what", ["file", "folder", "configuration", "given configuration"])
def test_what_changed_a_moment_ago_may_change_again_unseen(
    project: Workspace, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    project.lint("--cache-dir", "kept", "--select", "CEL9")  # makes the folder in which outcomes are kept
    monkeypatch.setattr(surroundings, "RACY", -(10**11))
    soon = (time.time_ns() + 10**12,) * 2
    given = project.root.parent / "given.toml"
    given.write_text("")
    path = {"file": "shop/tasks.py", "folder": "shop", "configuration": "pyproject.toml"}.get(what, given)
    os.utime(path, ns=soon)
    project.lint("--config", "../given.toml")
    assert not is_replayed(monkeypatch, lambda: project.lint("--config", "../given.toml"))


def test_what_changes_while_it_runs_is_not_kept(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from celery_lint import run

    found = run.find_projects

    def find_and_change(*arguments: object) -> object:
        outcome = found(*arguments)  # type: ignore[arg-type]
        project.write({"pyproject.toml": '[tool.celery-lint]\nignore = ["CEL3"]\n'})
        return outcome

    monkeypatch.setattr(run, "find_projects", find_and_change)
    before = project.lint()
    monkeypatch.undo()
    monkeypatch.chdir(project.root)
    assert project.lint() == project.lint("--no-cache") != before


BREAKS: dict[str, Callable[[str], str]] = {
    "empty": lambda text: "",
    "cut": lambda text: text[:-1],
    "more": lambda text: text + "\nx",
    "no numbers": lambda text: "a b c d e f\n" + text,
    "too few parts": lambda text: "0\n",
    "another command line": lambda text: text.replace("celery", "salary"),
    "another code": lambda text: text.replace("\x001CEL", "\x002CEL").replace("False1", "False7"),
    "backspaces": lambda text: text.replace("except Exception", "\x08" * 16),
    "a cleared screen": lambda text: text.replace("except Exception", "\x1b[2Jpt Exception"),
    "a title for the window": lambda text: text.replace("except Exception", "\x1b]0;abcdefghij\x07 "),
    "a place less": lambda text: text.replace("\0=", "=", 1),
}


@pytest.mark.parametrize("kind", BREAKS)
def test_a_broken_file_is_left_unread(project: Workspace, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    before = project.lint()
    (path,) = (project.root / ".celery_lint_cache").glob("*.run")
    text = path.read_text()
    broken = BREAKS[kind](text)
    assert broken != text
    path.write_text(broken)
    assert not is_replayed(monkeypatch, project.lint)
    assert project.lint() == before


LOOK = """
import os, sys
from celery_lint.cli import main
# What is imported while it runs is looked at as well, and is no part of the project.
from celery_lint import cache, incremental, output, replay, reporters, run, suppressions, surroundings
from celery_lint.reporters import full

top, arguments = sys.argv[1], sys.argv[2:]
looked = set()

def note(path):
    if isinstance(path, (str, os.PathLike)):
        looked.add(os.path.abspath(os.fspath(path)))

def hook(event, arguments):
    if event in ("open", "os.scandir", "os.listdir") and arguments:
        note(arguments[0])

def noting_stat(path, **more):
    note(path)
    return stat(path, **more)

sys.addaudithook(hook)
stat, os.stat = os.stat, noting_stat
try:
    main(["-q", *arguments])
except SystemExit:
    pass
os.stat = stat
noted = {place[0] + os.path.abspath(place[1:]) for place in surroundings._noted}

def is_told(path):
    folder, name = os.path.split(path)
    tells = name.endswith(surroundings.SUFFIXES) or name in surroundings._TELLING or os.path.isdir(path)
    is_listed = f"*{path}" in noted or f"*{path}/requirements" in noted
    return f"={path}" in noted or f"/{path}" in noted or (f"/{folder}" in noted and tells) or is_listed

mine = sorted(path for path in looked if path.startswith(top + "/") and ".celery_lint_cache" not in path)
print("looked at:", len(mine), *(path for path in mine if not is_told(path)), sep="\\n")
"""


@pytest.mark.parametrize("mark", ["manage.py", "celery-lint.toml", "nothing"])
@pytest.mark.parametrize("arguments", [(".",), ("shop/orders",), (".", "--config", "../given.toml")])
@pytest.mark.parametrize("repository", ["folder", "work tree", "none"])
def test_whatever_is_looked_at_is_noted(
    workspace: Workspace, mark: str, arguments: tuple[str, ...], repository: str
) -> None:
    """The project lies below the repository's top, so that the folders above it count too."""
    inner = {f"a/project/{name}": text for name, text in PROJECT.items() if "/" in name}
    workspace.write({**inner, f"a/project/{mark}": "", "a/project/shop/orders/tasks.py": SWALLOWING_TASK})
    workspace.write({"a/given.toml": "", ".gitignore": "*.log\n", "requirements.txt": "celery>=5\n"})
    if repository != "folder":
        (workspace.root / ".git").rmdir()
    if repository == "work tree":
        workspace.write({".git": "gitdir: elsewhere/tree", "elsewhere/tree/commondir": "../common"})
        workspace.write({"elsewhere/common/info/exclude": "*.tmp\n"})
    os.chdir("a/project")
    top = os.fspath(workspace.root)
    workspace.root = Path.cwd()
    outcome = workspace.python("-c", LOOK, top, *arguments)
    assert "Traceback" not in outcome.err
    number, *untold = outcome.lines[outcome.lines.index("looked at:") + 1 :]
    assert int(number) > 20
    assert untold == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs names that are no text")
def test_the_names_of_files_are_not_trusted_to_be_those_of_command_lines(
    project: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = project.lint("--statistics")
    (path,) = (project.root / ".celery_lint_cache").glob("*.run")
    other = path.read_bytes()
    path.unlink()
    findings = project.lint()
    (path,) = (project.root / ".celery_lint_cache").glob("*.run")
    path.write_bytes(other)
    assert not is_replayed(monkeypatch, project.lint)
    assert project.lint() == findings != counts


def test_the_outcomes_kept_longest_ago_go_first(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(celery_lint.cache, "MAX_FILES", 2)
    folder = project.root / ".celery_lint_cache"
    for number, code in enumerate(("CEL3", "CEL5", "CEL2")):
        project.lint("--select", code)
        for path in folder.glob("*.run"):
            if path.stat().st_mtime > 10:
                os.utime(path, (number, number))
    assert len(list(folder.glob("*.run"))) == 2
    assert len(list(folder.glob("*.json"))) == 2
    assert not is_replayed(monkeypatch, lambda: project.lint("--select", "CEL3"))
    assert is_replayed(monkeypatch, lambda: project.lint("--select", "CEL2"))


def test_names_that_are_no_text(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    name = os.fsdecode(b"shop/t\xff.py")
    (project.root / name).write_text(SWALLOWING_TASK)
    first = project.lint()
    assert is_replayed(monkeypatch, project.lint)
    assert project.lint() == first
