"""What a call that is put off until the commit would lose, and where it cannot be put off."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.modules import Function
from celery_lint.project.syntax import own_nodes, walk
from celery_lint.records import record
from celery_lint.semantics.exceptions.handlers import Catch, catches
from celery_lint.semantics.inference.closures import in_other_branch
from celery_lint.semantics.inference.values import Collection as CollectionValue
from celery_lint.semantics.inference.values import FunctionValue
from celery_lint.semantics.model import Argument, Call, FunctionFlow
from celery_lint.semantics.transactions.contexts import Transaction

if TYPE_CHECKING:
    from typing import TypeAlias

    from celery_lint.semantics.hub import Semantics

    _Changing: TypeAlias = ast.Call | ast.Subscript | ast.AugAssign

MAX_CALLERS_UP = 2
MAX_TRANSACTIONS_UP = 4
MAX_HELPERS = 2
_CHANGING = frozenset(
    """append appendleft extend extendleft insert remove pop popleft popitem clear sort reverse rotate update
    setdefault add discard difference_update intersection_update symmetric_difference_update""".split()
)
_NEW = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
# What a broker that is not there raises: kombu's OperationalError, or the connection's own error
# (kombu/connection.py, `_reraise_as_library_errors`).
_NO_BROKER = frozenset(
    {
        "kombu.exceptions.OperationalError",
        "kombu.exceptions.KombuError",
        "celery.exceptions.OperationalError",
        "builtins.ConnectionError",
        "builtins.OSError",
    }
)


def keeps_arguments(hub: Semantics, call: Call, depth: int = MAX_CALLERS_UP) -> bool:
    """Whether what a call is given is still the same at the commit.

    A callback made by `partial` holds the arguments themselves. A list that the
    function, or one that hands it in, goes on to fill or empties for the next
    batch would be sent as it is at the end.
    """
    function = call.flow.function
    if function is None:
        return True
    held = list(_held(call.args))
    for names in _with_other_names(held, call, hub) if held else ():
        if any(_is_changed_later(hub, name, same, call, function) for name, same in names.items()):
            return False
    if depth <= 0 or not any(path in function.parameters for path in held):
        return True
    return all(keeps_arguments(hub, site.call, depth - 1) for site in hub.calls.callers(function) or ())


def may_be_in_event_loop(hub: Semantics, call: Call, depth: int = MAX_CALLERS_UP) -> bool:
    """Whether a call may run in a coroutine function, itself or through those that call it.

    Django's connections refuse to work there: `on_commit` outside a transaction asks
    for the connection, and raises SynchronousOnlyOperation (django/utils/asyncio.py).
    """
    function = call.flow.function
    while function is not None and function.name == "<lambda>":
        function = function.parent
    if function is None or function.is_async or depth <= 0:
        return function is not None and function.is_async
    sites = (site for site in hub.calls.callers(function) or () if not site.deferred and not _is_awaited(site.call))
    return any(may_be_in_event_loop(hub, site.call, depth - 1) for site in sites)


def _is_awaited(call: Call) -> bool:
    """Whether a coroutine function awaits a call: if that runs a plain function, an adapter does so in a thread."""
    function = call.flow.function
    nodes = own_nodes(function.body) if function is not None and function.is_async else ()
    return any(isinstance(node, ast.Await) and node.value is call.node for node in nodes)


def databases(hub: Semantics, call: Call, depth: int = MAX_TRANSACTIONS_UP) -> frozenset[str | None]:
    """The databases, by their aliases as code, whose transactions may be open around a call: None for the default."""
    inner = hub.transactions.around(call.frame, call.flow)
    function = call.flow.function
    if isinstance(inner, Transaction):
        return frozenset({inner.using})
    if inner is False or function is None or depth <= 0:
        return frozenset()
    return hub.memo.get(("databases", function, depth), lambda: _databases(hub, function, depth), frozenset())


def _databases(hub: Semantics, function: Function, depth: int) -> frozenset[str | None]:
    sites = hub.calls.callers(function) or ()
    return frozenset[str | None]().union(*(databases(hub, site.call, depth - 1) for site in sites if not site.deferred))


def guard(call: Call) -> Catch | None:
    """The clause that keeps the failure to send a message from the caller, if the commit is out of its reach."""
    known = list(catches(call.flow))
    for frame in call.frame.chain():
        if frame.kind == "atomic":
            return None
        if frame.kind == "try":
            clauses = [c for c in known if c.statement is frame.node]
        else:
            clauses = [c for c in known if c.frame is frame and isinstance(c.node, ast.Call)]
        catch = next((c for c in clauses if c.is_broad or c.names(_NO_BROKER)), None)
        if catch is not None:
            return None if catch.body and isinstance(catch.body[-1], ast.Raise) else catch
    return None


def _held(arguments: tuple[Argument, ...]) -> Iterator[str]:
    """The variables and attributes, as text, whose objects a call is given, be it inside of a list."""
    waiting = [argument.node for argument in arguments if not argument.star]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
            yield code(node)
        elif isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            waiting += node.elts
        elif isinstance(node, ast.Dict):
            waiting += [value for key, value in zip(node.keys, node.values, strict=True) if key is not None]
        elif isinstance(node, ast.IfExp):
            waiting += [node.body, node.orelse]
        elif isinstance(node, ast.BoolOp):
            waiting += node.values
        elif isinstance(node, ast.NamedExpr):
            waiting += [node.target, node.value]


@record(eq=False)
class _Parts:
    """The nodes of a function that may give an object another name, change it, or bind a name to another."""

    pairs: Sequence[tuple[ast.Name | ast.Attribute, str]]
    """The targets of `other = name`, and what stands on the right."""
    changing: Sequence[_Changing]
    bound: Sequence[ast.Name | ast.Attribute]


def _parts(hub: Semantics, function: Function) -> _Parts:
    return hub.memo.once(("parts that change", function), _parts_of, function)


def _parts_of(function: Function) -> _Parts:
    pairs: list[tuple[ast.Name | ast.Attribute, str]] = []
    changing: list[_Changing] = []
    bound: list[ast.Name | ast.Attribute] = []
    augmented: set[ast.expr] = set()
    for node in own_nodes(function.body):
        if isinstance(node, ast.Assign):
            if isinstance(node.value, (ast.Name, ast.Attribute)):
                targets = [target for target in node.targets if isinstance(target, (ast.Name, ast.Attribute))]
                pairs += [(target, code(node.value)) for target in targets]
        elif isinstance(node, (ast.Call, ast.Subscript, ast.AugAssign)):
            changing.append(node)
            if isinstance(node, ast.AugAssign):
                augmented.add(node.target)
        elif isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Store):
            bound.append(node)
    return _Parts(pairs, changing, [node for node in bound if node not in augmented])


def _with_other_names(held: Sequence[str], call: Call, hub: Semantics) -> Iterator[Mapping[str, Collection[ast.AST]]]:
    """For each held object, the names that the function has for it, with the targets of `other = name`."""
    assert call.flow.function is not None
    for path in held:
        names: dict[str, list[ast.AST]] = {path: []}
        for target, value in _parts(hub, call.flow.function).pairs:
            other = code(target)
            if value in names:
                names.setdefault(other, []).append(target)
            elif other in names and _start(target) < _start(call.node):
                names[value] = []
        yield names


def _is_changed_later(hub: Semantics, path: str, same: Collection[ast.AST], call: Call, function: Function) -> bool:
    """Whether the object at `path` is changed in place after the call, in its function.

    `same` are targets that get this very object.
    """
    given = [call.flow.value(n) for n in walk(call.node) if isinstance(n, ast.expr) and code(n) == path]
    is_collection = any(isinstance(value, CollectionValue) for value in given)
    parts = _parts(hub, function)
    changes = [node for node in parts.changing if _changes(hub, node, path, call.flow, is_collection)]
    if not changes:
        return False
    bound = [_start(node) for node in parts.bound if node not in same and code(node) == path]
    loops = [frame.node for frame in call.frame.chain() if frame.kind == "loop" and isinstance(frame.node, ast.stmt)]
    here = _end(call.node)
    for node in changes:
        at = _start(node)
        if at > here and not any(here < each < at for each in bound) and not in_other_branch(function, call, node):
            return True
        # A turn of a loop changes what an earlier turn has given away, unless each makes it anew.
        if any(_contains(loop, at) and not any(_contains(loop, each) for each in bound) for loop in loops):
            return True
    return False


def _changes(
    hub: Semantics, node: _Changing, path: str, flow: FunctionFlow, is_collection: bool, depth: int = MAX_HELPERS
) -> bool:
    """Whether a node changes the list, dictionary or set at `path`, or one inside of it."""
    if isinstance(node, ast.Call):
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr in _CHANGING and _is_within(function.value, path):
            return True
        event = flow.events.get(node)
        return event is not None and depth > 0 and _is_changed_by(hub, event, path, depth)
    if isinstance(node, ast.Subscript):
        return not isinstance(node.ctx, ast.Load) and _is_within(node.value, path)
    # Numbers and strings are made anew, collections are changed.
    return code(node.target) == path and (is_collection or isinstance(node.value, _NEW))


def _is_changed_by(hub: Semantics, call: Call, path: str, depth: int) -> bool:
    """Whether a function of the project changes what a call of it is given at `path`."""
    for callee in call.callee.alternatives():
        bound = hub.dispatches.bind(callee, call.args) if isinstance(callee, FunctionValue) else None
        if bound is None or not isinstance(callee, FunctionValue):
            continue
        for name, sent in bound[1].items():
            if any(code(each.node) == path for each in sent) and _fills(hub, callee.function, name, depth):
                return True
    return False


def _fills(hub: Semantics, function: Function, name: str, depth: int) -> bool:
    """Whether a function changes the object of a parameter, by itself or through what it calls."""

    def decide() -> bool:
        flow = hub.flow(function)
        changing = _parts(hub, function).changing
        return any(_changes(hub, node, name, flow, False, depth - 1) for node in changing)

    return hub.memo.get(("fills", function, name, depth), decide, False)


def _is_within(node: ast.expr, path: str) -> bool:
    """Whether an expression is `path`, or an item of what is there."""
    text = code(node)
    return text == path or text.startswith(f"{path}[")


def code(node: ast.expr) -> str:
    """An expression as text, where it may be one that an object is reached by; others are as good as none."""
    if isinstance(node, ast.Name):
        return node.id
    return ast.unparse(node) if isinstance(node, (ast.Attribute, ast.Subscript)) else ""


def _start(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def _end(node: ast.expr) -> tuple[int, int]:
    return node.end_lineno or node.lineno, node.end_col_offset or node.col_offset


def _contains(loop: ast.AST, position: tuple[int, int]) -> bool:
    return _start(loop) <= position <= (getattr(loop, "end_lineno", 0), getattr(loop, "end_col_offset", 0))
