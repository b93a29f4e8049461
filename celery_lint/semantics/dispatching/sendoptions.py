"""The options of a dispatch beside the task's arguments, and what is given as one in the place of the other.

`Task.apply_async` takes the task's arguments as `args` and `kwargs`, and options beside them
(celery/app/task.py and base.py, `send_task`; celery/app/amqp.py; kombu/messaging.py, `Producer.publish`).
All that `delay` and `s` are given goes to the task.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from celery_lint.project.modules import Function
from celery_lint.project.syntax import last_name, walk
from celery_lint.records import record
from celery_lint.semantics.dispatching.dispatches import SPREAD, keyword_options
from celery_lint.semantics.dispatching.fitting import (
    expects_error,
    interface,
    is_certain,
    keeps_arguments,
    may_be_subclass,
)
from celery_lint.semantics.inference.values import (
    BoundMethod,
    CanvasValue,
    Collection,
    Constant,
    External,
    HttpRequest,
    KeyValue,
    ModelValue,
    QuerySetValue,
    Scalar,
    SignatureValue,
    TaskValue,
    Value,
)
from celery_lint.semantics.model import Argument, Call, Dispatch, FunctionFlow, Sent, Task
from celery_lint.semantics.retries.retrying import RETRY, kind_of, retry_calls

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

PACKED_ARGUMENTS = frozenset({"args", "kwargs"})
OPTIONS = frozenset(
    """countdown eta expires queue routing_key exchange exchange_type priority serializer compression delivery_mode
    task_id link link_error shadow ignore_result time_limit soft_time_limit retry retry_policy headers producer
    publisher connection reply_to add_to_parent root_id parent_id group_id group_index chord chain retries route_name
    router result_cls task_type replaced_task_nesting stamped_headers argsrepr kwargsrepr declare mandatory immediate
    expiration timeout confirm_timeout""".split()
)
"""What `apply_async` takes beside the task's arguments."""
# What a message's properties hold in AMQP (amqp/basic_message.py), and what tasks read that run in the caller
# (celery/app/task.py, `Task.apply`), signatures (celery/canvas.py) and packages that wrap Celery.
_ALSO_READ = frozenset(
    """content_type content_encoding application_headers correlation_id message_id timestamp type user_id app_id
    cluster_id throw logfile loglevel immutable subtask_type app options periodic_task_name""".split()
)
_OVERRIDDEN = (
    "apply_async",
    "apply_async_on_commit",
    "send_task",
    "signature",
    "_get_exec_options",
    "send_task_message",
)
_PLAIN = frozenset({"int", "str", "float", "bool"})
_NO_SEQUENCES = frozenset({"dict", "set", "frozenset", "generator", "range", "map", "filter", "zip", "enumerate"})
_NO_MAPPINGS = (_NO_SEQUENCES - {"dict"}) | {"list", "tuple"}
# What is so called is one row's key and no list of them.
_KEY = re.compile(r"(?:^|_)(?:id|pk|uuid)$")
# The options that people write.
_SPELT = (
    "countdown", "eta", "expires", "queue", "routing_key", "exchange", "priority", "serializer", "compression",
    "delivery_mode", "task_id", "link", "link_error", "shadow", "ignore_result", "time_limit", "soft_time_limit",
    "retry", "retry_policy", "headers", "producer", "connection", "add_to_parent", "args", "kwargs",
)  # fmt: skip
_TELLING = frozenset({"countdown", "eta", "link", "link_error"})
"""Options whose names nothing else has: even a task that takes any keyword is not given them as data."""


def options_of_set(call: Call) -> Mapping[str, Argument]:
    """The options that `signature.set(...)` gives, by name; none for any other call."""
    is_given = any(isinstance(one, (SignatureValue, CanvasValue)) for one in _receivers_of_set(call))
    return keyword_options(call.args) if is_given else {}


def _receivers_of_set(call: Call) -> Sequence[Value | None]:
    """What a call of some `set(...)` may be made on, None for what is no method; nothing for any other call."""
    if call.name != SET:
        return ()
    return [one.receiver if isinstance(one, BoundMethod) else None for one in call.callee.alternatives()]


@record()
class Misplaced:
    """Options among the task's own arguments.

    `is_swallowed`: the task's `**kwargs` take them, so that nothing fails.
    """

    options: tuple[Sent, ...]
    is_swallowed: bool

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(str(option.keyword) for option in self.options)


def misplaced(hub: Semantics, dispatch: Dispatch) -> Misplaced | None:
    """The options that `delay()` or `s()` hands to a task which has no such parameters.

    None where one of several dispatches that a call may be has them.
    """
    found = _misplaced(hub, dispatch)
    if found is None or not is_certain(dispatch.call) or expects_error(dispatch.call):
        return None
    others = [d for d in hub.dispatches.of_call(dispatch.call) if (d.verb, d.task) != (dispatch.verb, dispatch.task)]
    return found if all(_misplaced(hub, other) is not None for other in others) else None


def _misplaced(hub: Semantics, dispatch: Dispatch) -> Misplaced | None:
    task = dispatch.task
    given = [s for s in dispatch.sent if s.keyword in OPTIONS or s.keyword in PACKED_ARGUMENTS]
    if not given or task is None or not (dispatch.verb in SPREAD or dispatch.verb in ("s", "si")):
        return None
    taken = interface(hub, task, is_checked=task.cls is None)
    if taken is None or may_be_subclass(hub, dispatch):
        return None
    foreign = [s for s in given if s.keyword not in taken.names]
    if taken.takes_any:
        assert task.function is not None
        foreign = [s for s in foreign if s.keyword in _TELLING]
        if foreign and not _reads_by_name(task.function, {str(s.keyword) for s in foreign}):
            return None
    return Misplaced(tuple(foreign), taken.takes_any) if foreign else None


def _reads_by_name(function: Function, names: set[str]) -> bool:
    """Whether a function takes single items out of its `**kwargs`, if any, and none of these names."""
    collected = function.node.args.kwarg
    assert collected is not None
    read = set()
    for node in walk(function.node):
        key: ast.expr | None = None
        if isinstance(node, ast.Subscript):
            holder, key = node.value, node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("get", "pop"):
            holder, key = node.func.value, node.args[0] if node.args else None
        if isinstance(key, ast.Constant) and isinstance(holder, ast.Name) and key.value not in names:
            read.add(holder)
    return all(node in read for node in walk(function.node) if isinstance(node, ast.Name) and node.id == collected.arg)


Fate = Literal["refused", "spread", "dropped"]
"""What becomes of an argument that is no list of arguments: a TypeError, its members become the arguments, nothing."""


@record()
class Unpacked:
    """Something given as `args` or `kwargs` that does not hold the task's arguments, but is one itself."""

    name: str
    argument: Argument
    fate: Fate


def unpacked(hub: Semantics, dispatch: Dispatch) -> Sequence[Unpacked]:
    """The `args` that are no list or tuple of arguments, and the `kwargs` that are no mapping.

    celery/app/amqp.py, `as_task_v2`: what is falsy counts as none. A signature takes whatever can be
    iterated over (celery/canvas.py, `Signature.__init__`).
    """
    if not dispatch.packed or dispatch.forwarder is not None:
        return ()
    found = []
    for name, argument in dispatch.packed.items():
        if dispatch.verb == RETRY and argument.keyword is None and kind_of(hub, argument, dispatch.call.flow):
            continue  # meant for another parameter
        fates = {_fate(name, one, argument.node, dispatch) for one in argument.value.alternatives()}
        fate = fates.pop() if len(fates) == 1 else None
        if fate is not None:
            found.append(Unpacked(name, argument, fate))
    if not found or expects_error(dispatch.call):
        return ()
    return found if is_certain(dispatch.call) and _is_celerys(hub, dispatch) else ()


def _is_celerys(hub: Semantics, dispatch: Dispatch) -> bool:
    """Whether it is Celery's own method that takes the arguments, and not a base class's or an application's."""
    if dispatch.verb == RETRY and dispatch.call not in retry_calls(hub, dispatch.call.flow):
        return False
    if dispatch.task is not None:
        return keeps_arguments(hub, dispatch.task, is_checked=True)
    callee = dispatch.call.callee
    return dispatch.verb in ("send_task", "signature") and not (
        isinstance(callee, BoundMethod) and isinstance(callee.receiver, TaskValue)
    )


def _fate(name: str, value: Value, node: ast.expr, dispatch: Dispatch) -> Fate | None:
    if isinstance(value, Constant):
        if value.value is None:
            return None
        if not value.value:
            return "dropped"
        return "refused"
    if isinstance(value, Collection):
        if value.items == () or (name == "kwargs" and value.kind not in _NO_MAPPINGS):
            return None
        if name == "args" and value.kind in ("list", "tuple"):
            is_meant = value.kind == "list" and _is_a_parameter(node, dispatch.task)
            return "spread" if is_meant else None
        return "refused" if value.kind in (_NO_MAPPINGS if name == "kwargs" else _NO_SEQUENCES) else None
    if isinstance(value, Scalar) and value.kind in _PLAIN:
        return "refused"
    if isinstance(value, (ModelValue, QuerySetValue, HttpRequest)):
        return "refused"
    if isinstance(value, KeyValue) and isinstance(node, ast.Call):  # `str(order.number)`
        return "refused" if last_name(node.func) in _PLAIN else None
    return "refused" if _KEY.search(last_name(node)) and not isinstance(node, ast.Call) else None


def _is_a_parameter(node: ast.expr, task: Task | None) -> bool:
    """Whether a variable or attribute is called as the task's first parameter is: it is meant for that."""
    if task is None or not task.parameters or isinstance(node, ast.Call):
        return False
    return last_name(node) == task.parameters[0].arg


@record()
class Unread:
    """An option of a dispatch that nothing reads, and the one that may be meant by it.

    `is_parameter`: the task has a parameter of that name.
    """

    name: str
    argument: Argument
    meant: str | None
    is_surely_meant: bool
    is_parameter: bool


def kept(flow: FunctionFlow) -> Iterator[Dispatch]:
    """The calls of `signature.set(...)` in a body, as what they are given is read once the signature is sent."""
    for call in flow.calls:
        for receiver in _receivers_of_set(call)[:1]:
            if isinstance(receiver, SignatureValue) and isinstance(receiver.task, Task):
                yield Dispatch(call, SET, receiver.task, (), keyword_options(call.args), target=call.node.func)


def unread(hub: Semantics, dispatch: Dispatch) -> Sequence[Unread]:
    """The keywords of `apply_async`, `set` and the like that neither Celery, kombu, a transport nor the project reads.

    They become properties of the message (celery/app/amqp.py, `send_task_message`).
    """
    given = [(n, a) for n, a in dispatch.options.items() if n not in OPTIONS and n not in _ALSO_READ]
    if not given or dispatch.forwarder is not None or dispatch.verb not in _TAKING_OPTIONS:
        return ()
    if "stamped_headers" in dispatch.options or not is_certain(dispatch.call) or not _reads_only_options(hub, dispatch):
        return ()
    found = []
    for name, argument in given:
        # The properties of some transports are spelt `MessageGroupId`, what is private to a package `_tenant`.
        if name.islower() and not name.startswith("_") and not _is_read(hub, name):
            meant, is_sure = _near(name, dispatch)
            is_parameter = dispatch.task is not None and _is_parameter(dispatch.task, name)
            found.append(Unread(name, argument, meant, is_sure, is_parameter))
    return found


SET = "set"
_TAKING_OPTIONS = frozenset({"apply_async", "apply_async_on_commit", "send_task", "signature", "subtask", SET})


def _reads_only_options(hub: Semantics, dispatch: Dispatch) -> bool:
    """Whether Celery alone reads the options, as no class of another package comes between."""
    task = dispatch.task
    if task is None:
        return dispatch.verb == "send_task" and _is_celerys(hub, dispatch)
    if task.is_opaque or task.is_remade or not keeps_arguments(hub, task, is_checked=True):
        return False
    cls = hub.tasks.class_of(task)
    bases = hub.classes.ancestors(cls) if cls is not None else ()
    base = task.option("base")
    foreign = [one for one in bases if isinstance(one, str)]
    if base is not None and isinstance(base.value, External):
        foreign.append(base.value.path)
    return all(path.startswith(("celery.", "builtins.", "abc.", "typing.")) for path in foreign)


def _is_read(hub: Semantics, name: str) -> bool:
    """Whether some code of the project may read an option: it names it in quotes, or takes it as a parameter.

    The key of a dictionary display is no reading.
    """
    quoted = re.compile(rb"""(["'])%s\1(?!\s*:)""" % name.encode())
    files = {*hub.project.containing(f'"{name}"'), *hub.project.containing(f"'{name}'")}
    if any(quoted.search(hub.project.read(filename)) for filename in sorted(files)):
        return True
    return any(name in function.parameters for method in _OVERRIDDEN for function in hub.calls.methods_named(method))


def _is_parameter(task: Task, name: str) -> bool:
    return task.function is not None and name in task.function.parameters


def _near(name: str, dispatch: Dispatch) -> tuple[str | None, bool]:
    """The option that is spelt nearly as a name, and whether it is near beyond doubt."""
    from difflib import SequenceMatcher  # for misspelt options only

    plain = name.replace("_", "")
    ratios = sorted(
        ((SequenceMatcher(None, plain, option.replace("_", "")).ratio(), option) for option in _SPELT), reverse=True
    )
    (best, option), (second, _) = ratios[:2]
    if best < 0.75 or option in dispatch.options:
        return None, False
    return option, best >= 0.85 and second < best - 0.05
