"""Collects the code that the proofs run, for tests that read it instead."""

from __future__ import annotations

import importlib
import pkgutil
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

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
    return [
        Example(code, variant, bad.get(variant, bad.get("", "")), text, module) for variant, text in repaired.items()
    ]


def lay_out(directory: Path, source: str, module: str = DEFAULT_MODULE) -> Path:
    """Write the project with `source` as its module `module` into `directory`. Gives the module's path."""
    shutil.copytree(PROJECT, directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    path = directory.joinpath(*module.split(".")).with_suffix(".py")
    path.write_text(source, encoding="utf-8")
    return path
