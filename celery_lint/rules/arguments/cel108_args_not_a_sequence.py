"""CEL108."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from celery_lint.findings import Applicability, Change, Finding, Fix, MoveOptions, RenameKeyword, Replace, Severity
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.dispatching.dispatches import spreads
from celery_lint.semantics.dispatching.fitting import Interface, interface
from celery_lint.semantics.dispatching.sendoptions import OPTIONS, Unpacked, unpacked
from celery_lint.semantics.inference.values import Collection, HttpRequest, ModelValue, QuerySetValue
from celery_lint.semantics.model import Dispatch


class ArgsNotASequence(Rule):
    """One of the task's arguments is given as `args`, which must be a list or a tuple of them.

    ## What it does
    Reports `apply_async()`, `apply_async_on_commit()`, `apply()`, `send_task()`, `signature()` and
    `retry()` whose `args` are no list or tuple, or whose `kwargs` are no mapping: `apply_async(order.pk)`,
    `args=(order.pk)`, which lacks the comma of a tuple, or two arguments given as to `delay()`. A
    list is reported when it is called as the task's first parameter is.

    ## Why is this bad
    The call raises `TypeError`, and nothing is sent. Not always: what is empty or zero counts as no
    arguments, and the members of a list become the task's arguments, one by one.
    With a list of one key the task runs with that key where it expects the list.

    ## Example
    ```python
    send_receipt.apply_async(args=(order.pk), countdown=60)
    ```

    ## Use instead
    ```python
    send_receipt.apply_async(args=(order.pk,), countdown=60)
    ```

    ## Silent when
    It can't be told what is given; the task's class has an `apply_async()` of its own; a
    `TypeError` is expected around the call.

    ## Fix safety
    The fix is safe where the call can only fail. It is unsafe where it did something: for a list
    that was spread, and for what was dropped.

    ## References
    - [Celery: calling tasks](https://docs.celeryq.dev/en/stable/userguide/calling.html#basics)
    """

    severity = Severity.ERROR
    fixable = "safe"

    def check_dispatch(self, dispatch: Dispatch, file: FileContext) -> Iterator[Finding]:
        found = unpacked(file.hub, dispatch)
        if not found:
            return
        parts = " and ".join(
            f"`{file.text(one.argument.node)}` as `{one.name}`, which must be {_WANTED[one.name]}" for one in found
        )
        yield self.finding(
            file.place(dispatch.node),
            f"`{file.text(dispatch.node)}` gives {parts}: {_outcome(dispatch, found)}",
            fix=_fix(dispatch, found, file),
        )


_WANTED = {"args": "a list or tuple of the task's arguments", "kwargs": "a mapping"}


def _outcome(dispatch: Dispatch, found: Sequence[Unpacked]) -> str:
    fates = {one.fate for one in found}
    if "refused" in fates:
        if dispatch.verb == "retry":
            return "the retry is never sent"
        if dispatch.verb == "apply":
            return "the task fails with TypeError before it runs"
        if dispatch.is_signature:
            return "it raises TypeError, or each member becomes an argument"
        return "the call raises TypeError, and nothing is sent"
    if "spread" in fates:
        return "each of its members becomes an argument of its own"
    return "it counts as none, and the task does not get it"


def _fix(dispatch: Dispatch, found: Sequence[Unpacked], file: FileContext) -> Fix | None:
    """What was given put into a tuple, where it is what the task takes."""
    first = found[0]
    taken = interface(file.hub, dispatch.task, is_checked=True) if dispatch.task is not None else None
    if taken is None or spreads(dispatch.node) or dispatch.verb == "retry" or first.name != "args":
        return None
    if any(isinstance(v, _UNSENDABLE) for one in found for v in one.argument.value.alternatives()):
        return None
    more = {k.arg for k in dispatch.node.keywords if k.arg is not None} - OPTIONS - {"args", "kwargs"}
    change: Change | None
    if isinstance(first.argument.node, ast.Dict):
        change = _as_kwargs(dispatch, first, taken, file)
    elif len(found) > 1 or more:
        change = _as_of_delay(dispatch, found, more, taken, file)
    else:
        change = _as_tuple(dispatch, first, taken, file)
    if change is None:
        return None
    fails = all(one.fate == "refused" for one in found) and not dispatch.is_signature
    applicability = Applicability.SAFE if fails else Applicability.UNSAFE
    return Fix(applicability, "Give what the task takes as one piece", (change,), uncovers=("CEL106",))


_UNSENDABLE = (ModelValue, QuerySetValue, HttpRequest)


def _as_kwargs(dispatch: Dispatch, given: Unpacked, taken: Interface, file: FileContext) -> Change | None:
    """`args={...}` called `kwargs`, where its keys are the task's parameters."""
    node = given.argument.node
    keyword = next((k for k in dispatch.node.keywords if k.value is node), None)
    keys = {key.value if isinstance(key, ast.Constant) else None for key in getattr(node, "keys", ())}
    if keyword is None or "kwargs" in dispatch.packed or not keys <= set(taken.names):
        return None
    return RenameKeyword(file.place(keyword), "kwargs")


def _as_of_delay(
    dispatch: Dispatch, found: Sequence[Unpacked], more: set[str], taken: Interface, file: FileContext
) -> Change | None:
    """`apply_async(a, b, c=1, queue="x")`, written as a call of `delay`, with the task's arguments packed."""
    node = dispatch.node
    by_keyword = set(taken.names[len(found) :])
    if len(node.args) != len(found) or len(found) > len(taken.positional) or not more <= by_keyword:
        return None
    if not isinstance(node.func, ast.Attribute) or dispatch.target is not node.func:
        return None
    options = tuple(k.arg for k in node.keywords if k.arg is not None and k.arg not in more)
    return MoveOptions(file.place(node), options, node.func.attr)


def _as_tuple(dispatch: Dispatch, given: Unpacked, taken: Interface, file: FileContext) -> Change | None:
    """A tuple of the one thing given, where the task takes one."""
    node = given.argument.node
    required = [name for name in taken.names if name not in taken.optional]
    fits = bool(taken.positional) and (len(required) <= 1 or "kwargs" in dispatch.packed)
    if not fits or (isinstance(given.argument.value, Collection) and given.fate == "refused"):
        return None
    return Replace(file.place(node), "({},)")
