"""What is imported for which command: a tool that runs at every save has to start at once.

The lists are exact for our own modules. Of others, those are named that take long.
"""

from __future__ import annotations

import pytest

from tests.conftest import SWALLOWING_TASK, Workspace
from tests.doors.test_flake8 import IS_INSTALLED, LOCAL_PLUGIN

# What a run imports that finds no file with a trace of Celery.
RUN = """
    celery_lint celery_lint.arguments celery_lint.cache celery_lint.cli celery_lint.codec celery_lint.configuration
    celery_lint.discovery celery_lint.engine celery_lint.finder celery_lint.findings celery_lint.gitignore
    celery_lint.incremental celery_lint.newer_syntax celery_lint.output celery_lint.patterns celery_lint.project
    celery_lint.project.index celery_lint.project.inputs celery_lint.project.layout celery_lint.project.modules
    celery_lint.project.outline celery_lint.project.syntax celery_lint.records celery_lint.replay
    celery_lint.reporters celery_lint.reporters.style celery_lint.requirements celery_lint.rules
    celery_lint.rules.base celery_lint.rules.registry celery_lint.run celery_lint.semantics
    celery_lint.semantics.memo celery_lint.source celery_lint.surroundings celery_lint.toml celery_lint.workers
"""
COSTLY = """
    argparse asyncio click concurrent.futures datetime difflib email importlib.metadata ipaddress json libcst logging
    multiprocessing pickle platform socket sqlite3 subprocess tempfile textwrap tomllib typing unicodedata uuid
"""
# pathlib brings it itself in some versions.
BY_PATHLIB = {"ipaddress"}


def imported(workspace: Workspace, *arguments: str) -> set[str]:
    """The modules that a run of the command has imported when it ends, those of a bare Python left out."""
    script = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "from celery_lint.cli import main\n"
        "try:\n"
        f"    main({list(arguments)!r})\n"
        "finally:\n"
        "    print(*sorted(set(sys.modules) - before), file=sys.stderr)\n"
    )
    return set(workspace.python("-c", script).err.splitlines()[-1].split())


def own(modules: set[str]) -> list[str]:
    return sorted(name for name in modules if name.partition(".")[0] == "celery_lint")


def costly(modules: set[str]) -> set[str]:
    return (set(COSTLY.split()) & modules) - BY_PATHLIB


def test_the_version(workspace: Workspace) -> None:
    modules = imported(workspace, "--version")
    assert own(modules) == [
        "celery_lint",
        "celery_lint.cli",
    ]
    assert costly(modules) | modules & {"pathlib"} == set()


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        ((), ["celery_lint.reporters.full"]),
        (("--output-format", "concise", "-q"), ["celery_lint.reporters.concise"]),
        (("--output-format=github", "clean.py", "--select=CEL3"), ["celery_lint.reporters.github"]),
    ],
)
def test_a_project_without_celery(workspace: Workspace, arguments: tuple[str, ...], more: list[str]) -> None:
    workspace.write({"clean.py": "x = 1\n"})
    modules = imported(workspace, *arguments)
    assert own(modules) == sorted([*RUN.split(), *more])
    assert costly(modules) == {"json"}


def test_a_run_in_which_nothing_has_changed(workspace: Workspace) -> None:
    workspace.write({"tasks.py": SWALLOWING_TASK})
    # As if what has just been written had been there for long.
    script = "from celery_lint import cli, surroundings; surroundings.RACY = -(10**15); cli.main(['.'])"
    first = workspace.python("-c", script)
    assert "CEL301" in first.out
    modules = imported(workspace, ".")
    assert own(modules) == [
        "celery_lint",
        "celery_lint.cli",
        "celery_lint.replay",
        "celery_lint.reporters",
        "celery_lint.surroundings",
    ]
    assert costly(modules) | modules & {"collections", "dataclasses", "enum", "functools", "pathlib", "re"} == set()
    second = workspace.python("-m", "celery_lint", ".")
    assert (second.code, second.out, second.err) == (first.code, first.out, first.err)


def test_json_comes_with_its_format_or_the_cache(workspace: Workspace) -> None:
    workspace.write({"clean.py": "x = 1\n"})
    assert costly(imported(workspace, "--no-cache")) == set()
    assert costly(imported(workspace, "--no-cache", "--output-format", "json")) == {"json"}


def test_what_is_known_needs_no_engine(workspace: Workspace) -> None:
    workspace.write({"tasks.py": SWALLOWING_TASK})
    workspace.lint("--select", "CEL301")
    modules = imported(workspace, "--select", "CEL301")
    assert "celery_lint.engine" not in modules
    assert not any(name.startswith("celery_lint.semantics") for name in modules)


def test_toml_is_read_where_there_is_some(workspace: Workspace) -> None:
    workspace.write({"pyproject.toml": "[project]\n", "clean.py": "x = 1\n"})
    assert "tomllib" not in costly(imported(workspace))
    workspace.write({"pyproject.toml": "[project]\ndependencies = ['celery>=5']\n"})
    assert {"tomllib", "tomli"} & imported(workspace)


def test_a_project_with_findings(workspace: Workspace) -> None:
    workspace.write({"tasks.py": SWALLOWING_TASK})
    modules = imported(workspace, "--select", "CEL301")
    assert "celery_lint.rules.exceptions.cel301_swallowed_exception" in modules
    assert costly(modules) - {"typing"} == {"json"}
    assert not any(name.startswith("celery_lint.fixes") for name in modules)


def test_listing_rules_reads_no_project(workspace: Workspace) -> None:
    modules = imported(workspace, "--list-rules")
    assert modules.isdisjoint({"celery_lint.engine", "celery_lint.discovery", "libcst", "click"})


def test_flake8_loads_next_to_nothing_before_it_has_a_file(workspace: Workspace) -> None:
    workspace.write({".flake8": "" if IS_INSTALLED else LOCAL_PLUGIN})
    script = (
        "import runpy, sys\n"
        "sys.argv[1:] = ['--version']\n"
        "try:\n"
        "    runpy.run_module('flake8', run_name='__main__')\n"
        "finally:\n"
        "    print(*sorted(sys.modules), file=sys.stderr)\n"
    )
    outcome = workspace.python("-c", script)
    assert "celery-lint" in outcome.out or "CEL" in outcome.out
    assert own(set(outcome.err.splitlines()[-1].split())) == ["celery_lint", "celery_lint.flake8_plugin"]
