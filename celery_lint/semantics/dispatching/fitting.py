"""Whether the arguments of a dispatch fit the parameters of its task, and who notices."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from celery_lint.project.modules import Class
from celery_lint.project.syntax import walk
from celery_lint.records import record
from celery_lint.semantics.calls.passing import overrides_unchanged
from celery_lint.semantics.definition.binding import may_pass_itself, misfit
from celery_lint.semantics.dispatching.dispatches import SENDING
from celery_lint.semantics.dispatching.signatures import is_complete
from celery_lint.semantics.inference.values import BoundMethod, External, FunctionValue, Parameter, Partial
from celery_lint.semantics.model import Call, Dispatch, Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# Task classes of other packages whose tasks get what was sent. Not `celery_batches.Batches`,
# whose tasks get a list of requests.
_FAITHFUL_CLASSES = frozenset(
    {
        "celery.Task", "celery.app.task.Task", "celery.app.Task", "celery.task.Task", "celery.task.base.Task",
        "celery.contrib.django.task.DjangoTask", "celery.contrib.abortable.AbortableTask", "celery_once.QueueOnce",
        "celery_once.tasks.QueueOnce", "celery_singleton.Singleton", "celery_singleton.singleton.Singleton",
        "builtins.object", "abc.ABC", "typing.Generic",
    }
)  # fmt: skip
# The methods of Celery's Task through which arguments pass (celery/app/task.py), and whether they
# come as `args` and `kwargs` there.
_PASSAGES = {
    "__call__": False, "delay": False, "delay_on_commit": False, "s": False, "si": False,
    "apply_async": True, "apply_async_on_commit": True, "signature": True, "subtask": True, "apply": True,
}  # fmt: skip
_SENDING_PASSAGES = tuple((name, is_packed) for name, is_packed in _PASSAGES.items() if name != "__call__")
_INSPECTING = frozenset({"isinstance", "hasattr", "getattr", "pk", "_meta", "singledispatch"})
_EXPECTING = frozenset(
    {"raises", "assertRaises", "assertRaisesRegex", "assertRaisesMessage", "suppress", "warns", "assertWarns"}
)

Notice = Literal["caller", "worker", "later", "retry"]
"""Who raises the TypeError: the dispatch itself, the worker, one of these once a signature is sent,
or `Task.retry`, which then rejects the message."""


@record()
class Interface:
    """What a task takes: the names by position, those of them that no keyword reaches, and those by keyword only."""

    positional: tuple[str, ...]
    by_position_only: frozenset[str]
    by_keyword_only: tuple[str, ...]
    optional: frozenset[str]
    takes_more: bool
    """It has `*args`."""
    takes_any: bool
    """It has `**kwargs`."""

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.positional, *self.by_keyword_only)


@record()
class Mismatch:
    """How arguments do not fit. Of the lists only one is not empty, except that too many may be given as well."""

    positional: int
    """How many are given by position."""
    keywords: tuple[str, ...]
    interface: Interface
    is_too_many: bool = False
    unknown: tuple[str, ...] = ()
    twice: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def interface(hub: Semantics, task: Task, is_checked: bool = False) -> Interface | None:
    """What a message may give to a task; None when something between the two may change it.

    With `is_checked`, what the dispatch may give: it is compared with the decorated function
    itself (celery/app/task.py, `Task.apply_async`), whatever calls that in the worker.
    """
    return hub.memo.get(("interface", task, is_checked), lambda: _interface(hub, task, is_checked), None)


def _interface(hub: Semantics, task: Task, is_checked: bool) -> Interface | None:
    function = task.function
    if function is None or not _is_plain(hub, task, is_checked):
        return None
    arguments = function.node.args
    positional = tuple(a.arg for a in task.parameters)
    if task.is_bound and not function.positional and task.cls is not None:
        return None
    return Interface(
        positional,
        frozenset(a.arg for a in arguments.posonlyargs) & set(positional),
        tuple(a.arg for a in arguments.kwonlyargs),
        frozenset(function.defaults),
        arguments.vararg is not None,
        arguments.kwarg is not None,
    )


def _is_plain(hub: Semantics, task: Task, is_checked: bool) -> bool:
    """Whether a task's body surely gets what the message holds, and nothing else."""
    function = task.function
    assert function is not None
    if task.is_opaque or task.is_remade or function.is_static or function.is_classmethod:
        return False
    for name, usual in (("bind", (True, False)), ("typing", (True,))):
        option = task.option(name)
        if option is not None and option.constant not in usual:
            return False
    if task.cls is None:
        if function.cls is not None or not _has_only_harmless_decorators(hub, task):
            return False
        if misfit(hub, task) is not None or may_pass_itself(hub, task):
            return False
    return keeps_arguments(hub, task, is_checked) and not any(
        isinstance(node := app.keywords.get("strict_typing"), ast.expr)
        and not (isinstance(node, ast.Constant) and node.value is True)
        for app in hub.project_settings.all_apps
    )


def _has_only_harmless_decorators(hub: Semantics, task: Task) -> bool:
    assert task.function is not None
    decorators = list(task.function.decorators)
    if task.decorator not in decorators:
        return not decorators
    above = decorators[: decorators.index(task.decorator)]
    return all(_gives_back(hub, one, task) for one in above) and not hub.tasks.is_wrapped(task)


def _gives_back(hub: Semantics, decorator: ast.expr, task: Task) -> bool:
    """Whether a decorator above the task's own gives back the task as it is, marked or kept somewhere."""
    value = hub.evaluate(decorator, task.module)
    if not isinstance(value, FunctionValue) or not value.function.positional:
        return False
    return hub.returned(value, 2) == Parameter(value.function, value.function.positional[0].arg)


def keeps_arguments(hub: Semantics, task: Task, is_checked: bool) -> bool:
    """Whether the class that a task is made on sends and calls it with the very arguments that it gets.

    With `is_checked`, whether it sends them.
    """
    cls = hub.tasks.class_of(task)
    if cls is None:
        base = task.option("base")
        if base is not None and base.constant is not None:
            return isinstance(base.value, External) and base.value.path in _FAITHFUL_CLASSES
        return not hub.tasks.has_foreign_app_task_class
    for one in hub.classes.ancestors(cls):
        if isinstance(one, Class):
            if len(hub.classes.bases(one)) < len(one.node.bases):
                return False
            for name, is_packed in _PASSAGES.items():
                if (name in one.assigns or name in one.functions) and not (is_checked and name == "__call__"):
                    if name not in one.functions or not overrides_unchanged(one.functions[name], is_packed):
                        return False
        elif one not in _FAITHFUL_CLASSES:
            return False
    return True


def may_convert(hub: Semantics, task: Task) -> bool:
    """Whether the class that a task is made on sends other values than it is given: it looks at what they are."""
    return hub.memo.get(("converts", task), lambda: _may_convert(hub, task), False)


def _may_convert(hub: Semantics, task: Task) -> bool:
    cls = hub.tasks.class_of(task)
    return cls is not None and any(
        name in one.functions
        and one.functions[name].mentions(_INSPECTING)
        and not overrides_unchanged(one.functions[name], is_packed)
        for one in hub.classes.lineage(cls).classes
        for name, is_packed in _SENDING_PASSAGES
    )


def keeps_values(hub: Semantics, task: Task) -> bool:
    """Whether the class that a task is made on surely sends the very values that it is given."""
    return hub.memo.get(("keeps values", task), lambda: _keeps_values(hub, task), True)


def _keeps_values(hub: Semantics, task: Task) -> bool:
    cls = hub.tasks.class_of(task)
    if cls is None:
        return True
    return all(
        name not in one.functions or overrides_unchanged(one.functions[name], is_packed)
        for one in hub.classes.lineage(cls).classes
        for name, is_packed in _SENDING_PASSAGES
    )


def mismatch(hub: Semantics, dispatch: Dispatch) -> Mismatch | None:
    """How the arguments of a dispatch do not fit its task; None when they do, may do, or are meant not to.

    A call that may be several dispatches does not fit when none of them does: which task goes with
    which arguments may depend on something that is not seen here.
    """
    found = _mismatch(hub, dispatch)
    if found is None or expects_error(dispatch.call) or not is_certain(dispatch.call):
        return None
    others = [d for d in hub.dispatches.of_call(dispatch.call) if (d.verb, d.task) != (dispatch.verb, dispatch.task)]
    return found if all(_mismatch(hub, other) is not None for other in others) else None


def is_certain(call: Call) -> bool:
    """Whether each thing that may be called is known."""
    return all(isinstance(c, (BoundMethod, External, Partial, FunctionValue)) for c in call.callee.alternatives())


def mismatch_after(hub: Semantics, dispatch: Dispatch, before: int = 1) -> Mismatch | None:
    """How a signature does not fit its task once a result, or more, is put in front of its own arguments.

    None when its own arguments cannot fit whatever comes before them.
    """
    if mismatch(hub, dispatch) is not None or not is_certain(dispatch.call):
        return None
    return _mismatch(hub, dispatch, before)


def fits_alone(hub: Semantics, dispatch: Dispatch, before: int = 1) -> bool:
    """Whether a task takes the arguments that a dispatch gives it, and surely not a result in front of them too."""
    return _mismatch(hub, dispatch) is None and mismatch_after(hub, dispatch, before) is not None


ERRBACK_ARGUMENTS = 3
"""An errback is called with the request, the exception and the traceback, or sent with the failed task's id."""


def errback_mismatch(hub: Semantics, dispatch: Dispatch) -> tuple[Mismatch, int] | None:
    """How an errback does not fit what Celery gives to it, and how many arguments these are.

    It is called in the worker when it takes more than one argument by position, and else
    sent as a task with the id, as bound tasks and those that are classes always are
    (celery/backends/base.py, `_call_task_errbacks`). Up to Celery 5.6 the arguments that the
    signature has itself count among those that it takes, and later they do not.
    """
    task = dispatch.task
    taken = interface(hub, task) if task is not None else None
    if task is None or taken is None:
        return None
    own = len(dispatch.sent)
    many = len(taken.positional)
    counts = (
        {1} if task.is_bound else {ERRBACK_ARGUMENTS if n > 1 or taken.takes_more else 1 for n in (many, many - own)}
    )
    found = [(mismatch_after(hub, dispatch, count), count) for count in sorted(counts, reverse=True)]
    return next(((one, count) for one, count in found if one), None) if all(one for one, _ in found) else None


def _mismatch(hub: Semantics, dispatch: Dispatch, before: int = 0) -> Mismatch | None:
    """How the arguments do not fit, with some more put in front of them."""
    if dispatch.is_opaque or dispatch.task is None:
        return None
    taken = interface(hub, dispatch.task)
    if taken is None or may_be_subclass(hub, dispatch):
        return None
    positional = sum(s.keyword is None for s in dispatch.sent) + before
    keywords = tuple(s.keyword for s in dispatch.sent if s.keyword is not None)
    found = misfit_of(taken, positional, keywords)
    return found if found is None or not found.missing or before or is_complete(hub, dispatch) else None


def misfit_of(taken: Interface, positional: int, keywords: tuple[str, ...]) -> Mismatch | None:
    """How arguments, which are all that a task is given, do not fit what it takes."""
    by_position = taken.positional[:positional]
    reachable = set(taken.names) - taken.by_position_only
    too_many = positional > len(taken.positional) and not taken.takes_more
    unknown = () if taken.takes_any else tuple(k for k in keywords if k not in reachable)
    twice = tuple(k for k in keywords if k in by_position and k in reachable)
    missing: Sequence[str] = ()
    if not (too_many or unknown or twice):
        given = {*by_position, *(k for k in keywords if k in reachable)}
        missing = [n for n in taken.names if n not in given and n not in taken.optional]
    if not (too_many or unknown or twice or missing):
        return None
    return Mismatch(positional, keywords, taken, too_many, unknown, twice, tuple(missing))


def may_be_subclass(hub: Semantics, dispatch: Dispatch) -> bool:
    """Whether a task class sends itself in a method, where `self` may be of a subclass with a `run` of its own."""
    task, around = dispatch.task, dispatch.flow.function
    assert task is not None
    while around is not None and around.cls is None:
        around = around.parent
    return task.cls is not None and around is not None and around.cls in hub.classes.ancestors(task.cls)


def expects_error(call: Call, error: str = "TypeError") -> bool:
    """Whether the code around a call is there for an error: `with pytest.raises(...)`, `except TypeError`."""
    for frame in call.frame.chain():
        if isinstance(frame.node, (ast.With, ast.AsyncWith)):
            for item in frame.node.items:
                names = {n.attr if isinstance(n, ast.Attribute) else n.id for n in _names(item.context_expr)}
                if names & _EXPECTING:
                    return True
        elif frame.kind == "try" and isinstance(frame.node, ast.Try):
            handled = {n.id if isinstance(n, ast.Name) else n.attr for h in frame.node.handlers for n in _names(h.type)}
            if error in handled:
                return True
    return False


def _names(node: ast.expr | None) -> list[ast.Name | ast.Attribute]:
    return [n for n in walk(node) if isinstance(n, (ast.Name, ast.Attribute))] if node is not None else []


def noticed_by(hub: Semantics, dispatch: Dispatch) -> Notice:
    """Who raises the TypeError of arguments that don't fit.

    `Task.apply_async` checks them by the task's `__header__` (celery/app/task.py). Tasks that are
    classes have none, pydantic's are not checked, the one of a decorated function is that of what
    the decorator made of it, and `send_task` knows a name only.
    """
    task = dispatch.task
    assert task is not None
    if dispatch.verb == "retry":
        return "retry"
    if dispatch.verb == "send_task" or task.cls is not None or task.is_true("pydantic") or dispatch.verb == "apply":
        return "worker"
    if task.function is not None and len(task.function.decorators) > 1:
        return "worker"
    if dispatch.is_signature and dispatch.verb not in SENDING:
        return "later"
    found = _mismatch(hub, dispatch)
    if found is not None and set(found.unknown) & found.interface.by_position_only:
        return "worker"
    return "caller"
