"""`--since REV`: what was not there at a revision, whatever has become of the files since."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import SWALLOWING_TASK, Outcome, Repository, Workspace

OTHER_TASK = SWALLOWING_TASK.replace("charge", "refund").replace("pay", "pay_back")
MORE = OTHER_TASK.partition("\n")[2]
SENDING = """\
from shop.tasks import charge


def book(order):
    charge.delay(order.pk)
"""


@pytest.fixture
def repository(workspace: Workspace) -> Repository:
    """A project with an old finding, CEL301 in shop/tasks.py, as its only commit."""
    repository = Repository(workspace.root)
    workspace.write({"manage.py": "", "shop/__init__.py": "", "shop/tasks.py": SWALLOWING_TASK})
    repository.commit()
    return repository


def since(workspace: Workspace, revision: str = "HEAD", *arguments: str) -> Outcome:
    return workspace.lint("--since", revision, "--select", "CEL301,CEL106", "--output-format", "concise", *arguments)


def found(workspace: Workspace, revision: str = "HEAD", *arguments: str) -> list[str]:
    """The places and codes of what is new."""
    outcome = since(workspace, revision, *arguments)
    assert outcome.code == (1 if outcome.out else 0), outcome.err
    return [" ".join(line.split()[:2]) for line in outcome.lines]


class TestWhatIsNew:
    def test_what_was_there_is_not_reported(self, workspace: Workspace, repository: Repository) -> None:
        assert found(workspace) == []

    def test_neither_changed_nor_new_files_need_to_be_committed(
        self, workspace: Workspace, repository: Repository
    ) -> None:
        workspace.write({"shop/tasks.py": SWALLOWING_TASK + MORE, "shop/untracked.py": OTHER_TASK})
        assert found(workspace) == ["shop/tasks.py:16:5: CEL301", "shop/untracked.py:8:5: CEL301"]
        repository.commit()
        assert found(workspace) == []
        assert found(workspace, "HEAD~1") == ["shop/tasks.py:16:5: CEL301", "shop/untracked.py:8:5: CEL301"]

    def test_a_change_is_followed_into_files_that_did_not_change(
        self, workspace: Workspace, repository: Repository
    ) -> None:
        workspace.write({"shop/views.py": SENDING})
        repository.commit()
        workspace.write({"shop/tasks.py": SWALLOWING_TASK.replace("(order_id):", "(order_id, currency):")})
        assert found(workspace) == ["shop/views.py:5:5: CEL106"]

    def test_lines_that_moved_are_the_same(self, workspace: Workspace, repository: Repository) -> None:
        workspace.write({"shop/tasks.py": f"# One more line.\n{SWALLOWING_TASK}"})
        assert found(workspace) == []
        head, _, task = SWALLOWING_TASK.partition("\n\n\n")
        indented = "".join(f"    {line}\n" if line else "\n" for line in task.splitlines())
        workspace.write({"shop/tasks.py": f"{head}\n\nif True:\n{indented}"})
        assert found(workspace) == []

    def test_deleted_lines_bring_nothing_up(self, workspace: Workspace, repository: Repository) -> None:
        workspace.write({"shop/tasks.py": SWALLOWING_TASK + MORE})
        repository.commit()
        workspace.write({"shop/tasks.py": SWALLOWING_TASK})
        assert found(workspace) == []

    def test_an_edited_line_is_new(self, workspace: Workspace, repository: Repository) -> None:
        workspace.write({"shop/tasks.py": SWALLOWING_TASK.replace("Exception:", "BaseException:")})
        assert found(workspace) == ["shop/tasks.py:8:5: CEL301"]

    def test_a_comment_that_no_longer_silences_makes_its_finding_new(
        self, workspace: Workspace, repository: Repository
    ) -> None:
        silenced = SWALLOWING_TASK.replace("        pass", "        pass  # noqa: CEL301")
        silent = SWALLOWING_TASK.replace("Exception:", "Exception:  # noqa: CEL301")
        workspace.write({"shop/tasks.py": silent, "shop/more.py": silenced})
        repository.commit()
        workspace.write({"shop/tasks.py": SWALLOWING_TASK})
        assert "shop/tasks.py:8:5: CEL301" in found(workspace)


class TestFiles:
    @pytest.mark.parametrize("is_staged", [False, True])
    def test_a_file_under_a_new_name(self, workspace: Workspace, repository: Repository, is_staged: bool) -> None:
        (workspace.root / "shop/tasks.py").rename(workspace.root / "shop/jobs.py")
        workspace.write({"shop/jobs.py": SWALLOWING_TASK + MORE})
        if is_staged:
            repository.git("add", "--all")
        assert found(workspace) == ["shop/jobs.py:16:5: CEL301"]

    def test_names_of_any_letters(self, workspace: Workspace, repository: Repository) -> None:
        names = ["shop/grüße.py", "shop/日本.py", "shop/a b.py"]
        names += [] if sys.platform == "win32" else ['shop/"q".py', "shop/new\nline.py"]
        workspace.write(dict.fromkeys(names, SWALLOWING_TASK))
        repository.commit()
        assert found(workspace) == []
        workspace.write(dict.fromkeys(names, SWALLOWING_TASK + MORE))
        assert since(workspace).out.count(":16:5: CEL301") == len(names)

    def test_other_ends_of_lines(self, workspace: Workspace, repository: Repository) -> None:
        workspace.write({"shop/tasks.py": (SWALLOWING_TASK + MORE).replace("\n", "\r\n").encode()})
        assert found(workspace) == ["shop/tasks.py:16:5: CEL301"]

    @pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
    def test_files_behind_links(self, workspace: Workspace, repository: Repository) -> None:
        (workspace.root / "linked.py").symlink_to("shop/tasks.py")
        repository.commit()
        assert found(workspace) == []
        workspace.write({"shop/tasks.py": SWALLOWING_TASK + MORE})
        assert found(workspace) == ["linked.py:16:5: CEL301", "shop/tasks.py:16:5: CEL301"]

    def test_a_file_that_could_not_be_read_then(self, workspace: Workspace, repository: Repository) -> None:
        workspace.write({"shop/tasks.py": "def f(:\n"})
        repository.commit()
        workspace.write({"shop/tasks.py": SWALLOWING_TASK})
        assert found(workspace) == ["shop/tasks.py:8:5: CEL301"]

    def test_standard_input(self, workspace: Workspace, repository: Repository) -> None:
        arguments = ["--since", "HEAD", "--select", "CEL301", "--output-format", "concise", "-"]
        outcome = workspace.lint(*arguments, "--stdin-filename", "shop/tasks.py", stdin=SWALLOWING_TASK + MORE)
        assert [line.split()[0] for line in outcome.lines] == ["shop/tasks.py:16:5:"]
        outcome = workspace.lint(*arguments, "--stdin-filename", "shop/unsaved.py", stdin=SWALLOWING_TASK)
        assert [line.split()[0] for line in outcome.lines] == ["shop/unsaved.py:8:5:"]


class TestRepositories:
    def test_a_branch_is_compared_with_where_it_left(self, workspace: Workspace, repository: Repository) -> None:
        repository.git("checkout", "--quiet", "-b", "topic")
        workspace.write({"shop/more.py": OTHER_TASK})
        repository.commit()
        repository.git("checkout", "--quiet", "main")
        workspace.write({"shop/tasks.py": SWALLOWING_TASK.replace("pass", "raise")})
        repository.commit()
        repository.git("checkout", "--quiet", "topic")
        assert found(workspace, "main") == ["shop/more.py:8:5: CEL301"]

    def test_tags_and_dates(self, workspace: Workspace, repository: Repository) -> None:
        repository.git("tag", "--annotate", "v1", "--message", "first")
        workspace.write({"shop/more.py": OTHER_TASK})
        repository.commit()
        assert found(workspace, "v1") == found(workspace, "HEAD^") == ["shop/more.py:8:5: CEL301"]

    def test_a_project_in_a_folder_of_the_repository(
        self, workspace: Workspace, repository: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        workspace.write({"services/mail/pyproject.toml": "", "services/mail/tasks.py": SWALLOWING_TASK})
        repository.commit()
        monkeypatch.chdir(workspace.root / "services")
        workspace.write({"services/mail/tasks.py": SWALLOWING_TASK + MORE})
        assert found(workspace) == ["mail/tasks.py:16:5: CEL301"]

    def test_another_worktree(
        self, workspace: Workspace, repository: Repository, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        tree = tmp_path_factory.mktemp("trees") / "topic"
        repository.git("worktree", "add", "--quiet", str(tree))
        (tree / "shop/more.py").write_text(OTHER_TASK)
        (path,) = found(workspace, "main", str(tree))
        assert path.endswith("shop/more.py:8:5: CEL301")

    def test_submodules_are_left_alone(
        self, workspace: Workspace, repository: Repository, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        other = Repository(tmp_path_factory.mktemp("other"))
        (other.root / "tasks.py").write_text(SWALLOWING_TASK)
        other.commit()
        repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other.root), "vendor")
        repository.commit()
        (workspace.root / "vendor/tasks.py").write_text(SWALLOWING_TASK + MORE)
        assert found(workspace, "HEAD", "shop") == []
        assert found(workspace) == ["vendor/tasks.py:16:5: CEL301"]

    def test_nothing_of_the_configuration_is_run(self, workspace: Workspace, repository: Repository) -> None:
        trap = f"\"{sys.executable}\" -c \"open('trapped', 'w')\""
        for name in ("diff.external", "diff.python.textconv", "diff.python.command", "core.fsmonitor", "core.pager"):
            repository.git("config", name, trap)
        workspace.write({".gitattributes": "*.py diff=python\n", "shop/tasks.py": SWALLOWING_TASK + MORE})
        assert found(workspace) == ["shop/tasks.py:16:5: CEL301"]
        assert not list(workspace.root.rglob("trapped"))

    def test_in_a_hook(self, workspace: Workspace, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
        workspace.write({"shop/tasks.py": SWALLOWING_TASK + MORE})
        monkeypatch.setenv("GIT_DIR", ".git")
        monkeypatch.setenv("GIT_INDEX_FILE", ".git/next-index-1.lock")
        monkeypatch.chdir(workspace.root / "shop")
        assert found(workspace) == ["tasks.py:16:5: CEL301"]


class TestOtherOptions:
    def test_only_what_is_new_is_fixed(self, workspace: Workspace, repository: Repository) -> None:
        workspace.write({"shop/tasks.py": SWALLOWING_TASK + MORE})
        outcome = since(workspace, "HEAD", "--fix", "--unsafe-fixes")
        assert (outcome.code, outcome.out) == (0, "")
        assert (workspace.root / "shop/tasks.py").read_text() == SWALLOWING_TASK + MORE.replace("pass", "raise")

    def test_only_what_is_new_is_silenced(self, workspace: Workspace, repository: Repository) -> None:
        workspace.write({"shop/tasks.py": SWALLOWING_TASK + MORE})
        outcome = since(workspace, "HEAD", "--add-noqa")
        assert (outcome.code, outcome.out) == (0, "")
        silenced = MORE.replace("except Exception:", "except Exception:  # noqa: CEL301")
        assert (workspace.root / "shop/tasks.py").read_text() == SWALLOWING_TASK + silenced

    def test_an_outcome_is_not_said_again_when_the_revision_is_another(
        self, workspace: Workspace, repository: Repository
    ) -> None:
        workspace.write({"shop/more.py": OTHER_TASK})
        for path in workspace.root.rglob("*.py"):  # as if nothing had changed for long
            os.utime(path, (1e9, 1e9))
        arguments = ("--since", "HEAD", "--select", "CEL301")
        assert workspace.lint(*arguments).code == 1
        assert workspace.lint(*arguments).code == 1
        repository.commit()
        assert workspace.lint(*arguments).code == 0
        assert "2 findings" in workspace.lint("--select", "CEL301").err


class TestMessagesOfBefore:
    """CEL116 is about the revision, so it must stay out of everything that knows none."""

    @pytest.fixture(autouse=True)
    def changed(self, workspace: Workspace, repository: Repository) -> None:
        workspace.write({"shop/views.py": SENDING})
        repository.commit()
        workspace.write({"shop/tasks.py": SWALLOWING_TASK.replace("(order_id):", "(order_id, currency):")})

    def test_it_is_reported_with_a_revision_only(self, workspace: Workspace) -> None:
        for _ in range(2):
            outcome = workspace.lint("--since", "main", "--select", "CEL116")
            assert "`charge` needs `currency`, which messages of `main` lack" in outcome.out
            assert "at `main` it took `order_id`, and shop/views.py:5 had `charge.delay(order.pk)`" in outcome.out
            assert workspace.lint("--select", "CEL116").code == 0

    def test_a_renamed_task_is_told_with_its_old_name_and_place(self, workspace: Workspace) -> None:
        workspace.write({"shop/tasks.py": SWALLOWING_TASK.replace("def charge", "def charge_order")})
        workspace.write({"shop/views.py": SENDING.replace("charge", "charge_order")})
        out = workspace.lint("--since", "main", "--select", "CEL116").out
        assert "registered as `shop.tasks.charge_order`, and was `shop.tasks.charge` at `main`" in out
        assert "at `main` it was `charge` in shop/tasks.py:5" in out

    def test_a_commit_is_shown_by_the_start_of_its_name(self, workspace: Workspace, repository: Repository) -> None:
        commit = repository.git("rev-parse", "HEAD")
        out = workspace.lint("--since", commit, "--select", "CEL116").out
        assert f"messages of `{commit[:10]}` lack" in out

    def test_a_comment_about_it_is_never_called_unused(self, workspace: Workspace) -> None:
        text = (workspace.root / "shop/tasks.py").read_text().replace("currency):", "currency):  # noqa: CEL116")
        workspace.write({"shop/tasks.py": text})
        assert workspace.lint("--select", "CEL002,CEL116").code == 0
        assert workspace.lint("--select", "CEL002,CEL116", "--since", "HEAD").code == 0

    def test_unsaved_content_is_what_is_compared(self, workspace: Workspace, repository: Repository) -> None:
        unsaved = (workspace.root / "shop/tasks.py").read_text()
        repository.git("checkout", "--quiet", "--", "shop/tasks.py")
        arguments = ("--since", "HEAD", "--select", "CEL116", "--output-format", "concise", "-")
        outcome = workspace.lint(*arguments, "--stdin-filename", "shop/tasks.py", stdin=unsaved)
        assert [line.split()[0] for line in outcome.lines] == ["shop/tasks.py:5:22:"]


class TestErrors:
    def error(self, workspace: Workspace, revision: str, *arguments: str) -> str:
        outcome = since(workspace, revision, *arguments)
        assert (outcome.code, outcome.out) == (2, "")
        return outcome.err

    def test_no_such_revision(self, workspace: Workspace, repository: Repository) -> None:
        error = self.error(workspace, "mian")
        assert "--since mian" in error
        assert "has no such revision" in error

    @pytest.mark.parametrize("revision", ["HEAD..main", "HEAD:shop/tasks.py", ":/nothing like it", " "])
    def test_what_is_no_commit(self, workspace: Workspace, repository: Repository, revision: str) -> None:
        assert "has no such revision" in self.error(workspace, revision)

    @pytest.mark.parametrize("revision", ["--all", "--output=trapped", "-h", ""])
    def test_options_of_git_are_no_revisions(self, workspace: Workspace, repository: Repository, revision: str) -> None:
        outcome = workspace.lint(f"--since={revision}", "shop")
        assert (outcome.code, outcome.out) == (2, "")
        assert "is not the name of a revision" in outcome.err

    def test_no_commit(self, workspace: Workspace) -> None:
        Repository(workspace.root)
        workspace.write({"tasks.py": SWALLOWING_TASK})
        assert "has no commit yet" in self.error(workspace, "main")

    def test_no_repository(self, workspace: Workspace) -> None:
        workspace.write({"tasks.py": SWALLOWING_TASK})
        assert "is not in a git repository" in self.error(workspace, "HEAD")

    def test_no_git(self, workspace: Workspace, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(workspace.root / "nothing"))
        assert "git is not installed" in self.error(workspace, "HEAD")

    @pytest.mark.skipif(sys.platform == "win32", reason="a program is found by its name's end there")
    def test_git_is_never_one_of_the_project(
        self, workspace: Workspace, repository: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = workspace.root / "git"
        path.write_text("#!/bin/sh\ntouch trapped\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", ".")
        assert "git is not installed" in self.error(workspace, "HEAD")
        assert not (workspace.root / "trapped").exists()

    def test_no_common_history(self, workspace: Workspace, repository: Repository) -> None:
        repository.git("checkout", "--quiet", "--orphan", "other")
        workspace.write({"shop/more.py": OTHER_TASK})
        repository.commit()
        assert "no commit in common" in self.error(workspace, "main")

    @pytest.mark.parametrize("revision", ["HEAD~1", "v0"])
    def test_a_shallow_clone(
        self,
        workspace: Workspace,
        repository: Repository,
        tmp_path_factory: pytest.TempPathFactory,
        revision: str,
    ) -> None:
        repository.git("tag", "v0")
        workspace.write({"shop/more.py": OTHER_TASK})
        repository.commit()
        clone = tmp_path_factory.mktemp("clones") / "shop"
        address = Path(workspace.root).as_uri()
        command = ["git", "clone", "--quiet", "--depth", "1", "--no-tags", address, str(clone)]
        subprocess.run(command, check=True, capture_output=True)
        error = self.error(workspace, revision, str(clone))
        assert "shallow clone" in error
        assert "git fetch --deepen" in error
        assert "fetch-depth: 0" in error

    def test_projects_that_can_be_compared_are_checked(
        self, workspace: Workspace, repository: Repository, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        (elsewhere / "pyproject.toml").touch()
        (elsewhere / "tasks.py").write_text(SWALLOWING_TASK)
        workspace.write({"shop/more.py": OTHER_TASK})
        outcome = since(workspace, "HEAD", ".", str(elsewhere))
        assert outcome.code == 2
        assert outcome.out.startswith("shop/more.py:8:5: CEL301")
