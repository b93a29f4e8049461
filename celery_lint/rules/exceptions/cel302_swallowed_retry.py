"""CEL302."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import Applicability, Finding, Fix, Import, ReraiseFirst, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext, related
from celery_lint.semantics.exceptions.handlers import Catch, Raised, is_retry, raised_predicates, swallower
from celery_lint.semantics.model import FunctionFlow

_PREDICATES = tuple(Import("celery.exceptions", name) for name in ("Retry", "Ignore", "Reject"))


class SwallowedRetry(Rule):
    """A broad handler catches Celery's own Retry, Ignore or Reject.

    ## What it does
    Reports `except:`, `except Exception`, `except BaseException` and
    `contextlib.suppress(Exception)` around code that raises `self.retry()`, `Retry`,
    `Ignore` or `Reject`, in the block itself or in a helper that it calls, when the
    handler does not raise them again. An exception that one handler raises is not caught
    by the other handlers of the same `try`, and is not reported.

    ## Why is this bad
    `self.retry()` sends the message for the next run and then raises `Retry` to end this
    one. `Retry`, `Ignore` and `Reject` are subclasses of `Exception`. Caught, they never
    reach the worker: this run is stored as SUCCESS while the retry is queued and runs
    later. A handler that retries again sends a second message, and the number of
    messages doubles with each round.

    ## Example
    ```python
    try:
        response = requests.put(url, timeout=10)
        if response.status_code == 429:
            raise self.retry(countdown=30)
    except Exception:
        logger.exception("cannot sync %s", url)
    ```

    ## Use instead
    ```python
    try:
        response = requests.put(url, timeout=10)
        if response.status_code == 429:
            raise self.retry(countdown=30)
    except (Retry, Ignore, Reject):
        raise
    except Exception:
        logger.exception("cannot sync %s", url)
    ```
    or catch what the request raises, and nothing else.

    ## Fix safety
    Safe: the new first handler only lets through what Celery raises for its worker.

    ## References
    - [Celery: retrying](https://docs.celeryq.dev/en/stable/userguide/tasks.html#retrying)
    """

    severity = Severity.ERROR
    fixable = "safe"

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        if not flow.handlers and not flow.withs:
            return
        found: dict[object, tuple[Catch, list[Raised]]] = {}
        for raised in raised_predicates(file.hub, flow):
            catch = swallower(file.hub, flow, raised)
            if catch is not None:
                found.setdefault(catch.node, (catch, []))[1].append(raised)
        for catch, swallowed in found.values():
            yield self._report(catch, swallowed, file)

    def _report(self, catch: Catch, swallowed: list[Raised], file: FileContext) -> Finding:
        first = swallowed[0]
        what = file.text(first.node, 40)
        how = "suppresses" if not catch.body else "catches"
        if first.kind != "Retry":
            outcome = f"the run is stored as SUCCESS instead of ended by {first.kind}"
        elif any(is_retry(file.hub, call) for call in catch.calls):
            outcome = "the handler retries a second time, and the messages double with each round"
        elif catch.may_raise:
            outcome = "the run fails although its retry is already queued"
        else:
            outcome = "the run is stored as SUCCESS although its retry is already queued"
        message = f"this {how} the {first.kind} that `{what}` raises: {outcome}"
        fix = None
        if catch.body and isinstance(catch.statement, ast.Try):  # what `except*` raises is a group
            passed = {name for earlier in catch.earlier for name in earlier.predicates}
            missing = tuple(one for one in _PREDICATES if one.name not in passed)
            change = ReraiseFirst(file.place(catch.statement), missing)
            fix = Fix(Applicability.SAFE, "Let what Celery raises for its worker through first", (change,))
        steps = [step for raised in swallowed for step in raised.steps]
        return self.finding(catch.place, message, related=related(steps), fix=fix)
