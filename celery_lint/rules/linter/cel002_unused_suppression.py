from __future__ import annotations

from celery_lint.findings import Severity
from celery_lint.rules.base import Rule


class UnusedSuppression(Rule):
    """A comment suppresses a celery-lint rule that reports nothing there.

    ## What it does
    Reports `# noqa: CEL...`, `# celery-lint: ignore[...]` and their forms for
    whole files when a code that they name suppresses no finding. Only codes of
    celery-lint count: a plain `# noqa`, and the codes of other linters, are
    left alone, as are codes of rules that are not selected in this run.

    ## Why is this bad
    A comment that outlives its reason hides the next defect that is written on
    that line.

    ## Example
    ```python
    send_invoice.delay(order.pk)  # noqa: CEL101
    ```

    ## Use instead
    ```python
    send_invoice.delay(order.pk)
    ```

    ## Fix safety
    The fix is safe: it takes the code out of the comment, and the comment away
    when nothing is left of it. Other linters' codes and the words of a longer
    comment stay.
    """

    severity = Severity.ADVICE
    fixable = "safe"
