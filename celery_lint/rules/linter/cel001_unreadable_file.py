from __future__ import annotations

from celery_lint.findings import Severity
from celery_lint.rules.base import Rule


class UnreadableFile(Rule):
    """The file cannot be read or parsed, so nothing in it was checked.

    ## What it does
    Reports a file that celery-lint was asked to check and could not: it cannot
    be opened, its bytes do not fit the encoding that it declares, it holds a
    NUL byte, its syntax is invalid for the Python that runs celery-lint, or it
    is nested too deeply. The message gives the reason and, where there is one,
    the place. All other files are checked as usual.

    ## Why is this bad
    Silence about such a file would look like a clean bill of health. A worker
    that imports it does not start.

    In a project of more than 3 MB of Python, neither a file without any trace of Celery
    nor a function that names nothing of Celery's is parsed. What is wrong in there is not
    reported: nothing in it could be a finding.

    This rule is on whatever `select` says. Name it in `ignore` or in
    `per-file-ignores`, or exclude the file, to be rid of it.

    ## Example
    ```python
    @shared_task
    def send_invoice(order_id)
        ...
    ```

    ## Use instead
    ```python
    @shared_task
    def send_invoice(order_id):
        ...
    ```

    Most syntax that is newer than the Python that runs celery-lint is read all
    the same (quotes in f-strings, type parameters, `except A, B:`). What is not is
    invalid to it: install celery-lint beside the Python that the project uses.
    """

    severity = Severity.ERROR
