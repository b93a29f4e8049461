"""The index: every file of the project by module name, parsed when first asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

from celery_lint.project.modules import Module
from celery_lint.source import Source, UnreadableError

# A file with none of these holds no task, no dispatch and no setting of Celery.
TRACES = (
    b"celery", b"Celery", b"CELERY", b".delay", b"apply_async", b"on_commit", b"send_task", b"shared_task",
    b"BROKER_URL", b".task(", b".task\n", b".task\r", b".task ", b".task#",
)  # fmt: skip
# Up to this many bytes a project's files without a trace of Celery are parsed as well, only to say
# whether they can be (about half a second). Larger projects have other tools for that.
SMALL = 3_000_000
# Names that are called, decorate, or are handed on: what a caller can be found by.
_MENTIONED = re.compile(rb"[A-Za-z_][A-Za-z0-9_]{2,}")
_TEST_FILE = re.compile(
    r"(^|/)(tests?|testing|test_utils|testutils|fixtures|factories)/|(^|/)(test_[^/]*|[^/]*_tests?|tests?|conftest|factories)\.py$"
)


class Project:
    """The files under one root, and the modules that they are."""

    def __init__(
        self,
        root: Path,
        files: Iterable[str],
        source_roots: Sequence[str] = (),
        overrides: Mapping[str, bytes] | None = None,
    ) -> None:
        self.root = root
        self.overrides = dict(overrides or {})
        self.files = frozenset(files) | frozenset(self.overrides)
        self._declared_roots = tuple(r.strip("/").removeprefix("./") for r in source_roots)
        self._modules: dict[str, Module | UnreadableError] = {}
        self._resolved: dict[tuple[str, str], str | None] = {}
        self._data: dict[str, bytes] = {}

    # Files

    def add(self, filename: str) -> None:
        """Let a file in that the walk did not bring: one that was named explicitly."""
        self.files |= {filename}
        for name in ("traced", "_mentions", "_packages", "_directories", "source_roots"):
            self.__dict__.pop(name, None)
        self._resolved.clear()

    def probe(self, filename: str) -> None:
        """Make sure that a file without a trace of Celery is Python at all. Raises UnreadableError."""
        try:
            Source(filename, self.read(filename)).tree  # noqa: B018
        except OSError as error:
            raise UnreadableError(f"cannot be read: {error.strerror or error}") from None

    def read(self, filename: str) -> bytes:
        """A file's bytes. Raises OSError."""
        data = self.overrides.get(filename)
        if data is None:
            data = (self.root / filename).read_bytes()
        return data

    def read_quietly(self, filename: str) -> bytes:
        """A file's bytes; none when it cannot be read."""
        try:
            return self.read(filename)
        except OSError:
            return b""

    def has_trace(self, filename: str) -> bool:
        """Whether the file may hold anything of Celery's."""
        return filename in self.traced

    @cached_property
    def traced(self) -> frozenset[str]:
        """The files with any trace of Celery."""
        found = set()
        for name in self.files:
            data = self.read_quietly(name)
            if any(trace in data for trace in TRACES):
                found.add(name)
        return frozenset(found)

    @cached_property
    def is_small(self) -> bool:
        """Whether all files together are few enough to be parsed, those without a trace of Celery too."""
        size = 0
        for name in self.files:
            size += len(self.read_quietly(name))
            if size > SMALL:
                return False
        return True

    @cached_property
    def _mentions(self) -> dict[bytes, list[str]]:
        """The files, tests left out, in which each name is mentioned."""
        found: dict[bytes, list[str]] = {}
        for name in sorted(self.files):
            if not is_test_file(name):
                for word in set(_MENTIONED.findall(self.read_quietly(name))):
                    found.setdefault(word, []).append(name)
        return found

    def mentioning(self, word: str) -> Sequence[str]:
        """The files, tests left out, that mention a name."""
        return self._mentions.get(word.encode(), ())

    def mentioning_part(self, part: str) -> frozenset[str]:
        """The files, tests left out, that mention a name with `part` in it."""
        wanted = part.encode()
        return frozenset(name for word, names in self._mentions.items() if wanted in word for name in names)

    # Modules

    @cached_property
    def _packages(self) -> frozenset[str]:
        return frozenset(str(PurePosixPath(f).parent) for f in self.files if f.endswith("__init__.py"))

    @cached_property
    def _directories(self) -> frozenset[str]:
        found: set[str] = set()
        for name in self.files:
            parent = PurePosixPath(name).parent
            while str(parent) not in found:
                found.add(str(parent))
                parent = parent.parent
        return frozenset(found)

    def source_root(self, filename: str) -> str:
        """The directory that the file's module name starts from; `.` for the root."""
        for root in self._declared_roots:
            if root and root != "." and filename.startswith(root + "/"):
                return root
        parent = PurePosixPath(filename).parent
        while str(parent) in self._packages and str(parent) != ".":
            parent = parent.parent
        return str(parent)

    @cached_property
    def source_roots(self) -> tuple[str, ...]:
        """The directories that absolute imports are looked up in, the likeliest first."""
        found = {".", *self._declared_roots}
        for package in self._packages:
            if package != ".":
                found.add(self.source_root(package + "/__init__.py"))
        # Places of loose modules that sit next to a project's entry point.
        for name in self.files:
            base = name.rpartition("/")[2]
            if base in ("manage.py", "wsgi.py", "setup.py"):
                found.add(str(PurePosixPath(name).parent))
        for directory in ("src", "app", "backend"):
            if directory in self._directories:
                found.add(directory)
        return tuple(sorted(found, key=lambda r: (0 if r == "." else r.count("/") + 1, r)))

    def module_name(self, filename: str) -> str:
        """The dotted name under which the project imports a file."""
        root = self.source_root(filename)
        if root not in (".", ""):
            # A folder without __init__ below a known root is a namespace package.
            for candidate in sorted(self.source_roots, key=len, reverse=True):
                if candidate != "." and (root == candidate or root.startswith(candidate + "/")):
                    root = candidate
                    break
            else:
                root = "."
        relative = filename if root == "." else filename[len(root) + 1 :]
        parts = relative.removesuffix(".py").split("/")
        if parts[-1] == "__init__" and len(parts) > 1:
            parts.pop()
        return ".".join(parts)

    def find_module(self, name: str, importer: str = "") -> str | None:
        """The file of a module by its absolute name, seen from the file `importer`.

        In a repository of several projects the nearest one answers first.
        """
        if not name:
            return None
        home = importer.rpartition("/")[0]
        key = (name, home)
        if key not in self._resolved:
            self._resolved[key] = self._find_module(name, home)
        return self._resolved[key]

    def _find_module(self, name: str, home: str) -> str | None:
        relative = name.replace(".", "/")
        prefixes = []
        here = home
        while here:
            if here in self.source_roots or here not in self._packages:
                prefixes.append(here)
            here = here.rpartition("/")[0]
        for root in (*prefixes, *self.source_roots):
            base = relative if root in (".", "") else f"{root}/{relative}"
            for candidate in (f"{base}/__init__.py", f"{base}.py"):
                if candidate in self.files:
                    return candidate
        return None

    def is_own_package(self, name: str, importer: str = "") -> bool:
        """Whether the top-level package of a dotted name lies in the project."""
        top = name.partition(".")[0]
        if self.find_module(top, importer) is not None:
            return True
        return any((top if root == "." else f"{root}/{top}") in self._directories for root in self.source_roots)

    def module(self, filename: str) -> Module:
        """A file's module. Raises UnreadableError."""
        known = self._modules.get(filename)
        if known is None:
            try:
                known = Module(self.module_name(filename), Source(filename, self.read(filename)))
            except UnreadableError as error:
                known = error
            except OSError as error:
                known = UnreadableError(f"cannot be read: {error.strerror or error}")
            except RecursionError:
                known = UnreadableError("the code is nested too deeply to be analysed")
            self._modules[filename] = known
        if isinstance(known, UnreadableError):
            raise known
        return known

    @property
    def opened(self) -> list[Module]:
        """The modules that were parsed so far."""
        return [known for known in self._modules.values() if isinstance(known, Module)]

    def module_or_none(self, filename: str | None) -> Module | None:
        """A file's module, or None when there is none or it can't be read."""
        if filename is None:
            return None
        try:
            return self.module(filename)
        except UnreadableError:
            return None

    def import_module(self, name: str, importer: str = "") -> Module | None:
        """A module by its absolute name, or None when the project has none of that name."""
        return self.module_or_none(self.find_module(name, importer))


def is_test_file(filename: str) -> bool:
    """Whether a file's place says that it belongs to tests."""
    return _TEST_FILE.search(filename) is not None
