"""Whether messages that a task was sent at a revision fit what it takes now."""

from __future__ import annotations

from collections.abc import Iterator

from celery_lint.records import record
from celery_lint.semantics.dispatching.fitting import (
    Interface,
    Mismatch,
    expects_error,
    interface,
    is_certain,
    may_be_subclass,
    misfit_of,
)
from celery_lint.semantics.dispatching.signatures import is_complete, runs_here
from celery_lint.semantics.model import Dispatch, Task
from celery_lint.semantics.revision import Revision
from celery_lint.semantics.schedules.arguments import arguments_of


@record()
class _Message:
    """The arguments of a message. Where it is not complete, some come before and after them."""

    positional: int
    keywords: tuple[str, ...]
    is_complete: bool = True
    dispatch: Dispatch | None = None


@record()
class Refusal:
    """How a message of the revision does not fit the task of now.

    Either its run fails (`mismatch`), or an argument goes to another parameter (`shifted`:
    the one it was for, and the one that gets it). `dispatch` is what sent it, if it is known.
    """

    then: Interface
    now: Interface
    dispatch: Dispatch | None
    mismatch: Mismatch | None = None
    shifted: tuple[str, str] | None = None


def refusal(revision: Revision, old: Task, new: Task) -> Refusal | None:
    """How the messages of a task do not fit what became of it; None when they do, or where it can't be told.

    What the project sent decides. Where that can't be read, a message by position and one
    by name must both be refused.
    """
    then, now = interface(revision.before, old), interface(revision.now, new)
    if then is None or now is None or then == now:
        return None
    is_hidden = False
    for message in _sent(revision, old):
        if message is None:
            is_hidden = True
            continue
        found = _refused(then, now, message)
        if found is not None:
            return found
    if not is_hidden:
        return None
    likely = [_refused(then, now, message) for message in _any_of(then)]
    return likely[0] if all(likely) else None


def _sent(revision: Revision, task: Task) -> Iterator[_Message | None]:
    """The messages of a task that the project sent at the revision; None for one that can't be read."""
    hub = revision.before
    for dispatch in hub.dispatches_of(task):
        if runs_here(dispatch):
            continue
        if dispatch.is_opaque or may_be_subclass(hub, dispatch) or not is_certain(dispatch.call):
            yield None
        elif not expects_error(dispatch.call):
            keywords = tuple(one.keyword for one in dispatch.sent if one.keyword is not None)
            positional = len(dispatch.sent) - len(keywords)
            yield _Message(positional, keywords, is_complete(hub, dispatch), dispatch)
    for entry in revision.schedules(task):
        given = arguments_of(hub, entry)
        is_readable = given is not None and given.is_whole and given.signature is None
        yield _Message(given.positional, given.keywords) if given is not None and is_readable else None


def _any_of(then: Interface) -> tuple[_Message, _Message]:
    """The shortest message that fits, by position as far as possible and by name as far as possible."""
    required = [name for name in then.positional if name not in then.optional]
    by_name_only = [name for name in then.by_keyword_only if name not in then.optional]
    by_position_only = sum(name in then.by_position_only for name in required)
    return (
        _Message(len(required), tuple(by_name_only)),
        _Message(by_position_only, (*required[by_position_only:], *by_name_only)),
    )


def _refused(then: Interface, now: Interface, message: _Message) -> Refusal | None:
    if not _fits(then, message):
        return None
    found = misfit_of(now, message.positional, message.keywords)
    if found is not None and (message.is_complete or not found.missing):
        return Refusal(then, now, message.dispatch, found)
    shifted = _shifted(then, now, message.positional) if found is None and message.is_complete else None
    return Refusal(then, now, message.dispatch, shifted=shifted) if shifted is not None else None


def _fits(taken: Interface, message: _Message) -> bool:
    found = misfit_of(taken, message.positional, message.keywords)
    return found is None or (bool(found.missing) and not message.is_complete)


def _shifted(then: Interface, now: Interface, positional: int) -> tuple[str, str] | None:
    """The first parameter, still there, whose argument by position goes to another one."""
    for was, given in zip(then.positional[:positional], now.positional, strict=False):
        if was != given and was in now.names:
            return was, given
    return None
