"""pre-commit with our hooks, in a repository of its own and an environment that it makes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import SWALLOWING_TASK

HERE = Path(__file__).parents[2]
SHIPPED = ("celery_lint", "pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml")
REPAIRED_TASK = SWALLOWING_TASK.replace("        pass\n", "        raise\n")
UNUSED = "x = 1  # noqa: CEL301\n"
NO_NETWORK = ("Temporary failure in name resolution", "Could not find a version", "NewConnectionError")


class Repository:
    """A git repository with a configured pre-commit."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        self.git("init", "--quiet")

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=Someone", "-c", "user.email=someone@example.org")
        command = ["git", *identity, "-c", "commit.gpgsign=false", *arguments]
        return subprocess.run(command, cwd=self.root, check=True, capture_output=True, text=True).stdout.strip()

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def stage(self, name: str, text: str) -> None:
        self.write(name, text)
        self.git("add", name)

    def run_hook(self, hook: str) -> tuple[int, str]:
        """What `git commit` would see: the exit code and the output for the staged files."""
        done = subprocess.run(
            [sys.executable, "-m", "pre_commit", "run", hook],
            cwd=self.root,
            check=False,
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
        output = done.stdout + done.stderr
        if done.returncode not in (0, 1) and any(sign in output for sign in NO_NETWORK):
            pytest.skip("the hook's environment cannot be made without network")
        return done.returncode, output


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """This project as a repository of hooks, at the state in which it is tested."""
    repository = Repository(tmp_path_factory.mktemp("hooks") / "celery-lint")
    for name in SHIPPED:
        source = HERE / name
        if source.is_dir():
            shutil.copytree(source, repository.root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, repository.root / name)
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--message", "as tested")
    return repository


@pytest.fixture(scope="module")
def repository(hooks: Repository, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A project with a committed defect in shop/old.py, whose pre-commit uses our hooks."""
    root = tmp_path_factory.mktemp("user")
    os.environ["PRE_COMMIT_HOME"] = str(root / "cache")
    repository = Repository(root / "project")
    config = (
        f"repos:\n- repo: {hooks.root.as_posix()}\n  rev: {hooks.git('rev-parse', 'HEAD')}\n  hooks:\n"
        "  - id: celery-lint\n    args: [--select, 'CEL002,CEL301']\n"
        "  - id: celery-lint-fix\n    args: [--select, 'CEL002,CEL301']\n"
        "  - id: celery-lint-project\n    args: [--select, CEL301]\n"
    )
    repository.write(".pre-commit-config.yaml", config)
    repository.write("manage.py", "")
    repository.write("shop/old.py", SWALLOWING_TASK)
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--message", "before")
    return repository


@pytest.fixture(autouse=True)
def clean(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    # The hook's own environment is to be used, not the code under test by accident.
    monkeypatch.delenv("PYTHONPATH", raising=False)
    repository.git("reset", "--quiet", "--hard")


@pytest.fixture(scope="module", autouse=True)
def keep_environment() -> object:
    before = os.environ.get("PRE_COMMIT_HOME")
    yield None
    if before is None:
        os.environ.pop("PRE_COMMIT_HOME", None)
    else:
        os.environ["PRE_COMMIT_HOME"] = before


def test_finding_failure_repair_success(repository: Repository) -> None:
    repository.stage("shop/tasks.py", SWALLOWING_TASK)
    code, output = repository.run_hook("celery-lint")
    assert (code, "shop/tasks.py:8:5: CEL301 " in output) == (1, True), output
    assert "shop/old.py" not in output
    repository.stage("shop/tasks.py", REPAIRED_TASK)
    code, output = repository.run_hook("celery-lint")
    assert code == 0, output


def test_the_fixing_hook_changes_the_file_and_passes_when_it_is_staged(repository: Repository) -> None:
    repository.stage("shop/views.py", UNUSED)
    code, output = repository.run_hook("celery-lint-fix")
    assert (code, "files were modified by this hook" in output) == (1, True), output
    assert (repository.root / "shop/views.py").read_text() == "x = 1\n"
    repository.git("add", "shop/views.py")
    assert repository.run_hook("celery-lint-fix")[0] == 0


def test_the_project_hook_reports_on_files_that_did_not_change(repository: Repository) -> None:
    repository.stage("shop/views.py", "x = 1\n")
    code, output = repository.run_hook("celery-lint-project")
    assert (code, "shop/old.py:8:5: CEL301 " in output) == (1, True), output


def test_excluded_files_stay_so_though_pre_commit_names_them(repository: Repository) -> None:
    repository.write("pyproject.toml", '[tool.celery-lint]\nextend-exclude = ["generated"]\n')
    repository.stage("shop/generated/tasks.py", SWALLOWING_TASK)
    assert repository.run_hook("celery-lint")[0] == 0
