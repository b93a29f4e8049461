"""What the formats for people share: colours, marks, and text fit for a terminal."""

from __future__ import annotations

from collections.abc import Collection

from celery_lint.findings import Applicability, Finding, Place, Severity
from celery_lint.records import record
from celery_lint.reporters import CONTROL

_CODES = {
    "bold": "1",
    "red": "1;31",
    "yellow": "1;33",
    "blue": "1;34",
    "cyan": "36",
    "green": "1;32",
    "dim": "2",
}
_BY_SEVERITY = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.ADVICE: "blue"}
_WITHOUT_CONTROL = dict.fromkeys(map(ord, CONTROL), "\ufffd")


@record()
class Style:
    """How text for people looks: with colours or not, and which fixes are marked as within reach."""

    color: bool = False
    fixable: Collection[Applicability] = (Applicability.SAFE,)

    def paint(self, text: str, color: str) -> str:
        return f"\x1b[{_CODES[color]}m{text}\x1b[0m" if self.color else text

    def place(self, place: Place) -> str:
        """`path:row:column`."""
        start = place.span.start
        colon = self.paint(":", "cyan")
        return f"{self.paint(printable(place.filename), 'bold')}{colon}{start.row}{colon}{start.column}"

    def headline(self, finding: Finding) -> str:
        """`path:row:column: CEL101 [*] message`; the mark says that a fix is within reach."""
        code = self.paint(finding.code, _BY_SEVERITY[finding.severity])
        reachable = finding.fix is not None and finding.fix.applicability in self.fixable
        mark = f" [{self.paint('*', 'green')}]" if reachable else ""
        return f"{self.place(finding.place)}{self.paint(':', 'cyan')} {code}{mark} {printable(finding.message)}"


def printable(text: str) -> str:
    """The text without characters that would act on a terminal or break the line; tabs stay."""
    return text.translate(_WITHOUT_CONTROL)
