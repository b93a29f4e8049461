"""Which code runs inside a database transaction, and which dispatches it sends from there."""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class, Function, Module
from celery_lint.project.syntax import keyword_of, walk
from celery_lint.records import record
from celery_lint.semantics.calls.callgraph import CallSite, Target
from celery_lint.semantics.calls.handed import handed, method_of_handed
from celery_lint.semantics.definition.tasks import is_foreign_base, is_foreign_class
from celery_lint.semantics.frameworks import conventions
from celery_lint.semantics.inference.switches import is_switched_off, switches, tested
from celery_lint.semantics.inference.values import (
    Atomic,
    CanvasValue,
    Collection,
    Constant,
    Decorator,
    External,
    FunctionValue,
    Partial,
    SignatureValue,
    TaskValue,
    Value,
)
from celery_lint.semantics.model import Call, Dispatch, Frame, FunctionFlow, Step, Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

MAX_DOWN = 8
"""How many calls deep a dispatch is looked for."""
MAX_UP = 5
"""How many callers up a transaction is looked for."""
_SUPER = frozenset({"super"})
# The framework's methods that alone run others of a view, besides `dispatch`
# (django/views/generic/edit.py, rest_framework/mixins.py).
_RUN_IN = {
    "form_valid": ("post",),
    "form_invalid": ("post",),
    "perform_create": ("create",),
    "perform_update": ("update",),
    "perform_destroy": ("destroy",),
}


@record()
class Transaction:
    """An open transaction, and the calls that lead into it, outermost first."""

    steps: tuple[Step, ...]
    using: str | None = None
    kind: str = "atomic"
    is_certain: bool = True
    """False when a transaction is only what the framework may open around the code."""
    writes: bool = True
    """False when nothing on the way into it changes the database."""
    commit: int | None = None
    """The line of the commit, when a later statement of the same body makes it."""
    opener: str = ""
    """What wraps each request in it: `ATOMIC_REQUESTS`, `pyramid_tm`; empty where code or Django itself opens it."""

    @property
    def is_djangos(self) -> bool:
        """Whether it is Django's, so that `on_commit` waits for its end."""
        return self.kind != "session" and self.opener in ("", "ATOMIC_REQUESTS")


@record()
class Context:
    """How a function may be reached: inside a transaction (one proof), outside, in ways not known."""

    atomic: Transaction | None = None
    outside: bool = False
    unknown: bool = False
    hook: tuple[Step, ...] | None = None
    """The proof, when the function runs only while the framework saves or deletes rows (and in commands)."""

    @property
    def always_atomic(self) -> bool:
        """Whether every known way leads through a transaction, and all ways are known."""
        return self.atomic is not None and not self.outside and not self.unknown


@record()
class Reached:
    """A dispatch that a call leads to, through the functions named by `steps`."""

    dispatch: Dispatch
    steps: tuple[Step, ...]


class Transactions:
    """Transaction contexts of a project's functions."""

    def __init__(self, hub: Semantics) -> None:
        self._hub = hub
        self._silent: dict[object, tuple[int, int]] = {}
        """What was found to send nothing: after how many calls it was come to then, and what that rests on."""

    # Inside one function

    def around(self, frame: Frame, flow: FunctionFlow) -> Transaction | bool | None:
        """The transaction that blocks of the function itself open around a place.

        False when the place is proved to be outside any; None when the function does not say.
        """
        for one in frame.chain():
            if one.kind == "outside":
                return False
            if one.kind == "atomic" and isinstance(one.detail, Atomic):
                place = flow.module.source.place(
                    one.node if not isinstance(one.node, ast.With | ast.AsyncWith) else one.node.items[0].context_expr
                )
                row = place.span.start.row
                step = Step(place, f"the transaction is opened here, at line {row}")
                return Transaction((step,), one.detail.using, one.detail.kind)
        if flow.function is None:
            return None
        return self.decorated(flow.function)

    def decorated(self, function: Function) -> Transaction | None:
        """The transaction that a decorator of the function, or of its class, opens around the whole body."""
        return self._hub.memo.get(("decorated", function), lambda: self._decorated(function), None)

    def _decorated(self, function: Function) -> Transaction | None:
        for decorator in function.decorators:
            if function.parent is None:
                opened = self.opens(decorator, function.module)
            else:
                is_atomic = any(isinstance(n, ast.Attribute) and n.attr == "atomic" for n in walk(decorator))
                opened = Atomic() if is_atomic else None
            if opened is not None:
                return self._by_decorator(decorator, function, opened, function.module)
        if function.parent is not None:
            return None
        by_task = self._by_task_class(function)
        if by_task is not None or function.cls is None:
            return by_task
        return self._by_class_decorator(function.cls, function.name, function) or self._by_outer_method(function)

    def _by_class_decorator(self, cls: Class, name: str, function: Function) -> Transaction | None:
        """The transaction that `method_decorator(atomic, name=...)` on a class opens around a method, which runs
        the function or is it."""
        for decorator in cls.node.decorator_list:
            if isinstance(decorator, ast.Call) and decorator.args:
                named = keyword_of(decorator, "name")
                if isinstance(named, ast.Constant) and named.value == name:
                    opened = self.opens(decorator, cls.module)
                    if opened is not None:
                        return self._by_decorator(decorator, function, opened, cls.module)
        return None

    def _by_outer_method(self, function: Function) -> Transaction | None:
        """The transaction that a view's `dispatch`, or another method that runs its handlers, opens around one."""
        name, roles = function.name, self._hub.roles
        if function.cls is None or name == "dispatch" or roles.of(function).kind != "view":
            return None
        found: list[Transaction] = []
        for cls in roles.served_classes(function.cls, function):
            is_view = conventions.is_view_class(self._hub, cls)
            around = (self._around_inherited(cls, outer, function) for outer in (*_RUN_IN.get(name, ()), "dispatch"))
            opened = next((one for one in around if one is not None), None) if is_view else None
            if opened is None:
                return None
            found.append(opened)
        return found[0] if found else None

    def _by_task_class(self, function: Function) -> Transaction | None:
        """The transaction in which `__call__` of a task's class runs the task's body."""
        hub = self._hub
        task = hub.tasks.of_body(function)
        cls = hub.tasks.class_of(task) if task is not None else None
        method = hub.classes.function(cls, "__call__") if cls is not None else None
        if method is None:
            return None
        flow = hub.flow(method)
        calls = [call for call in flow.calls if call.name in ("run", "__call__") and is_on_itself(call, method)]
        around = [self.around(call.frame, flow) for call in calls]
        proved = [one for one in around if isinstance(one, Transaction)]
        if not proved or len(proved) < len(around):
            return None
        step = Step(method.module.source.place(calls[0].node), f"`{function.qualname}` is called from here")
        return replace(proved[0], steps=(*proved[0].steps, step))

    def _around_inherited(self, cls: Class, name: str, function: Function) -> Transaction | None:
        """The transaction that a class opens around a framework's method, which runs the function in its turn.

        An override opens one by a decorator, or with a block round its call of `super()`.
        """
        for owner in self._hub.classes.ancestors(cls):
            if isinstance(owner, str):
                continue
            opened = self._by_class_decorator(owner, name, function)
            if opened is not None:
                return opened
            method = owner.functions.get(name)
            if method is None:
                continue
            if not method.mentions(_SUPER):
                return None
            if not self._hub.may_open_transaction(method):
                continue
            flow = self._hub.flow(method)
            calls = [call for call in flow.calls if call.name == name and is_on_super(call)]
            around = [self.around(call.frame, flow) for call in calls]
            proved = [one for one in around if isinstance(one, Transaction)]
            if proved and len(proved) == len(around):
                step = Step(method.module.source.place(calls[0].node), f"`{function.qualname}` is called from here")
                return replace(proved[0], steps=(*proved[0].steps, step))
            if not calls:
                return None
        return None

    def _by_decorator(self, node: ast.expr, function: Function, opened: Atomic, module: Module) -> Transaction:
        place = module.source.place(node)
        step = Step(place, f"`{function.qualname}` runs in the transaction that this decorator opens")
        return Transaction((step,), opened.using, opened.kind)

    def opens(self, decorator: ast.expr, module: Module) -> Atomic | None:
        """The transaction that a decorator at a module's level opens, None when it opens none."""
        value = self._hub.evaluate(decorator, module)
        # `method_decorator([never_cache, transaction.atomic])`
        several = value.items if isinstance(value, Collection) else None
        for one in several or value.alternatives():
            if isinstance(one, Atomic):
                return one
            if isinstance(one, External) and one.path in (
                "django.db.transaction.atomic",
                "django.db.transaction.commit_on_success",
            ):
                return Atomic()
            if isinstance(one, FunctionValue):
                wrapped = self.wraps_in(one.function)
                if wrapped is not None:
                    return wrapped
            if isinstance(one, Decorator) and isinstance(decorator, ast.Call):
                for arg in decorator.args:
                    opened = self.opens(arg, module)
                    if opened is not None:
                        return opened
        if isinstance(decorator, ast.Call):
            called = self._hub.evaluate(decorator.func, module)
            if isinstance(called, FunctionValue):
                return self.wraps_in(called.function)
        return None

    def wraps_in(self, decorator: Function) -> Atomic | None:
        """The transaction in which a decorator of the project runs what it decorates."""

        def find() -> Atomic | None:
            if not self._hub.may_open_transaction(decorator):
                return None
            for flow in self._hub.calls.flows_within(decorator):
                if flow.function is decorator:
                    continue
                for call in flow.calls:
                    func = call.node.func
                    if isinstance(func, ast.Name) and func.id in outer_parameters(flow.function):
                        around = self.around(call.frame, flow)
                        if isinstance(around, Transaction):
                            return Atomic(None, around.kind)
            return None

        return self._hub.memo.get(("wraps in", decorator), find, None)

    # Between functions

    def at(self, call: Call) -> Context:
        """The transaction context of a call."""
        inner = self.around(call.frame, call.flow)
        if isinstance(inner, Transaction):
            return Context(inner)
        if inner is False:
            return Context(outside=True)
        return self.of(call.flow.function, call=call)

    def of(self, function: Function | None, depth: int = MAX_UP, call: Call | None = None) -> Context:
        """How a function may be reached; with `call`, so that control comes to this call in it."""
        if function is None:
            return Context(outside=True)
        if call is not None and not tested(self._hub, function):
            call = None  # all calls in it are reached alike
        key = ("context", function, depth, call)
        return self._hub.memo.get(key, lambda: self._of(function, depth, call), Context())

    def _of(self, function: Function, depth: int, call: Call | None) -> Context:
        hub = self._hub
        own = self.decorated(function)
        if own is not None:
            return Context(own)
        role = hub.roles.of(function)
        if role.kind == "middleware":
            # Of a request only the view lies in its transaction (django/core/handlers/base.py, make_view_atomic).
            called = self._by_callers(function, depth, call) if depth > 0 and function.parent is None else Context()
            return Context(called.atomic, outside=True)
        if function.parent is not None and role.kind != "signal":
            return self._of_nested(function, depth)
        if hub.calls.defers(function) or hub.tasks.of_function(function) is not None:
            return Context(outside=True)
        if role.kind == "command" and function.name != "handle" and depth > 0:
            # A command's helpers run where its other functions call them.
            called = self._by_callers(function, depth, call)
            return called if called.atomic is not None else Context(outside=True)
        if role.kind in ("command", "task", "test", "script"):
            return Context(outside=True)
        if role.kind == "view":
            wrapper = (
                "ATOMIC_REQUESTS" if hub.atomic_requests else "pyramid_tm" if hub.uses_pyramid_tm(function) else None
            )
            if wrapper is not None and not hub.roles.is_non_atomic(function):
                place = function.module.source.place(function.node)
                step = Step(
                    place,
                    f"`{function.qualname}` is a view, and {wrapper} wraps each request in a transaction",
                )
                return Context(Transaction((step,), kind="request", opener=wrapper))
            called = self._by_callers(function, depth, call) if depth > 0 else Context()
            return Context(called.atomic, outside=True) if called.atomic else Context(outside=True)
        if role.kind == "admin":
            place = function.module.source.place(function.node)
            step = Step(place, f"Django's admin calls `{function.qualname}` inside a transaction")
            return Context(Transaction((step,), kind="admin"), hook=(step,))
        if role.kind == "signal" and role.always_atomic:
            place = function.module.source.place(function.node)
            step = Step(place, f"Django sends `{role.detail}` inside a transaction")
            return Context(Transaction((step,), kind="signal"), hook=(step,))
        if role.kind in ("signal", "model") and not role.detail.startswith("custom:"):
            place = function.module.source.place(function.node)
            what = f"handles `{role.detail}`" if role.kind == "signal" else "runs wherever the row is saved or deleted"
            return Context(unknown=True, hook=(Step(place, f"`{function.qualname}` {what}"),))
        if depth <= 0:
            return Context(unknown=True)
        return self._by_callers(function, depth, call)

    def _by_callers(self, function: Function, depth: int, call: Call | None) -> Context:
        sites = self._hub.calls.callers(function)
        if call is not None and sites:
            sites = [s for s in sites if not is_switched_off(call, call.flow, switches(self._hub, s.call, function))]
        if not sites:
            return Context(unknown=True)
        atomic: Transaction | None = None
        outside = unknown = False
        hooks: list[tuple[Step, ...] | None] = []
        for site in sites:
            context = self._at_site(site, depth)
            if not self._is_command(site.caller):
                by_signal = context.atomic is not None and context.atomic.kind in ("signal", "admin")
                hooks.append(context.atomic.steps if by_signal and context.atomic else context.hook)
            outside |= context.outside
            unknown |= context.unknown
            if context.atomic is not None:
                found = self._through(context.atomic, site.call, function)
                atomic = found if atomic is None or is_better(found, atomic) else atomic
        hook = hooks[0] if hooks and all(h is not None for h in hooks) else None
        return Context(atomic, outside, unknown, hook)

    def _through(self, transaction: Transaction, call: Call, function: Function) -> Transaction:
        """A transaction around a call, as the function that is called sees it."""
        step = Step(call.flow.module.source.place(call.node), f"`{function.qualname}` is called here")
        writes = transaction.writes or self._hub.hazards.may_write(transaction, call, call.flow)
        return replace(transaction, steps=(*transaction.steps, step), writes=writes)

    def _is_command(self, function: Function | None) -> bool:
        return function is not None and self._hub.roles.of(function).kind == "command"

    def _at_site(self, site: CallSite, depth: int) -> Context:
        if site.deferred:
            return Context(outside=True)
        inner = self.around(site.call.frame, site.call.flow)
        if isinstance(inner, Transaction):
            return Context(replace(inner, writes=False))  # whether it does is seen where the call stands
        if inner is False or site.caller is None:
            return Context(outside=True)
        return self.of(site.caller, depth - 1)

    def _of_nested(self, function: Function, depth: int) -> Context:
        """A nested function runs where it is called, not where it is written."""
        hub = self._hub
        parent = function.parent
        assert parent is not None
        if hub.calls.defers(function):
            return Context(outside=True)
        flow = hub.flow(parent)
        atomic: Transaction | None = None
        outside = unknown = found = False
        for call in flow.calls:
            callback = hub.calls.commit_callback(call)
            if callback is not None and names_function(callback.value, function):
                outside = found = True
                continue
            if any(names_function(v, function) for v in call.callee.alternatives()):
                found = True
                inner = self.around(call.frame, flow)
                if isinstance(inner, Transaction):
                    atomic = inner
                elif inner is False:
                    outside = True
                else:
                    above = self.of(parent, depth - 1) if depth > 0 else Context(unknown=True)
                    atomic = atomic or above.atomic
                    outside |= above.outside
                    unknown |= above.unknown
            elif any(names_function(a.value, function) for a in call.args):
                found = True
                sent = self._handed_on(call, function)
                outside |= sent.outside
                unknown |= sent.unknown
                atomic = atomic or sent.atomic
        if not found:
            return Context(unknown=True)
        return Context(atomic, outside, unknown)

    def _handed_on(self, call: Call, function: Function) -> Context:
        """Where a function of the project runs a callback that it gets."""
        hub = self._hub
        for target in hub.calls.targets(call):
            if target.values is None:
                continue
            flow = hub.flow_with(target.function, dict(target.values), target.captured, 1)
            for inner in flow.calls:
                callback = hub.calls.commit_callback(inner)
                if callback is not None and names_function(callback.value, function):
                    return Context(outside=True)
                if any(names_function(v, function) for v in inner.callee.alternatives()):
                    around = self.around(inner.frame, flow)
                    if isinstance(around, Transaction):
                        return Context(around)
                    return self.at(call)
        return Context(unknown=True)

    # What a call sends

    def sends(self, call: Call) -> Reached | None:
        """The first dispatch that a call leads to, now and not after the commit; None when there is none."""
        return self._hub.memo.get(("sends", call), lambda: self._sends(call), None)

    def _sends(self, call: Call) -> Reached | None:
        for dispatch in self._hub.dispatches.of_call(call):
            if self.is_immediate(dispatch):
                return Reached(dispatch, ())
        targets = self._hub.calls.targets(call)
        if targets:
            return self._reach([t for t in targets if not t.deferred], call)
        found = [self._reach([Target(method)], call) for method in self._hub.calls.candidates(call)]
        return found[0] if all(found) and found else None

    def all_sent(self, call: Call) -> Sequence[Reached]:
        """Every dispatch that a call of helpers leads to, now and not after the commit."""
        targets = [t for t in self._hub.calls.targets(call) if not t.deferred]
        return tuple(self._reached(targets or [Target(m) for m in self._hub.calls.candidates(call)], call))

    def _reach(self, targets: Sequence[Target], call: Call) -> Reached | None:
        """The nearest dispatch that functions, which a call runs, lead to."""
        return next(self._reached(targets, call), None)

    def _reached(self, targets: Sequence[Target], call: Call) -> Iterator[Reached]:
        """The dispatches that functions, which a call runs, lead to; breadth first."""
        hub = self._hub
        queue: deque[tuple[Target, tuple[tuple[Function, Call, Function], ...], Call]]
        queue = deque((t, (), call) for t in targets)
        seen: dict[object, int] = {}
        inputs = hub.project.inputs
        is_silent = True
        while queue:
            target, steps, outer = queue.popleft()
            depth = len(steps)
            if depth >= MAX_DOWN:
                continue
            known = switches(hub, outer, target.function)
            flow = self.target_flow(target)
            objects = handed(hub, outer, flow)
            key = (target.function, target.values, tuple(known.items()), objects)
            if key in seen:
                continue
            silent = self._silent.get(key)
            if silent is not None and silent[0] <= depth:
                inputs.collected |= silent[1]
                continue
            seen[key] = depth
            for dispatch in hub.dispatches.of_flow(flow):
                if is_switched_off(dispatch.call, flow, known):
                    continue
                if self.is_immediate(dispatch) and self.around(dispatch.call.frame, flow) is not False:
                    place = flow.module.source.place(dispatch.node)
                    text = f"`{target.function.qualname}` sends `{dispatched_name(dispatch)}` here"
                    is_silent = False
                    yield Reached(dispatch, (*trail(steps), Step(place, text)))
            for inner in flow.calls:
                method = method_of_handed(hub, inner, objects) if objects else None
                runs = hub.calls.targets(inner) if method is None else [Target(method)]
                deeper = [t for t in runs if not t.deferred and hub.may_send(t.function)]
                if deeper and self.around(inner.frame, flow) is not False and not is_switched_off(inner, flow, known):
                    queue.extend((one, (*steps, (target.function, inner, one.function)), inner) for one in deeper)
        if is_silent and hub.memo.is_settled:
            self._silent.update((key, (depth, inputs.collected)) for key, depth in seen.items())

    def target_flow(self, target: Target) -> FunctionFlow:
        """The flow of what a call runs."""
        if target.values is not None:
            return self._hub.flow_with(target.function, dict(target.values), target.captured, 1)
        return self._hub.flow(target.function, target.captured)

    def is_immediate(self, dispatch: Dispatch) -> bool:
        """Whether the message leaves at once: not a signature, not put off until the commit."""
        if dispatch.is_signature or dispatch.is_deferred or dispatch.verb in ("apply", "retry"):
            return False
        if dispatch.forwarder is not None:
            return False  # what the wrapper does is found by reading the wrapper
        return not (dispatch.task is not None and self.defers_itself(dispatch, dispatch.task))

    def defers_itself(self, dispatch: Dispatch, task: Task) -> bool:
        """Whether the task's class puts a dispatch off until the commit, or may do so where it can't be read."""
        cls = self._hub.tasks.class_of(task)
        if cls is not None:
            method = self.deferring_method(cls, sending_method(dispatch))
            if method is not None:
                return not self._sends_at_once(dispatch, method)
            return any(isinstance(a, str) and is_foreign_class(a) for a in self._hub.classes.ancestors(cls))
        if task.decorator is not None:
            node = task.decorator.func if isinstance(task.decorator, ast.Call) else task.decorator
            made = self._hub.evaluate(node, task.module)
            if isinstance(made, External) and made.path.partition(".")[0] in DEFERRING_PACKAGES:
                return True
        base = task.options.get("base")
        return self._hub.tasks.has_foreign_app_task_class if base is None else is_foreign_base(base.value)

    def deferring_method(self, cls: Class, verb: str) -> Function | None:
        """The method of a task class by which `verb`, or what that calls in its turn, sends after the commit."""

        def search() -> Function | None:
            # `Task.delay` calls `apply_async` (celery/app/task.py).
            for name in ("apply_async", "delay") if verb == "delay" else ("apply_async",):
                method = self._hub.classes.function(cls, name)
                if method is not None and (method.mentions(AFTER_COMMIT) or joins_transaction(method)):
                    return method
            return None

        return self._hub.memo.get(("deferring method", cls, verb), search, None)

    def _sends_at_once(self, dispatch: Dispatch, method: Function) -> bool:
        """Whether the arguments of a dispatch, or their defaults, switch off the waiting for the commit."""
        hub, verb = self._hub, sending_method(dispatch)
        known: dict[str, bool] = {}
        for name in sorted(tested(hub, method)) if verb == dispatch.verb else ():
            default = method.defaults.get(name)
            given = hub.passed(dispatch.call, method, name) if verb == method.name else None
            if given is None and default is not None:
                given = hub.evaluate(default, method.module)
            if isinstance(given, Constant):
                known[name] = bool(given.value)
        flow = hub.flow(method)
        waiting = [call for call, _ in hub.calls.commit_calls(flow)]
        return bool(waiting) and all(is_switched_off(call, flow, known) for call in waiting)


# Django's on_commit, the transaction package's hooks, and the projects' own names for them.
AFTER_COMMIT = frozenset(
    {
        "on_commit",
        "addAfterCommitHook",
        "add_post_commit_hook",
        "after_commit",
        "run_after_commit",
        "post_commit",
        "delay_on_commit",
        "apply_async_on_commit",
    }
)


# Packages whose task decorators make tasks that wait for the commit, or for the request's end.
DEFERRING_PACKAGES = frozenset({"post_request_task", "djcelery_transactions", "django_celery_oncommit"})


def sending_method(dispatch: Dispatch) -> str:
    """The method of the task's class that sends a dispatch: `delay`, or `apply_async`, which signatures call."""
    callees = dispatch.call.callee.alternatives()
    is_canvas = any(isinstance(getattr(c, "receiver", None), (SignatureValue, CanvasValue)) for c in callees)
    return "delay" if dispatch.verb == "delay" and not is_canvas else "apply_async"


def joins_transaction(method: Function) -> bool:
    """Whether a method hands a data manager to the open transaction: `transaction.get().join(...)`."""
    if not method.mentions(("join",)):
        return False
    return any(
        isinstance(n, ast.Attribute) and n.attr == "join" and "transaction" in ast.unparse(n.value)
        for n in walk(method.node)
    )


def is_on_super(call: Call) -> bool:
    """Whether a call is one of `super().name(...)`."""
    func = call.node.func
    base = func.value if isinstance(func, ast.Attribute) else None
    return isinstance(base, ast.Call) and isinstance(base.func, ast.Name) and base.func.id == "super"


def is_on_itself(call: Call, method: Function) -> bool:
    """Whether a call in a method is one of `self.name(...)` or `super().name(...)`."""
    func = call.node.func
    base = func.value if isinstance(func, ast.Attribute) else None
    first = method.positional[0].arg if method.positional else ""
    return is_on_super(call) or (isinstance(base, ast.Name) and base.id == first)


def trail(steps: Sequence[tuple[Function, Call, Function]]) -> Iterator[Step]:
    """The calls that lead from one function to the next, as steps of a proof."""
    for caller, call, called in steps:
        place = call.flow.module.source.place(call.node)
        yield Step(place, f"`{caller.qualname}` calls `{called.qualname}` here")


def is_better(one: Transaction, other: Transaction) -> bool:
    """Whether a transaction proves more than another: it writes, or it is nearer."""
    return (one.writes, -len(one.steps)) > (other.writes, -len(other.steps))


def names_function(value: Value, function: Function) -> bool:
    """Whether a value is the function, or a partial call of it."""
    for one in value.alternatives():
        while isinstance(one, Partial):
            one = one.function
        if isinstance(one, FunctionValue) and one.function is function:
            return True
        if isinstance(one, TaskValue) and not isinstance(one.task, str) and one.task.function is function:
            return True
    return False


def outer_parameters(function: Function | None) -> frozenset[str]:
    """The parameters of the functions around a nested one."""
    found: set[str] = set()
    while function is not None and function.parent is not None:
        function = function.parent
        found.update(function.parameters)
    return frozenset(found)


def dispatched_name(dispatch: Dispatch) -> str:
    """How messages name what is sent."""
    if dispatch.task is not None:
        return dispatch.task.name
    target = dispatch.target
    return ast.unparse(target) if target is not None else dispatch.verb


__all__ = ["Context", "Reached", "Transaction", "Transactions", "dispatched_name"]
