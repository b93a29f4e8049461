"""Which functions handle which signals: of Django, of Celery, of the project's own."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import AssignBinding, Class, Function, Module
from celery_lint.project.syntax import keyword_of, last_name, walk
from celery_lint.semantics.frameworks.model_references import model_by_label
from celery_lint.semantics.inference.values import UNKNOWN, ClassValue, Constant, External, FunctionValue

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# django/db/models/signals.py; the value says whether the handler always runs inside a transaction.
MODEL_SIGNALS = {
    "pre_save": False,
    "post_save": False,
    "pre_delete": True,
    "post_delete": True,
    "m2m_changed": True,
    "pre_init": False,
    "post_init": False,
}

# Those that `manage.py migrate` sends.
COMMAND_SIGNALS = frozenset({"pre_migrate", "post_migrate"})

# What stands before the name of a signal that a worker or beat sends (celery/signals.py).
WORKER = "worker:"

# What stands before the name of a signal that an application of Celery's sends while it is set up.
SETUP = "setup:"

# The application's own signals (celery/app/base.py).
_OF_APPLICATIONS = frozenset({"on_configure", "on_after_configure", "on_after_finalize", "on_after_fork"})

# Celery sends these two where the task is sent.
PUBLISHING = frozenset({"before_task_publish", "after_task_publish"})

_RECEIVER = frozenset({"django.dispatch.receiver", "django.dispatch.dispatcher.receiver"})

_CONNECT = frozenset({"connect"})

SignalUse = tuple[str, "Class | str | None"]


def signals_of(hub: Semantics, function: Function) -> tuple[SignalUse, ...]:
    """The signals that a function handles, each with the sender's model where it is known.

    A signal of the project's own, or of another package, counts by its name, with `custom:`
    before it, or `worker:` for those of a Celery worker, or `setup:` for those of an application.
    """
    return hub.memo.get(("signals", function), lambda: tuple(_signals_of(hub, function)), ())


def _signals_of(hub: Semantics, function: Function) -> Iterator[SignalUse]:
    for decorator in function.decorators:
        yield from _signals_by_decorator(hub, decorator, function)
    if not _takes_signals(function) or is_test_file(function.module.filename):
        return
    if function.parent is not None:
        if function.parent.mentions(_CONNECT):
            yield from _signals_connected(hub, walk(function.parent.node), function, function.module)
        return
    connecting = frozenset(hub.project.mentioning("connect"))
    for filename in hub.project.mentioning(function.name):
        module = hub.project.module_or_none(filename) if filename in connecting else None
        if module is not None:
            yield from _signals_connected(hub, module.nodes_around(_CONNECT), function, module)


def _takes_signals(function: Function) -> bool:
    """Whether a function could be connected to a signal, which gives all it has by name, the sender among it."""
    is_open = function.node.args.kwarg is not None
    return "sender" in function.parameters or (is_open and "instance" in function.parameters)


def _signals_by_decorator(hub: Semantics, decorator: ast.expr, function: Function) -> Iterator[SignalUse]:
    module = function.module
    if isinstance(decorator, ast.Attribute) and decorator.attr == "connect":
        yield from _signal(hub, decorator.value, None, module)  # blinker's own form
    if isinstance(decorator, ast.Name):
        decorator = stored_call(module, decorator.id) or decorator
    call = decorator if isinstance(decorator, ast.Call) else None
    value = hub.evaluate(decorator if call is None else call.func, module)
    if isinstance(value, FunctionValue):
        yield from _signals_by_own_decorator(hub, value.function, call, module)
    elif call is not None:
        sender = keyword_of(call, "sender")
        if isinstance(value, External) and value.path in _RECEIVER:
            signal = call.args[0] if call.args else keyword_of(call, "signal")
            for node in signal.elts if isinstance(signal, (ast.List, ast.Tuple)) else [signal]:
                if node is not None:
                    yield from _signal(hub, node, sender, module)
        elif isinstance(call.func, ast.Attribute) and call.func.attr in ("connect", "connect_via"):
            yield from _signal(hub, call.func.value, sender, module)


def _signals_by_own_decorator(
    hub: Semantics, maker: Function, call: ast.Call | None, module: Module
) -> Iterator[SignalUse]:
    """The signals to which a decorator of the project connects the function that it is given.

    With `call`, the decorator is what a call of `maker` in a module returns; otherwise `maker` itself.
    """
    if not maker.mentions(_CONNECT):
        return
    inner = [n for n in maker.body if isinstance(n, ast.FunctionDef)] if call is not None else [maker.node]
    decorated = {n.args.args[0].arg for n in inner if n.args.args}
    rebound = {n.id for n in walk(maker.node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for name in sorted(decorated - rebound):
        for node, _, signal in connections(walk(maker.node), name):
            given = argument_of(signal, maker, call)
            sender = keyword_of(node, "sender")
            model = argument_of(sender, maker, call) if sender is not None else None
            source = maker.module if given is None else module
            for signal_name, found in _signal(hub, given or signal, None if model else sender, source):
                sent_by = found if model is None else sender_model(hub, model, module)
                yield signal_name, sent_by


def argument_of(node: ast.expr, function: Function, call: ast.Call | None) -> ast.expr | None:
    """What a call gives for a parameter of a function that an expression names; None when it names none."""
    if call is None or not isinstance(node, ast.Name):
        return None
    names = [a.arg for a in function.positional]
    at = names.index(node.id) if node.id in names else len(call.args)
    return call.args[at] if at < len(call.args) else keyword_of(call, node.id)


def stored_call(module: Module, name: str) -> ast.Call | None:
    """The call in `name = call(...)`, when a module binds the name only there."""
    bindings = module.bindings.get(name, ())
    binding = bindings[0] if len(bindings) == 1 else None
    value = binding.value if isinstance(binding, AssignBinding) and binding.index is None else None
    return value if isinstance(value, ast.Call) else None


def _signals_connected(
    hub: Semantics, nodes: Iterable[ast.AST], function: Function, module: Module
) -> Iterator[SignalUse]:
    """The signals to which calls among some nodes connect a function."""
    for node, handler, signal in connections(nodes, function.name):
        # In the function around it a nested function's name means that function.
        if function.parent is not None or handles(hub, handler, function, module):
            yield from _signal(hub, signal, keyword_of(node, "sender"), module)


def connections(nodes: Iterable[ast.AST], name: str) -> Iterator[tuple[ast.Call, ast.expr, ast.expr]]:
    """The calls `signal.connect(handler, ...)` among some nodes for handlers of a name: each with handler and signal.

    `for signal in (post_save, post_delete): signal.connect(handler)` is one for each of the signals.
    """
    loops: list[ast.For] = []
    for node in nodes:
        if isinstance(node, ast.For):
            loops.append(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "connect":
            handler = node.args[0] if node.args else keyword_of(node, "receiver")
            if handler is None or last_name(handler) != name:
                continue
            for signal in looped_over(node.func.value, node, loops):
                yield node, handler, signal


def looped_over(node: ast.expr, inside: ast.AST, loops: Sequence[ast.For]) -> Sequence[ast.expr]:
    """What a variable of a loop over a literal is in turn; an expression itself, when it is no such variable."""
    for loop in loops:
        if isinstance(node, ast.Name) and isinstance(loop.target, ast.Name) and loop.target.id == node.id:
            if isinstance(loop.iter, (ast.Tuple, ast.List)) and any(n is inside for n in walk(*loop.body)):
                return loop.iter.elts
    return [node]


def handles(hub: Semantics, handler: ast.expr, function: Function, module: Module) -> bool:
    """Whether a connected handler is the function; imports inside `ready()` are followed."""
    value = hub.evaluate(handler, module)
    if isinstance(value, FunctionValue):
        return value.function is function
    if module is function.module:
        return value == UNKNOWN
    tail = function.module.name.rpartition(".")[2]
    return value == UNKNOWN and tail.encode() in hub.project.read(module.filename)


def _signal(hub: Semantics, node: ast.expr, sender: ast.expr | None, module: Module) -> Iterator[SignalUse]:
    value = hub.evaluate(node, module)
    name = last_name(node)
    if isinstance(value, External):
        name = value.path.rpartition(".")[2]
    if not name:
        return
    is_djangos = value.path.startswith("django.") if isinstance(value, External) else name in MODEL_SIGNALS
    if isinstance(value, External) and value.path.startswith("celery.signals.") and name not in PUBLISHING:
        name = f"{WORKER}{name}"
    elif name in _OF_APPLICATIONS:
        name = f"{SETUP}{name}"
    elif not is_djangos:
        name = f"custom:{name}"
    yield name, sender_model(hub, sender, module) if sender is not None else None


def sender_model(hub: Semantics, sender: ast.expr, module: Module) -> Class | str | None:
    """The model that a signal's `sender` names: a class, a label, `apps.get_model("app", "Model")`."""
    if isinstance(sender, ast.Attribute) and sender.attr == "AUTH_USER_MODEL":
        return hub.user_model
    found = hub.evaluate(sender, module)
    if isinstance(found, ClassValue) and hub.classes.is_model(found.cls):
        return found.cls
    if isinstance(found, External) and hub.classes.is_model(found.path):
        return found.path
    if isinstance(found, Constant) and isinstance(found.value, str):
        return model_by_label(hub, found.value, None)
    label = sender.args if isinstance(sender, ast.Call) else []
    if len(label) == 2 and all(isinstance(a, ast.Constant) for a in label):
        text = ".".join(str(a.value) for a in label if isinstance(a, ast.Constant))
        return model_by_label(hub, text, None)
    return None
