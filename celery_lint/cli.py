"""The command line: arguments to a run, its report to text and an exit code.

Everything heavy is imported where it is needed, so that `--version` and shell
completion answer at once.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from celery_lint import __version__

if TYPE_CHECKING:
    from celery_lint.configuration import Overrides
    from celery_lint.rules.base import Rule
    from celery_lint.run import Checked, Unsaved

NOTHING_TO_REPORT, FINDINGS, TROUBLE = 0, 1, 2
ISSUES = "https://github.com/celery-lint/celery-lint/issues"


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
    exclude: tuple[str, ...] | None
    force_exclude: bool | None
    config: Path | None
    isolated: bool
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
    quiet: bool
    verbose: bool


def _comma_separated(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...] | None:
    """The items of an option that may be repeated and takes lists; None when it is not given."""
    items = tuple(item.strip() for value in values for item in value.split(",") if item.strip())
    return items if values else None


def _list_option(name: str, metavar: str, help_text: str) -> Callable[[Any], Any]:
    return click.option(name, metavar=metavar, multiple=True, callback=_comma_separated, help=help_text)


class _Command(click.Command):
    """The command, whose `--add-noqa` does not take a path for its reason."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for index, argument in enumerate(args):
            if argument == "--":
                break
            following = args[index + 1] if index + 1 < len(args) else "-"
            is_path = following.startswith("-") or any(each in following for each in ("/", os.sep, ".py"))
            if argument == "--add-noqa" and (is_path or os.path.exists(following)):
                args[index] = "--add-noqa="
        return super().parse_args(ctx, args)


@click.command(
    cls=_Command,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 nothing to report, 1 findings, 2 wrong usage or configuration, internal error.",
)
@click.argument("paths", nargs=-1)
@click.option("--fix", is_flag=True, help="Repair what has a safe fix, then report what is left.")
@click.option("--unsafe-fixes", is_flag=True, help="With --fix or --diff: fixes that may change behaviour as well.")
@click.option("--diff", is_flag=True, help="Show what --fix would change, and change nothing.")
@click.option(
    "--add-noqa",
    metavar="[REASON]",
    is_flag=False,
    flag_value="",
    help="Add a comment that silences each finding, with --fix those that are left.",
)
@_list_option("--select", "CODES", "Report these rules: codes, prefixes or ALL, separated by commas.")
@_list_option("--extend-select", "CODES", "Report these rules in addition to those selected.")
@_list_option("--ignore", "CODES", "Do not report these rules.")
@_list_option("--per-file-ignores", "PATTERN:CODES", "Do not report these rules in files that match.")
@_list_option("--exclude", "PATTERNS", "Leave out these files and folders too.")
@click.option("--force-exclude/--no-force-exclude", default=None, help="Leave out excluded files even when named.")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Read this configuration file.")
@click.option("--isolated", is_flag=True, help="Read no configuration file.")
@click.option(
    "--output-format",
    type=click.Choice(["full", "concise", "json", "sarif", "github"]),
    help="How findings are printed: full by default.",
)
@click.option("--output-file", type=click.Path(path_type=Path, dir_okay=False), help="Write the findings to a file.")
@click.option("--statistics", is_flag=True, help="Print how many findings each rule has instead of the findings.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even when there are findings.")
@click.option("--explain", metavar="CODE", help="Print a rule's page.")
@click.option("--explain-context", metavar="FILE:LINE", help="Print what is known at a line: kinds, transaction, task.")
@click.option("--list-rules", is_flag=True, help="Print all rules, one a line.")
@click.option("--show-settings", is_flag=True, help="Print the settings that hold for the paths.")
@click.option("--show-files", is_flag=True, help="Print the files that would be checked.")
@click.option("--stdin-filename", metavar="NAME", help="The name of what is read from standard input (path `-`).")
@click.option("-q", "--quiet", is_flag=True, help="Print findings only.")
@click.option("-v", "--verbose", is_flag=True, help="Say what is being done, and print tracebacks of internal errors.")
@click.version_option(__version__, "--version", prog_name="celery-lint")
def main(**options: Any) -> None:
    """Find anti-patterns in code that uses Celery.

    PATHS are files and folders to check, the working directory by default; `-`
    is standard input. The project around them is read as well, and never run.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that cannot show a character must not end the run.
            stream.reconfigure(errors="backslashreplace")
    arguments = Arguments(**options)
    try:
        code = _command(arguments)
    except (click.ClickException, click.exceptions.Exit):
        raise
    except KeyboardInterrupt:
        code = TROUBLE
        click.echo("celery-lint: interrupted", err=True)
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            raise
        code = TROUBLE
        _complain(_explained(error, arguments.verbose))
    sys.exit(code)


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
    click.echo(f"celery-lint: error: {message}", err=True)


def _command(arguments: Arguments) -> int:
    """Does what the arguments ask for and gives the exit code."""
    if arguments.list_rules:
        return _list_rules()
    if arguments.explain is not None:
        return _explain(arguments.explain)
    if arguments.config is not None and arguments.isolated:
        raise click.UsageError("--config and --isolated exclude each other")
    if arguments.unsafe_fixes and not (arguments.fix or arguments.diff):
        raise click.UsageError("--unsafe-fixes needs --fix or --diff")
    if arguments.fix and arguments.diff:
        raise click.UsageError("--fix and --diff exclude each other")
    if arguments.add_noqa is not None and arguments.diff:
        raise click.UsageError("--add-noqa and --diff exclude each other")
    overrides = _overrides(arguments)
    if arguments.explain_context is not None:
        return _explain_context(arguments.explain_context, overrides)
    unsaved = _standard_input(arguments)
    paths = [] if unsaved is not None else [Path(path) for path in arguments.paths or (".",)]
    if arguments.show_settings or arguments.show_files:
        return _show(arguments, paths, overrides, unsaved)
    return _check(arguments, paths, overrides, unsaved)


def _overrides(arguments: Arguments) -> Overrides:
    """What the options say over the configuration. Raises ConfigurationError for unknown codes."""
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
            raise click.BadParameter(f"{item!r} is not PATTERN:CODES", param_hint="--per-file-ignores")
        check_glob(pattern.removeprefix("!"), "--per-file-ignores")
        per_file.setdefault(pattern, []).extend(selectors([after], "--per-file-ignores"))
    for each in arguments.exclude or ():
        check_glob(each, "--exclude")
    select = None if arguments.select is None else selectors(arguments.select, "--select")
    return Overrides(
        selection=Selection(
            select,
            selectors(arguments.extend_select, "--extend-select"),
            selectors(arguments.ignore, "--ignore"),
        ),
        per_file_ignores=tuple((pattern, tuple(codes)) for pattern, codes in per_file.items()),
        exclude=arguments.exclude or (),
        force_exclude=arguments.force_exclude,
        output_format=arguments.output_format,
        config=arguments.config,
        isolated=arguments.isolated,
    )


def _standard_input(arguments: Arguments) -> Unsaved | None:
    """Standard input, when the path is `-`."""
    if "-" not in arguments.paths:
        return None
    if len(arguments.paths) > 1:
        raise click.UsageError("`-` (standard input) goes with no other path")
    from celery_lint.run import Unsaved

    is_read = not (arguments.show_files or arguments.show_settings)
    content = sys.stdin.buffer.read() if is_read else b""
    return Unsaved(Path(arguments.stdin_filename or "stdin.py"), content)


def _check(arguments: Arguments, paths: Sequence[Path], overrides: Overrides, unsaved: Unsaved | None) -> int:
    """Checks, fixes if asked to, and reports."""
    from celery_lint.findings import Applicability
    from celery_lint.output import Results, shown_path
    from celery_lint.run import run

    allowed = frozenset({Applicability.SAFE, Applicability.UNSAFE} if arguments.unsafe_fixes else {Applicability.SAFE})
    report = run(paths, overrides, unsaved)
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
    if is_filter and unsaved is not None:
        contents = [each.read(filename) for each in checked for filename in each.project.asked]
        _write_bytes(contents[0] if contents else unsaved.content)
    if not arguments.diff:
        results = Results(checked)
        text = results.render(
            overrides.output_format or next((each.project.settings.output_format for each in checked), "full"),
            statistics=arguments.statistics,
            color=arguments.output_file is None and _wants_color(),
            fixable=allowed,
        )
        _write(text, arguments.output_file, to_stderr=is_filter)
        # What --fix leaves, another --fix like it will not repair.
        notes += results.summary(tried=allowed if arguments.fix else ())
        is_reported = bool(results.findings)
    for error in errors:
        _complain(error)
    for each_report in reports:
        click.echo(f"Please report this at {ISSUES}, for instance with this text:\n\n{each_report}\n", err=True)
    if arguments.verbose:
        _say_what_was_done(checked)
    if not arguments.quiet:
        for note in notes:
            click.echo(note, err=True)
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
        # The colours are decided on already.
        click.echo(text, nl=False, err=to_stderr, color=True)
        return
    try:
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise click.FileError(str(path), error.strerror) from None


def _write_bytes(content: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def _say_what_was_done(checked: Sequence[Checked]) -> None:
    for each in checked:
        project = each.project
        click.echo(
            f"{project.root}: {len(project.asked)} of {len(project.files)} files checked"
            f" with {len(project.settings.rules)} rules",
            err=True,
        )


def _list_rules() -> int:
    from celery_lint.rules.registry import all_rules

    rules = all_rules()
    width = max(len(rule.name) for rule in rules)
    for rule in rules:
        default = "opt-in" if rule.opt_in else "on"
        fix = f"{rule.fixable} fix" if rule.fixable else "no fix"
        facts = f"{rule.name:<{width}}  {rule.severity.value:<7}  {default:<6}  {fix:<11}"
        click.echo(f"{rule.code}  {facts}  {rule.summary()}")
    return NOTHING_TO_REPORT


def _explain(wanted: str) -> int:
    """Prints the page of the rule with this code or name."""
    from celery_lint.configuration import nearest
    from celery_lint.rules.registry import all_rules

    rules: dict[str, type[Rule]] = {}
    for rule in all_rules():
        rules[rule.code] = rules[rule.name] = rule
    found = rules.get(wanted.upper()) or rules.get(wanted.lower())
    if found is None:
        raise click.BadParameter(
            f"no rule is called {wanted!r}{nearest(wanted.upper(), rules)}", param_hint="--explain"
        )
    from celery_lint.docs import page

    click.echo(page(found), nl=False)
    return NOTHING_TO_REPORT


def _explain_context(place: str, overrides: Overrides) -> int:
    """Prints what the linter knows of a line."""
    from celery_lint.run import explain_context

    name, _, row = place.rpartition(":")
    if not name or not row.isdigit() or not Path(name).is_file():
        raise click.UsageError(f"--explain-context takes a file and a line, such as shop/views.py:42, not {place!r}")
    for line in explain_context(Path(name), int(row), overrides):
        click.echo(line)
    return NOTHING_TO_REPORT


def _show(arguments: Arguments, paths: Sequence[Path], overrides: Overrides, unsaved: Unsaved | None) -> int:
    """Prints the files to check or the settings instead of checking."""
    from celery_lint.output import shown_path
    from celery_lint.run import find_projects

    projects, errors = find_projects(paths, overrides, unsaved)
    if arguments.show_files:
        for name in sorted(shown_path(project.root, file) for project in projects for file in project.asked):
            click.echo(name)
    if arguments.show_settings:
        import dataclasses

        for project in projects:
            click.echo(f"# {project.root}")
            for key in dataclasses.fields(project.settings):
                click.echo(f"{key.name.replace('_', '-')} = {_plain(getattr(project.settings, key.name))}")
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
