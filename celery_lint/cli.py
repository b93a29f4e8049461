"""The command line: arguments to a run, its report to text and an exit code.

Everything is imported where it is needed, so that `--version`, shell completion
and a run in which nothing has changed answer at once.
"""

from __future__ import annotations

import errno
import os
import sys

from celery_lint import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import NoReturn

    from celery_lint.arguments import Arguments
    from celery_lint.configuration import Overrides
    from celery_lint.replay import Outcome, Recording
    from celery_lint.rules.base import Rule
    from celery_lint.run import Checked, Unsaved

NOTHING_TO_REPORT, FINDINGS, TROUBLE = 0, 1, 2
TOLD_ANEW = ("json", "sarif", "gitlab")
"""Formats that rest on more than the files: on libcst, which makes the edits in them, or on where a job runs."""
ISSUES = "https://github.com/celery-lint/celery-lint/issues"


def main(words: Sequence[str] | None = None) -> NoReturn:
    """The command `celery-lint` with the words behind it, those of this process by default. Ends the process."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that cannot show a character must not end the run.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _main(words)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = TROUBLE
        _print("celery-lint: interrupted", to_stderr=True)
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise
        # Nobody reads on: the interpreter's own last flush must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FINDINGS
    sys.exit(code)


def _main(words: Sequence[str] | None) -> int:
    given = sys.argv[1:] if words is None else words
    if given == ["--version"]:
        _print(VERSION)
        return NOTHING_TO_REPORT
    is_completion = any(name.endswith("_COMPLETE") for name in os.environ)  # of a shell: that is click's to answer
    if not is_completion:
        from celery_lint.replay import known_outcome

        outcome = known_outcome(given, color=_wants_color())
        if outcome is not None:
            return _tell(outcome)
    from celery_lint.arguments import UsageError, read

    arguments = None if is_completion else read(given)
    if arguments is None:
        from celery_lint import usage

        arguments = usage.parse(words)
    try:
        return _command(arguments, given)
    except UsageError as error:
        from celery_lint import usage

        return usage.complain(error)
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            raise
        _complain(_explained(error, arguments.verbose))
        return TROUBLE


def _tell(outcome: Outcome) -> int:
    """Writes the outcome of a run and gives its exit code."""
    code, out, err = outcome
    _print(out, end="")
    if err:
        _print(err, end="", to_stderr=True)
    return code


def _print(text: str, *, end: str = "\n", to_stderr: bool = False) -> None:
    stream = sys.stderr if to_stderr else sys.stdout
    if to_stderr:
        sys.stdout.flush()  # in the order in which they were said, where both go to one place
    if sys.platform == "win32":
        import click  # knows how a terminal of Windows shows colours

        click.echo(text + end, file=stream, nl=False, color=True)
    else:
        stream.write(text + end)
    if to_stderr:
        stream.flush()


def _explained(error: Exception, verbose: bool, filename: str = "") -> str:
    """An exception as told to the user: our own with their words, any other as an internal error."""
    from celery_lint.configuration import ConfigurationError
    from celery_lint.rules.registry import RuleLoadError

    if isinstance(error, (ConfigurationError, RuleLoadError)):
        return str(error)
    where = f" in {filename}" if filename else ""
    told = f"internal error{where}: {type(error).__name__}: {error}\nPlease report it at {ISSUES}"
    if not verbose:
        return f"{told} with what `-v` prints."
    import traceback

    return f"{told}\n{''.join(traceback.format_exception(error))}".rstrip()


def _complain(message: str) -> None:
    _print(f"celery-lint: error: {message}", to_stderr=True)


def _command(arguments: Arguments, words: Sequence[str]) -> int:
    """Does what the arguments, read from `words`, ask for and gives the exit code."""
    from pathlib import Path

    from celery_lint.arguments import UsageError

    if arguments.list_rules:
        return _list_rules()
    if arguments.explain is not None:
        return _explain(arguments.explain)
    if arguments.config is not None and arguments.isolated:
        raise UsageError("--config and --isolated exclude each other")
    if arguments.unsafe_fixes and not (arguments.fix or arguments.diff):
        raise UsageError("--unsafe-fixes needs --fix or --diff")
    if arguments.fix and arguments.diff:
        raise UsageError("--fix and --diff exclude each other")
    if arguments.add_noqa is not None and arguments.diff:
        raise UsageError("--add-noqa and --diff exclude each other")
    if arguments.no_baseline and (arguments.baseline is not None or arguments.write_baseline):
        raise UsageError("--no-baseline goes with neither --baseline nor --write-baseline")
    if arguments.write_baseline and (arguments.is_repair or "-" in arguments.paths):
        raise UsageError("--write-baseline goes with no --fix, --diff, --add-noqa or `-`: run those first")
    if arguments.write_baseline and arguments.since is not None:
        raise UsageError("--write-baseline and --since exclude each other: a baseline holds all that is found")
    overrides = _overrides(arguments)
    if arguments.explain_context is not None:
        return _explain_context(arguments.explain_context, overrides)
    unsaved = _standard_input(arguments)
    paths = [] if unsaved is not None else [Path(path) for path in arguments.paths or (".",)]
    if arguments.show_settings or arguments.show_files:
        return _show(arguments, paths, overrides, unsaved)
    recording = None
    if unsaved is None and not arguments.no_cache and _is_plain_check(arguments, paths):
        from celery_lint.replay import Recording

        recording = Recording(words, color=_wants_color())
    return _check(arguments, paths, overrides, unsaved, recording)


def _is_plain_check(arguments: Arguments, paths: Sequence[Path]) -> bool:
    """Whether a run checks whole folders, and prints findings as text and nothing else.

    What is new since a revision rests on the repository.
    """
    does_more = arguments.is_repair or arguments.write_baseline or arguments.since is not None
    tells_otherwise = arguments.verbose or arguments.output_file is not None or arguments.output_format in TOLD_ANEW
    return not (does_more or tells_otherwise) and all(path.is_dir() for path in paths)


def _overrides(arguments: Arguments) -> Overrides:
    """What the options say over the configuration. Raises ConfigurationError for unknown codes."""
    from celery_lint.arguments import UsageError
    from celery_lint.configuration import Overrides, Selection, check_glob, check_selectors
    from celery_lint.rules.registry import known_codes

    known = known_codes()

    def selectors(given: Sequence[str] | None, option: str) -> tuple[str, ...]:
        return check_selectors(given or (), known, option)

    per_file: dict[str, list[str]] = {}
    pattern = None
    for item in arguments.per_file_ignores or ():
        before, colon, after = item.rpartition(":")
        pattern = before if colon else pattern
        if not pattern:
            raise UsageError(f"{item!r} is not PATTERN:CODES", option="--per-file-ignores")
        check_glob(pattern.removeprefix("!"), "--per-file-ignores")
        per_file.setdefault(pattern, []).extend(selectors([after], "--per-file-ignores"))
    exclude = (*(arguments.exclude or ()), *(arguments.extend_exclude or ()))
    for each in exclude:
        check_glob(each, "--exclude")
    select = None if arguments.select is None else selectors(arguments.select, "--select")
    return Overrides(
        selection=Selection(
            select,
            selectors(arguments.extend_select, "--extend-select"),
            selectors(arguments.ignore, "--ignore"),
        ),
        per_file_ignores=tuple((pattern, tuple(codes)) for pattern, codes in per_file.items()),
        exclude=exclude,
        force_exclude=arguments.force_exclude,
        output_format=arguments.output_format,
        config=arguments.config,
        isolated=arguments.isolated,
        cache=not arguments.no_cache,
        cache_dir=arguments.cache_dir,
        jobs=arguments.jobs,
        since=arguments.since,
        baseline=arguments.baseline,
        uses_baseline=not arguments.no_baseline,
        starts_baseline=arguments.write_baseline,
    )


def _standard_input(arguments: Arguments) -> Unsaved | None:
    """Standard input, when the path is `-`."""
    if "-" not in arguments.paths:
        return None
    from pathlib import Path

    from celery_lint.arguments import UsageError
    from celery_lint.run import Unsaved

    if len(arguments.paths) > 1:
        raise UsageError("`-` (standard input) goes with no other path")
    is_read = not (arguments.show_files or arguments.show_settings)
    content = sys.stdin.buffer.read() if is_read else b""
    return Unsaved(Path(arguments.stdin_filename or "stdin.py"), content)


def _check(
    arguments: Arguments,
    paths: Sequence[Path],
    overrides: Overrides,
    unsaved: Unsaved | None,
    recording: Recording | None,
) -> int:
    """Checks, fixes if asked to, and reports. `recording` keeps the outcome."""
    from celery_lint.findings import Applicability
    from celery_lint.output import Results, shown_path
    from celery_lint.run import run

    allowed = frozenset({Applicability.SAFE, Applicability.UNSAFE} if arguments.unsafe_fixes else {Applicability.SAFE})
    report = run(paths, overrides, unsaved, recording.start if recording is not None else None)
    checked, errors = report.checked, list(report.errors)
    reports: list[str] = []
    notes: list[str] = []
    for each in checked:
        for failure in each.failures:
            shown = shown_path(each.project.root, failure.filename)
            errors.append(_explained(failure.error, arguments.verbose, shown))
    # What is changed of standard input goes on to standard output, as with any filter.
    changes = arguments.fix or arguments.add_noqa is not None
    is_filter = changes and unsaved is not None
    is_reported = False
    if arguments.fix or arguments.diff:
        from celery_lint.fixing import fix

        fixed = fix(checked, allowed, write=arguments.fix and not is_filter, only_asked=unsaved is not None)
        errors += [message for message, _ in fixed.errors]
        reports += [text for _, text in fixed.errors if text]
        notes += fixed.notes
        if arguments.diff:
            _write_bytes(fixed.diff)
            is_reported = bool(fixed.diff)
        else:
            checked = fixed.checked
    if arguments.add_noqa is not None:
        from celery_lint.add_noqa import add_noqa

        added = add_noqa(checked, arguments.add_noqa, write=not is_filter)
        checked = added.checked
        errors += added.errors
        notes += added.notes
    if arguments.write_baseline:
        from celery_lint.write_baseline import write_baseline

        written = write_baseline(checked)
        checked = written.checked
        errors += written.errors
        notes += written.notes
    if is_filter and unsaved is not None:
        contents = [each.read(filename) for each in checked for filename in each.project.asked]
        _write_bytes(contents[0] if contents else unsaved.content)
    if not arguments.diff:
        results = Results(checked)
        output_format = overrides.output_format or next(
            (each.project.settings.output_format for each in checked), "full"
        )
        text = results.render(
            output_format,
            statistics=arguments.statistics,
            color=arguments.output_file is None and _wants_color(),
            fixable=allowed,
        )
        _write(text, arguments.output_file, to_stderr=is_filter)
        # What --fix leaves, another --fix like it will not repair.
        if checked or not errors:
            notes += results.summary(tried=allowed if arguments.fix else ())
        is_reported = bool(results.findings)
        if recording is not None and not errors and output_format not in TOLD_ANEW:
            code = FINDINGS if is_reported and not arguments.exit_zero else NOTHING_TO_REPORT
            recording.keep((code, text, "" if arguments.quiet else "".join(f"{note}\n" for note in notes)))
    for error in errors:
        _complain(error)
    for each_report in reports:
        _print(f"Please report this at {ISSUES}, for instance with this text:\n\n{each_report}\n", to_stderr=True)
    if arguments.verbose:
        _say_what_was_done(checked)
    if not arguments.quiet:
        for note in notes:
            _print(note, to_stderr=True)
    if errors:
        return TROUBLE
    return FINDINGS if is_reported and not arguments.exit_zero else NOTHING_TO_REPORT


def _wants_color() -> bool:
    """Colours on a terminal only, unless NO_COLOR or FORCE_COLOR says otherwise."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _write(text: str, path: Path | None, *, to_stderr: bool = False) -> None:
    if path is None:
        _print(text, end="", to_stderr=to_stderr)
        return
    try:
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        from celery_lint.arguments import UsageError

        raise UsageError(f"{str(path)!r} cannot be written: {error.strerror}", "--output-file") from None


def _write_bytes(content: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def _say_what_was_done(checked: Sequence[Checked]) -> None:
    for each in checked:
        project = each.project
        _print(
            f"{project.root}: {len(project.asked)} of {len(project.files)} files checked"
            f" with {len(project.settings.rules)} rules",
            to_stderr=True,
        )


def _list_rules() -> int:
    from celery_lint.rules.registry import all_rules

    rules = all_rules()
    width = max(len(rule.name) for rule in rules)
    for rule in rules:
        default = "opt-in" if rule.opt_in else "on"
        fix = f"{rule.fixable} fix" if rule.fixable else "no fix"
        facts = f"{rule.name:<{width}}  {rule.severity.value:<7}  {default:<6}  {fix:<11}"
        _print(f"{rule.code}  {facts}  {rule.summary()}")
    return NOTHING_TO_REPORT


def _explain(wanted: str) -> int:
    """Prints the page of the rule with this code or name."""
    from celery_lint.arguments import UsageError
    from celery_lint.configuration import nearest
    from celery_lint.rules.registry import all_rules

    rules: dict[str, type[Rule]] = {}
    for rule in all_rules():
        rules[rule.code] = rules[rule.name] = rule
    found = rules.get(wanted.upper()) or rules.get(wanted.lower())
    if found is None:
        raise UsageError(f"no rule is called {wanted!r}{nearest(wanted.upper(), rules)}", option="--explain")
    from celery_lint.docs import page

    _print(page(found), end="")
    return NOTHING_TO_REPORT


def _explain_context(place: str, overrides: Overrides) -> int:
    """Prints what the linter knows of a line."""
    from pathlib import Path

    from celery_lint.arguments import UsageError
    from celery_lint.run import explain_context

    name, _, row = place.rpartition(":")
    if not name or not row.isdigit() or not Path(name).is_file():
        raise UsageError(f"--explain-context takes a file and a line, such as shop/views.py:42, not {place!r}")
    for line in explain_context(Path(name), int(row), overrides):
        _print(line)
    return NOTHING_TO_REPORT


def _show(arguments: Arguments, paths: Sequence[Path], overrides: Overrides, unsaved: Unsaved | None) -> int:
    """Prints the files to check or the settings instead of checking."""
    from celery_lint.output import shown_path
    from celery_lint.run import find_projects

    projects, errors = find_projects(paths, overrides, unsaved)
    if arguments.show_files:
        for name in sorted(shown_path(project.root, file) for project in projects for file in project.asked):
            _print(name)
    if arguments.show_settings:
        from dataclasses import fields

        for project in projects:
            _print(f"# {project.root}")
            for key in (field.name for field in fields(project.settings)):
                _print(f"{key.replace('_', '-')} = {_plain(getattr(project.settings, key))}")
    for error in errors:
        _complain(error)
    return TROUBLE if errors else NOTHING_TO_REPORT


def _plain(value: object) -> str:
    """A setting's value as the configuration would have it."""
    if value is None:
        return "(not set)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, frozenset):
        return _plain(tuple(sorted(value)))
    if isinstance(value, tuple) and value and all(isinstance(each, int) for each in value):
        return f'"{".".join(map(str, value))}"'
    if isinstance(value, tuple) and value and all(isinstance(each, tuple) for each in value):
        return "{" + ", ".join(f'"{pattern}" = {_plain(codes)}' for pattern, codes in value) + "}"
    return "[" + ", ".join(map(_plain, value)) + "]" if isinstance(value, tuple) else str(value)
