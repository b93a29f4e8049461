"""From paths to projects: which root, which settings, which files.

Each file belongs to one project, told from where the file lies and never from
what else was asked for, so that every door sees it with the same surroundings.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from celery_lint.configuration import ConfigurationError, Settings, find_file
from celery_lint.gitignore import Ignores
from celery_lint.patterns import Globs
from celery_lint.surroundings import FOREIGN, MARKERS, SUFFIXES, VIRTUAL_ENVIRONMENT, note, note_folder

# The value of `exclude` when it is not set.
CUSTOMARY_EXCLUDE = (
    "build",
    "dist",
    "_build",
    "buck-out",
    "venv",
    "env",
    "virtualenv",
    "*.egg",
    "*.egg-info",
)
# What a folder may be configured by.
CONFIGURATIONS = frozenset({"pyproject.toml", "celery-lint.toml"})

Loader = Callable[[Path], Settings]


@dataclass(frozen=True)
class Project:
    """One root, its settings, every Python file in it and those asked for (relative, with `/`)."""

    root: Path
    settings: Settings
    files: tuple[str, ...]
    asked: tuple[str, ...]

    @cached_property
    def links(self) -> Mapping[str, str]:
        """For a file that has several names, by symbolic links: each name but one, with that one.

        A file is changed under one name: one that was asked for, its own rather than a link's.
        """
        root, real_root = os.fspath(self.root), os.path.realpath(self.root)
        links: dict[str, list[str]] = {}
        for name in self.files:
            if os.path.islink(f"{root}/{name}"):
                links.setdefault(os.path.realpath(f"{root}/{name}"), []).append(name)
        known, asked = set(self.files), set(self.asked)
        found: dict[str, str] = {}
        for real, names in links.items():
            own = real.removeprefix(real_root).replace(os.sep, "/").lstrip("/")
            first, *others = sorted({*names, own} & known, key=lambda each: (each not in asked, each != own, each))
            found.update(dict.fromkeys(others, first))
        return found

    def under_all_names(self, contents: Mapping[str, bytes]) -> dict[str, bytes]:
        """What files hold, for links to them as well."""
        return {**contents, **{name: contents[one] for name, one in self.links.items() if one in contents}}


@dataclass(frozen=True)
class Discovery:
    """What the paths of a run amount to. `errors` are complaints about paths and configurations."""

    projects: tuple[Project, ...]
    errors: tuple[str, ...]


def discover(paths: Iterable[Path], load: Loader, *, unsaved: Path | None = None) -> Discovery:
    """The projects of `paths`, files and folders alike.

    `load` gives the settings for a root. `unsaved` is a file to be asked for
    that need not be there (standard input).
    """
    errors: list[str] = []
    roots = _Roots()
    asked: dict[Path, _Asked] = {}

    def of(root: Path) -> _Asked:
        return asked.setdefault(root, _Asked(root))

    if unsaved is not None:
        file = _absolute(unsaved)
        of(roots.of(file.parent)).files.append(file)
    for path in paths:
        absolute = _absolute(path)
        note(absolute)
        try:
            is_folder = stat.S_ISDIR(absolute.stat().st_mode)
            if is_folder:
                os.scandir(absolute).close()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not a valid path"
            errors.append(f"{path}: {reason[:1].lower()}{reason[1:]}")
            continue
        if is_folder:
            of(roots.of(absolute, default=absolute)).folders.append(absolute)
        else:
            of(roots.of(absolute.parent)).files.append(absolute)

    projects: list[Project] = []
    while asked:
        # Walks find further projects, always deeper ones: the highest root goes first.
        root = min(asked, key=lambda root: len(root.parts))
        wanted = asked.pop(root)
        try:
            tree = _Tree(root, load(root), roots)
        except ConfigurationError as error:
            if str(error) not in errors:
                errors.append(str(error))
            continue
        files = {tree.relative(file) for file in wanted.files if tree.takes(file)}
        for folder in wanted.folders:
            found, nested = tree.under(folder)
            files.update(found)
            for inner in nested:
                of(inner).folders.append(inner)
        known = files | tree.files.keys() if files else files
        projects.append(Project(root, tree.settings, tuple(sorted(known)), tuple(sorted(files))))
    projects.sort(key=lambda project: project.root)
    return Discovery(tuple(projects), tuple(errors))


def root_of(folder: Path) -> Path:
    """The root of the project that the files in a folder belong to."""
    return _Roots().of(_absolute(folder))


def files_of(root: Path, settings: Settings) -> tuple[str, ...]:
    """Every Python file of the project at `root`, relative, with `/`."""
    return tuple(sorted(_Tree(root, settings, _Roots()).files))


def belonged(root: Path, settings: Settings, filename: str) -> bool:
    """Whether a file that is no longer there was, by its name, one of the project at `root`."""
    folder = (root / filename).parent
    if not FOREIGN.isdisjoint(filename.split("/")) or _unread(settings).match(filename):
        return False
    while not folder.is_dir():
        folder = folder.parent
    return _Roots().of(folder, default=root) == root


def is_excluded(settings: Settings, filename: str) -> bool:
    """Whether the configuration itself leaves out a file (relative to the root)."""
    return Globs([*(settings.exclude or ()), *settings.extend_exclude]).match(filename)


def _exclusion(settings: Settings) -> Globs:
    patterns = CUSTOMARY_EXCLUDE if settings.exclude is None else settings.exclude
    return Globs([*patterns, *settings.extend_exclude])


def _unread(settings: Settings) -> Globs:
    """The folders that hold no code of the project by custom."""
    return Globs(CUSTOMARY_EXCLUDE if settings.exclude is None else ())


def _absolute(path: Path) -> Path:
    # Not resolve(): a file keeps the name by which it was asked for.
    return Path(os.path.abspath(path))


@dataclass
class _Asked:
    root: Path
    files: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)


@dataclass
class _Roots:
    """Finds the root of the project that a folder belongs to."""

    _claims: dict[Path, bool] = field(default_factory=dict)

    def of(self, folder: Path, default: Path | None = None) -> Path:
        """The nearest folder upwards that claims all below it, else the nearest with a marker.

        The search ends at a repository's top. Without any marker the root is
        the working directory when it holds the folder, else `default`, else the
        folder in which the package of the folder lies.
        """
        marked: Path | None = None
        for candidate in (folder, *folder.parents):
            if self.claims(candidate):
                return candidate
            if marked is None and any(_has(candidate, marker) for marker in MARKERS):
                marked = candidate
            if _has(candidate, ".git"):
                break
        if marked is not None:
            return marked
        here = Path.cwd()
        if here == folder or here in folder.parents:
            return here
        if default is not None:
            return default
        while _has(folder, "__init__.py") and folder.parent != folder:
            folder = folder.parent
        return folder

    def claims(self, folder: Path) -> bool:
        """Whether a folder is the root for all below it that does not claim as much for itself.

        A celery-lint configuration says so, and a workspace, whose members are
        installed together.
        """
        if folder not in self._claims:
            self._claims[folder] = find_file(folder) is not None or _is_workspace(folder)
        return self._claims[folder]


def _has(folder: Path, name: str) -> bool:
    path = folder / name
    note(path)
    return path.exists()


def _is_workspace(folder: Path) -> bool:
    path = folder / "pyproject.toml"
    note(path)
    try:
        return b"[tool.uv.workspace]" in path.read_bytes()
    except OSError:
        return False


@dataclass
class _Walked:
    """What a walk came by, relative to the root; each with whether it is to be reported on."""

    files: dict[str, bool] = field(default_factory=dict)
    folders: dict[str, bool] = field(default_factory=dict)
    nested: dict[str, bool] = field(default_factory=dict)
    """The folders that are projects of their own, which the walk does not enter."""


class _Tree:
    """The files of one project, walked when first needed."""

    def __init__(self, root: Path, settings: Settings, roots: _Roots) -> None:
        self.root = root
        self.settings = settings
        self._roots = roots
        self._excluded = _exclusion(settings)
        # Excluding is about reporting: what the project's owner excludes is still
        # known to the analysis. The customary folders hold no code of the project.
        self._unread = _unread(settings)

    def relative(self, path: Path) -> str:
        return "" if path == self.root else path.relative_to(self.root).as_posix()

    def takes(self, file: Path) -> bool:
        """Whether a file that was named outright is to be checked."""
        return not (self.settings.force_exclude and self._is_left_out(self.relative(file)))

    def _is_left_out(self, path: str) -> bool:
        return self._excluded.match(path) or not FOREIGN.isdisjoint(path.split("/"))

    @cached_property
    def _whole(self) -> _Walked:
        return self._walk(self.root)

    @property
    def files(self) -> Mapping[str, bool]:
        """Every file of the project, and whether a walk from the root reports on it."""
        return self._whole.files

    def under(self, folder: Path) -> tuple[Sequence[str], Sequence[Path]]:
        """The files to check in a folder that was asked for, and the projects nested in it."""
        start = self.relative(folder)
        if start and self.settings.force_exclude and self._is_left_out(start):
            return (), ()
        inside = f"{start}/" if start else ""
        walked = self._whole
        if start and not walked.folders.get(start, False):
            # Left out of the walk from the root, and yet asked for by name.
            walked = self._walk(folder)
        found = [path for path, is_reported in walked.files.items() if is_reported and path.startswith(inside)]
        nested = [path for path, is_reported in walked.nested.items() if is_reported and path.startswith(inside)]
        return found, [self.root / path for path in nested]

    def _walk(self, top: Path) -> _Walked:
        """Files and folders under `top`, each real folder once."""
        walked = _Walked()
        start = self.relative(top)
        skipped = len(start) + 1 if start else 0
        root = os.fspath(self.root)
        claims_all = self._roots.claims(self.root)
        ignores = Ignores.above(self.root)
        for parent in [*Path(start).parents][::-1] if start else ():
            base = "" if parent == Path() else f"{parent.as_posix()}/"
            ignores = ignores.inside(f"{root}/{base}", base)
        # A folder's path from the root, its real path, what git ignores in it, whether it is reported on.
        pending: list[tuple[str, str, Ignores, bool]] = [(start, os.path.realpath(top), ignores, True)]
        # Links to folders wait until the folders themselves have been seen.
        links: list[tuple[str, str, Ignores, bool]] = []
        seen: set[str] = set()
        while pending or links:
            is_link = not pending
            path, real, ignores, is_reported = pending.pop() if pending else links.pop(0)
            if real in seen or (is_link and not FOREIGN.isdisjoint(real.split(os.sep))):
                continue
            absolute = f"{root}/{path}" if path else root
            note_folder(absolute)
            try:
                with os.scandir(absolute) as scan:
                    entries = list(scan)
            except OSError:
                continue
            seen.add(real)
            names = {entry.name for entry in entries}
            if path != start:
                if VIRTUAL_ENVIRONMENT in names:
                    continue
                if (not claims_all and not MARKERS.isdisjoint(names)) or self._is_claimed(absolute, names):
                    # A link to a project leads to what is checked where it lies.
                    if not is_link:
                        walked.nested[path] = is_reported
                    continue
                walked.folders[path] = is_reported
            base = f"{path}/" if path else ""
            if ".gitignore" in names:
                ignores = ignores.inside(absolute, base)
            below: list[tuple[str, str, bool]] = []
            plain: list[str] = []
            for entry in entries:
                name = entry.name
                try:
                    if entry.is_dir():
                        if not (name in FOREIGN or self._unread.match_entry(name, name)):
                            below.append((name, entry.path, _is_link(entry)))
                    elif name.endswith(SUFFIXES) and entry.is_file():
                        plain.append(name)  # no broken link, pipe or socket
                except OSError:
                    continue
            for name in ignores.kept_files(base, plain):
                inner = base + name
                walked.files[inner] = is_reported and not self._excluded.match_file(inner[skipped:], name)
            for name, place, is_linked in sorted(below, reverse=True):
                inner = base + name
                if not ignores.ignores_folder(inner, name):
                    is_inner_reported = is_reported and not self._excluded.match_entry(inner[skipped:], name)
                    if is_linked:
                        links.append((inner, os.path.realpath(place), ignores, is_inner_reported))
                    else:
                        pending.append((inner, f"{real}{os.sep}{name}", ignores, is_inner_reported))
        return walked

    def _is_claimed(self, folder: str, names: set[str]) -> bool:
        """Whether a folder below the root has a configuration of its own."""
        return not names.isdisjoint(CONFIGURATIONS) and self._roots.claims(Path(folder))


def _is_link(entry: os.DirEntry[str]) -> bool:
    """Whether an entry leads elsewhere: a symbolic link, or a junction of Windows."""
    return entry.is_symlink() or (
        os.name == "nt" and getattr(entry.stat(follow_symlinks=False), "st_reparse_tag", 0) != 0
    )
