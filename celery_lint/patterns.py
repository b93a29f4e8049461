"""Patterns of paths: those of the configuration, and those of `.gitignore`.

Paths are relative, with `/`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from celery_lint.records import dataclass


class Globs:
    """The path patterns of `exclude` and `per-file-ignores`.

    A pattern without a slash names a file or a folder at any depth
    (`migrations`, `*_pb2.py`); one with a slash is a path from the project root
    (`src/legacy`, `tests/*`, `**/generated/*.py`), in which `*` crosses slashes.
    Whatever lies in a folder that matches, matches.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        expressions = [_glob_expression(pattern) for pattern in patterns]
        self._expression = re.compile("|".join(expressions)) if expressions else None

    def match(self, path: str) -> bool:
        """Whether `path` or a folder that it lies in matches a pattern."""
        return self._expression is not None and self._expression.fullmatch(path) is not None


def _glob_expression(pattern: str) -> str:
    pattern = pattern.removeprefix("./").rstrip("/")
    anchored = "/" in pattern
    pattern = pattern.lstrip("/")
    start = "" if anchored else "(?:.*/)?"
    if pattern.startswith(("*/", "**/")):
        start, pattern = "(?:.*/)?", pattern.partition("/")[2]
    return f"{start}{_translate(pattern, '.*' if anchored else '[^/]*')}(?:/.*)?"


class Gitignore:
    """One `.gitignore` file, as git reads it.

    `base` is the folder of the file, relative to the root of the walk, with a
    trailing slash, or empty for the root itself; it may also climb out of the
    root (`above`): then `above` is the path from that folder down to the root.
    """

    def __init__(self, text: str, *, base: str = "", above: str = "") -> None:
        self._base = base
        self._above = above
        self._rules = [rule for line in text.splitlines() if (rule := _ignore_rule(line)) is not None]
        # Most entries of most trees match nothing: two expressions say so.
        self._any_name = _any(rule.expression for rule in self._rules if rule.is_for_name)
        self._any_path = _any(rule.expression for rule in self._rules if not rule.is_for_name)

    def verdict(self, path: str, *, is_folder: bool) -> bool | None:
        """True: ignored. False: named by a `!` pattern. None: this file has no word on it."""
        name = path.rpartition("/")[2]
        path = self._above + path.removeprefix(self._base)
        if self._any_name.fullmatch(name) is None and self._any_path.fullmatch(path) is None:
            return None
        for rule in reversed(self._rules):
            if (is_folder or not rule.is_for_folders) and rule.expression.fullmatch(name if rule.is_for_name else path):
                return not rule.is_negated
        return None


@dataclass(frozen=True, slots=True)
class _IgnoreRule:
    """One line of a `.gitignore`; without an inner slash it is matched against names alone."""

    expression: re.Pattern[str]
    is_negated: bool
    is_for_folders: bool
    is_for_name: bool


def _any(expressions: Iterable[re.Pattern[str]]) -> re.Pattern[str]:
    """One expression for all of them; without any it matches nothing."""
    return re.compile("|".join(expression.pattern for expression in expressions) or "(?!)")


def _ignore_rule(line: str) -> _IgnoreRule | None:
    """What a line says; None for a comment, an empty line or a pattern that git could not read either."""
    line = re.sub(r"(?<!\\)\s+$", "", line)
    if not line or line.startswith("#"):
        return None
    is_negated = line.startswith("!")
    pattern = line[1:] if is_negated else line
    if pattern.startswith(("\\#", "\\!")):
        pattern = pattern[1:]
    is_for_folders = pattern.endswith("/")
    pattern = pattern.rstrip("/")
    is_for_name = "/" not in pattern
    pattern = pattern.lstrip("/")
    if not pattern:
        return None
    try:
        return _IgnoreRule(re.compile(_translate(pattern, "[^/]*")), is_negated, is_for_folders, is_for_name)
    except re.error:
        return None


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
