"""What the linter reports: plain, frozen data that any door can print.

A finding never holds a syntax node, so it can be compared, sorted, cached,
sent to another process and written as JSON unchanged. Its fix is a
description of the repair in the small vocabulary of `Change`; turning that
into edits of a file is the work of `celery_lint.fixes`, which alone imports
libcst.
"""

from __future__ import annotations

import enum

from celery_lint.records import record


class Severity(enum.Enum):
    """How surely the code at a finding breaks."""

    ERROR = "error"  # whenever the line runs
    WARNING = "warning"  # under load, faults, retries, races or some configurations
    ADVICE = "advice"  # opt-in


class Applicability(enum.Enum):
    """Whether a fix may be applied without reading it."""

    SAFE = "safe"  # `--fix` applies it
    UNSAFE = "unsafe"  # behaviour may change: needs `--unsafe-fixes`
    DISPLAY = "display"  # shown, never applied


@record(order=True)
class Position:
    """A place in a file: row and column start at 1, columns count characters."""

    row: int
    column: int


@record(order=True)
class Span:
    """A stretch of a file; `end` is the position after its last character."""

    start: Position
    end: Position


@record(order=True)
class Place:
    """A span in a named file. `filename` is relative to the project root, with `/`."""

    filename: str
    span: Span


@record(order=True)
class Related:
    """A place that proves a finding, and what it shows."""

    message: str
    place: Place


@record()
class Import:
    """A name that replacement code needs.

    `Import("django.db", "transaction")` is `from django.db import transaction`;
    with `name=""` it is `import module`. Code refers to it as `$transaction`
    (the last part of the name), and the fixer puts in what the file calls it.
    With `is_local` an import that the file lacks goes into the function that
    needs it: at the top of the file it would close a circle of imports.
    """

    module: str
    name: str = ""
    is_local: bool = False

    @property
    def placeholder(self) -> str:
        return self.name or self.module.rpartition(".")[2]


@record()
class Replace:
    """Put `code` in the place of the expression at `place`.

    In `code`, `{}` stands for the expression's own text (put in parentheses
    where the syntax needs them: `{}.pk` of `a or b` is `(a or b).pk`), and
    `$name` for an import of `imports`.
    """

    place: Place
    code: str
    imports: tuple[Import, ...] = ()


@record()
class DeferToCommit:
    """Wrap the dispatch call at `place` so that it is sent after the commit.

    `f.delay(a, b=1)` becomes `transaction.on_commit(partial(f.delay, a, b=1))`,
    with `using=<using>` when the block names a database alias (`using` is code,
    `'"other"'` or `alias`), and with `robust=True` when `is_robust`: Django then logs
    what the callback raises. With `method` set, only the method's name changes:
    `f.delay(a)` to `f.delay_on_commit(a)`. With `function` set, that code is put
    off in the place of the call's own function, which is `{}` in it: with
    `{}.delay`, `f(a)` becomes `transaction.on_commit(partial(f.delay, a))`.
    """

    place: Place
    using: str | None = None
    method: str | None = None
    function: str = "{}"
    is_robust: bool = False


@record()
class AddArguments:
    """Add keyword arguments to the call, or to the decorator without a call, at `place`.

    `arguments` are (name, code) pairs. A keyword that is there already gets the
    new value.
    """

    place: Place
    arguments: tuple[tuple[str, str], ...]
    imports: tuple[Import, ...] = ()


@record()
class RemoveArguments:
    """Take the keyword arguments of these names away from the call at `place`."""

    place: Place
    names: tuple[str, ...]


@record()
class RenameKeyword:
    """Call the keyword argument at `place` (`order=x`, name and value) `name` from now on."""

    place: Place
    name: str


@record()
class MoveOptions:
    """Give keyword arguments of the call at `place` to Celery instead of the task.

    With the `method` `apply_async`, `f.delay(a, b=1, queue="x")` becomes
    `f.apply_async(args=(a,), kwargs={"b": 1}, queue="x")`; with `set`,
    `f.s(a, queue="x")` becomes `f.s(a).set(queue="x")`.
    """

    place: Place
    options: tuple[str, ...]
    method: str


@record()
class NameArgument:
    """Give the argument at `place`, the last of those by position, by keyword: `f(x)` becomes `f(name=x)`."""

    place: Place
    name: str


@record()
class AddParameter:
    """Give the function whose `def` statement stands at `place` a first parameter."""

    place: Place
    name: str


@record()
class RaiseDecorator:
    """Move the decorator at `place`, with its lines, above the decorator of the same function at `above`."""

    place: Place
    above: Place


@record()
class AddItems:
    """Add (key, code) pairs to the dictionary display at `place`, the keys quoted as those that are there."""

    place: Place
    items: tuple[tuple[str, str], ...]


@record()
class ReraiseFirst:
    """Give the `try` statement at `place` a first handler that re-raises `exceptions`."""

    place: Place
    exceptions: tuple[Import, ...]


@record()
class RaiseResult:
    """Raise what the call gives that is a statement by itself at `place`: `f(x)` becomes `raise f(x)`."""

    place: Place


class Side(enum.Enum):
    """Where a statement goes, seen from the statement named."""

    BEFORE = "before"
    AFTER = "after"
    INSTEAD = "instead"


@record()
class PutStatement:
    """Put statements before, after or instead of the statement at `place`.

    `code` is unindented source, one or more lines, with `$name` for imports;
    the fixer indents it as the place is indented.
    """

    place: Place
    side: Side
    code: str
    imports: tuple[Import, ...] = ()


@record()
class Substitute:
    """Put `text` in the place of the characters at `place`, as they stand.

    For what is no syntax: a comment, or the end of a file. An empty `text` takes them away.
    """

    place: Place
    text: str


Change = (
    Replace
    | DeferToCommit
    | AddArguments
    | RemoveArguments
    | RenameKeyword
    | MoveOptions
    | NameArgument
    | AddParameter
    | RaiseDecorator
    | AddItems
    | ReraiseFirst
    | RaiseResult
    | PutStatement
    | Substitute
)


@record()
class Fix:
    """A repair: all of its changes are made, or none.

    Findings that one repair cures together carry equal fixes, and it is made once.
    One that `yields` is not made beside another of its rule, which may make it
    needless: it waits for the next check. `uncovers` are the codes of findings that
    the project may have only once it is repaired, `cures` those of all rules that carry it.
    """

    applicability: Applicability
    message: str
    changes: tuple[Change, ...]
    yields: bool = False
    uncovers: tuple[str, ...] = ()
    cures: tuple[str, ...] = ()


@record()
class Edit:
    """Put `content` in the place of `span` in a file: what a fix comes to."""

    filename: str
    span: Span
    content: str


@record()
class Finding:
    """One rule at one place. `message` tells, in the user's own names, what will go wrong.

    `scope` is the qualified name of the function or class around the place, as the engine
    fills it in; empty at the top of a module.
    """

    place: Place
    code: str
    name: str
    severity: Severity
    message: str
    related: tuple[Related, ...] = ()
    fix: Fix | None = None
    scope: str = ""

    @property
    def sort_key(self) -> tuple[str, Position, str, Position, str]:
        """The order of every report: path, row, column, code."""
        span = self.place.span
        return (self.place.filename, span.start, self.code, span.end, self.message)
