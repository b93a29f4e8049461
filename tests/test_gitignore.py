"""`.gitignore` files are read as git reads them: git itself is the judge."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from celery_lint.gitignore import Ignores

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is the judge")

FOLDERS = ["", "a/", "a/b/", "a/b/a/", "b/", "ab/", "a-b/", "a/[b]/", "!a/", "b /", "py.py/"]
NAMES = ["a.py", "b.py", "ab.py", "a.pyw", "-.py", "#a.py", "!a.py", "[b].py", "a b.py", "\\a.py", "*.py", "a].py"]
PATHS = [folder + name for folder in FOLDERS for name in NAMES]
PIECES = [
    *("a", "b", "ab", ".py", ".pyw", "a.py", "py", "/", "//", "**", "***", "/**/", "**/", "/**", "*", "?", "!", "#"),
    *("[ab]", "[!a]", "[^a]", "[]a]", "[a-c]", "[c-a]", "[a-]", "[-a]", "[[:alpha:]]", "[[:punct:]b]", "[[:x:]]", "["),
    *(
        "[a",
        "]",
        "[\\]]",
        "[a\\-c]",
        "\\",
        "\\a",
        "\\*",
        "\\ ",
        " ",
        "  ",
        "\t",
        "\\#",
        "\\!",
        "-",
        "[!-]",
        "[/]",
        "\r",
    ),
]
LINES = st.lists(st.sampled_from(PIECES), max_size=5).map("".join)
TEXTS = st.lists(LINES, max_size=4).map("\n".join)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "--quiet", root], check=True)
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    return root


def by_git(root: Path) -> set[str]:
    listed = subprocess.run(
        ["git", "-c", "core.excludesFile=", "-c", "core.ignoreCase=false", "check-ignore", "--stdin", "-z"],
        cwd=root,
        input="\0".join(PATHS).encode(),
        capture_output=True,
        check=False,
    )
    assert listed.returncode in (0, 1), listed.stderr
    return set(filter(None, listed.stdout.decode().split("\0")))


def by_us(root: Path) -> set[str]:
    """The paths that a walk from the root would not come to."""
    ignored: set[str] = set()
    holding = {"": Ignores.above(root).inside(os.fspath(root), "")}
    for base in sorted(FOLDERS):
        parent, _, name = base.removesuffix("/").rpartition("/")
        above = f"{parent}/" if parent else ""
        if base and (above in ignored or holding[above].ignores_folder(base.removesuffix("/"), name)):
            ignored.add(base)
        if base:
            holding[base] = holding[above].inside(os.fspath(root / base), base)
        kept = () if base in ignored else holding[base].kept_files(base, NAMES)
        ignored.update(base + name for name in NAMES if name not in kept)
    return ignored - set(FOLDERS)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(top=TEXTS, inner=TEXTS | st.just(""), excluded=TEXTS | st.just(""))
@example(top="*\n!*/\n!a.py", inner="", excluded="")
@example(top="/a/**/a.py\n!a/b/a/", inner="/b/", excluded="ab")
@example(top="a**/a\nb/a[ab]**/a.py\na-**", inner="", excluded="")
@example(top="a\n", inner="!a.py", excluded="")
@example(top="\ufeffa.py\r\nb.py \r\n[b].py\\ ", inner="", excluded="b.py")
@example(top="a/**\n!a/b/\nb\\ ", inner="", excluded="")
@example(top="/a.py\na[!x]a.py", inner="/b/[^y]a.py", excluded="/b.py")
@example(top="[!a]*\n![[:alnum:]].py", inner="**", excluded="")
@example(top="[a-[!-]", inner="", excluded="")
def test_git_agrees(repository: Path, top: str, inner: str, excluded: str) -> None:
    (repository / ".gitignore").write_bytes(top.encode())
    (repository / "a/.gitignore").write_bytes(inner.encode())
    (repository / ".git/info/exclude").write_bytes(excluded.encode())
    assert by_us(repository) == by_git(repository)


def test_another_work_tree_has_the_excludes_of_its_repository(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=Someone", "-c", "user.email=someone@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path / "main", check=True, capture_output=True)

    (tmp_path / "main").mkdir()
    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "-m", "Start")
    git("worktree", "add", "--quiet", "../other")
    (tmp_path / "main/.git/info").mkdir(exist_ok=True)
    (tmp_path / "main/.git/info/exclude").write_text("a.py\n")
    assert Ignores.above(tmp_path / "other").kept_files("", ["a.py", "b.py"]) == ["b.py"]
