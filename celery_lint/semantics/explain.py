"""What the linter knows of one line, told in words: to understand a finding, or a silence."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.project.modules import Class, Function, Module
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.hub import Semantics
from celery_lint.semantics.inference.values import (
    Atomic,
    BoundMethod,
    ClassValue,
    Collection,
    Constant,
    Content,
    External,
    Field,
    FunctionValue,
    Instance,
    KeyValue,
    ManagerValue,
    ModelValue,
    ModuleValue,
    Parameter,
    Partial,
    QuerySetValue,
    ResultValue,
    Scalar,
    SignatureValue,
    TaskValue,
    Union,
    Unknown,
    Value,
)
from celery_lint.semantics.model import Call, FunctionFlow, Option, Task
from celery_lint.semantics.transactions.contexts import Transaction, dispatched_name


def explain(hub: Semantics, module: Module, row: int) -> Iterator[str]:
    """What is known at a row of a module, line by line."""
    file = FileContext(hub, module)
    task = next((t for t in file.tasks if covers(t.node, row)), None)
    if task is not None:
        yield from of_task(task)
    flow = inmost_flow(hub, module, row)
    if flow.function is None:
        yield f"{module.filename}:{row} is module-level code of `{module.name}`"
    else:
        yield f"{module.filename}:{row} is in `{flow.function.qualname}`"
        yield from of_function(hub, flow, row)
    yield from of_names(flow, row)
    for call in flow.calls:
        if covers(call.node, row):
            yield from of_call(hub, call)


def covers(node: ast.AST, row: int) -> bool:
    """Whether a node stands on a row, decorators included."""
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])  # type: ignore[attr-defined]
    return bool(first <= row <= (node.end_lineno or first))  # type: ignore[attr-defined]


def inmost_flow(hub: Semantics, module: Module, row: int) -> FunctionFlow:
    """The flow of the inmost function around a row, or the module's own."""
    found = hub.module_flow(module, whole=True)
    for function in module.functions:
        if function.parent is None and covers(function.node, row):
            flows = [f for f in hub.calls.flows_within(function) if f.function and covers(f.function.node, row)]
            if flows:
                found = min(flows, key=lambda f: size(f.function))
    return found


def size(function: Function | None) -> int:
    return (function.node.end_lineno or 0) - function.node.lineno if function is not None else 1 << 30


def of_task(task: Task) -> Iterator[str]:
    """A task's name and options, and where each comes from."""
    bound = "bound, " if task.is_bound else ""
    yield f"task `{task.registered_name}` ({bound}parameters: {', '.join(a.arg for a in task.parameters) or 'none'})"
    for name, option in sorted(task.options.items()):
        yield f"  {name} = {of_option(option)}"
    if task.is_opaque:
        yield "  more options may be there that can't be read"


def of_option(option: Option) -> str:
    value = describe(option.value) if option.constant is NotImplemented else repr(option.constant)
    place = ""
    if option.node is not None and option.module is not None:
        place = f", {option.module.filename}:{option.node.lineno}"
    return f"{value} (from the {option.where}{place})"


def of_function(hub: Semantics, flow: FunctionFlow, row: int) -> Iterator[str]:
    """Who calls the function, and the transaction at the row."""
    function = flow.function
    assert function is not None
    role = hub.roles.of(function)
    if role.kind != "none":
        yield f"  role: {role.kind}{f' ({role.detail})' if role.detail else ''}"
    frame = next((f for s, f in reversed(flow.frames.items()) if covers(s, row)), flow.root)
    inner = hub.transactions.around(frame, flow)
    if isinstance(inner, Transaction):
        yield "  transaction: open"
        yield from steps(inner)
        return
    if inner is False:
        yield "  transaction: none, by the block around the line"
        return
    context = hub.transactions.of(function)
    ways = []
    if context.atomic is not None:
        ways.append("inside one")
    if context.outside:
        ways.append("outside any")
    if context.unknown or not ways:
        ways.append("in ways that are not known")
    yield f"  transaction: the function is reached {' and '.join(ways)}"
    if context.atomic is not None:
        yield from steps(context.atomic)
    sites = hub.calls.callers(function)
    if sites is None:
        yield "  callers: not looked for, the name is too common"
    for site in (sites or ())[:8]:
        place = site.call.flow.module.source.place(site.call.node)
        who = site.caller.qualname if site.caller is not None else "module-level code"
        after = ", after the commit" if site.deferred else ""
        yield f"  called by `{who}` at {place.filename}:{place.span.start.row}{after}"


def steps(transaction: Transaction) -> Iterator[str]:
    for step in transaction.steps:
        yield f"    {step.place.filename}:{step.place.span.start.row}: {step.text}"


def of_names(flow: FunctionFlow, row: int) -> Iterator[str]:
    """The kinds of the names and attributes on the row."""
    told: set[str] = set()
    for node, value in flow.values.items():
        if isinstance(node, (ast.Name, ast.Attribute)) and node.lineno == row:
            text = ast.unparse(node)
            if text not in told:
                told.add(text)
                yield f"  `{text}`: {describe(value)}"


def of_call(hub: Semantics, call: Call) -> Iterator[str]:
    """What a call does that matters."""
    text = ast.unparse(call.node.func)
    reached = hub.transactions.sends(call)
    if reached is not None:
        yield f"  `{text}(...)` sends `{dispatched_name(reached.dispatch)}`"
        for step in reached.steps:
            yield f"    {step.place.filename}:{step.place.span.start.row}: {step.text}"
    for write in hub.writes.of_call(call):
        yield f"  `{text}(...)` writes {named(write.model) if write.model is not None else 'a row'}"
    if hub.calls.commit_callback(call) is not None:
        yield f"  `{text}(...)` runs its callback after the commit"


def named(cls: Class | str) -> str:
    return f"`{cls.rpartition('.')[2] if isinstance(cls, str) else cls.name}`"


def describe(value: Value) -> str:
    """A kind of value in words."""
    if isinstance(value, Unknown):
        return "not known"
    if isinstance(value, Union):
        return " or ".join(sorted(describe(v) for v in value.members))
    if isinstance(value, ModelValue):
        return f"instance of the model {named(value.model)}"
    if isinstance(value, KeyValue):
        return f"column `{value.column}`{f' of {named(value.model)}' if value.model is not None else ''}"
    if isinstance(value, QuerySetValue):
        return f"queryset{f' of {named(value.model)}' if value.model is not None else ''}"
    if isinstance(value, ManagerValue):
        return f"manager{f' of {named(value.model)}' if value.model is not None else ''}"
    if isinstance(value, Instance):
        return f"instance of {named(value.cls)}"
    if isinstance(value, TaskValue):
        return f"task `{value.task if isinstance(value.task, str) else value.task.registered_name}`"
    if isinstance(value, SignatureValue):
        return "signature"
    if isinstance(value, ResultValue):
        return "result of a task"
    if isinstance(value, Constant):
        return repr(value.value)
    if isinstance(value, Scalar):
        return value.kind or "plain value"
    if isinstance(value, Content):
        return f"all that a {value.source} holds"
    if isinstance(value, Collection):
        return f"{value.kind} of {describe(value.element)}"
    if isinstance(value, (FunctionValue, Parameter)):
        return (
            f"function `{value.function.qualname}`"
            if isinstance(value, FunctionValue)
            else f"parameter `{value.name}` of `{value.function.qualname}`"
        )
    if isinstance(value, ClassValue):
        return f"class `{value.cls.name}`"
    if isinstance(value, External):
        return f"`{value.path}`"
    if isinstance(value, ModuleValue):
        return f"module `{value.module.name}`"
    if isinstance(value, (BoundMethod, Field)):
        inner = value.receiver if isinstance(value, BoundMethod) else value.base
        return f"`{value.name}` of {describe(inner)}"
    if isinstance(value, Partial):
        return f"partial call of {describe(value.function)}"
    if isinstance(value, Atomic):
        return "transaction"
    return type(value).__name__
