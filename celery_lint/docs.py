"""The rules' pages, made from their docstrings: `python -m celery_lint.docs [--check] [FOLDER]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from celery_lint.rules.base import Rule
from celery_lint.rules.registry import all_rules

FOLDER = Path("docs/rules")
_FAMILIES = {
    "CEL0": "The linter's own",
    "CEL1": "What is sent",
    "CEL2": "Transactions",
    "CEL3": "Exceptions",
    "CEL4": "Retries and idempotency",
    "CEL5": "Time",
    "CEL6": "Synchronous execution and results",
    "CEL7": "Canvas",
    "CEL8": "Beat",
    "CEL9": "Definition and configuration",
}
_FIXES = {
    "safe": "`--fix` repairs it.",
    "unsafe": "`--fix --unsafe-fixes` repairs it.",
    "display": "The repair is shown, not made.",
    None: "There is no automatic fix.",
}


def page(rule: type[Rule]) -> str:
    """A rule's page, as `--explain` prints it and `docs/rules/` holds it."""
    selected = "Opt-in: selected by its full code or by `ALL`." if rule.opt_in else "On by default."
    facts = f"Severity: {rule.severity.value}. {selected} {_FIXES[rule.fixable]}"
    return f"# {rule.name} ({rule.code})\n\n{facts}\n\n{rule.page().rstrip()}\n"


def index(rules: Sequence[type[Rule]]) -> str:
    """The table of all rules, a family at a time."""
    lines = ["# Rules", ""]
    for prefix, title in _FAMILIES.items():
        family = [rule for rule in rules if rule.code.startswith(prefix)]
        if not family:
            continue
        lines += [
            f"## {title}",
            "",
            "| code | name | severity | default | fix | |",
            "|---|---|---|---|---|---|",
        ]
        for rule in family:
            default = "opt-in" if rule.opt_in else "on"
            summary = rule.summary().replace("|", "\\|")
            lines.append(
                f"| [{rule.code}]({rule.code}.md) | {rule.name} | {rule.severity.value} | {default}"
                f" | {rule.fixable or 'none'} | {summary} |"
            )
        lines.append("")
    return "\n".join(lines)


def pages() -> Mapping[str, str]:
    """Every file of the folder: its name and its text."""
    rules = all_rules()
    return {"README.md": index(rules), **{f"{rule.code}.md": page(rule) for rule in rules}}


def stale(folder: Path) -> list[str]:
    """The files of `folder` that are missing, out of date or of no rule."""
    wanted = pages()
    present = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
    return sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))


def write(folder: Path) -> list[str]:
    """Brings `folder` up to date and gives the names of the files that changed."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    changed = stale(folder)
    for name in changed:
        if name in wanted:
            (folder / name).write_text(wanted[name], encoding="utf-8", newline="\n")
        else:
            (folder / name).unlink()
    return changed


def main(arguments: Sequence[str]) -> int:
    """Writes the pages; with `--check`, only says which are stale and fails if any is."""
    parser = argparse.ArgumentParser(prog="python -m celery_lint.docs", description=main.__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, help="the pages (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="write nothing")
    given = parser.parse_args(arguments)
    names = stale(given.folder) if given.check else write(given.folder)
    for name in names:
        print(f"{given.folder / name}: {'stale: run `python -m celery_lint.docs`' if given.check else 'written'}")
    return 1 if given.check and names else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
