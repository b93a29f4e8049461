"""What the rules on tasks that run on the spot share: sending them instead, after the commit where it matters."""

from __future__ import annotations

from celery_lint.findings import Applicability, Change, Fix, Replace
from celery_lint.rules.transactions.repair import may_delay_on_commit, may_wait_for_commit, put_off
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.dispatching.encoding import obstacle
from celery_lint.semantics.dispatching.evidence import carried
from celery_lint.semantics.inference.values import ManagerValue, ModelValue, QuerySetValue
from celery_lint.semantics.model import Dispatch


def sent(dispatch: Dispatch, function: str, file: FileContext) -> Fix | None:
    """The call made to send its task with `function`, code in which `{}` is what it calls now.

    Where a worker could have the message before the rows are committed, it is
    sent after the commit. None where Django does not tell of the commit, and
    for arguments that no message can hold.
    """
    rows = (ModelValue, QuerySetValue, ManagerValue)
    if any(carried(dispatch, file, lambda value: isinstance(value, rows) or obstacle(file.hub, value) is not None)):
        return None
    verb = function.rpartition(".")[2]
    call = file.place(dispatch.node.func)
    hazard = file.hub.hazards.if_sent(dispatch)
    change: Change = Replace(call, function)
    when = ""
    if hazard is not None:
        if not may_wait_for_commit(hazard):
            return None
        when = " after the commit"
        deferred = put_off(dispatch, hazard.using, file.hub, function)
        if deferred is None:
            return None
        change = deferred
        if not deferred.is_robust and hazard.using is None and may_delay_on_commit(dispatch, file.hub):
            verb += "_on_commit"
            change = Replace(call, f"{function}_on_commit")
    return Fix(Applicability.UNSAFE, f"Send it{when}: `{verb}(...)`", (change,))
