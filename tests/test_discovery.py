"""Which root, which files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from celery_lint.configuration import ConfigurationError, Settings
from celery_lint.discovery import discover, root_of
from tests.conftest import Workspace


def asked(*paths: str, settings: Settings = Settings()) -> dict[str, list[str]]:
    """The files to check by root, relative to the working directory."""
    found = discover(map(Path, paths), lambda root: settings)
    assert not found.errors
    here = Path.cwd()
    return {
        project.root.relative_to(here).as_posix(): list(project.asked) for project in found.projects if project.asked
    }


def known(*paths: str, settings: Settings = Settings()) -> list[str]:
    """Every file that the one project of the paths knows."""
    (project,) = discover(map(Path, paths), lambda root: settings).projects
    return list(project.files)


def touch(*names: str) -> None:
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.usefixtures("workspace")
class TestRoot:
    @pytest.mark.parametrize("marker", ["pyproject.toml", "manage.py", "setup.cfg", "setup.py", "celery-lint.toml"])
    def test_the_nearest_marker_counts(self, marker: str) -> None:
        touch("manage.py", f"backend/{marker}", "backend/shop/tasks.py")
        assert root_of(Path("backend/shop")) == Path("backend").absolute()

    def test_a_repository_ends_the_search(self, workspace: Workspace) -> None:
        (workspace.root / "outer").mkdir()
        touch("manage.py", "outer/pkg/tasks.py")
        (workspace.root / "outer/.git").mkdir()
        assert root_of(Path("outer/pkg")) == Path("outer").absolute()

    def test_a_configuration_above_claims_what_lies_below(self, workspace: Workspace) -> None:
        workspace.write({"pyproject.toml": "[tool.celery-lint]\n", "libs/a/pyproject.toml": "[project]\n"})
        touch("libs/a/tasks.py")
        assert root_of(Path("libs/a")) == workspace.root
        assert asked(".") == {".": ["libs/a/tasks.py"]}

    def test_the_members_of_a_workspace_are_one_project(self, workspace: Workspace) -> None:
        workspace.write({"pyproject.toml": "[tool.uv.workspace]\n", "libs/a/pyproject.toml": "[project]\n"})
        assert root_of(Path("libs/a")) == workspace.root

    def test_a_file_has_the_same_project_whatever_was_asked_for(self) -> None:
        touch("manage.py", "shop/tasks.py", "libs/a/setup.py", "libs/a/a/tasks.py")
        whole = {".": ["manage.py", "shop/tasks.py"], "libs/a": ["a/tasks.py", "setup.py"]}
        assert asked(".") == whole
        assert asked("libs", ".", "shop/tasks.py") == whole
        assert asked("libs/a/a/tasks.py", "shop") == {".": ["shop/tasks.py"], "libs/a": ["a/tasks.py"]}

    def test_without_any_marker_the_package_tells(
        self, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bare = tmp_path_factory.mktemp("bare")
        (bare / "shop/orders").mkdir(parents=True)
        for name in ("shop/__init__.py", "shop/orders/__init__.py", "shop/orders/tasks.py"):
            (bare / name).touch()
        assert root_of(bare / "shop/orders") == bare
        monkeypatch.chdir(bare / "shop")
        assert root_of(Path("orders")) == bare / "shop"


@pytest.mark.usefixtures("workspace")
class TestFiles:
    def test_the_whole_project_is_known_and_the_asked_files_are_checked(self) -> None:
        touch("shop/tasks.py", "shop/models.py", "shop/gui.pyw", "shop/readme.md")
        assert asked("shop/tasks.py") == {".": ["shop/tasks.py"]}
        assert known("shop/tasks.py") == ["shop/gui.pyw", "shop/models.py", "shop/tasks.py"]

    def test_a_file_named_outright_needs_no_suffix(self) -> None:
        touch("bin/worker", "shop/tasks.py")
        assert asked("bin/worker") == {".": ["bin/worker"]}
        assert known("bin/worker") == ["bin/worker", "shop/tasks.py"]

    def test_environments_and_caches_are_left_out(self) -> None:
        touch("shop/tasks.py", ".venv/lib/x.py", "node_modules/x.py", "build/x.py", "a/__pycache__/x.py")
        touch("my-env/pyvenv.cfg", "my-env/lib/python3/site-packages/celery/x.py", "lib/site-packages/x.py")
        assert asked(".") == {".": ["shop/tasks.py"]}
        assert known(".") == ["shop/tasks.py"]

    def test_a_folder_named_outright_is_walked_though_left_out(self) -> None:
        touch("build/a.py", "build/b/c.py", "legacy/old/x.py", "shop.py")
        assert asked("build") == {".": ["build/a.py", "build/b/c.py"]}
        settings = Settings(extend_exclude=("legacy",))
        assert asked(".", settings=settings) == {".": ["shop.py"]}
        assert asked("legacy/old", settings=settings) == {".": ["legacy/old/x.py"]}

    def test_excluding_is_about_reporting(self) -> None:
        touch("shop/tasks.py", "shop/migrations/0001.py", "config/settings.py", "build/x.py")
        settings = Settings(extend_exclude=("migrations", "config/*"))
        assert asked(".", settings=settings) == {".": ["shop/tasks.py"]}
        assert known(".", settings=settings) == [
            "config/settings.py",
            "shop/migrations/0001.py",
            "shop/tasks.py",
        ]
        assert asked(".", settings=Settings(exclude=("shop",))) == {".": ["build/x.py", "config/settings.py"]}

    def test_excluded_files_named_outright_are_checked_unless_forced(self) -> None:
        touch("shop/migrations/0001.py", "shop/tasks.py")
        excluding = Settings(extend_exclude=("migrations",))
        forcing = Settings(extend_exclude=("migrations",), force_exclude=True)
        paths = ("shop/migrations/0001.py", "shop/tasks.py")
        assert asked(*paths, settings=excluding) == {".": list(paths)}
        assert asked(*paths, settings=forcing) == {".": ["shop/tasks.py"]}
        assert asked("shop/migrations", settings=forcing) == {}

    def test_what_is_never_the_projects_own_is_left_out_by_force_as_well(self) -> None:
        touch(".venv/x.py", "shop/node_modules/y.py", "shop/tasks.py")
        paths = (".venv/x.py", "shop/node_modules/y.py", "shop/tasks.py")
        assert asked(*paths) == {".": sorted(paths)}
        forcing = Settings(force_exclude=True)
        assert asked(*paths, settings=forcing) == {".": ["shop/tasks.py"]}
        assert asked("shop/node_modules", ".venv", settings=forcing) == {}

    def test_missing_paths_are_complaints_and_the_others_go_on(self) -> None:
        touch("shop/tasks.py")
        found = discover([Path("nowhere"), Path("shop")], lambda root: Settings())
        assert found.errors == ("nowhere: no such file or directory",)
        assert [project.asked for project in found.projects] == [("shop/tasks.py",)]

    def test_a_project_whose_configuration_is_wrong_does_not_stop_the_others(self) -> None:
        touch("a/manage.py", "b/manage.py")

        def load(root: Path) -> Settings:
            if root.name == "a":
                raise ConfigurationError("a: wrong")
            return Settings()

        found = discover([Path("a"), Path("b")], load)
        assert found.errors == ("a: wrong",)
        assert [project.root.name for project in found.projects] == ["b"]

    @pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
    def test_links(self, workspace: Workspace) -> None:
        touch("shop/tasks.py", "elsewhere/shared/helpers.py", ".venv/lib/site-packages/dep/x.py")
        outside = workspace.root / "elsewhere"
        (workspace.root / "project").mkdir()
        touch("project/manage.py", "project/pkg/a.py")
        for link, target in {
            "project/pkg/loop": "..",
            "project/a_first": "pkg",
            "project/shared": str(outside / "shared"),
            "project/dep": "../.venv/lib/site-packages/dep",
            "project/broken.py": "nothing.py",
            "project/linked.py": "pkg/a.py",
        }.items():
            os.symlink(target, link)
        # Each real folder once, under its own name; the link from outside is part of the project.
        assert asked("project") == {"project": ["linked.py", "manage.py", "pkg/a.py", "shared/helpers.py"]}


IGNORE_FILES = {
    ".gitignore": """\
        # comment
        *.gen.py
        /only_top.py
        local/
        docs/**/build
        **/deep.py
        trailing.py\x20\x20
        \\#hash.py
        [Tt]mp_?.py
        keep_*.py
        !keep_me.py
        a/*/c.py
        foo/**
        !foo/kept.py
    """,
    "pkg/.gitignore": "!x.gen.py\n/inner.py\n*.tmp.py\n",
    "pkg/sub/.gitignore": "*.py\n!sub.py\n",
}
CANDIDATES = [
    *(
        "x.gen.py",
        "pkg/x.gen.py",
        "pkg/y.gen.py",
        "only_top.py",
        "pkg/only_top.py",
        "local/a.py",
        "pkg/local/a.py",
    ),
    *("local.py", "docs/build/a.py", "docs/x/y/build/a.py", "docs/building/a.py", "deep.py", "q/w/deep.py"),
    *("trailing.py", "#hash.py", "tmp_1.py", "Tmp_2.py", "tmp_33.py", "keep_it.py", "keep_me.py", "a/b/c.py"),
    *("a/b/b/c.py", "foo/x.py", "foo/kept.py", "pkg/inner.py", "pkg/sub/inner.py", "pkg/sub/sub.py"),
    *("pkg/q.tmp.py", "q.tmp.py", "plain.py"),
]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is the judge")
@pytest.mark.parametrize("top", [".", "pkg", "pkg/sub", "foo"])
def test_gitignore_is_read_as_git_reads_it(workspace: Workspace, top: str) -> None:
    shutil.rmtree(workspace.root / ".git")
    subprocess.run(["git", "init", "--quiet"], check=True)
    workspace.write(IGNORE_FILES)
    workspace.write({".git/info/exclude": "plain.py\n"})
    touch(*CANDIDATES)
    listed = subprocess.run(
        ["git", "-c", "core.excludesFile=", "ls-files", "--others", "--exclude-standard", "-z", top],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    expected = sorted(name for name in listed if name.endswith(".py"))
    assert asked(top).get(".", []) == expected


def test_a_project_below_the_repositorys_top_heeds_its_ignore_file(workspace: Workspace) -> None:
    workspace.write({".gitignore": "/backend/gen/\nskipped.py\n", "backend/manage.py": ""})
    touch("backend/gen/a.py", "backend/x/skipped.py", "backend/x/b.py", "backend/x/gen/c.py")
    assert asked("backend") == {"backend": ["manage.py", "x/b.py", "x/gen/c.py"]}
