"""What git ignores, read from `.gitignore` files as git reads them.

The rules are those of gitignore(5) and of git's `wildmatch.c`, with two limits: a
`?` is one character and not one byte, and the user's own global file
(`core.excludesFile`) is not read, so that findings do not depend on whose machine
it is. Own code rather than a library: a walk asks about every file and folder of a
project, and is done before a library has matched the first hundred.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from celery_lint.patterns import may_end_file
from celery_lint.records import record
from celery_lint.surroundings import note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


class Gitignore:
    """One file of patterns.

    `base` is the folder that it stands in, relative to the root of the walk, with
    a trailing slash, or empty for the root itself. For a file that stands above
    the root, `above` is the path from there down to the root.
    """

    def __init__(self, text: str, *, base: str = "", above: str = "") -> None:
        self._base = len(base)
        self._above = above
        lines = text.removeprefix("\ufeff").split("\n")
        self._rules = [rule for line in lines if (rule := _rule(line.removesuffix("\r"))) is not None]
        # Most entries match nothing: one expression or two say so.
        about_files = [rule for rule in self._rules if rule.may_match_file]
        self._folders = _any(self._rules, is_for_name=True), _any(self._rules, is_for_name=False)
        self._files = _any(about_files, is_for_name=True), _any(about_files, is_for_name=False)

    @property
    def is_empty(self) -> bool:
        return not self._rules

    def noticed(self, base: str, names: Iterable[str]) -> list[str]:
        """Those of the files in a folder that any pattern matches: for most folders none."""
        about_names, about_paths = self._files
        found = [name for name in names if about_names.fullmatch(name)] if about_names else []
        if about_paths:
            folder = self._above + base[self._base :]
            found += [name for name in names if about_paths.fullmatch(folder + name)]
        return found

    def verdict(self, path: str, name: str, *, is_folder: bool) -> bool | None:
        """True: ignored. False: named by a `!` pattern. None: this file has no word on it.

        `path` is that of an entry below the file's folder; `name` is its last part.
        """
        path = self._above + path[self._base :]
        about_names, about_paths = self._folders if is_folder else self._files
        if not (
            (about_names is not None and about_names.fullmatch(name))
            or (about_paths is not None and about_paths.fullmatch(path))
        ):
            return None
        for rule in reversed(self._rules):
            if (is_folder or rule.may_match_file) and rule.expression.fullmatch(name if rule.is_for_name else path):
                return not rule.is_negated
        return None


class Ignores:
    """The files of patterns that hold in one folder, the nearest first."""

    def __init__(self, files: tuple[Gitignore, ...] = ()) -> None:
        self._files = files

    @classmethod
    def above(cls, root: Path) -> Ignores:
        """What holds at `root` by files that stand elsewhere: in the folders above it, and in `.git`."""
        found: list[Gitignore] = []
        above = ""
        folder = root
        while not _is_repository(folder):
            if folder.parent == folder:
                return cls()  # no repository, and so nothing that git would ignore above
            above = f"{folder.name}/{above}"
            folder = folder.parent
            found.append(Gitignore(_text(folder / ".gitignore"), above=above))
        found.append(Gitignore(_text(_git_folder(folder / ".git") / "info" / "exclude"), above=above))
        return cls(tuple(each for each in found if not each.is_empty))

    def inside(self, folder: str, base: str) -> Ignores:
        """What holds in a folder that has a `.gitignore`; `base` is its path from the root, as in `Gitignore`."""
        own = Gitignore(_text(f"{folder}/.gitignore"), base=base)
        return self if own.is_empty else Ignores((own, *self._files))

    def ignores_folder(self, path: str, name: str) -> bool:
        """Whether git ignores a folder in this one; `name` is the last part of its path from the root."""
        return self._ignores(path, name, is_folder=True)

    def kept_files(self, base: str, names: Sequence[str]) -> Sequence[str]:
        """Those of the files in this folder that git does not ignore; `base` is the folder, as in `Gitignore`."""
        noticed = {name for patterns in self._files for name in patterns.noticed(base, names)}
        return (
            [name for name in names if name not in noticed or not self._ignores(base + name, name, is_folder=False)]
            if noticed
            else names
        )

    def _ignores(self, path: str, name: str, *, is_folder: bool) -> bool:
        for patterns in self._files:
            verdict = patterns.verdict(path, name, is_folder=is_folder)
            if verdict is not None:
                return verdict
        return False


@record()
class _Rule:
    """One pattern; without a slash inside it is matched against names alone."""

    expression: re.Pattern[str]
    is_negated: bool
    is_for_name: bool
    may_match_file: bool


def _any(rules: Iterable[_Rule], *, is_for_name: bool) -> re.Pattern[str] | None:
    """One expression for all of those rules; None when there are none."""
    expressions = [rule.expression.pattern for rule in rules if rule.is_for_name is is_for_name]
    return re.compile("|".join(expressions), re.DOTALL) if expressions else None


def _rule(line: str) -> _Rule | None:
    """What a line says; None for a comment, an empty line, or a pattern that can match nothing."""
    pattern = _without_trailing_spaces(line)
    if pattern.startswith("#"):
        return None
    is_negated = pattern.startswith("!")
    pattern = pattern.removeprefix("!")
    is_for_folders = pattern.endswith("/")
    pattern = pattern.removesuffix("/")
    is_for_name = "/" not in pattern
    expression = _translate(pattern.removeprefix("/"))
    if not expression:
        return None
    may_match_file = not is_for_folders and may_end_file(pattern)
    return _Rule(re.compile(expression, re.DOTALL), is_negated, is_for_name, may_match_file)


def _without_trailing_spaces(line: str) -> str:
    """The line without the spaces at its end, but for one that a backslash keeps."""
    stripped = line.rstrip(" ")
    backslashes = len(stripped) - len(stripped.rstrip("\\"))
    return line[: len(stripped) + 1] if backslashes % 2 else stripped


_SPECIAL = frozenset("*?[\\")
_TOKEN = re.compile(r"\*+|\?|\[|\\.?|[^*?\[\\]+", re.DOTALL)


def _translate(pattern: str) -> str:
    """A pattern as a regular expression; empty when it can match nothing."""
    parts: list[str] = []
    position = 0
    while position < len(pattern):
        token = _TOKEN.match(pattern, position)
        assert token is not None  # every character starts one
        text, start, position = token[0], position, token.end()
        if text.startswith("*"):
            # git compares what comes before the first special character by itself, and starts anew behind it.
            at_start = pattern[start - 1 : start] in ("", "/") or _SPECIAL.isdisjoint(pattern[:start])
            if len(text) > 1 and at_start and pattern[position : position + 1] == "/":
                parts.append("(?:.*/)?")
                position += 1
            elif len(text) > 1 and at_start and position == len(pattern):
                parts.append(".*")
            else:
                parts.append("[^/]*")
        elif text == "?":
            parts.append("[^/]")
        elif text == "[":
            characters, position = _bracket(pattern, position)
            if not characters:
                return ""
            parts.append(characters)
        elif text == "\\":
            return ""
        else:
            parts.append(re.escape(text.removeprefix("\\")))
    return "".join(parts)


_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": r"\x21-\x7e",
    "lower": "a-z",
    "print": r"\x20-\x7e",
    "punct": r"\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e",
    "space": r" \t-\r",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}
# A class, or one character with a range's end behind it, as `wildmatch.c` reads them.
_MEMBER = re.compile(
    r"\[:(?P<name>[^\]]*):\]|(?P<first>\\.|[^\\])(?:-(?P<last>\\.|[^\]\\]))?",
    re.DOTALL,
)


def _bracket(pattern: str, position: int) -> tuple[str, int]:
    """The expression of a bracket whose inside starts at `position`, and where it ends; empty when it has none."""
    is_negated = pattern[position : position + 1] in ("!", "^")
    position += is_negated
    members = []
    is_first = True
    while is_first or pattern[position : position + 1] != "]":
        is_first = False
        member = _MEMBER.match(pattern, position)
        if member is None:
            return "", position
        position = member.end()
        if member["name"] is not None:
            if member["name"] not in _CLASSES:
                return "", position
            members.append(_CLASSES[member["name"]])
            continue
        first = member["first"][-1]
        # The first character counts by itself, whatever it begins a range to.
        last = max(first, (member["last"] or first)[-1])
        members.append(f"{re.escape(first)}-{re.escape(last)}")
    inside = "".join(members)
    if is_negated:
        return f"[^/{inside}]", position + 1
    return f"(?!/)[{inside}]", position + 1


def _is_repository(folder: Path) -> bool:
    path = folder / ".git"
    note(path)
    return path.exists()


def _git_folder(path: Path) -> Path:
    """The repository's own folder, which for another work tree or a submodule lies elsewhere."""
    link = _text(path).strip() if path.is_file() else ""
    if link.startswith("gitdir:"):
        path = path.parent / link.removeprefix("gitdir:").strip()
        shared = _text(path / "commondir").strip()
        return path / shared if shared else path
    return path


def _text(path: Path | str) -> str:
    note(path)
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "surrogateescape")
    except OSError:
        return ""
