"""The command as click knows it: help, completion, and complaints about wrong usage."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from celery_lint import VERSION
from celery_lint.arguments import OPTIONS, Arguments, Option, UsageError, items

PROGRAM = "celery-lint"


class _Command(click.Command):
    """The command, in which an optional reason stands behind `=`: what follows `--add-noqa` is a path."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        optional = {option.name for option in OPTIONS if option.kind == "optional"}
        args[:end] = [f"{word}=" if word in optional else word for word in args[:end]]
        return super().parse_args(ctx, args)


def command() -> click.Command:
    """The command, which gives its arguments when it is called."""

    def arguments(**values: Any) -> Arguments:
        return Arguments(**values)

    return _Command(
        PROGRAM,
        callback=arguments,
        params=[
            click.Argument(["paths"], nargs=-1),
            *map(_parameter, OPTIONS),
            click.Option(
                ["--version"],
                is_flag=True,
                expose_value=False,
                is_eager=True,
                callback=_print_version,
                help="Show the version and exit.",
            ),
        ],
        help="""Find anti-patterns in code that uses Celery.

        PATHS are files and folders to check, the working directory by default; `-`
        is standard input. The project around them is read as well, and never run.
        """,
        epilog="Exit codes: 0 nothing to report, 1 findings, 2 wrong usage or configuration, internal error.",
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def parse(words: Sequence[str] | None) -> Arguments:
    """The arguments that the words are, or those of this process. Ends it where they ask for help or are wrong."""
    try:
        outcome = command().main(words, prog_name=PROGRAM, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    if not isinstance(outcome, Arguments):
        sys.exit(outcome)
    return outcome


def complain(error: UsageError) -> int:
    """Says what is wrong with the arguments, and gives the exit code."""
    context = click.Context(command(), info_name=PROGRAM)
    told = (
        click.BadParameter(error.message, context, param_hint=error.option)
        if error.option
        else click.UsageError(error.message, context)
    )
    told.show()
    return told.exit_code


def _print_version(context: click.Context, parameter: click.Parameter, is_asked: bool) -> None:
    if is_asked and not context.resilient_parsing:
        click.echo(VERSION)
        context.exit()


def _items(context: click.Context, parameter: click.Parameter, words: tuple[str, ...]) -> tuple[str, ...] | None:
    return items(words) if words else None


def _parameter(option: Option) -> click.Option:
    names = [option.short, option.name] if option.short else [option.name]
    if option.kind == "flag":
        return click.Option(names, is_flag=True, help=option.help)
    if option.kind == "switch":
        return click.Option([f"{option.name}/{option.contrary}"], default=None, help=option.help)
    if option.kind == "optional":
        return click.Option(names, metavar=option.metavar, is_flag=False, flag_value="", help=option.help)
    if option.kind == "list":
        return click.Option(names, metavar=option.metavar, multiple=True, callback=_items, help=option.help)
    kinds: dict[str, click.ParamType[Any]] = {
        "text": click.STRING,
        "number": click.IntRange(min=1),
        "choice": click.Choice(option.choices),
        "file": click.Path(path_type=Path),
        "new-file": click.Path(path_type=Path, dir_okay=False),
    }
    return click.Option(names, type=kinds[option.kind], metavar=option.metavar, help=option.help)
