"""flake8's door: the entry point `CEL`.

flake8 chooses the files and applies its own selection and its `# noqa`; the
findings are those of the command, with [tool.celery-lint] and all comments.
flake8 loads its plugins whatever it is asked for, so nothing is imported before
it has read its options and means to check files.

The findings are found ahead, in flake8's first process and before it starts
others. It shares the files out among processes that each see some of them: each
would build an index of its own, and none could keep what was found, since none
knows of the others' part, and a pool ends its processes without a word to them.
The processes that are forked have the findings in memory; where a system starts
them anew they read them from the cache.
"""

from __future__ import annotations

import functools
import os

from celery_lint import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import Any, ClassVar

    from celery_lint.configuration import Overrides, Settings
    from celery_lint.finder import Finder
    from celery_lint.findings import Finding


class Plugin:
    """Made by flake8 for each file, with the lines that flake8 has read."""

    name = "celery-lint"
    version = __version__
    _extend_select: ClassVar[tuple[str, ...]] = ()
    _standard_input: ClassVar[str | None] = None
    _noqa: ClassVar[bool] = True
    _ahead: ClassVar[dict[str, list[Finding]]] = {}
    """What was found ahead, by the file's whole path."""

    def __init__(self, tree: object, filename: str, lines: Sequence[str]) -> None:
        # flake8 gives the tree to the plugins that ask for it; the engine has its own.
        self._filename = filename
        self._lines = lines

    @classmethod
    def parse_options(cls, options: argparse.Namespace) -> None:
        """Takes from flake8's options the opt-in rules that they name by their full code, and starts.

        A default-ignore list would not do for these: a plain `ignore =` empties it.
        """
        from multiprocessing import parent_process

        from celery_lint.rules.registry import known_codes

        named = {*(options.select or ()), *(options.extend_select or ())}
        cls._extend_select = tuple(sorted(named & known_codes().keys()))
        cls._standard_input = (options.stdin_display_name or "stdin") if "-" in options.filenames else None
        cls._noqa = not options.disable_noqa
        cls._ahead = {}
        if cls._standard_input is None and parent_process() is None:
            cls._ahead = _found_ahead(options, cls._extend_select)

    def run(self) -> Iterator[tuple[int, int, str, type[Any]]]:
        """Row, column from 0, message and class of each finding."""
        found = self._ahead.get(os.path.abspath(self._filename))
        for finding in self._found() if found is None else found:
            start = finding.place.span.start
            yield start.row, start.column - 1, f"{finding.code} {finding.message}", type(self)

    def _found(self) -> Sequence[Finding]:
        from pathlib import Path

        from celery_lint.discovery import Project, is_excluded
        from celery_lint.finder import Finder
        from celery_lint.run import check_file

        path = os.path.abspath(self._filename)
        root, settings, files = _project_of(path, self._extend_select)
        filename = Path(path).relative_to(root).as_posix()
        if is_excluded(settings, filename):
            return ()
        unsaved = {filename: _encoded(self._lines)} if self._filename == self._standard_input else {}
        if unsaved or filename not in files:
            finder = Finder(Project(root, settings, (*sorted({*files, filename}),), (filename,)), unsaved)
        else:
            finder = _finder(root, self._extend_select)
        return check_file(finder, filename, noqa=self._noqa)


def _found_ahead(options: argparse.Namespace, extend_select: tuple[str, ...]) -> dict[str, list[Finding]]:
    """The findings of the files that flake8 may check, by whole path.

    They are kept for the next run, by this plugin or the command. Those that are
    not told here are left to the moment when flake8 asks for them: of files that
    the linter fails on, and of files that the command would only check by their
    names. Raises flake8's ExecutionError where one of its files belongs to a
    project with a wrong configuration.
    """
    from pathlib import Path

    from celery_lint.discovery import is_excluded
    from celery_lint.run import check_project, find_projects

    jobs = None if options.jobs.is_auto else max(options.jobs.n_jobs, 1)
    paths = options.filenames or ["."]
    projects, complaints = find_projects(map(Path, paths), _overrides(extend_select, jobs))
    if complaints:
        # A pool that is ended while its processes work may wait forever, so a
        # process that was handed a file is too late a place to find this out.
        for filename in _files_of_flake8(options):
            _project_of(os.path.abspath(filename), extend_select)
    ahead: dict[str, list[Finding]] = {}
    for project in projects:
        checked = check_project(project, {}, noqa=not options.disable_noqa)
        failed = {failure.filename for failure in checked.failures}
        paths_of = {name: os.path.normpath(f"{project.root}/{name}") for name in project.asked if name not in failed}
        ahead.update((path, []) for path in paths_of.values())
        for finding in checked.findings:
            if not is_excluded(project.settings, finding.place.filename):
                ahead[paths_of[finding.place.filename]].append(finding)
    return ahead


def _files_of_flake8(options: argparse.Namespace) -> Iterator[str]:
    """The files that flake8 is going to check: those that it excludes may be somebody else's project."""
    from flake8.discover_files import expand_paths

    files: Iterator[str] = expand_paths(
        paths=options.filenames,
        stdin_display_name=options.stdin_display_name,
        filename_patterns=options.filename,
        exclude=(*options.exclude, *options.extend_exclude),
    )
    return files


def _project_of(path: str, extend_select: tuple[str, ...]) -> tuple[Path, Settings, frozenset[str]]:
    """The project of a file: its root, settings and files. Raises flake8's ExecutionError."""
    from pathlib import Path

    from celery_lint.configuration import ConfigurationError
    from celery_lint.discovery import root_of

    try:
        return _project(root_of(Path(path).parent), extend_select)
    except ConfigurationError as error:
        # The one exception that flake8 tells its user about without a traceback.
        from flake8.exceptions import ExecutionError

        raise ExecutionError(str(error)) from None


def _overrides(extend_select: tuple[str, ...], jobs: int | None = None) -> Overrides:
    from celery_lint.configuration import Overrides, Selection

    return Overrides(selection=Selection(extend_select=extend_select), cache=True, jobs=jobs)


@functools.cache
def _project(root: Path, extend_select: tuple[str, ...]) -> tuple[Path, Settings, frozenset[str]]:
    from celery_lint.discovery import files_of
    from celery_lint.run import settings_of

    settings = settings_of(root, _overrides(extend_select))
    return root, settings, frozenset(files_of(root, settings))


@functools.cache
def _finder(root: Path, extend_select: tuple[str, ...]) -> Finder:
    """One finder for each project and process: its index is made once."""
    from celery_lint.discovery import Project
    from celery_lint.finder import Finder

    _, settings, files = _project(root, extend_select)
    return Finder(Project(root, settings, tuple(sorted(files)), ()), {})


def _encoded(lines: Sequence[str]) -> bytes:
    """The lines in the encoding that they declare, as the file would be."""
    import io
    import tokenize

    text = "".join(lines)
    encoding, _ = tokenize.detect_encoding(io.BytesIO(text.encode()).readline)
    return text.encode(encoding, errors="surrogateescape")
