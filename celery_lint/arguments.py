"""The command's arguments: what there are, and a plain command line read without click.

click makes the help, the completion and the complaints (`celery_lint.usage`).
Importing it takes as long as checking a project in which nothing has changed, and
most command lines need none of it: those are read here, from the same table.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from celery_lint.records import record
from celery_lint.reporters import FORMATS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any


@dataclass(frozen=True)
class Arguments:
    """The command's arguments, named as the options are."""

    paths: tuple[str, ...]
    fix: bool
    unsafe_fixes: bool
    diff: bool
    add_noqa: str | None
    select: tuple[str, ...] | None
    extend_select: tuple[str, ...] | None
    ignore: tuple[str, ...] | None
    per_file_ignores: tuple[str, ...] | None
    baseline: Path | None
    write_baseline: bool
    no_baseline: bool
    exclude: tuple[str, ...] | None
    extend_exclude: tuple[str, ...] | None
    force_exclude: bool | None
    config: Path | None
    isolated: bool
    since: str | None
    output_format: str | None
    output_file: Path | None
    statistics: bool
    exit_zero: bool
    explain: str | None
    explain_context: str | None
    list_rules: bool
    show_settings: bool
    show_files: bool
    stdin_filename: str | None
    no_cache: bool
    cache_dir: Path | None
    jobs: int | None
    quiet: bool
    verbose: bool

    @property
    def is_repair(self) -> bool:
        """Whether the run changes the sources, or shows how it would."""
        return self.fix or self.diff or self.add_noqa is not None


class UsageError(Exception):
    """Arguments that do not go together, or one with a wrong value; `option` names that one."""

    def __init__(self, message: str, option: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.option = option


@record()
class Option:
    """One option. `kind` says what follows it.

    `flag` nothing; `switch` nothing, and `--no-...` says the contrary; `text` a
    word; `optional` nothing, or a word after `=`; `list` items with commas between
    them, and it may be repeated; `choice` one of `choices`; `number` one from 1 on; `file` a path, and
    `new-file` that of no folder.
    """

    kind: str
    name: str
    help: str
    metavar: str | None = None
    short: str | None = None
    choices: tuple[str, ...] = ()

    @property
    def field(self) -> str:
        return self.name.removeprefix("--").replace("-", "_")

    @property
    def contrary(self) -> str:
        return f"--no-{self.name.removeprefix('--')}"

    def value(self, word: str) -> Any:
        """What a word behind the option stands for; None when only click can say."""
        if self.kind == "list":
            return items([word])
        if self.kind == "choice":
            return word if word in self.choices else None
        if self.kind == "text":
            return word
        if self.kind == "number":
            return int(word) if word.isascii() and word.isdigit() and int(word) > 0 else None
        from pathlib import Path

        return None if self.kind == "new-file" and os.path.isdir(word) else Path(word)


OPTIONS = (
    Option("flag", "--fix", "Repair what has a safe fix, then report what is left."),
    Option("flag", "--unsafe-fixes", "With --fix or --diff: fixes that may change behaviour as well."),
    Option("flag", "--diff", "Show what --fix would change, and change nothing."),
    Option(
        "optional", "--add-noqa", "Add a comment that silences each finding, with --fix those that are left.", "=REASON"
    ),
    Option("list", "--select", "Report these rules: codes, prefixes or ALL, separated by commas.", "CODES"),
    Option("list", "--extend-select", "Report these rules in addition to those selected.", "CODES"),
    Option("list", "--ignore", "Do not report these rules.", "CODES"),
    Option("list", "--per-file-ignores", "Do not report these rules in files that match.", "PATTERN:CODES"),
    Option("new-file", "--baseline", "Do not report the findings that this file holds.", "FILE"),
    Option("flag", "--write-baseline", "Put what is found into the baseline, and take out what is no longer found."),
    Option("flag", "--no-baseline", "Report what the configured baseline holds as well."),
    Option("list", "--exclude", "Leave out these files and folders too.", "PATTERNS"),
    Option("list", "--extend-exclude", "The same as --exclude.", "PATTERNS"),
    Option("switch", "--force-exclude", "Leave out excluded files even when named."),
    Option("file", "--config", "Read this configuration file.", "FILE"),
    Option("flag", "--isolated", "Read no configuration file."),
    Option("text", "--since", "Report only what was not there yet at this revision of the git repository.", "REV"),
    Option("choice", "--output-format", "How findings are printed: full by default.", choices=FORMATS),
    Option("new-file", "--output-file", "Write the findings to a file."),
    Option("flag", "--statistics", "Print how many findings each rule has instead of the findings."),
    Option("flag", "--exit-zero", "Exit with 0 even when there are findings."),
    Option("text", "--explain", "Print a rule's page.", "CODE"),
    Option("text", "--explain-context", "Print what is known at a line: kinds, transaction, task.", "FILE:LINE"),
    Option("flag", "--list-rules", "Print all rules, one a line."),
    Option("flag", "--show-settings", "Print the settings that hold for the paths."),
    Option("flag", "--show-files", "Print the files that would be checked."),
    Option("text", "--stdin-filename", "The name of what is read from standard input (path `-`).", "NAME"),
    Option("flag", "--no-cache", "Neither use nor keep what an earlier run found."),
    Option("file", "--cache-dir", "Keep what is found here: .celery_lint_cache in the project by default.", "FOLDER"),
    Option("number", "--jobs", "Share the work between so many processes: by default as many as there are cores.", "N"),
    Option("flag", "--quiet", "Print findings only.", short="-q"),
    Option("flag", "--verbose", "Say what is being done, and print tracebacks of internal errors.", short="-v"),
)


def items(words: Sequence[str]) -> tuple[str, ...]:
    """The items of lists with commas between them."""
    return tuple(item.strip() for word in words for item in word.split(",") if item.strip())


def read(words: Sequence[str]) -> Arguments | None:
    """The arguments that the words of a command line are; None when it takes click to read them.

    That is the case for help, completion, mistakes and everything unusual.
    """
    if any(name.endswith("_COMPLETE") for name in os.environ):
        return None
    values: dict[str, Any] = {option.field: False if option.kind == "flag" else None for option in OPTIONS}
    paths: list[str] = []
    rest = iter(words)
    for word in rest:
        if os.name == "nt" and not set("*?[~$%").isdisjoint(word):
            return None  # a pattern, which no shell has expanded there
        if word == "-" or not word.startswith("-"):
            paths.append(word)
        elif not _take(word, rest, values):
            return None
    return Arguments(paths=tuple(paths), **values)


def _take(word: str, rest: Iterator[str], values: dict[str, Any]) -> bool:
    """Takes an option and the word that belongs to it; False when it is not clear what they are."""
    name, equals, argument = word.partition("=")
    for option in OPTIONS:
        if name in (option.name, option.short):
            break
        if option.kind == "switch" and word == option.contrary:
            values[option.field] = False
            return True
    else:
        return False
    if option.kind in ("flag", "switch"):
        values[option.field] = True
        return not equals
    if option.kind == "optional":
        values[option.field] = argument
        return True
    if not equals:
        argument = next(rest, "-")
        if argument.startswith("-"):
            return False
    value = option.value(argument)
    if value is None:
        return False
    values[option.field] = (*(values[option.field] or ()), *value) if option.kind == "list" else value
    return True
