"""What a call gives."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class
from celery_lint.semantics.calls.context_managers import generator_context, is_context_manager
from celery_lint.semantics.frameworks.forms import row_given
from celery_lint.semantics.inference.foreign_calls import of_external
from celery_lint.semantics.inference.methods import of_method
from celery_lint.semantics.inference.packages import APP_CLASSES, SCOPED_SESSION, SESSION_MAKERS
from celery_lint.semantics.inference.receivers import Scope, may_be_meant
from celery_lint.semantics.inference.returning import returned
from celery_lint.semantics.inference.values import (
    UNKNOWN,
    AppValue,
    Atomic,
    BoundMethod,
    ByKind,
    CanvasValue,
    ClassValue,
    Decorator,
    External,
    Field,
    FunctionValue,
    Instance,
    ModelValue,
    Partial,
    QuerySetValue,
    ResultValue,
    TaskValue,
    Union,
    Unknown,
    Value,
    each,
)
from celery_lint.semantics.model import Argument

if TYPE_CHECKING:
    from celery_lint.semantics.inference.expressions import Evaluator

_DJANGO_ATOMIC = frozenset({"django.db.transaction.Atomic"})


def result(run: Evaluator, callee: Value, args: Sequence[Argument], node: ast.Call) -> Value:
    """The kind of a call's result."""
    if callee.__class__ is Union:
        return each(callee, lambda one: result(run, one, args, node))
    return _RESULTS[callee.__class__](run, callee, args, node)


def _of_task(run: Evaluator, callee: TaskValue, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of calling a task as a function."""
    if isinstance(callee.task, str) or callee.task.function is None:
        return UNKNOWN
    return returned(run, FunctionValue(callee.task.function), args, node)


def _of_instance(run: Evaluator, callee: Instance, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of calling an instance."""
    if callee.cls in SESSION_MAKERS or callee.cls == SCOPED_SESSION:
        return Instance("sqlalchemy.orm.Session")
    if isinstance(callee.cls, Class):
        method = run.hub.classes.function(callee.cls, "__call__")
        if method is not None:
            return returned(run, FunctionValue(method, callee), args, node)
    return UNKNOWN


def _of_unknown(run: Evaluator, callee: Field | Unknown, args: Sequence[Argument], node: ast.Call) -> Value:
    """`checkout.create_order()` on an unknown `checkout`: by the only method of that name."""
    func = node.func
    if isinstance(func, ast.Attribute) and run.fuel > 1:
        methods = run.hub.calls.family(func.attr)
        if len(methods) != 1:
            return UNKNOWN
        scope = Scope(run.hub, run.module, run.function, lambda one: _known(run, one))
        if may_be_meant(func, methods, scope):
            receiver = run.hub.self_value(methods[0].cls) if methods[0].cls is not None else None
            return returned(run, FunctionValue(methods[0], receiver), args, node)
    return UNKNOWN


def _known(run: Evaluator, node: ast.expr) -> Value:
    """The kind of an expression as far as it was read before; of names and their attributes in any case."""
    root = node
    while isinstance(root, ast.Attribute):
        root = root.value
    return run.eval_quietly(node) if isinstance(root, ast.Name) else run.flow.values.get(node, UNKNOWN)


def _decorated(run: Evaluator, decorator: Decorator, args: Sequence[Argument], node: ast.Call) -> Value:
    """What a decorator makes of a function given to it as an argument."""
    if decorator.kind == "task" and args and isinstance(args[0].value, FunctionValue):
        return run.hub.task_by_call(args[0].value.function, decorator.node)
    return args[0].value if len(args) == 1 else UNKNOWN


def _of_function(run: Evaluator, callee: FunctionValue, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of calling a function of the project."""
    function = callee.function
    if is_context_manager(run.hub, function):
        return generator_context(run.hub, callee)
    if run.hub.makes_tasks(function):
        if args and isinstance(args[0].value, FunctionValue) and args[0].keyword is None:
            return run.hub.task_by_call(args[0].value.function, None, function)
        return Decorator("task", node)
    return returned(run, callee, args, node)


def _of_construction(run: Evaluator, callee: ClassValue, args: Sequence[Argument], node: ast.Call) -> Value:
    """An instance of a class of the project."""
    hub, cls = run.hub, callee.cls
    if hub.classes.derives_from(cls, APP_CLASSES):
        return AppValue(node)
    if hub.classes.derives_from(cls, _DJANGO_ATOMIC):
        return Atomic()
    if hub.classes.is_model(cls):
        return ModelValue(cls, run.row(node, built=True))
    return Instance(cls, row_given(hub, cls, args) or run.row(node))


def _of_partial(run: Evaluator, callee: Partial, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of calling what `partial` made."""
    bound = [Argument(node, v) for v in callee.args]
    return result(run, callee.function, (*bound, *args), node)


_RESULTS = ByKind(
    {
        FunctionValue: _of_function,
        ClassValue: _of_construction,
        External: of_external,
        BoundMethod: of_method,
        Partial: _of_partial,
        TaskValue: _of_task,
        Decorator: _decorated,
        Instance: _of_instance,
        # mongoengine's `Book.objects(title="...")`
        QuerySetValue: lambda run, callee, args, node: callee,
        CanvasValue: lambda run, callee, args, node: ResultValue(),
        Field: _of_unknown,
        Unknown: _of_unknown,
    }
)
