"""The path patterns of a configuration. Paths are relative, with `/`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from celery_lint.surroundings import SUFFIXES


class Globs:
    """The path patterns of `exclude` and `per-file-ignores`.

    A pattern without a slash names a file or a folder at any depth
    (`migrations`, `*_pb2.py`); one with a slash is a path from the project root
    (`src/legacy`, `tests/*`, `**/generated/*.py`), in which `*` crosses slashes.
    Whatever lies in a folder that matches, matches.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self._whole: re.Pattern[str] | None = None
        names: list[str] = []
        paths: list[str] = []
        self._plain: set[str] = set()
        self._may_match_file = False
        for pattern in patterns:
            self._may_match_file |= may_end_file(pattern)
            is_for_name, expression = _glob_expression(pattern)
            (names if is_for_name else paths).append(expression)
            if is_for_name and _WILD.isdisjoint(pattern):
                self._plain.add(pattern.removeprefix("./").rstrip("/"))
        self._names = re.compile("|".join(names)) if len(names) > len(self._plain) else None
        self._paths = re.compile("|".join(paths)) if paths else None
        anywhere = "|".join([*(f"(?:.*/)?(?:{name})" for name in names), *paths])
        self._anywhere = f"(?:{anywhere})(?:/.*)?" if anywhere else "(?!)"

    def match(self, path: str) -> bool:
        """Whether `path` or a folder that it lies in matches a pattern."""
        if self._whole is None:
            self._whole = re.compile(self._anywhere)
        return self._whole.fullmatch(path) is not None

    def match_entry(self, path: str, name: str) -> bool:
        """Whether `path`, whose last part is `name`, matches a pattern itself: `match` for a walk, and faster."""
        return (
            name in self._plain
            or (self._names is not None and self._names.fullmatch(name) is not None)
            or (self._paths is not None and self._paths.fullmatch(path) is not None)
        )

    def match_file(self, path: str, name: str) -> bool:
        """`match_entry` for a Python file."""
        return self._may_match_file and self.match_entry(path, name)


def may_end_file(pattern: str) -> bool:
    """Whether a pattern may match a Python file at all: `*.log` and `build` do not, and most patterns are like that."""
    ending = re.split(r"[*?\]\\]", pattern)[-1]
    return any(ending.endswith(suffix) or suffix.endswith(ending) for suffix in SUFFIXES)


_WILD = frozenset("*?[\\")


def _glob_expression(pattern: str) -> tuple[bool, str]:
    """Whether a pattern is about names alone, and its expression for what it matches itself."""
    pattern = pattern.removeprefix("./").rstrip("/")
    anchored = "/" in pattern
    pattern = pattern.lstrip("/")
    if not anchored:
        return True, _translate(pattern, "[^/]*")
    start = ""
    if pattern.startswith(("*/", "**/")):
        start, pattern = "(?:.*/)?", pattern.partition("/")[2]
    return False, start + _translate(pattern, ".*")


_TOKEN = re.compile(r"(?P<between>/\*\*/)|(?P<first>^\*\*/)|(?P<last>/\*\*$)|\*+|\?|\[[!^]?\]?[^\]]*\]|\\.|.", re.S)


def _translate(pattern: str, star: str) -> str:
    """The regular expression of a glob; `star` is what one `*` stands for."""
    parts = []
    for token in _TOKEN.finditer(pattern):
        text = token[0]
        if token["between"]:
            parts.append("/(?:.*/)?")
        elif token["first"]:
            parts.append("(?:.*/)?")
        elif token["last"]:
            parts.append("/.*")
        elif text.startswith("*"):
            parts.append(star)
        elif text == "?":
            parts.append("[^/]")
        elif text.startswith("[") and len(text) > 1:
            inner = text[1:-1].replace("\\", "\\\\")
            inner = f"^/{inner[1:]}" if inner.startswith(("!", "^")) else inner
            parts.append(f"[{inner}]")
        else:
            parts.append(re.escape(text[-1]))
    return "".join(parts)
