"""JUnit's XML, for servers that show test results: a suite a file, a failed case a finding.

https://github.com/testmoapp/junitxml
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from xml.etree import ElementTree

from celery_lint.findings import Finding

# What no XML 1.0 text may hold, not even escaped.
_IMPOSSIBLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(findings: Iterable[Finding]) -> str:
    """The findings, which are sorted, as XML in ASCII, so that it is the same in every encoding."""
    listed = list(findings)
    top = ElementTree.Element("testsuites", _suite("celery-lint", max(len(listed), 1), len(listed)))
    for filename, group in groupby(listed, lambda finding: finding.place.filename):
        _add_suite(top, filename, list(group))
    if not listed:
        # Some servers take a report without any case for one that was cut off.
        suite = ElementTree.SubElement(top, "testsuite", _suite("celery-lint", 1, 0))
        ElementTree.SubElement(suite, "testcase", name="no findings", classname="celery-lint")
    ElementTree.indent(top)
    document: bytes = ElementTree.tostring(top, encoding="us-ascii", xml_declaration=True)
    return document.decode("ascii") + "\n"


def _add_suite(top: ElementTree.Element, filename: str, findings: list[Finding]) -> None:
    suite = ElementTree.SubElement(top, "testsuite", _suite(filename, len(findings), len(findings)))
    # Servers follow a case from run to run by its names, and drop a second one of the same names.
    alike: Counter[str] = Counter()
    for finding in findings:
        name = f"{finding.code} {finding.name}" + (f" in {finding.scope}" if finding.scope else "")
        alike[name] += 1
        start = finding.place.span.start
        case = ElementTree.SubElement(
            suite,
            "testcase",
            name=_text(name if alike[name] == 1 else f"{name} ({alike[name]})"),
            classname=_text(_class_name(filename)),
            file=_text(filename),
            line=str(start.row),
        )
        failure = ElementTree.SubElement(case, "failure", message=_text(finding.message), type=finding.severity.value)
        failure.text = _text(f"{filename}:{start.row}:{start.column}: {finding.code} {finding.message}")


def _class_name(filename: str) -> str:
    """The file as a dotted name, by which servers make folders of their results."""
    return re.sub(r"\.pyw?$", "", filename).strip("/").replace("/", ".")


def _suite(name: str, tests: int, failures: int) -> dict[str, str]:
    return {"name": _text(name), "tests": str(tests), "failures": str(failures), "errors": "0"}


def _text(text: str) -> str:
    return _IMPOSSIBLE.sub("\ufffd", text)
