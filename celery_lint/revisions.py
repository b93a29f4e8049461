"""A project's Python files as they were at a revision, asked of git.

git is run without a shell, by commands that call no diff program, filter or hook of the
repository's configuration. What it says is parsed in its NUL-separated form, so that a
file's name may hold anything.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from celery_lint.surroundings import SUFFIXES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

# A hook is run with these set to the repository that it belongs to; the project's own is looked for instead.
_OF_ANOTHER = frozenset(
    """GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_PREFIX GIT_COMMON_DIR GIT_NAMESPACE GIT_LITERAL_PATHSPECS
    GIT_GLOB_PATHSPECS GIT_NOGLOB_PATHSPECS GIT_ICASE_PATHSPECS""".split()
)
_FILES = ("100644", "100755", "100664")
"""The modes of plain files in a tree; links and submodules have others."""
_ALIKE = 0.5
"""How much of two files' lines must be the same for one to be the other under a new name, as with git."""
_MANY = 100_000
"""With more pairs of files than this only names and whole contents are compared."""


class RevisionError(Exception):
    """A revision that files cannot be compared with; the message names it, and the way out."""


@dataclass(frozen=True)
class Earlier:
    """A project's files as they were at a revision. All names are relative to the project's root."""

    revision: str
    """The revision as the user wrote it."""
    texts: Mapping[str, bytes]
    """What stood in the files that were other than they are, by the names of then."""
    files: frozenset[str]
    """All files of the project then."""
    origins: Mapping[str, str | None]
    """For each file of now that is other or was not there: its name then, None for a new one."""

    def name_of(self, filename: str) -> str | None:
        """The name that a file of now had; None when it was not there."""
        return self.origins.get(filename, filename)


def read_earlier(root: Path, files: Collection[str], revision: str, belonged: Callable[[str], bool]) -> Earlier:
    """The files of the project in `root` as they were where the checked-out commit left `revision`.

    That is `revision` itself, or the newest commit that both have in common. `files` are
    those of now, committed or not; `belonged` tells of a file that is gone whether it was
    one of the project's. Raises RevisionError.
    """
    git = _Git(root, revision)
    base = git.base()
    present = frozenset(files)
    there = git.files(base)
    aliases = _aliases(root, (name for name in present if not there.get(name)), there)
    contents = {}
    for name in git.changed(base):
        content = there.get(name)
        if content and (name in present or (not _exists(root, name) and belonged(name))):
            contents[name] = content
    texts = git.contents(contents)
    for name in [name for name in texts if name in present and _read(root, name) == texts[name]]:
        del texts[name]  # only its dates are others
    texts.update((name, texts[real]) for name, real in aliases.items() if real in texts)
    gone = {name: data for name, data in texts.items() if name not in present}
    added = {name for name in present if not there.get(name) and name not in aliases}
    moved = _moved({name: _read(root, name) for name in added}, gone) if gone else {}
    origins: dict[str, str | None] = {name: name for name in texts if name in present}
    origins.update((name, moved.get(name)) for name in added)
    return Earlier(revision, texts, (present - added) | texts.keys(), origins)


def _aliases(root: Path, names: Iterable[str], there: Mapping[str, str]) -> dict[str, str]:
    """For files that are reached by symbolic links, their own names, if git has them."""
    real_root = os.path.join(os.path.realpath(root), "")
    found = {}
    for name in names:
        real = os.path.realpath(os.path.join(root, name)).removeprefix(real_root).replace(os.sep, "/")
        if real != name and there.get(real):
            found[name] = real
    return found


def _moved(added: Mapping[str, bytes], gone: Mapping[str, bytes]) -> dict[str, str]:
    """For files that have come, the one that has gone of which each was made, told from what is in them."""
    is_thorough = len(added) * len(gone) <= _MANY
    now = {name: _Lines(data) for name, data in added.items()}
    then = {name: _Lines(data) for name, data in gone.items()}
    pairs = []
    for name, lines in now.items():
        for other, others in then.items():
            has_same_end = os.path.basename(name) == os.path.basename(other)
            if is_thorough or has_same_end or lines.data == others.data:
                likeness = lines.likeness(others)
                if likeness >= _ALIKE:
                    pairs.append((-likeness, not has_same_end, name, other))
    found: dict[str, str] = {}
    taken = set()
    for _, _, name, other in sorted(pairs):
        if name not in found and other not in taken:
            found[name] = other
            taken.add(other)
    return found


class _Lines:
    """The lines of a file, however they end, and how often each stands there."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._counts = Counter(line for line in map(bytes.strip, data.splitlines()) if line)
        self._total = self._counts.total()

    def likeness(self, other: _Lines) -> float:
        """The part of both files' lines that both have, from 0 to 1; empty files are like none."""
        total = self._total + other._total
        if not total or 2 * min(self._total, other._total) < _ALIKE * total:
            return 0
        return 2 * (self._counts & other._counts).total() / total


def _exists(root: Path, name: str) -> bool:
    return os.path.lexists(os.path.join(root, name))


def _read(root: Path, name: str) -> bytes:
    try:
        with open(os.path.join(root, name), "rb") as file:
            return file.read()
    except OSError:
        return b""


class _Git:
    """git, run in a project's root."""

    def __init__(self, root: Path, revision: str) -> None:
        import shutil

        program = shutil.which("git")
        if program is None or not os.path.isabs(program):  # never one of the working directory
            raise RevisionError(f"--since {revision}: git is not installed, or not on the PATH")
        self._program = program
        self._root = root
        self._revision = revision

    def base(self) -> str:
        """The commit to compare with: where the checked-out one left the revision."""
        if not self._revision or self._revision.startswith("-") or "\0" in self._revision:
            raise RevisionError(f"--since: {self._revision!r} is not the name of a revision")
        code, out, error = self._run("merge-base", self._revision, "HEAD")
        if code == 0 and out.strip():
            return out.split(b"\n")[0].decode("ascii")
        raise RevisionError(f"--since {self._revision}: {self._reason(code, error)}")

    def _reason(self, code: int, error: str) -> str:
        """Why there is no common commit, and what to do."""
        if "not a git repository" in error:
            return f"{self._root} is not in a git repository"
        if "dubious ownership" in error:
            return (
                f"git does not trust {self._root}, which belongs to somebody else: see `safe.directory` in its manual"
            )
        if code not in (1, 128) or (code == 128 and "ot a valid" not in error):
            return f"git fails: {_told(error, code)}"
        if self._run("rev-parse", "--verify", "--quiet", "HEAD")[0] != 0:
            return f"the repository of {self._root} has no commit yet"
        reason = (
            f"the repository of {self._root} has no such revision"
            if code == 128
            else "it has no commit in common with what is checked out"
        )
        if self._run("rev-parse", "--is-shallow-repository")[1].strip() == b"true":
            return (
                f"{reason}, as far as this shallow clone goes: get more of the history, with `git fetch --unshallow`,"
                " `git fetch --deepen=100`, or `fetch-depth: 0` for GitHub's checkout action"
            )
        return f"{reason}: is a `git fetch` needed?" if code == 128 else reason

    def files(self, commit: str) -> dict[str, str]:
        """The Python files of a commit under the root, with the name of each one's content; none for a link."""
        found = {}
        for entry in self._parts("ls-tree", "-r", "-z", commit):
            about, _, path = entry.partition(b"\t")
            mode, kind, content = about.decode("ascii").split()
            name = os.fsdecode(path)
            if kind == "blob" and name.endswith(SUFFIXES):
                found[name] = content if mode in _FILES else ""
        return found

    def changed(self, commit: str) -> Iterator[str]:
        """The files of a commit that are not, or may not be, as they were."""
        command = ("diff-index", "-z", "--name-only", "--relative", "--no-renames", "--no-ext-diff", "--no-textconv")
        for path in self._parts(*command, "--ignore-submodules=all", commit, "--", "."):
            yield os.fsdecode(path)

    def contents(self, names: Mapping[str, str]) -> dict[str, bytes]:
        """What is in files, by their contents' names."""
        if not names:
            return {}
        asked = "".join(f"{content}\n" for content in names.values()).encode("ascii")
        out = self._output("cat-file", "--batch", given=asked)
        found = {}
        position = 0
        for name in names:
            end = out.index(b"\n", position)
            header = out[position:end].split()
            if header[1:2] != [b"blob"]:
                raise RevisionError(f"--since {self._revision}: git has lost what was in {name}: try `git fsck`")
            position = end + 1 + int(header[2])
            found[name] = out[end + 1 : position]
            position += 1
        return found

    def _parts(self, *words: str) -> Sequence[bytes]:
        return self._output(*words).split(b"\0")[:-1]

    def _output(self, *words: str, given: bytes = b"") -> bytes:
        code, out, error = self._run(*words, given=given)
        if code != 0:
            raise RevisionError(f"--since {self._revision}: git {words[0]} fails: {_told(error, code)}")
        return out

    def _run(self, *words: str, given: bytes = b"") -> tuple[int, bytes, str]:
        """The exit code, the output and the complaint of a command of git."""
        import subprocess  # takes long to import, and few runs need it

        environment = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER}
        # No optional writes to the repository, no program that watches files, and messages that can be told apart.
        environment.update(GIT_OPTIONAL_LOCKS="0", LC_ALL="C", LANGUAGE="C")
        options = ("-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "--no-pager")
        try:
            done = subprocess.run(
                [self._program, *options, *words],
                cwd=self._root,
                env=environment,
                input=given,
                capture_output=True,
                check=False,
            )
        except OSError as error:
            raise RevisionError(f"--since {self._revision}: git cannot be run: {error.strerror or error}") from None
        return done.returncode, done.stdout, done.stderr.decode("utf-8", "replace")


def _told(error: str, code: int) -> str:
    """What git complains of, in one line."""
    lines = [line.removeprefix("fatal: ") for line in error.splitlines() if line.startswith("fatal: ")]
    return lines[0] if lines else " ".join(error.split()) or f"exit code {code}"
