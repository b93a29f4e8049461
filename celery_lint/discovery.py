"""From paths to projects: which root, which settings, which files.

Each file belongs to one project, told from where the file lies and never from
what else was asked for, so that every door sees it with the same surroundings.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from celery_lint.configuration import ConfigurationError, Settings, find_file
from celery_lint.patterns import Gitignore, Globs
from celery_lint.records import dataclass, field

# What a folder holds that is the top of a project.
MARKERS = frozenset({"pyproject.toml", "celery-lint.toml", "manage.py", "setup.cfg", "setup.py", ".git"})
# Never the project's own code: neither checked nor known, whatever `exclude` says.
FOREIGN = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        ".bzr",
        ".jj",
        "CVS",
        "__pycache__",
        "__pypackages__",
        "node_modules",
        "site-packages",
    }
    | {
        ".venv",
        ".tox",
        ".nox",
        ".eggs",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".pytype",
        ".hypothesis",
    }
    | {".direnv", ".pyenv", ".ipynb_checkpoints", ".celery_lint_cache", "bower_components"}
)
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
SUFFIXES = (".py", ".pyw")

Loader = Callable[[Path], Settings]


@dataclass(frozen=True)
class Project:
    """One root, its settings, every Python file in it and those asked for (relative, with `/`)."""

    root: Path
    settings: Settings
    files: tuple[str, ...]
    asked: tuple[str, ...]


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


def is_excluded(settings: Settings, filename: str) -> bool:
    """Whether the configuration itself leaves out a file (relative to the root)."""
    return Globs([*(settings.exclude or ()), *settings.extend_exclude]).match(filename)


def _exclusion(settings: Settings) -> Globs:
    patterns = CUSTOMARY_EXCLUDE if settings.exclude is None else settings.exclude
    return Globs([*patterns, *settings.extend_exclude])


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
            if marked is None and any((candidate / marker).exists() for marker in MARKERS):
                marked = candidate
            if (candidate / ".git").exists():
                break
        if marked is not None:
            return marked
        here = Path.cwd()
        if here == folder or here in folder.parents:
            return here
        if default is not None:
            return default
        while (folder / "__init__.py").exists() and folder.parent != folder:
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


def _is_workspace(folder: Path) -> bool:
    try:
        return b"[tool.uv.workspace]" in (folder / "pyproject.toml").read_bytes()
    except OSError:
        return False


class _Tree:
    """The files of one project, walked when first needed."""

    def __init__(self, root: Path, settings: Settings, roots: _Roots) -> None:
        self.root = root
        self.settings = settings
        self._roots = roots
        self._excluded = _exclusion(settings)
        self._nested: list[str] = []
        self._folders: set[str] = set()
        # Excluding is about reporting: what the project's owner excludes is still
        # known to the analysis. The customary folders hold no code of the project.
        self._unread = Globs(CUSTOMARY_EXCLUDE if settings.exclude is None else ())

    def relative(self, path: Path) -> str:
        return "" if path == self.root else path.relative_to(self.root).as_posix()

    def takes(self, file: Path) -> bool:
        """Whether a file that was named outright is to be checked."""
        return not (self.settings.force_exclude and self._excluded.match(self.relative(file)))

    @cached_property
    def files(self) -> Mapping[str, bool]:
        """Every file of the project, and whether a walk from the root reports on it."""
        files = {}
        for entry in self._walk(self.root):
            if entry.is_nested_project:
                self._nested.append(entry.path)
            elif entry.is_folder:
                self._folders.add(entry.path)
            else:
                files[entry.path] = not self._excluded.match(entry.path)
        return files

    def under(self, folder: Path) -> tuple[Sequence[str], Sequence[Path]]:
        """The files to check in a folder that was asked for, and the projects nested in it."""
        start = self.relative(folder)
        if start and self.settings.force_exclude and self._excluded.match(start):
            return (), ()
        inside = f"{start}/" if start else ""
        files = self.files
        if start and (start not in self._folders or self._excluded.match(start)):
            # Left out of the walk from the root, and yet asked for by name.
            entries = list(self._walk(folder))
            plain = [entry.path for entry in entries if not (entry.is_folder or entry.is_nested_project)]
            found = [path for path in plain if not self._excluded.match(path.removeprefix(inside))]
            return found, [self.root / entry.path for entry in entries if entry.is_nested_project]
        found = [path for path, reported in files.items() if reported and path.startswith(inside)]
        nested = [path for path in self._nested if path.startswith(inside) and not self._excluded.match(path)]
        return found, [self.root / path for path in nested]

    def _walk(self, top: Path) -> Iterator[_Entry]:
        """Files and folders under `top` in a stable order, each real folder once."""
        seen: set[tuple[int, int]] = set()
        ignores = _GitignoreStack(self.root, top)
        claims_all = self._roots.claims(self.root)
        # Links to folders wait until the folders themselves have been seen.
        links: list[str] = []
        start = self.relative(top)
        pending = [start]
        while pending or links:
            is_link = not pending
            path = pending.pop() if pending else links.pop(0)
            absolute = self.root / path if path else self.root
            try:
                identity = absolute.stat()
                with os.scandir(absolute) as scan:
                    entries = sorted(scan, key=lambda entry: entry.name)
            except OSError:
                continue
            if (identity.st_dev, identity.st_ino) in seen:
                continue
            if is_link and not FOREIGN.isdisjoint(Path(os.path.realpath(absolute)).parts):
                continue
            seen.add((identity.st_dev, identity.st_ino))
            names = {entry.name for entry in entries}
            if path != start:
                if "pyvenv.cfg" in names:
                    continue
                if (not claims_all and not MARKERS.isdisjoint(names)) or self._is_claimed(absolute, names):
                    # A link to a project leads to what is checked where it lies.
                    if not is_link:
                        yield _Entry(path, is_nested_project=True)
                    continue
                yield _Entry(path, is_folder=True)
            ignores.enter(path, names)
            folders: list[str] = []
            for entry in entries:
                inner = f"{path}/{entry.name}" if path else entry.name
                if _is_folder(entry):
                    is_foreign = entry.name in FOREIGN or self._unread.match(entry.name)
                    if is_foreign or ignores.ignored(inner, is_folder=True):
                        continue
                    (links if entry.is_symlink() else folders).append(inner)
                elif entry.name.endswith(SUFFIXES) and _is_file(entry) and not ignores.ignored(inner, is_folder=False):
                    yield _Entry(inner)
            pending.extend(reversed(folders))

    def _is_claimed(self, folder: Path, names: set[str]) -> bool:
        """Whether a folder below the root has a configuration of its own."""
        return bool(names & {"pyproject.toml", "celery-lint.toml"}) and self._roots.claims(folder)


@dataclass(frozen=True, slots=True)
class _Entry:
    path: str
    is_folder: bool = False
    is_nested_project: bool = False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a file or a link to one: no broken link, pipe or socket."""
    try:
        return entry.is_file()
    except OSError:
        return False


class _GitignoreStack:
    """The `.gitignore` files that hold for a walk: those above it, and those that it enters."""

    def __init__(self, root: Path, top: Path) -> None:
        self._root = root
        # By folder, relative to the root; the ones above the root come first.
        self._above: list[Gitignore] = []
        self._inside: dict[str, Gitignore] = {}
        repository = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)
        folder = root
        while folder != repository:
            folder = folder.parent
            text = _text(folder / ".gitignore")
            self._above.insert(0, Gitignore(text, above=f"{root.relative_to(folder).as_posix()}/"))
        above = "" if repository == root else f"{root.relative_to(repository).as_posix()}/"
        self._above.insert(0, Gitignore(_text(repository / ".git" / "info" / "exclude"), above=above))
        inner = top.relative_to(root)
        for parent in [*inner.parents][::-1]:
            self.enter("" if parent == Path() else parent.as_posix(), {".gitignore"})

    def enter(self, folder: str, names: set[str]) -> None:
        """Takes in a folder's `.gitignore`, if it has one."""
        if ".gitignore" in names and folder not in self._inside:
            base = f"{folder}/" if folder else ""
            self._inside[folder] = Gitignore(_text(self._root / base / ".gitignore"), base=base)

    def ignored(self, path: str, *, is_folder: bool) -> bool:
        """Whether git ignores an entry of a folder that it does not ignore: the deepest word counts."""
        folder = path
        while folder:
            folder = folder.rpartition("/")[0]
            patterns = self._inside.get(folder)
            verdict = patterns.verdict(path, is_folder=is_folder) if patterns else None
            if verdict is not None:
                return verdict
        for patterns in reversed(self._above):
            verdict = patterns.verdict(path, is_folder=is_folder)
            if verdict is not None:
                return verdict
        return False


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
