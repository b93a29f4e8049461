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
    return [
        Example(
            code,
            variant,
            bad.get(variant, bad.get("", "")),
            text,
            module,
            hasten if callable(hasten) else None,
        )
        for variant, text in repaired.items()
    ]


@cache
def by_machine(example: Example) -> str:
    """What `--fix --unsafe-fixes` makes of the bad text."""
    from celery_lint.fixing import fix

    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        path = lay_out(directory, example.bad, example.module)
        (directory / "pyproject.toml").write_text("", encoding="utf-8")
        report = run([directory], Overrides(selection=Selection(select=(example.code,)), isolated=True))
        fixed = fix(report.checked, frozenset({Applicability.SAFE, Applicability.UNSAFE}), write=True)
        assert not fixed.errors
        text = path.read_text(encoding="utf-8")
    return example.hasten(text) if example.hasten is not None else text


_IN_PLACE: list[tuple[str, str, list[str]]] = []


@contextmanager
def repaired_by_machine(example: Example) -> Iterator[list[str]]:
    """Whatever runs the example's hand-written repair in the block runs the linter's own instead.

    Gives the list of the texts that were run so.
    """
    used: list[str] = []
    _IN_PLACE.append((example.repaired, by_machine(example), used))
    try:
        yield used
    finally:
        _IN_PLACE.pop()


def to_run(source: str) -> str:
    """The text that is run for `source`, which may have more behind an example's text."""
    for repaired, other, used in _IN_PLACE:
        if source.startswith(repaired):
            used.append(other)
            return other + source.removeprefix(repaired)
    return source


def lay_out(directory: Path, source: str, module: str = DEFAULT_MODULE) -> Path:
    """Write the project with `source` as its module `module` into `directory`. Gives the module's path."""
    shutil.copytree(PROJECT, directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    path = directory.joinpath(*module.split(".")).with_suffix(".py")
    path.write_text(source, encoding="utf-8")
    return path
