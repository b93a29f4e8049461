"""Whether code hands the arguments that it gets on as they are."""

from __future__ import annotations

import ast
from collections.abc import Collection as AnyOf
from collections.abc import Iterator

from celery_lint.project.modules import Function
from celery_lint.project.syntax import last_name, own_nodes, walk

# Calls that read what they are given as `args` and `kwargs`, and keep it as it is.
_READERS = frozenset(
    """apply_async apply_async_on_commit apply send_task retry signature subtask Signature partial""".split()
)


def is_only_passed(name: str, function: Function) -> bool:
    """Whether a function, with those nested in it, uses a variable for nothing but the arguments of calls.

    It is assigned, spread (`*args`, `**kwargs`), or given to a call that sends a task. A container
    that is so used holds at each place what the assignment put into it.
    """
    function = function.outermost
    passed = {
        id(value)
        for call in walk(function.node)
        if isinstance(call, ast.Call)
        for value, is_spread in _values(call)
        if is_spread or last_name(call.func) in _READERS
    }
    return all(
        id(node) in passed or isinstance(node.ctx, ast.Store)
        for node in walk(function.node)
        if isinstance(node, ast.Name) and node.id == name
    ) and not any(
        isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and node.target.id == name
        for node in walk(function.node)
    )


def _values(call: ast.Call) -> Iterator[tuple[ast.expr, bool]]:
    """A call's arguments, and whether each is spread."""
    for arg in call.args:
        yield (arg.value, True) if isinstance(arg, ast.Starred) else (arg, False)
    for keyword in call.keywords:
        yield keyword.value, keyword.arg is None


def passes_all(wrapper: Function, call: ast.Call, skip: int = 0) -> bool:
    """Whether a call gives exactly the wrapper's own parameters, the first `skip` left out.

    `inner(*args, **kwargs)` in `def wrapper(*args, **kwargs)`, or `inner(self, *args, **kwargs)` in
    `def wrapper(self, *args, **kwargs)`.
    """
    arguments = wrapper.node.args
    if arguments.vararg is None or arguments.kwarg is None or arguments.kwonlyargs:
        return False
    first = [a.arg for a in wrapper.positional][skip:]
    expected = [*first, f"*{arguments.vararg.arg}", f"**{arguments.kwarg.arg}"]
    given = [ast.unparse(a) for a in call.args] + [
        f"**{ast.unparse(k.value)}" if k.arg is None else k.arg for k in call.keywords
    ]
    collected = (arguments.vararg.arg, arguments.kwarg.arg)
    return (
        given == expected
        and all(
            not any(
                isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store) for n in walk(wrapper.node)
            )
            for name in (*first, *collected)
        )
        and all(is_only_read(name, wrapper) for name in collected)
    )


def is_only_read(name: str, function: Function) -> bool:
    """Whether nothing in a function changes the container that a variable holds: no item set, no method called."""
    for node in walk(function.node):
        if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.value, ast.Name):
            is_changing = isinstance(node, ast.Attribute) and node.attr not in ("get", "items", "keys", "values")
            if node.value.id == name and (is_changing or not isinstance(node.ctx, ast.Load)):
                return False
    return True


def wraps_unchanged(decorator: Function, decorated: AnyOf[str]) -> bool:
    """Whether some function nested in a decorator calls what it decorates with the very arguments that it gets.

    `decorated` are the names that what is decorated may have.
    """
    for node in walk(decorator.node):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node is not decorator.node:
            wrapper = Function(decorator.module, node)
            for call in walk(node):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in decorated:
                    if passes_all(wrapper, call):
                        return True
    return False


def changes_result(decorator: Function) -> bool:
    """Whether what a decorator puts in a function's place returns something made of the function's result.

    `return func(*args).pk` and `row = func(*args); return row.pk`; not `return func(*args)`.
    """
    decorated = {a.arg for a in decorator.parameters.values()}
    for wrapper in walk(decorator.node):
        if not isinstance(wrapper, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if wrapper is not decorator.node:
            decorated |= {a.arg for a in wrapper.args.args}
        own = [*own_nodes(wrapper.body)]
        results = {
            target.id
            for node in own
            if isinstance(node, ast.Assign) and _is_call_of(node.value, decorated)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in own:
            if isinstance(node, ast.Return) and node.value is not None and not _is_call_of(node.value, decorated):
                if not (isinstance(node.value, ast.Name) and node.value.id in results) and any(
                    _is_call_of(part, decorated) or (isinstance(part, ast.Name) and part.id in results)
                    for part in walk(node.value)
                ):
                    return True
    return False


def _is_call_of(node: ast.AST, names: AnyOf[str]) -> bool:
    node = node.value if isinstance(node, ast.Await) else node
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names


def overrides_unchanged(method: Function, is_packed: bool) -> bool:
    """Whether a method that overrides one of Celery's Task hands the task's arguments on as they are.

    With `is_packed` it gets them as `args` and `kwargs`, as `Task.apply_async` does; without, its own
    arguments are the task's, as those of `Task.delay`.
    """
    arguments = method.node.args
    names = [a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None]
    if not is_packed:
        sends = any(
            isinstance(call, ast.Call) and (passes_all(method, call, skip=1) or _packs(call, names))
            for call in walk(method.node)
        )
        return len(method.positional) == 1 and sends and all(is_only_read(name, method) for name in names)
    if {"args", "kwargs"} <= {a.arg for a in method.positional}:
        names = ["args", "kwargs"]  # what the stars collect beside them are options
    sends = any(
        isinstance(call, ast.Call) and last_name(call.func) in ("apply_async", "partial") for call in walk(method.node)
    )
    return bool(names) and sends and all(is_only_passed(name, method) for name in names)


def returns_unchanged(method: Function) -> bool:
    """Whether a task class's `__call__` runs the body with the very arguments, and gives back what that gives."""
    returned = [node.value for node in own_nodes(method.body) if isinstance(node, ast.Return)]
    return bool(returned) and all(isinstance(one, ast.Call) and passes_all(method, one, skip=1) for one in returned)


def _packs(call: ast.Call, names: list[str]) -> bool:
    """Whether a call is `apply_async(args, kwargs)`, as in Celery's own `Task.delay`."""
    return last_name(call.func) in _READERS and [ast.unparse(a) for a in call.args] == names and not call.keywords
