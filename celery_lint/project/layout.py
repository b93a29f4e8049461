"""Which file a dotted name stands for: what follows from the list of a project's files alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property


class Layout:
    """The files of a project as packages and modules.

    `files` are relative to the project's root, with `/`; `declared` the folders that
    the configuration says absolute imports start from.
    """

    def __init__(self, files: frozenset[str], declared: Sequence[str] = ()) -> None:
        self.files = files
        self._declared = tuple(declared)
        self._found: dict[tuple[str, str], str | None] = {}

    @cached_property
    def packages(self) -> frozenset[str]:
        """The folders with an `__init__.py`."""
        return frozenset(folder_of(f) for f in self.files if f.endswith("__init__.py"))

    @cached_property
    def folders(self) -> frozenset[str]:
        """Every folder above a file, `.` for the root."""
        found: set[str] = set()
        for name in self.files:
            folder = folder_of(name)
            while folder not in found:
                found.add(folder)
                folder = folder_of(folder)
        return frozenset(found)

    def source_root(self, filename: str) -> str:
        """The directory that the file's module name starts from; `.` for the root."""
        for root in self._declared:
            if root and root != "." and filename.startswith(root + "/"):
                return root
        folder = folder_of(filename)
        while folder != "." and folder in self.packages:
            folder = folder_of(folder)
        return folder

    @cached_property
    def source_roots(self) -> tuple[str, ...]:
        """The directories that absolute imports are looked up in, the likeliest first."""
        found = {".", *self._declared}
        for package in self.packages:
            if package != ".":
                found.add(self.source_root(package + "/__init__.py"))
        # Places of loose modules that sit next to a project's entry point.
        for name in self.files:
            folder, base = folder_of(name), name.rpartition("/")[2]
            # A server imports the `wsgi.py` of a package by its full name; the others are run where they lie.
            if base in ("manage.py", "setup.py") or (base == "wsgi.py" and folder not in self.packages):
                found.add(folder)
        for directory in ("src", "app", "backend"):
            if directory in self.folders:
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

    def find(self, name: str, home: str) -> str | None:
        """The file of a module by its absolute name, seen from the folder `home`.

        In a repository of several projects the nearest one answers first.
        """
        key = (name, home)
        if key not in self._found:
            self._found[key] = self._find(name, home)
        return self._found[key]

    def _find(self, name: str, home: str) -> str | None:
        relative = name.replace(".", "/")
        prefixes = []
        here = home
        while here:
            if here in self.source_roots or here not in self.packages:
                prefixes.append(here)
            here = here.rpartition("/")[0]
        for root in (*prefixes, *self.source_roots):
            base = relative if root in (".", "") else f"{root}/{relative}"
            for candidate in (f"{base}/__init__.py", f"{base}.py"):
                if candidate in self.files:
                    return candidate
        return None

    def has_folder(self, top: str) -> bool:
        """Whether a folder of this name lies where absolute imports are looked up."""
        return any((top if root == "." else f"{root}/{top}") in self.folders for root in self.source_roots)


class Move:
    """What files that came or went mean for the names of modules: `before` and `after` are the layouts."""

    def __init__(self, before: Layout, after: Layout) -> None:
        self._before = before
        self._after = after
        paths = {name.removesuffix(".py") for name in before.files ^ after.files}
        self._paths = sorted(paths | {path.removesuffix("/__init__") for path in paths})
        self._places = sorted(
            (before.packages ^ after.packages) | set(before.source_roots).symmetric_difference(after.source_roots)
        )
        """The folders that names are looked up in now and were not before, or the other way round."""

    def may_mean_another(self, name: str) -> bool:
        """Whether a dotted name may stand for another file than before, from wherever it is imported."""
        relative = name.replace(".", "/")
        if any(path == relative or path.endswith(f"/{relative}") for path in self._paths):
            return True
        return any(
            self._holds(layout.files, relative if place in (".", "") else f"{place}/{relative}")
            for place in self._places
            for layout in (self._before, self._after)
        )

    @staticmethod
    def _holds(files: Collection[str], base: str) -> bool:
        return f"{base}/__init__.py" in files or f"{base}.py" in files

    def is_renamed(self, filename: str) -> bool:
        """Whether a file is imported under another name than before."""
        return bool(self._places) and self._before.module_name(filename) != self._after.module_name(filename)

    def has_other_folder(self, top: str) -> bool:
        """Whether `has_folder` has another answer."""
        return self._before.has_folder(top) is not self._after.has_folder(top)


def folder_of(filename: str) -> str:
    """The folder that a file or folder lies in; `.` for the root."""
    return filename.rpartition("/")[0] or "."
