"""Dispatches that a worker may receive before the rows that they are about are committed.

Three ways lead there: a transaction around the dispatch, a handler that the
framework calls while it saves, and a write just before in code of which nobody
knows whether it runs in a transaction. One dispatch is reported as one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from celery_lint.findings import Severity
from celery_lint.project.modules import Class, Function
from celery_lint.records import record
from celery_lint.semantics.dispatching.signatures import signatures_sent
from celery_lint.semantics.frameworks.dependencies import committed_later
from celery_lint.semantics.frameworks.roles import Role
from celery_lint.semantics.inference.values import (
    Atomic,
    Constant,
    FunctionValue,
    KeyValue,
    ModelValue,
    Parameter,
    Value,
)
from celery_lint.semantics.model import Call, Dispatch, Frame, FunctionFlow, Step, Write, calls_external
from celery_lint.semantics.transactions.contexts import Context, Reached, Transaction
from celery_lint.semantics.transactions.reads import is_part_of, only_read
from celery_lint.semantics.transactions.sessions import has_ended, is_session
from celery_lint.semantics.transactions.writes import may_be_rows, may_follow, origin_of, same_row

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

HazardKind = Literal["atomic", "hook", "write"]
NO_ROLE = Role()


@record()
class Hazard:
    """A call that sends a task too early; `reached` says what it sends, `steps` prove it."""

    kind: HazardKind
    call: Call
    reached: Reached
    steps: tuple[Step, ...]
    severity: Severity
    using: str | None = None
    transaction: Transaction | None = None
    role: Role = NO_ROLE
    write: Write | None = None

    @property
    def dispatch(self) -> Dispatch:
        return self.reached.dispatch

    @property
    def is_direct(self) -> bool:
        """Whether the call is itself the dispatch."""
        return not self.reached.steps


class Hazards:
    """Finds the hazards of a function's flow."""

    def __init__(self, hub: Semantics) -> None:
        self._hub = hub

    def of_flow(self, flow: FunctionFlow) -> Sequence[Hazard]:
        """The hazards of one body."""
        return self._hub.memo.get(("hazards", flow), lambda: tuple(self._of_flow(flow)), ())

    def if_sent(self, dispatch: Dispatch) -> Hazard | None:
        """What would be wrong if a call that runs its task on the spot sent it instead."""
        call = dispatch.call
        function = call.flow.function
        return None if function is None else self._of_call(call, Reached(dispatch, ()), call.flow, function)

    def _of_flow(self, flow: FunctionFlow) -> Iterator[Hazard]:
        function = flow.function
        if function is None or self._hub.roles.of(function.outermost).kind == "test":
            return
        if self._is_plain_entry(function, flow):
            return
        given = {a.node for call in flow.calls if (a := self._hub.calls.commit_callback(call)) is not None}
        for call in flow.calls:
            reached = self._hub.transactions.sends(call)
            if reached is not None and not reached.steps and call.node in given:
                continue  # `on_commit(task.delay(x))`: CEL204 reports it, and its repair defers it
            if reached is not None:
                hazard = self._of_call(call, reached, flow, function)
                if hazard is not None:
                    yield hazard

    def _is_plain_entry(self, function: Function, flow: FunctionFlow) -> bool:
        """Whether a worker or a command line calls the function, and nothing in it opens a transaction.

        Asked first: it spares looking for what each of its calls may lead to.
        """
        if function.parent is not None or self._hub.settings.require_on_commit:
            return False
        is_task = self._hub.tasks.of_function(function) is not None
        is_entry = is_task or (function.name == "handle" and self._hub.roles.of(function).kind == "command")
        opens = any(isinstance(value, Atomic) for _, _, value, _ in flow.withs)
        commits = any(call.name in ("commit", "set_autocommit") for call in flow.calls)
        return is_entry and not opens and not commits and self._hub.transactions.decorated(function) is None

    def _of_call(self, call: Call, reached: Reached, flow: FunctionFlow, function: Function) -> Hazard | None:
        transactions = self._hub.transactions
        inner = transactions.around(call.frame, flow)
        if inner is False or is_stored_message(reached.dispatch):
            return None
        if isinstance(inner, Transaction):
            if not (self.may_write(inner, call, flow) or self._writes_unseen(call, reached)):
                return None
            if self._compensates(call, flow):
                return None
            if inner.kind == "session" and self._is_committed_by_hand(call, reached):
                return None
            if self._is_reported_further_in(call, reached, flow):
                return None
            return Hazard("atomic", call, reached, (*inner.steps, *reached.steps), Severity.ERROR, inner.using, inner)
        session = self._session(call, reached, flow) or self._by_hand(call, reached, flow)
        if session is not None:
            return session
        hub = self._hub
        if function.parent is None and hub.tasks.of_function(function) is not None:
            return None
        role = hub.roles.of(function)
        context = transactions.of(function, call=call)
        if function.parent is not None and not (context.atomic or context.hook or context.unknown):
            return None
        if role.kind in ("signal", "model", "admin"):
            return self._hook(call, reached, role, context)
        write = self.write_before(call, reached, flow) or self._written_by_callers(call, reached, function)
        if context.hook is not None and not reached.steps:
            return Hazard("hook", call, reached, context.hook, Severity.WARNING)
        if context.atomic is not None:
            return self._by_context(call, reached, context, context.atomic, write, role)
        if write is None or role.kind == "command" or self._runs_hook(call) or not self._is_djangos(write):
            return None
        block = write.call.frame.find("atomic")
        if block is not None and not block.encloses(call.frame) and hub.atomic_requests is not True:
            return None  # the row's own block has ended: the author has seen to the commit
        if hub.settings.require_on_commit or not self._in_autocommit(context, role, function):
            step = Step(write.call.flow.module.source.place(write.call.node), "the row is written here")
            return Hazard("write", call, reached, (step,), Severity.WARNING, write=write, role=role)
        return None

    def _is_reported_further_in(self, call: Call, reached: Reached, flow: FunctionFlow) -> bool:
        """Whether the call only leads to a place in this very file that is reported itself."""
        if not reached.steps:
            return False
        return self._all_targets(call, flow, self._is_found_below)

    def _writes_unseen(self, call: Call, reached: Reached) -> bool:
        """Whether the call both writes rows and sends the task, where no rule looks."""
        targets = [t.function for t in self._hub.calls.targets(call) if not t.deferred and t.values is None]
        if not reached.steps or not any(any(self._hub.writes.of_flow(self._hub.flow(f))) for f in targets):
            return False
        return not any(self._is_found_in(f) for f in targets)

    def _is_hooked_here(self, call: Call) -> bool:
        """Whether the call leads to a function of this very file that is reported itself."""
        return self._all_targets(call, call.flow, lambda f: self._hub.transactions.of(f).hook is not None)

    def _all_targets(self, call: Call, flow: FunctionFlow, test: Callable[[Function], bool]) -> bool:
        """Whether a call runs functions of its own file only, which pass a test; wrappers given a task do not."""
        targets = [t for t in self._hub.calls.targets(call) if not t.deferred]
        return bool(targets) and all(
            t.values is None and t.function.module is flow.module and test(t.function) for t in targets
        )

    def _is_inside(self, function: Function) -> bool:
        """Whether a function runs inside a transaction that writes, by every way that can be told."""
        context = self._hub.transactions.of(function)
        return context.atomic is not None and context.atomic.writes and not context.outside

    def _is_found_in(self, function: Function) -> bool:
        """Whether a hazard is reported in a function's own body, or in what it runs inside the transaction."""
        return self._hub.memo.get(("hazard in", function), self._find_in, False, function)

    def _find_in(self, function: Function) -> bool:
        hub, flow = self._hub, self._hub.flow(function)
        is_read = function.module.filename in hub.candidates and hub.candidates.has(function.outermost)
        if is_read and self.of_flow(flow):
            return True
        sending = (call for call in flow.calls if hub.transactions.sends(call) is not None)
        return any(self._is_found_below(t.function) for call in sending for t in hub.calls.targets(call))

    def _is_found_below(self, function: Function) -> bool:
        """Whether a function always runs inside a transaction that writes, and is where that is reported."""
        return self._is_inside(function) and self._is_found_in(function)

    def _runs_hook(self, call: Call) -> bool:
        """Whether the call is a row's own `save()` or `delete()`, which is reported where it sends."""
        return any(self._hub.roles.of(t.function).kind == "model" for t in self._hub.calls.targets(call))

    def _compensates(self, call: Call, flow: FunctionFlow) -> bool:
        """Whether the call stands in a handler that makes up for a block that was rolled back."""
        handler = call.frame.find("handler", "atomic")
        if handler is None or handler.kind != "handler":
            return False
        for node, statement, _, _ in flow.handlers:
            if node is handler.node:
                blocks = [w for _, w, value, _ in flow.withs if isinstance(value, Atomic)]
                return any(b in statement.body for b in blocks)
        return False

    def _by_context(
        self,
        call: Call,
        reached: Reached,
        context: Context,
        transaction: Transaction,
        write: Write | None,
        role: Role,
    ) -> Hazard | None:
        """A call in a function that is reached inside a transaction."""
        steps = (*transaction.steps, *reached.steps)
        if transaction.kind in ("request", "admin", "signal"):
            is_written = write is not None or self._is_pending(call, reached, transaction)
            if not is_written or (reached.steps and not self._hands_over(call)):
                return None
            kind: HazardKind = "hook" if transaction.kind != "request" or role.kind != "view" else "atomic"
            if transaction.kind == "request":
                kind = "hook" if role.kind == "view" and self._is_save_hook(call.flow.function) else "atomic"
            return Hazard(kind, call, reached, steps, Severity.ERROR, transaction.using, transaction, role)
        if write is not None and not reached.steps:
            return Hazard("atomic", call, reached, steps, Severity.ERROR, transaction.using, transaction, role)
        if transaction.kind == "session" and self._is_committed_by_hand(call, reached):
            return None
        if not context.outside and (transaction.writes or self.may_write(transaction, call, call.flow)):
            deeper = [t for t in self._hub.calls.targets(call) if not t.deferred]
            if reached.steps and any(self._is_found_below(t.function) for t in deeper):
                return None  # reported further in
            return Hazard("atomic", call, reached, steps, Severity.ERROR, transaction.using, transaction, role)
        return None

    def _is_pending(self, call: Call, reached: Reached, transaction: Transaction) -> bool:
        """Whether a row that the call sends is changed in the session that the request's transaction commits."""
        rows = [origin_of(value) for value in self._sent(call, reached)]
        return not transaction.is_djangos and self._hub.sessions.pending(call, rows) is not None

    def _is_committed_by_hand(self, call: Call, reached: Reached) -> bool:
        """Whether what was written before a call is committed there, or in the helper that sends the task."""
        sessions = self._hub.sessions
        return sessions.is_committed_inside(call) or (bool(reached.steps) and sessions.ends(call))

    def _hands_over(self, call: Call) -> bool:
        """Whether the call gives a helper what the helper is to send, so that the call is the place to repair."""
        targets = [t for t in self._hub.calls.targets(call) if not t.deferred]
        return bool(targets) and all(t.values is not None for t in targets)

    def _is_save_hook(self, function: Function | None) -> bool:
        return function is not None and function.name in (
            "perform_create",
            "perform_update",
            "perform_destroy",
        )

    def _hook(self, call: Call, reached: Reached, role: Role, context: Context) -> Hazard | None:
        """A call in a function that the framework runs while a row is saved or deleted."""
        if role.detail.startswith("custom:") or (role.kind == "signal" and role.detail not in MODEL_SIGNALS):
            return None
        if len(reached.steps) == 1 and self._is_hooked_here(call):
            return None
        early = role.always_atomic or role.detail == "pre_save"
        severity = Severity.ERROR if early else Severity.WARNING
        return Hazard("hook", call, reached, reached.steps, severity, role=role, transaction=context.atomic)

    def _in_autocommit(self, context: Context, role: Role, function: Function) -> bool:
        """Whether it is proved that every statement commits by itself."""
        if self._hub.atomic_requests is None:
            return role.kind in ("command", "script", "task", "middleware") or self._hub.roles.is_non_atomic(function)
        known = context.outside and not context.unknown and context.atomic is None
        # A framework's own entry points are called by the framework, whatever else has a method of the name.
        return known and (role.kind != "none" or not self._hub.calls.has_unknown_callers(function))

    # SQLAlchemy

    def _session(self, call: Call, reached: Reached, flow: FunctionFlow) -> Hazard | None:
        """A dispatch between a session's write and its commit."""
        sessions = self._hub.sessions
        if reached.steps and sessions.ends(call):
            return None  # whether the commit comes first is seen in the helper
        write = sessions.pending(call, [origin_of(value) for value in self._sent(call, reached)])
        if write is None:
            return None
        source = flow.module.source
        commit = sessions.commit_after(call, write)
        row: int | None = None
        if commit is not None:
            place = source.place(commit.node)
            row = place.span.start.row
            last = Step(place, f"and committed here, at line {row}")
        else:
            later = committed_later(self._hub, flow.function) if flow.function is not None else None
            if later is None:
                return None
            last = later
        steps = (Step(source.place(write.node), write.text), last)
        transaction = Transaction(steps if commit is not None else (last,), None, "session", commit=row)
        return Hazard("atomic", call, reached, (*steps, *reached.steps), Severity.ERROR, transaction=transaction)

    # Django's autocommit, switched off by hand

    def _by_hand(self, call: Call, reached: Reached, flow: FunctionFlow) -> Hazard | None:
        """A dispatch after `set_autocommit(False)` and a write that is not committed yet."""
        opened: Call | None = None
        pending = False
        for other in flow.calls:
            if other.index >= call.index or not may_follow(other.frame, call.frame, flow):
                continue
            if calls_external(other, "django.db.transaction.set_autocommit"):
                opened = other if other.args and other.args[0].value == Constant(False) else None
                pending = False
            elif calls_external(other, "django.db.transaction.commit", "django.db.transaction.rollback"):
                pending = False
            elif opened is not None and any(self._hub.writes.of_call(other)):
                pending = True
        if opened is None or not pending:
            return None
        steps = (Step(flow.module.source.place(opened.node), "autocommit is switched off here"),)
        # Of the kind that has no repair: `on_commit` raises while autocommit is off.
        transaction = Transaction(steps, None, "session")
        return Hazard("atomic", call, reached, (*steps, *reached.steps), Severity.ERROR, transaction=transaction)

    # Writes

    def write_before(self, call: Call, reached: Reached, flow: FunctionFlow) -> Write | None:
        """A write, earlier in the function, of a row that the dispatch names."""
        rows = [origin_of(value) for value in self._sent(call, reached)]
        for write in self._hub.writes.of_flow(flow):
            if write.call.index < call.index and may_follow(write.call.frame, call.frame, flow):
                if self._hub.sessions.is_settled(write.call, call):
                    continue
                if any(same_row(write.origin, row) for row in rows):
                    return write
        for row in rows:
            event = flow.events.get(row.key[0]) if row is not None and row.created else None  # type: ignore[call-overload]
            if event is not None and event.index < call.index:
                return Write(event, self._model_of(event.result), row, event.name)
        return None

    def _is_djangos(self, write: Write) -> bool:
        """Whether the row commits with Django's transactions. A SQLAlchemy session's rows have rules of their own."""
        if is_session(write.call, write.call.name):
            return False
        if write.model is not None:
            return self._hub.classes.is_django_model(write.model)
        return self._hub.uses_django

    def _model_of(self, value: Value) -> Class | str | None:
        return next((v.model for v in value.alternatives() if isinstance(v, ModelValue)), None)

    def _written_by_callers(self, call: Call, reached: Reached, function: Function) -> Write | None:
        """A write of the function's own row, or of a parameter's, that every caller makes just before."""
        if reached.steps or function.parent is not None:
            return None
        wanted = {origin.key[0] for value in self._sent(call, reached) if (origin := origin_of(value)) is not None}
        sites = self._hub.calls.callers(function)
        if not sites or not wanted:
            return None
        found: list[Write] = []
        for site in sites:
            if site.deferred or site.caller is None:
                return None
            write = self._write_of_passed(site.call, function, wanted)
            if write is None:
                return None
            found.append(write)
        return found[0]

    def _write_of_passed(self, call: Call, function: Function, wanted: set[object]) -> Write | None:
        """A write, before a call, of the row that the call hands over as one of the `wanted` parameters."""
        rows = []
        for name in [*function.parameters, "self"]:
            if name in wanted or any(isinstance(w, Parameter) and w.name == name for w in wanted):
                rows.append(self._hub.writes.row_of(self._hub.passed(call, function, name)))
        for write in self._hub.writes.of_flow(call.flow):
            if write.call.index < call.index and may_follow(write.call.frame, call.frame, call.flow):
                if any(same_row(write.origin, row) for row in rows):
                    return write
        return None

    def _sent(self, call: Call, reached: Reached) -> Iterator[Value]:
        """What the call hands over: the dispatch's arguments, those of signatures built in it, a helper's arguments."""
        if reached.steps:
            yield from (a.value for a in call.args)
            for callee in call.callee.alternatives():
                if isinstance(callee, FunctionValue) and isinstance(callee.receiver, ModelValue):
                    yield callee.receiver
            return
        yield from (s.value for s in reached.dispatch.sent)
        for made in signatures_sent(self._hub, call):
            yield from (s.value for s in made.sent)

    def may_write(self, transaction: Transaction, call: Call, flow: FunctionFlow) -> bool:
        """Whether anything else inside the transaction, before or after the call, may change the database."""
        block = self._own_block(call, flow)
        is_session = transaction.kind == "session"
        others: list[Call] = []
        for other in flow.calls:
            if other is call or not is_in_one_run(other.frame, other.index < call.index, call, block, flow):
                continue
            if is_session and has_ended(other.frame, call.frame):
                continue  # another session's, with a block of its own
            if not is_part_of(other, call):
                others.append(other)
            elif any(self._hub.writes.of_call(other)):
                return True  # `send.delay(Order.objects.create().pk)`
        for store in flow.stores:
            if may_be_rows(store.receiver, is_session):
                if is_in_one_run(store.frame, store.index <= call.index, call, block, flow):
                    return True
        return not only_read(self._hub, others)

    def _own_block(self, call: Call, flow: FunctionFlow) -> Frame | None:
        """The block that begins the transaction around a call; None when the whole body lies in it."""
        if flow.function is not None and self._hub.transactions.decorated(flow.function) is not None:
            return None
        found: Frame | None = None
        for frame in call.frame.chain():
            if frame.kind == "outside":
                break
            found = frame if frame.kind == "atomic" else found
        return found


MODEL_SIGNALS = frozenset({"pre_save", "post_save", "pre_delete", "post_delete", "m2m_changed"})


def is_stored_message(dispatch: Dispatch) -> bool:
    """Whether a message is sent that a row holds, its task's name included: an outbox.

    The transaction only marks the row as sent. It is committed last so that the message is sent again where that
    fails: put off until the commit, it would be lost.
    """
    if dispatch.verb != "send_task" or dispatch.task is not None:
        return False
    name = dispatch.call.keyword("name") or next(iter(dispatch.call.positional), None)
    return name is not None and all(
        isinstance(one, KeyValue) and not (one.origin is not None and (one.origin.created or one.origin.built))
        for one in name.value.alternatives()
    )


def is_in_one_run(frame: Frame, is_before: bool, call: Call, block: Frame | None, flow: FunctionFlow) -> bool:
    """Whether one run of a transaction's block may pass both a place and a call."""
    if block is not None and not block.encloses(frame):
        return False
    for around in call.frame.chain():
        if around is block:
            break
        if around.kind == "loop" and around.encloses(frame):
            return True  # in one turn and in another
    return may_follow(frame, call.frame, flow) if is_before else may_follow(call.frame, frame, flow)


__all__ = ["Hazard", "Hazards"]
