"""The SARIF is valid: what the standard requires, section by section, of the parts that are written.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/sarif-v2.1.0-os.html
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Workspace
from tests.test_fixtures import EXAMPLE

# The properties that each object may have, those that it must have with a star.
ALLOWED = {
    "log": "$schema version* runs*",  # 3.13
    "run": "tool* columnKind results",  # 3.14
    "driver": "name* version informationUri rules",  # 3.19
    "rule": "id* name shortDescription helpUri",  # 3.49
    "result": "ruleId ruleIndex level message* locations relatedLocations fixes partialFingerprints",  # 3.27
    "location": "id message physicalLocation",  # 3.28
    "physicalLocation": "artifactLocation* region",  # 3.29
    "region": "startLine startColumn endLine endColumn",  # 3.30
    "fix": "description artifactChanges* properties",  # 3.55
    "artifactChange": "artifactLocation* replacements*",  # 3.56
    "replacement": "deletedRegion* insertedContent",  # 3.57
}


def check(kind: str, value: dict[str, Any]) -> dict[str, Any]:
    """`value`, when it has what `kind` must have and nothing unknown."""
    allowed = ALLOWED[kind].split()
    assert value.keys() <= {name.rstrip("*") for name in allowed}, kind
    assert {name[:-1] for name in allowed if name.endswith("*")} <= value.keys(), kind
    return value


def check_uri(location: dict[str, str]) -> None:
    """A URI reference (RFC 3986): only these characters, and no scheme unless it is `file`."""
    assert location.keys() == {"uri"}
    assert re.fullmatch(r"(file:///)?[A-Za-z0-9%._~/-]+", location["uri"])


def check_region(region: dict[str, int]) -> None:
    check("region", region)
    assert all(isinstance(number, int) and number >= 1 for number in region.values())
    start, end = ((region[f"{side}Line"], region[f"{side}Column"]) for side in ("start", "end"))
    assert start <= end


def check_location(location: dict[str, Any]) -> None:
    physical = check("physicalLocation", check("location", location)["physicalLocation"])
    check_uri(physical["artifactLocation"])
    check_region(physical["region"])


def check_log(text: str) -> list[dict[str, Any]]:
    """The results of a log that is valid."""
    log = check("log", json.loads(text))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert check("run", run)["columnKind"] in ("unicodeCodePoints", "utf16CodeUnits")
    assert run["tool"].keys() == {"driver"}
    rules = [check("rule", rule) for rule in check("driver", run["tool"]["driver"])["rules"]]
    assert len({rule["id"] for rule in rules}) == len(rules)
    results: list[dict[str, Any]] = run["results"]
    for result in results:
        check("result", result)
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error")
        assert result["message"]["text"]
        assert re.fullmatch("[0-9a-f]{32}", result["partialFingerprints"].pop("celeryLint/v1"))
        assert result["partialFingerprints"] == {}
        for location in result["locations"] + result.get("relatedLocations", []):
            check_location(location)
        ids = [location["id"] for location in result.get("relatedLocations", [])]
        assert len(set(ids)) == len(ids)
        for fix in result.get("fixes", []):
            check("fix", fix)
            assert fix["artifactChanges"]
            for change in fix["artifactChanges"]:
                check_uri(check("artifactChange", change)["artifactLocation"])
                assert change["replacements"]
                for replacement in change["replacements"]:
                    check_region(check("replacement", replacement)["deletedRegion"])
                    assert replacement["insertedContent"].keys() == {"text"}
    return results


def test_the_example_has_the_findings_of_the_json(workspace: Workspace) -> None:
    shutil.copytree(EXAMPLE, workspace.root / "my shop")
    results = check_log(workspace.lint("--output-format", "sarif").out)
    found = json.loads(workspace.lint("--output-format", "json").out)
    assert [(result["ruleId"], result["message"]["text"]) for result in results] == [
        (finding["code"], finding["message"]) for finding in found
    ]
    assert [bool(result.get("fixes")) for result in results] == [finding["fix"] is not None for finding in found]
    assert {result["level"] for result in results} >= {"error", "warning"}
    assert results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].startswith("my%20shop/")


def test_a_run_without_findings_is_a_log_too(workspace: Workspace) -> None:
    workspace.write({"a.py": "x = 1\n"})
    assert check_log(workspace.lint("--output-format", "sarif").out) == []


def test_a_file_beside_the_working_directory_is_named_in_full(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    workspace.write({"é.py": "from celery import x\n)\n"})
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (result,) = check_log(workspace.lint("--output-format", "sarif", "../é.py").out)
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == (tmp_path / "é.py").as_uri()
