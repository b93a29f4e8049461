"""SQLAlchemy's sessions and connections: what a body writes through them, what it only asks, and where it commits."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from celery_lint.project.modules import Class, Function
from celery_lint.project.syntax import dotted_name, own_nodes
from celery_lint.records import record
from celery_lint.semantics.inference.packages import CHANGES, CONNECTIONS, SCOPED_SESSION, SELECT, SESSIONS, SQLALCHEMY
from celery_lint.semantics.inference.switches import Switches, is_switched_off, switches, tested
from celery_lint.semantics.inference.values import (
    Atomic,
    BoundMethod,
    ClassValue,
    Constant,
    External,
    Instance,
    ModelValue,
    Origin,
    QuerySetValue,
    Value,
)
from celery_lint.semantics.model import Call, Frame, FunctionFlow, Store, calls_external
from celery_lint.semantics.transactions.writes import may_be_rows, may_follow, same_row

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

MAX_DOWN = 3
"""How many calls deep a write or a commit is looked for."""
# sqlalchemy/orm/session.py, Session; sqlalchemy/engine/base.py, Connection.
_WRITES = frozenset("""add add_all delete merge bulk_save_objects bulk_insert_mappings bulk_update_mappings""".split())
_EXECUTES = frozenset("execute scalars scalar exec stream stream_scalars".split())
_ASKS = frozenset(
    """get get_one query refresh expire expire_all expunge expunge_all close flush rollback commit begin begin_nested
    connection get_bind in_transaction is_modified""".split()
)
_ENDS = frozenset({"rollback", "close", "remove", "expunge_all"})
# The `transaction` package, whose manager commits the sessions that zope.sqlalchemy registers with it.
_ZOPE_ENDS = ("transaction.commit", "transaction.abort")
_WORDS = _WRITES | _EXECUTES | _ENDS | {"commit", "abort", "update", "setattr"}
_CHANGING = frozenset({"insert", "update", "delete"})
_SQL_CHANGE = re.compile(r"\s*(?:insert|update|delete|merge|replace|truncate)\b", re.IGNORECASE)
_SQL_SELECTION = re.compile(r"\s*(?:select|values|show|explain)\b", re.IGNORECASE)


@record(eq=False)
class SessionEvent:
    """A place in a body that writes through a session (`write`), commits it, or gives up what it holds (`end`)."""

    kind: Literal["write", "commit", "end"]
    node: ast.AST
    frame: Frame
    order: tuple[int, int]
    """Its place among the calls and stores of the body."""
    text: str
    call: Call | None = None
    """None for an attribute that is set."""
    session: str | None = None
    """The session as the body names it; None when it may be any."""
    origin: Origin | None = None
    """The row, where one is told."""


@record()
class Effect:
    """What calling a function does to the sessions of its caller."""

    writes: bool = False
    """It leaves a change in one that is not committed."""
    commits: bool = False
    """It may commit one."""
    ends: bool = False
    """It may commit, or give up, any session."""


NO_EFFECT = Effect()


class Sessions:
    """Finds what a body has written and not committed yet."""

    def __init__(self, hub: Semantics) -> None:
        self._hub = hub

    def events(self, flow: FunctionFlow, depth: int = MAX_DOWN) -> Sequence[SessionEvent]:
        """What a body does to sessions, in order, with what the functions do that it calls."""
        if not self._hub.uses_sqlalchemy:
            return ()
        return self._hub.memo.get(("session events", flow, depth), self._events, (), flow, depth)

    def _events(self, flow: FunctionFlow, depth: int) -> Sequence[SessionEvent]:
        found = [event for call in flow.calls for event in self._of_call(call, depth)]
        found += [event for store in flow.stores for event in self._of_store(store, flow)]
        return tuple(sorted(found, key=lambda event: event.order))

    def _of_call(self, call: Call, depth: int) -> Iterator[SessionEvent]:
        event = self._of_own_call(call)
        if event is not None:
            yield event
            return
        effect = self.of_helper(call, depth)
        if effect.writes:
            text = f"`{call.flow.module.source.segment(call.node.func)}` leaves a change in the session here"
            yield SessionEvent("write", call.node, call.frame, (call.index, 1), text, call)
        elif effect.ends:
            kind: Literal["commit", "end"] = "commit" if effect.commits else "end"
            yield SessionEvent(kind, call.node, call.frame, (call.index, 1), "", call)
        elif call.name in ("commit", "rollback") and not ends_savepoint(call):
            # Whatever it belongs to: it may be a unit of work that nobody knows.
            yield SessionEvent("end", call.node, call.frame, (call.index, 1), "", call)

    def _of_own_call(self, call: Call) -> SessionEvent | None:
        """What a call of a session's, a connection's or a row's own method does."""
        order = (call.index, 1)
        if is_session(call, "commit"):
            return SessionEvent("commit", call.node, call.frame, order, "", call, session_name(call))
        if is_session(call, *_ENDS):
            return SessionEvent("end", call.node, call.frame, order, "", call, session_name(call))
        if calls_external(call, *_ZOPE_ENDS):
            return SessionEvent("commit" if call.name == "commit" else "end", call.node, call.frame, order, "", call)
        if call.name == "commit" and any(is_block(c.receiver) for c in methods_called(call)):
            return SessionEvent("commit", call.node, call.frame, order, "", call)
        if is_session(call, *_WRITES):
            write = next(iter(self._hub.writes.of_call(call)), None)
            origin = write.origin if write is not None else None
            text = "the row is deleted here" if call.name == "delete" else "the row is added to the session here"
            return SessionEvent("write", call.node, call.frame, order, text, call, session_name(call), origin)
        if is_session(call, *_EXECUTES) and call.args and changes_rows(call.args[0].node, call.flow):
            return SessionEvent(
                "write", call.node, call.frame, order, "rows are changed here", call, session_name(call)
            )
        if call.name in ("update", "delete") and any(
            isinstance(c.receiver, QuerySetValue) and self.is_mapped(c.receiver.model) for c in methods_called(call)
        ):
            return SessionEvent("write", call.node, call.frame, order, "rows are changed here", call)
        if call.name == "setattr" and len(call.args) == 3 and isinstance(call.node.func, ast.Name):
            return self._of_change(call.args[0].value, call.node, call.frame, order, call.flow)
        return None

    def _of_store(self, store: Store, flow: FunctionFlow) -> Iterator[SessionEvent]:
        """The change of a row that an attribute set is."""
        for one in store.receiver.alternatives():
            if isinstance(one, ModelValue) and isinstance(one.model, Class):
                if store.target.attr in self._hub.classes.lineage(one.model).assigns:
                    event = self._of_change(one, store.node, store.frame, (store.index, 0), flow)
                    if event is not None:
                        yield event

    def _of_change(
        self, row: Value, node: ast.AST, frame: Frame, order: tuple[int, int], flow: FunctionFlow
    ) -> SessionEvent | None:
        """The write of a row that a session has given out: one made here is written when it is added."""
        for one in row.alternatives():
            if isinstance(one, ModelValue) and one.origin is not None and self.is_mapped(one.model):
                made = flow.events.get(one.origin.key[0])  # type: ignore[call-overload]
                if made is None or not any(isinstance(c, ClassValue) for c in made.callee.alternatives()):
                    return SessionEvent("write", node, frame, order, "the row is changed here", origin=one.origin)
        return None

    def is_mapped(self, model: Class | str | None) -> bool:
        """Whether the rows of a model are kept by sessions."""
        if not isinstance(model, Class):
            return False
        lineage = self._hub.classes.lineage(model)
        return "__tablename__" in lineage.assigns or any(path.startswith(SQLALCHEMY) for path in lineage.foreign)

    # Helpers

    def of_helper(self, call: Call, depth: int = MAX_DOWN) -> Effect:
        """What a call of the project's functions does to sessions."""
        if depth <= 0 or not self._hub.uses_sqlalchemy:
            return NO_EFFECT
        effects = [
            self.effect(target.function, switches(self._hub, call, target.function), depth - 1)
            for target in self._hub.calls.targets(call)
            if not target.deferred
        ]
        if not effects:
            return NO_EFFECT
        return Effect(all(e.writes for e in effects), any(e.commits for e in effects), any(e.ends for e in effects))

    def effect(self, function: Function, known: Switches, depth: int = MAX_DOWN) -> Effect:
        """What a call of a function does, with parameters that switch branches off."""
        if depth <= 0 and not function.mentions(_WORDS):
            return NO_EFFECT
        key = ("session effect", function, tuple(sorted(known.items())), depth)
        return self._hub.memo.get(key, self._effect, NO_EFFECT, function, known, depth)

    def _effect(self, function: Function, known: Switches, depth: int) -> Effect:
        flow = self._hub.flow(function)
        writes = commits = ends = False
        for event in self.events(flow, depth):
            if event.call is None or is_switched_off(event.call, flow, known) or raises(event.frame):
                continue
            is_callers = not self._is_own(event, function)
            if event.kind != "write":
                writes, ends = False, True
                commits = commits or (event.kind == "commit" and is_callers)
            elif is_callers and not has_ended(event.frame, flow.root):
                writes = True
        return Effect(writes, commits, ends)

    def _is_own(self, event: SessionEvent, function: Function) -> bool:
        """Whether a function makes the session itself."""
        return event.session is not None and event.session.partition(".")[0] in function.scan.stored

    # Questions

    def pending(self, call: Call, sent: Sequence[Origin | None]) -> SessionEvent | None:
        """The last write before a call that is not committed there.

        An attribute that is set counts where the call sends the very row (`sent`). What
        is in one session does not, where the row was written by another and committed.
        """
        open_writes: list[SessionEvent] = []
        settled: list[SessionEvent] = []
        for event in self._before(call):
            if event.kind == "write":
                if not has_ended(event.frame, call.frame):
                    open_writes.append(event)
                    continue
                closed = [event]
            else:
                closed = [w for w in open_writes if may_be_same(w, event, call.flow)]
                open_writes = [w for w in open_writes if w not in closed]
            settled += [w for w in closed if any(same_row(w.origin, row) for row in sent)]
        for write in reversed(open_writes):
            if write.call is None and not any(same_row(write.origin, row) for row in sent):
                continue
            if all(may_be_same(write, other, call.flow) for other in settled):
                return write
        return None

    def commit_after(self, call: Call, write: SessionEvent) -> SessionEvent | None:
        """The commit of a write that comes after a call."""
        for event in self.events(call.flow):
            if event.order > (call.index, 1) and event.kind == "commit" and may_be_same(write, event, call.flow):
                if may_follow(call.frame, event.frame, call.flow):
                    return event
        return None

    def is_settled(self, written: Call, call: Call) -> bool:
        """Whether what a call wrote through a session is committed, or given up, before a later call."""
        write: SessionEvent | None = None
        for event in self._before(call):
            if event.kind == "write":
                write = event if event.call is written else write
            elif write is not None and may_be_same(write, event, call.flow):
                return True
        return write is not None and has_ended(write.frame, call.frame)

    def is_committed_inside(self, call: Call) -> bool:
        """Whether the block around a call has committed by hand before it, and written nothing since."""
        block = call.frame.find("atomic")
        is_clean = False
        for event in self._before(call):
            if block is None or block.encloses(event.frame):
                is_clean = event.kind != "write"
        return is_clean

    def ends(self, call: Call) -> bool:
        """Whether the functions that a call runs may commit."""
        return self.of_helper(call).ends

    def commit_after_yield(self, flow: FunctionFlow) -> ast.AST | None:
        """Where a generator commits once its user is done: the block that it yields in, or a commit below."""
        function = flow.function
        names = tested(self._hub, function) if function is not None else frozenset()
        for node, _, frame in flow.yields:
            block = frame.find("atomic")
            if block is not None:
                return block.node
            for event in self.events(flow):
                later = getattr(event.node, "lineno", 0) > node.lineno
                if event.kind == "commit" and later and not depends(event.frame, names):
                    return event.node
        return None

    def has_something_to_write(self, commit: Call) -> bool:
        """Whether something changes in a body between the commit before and this one."""
        flow, here = commit.flow, (commit.index, 0)
        events = [event for event in self.events(flow) if event.order < here]
        since = max((event.order for event in events if event.kind != "write"), default=(-1, 0))
        changes = [event.order for event in events if event.kind == "write"]
        changes += [(store.index, 0) for store in flow.stores if may_be_rows(store.receiver, True)]
        return any(since < order <= here for order in changes)

    def _before(self, call: Call) -> Iterator[SessionEvent]:
        """The events from which control can come to a call, in order."""
        for event in self.events(call.flow):
            if event.order >= (call.index, 1):
                return
            if may_follow(event.frame, call.frame, call.flow):
                yield event

    def only_asks(self, call: Call) -> bool:
        """Whether a call builds a statement, or asks a session and works on the answer, and changes no row."""
        node: ast.expr = call.node
        flow = call.flow
        while isinstance(node, ast.Call):
            link = flow.events.get(node)
            if link is None:
                return False
            if is_session(link, *_EXECUTES):
                return bool(link.args) and changes_rows(link.args[0].node, flow) is False
            if is_session(link, *_ASKS):
                return True
            if any(isinstance(c, External) and c.path.startswith(SQLALCHEMY) for c in link.callee.alternatives()):
                return True
            if not isinstance(node.func, ast.Attribute) or node.func.attr in _CHANGING:
                return False
            node = node.func.value
            while isinstance(node, (ast.Await, ast.Attribute, ast.Subscript)):
                node = node.value
        return False


def methods_called(call: Call) -> Iterator[BoundMethod]:
    """The methods of other packages that a call may be of."""
    return (c for c in call.callee.alternatives() if isinstance(c, BoundMethod))


def is_session(call: Call, *names: str) -> bool:
    """Whether a call is one of these methods of a session or a connection of SQLAlchemy."""
    return call.name in names and any(holds_rows(c.receiver) for c in methods_called(call))


def holds_rows(value: Value) -> bool:
    """Whether a value is a session or a connection."""
    return isinstance(value, Instance) and (value.cls in SESSIONS or value.cls in CONNECTIONS)


def is_block(value: Value) -> bool:
    """Whether a value is what `session.begin()` gives, and no savepoint."""
    return isinstance(value, Atomic) and value.kind == "session" and not value.is_savepoint


def ends_savepoint(call: Call) -> bool:
    """Whether a call commits or rolls back a savepoint alone."""
    return any(isinstance(c.receiver, Atomic) and c.receiver.is_savepoint for c in methods_called(call))


def session_name(call: Call) -> str | None:
    """The session of a call, as the body names it: `self.session`; None for a registry, which many names lead to."""
    if any(isinstance(c.receiver, Instance) and c.receiver.cls == SCOPED_SESSION for c in methods_called(call)):
        return None
    func = call.node.func
    return dotted_name(func.value) if isinstance(func, ast.Attribute) else None


def may_be_same(one: SessionEvent, other: SessionEvent, flow: FunctionFlow) -> bool:
    """Whether two events may be of one session: no for two variables that hold different ones."""
    left, right = one.session, other.session
    if left is None or right is None or left == right or flow.function is None:
        return True
    return any(
        isinstance(node, ast.Assign) and {left, right} <= {dotted_name(n) for n in (node.value, *node.targets)}
        for node in own_nodes(flow.function.body)
    )


def has_ended(frame: Frame, later: Frame) -> bool:
    """Whether the block that commits or closes a session around a place has ended at a later one."""
    for block in frame.chain():
        if block.encloses(later):
            return False
        if block.kind == "atomic" and not (isinstance(block.detail, Atomic) and block.detail.is_savepoint):
            return True
        if block.kind == "with" and holds_rows(block.detail):
            return True
    return False


def raises(frame: Frame) -> bool:
    """Whether a place lies in a handler that hands an error on, so that its caller does not go on."""
    return any(
        isinstance(f.node, ast.ExceptHandler) and isinstance(f.node.body[-1], ast.Raise)
        for f in frame.chain()
        if f.kind == "handler"
    )


def depends(frame: Frame, names: frozenset[str]) -> bool:
    """Whether a place is reached after an error only, or by the value of one of these parameters."""
    for one in frame.chain():
        if one.kind == "handler":
            return True
        if isinstance(one.node, ast.If):
            if any(isinstance(n, ast.Name) and n.id in names for n in ast.walk(one.node.test)):
                return True
    return False


def changes_rows(statement: ast.expr, flow: FunctionFlow) -> bool | None:
    """Whether a statement that is executed changes rows; None when that can't be told."""
    node = statement
    while True:
        for one in flow.value(node).alternatives():
            if isinstance(one, QuerySetValue) or (isinstance(one, Instance) and one.cls == SELECT):
                return False
            if isinstance(one, Instance) and one.cls in CHANGES:
                return True
            if isinstance(one, Constant) and isinstance(one.value, str):
                return sql_changes(one.value)
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            if name in _CHANGING:
                return True
            if name == "select" or any(
                isinstance(c, External) and c.path.startswith(SQLALCHEMY) and c.path.rpartition(".")[2] != "text"
                for c in flow.value(node.func).alternatives()
            ):
                return False
            node = node.func
        elif isinstance(node, (ast.Attribute, ast.Await)):
            node = node.value
        else:
            return None


def sql_changes(text: str) -> bool | None:
    """Whether SQL changes rows, by the word that it begins with."""
    if _SQL_CHANGE.match(text):
        return True
    return False if _SQL_SELECTION.match(text) else None


__all__ = ["Sessions", "has_ended", "holds_rows", "is_session"]
