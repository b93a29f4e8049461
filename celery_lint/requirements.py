"""The oldest versions of its dependencies that a project allows, from its own metadata."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from celery_lint import toml
from celery_lint.surroundings import note, requirement_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Version = tuple[int, ...]

_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*\(?([^;#@)]*)")
# `^` is poetry's; a number without an operator is poetry's as well, and means `==`.
_LOWER_BOUND = re.compile(r"(===?|~=|>=|>|\^|~|)\s*v?(\d+(?:\.\d+)*)(?:\.\*)?(?=$|[\s,a-z])")


def minimum_version(specifier: str) -> Version | None:
    """The lower bound in `>=5.3,<6`, `~=5.3`, `^5.3` or `==5.3.*`; None when there is none.

    Of alternatives (`^4.4 || ^5.3`) the lowest counts.
    """
    lowest = []
    for alternative in specifier.split("||"):
        bounds = [
            parse_version(found[2]) for part in alternative.split(",") if (found := _LOWER_BOUND.match(part.strip()))
        ]
        if not bounds:
            return None
        lowest.append(max(bounds))
    return min(lowest)


def parse_version(text: str) -> Version:
    """`5.3.6` as numbers. Raises ValueError for anything else."""
    if not re.fullmatch(r"\d+(\.\d+)*", text):
        raise ValueError(text)
    return tuple(int(part) for part in text.split("."))


def minimum_versions(root: Path, packages: Sequence[str]) -> dict[str, Version]:
    """The lowest version of each of `packages` that the project at `root` allows.

    Reads pyproject.toml (PEP 621, dependency groups, poetry), Pipfile, setup.cfg
    and requirement files, in `root` or, where those name none of the packages,
    in the folders above it up to the repository's. A package without a lower
    bound is not in the result. Files that do not parse say nothing.
    """
    folder = root
    while True:
        found: dict[str, Version] = {}
        for name, specifier in _requirements(folder, packages):
            name = re.sub(r"[-_.]+", "-", name).lower()
            version = minimum_version(specifier) if name in packages else None
            if version is not None:
                found[name] = min(version, found.get(name, version))
        note(folder / ".git")
        if found or folder.parent == folder or (folder / ".git").exists():
            return found
        folder = folder.parent


def _requirements(folder: Path, packages: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each requirement in the files that name one of `packages`: the package's name and the version specifier."""
    yield from _from_pyproject(_toml(folder / "pyproject.toml", packages))
    pipfile = _toml(folder / "Pipfile", packages)
    yield from _from_table(pipfile.get("packages"))
    for path in (
        folder / "setup.cfg",
        *(folder / name for name in requirement_files(folder, "requirements")),
        *(folder / "requirements" / name for name in requirement_files(folder / "requirements", "")),
    ):
        # A setup.cfg lists its requirements one a line as well; its other lines name no version.
        yield from _from_lines(_text(path).splitlines())


def _from_pyproject(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    project = _table(data.get("project"))
    lists = [project.get("dependencies")]
    lists += _table(project.get("optional-dependencies")).values()
    lists += _table(data.get("dependency-groups")).values()
    for entries in lists:
        if isinstance(entries, list):
            yield from _from_lines(entry for entry in entries if isinstance(entry, str))
    poetry = _table(_table(data.get("tool")).get("poetry"))
    yield from _from_table(poetry.get("dependencies"))
    for group in _table(poetry.get("group")).values():
        yield from _from_table(_table(group).get("dependencies"))


def _from_lines(lines: Any) -> Iterator[tuple[str, str]]:
    for line in lines:
        found = _REQUIREMENT.match(line)
        if found:
            yield found[1], found[2].strip()


def _from_table(table: Any) -> Iterator[tuple[str, str]]:
    """The entries of `celery = "^5.3"` and `celery = {version = "^5.3"}`."""
    for name, value in _table(table).items():
        specifier = value.get("version") if isinstance(value, dict) else value
        if isinstance(specifier, str):
            yield name, specifier


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _toml(path: Path, packages: Sequence[str]) -> Mapping[str, Any]:
    """The tables of a file; none when it is not there or names none of the packages."""
    text = _text(path)
    lowered = text.lower()
    if not any(package in lowered for package in packages):
        return {}
    try:
        return toml.loads(text)
    except ValueError:
        return {}


def _text(path: Path) -> str:
    """The file's text, empty when it cannot be read."""
    note(path)
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return ""
