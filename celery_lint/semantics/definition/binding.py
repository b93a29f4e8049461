"""Whether a task's body gets the task itself, and has a parameter for it.

With `bind=True` the function becomes a method of the task, else a static one
(celery/app/base.py, `Celery._task_from_fun`). Nothing checks its parameters
until it is sent or run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from celery_lint.project.modules import Function
from celery_lint.project.syntax import children, walk
from celery_lint.semantics.definition.keynames import looks_up, names_key
from celery_lint.semantics.definition.uses import uses_of
from celery_lint.semantics.inference.values import (
    ClassValue,
    Collection,
    KeyValue,
    ModelValue,
    QuerySetValue,
    Scalar,
    TaskValue,
)
from celery_lint.semantics.model import Call, Dispatch, Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

SELF = "self"
# What a body asks of its task, and what rows and other data hardly have.
_TASK_ATTRIBUTES = frozenset(
    """request retry update_state delay apply_async replace s si signature subtask max_retries AsyncResult
    default_retry_delay add_to_chord send_event request_stack push_request pop_request""".split()
)
_DATA = (Scalar, Collection, KeyValue, ModelValue, QuerySetValue)

Misfit = Literal["no parameter", "not bound", "data"]


def unbound_self(hub: Semantics, task: Task) -> list[ast.Name]:
    """The places of a decorated function at which `self` is read although nothing defines it."""
    function = task.function
    if function is None or task.cls is not None or function.cls is not None or misfit(hub, task) is not None:
        return []
    module = function.module
    if not function.holds((SELF,)) or SELF in module.bindings or module.star_imports:
        return []
    around = function.parent
    while around is not None:
        if SELF in around.scan.locals:
            return []
        around = around.parent
    names = list(_free_names(function.node))
    return [] if any(not isinstance(name.ctx, ast.Load) for name in names) else names


def _free_names(node: ast.AST) -> Iterator[ast.Name]:
    """The nodes of the name `self` in a function and in those nested in it that have no such parameter.

    A name that is bound in any other way stands as a Store among them.
    """
    stack = [node]
    while stack:
        one = stack.pop()
        if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            if any(isinstance(a, ast.arg) and a.arg == SELF for a in walk(one.args)):
                continue
            inside = one.body if isinstance(one.body, list) else [one.body]
            stack += [*inside, *one.args.defaults]
            continue
        if isinstance(one, ast.Name) and one.id == SELF:
            yield one
        elif binds_otherwise(one):
            yield ast.copy_location(ast.Name(SELF, ast.Store()), one)
        stack += children(one)


def binds_otherwise(node: ast.AST) -> bool:
    """Whether a node binds `self` without a name node: an import, `except ... as`, `global`, a pattern."""
    if isinstance(node, ast.alias):
        return (node.asname or node.name) == SELF
    if isinstance(node, (ast.Global, ast.Nonlocal)):
        return SELF in node.names
    return isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.ClassDef)) and node.name == SELF


def _says_bind(task: Task) -> bool:
    """Whether the decorator has its own `bind`, or none: not one of `**OPTIONS`."""
    keywords = task.decorator.keywords if isinstance(task.decorator, ast.Call) else ()
    return "bind" not in task.options or any(k.arg == "bind" for k in keywords)


def can_be_bound(hub: Semantics, task: Task) -> bool:
    """Whether `bind=True` and a first parameter can be added where the task is defined, and reach its body."""
    function = task.function
    return (
        function is not None
        and task.decorator in function.decorators
        and task.factory is None
        and task.takes_options
        and not task.is_opaque
        and not task.is_bound
        and _says_bind(task)
        and not hub.tasks.is_wrapped(task)
    )


def misfit(hub: Semantics, task: Task) -> Misfit | None:
    """How a decorated function's parameters and its `bind` do not fit together, if they do not.

    `no parameter`: it is bound and takes nothing. `not bound`: its first parameter
    is `self`, and nobody passes one. `data`: it is bound, and its first parameter is for an argument.
    """
    return hub.memo.get(("misfit", task), lambda: _misfit(hub, task), None)


def _misfit(hub: Semantics, task: Task) -> Misfit | None:
    function = task.function
    if function is None or task.cls is not None or function.cls is not None or task.is_remade:
        return None
    if task.decorator not in function.decorators or hub.tasks.is_wrapped(task) or _makes_tasks_its_own_way(hub):
        return None
    bind = task.options.get("bind")
    is_bound = bind is not None and bind.constant is True and bind.where == "decorator"
    if is_bound and not function.positional:
        return None if function.node.args.vararg is not None else "no parameter"  # whatever the base class is
    if not function.positional or may_pass_itself(hub, task):
        return None
    first = function.positional[0]
    if is_bound:
        return "data" if _is_data(hub, task, function, first) else None
    if bind is None or bind.constant is False:
        is_unbound = first.arg == SELF and not task.is_opaque and SELF not in function.defaults
        return "not bound" if is_unbound and not _is_given_self(hub, task, function) else None
    return None


def may_pass_itself(hub: Semantics, task: Task) -> bool:
    """Whether the task's base class, or the application's, may call the body with more than is sent."""
    if hub.tasks.has_unreadable_base(task):
        return True
    cls = hub.tasks.base_class(task)
    call = hub.classes.function(cls, "__call__") if cls is not None else None
    if call is not None and hub.memo.get(("passes itself", call), _passes_itself, False, call):
        return True
    return _makes_tasks_its_own_way(hub)


def _makes_tasks_its_own_way(hub: Semantics) -> bool:
    """Whether an application is of a class of the project that has a `task` of its own."""
    for app in hub.project_settings.all_apps:
        made_by = hub.evaluate(app.node.func, app.module)
        if isinstance(made_by, ClassValue) and hub.classes.function(made_by.cls, "task") is not None:
            return True
    return False


def _passes_itself(method: Function) -> bool:
    """Whether a method calls something with its own instance as the first argument."""
    own = method.positional[0].arg if method.positional else None
    return any(
        isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Name) and node.args[0].id == own
        for node in walk(method.node)
    )


def uses_as_task(function: Function, name: str) -> bool:
    """Whether a body reads attributes of a parameter that tasks have."""
    return any(
        isinstance(node, ast.Attribute)
        and node.attr in _TASK_ATTRIBUTES
        and isinstance(node.value, ast.Name)
        and node.value.id == name
        for node in walk(function.node)
    )


def _is_given_self(hub: Semantics, task: Task, function: Function) -> bool:
    """Whether dispatches pass something for `self`, which the body does not take for the task."""
    required = [a.arg for a in function.positional if a.arg not in function.defaults]
    return not uses_as_task(function, SELF) and any(
        dispatch.is_opaque
        or any(s.keyword == SELF for s in dispatch.sent)
        or len({s.keyword for s in dispatch.sent if s.keyword} & set(required)) + _positional(dispatch) >= len(required)
        for dispatch in hub.dispatches_of(task)
    )


def _is_data(hub: Semantics, task: Task, function: Function, first: ast.arg) -> bool:
    """Whether the first parameter of a bound function is plainly for what callers pass."""
    name = first.arg
    if name.strip("_") in ("", "cls", "this") or name.endswith((SELF, "task")) or uses_as_task(function, name):
        return False
    if first.annotation is not None:
        declared = hub.annotation(first.annotation, task.module)
        return all(isinstance(one, _DATA) for one in declared.alternatives())
    if names_key(name) or looks_up(function, name):
        return True
    if function.node.args.vararg is not None:
        return False
    dispatches = hub.dispatches_of(task)
    calls = list(_plain_calls(hub, function))
    return (
        bool(dispatches or calls)
        and all(_passes_first(dispatch, function) for dispatch in dispatches)
        and all(_fills_all(call, function) for call in calls)
    )


def _plain_calls(hub: Semantics, function: Function) -> Iterator[Call]:
    """The calls that run a task's body where they stand: Celery passes the task to it then as well."""
    for site in hub.calls.callers(function) or ():
        if any(isinstance(callee, TaskValue) for callee in site.call.callee.alternatives()):
            yield site.call


def _fills_all(call: Call, function: Function) -> bool:
    """Whether a call has an argument for each positional parameter, the first one too."""
    names = {argument.keyword for argument in call.args}
    return not call.is_opaque and (
        function.positional[0].arg in names or len(call.positional) == len(function.positional)
    )


def _passes_first(dispatch: Dispatch, function: Function) -> bool:
    """Whether a dispatch counts the first parameter among those that it fills."""
    if dispatch.is_opaque:
        return False
    names = {s.keyword for s in dispatch.sent}
    return function.positional[0].arg in names or _positional(dispatch) == len(function.positional)


def _positional(dispatch: Dispatch) -> int:
    return sum(sent.keyword is None for sent in dispatch.sent)


def is_curable(hub: Semantics, task: Task) -> bool:
    """Whether what is missing can be added at the definition, and no caller relies on its absence."""
    function, kind = task.function, misfit(hub, task)
    assert function is not None
    if kind == "no parameter":
        return True
    if kind == "not bound" and not task.takes_options:
        return False
    if kind == "not bound":
        uses = uses_of(hub, task)
        # One that passes a stand-in for `self` fills every parameter.
        filled = {a.arg for a in function.positional}
        if not uses_as_task(function, SELF):
            filled -= function.defaults.keys()
        return uses is not None and _says_bind(task) and not any(filled <= use.given.keys() for use in uses)
    if function.holds((SELF,)):
        return False
    sites = hub.calls.callers(function)
    return (
        sites is not None
        and all(_passes_first(dispatch, function) for dispatch in hub.dispatches_of(task))
        and all(len(site.call.positional) == len(function.positional) for site in sites)
    )
