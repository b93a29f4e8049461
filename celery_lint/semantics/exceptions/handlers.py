"""Handlers of exceptions: what they catch, what escapes them, and whether a failure leaves a trace."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection as AnyOf
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from celery_lint.findings import Place, Position, Span
from celery_lint.project.modules import AssignBinding, Function, Module
from celery_lint.project.syntax import keyword_of, last_name, own_nodes, walk
from celery_lint.records import record
from celery_lint.semantics.inference.values import (
    UNKNOWN,
    BoundMethod,
    ClassValue,
    Collection,
    External,
    Field,
    FunctionValue,
    Instance,
    ManagerValue,
    ModelValue,
    QuerySetValue,
    Value,
)
from celery_lint.semantics.model import Call, Frame, FunctionFlow, Step

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

BROAD = frozenset({"builtins.Exception", "builtins.BaseException"})
# How a run ends early by Celery's own means, and what else catches each (celery/exceptions.py).
_PREDICATE_BASES = frozenset(
    {
        "celery.exceptions.TaskPredicate",
        "celery.exceptions.CeleryError",
        "builtins.Exception",
        "builtins.BaseException",
    }
)
PREDICATES = {
    "celery.exceptions.Retry": "Retry",
    "celery.exceptions.RetryTaskError": "Retry",
    "celery.exceptions.Ignore": "Ignore",
    "celery.exceptions.Reject": "Reject",
}
_PREDICATE_NAMES = frozenset({*PREDICATES, "celery.exceptions.TaskPredicate"})
# Celery re-exports billiard's class, which is a plain Exception (billiard/exceptions.py).
SOFT_LIMIT = frozenset(
    {
        "celery.exceptions.SoftTimeLimitExceeded",
        "billiard.exceptions.SoftTimeLimitExceeded",
        "billiard.SoftTimeLimitExceeded",
    }
)
_PREDICATE_WORDS = frozenset({"retry", "Retry", "Ignore", "Reject", "RetryTaskError"})
MAX_HELPERS = 2


@dataclass(frozen=True, eq=False)
class Catch:
    """An `except` clause, or a `with suppress(...)`, that catches exceptions."""

    flow: FunctionFlow
    node: ast.ExceptHandler | ast.expr
    """The clause, or the `suppress(...)` call."""
    statement: ast.Try | ast.With | ast.AsyncWith
    frame: Frame
    """The clause's own block; of `suppress`, the block that it guards."""
    classes: tuple[Value, ...]
    """What it names; what can't be told is UNKNOWN."""

    @property
    def is_broad(self) -> bool:
        """Whether it catches whatever goes wrong."""
        return any(isinstance(c, External) and c.path in BROAD for c in self.classes)

    @property
    def body(self) -> Sequence[ast.stmt]:
        """What runs once an exception is caught."""
        return self.node.body if isinstance(self.node, ast.ExceptHandler) else ()

    @property
    def name(self) -> str | None:
        """The variable that holds the exception."""
        return self.node.name if isinstance(self.node, ast.ExceptHandler) else None

    @property
    def guarded(self) -> Sequence[ast.stmt]:
        """The statements whose exceptions it catches."""
        return self.statement.body

    @cached_property
    def guarded_calls(self) -> Sequence[Call]:
        """The calls among them, in their order."""
        return calls_in(self.flow, self.guarded)

    @cached_property
    def calls(self) -> Sequence[Call]:
        """The calls that the handler makes."""
        return calls_in(self.flow, self.body)

    @property
    def around(self) -> Frame:
        """The block that the whole statement stands in."""
        parent = self.frame.parent
        while parent is not None and parent.node is self.statement:
            parent = parent.parent
        return parent or self.flow.root

    @property
    def place(self) -> Place:
        """The clause without its body: `except Exception as exc`."""
        source = self.flow.module.source
        whole = source.place(self.node)
        if not isinstance(self.node, ast.ExceptHandler):
            return whole
        start = whole.span.start
        end = Position(start.row, start.column + len("except"))
        if self.node.type is not None:
            end = source.span(self.node.type).end
        return Place(whole.filename, Span(start, end))

    @property
    def may_raise(self) -> bool:
        """Whether the handler raises something, at least on some of its ways."""
        return any(isinstance(n, ast.Raise) for n in own_nodes(self.body))

    def raises_same(self, hub: Semantics) -> bool:
        """Whether what it caught is raised again, at least on some ways: by the handler, a helper, or code after it."""
        return (
            any(isinstance(n, ast.Raise) and n.exc is None for n in own_nodes(self.body))
            or any(_raises_again(hub, call, self.name) for call in self.calls)
            or self._is_raised_by_name
        )

    @property
    def _is_raised_by_name(self) -> bool:
        """`raise exc`, also by another name that the handler gives it, and after the statement."""
        own = {self.name} if self.name is not None else set()
        kept: set[str] = set()
        for node in own_nodes(self.body):
            if isinstance(node, ast.Assign) and (_is_one_of(node.value, own | kept) or _is_current(node.value)):
                kept.update(n.id for target in node.targets for n in walk(target) if isinstance(n, ast.Name))
        # Python deletes the clause's own variable at its end.
        later = self.flow.function.body if self.flow.function is not None and kept else ()
        return any(_raises(n, own | kept) for n in own_nodes(self.body)) or any(
            _raises(n, kept) and n.lineno > self.node.lineno for n in own_nodes(later) if isinstance(n, ast.Raise)
        )

    def names(self, paths: frozenset[str]) -> bool:
        """Whether the clause itself lists one of these classes."""
        return any(isinstance(c, External) and c.path in paths for c in self.classes)

    @property
    def predicates(self) -> frozenset[str]:
        """Which of Retry, Ignore and Reject the clause lists by name."""
        return frozenset(PREDICATES[c.path] for c in self.classes if isinstance(c, External) and c.path in PREDICATES)

    def asks_for(self, paths: frozenset[str]) -> bool:
        """Whether the handler's body mentions one of these classes: `isinstance(exc, Retry)`."""
        nodes = (n for n in own_nodes(self.body) if isinstance(n, (ast.Name, ast.Attribute)))
        return any(isinstance(v := self.flow.value(n), External) and v.path in paths for n in nodes)

    @property
    def earlier(self) -> Iterator[Catch]:
        """The clauses of the same `try` that come before."""
        for handler, statement, frame, classes in self.flow.handlers:
            if handler is self.node:
                return
            if statement is self.statement:
                yield Catch(self.flow, handler, statement, frame, tuple(flattened(classes)))


def catches(flow: FunctionFlow) -> Iterator[Catch]:
    """Every clause of a body that catches exceptions, in the order of reading."""
    for handler, statement, frame, classes in flow.handlers:
        yield Catch(flow, handler, statement, frame, tuple(flattened(classes)))
    for node, block, value, frame in flow.withs:
        if isinstance(node, ast.Call) and isinstance(value, Instance) and value.cls == "contextlib.suppress":
            named = tuple(c for arg in node.args for c in flattened(flow.value(arg)))
            yield Catch(flow, node, block, frame, named)


def flattened(value: Value) -> Iterator[Value]:
    """The classes that an `except` names, out of tuples in tuples."""
    for one in value.alternatives():
        if isinstance(one, Collection):
            for member in one.items if one.items is not None else (one.element,):
                yield from flattened(member)
        else:
            yield one


def _is_one_of(node: ast.expr, names: AnyOf[str]) -> bool:
    return isinstance(node, ast.Name) and node.id in names


def _is_current(node: ast.expr) -> bool:
    """Whether an expression gives the exception being handled: `sys.exc_info()`, `sys.exc_info()[1]`."""
    if isinstance(node, ast.Subscript):
        node = node.value
    func = node.func if isinstance(node, ast.Call) else node
    name = last_name(func)
    return isinstance(node, ast.Call) and name in ("exc_info", "exception")


def _raises(node: ast.AST, names: AnyOf[str]) -> bool:
    """Whether a statement raises one of the variables: `raise exc`, `raise exc.with_traceback(tb)`."""
    if not isinstance(node, ast.Raise) or node.exc is None:
        return False
    raised = node.exc
    if isinstance(raised, ast.Call) and isinstance(raised.func, ast.Attribute) and raised.func.attr == "with_traceback":
        raised = raised.func.value
    return _is_one_of(raised, names)


def _raises_again(hub: Semantics, call: Call, name: str | None) -> bool:
    """Whether a helper that a handler calls raises the exception being handled, which it may get as an argument."""
    for callee in call.callee.alternatives():
        if not isinstance(callee, FunctionValue) or not callee.function.holds(("raise",)):
            continue
        bound = hub.dispatches.bind(callee, call.args)
        given = {
            parameter
            for parameter, sent in (bound[1] if bound is not None else {}).items()
            if name is not None and any(_is_one_of(one.node, (name,)) for one in sent)
        }
        body = callee.function.body
        in_handlers = {n for h in own_nodes(body) if isinstance(h, ast.ExceptHandler) for n in walk(h)}
        for node in own_nodes(body):
            is_bare = isinstance(node, ast.Raise) and node.exc is None and node not in in_handlers
            if is_bare or _raises(node, given):
                return True
    return False


def calls_in(flow: FunctionFlow, body: Sequence[ast.stmt]) -> Sequence[Call]:
    """The calls that statements make, in their order."""
    nodes = {n for n in own_nodes(body) if isinstance(n, ast.Call)}
    return tuple(c for c in flow.calls if c.node in nodes)


# Retry, Ignore and Reject on their way to the worker


@record()
class Raised:
    """A place where Retry, Ignore or Reject sets out for the worker. `steps` lead through helpers."""

    node: ast.AST
    kind: str
    frame: Frame
    steps: tuple[Step, ...]


def raised_predicates(hub: Semantics, flow: FunctionFlow, depth: int = MAX_HELPERS) -> Iterator[Raised]:
    """The places in a body that raise Retry, Ignore or Reject, by themselves or through helpers."""
    place = flow.module.source.place
    for call in flow.calls:
        if is_retry(hub, call):
            step = Step(place(call.node), "Celery's Retry is raised here, the new message is sent already")
            yield Raised(call.node, "Retry", call.frame, (step,))
        elif depth > 0:
            yield from _raised_by_helper(hub, call, depth)
    for node, value, frame in flow.raises:
        kind = predicate(value)
        if kind is not None:
            yield Raised(node, kind, frame, (Step(place(node), f"{kind} is raised here"),))


def _raised_by_helper(hub: Semantics, call: Call, depth: int) -> Iterator[Raised]:
    if not isinstance(call.callee, FunctionValue):
        return
    for target in hub.calls.targets(call):
        if target.deferred or not target.function.mentions(_PREDICATE_WORDS):
            continue
        if target.values is not None:
            flow = hub.flow_with(target.function, dict(target.values), target.captured, 1)
        else:
            flow = hub.flow(target.function, target.captured)
        for raised in raised_predicates(hub, flow, depth - 1):
            if swallower(hub, flow, raised) is None and not _is_caught(hub, flow, raised):
                place = call.flow.module.source.place(call.node)
                step = Step(place, f"`{target.function.qualname}` is called here")
                yield Raised(call.node, raised.kind, call.frame, (step, *raised.steps))
                return


def is_retry(hub: Semantics, call: Call) -> bool:
    """Whether a call is a task's `retry` that raises, not with `throw=False` (celery/app/task.py)."""
    if call.name != "retry":
        return False
    throw = keyword_of(call.node, "throw")
    if throw is not None and not (isinstance(throw, ast.Constant) and throw.value):
        return False
    return any(
        isinstance(c, (BoundMethod, Field))
        and c.name == "retry"
        and hub.tasks.is_task_instance(c.receiver if isinstance(c, BoundMethod) else c.base)
        for c in call.callee.alternatives()
    )


def predicate(value: Value) -> str | None:
    """`Retry`, `Ignore` or `Reject`, when a raised value is one: the class or an instance."""
    for one in value.alternatives():
        path = one.path if isinstance(one, External) else one.cls if isinstance(one, Instance) else None
        if isinstance(path, str) and path in PREDICATES:
            return PREDICATES[path]
    return None


def swallower(hub: Semantics, flow: FunctionFlow, raised: Raised) -> Catch | None:
    """The broad clause that ends a predicate's way to the worker; None when it gets through, or is meant."""
    for catch in _on_the_way(flow, raised):
        if catch.raises_same(hub):
            continue
        is_meant = catch.names(_PREDICATE_NAMES) or catch.asks_for(_PREDICATE_NAMES)
        return catch if catch.is_broad and not is_meant else None
    return None


def _is_caught(hub: Semantics, flow: FunctionFlow, raised: Raised) -> bool:
    return any(not catch.raises_same(hub) for catch in _on_the_way(flow, raised))


def _on_the_way(flow: FunctionFlow, raised: Raised) -> Iterator[Catch]:
    """The clauses that catch a predicate, the inmost first: in each `try` the first that fits."""
    path = f"celery.exceptions.{raised.kind}"
    known = list(catches(flow))
    for frame in raised.frame.chain():
        if frame.kind == "try":
            clauses = [c for c in known if c.statement is frame.node]
        elif frame.kind == "with":
            clauses = [c for c in known if c.frame is frame and isinstance(c.node, ast.Call)]
        else:
            continue
        for catch in clauses:
            if any(_fits(c, path) for c in catch.classes):
                yield catch
                break


def _fits(cls: Value, path: str) -> bool:
    if isinstance(cls, External):
        return PREDICATES.get(cls.path, "-") == PREDICATES[path] or cls.path in _PREDICATE_BASES
    return not isinstance(cls, ClassValue)


# Whether a failure leaves a trace

# Calls that say nothing of a failure: waiting, cleaning up, making values.
_MUTE_PATHS = re.compile(
    r"""time\.(sleep|time|monotonic|perf_counter)$
    |os\.(unlink|remove|rmdir|removedirs|path\..*|close|getpid|getcwd|environ\.get|getenv)$
    |shutil\.rmtree$ | gc\.collect$ | copy\.(copy|deepcopy)$
    |django\.core\.cache\.(cache|caches)\.(delete|delete_many|get|clear|touch|close)$
    |django\.db\.(close_old_connections|reset_queries|connections?\.close(_all)?)$
    |django\.db\.transaction\.(rollback|set_rollback|savepoint_rollback|savepoint|savepoint_commit|commit)$
    |transaction\.(abort|doom|begin|manager\.(abort|begin))$
    |django\.utils\.timezone\.now$ | datetime\..* | decimal\.Decimal$ | uuid\.\w+$ | random\..*
    |json\.(loads|dumps)$ | collections\..* | gevent\.sleep$ | asyncio\.sleep$
    |builtins\.(?!print$|setattr$|open$|exec$|eval$|__import__$|input$).*""",
    re.VERBOSE,
)
_MUTE_METHODS = frozenset(
    {
        "rollback", "close", "release", "unlink", "rmdir", "terminate", "kill", "cancel", "disconnect",
        "shutdown", "clear", "discard", "remove", "pop", "get", "keys", "values", "items", "strip", "split",
        "join", "format", "lower", "upper", "replace", "startswith", "endswith", "encode", "decode", "copy",
        "delete", "quit", "isoformat", "strftime", "cleanup", "seek", "truncate", "expunge_all", "expire_all",
    }
)  # fmt: skip
_READING = frozenset({"refresh_from_db", "arefresh_from_db"})
_DATABASE = (ModelValue, ManagerValue, QuerySetValue)


def is_mute(call: Call) -> bool:
    """Whether a call neither does the task's work nor tells anybody of a failure."""
    kinds = tuple(call.callee.alternatives())
    if kinds == (UNKNOWN,):
        return isinstance(call.node.func, ast.Attribute) and call.name in _MUTE_METHODS
    return all(_is_mute(one, call) for one in kinds)


def _is_mute(callee: Value, call: Call) -> bool:
    if isinstance(callee, External):
        return _MUTE_PATHS.match(callee.path) is not None
    if isinstance(callee, BoundMethod):
        if isinstance(callee.receiver, _DATABASE):
            return callee.name in _READING
        return callee.name in _MUTE_METHODS
    if isinstance(callee, Field):
        return callee.name in _MUTE_METHODS
    return callee == UNKNOWN and call.name in _MUTE_METHODS


def leaves_trace(catch: Catch) -> bool:
    """Whether a failure that is caught shows up anywhere: raised, logged, stored, counted or handed on.

    Whatever is not known to be mute counts as a trace, and so does code further
    on that can tell the failure from success.
    """
    return (
        any(not is_mute(c) for c in catch.calls)
        or any(_is_trace(n) for n in own_nodes(catch.body))
        or (catch.name is not None and _uses(catch.body, catch.name))
        or is_told_later(catch)
    )


def _is_trace(node: ast.AST) -> bool:
    if isinstance(node, (ast.Raise, ast.AugAssign, ast.Yield, ast.YieldFrom, ast.Assert)):
        return True
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return any(isinstance(n, (ast.Attribute, ast.Subscript)) for t in targets for n in walk(t))
    return isinstance(node, ast.Return) and node.value is not None and _tells(node.value)


def _tells(value: ast.expr) -> bool:
    """Whether a returned value can say that something failed: a text, a mapping, several values."""
    if isinstance(value, ast.Constant):
        return isinstance(value.value, str) and value.value != ""
    if isinstance(value, (ast.Dict, ast.Tuple, ast.List, ast.Set)):
        return bool(value.keys if isinstance(value, ast.Dict) else value.elts)
    return isinstance(value, (ast.JoinedStr, ast.BinOp, ast.DictComp, ast.ListComp))


def _uses(body: Sequence[ast.stmt], name: str) -> bool:
    """Whether a handler does more with the exception than to ask for its type."""
    asked = {
        n.args[0]
        for n in own_nodes(body)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in ("isinstance", "type") and n.args
    }
    return any(
        isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load) and n not in asked
        for n in own_nodes(body)
    )


def is_told_later(catch: Catch) -> bool:
    """Whether code after the statement tells failure from success, or is reached by failure alone."""
    function = catch.flow.function
    if function is None or (catch.body and isinstance(catch.body[-1], ast.Return)):
        return False  # whoever returns does not come there
    after = catch.statement.end_lineno or catch.statement.lineno
    later = [n for n in own_nodes(function.body) if getattr(n, "lineno", 0) > after]
    later_nodes = set(later)
    given = _stored_names(catch.body)
    tried = _stored_names([*catch.guarded, *getattr(catch.statement, "orelse", ())])
    returned = {n.value for n in later if isinstance(n, ast.Return)}
    for node in later:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in given and node not in returned:
            return True
    tests = [n for node in own_nodes(function.body) for n in _tests(node)]
    for test in tests:
        names = {n.id for n in walk(test) if isinstance(n, ast.Name)}
        if names & given or (names & tried and test in later_nodes):
            return True
    if not _leaves(catch):
        return False
    rest = [c for c in catch.flow.calls if c.node in later_nodes]
    return any(isinstance(n, ast.Raise) for n in later) or any(not is_mute(c) for c in rest)


def _leaves(catch: Catch) -> bool:
    """Whether success leaves the statement early, so that what follows it is for failures."""
    body = catch.guarded
    if isinstance(catch.statement, ast.Try) and catch.statement.orelse:
        body = catch.statement.orelse
    return isinstance(body[-1], (ast.Return, ast.Break, ast.Raise))


def _stored_names(body: Sequence[ast.stmt]) -> set[str]:
    return {n.id for n in own_nodes(body) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _tests(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, (ast.If, ast.While, ast.IfExp, ast.Assert)):
        yield node.test
    elif isinstance(node, ast.comprehension):
        yield from node.ifs
    elif isinstance(node, ast.Match):
        yield node.subject


_LOGGER_MAKERS = frozenset(
    {
        "logging.getLogger",
        "celery.utils.log.get_task_logger",
        "celery.utils.log.get_logger",
        "structlog.get_logger",
    }
)


def logger_name(hub: Semantics, module: Module, function: Function | None) -> str | None:
    """The module's own variable that holds a logger, by a name that a function of it has no other variable for."""
    scopes = list(enclosing(function))
    for name, bindings in module.bindings.items():
        if any(name in scope.scan.locals for scope in scopes):
            continue
        value = bindings[-1].value if isinstance(bindings[-1], AssignBinding) else None
        if isinstance(value, ast.Call):
            maker = hub.evaluate(value.func, module)
            if isinstance(maker, External) and maker.path in _LOGGER_MAKERS:
                return name
    return None


def enclosing(function: Function | None) -> Iterator[Function]:
    """A function and those that it is nested in, inmost first."""
    while function is not None:
        yield function
        function = function.parent


__all__ = [
    "PREDICATES",
    "SOFT_LIMIT",
    "Catch",
    "Raised",
    "calls_in",
    "catches",
    "is_mute",
    "is_retry",
    "is_told_later",
    "leaves_trace",
    "logger_name",
    "raised_predicates",
    "swallower",
]
