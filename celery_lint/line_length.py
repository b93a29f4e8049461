"""How long the lines of a project may be that fixes make longer."""

from __future__ import annotations

import configparser
from pathlib import Path

from celery_lint import toml

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

DEFAULT = 88


def line_length(root: Path) -> int:
    """How long the lines of a project may be: as its formatter is told, else its linter, else as Black has it."""
    tools = _toml(root / "pyproject.toml").get("tool", {})
    black, ruff = (tools.get(tool, {}) for tool in ("black", "ruff"))
    tables = [black, ruff, _toml(root / "ruff.toml"), _toml(root / ".ruff.toml")]
    for table in tables:
        length = table.get("line-length") if isinstance(table, dict) else None
        if isinstance(length, int) and length > 0:
            return length
    for name in ("setup.cfg", "tox.ini", ".flake8"):
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read_string((root / name).read_text(encoding="utf-8"))
            length = parser.getint("flake8", "max-line-length")
        except (OSError, ValueError, configparser.Error):
            continue
        if length > 0:
            return length
    return DEFAULT


def _toml(path: Path) -> Mapping[str, Any]:
    try:
        return toml.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
