from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from celery_lint.rules.registry import all_rules
from tests.proofs import harness, prefork
from tests.proofs.examples import Example, by_machine, examples, repaired_by_machine

FIXABLE = frozenset(rule.code for rule in all_rules() if rule.fixable)
LEFT_ALONE = {
    "CEL101_NESTED": "the keys have to be collected, and the task has to fetch the rows",
    "CEL101_SQLALCHEMY": "a key is there only after a flush",
    "CEL102": "callers and task have to change together",
    "CEL201_SQLALCHEMY": "SQLAlchemy has no `on_commit`",
    "CEL203_PRE_SAVE": "in autocommit `on_commit` calls at once, before the row is written",
    "CEL205": "it cannot be told which method was meant",
    "CEL205_TASK_CALLED": "the function may be meant to run",
    "CEL206_DELETED": "the key has to be kept before the row is deleted",
    "CEL209": "the repair is shown only",
    "CEL209_DELETED": "the task needs the row",
    "CEL301_SUPPRESS": "a `with` is no handler",
    "CEL702_SPREAD": "it cannot be told which of them is the body",
    "CEL701_KEPT": "it cannot be told where it was to be sent",
    "CEL701_RETURNED": "the task may be meant to send it, or to be replaced by it",
    "CEL806_NAMELESS": "which task is meant is not said",
    "CEL806_TEXT": "how often is meant is not said",
    "CEL806_TIMELESS": "how often is not said",
    "CEL806_TWICE": "a name has to be found",
    "CEL305_NO_THROW": "somebody chose that it does not raise",
    "CEL405": "only its author knows what to retry on",
    "CEL405_BACKOFF": "only its author knows what to retry on",
    "CEL405_ABOVE": "the task's own number may be the one that is meant",
    "CEL405_NONE": "it may be meant to have the task's limit",
    "CEL405_REJECT": "a late acknowledgement has the task run again in other cases too",
    "CEL405_LOST": "a late acknowledgement has the task run again in other cases too",
    "CEL405_KILLED": "it has no soft limit that could be meant",
    "CEL406": "shown only: how often is enough, only its author knows",
    "CEL406_BY_HAND": "shown only: how often is enough, only its author knows",
    "CEL410": "shown only: which one is meant, only its author knows",
}
"""The examples that the linter may leave as they are, though their rule has a fix."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test of a repair is run with the linter's own repair as well."""
    found = re.fullmatch(r"test_(cel\d{3})", metafunc.module.__name__.rpartition(".")[2])
    if found is None or found[1].upper() not in FIXABLE:
        return
    texts = {text for name in metafunc.function.__code__.co_names if (text := _repair(metafunc, name))}
    for mark in metafunc.definition.iter_markers("parametrize"):
        texts.update(str(value) for value in _values(mark.args[1]))
    repairs = [
        pytest.param(each, id=f"by machine{each.variant}")
        for each in _own_examples(found[1].upper())
        if each.repaired in texts
    ]
    if repairs:
        metafunc.parametrize("repair", [pytest.param(None, id="by hand"), *repairs], indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a test that runs several texts, the linter's repair stands for its own text only."""
    items[:] = [item for item in items if not _runs_another_text(item)]


def _own_examples(code: str) -> Iterator[Example]:
    """The examples of a rule, each bad text once."""
    seen = set()
    for example in examples():
        if example.code == code and example.bad not in seen:
            seen.add(example.bad)
            yield example


def _repair(metafunc: pytest.Metafunc, name: str) -> str | None:
    return getattr(metafunc.module, name, None) if name.startswith("REPAIRED") else None


def _values(arguments: object) -> Iterator[object]:
    """The single values that a test is parametrised with."""
    for argument in arguments if isinstance(arguments, (list, tuple)) else ():
        values = getattr(argument, "values", argument)
        yield from values if isinstance(values, tuple) else (values,)


def _runs_another_text(item: pytest.Item) -> bool:
    parameters = getattr(item, "callspec", None) and item.callspec.params  # type: ignore[attr-defined]
    example = parameters and parameters.get("repair")
    if not isinstance(example, Example):
        return False
    given = [value for value in parameters.values() if isinstance(value, str) and "\n" in value]
    return bool(given) and example.repaired not in given


@pytest.fixture(autouse=True)
def repair(request: pytest.FixtureRequest) -> Iterator[None]:
    """Runs the linter's own repair of an example in the place of the hand-written one."""
    example: Example | None = getattr(request, "param", None)
    if example is None:
        yield
        return
    if by_machine(example) is None:
        assert str(example) in LEFT_ALONE, "the linter has left it as it is"
        pytest.skip(f"not repaired: {LEFT_ALONE[str(example)]}")
    with repaired_by_machine(example) as used:
        yield
    assert used, "the test has not run the repair"


@pytest.fixture(scope="session")
def shop_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the shop's database. Django can be configured once in a process only."""
    data = tmp_path_factory.mktemp("shop")
    harness.configure(data)
    return data


@pytest.fixture
def shop(shop_data: Path) -> Iterator[harness.Shop]:
    """The project, new for this test; see `harness.Shop`."""
    with harness.open_shop(shop_data) as shop:
        yield shop


@pytest.fixture
def silent_server() -> Iterator[prefork.SilentServer]:
    """A web server on this machine that does not answer."""
    server = prefork.SilentServer()
    yield server
    server.close()
