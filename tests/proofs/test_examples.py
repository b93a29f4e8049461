"""The examples as other tests read them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.proofs.examples import Example, examples, lay_out


@pytest.mark.parametrize("example", examples(), ids=str)
def test_an_example_differs_from_its_repair_and_is_a_module_of_the_oldest_python(
    example: Example, tmp_path: Path
) -> None:
    """A repair that `replace` makes of the bad text may have replaced nothing."""
    assert example.bad != example.repaired
    # What is wrong by CEL001 is no module of any Python.
    for text in (example.bad, example.repaired) if example.code != "CEL001" else (example.repaired,):
        path = lay_out(tmp_path, text, example.module)
        ast.parse(path.read_text("utf-8"), feature_version=(3, 10))
