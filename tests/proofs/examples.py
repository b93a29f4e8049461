"""Collects the code that the proofs run, for tests that read it instead."""

from __future__ import annotations

import importlib
import pkgutil
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from celery_lint.configuration import Overrides, Selection
from celery_lint.findings import Applicability
from celery_lint.run import run

PROJECT = Path(__file__).parent / "project"
DEFAULT_MODULE = "shop.tasks"


@dataclass(frozen=True)
class Example:
    """One form of a rule's defect, and its repair: texts of the module `module`."""

    code: str
    variant: str  # the constants' suffix: "" or "_UPDATE"
    bad: str
    repaired: str
    module: str
    hasten: Callable[[str], str] | None = None
    before: str = ""
    """What stood in the module at the revision that the run compares with."""

    def __str__(self) -> str:
        return f"{self.code}{self.variant}"


def examples() -> list[Example]:
    """The examples of all proofs, in the order of their codes."""
    found = []
    package = importlib.import_module(__package__)
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        match = re.fullmatch(r"test_(cel\d{3})", info.name)
        if match:
            names = vars(importlib.import_module(f"{__package__}.{info.name}"))
            found += _examples_of(match[1].upper(), names)
    return found


def _examples_of(code: str, names: dict[str, object]) -> list[Example]:
    """The examples among a proof's constants. Each bad text needs a repair."""
    texts = {name: text for name, text in names.items() if isinstance(text, str)}
    bad = {name[len("BAD") :]: text for name, text in texts.items() if re.match(r"BAD(_|$)", name)}
    repaired = {name[len("REPAIRED") :]: text for name, text in texts.items() if re.match(r"REPAIRED(_|$)", name)}
    if not bad or not bad.keys() <= repaired.keys():
        raise ValueError(f"{code}: every BAD needs the REPAIRED of the same suffix; found {sorted(texts)}")
    module = texts.get("MODULE", DEFAULT_MODULE)
    hasten = names.get("hasten")
    before = {name[len("BEFORE") :]: text for name, text in texts.items() if re.match(r"BEFORE(_|$)", name)}
    return [
        Example(
            code,
            variant,
            bad.get(variant, bad.get("", "")),
            text,
            module,
            hasten if callable(hasten) else None,
            before.get(variant, before.get("", "")),
        )
        for variant, text in repaired.items()
    ]


@dataclass(frozen=True)
class Repair:
    """What the linter makes of an example: its module's text, and other files of the project that it changes."""

    text: str
    others: tuple[tuple[str, str], ...]


@cache
def by_machine(example: Example) -> Repair | None:
    """What `--fix --unsafe-fixes` makes of the bad text in its project; None if it changes nothing."""
    from celery_lint.fixing import fix

    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        path = lay_out(directory, example.bad, example.module)
        (directory / "pyproject.toml").write_text("", encoding="utf-8")
        before = {each: each.read_text(encoding="utf-8") for each in directory.rglob("*.py")}
        report = run([directory], Overrides(selection=Selection(select=(example.code,)), isolated=True))
        fixed = fix(report.checked, frozenset({Applicability.SAFE, Applicability.UNSAFE}), write=True)
        assert not fixed.errors
        hasten = example.hasten or str
        after = {each: hasten(each.read_text(encoding="utf-8")) for each in before}
        changed = {each.relative_to(directory).as_posix(): text for each, text in after.items() if text != before[each]}
        name = path.relative_to(directory).as_posix()
        if not changed:
            return None
        return Repair(changed.pop(name, example.bad), tuple(sorted(changed.items())))


_IN_PLACE: list[tuple[str, Repair, list[str]]] = []


@contextmanager
def repaired_by_machine(example: Example) -> Iterator[list[str]]:
    """Whatever runs the example's hand-written repair in the block runs the linter's own instead.

    Gives the list of the texts that were run so.
    """
    used: list[str] = []
    repair = by_machine(example)
    assert repair is not None
    _IN_PLACE.append((example.repaired, repair, used))
    try:
        yield used
    finally:
        _IN_PLACE.pop()


def to_run(source: str) -> str:
    """The text that is run for `source`, which may have more behind an example's text."""
    for repaired, repair, used in _IN_PLACE:
        if source.startswith(repaired):
            used.append(repair.text)
            return repair.text + source.removeprefix(repaired)
    return source


def others_to_run(source: str) -> tuple[tuple[str, str], ...]:
    """The other files of the project, by name, that have another text when `source` is run."""
    return next((repair.others for repaired, repair, _ in _IN_PLACE if source.startswith(repaired)), ())


def lay_out(directory: Path, source: str, module: str = DEFAULT_MODULE) -> Path:
    """Write the project with `source` as its module `module` into `directory`. Gives the module's path."""
    shutil.copytree(PROJECT, directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    path = directory.joinpath(*module.split(".")).with_suffix(".py")
    path.write_text(source, encoding="utf-8")
    return path
