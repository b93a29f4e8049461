from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.proofs import harness, prefork


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
