"""Which of a task's retry options somebody reads, and which do nothing.

- `retry_kwargs`, `retry_backoff`, `retry_backoff_max` and `retry_jitter` are read for
  what `autoretry_for` catches, and nowhere else (celery/app/autoretry.py).
- `max_retries` and `default_retry_delay` are read by `retry()`, where that is not given
  `max_retries` or `countdown` (celery/app/task.py, `Task.retry`).
- `reject_on_worker_lost` and `Reject` act on a message that is not acknowledged yet
  (celery/worker/request.py, `on_failure` and `reject`).
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from celery_lint.project.modules import Class, Function, Module
from celery_lint.project.syntax import last_name, walk
from celery_lint.records import record
from celery_lint.semantics.configuration.annotations import may_annotate
from celery_lint.semantics.configuration.configurations import may_hide
from celery_lint.semantics.configuration.settings import Setting, function_around
from celery_lint.semantics.exceptions.handlers import Raised, raised_predicates
from celery_lint.semantics.inference.values import ClassValue, Collection, Constant, External, FunctionValue, Value
from celery_lint.semantics.model import Call, Option, Task
from celery_lint.semantics.retries.reruns import members, reruns
from celery_lint.semantics.time.limits import FOREIGN, app_of_task, may_reach

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

AUTORETRY_FOR, RETRY_KWARGS, BACKOFF = "autoretry_for", "retry_kwargs", "retry_backoff"
BACKOFF_MAX, JITTER = "retry_backoff_max", "retry_jitter"
MAX_RETRIES, DELAY = "max_retries", "default_retry_delay"
LATE, REJECT_LOST = "acks_late", "reject_on_worker_lost"
RETRY_OPTIONS = frozenset({AUTORETRY_FOR, RETRY_KWARGS, BACKOFF, BACKOFF_MAX, JITTER, MAX_RETRIES, DELAY, REJECT_LOST})
_OF_AUTORETRY = (BACKOFF, BACKOFF_MAX, JITTER, RETRY_KWARGS)
_OF_RETRY = (MAX_RETRIES, DELAY)
_RETRY = ("retry",)
# What decorators do that cannot retry a task.
_HARMLESS = ("functools.", "django.", "contextlib.", "builtins.", "typing.", "sentry_sdk.")
# What ends the process, and is raised in the one that watches it (billiard/pool.py).
_RAISED_OUTSIDE = frozenset(
    f"{package}.exceptions.{name}"
    for package in ("celery", "billiard")
    for name in ("TimeLimitExceeded", "WorkerLostError")
)  # fmt: skip
_MAX_HELPERS = 2


Kind = Literal["no retry", "no autoretry", "no backoff", "backoff", "number", "none", "early"]


@record()
class Idle:
    """Options of a task that nothing reads.

    `no retry`: nothing retries the task. `no autoretry`: only `autoretry_for` reads them. `no backoff`: only with
    `retry_backoff`. `backoff`: that one counts the delay. `number`: that of `retry_kwargs` counts. `none`: a limit of
    None there is no limit given. `early`: the message is acknowledged before the task runs.
    """

    kind: Kind
    names: tuple[str, ...]
    option: Option
    """The first of them."""
    winner: Option | None = None
    """The one that counts in their place, where there is one."""

    @property
    def is_beaten_from_above(self) -> bool:
        """Whether a task's base class gives the one that counts."""
        return self.winner is not None and self.winner.where != self.option.where


def idle_options(hub: Semantics, task: Task) -> Sequence[Idle]:
    """The options of a task that do nothing, its base class's among them."""
    if RETRY_OPTIONS.isdisjoint(task.options):
        return ()
    return hub.memo.get(("idle options", task), lambda: tuple(_idle_options(hub, task)), ())


def _idle_options(hub: Semantics, task: Task) -> Iterator[Idle]:
    if task.is_opaque or task.function is None or task.is_remade or _is_made_unseen(hub, task):
        return
    if not may_annotate(hub, task, AUTORETRY_FOR):
        if has_autoretry(task):
            yield from _beaten(hub, task)
        else:
            yield from _without_autoretry(hub, task)
    lost = task.option(REJECT_LOST)
    if lost is not None and lost.constant is True and acks_early(hub, task):
        yield Idle("early", (REJECT_LOST,), lost)


def _without_autoretry(hub: Semantics, task: Task) -> Iterator[Idle]:
    unread = [name for name in _OF_AUTORETRY if _says_something(task, name) and not _is_read(hub, task, name)]
    kind: Kind = "no autoretry"
    if not may_retry(hub, task):
        kind = "no retry"
        if not any(_is_read(hub, task, name) for name in _OF_RETRY):
            unread += [name for name in _OF_RETRY if _says_something(task, name)]
    # What a class has for all its tasks, and what a task says itself, stand at two places.
    for where in ("decorator", "base"):
        names = [name for name in task.options if name in unread and task.options[name].where == where]
        if names:
            yield Idle(kind, tuple(names), task.options[names[0]])


def _beaten(hub: Semantics, task: Task) -> Iterator[Idle]:
    """Options beside `autoretry_for` in whose place others count."""
    options = task.options
    if not _is_on(task, BACKOFF):
        names = tuple(n for n in (BACKOFF_MAX, JITTER) if _says_something(task, n) and not _is_read(hub, task, n))
        if names and not _is_read(hub, task, BACKOFF):
            yield Idle("no backoff", names, options[names[0]])
    yield from _unlimited_in_vain(task)
    if may_retry(hub, task):
        return  # that one reads the delay and the number
    if _has_constant(task, BACKOFF) and _is_on(task, BACKOFF):
        if DELAY in options and _is_beaten(task, DELAY, BACKOFF) and not _is_read(hub, task, DELAY):
            yield Idle("backoff", (DELAY,), options[DELAY], options[BACKOFF])
        if _given(task, "countdown") is not None and _is_beaten(task, RETRY_KWARGS, BACKOFF):
            yield Idle("backoff", (f'{RETRY_KWARGS}["countdown"]',), options[RETRY_KWARGS], options[BACKOFF])
    most = _given(task, MAX_RETRIES)
    if isinstance(most, Constant) and most.value is not None and MAX_RETRIES in options:
        option = options[MAX_RETRIES]
        if option.constant not in (NotImplemented, most.value) and _is_beaten(task, MAX_RETRIES, RETRY_KWARGS):
            if not _is_read(hub, task, MAX_RETRIES):
                yield Idle("number", (MAX_RETRIES,), option, options[RETRY_KWARGS])


def _unlimited_in_vain(task: Task) -> Iterator[Idle]:
    if _given(task, MAX_RETRIES) == Constant(None) and not is_unlimited(task):
        yield Idle("none", (f'{RETRY_KWARGS}["{MAX_RETRIES}"]',), task.options[RETRY_KWARGS])


def is_unlimited(task: Task) -> bool:
    """Whether a task says that its retries have no limit, or what it says can't be read."""
    option = task.option(MAX_RETRIES)
    return option is not None and option.constant in (None, NotImplemented)


def limit_of(task: Task) -> object:
    """How many retries a task has by itself."""
    option = task.option(MAX_RETRIES)
    return 3 if option is None else option.constant


def _says_something(task: Task, name: str) -> bool:
    """Whether an option promises what does not happen: a False, a zero or an empty one holds anyway."""
    option = task.option(name)
    if option is None or (name != MAX_RETRIES and option.constant is None):
        return False
    return option.constant is None or (
        option.constant not in (False, 0) and option.value != Collection("dict", items=())
    )


def _is_on(task: Task, name: str) -> bool:
    option = task.option(name)
    return option is not None and option.constant not in (False, None, 0)


def _has_constant(task: Task, name: str) -> bool:
    option = task.option(name)
    return option is not None and option.constant is not NotImplemented


def _is_beaten(task: Task, name: str, other: str) -> bool:
    """Whether an option is given at one place with the one that counts, or by a task whose base class gives that.

    What a base class gives for its other tasks may well do nothing for one that has the other option itself.
    """
    one, two = task.options[name], task.options[other]
    return (one.where == two.where and one.module is two.module) or (one.where, two.where) == ("decorator", "base")


def _given(task: Task, name: str) -> Value | None:
    """What `retry_kwargs` gives to `retry()` under a name."""
    option = task.option(RETRY_KWARGS)
    value = option.value if option is not None else None
    if not isinstance(value, Collection) or value.keys is None or value.items is None:
        return None
    return dict(zip(value.keys, value.items, strict=True)).get(name)


def has_autoretry(task: Task) -> bool:
    """Whether `autoretry_for` names something, or may do so."""
    option = task.option(AUTORETRY_FOR)
    if option is None or option.constant in (None, False):
        return False
    return not (isinstance(option.value, Collection) and option.value.items == ())


def raised_outside(task: Task) -> Iterator[tuple[str, Option]]:
    """The exceptions that `autoretry_for` names and no run of the task can raise: its process is gone by then."""
    option = task.option(AUTORETRY_FOR)
    for one in members(option.value) if option is not None else ():
        if option is not None and isinstance(one, External) and one.path in _RAISED_OUTSIDE:
            name = one.path.rpartition(".")[2]
            if task.function is None or name not in task.function.words - task.function.words_of_head:
                yield name, option


# Where they are said


@record()
class Stated:
    """An option as one place gives it: the decorator of `task`, or the body of `cls`."""

    option: Option
    node: ast.expr
    task: Task | None
    cls: Class | None

    @property
    def owner(self) -> str:
        return self.task.name if self.task is not None else self.cls.name if self.cls is not None else ""


def stated(hub: Semantics, module: Module, name: str) -> Iterator[Stated]:
    """The places in a module that give an option: decorators of tasks, and classes that are or make tasks."""
    if name not in module.source.text:
        return
    for task in hub.tasks.in_module(module):
        option = task.option(name)
        if option is not None and option.node is not None and task.cls is None and task.factory is None:
            if option.where == "decorator" and option.module is module:
                yield Stated(option, option.node, task, None)
    for cls in module.classes:
        if name in cls.assigns and hub.tasks.is_task_class(cls):
            node = cls.assigns[name][-1].value
            if node is not None:
                option = Option(hub.evaluate_in_class(node, cls), node, module, "base")
                yield Stated(option, node, hub.tasks.of_class(cls) if "run" in cls.functions else None, cls)


def made_on(hub: Semantics, one: Stated) -> Sequence[Task]:
    """The tasks that an option is said for."""
    if one.task is not None:
        return (one.task,)
    return tuple(_tasks_of(hub, one.cls)) if one.cls is not None else ()


def is_narrowed(hub: Semantics, one: Stated) -> bool:
    """Whether `dont_autoretry_for` takes something out of what is said to be retried, or may do so."""
    name = f"dont_{AUTORETRY_FOR}"
    if one.task is not None and (one.task.is_opaque or one.task.option(name) is not None):
        return True
    return one.cls is not None and hub.classes.assignment(one.cls, name) is not None


Fault = Literal["class", "none", "text"]


def fault_of(value: Value) -> Fault | None:
    """What is wrong with what should be a collection of exception classes.

    celery/app/autoretry.py makes a tuple of it, and catches what that names: a class alone or None is a TypeError
    when the task is made, and a text one when something is caught.
    """
    found = {_fault_of(one) for one in value.alternatives()}
    return found.pop() if len(found) == 1 else None


def _fault_of(value: Value) -> Fault | None:
    if value == Constant(None):
        return "none"
    if isinstance(value, ClassValue) or (isinstance(value, External) and _is_class(value.path)):
        return "class"
    texts = [value]
    if isinstance(value, Collection):
        texts = list(value.items or ())
    if any(isinstance(text, Constant) and isinstance(text.value, str) for text in texts):
        return "text"
    return None


def _is_class(path: str) -> bool:
    """Whether a name of another package is one of a class, for all that it says."""
    name = path.rpartition(".")[2]
    if path.startswith("builtins."):
        return isinstance(getattr(builtins, name, None), type)
    return name[:1].isupper() and not name.isupper()


# Who reads them


def may_retry(hub: Semantics, task: Task) -> bool:
    """Whether something may call a task's `retry()` besides `autoretry_for`."""
    return hub.memo.get(("may retry", task), lambda: _may_retry(hub, task), True)


def _may_retry(hub: Semantics, task: Task) -> bool:
    if any(rerun.kind == "retry" for rerun in reruns(hub, task)) or _hands_itself_on(hub, task):
        return True
    if any(_says(function, "retry") for function in _bodies(hub, task)):
        return True
    assert task.function is not None
    name = task.name.rpartition(".")[2]
    if task.cls is None and f"{name}.retry(" in task.module.source.text:
        return True
    return _decorators_may_retry(hub, task) or _helpers_may_retry(hub, task.function, _MAX_HELPERS)


def _bodies(hub: Semantics, task: Task) -> Iterator[Function]:
    """The functions that have the task at hand: its own, and the methods of its class and the classes above."""
    assert task.function is not None
    yield task.function
    cls = hub.tasks.class_of(task)
    for one in hub.classes.ancestors(cls) if cls is not None else ():
        if isinstance(one, Class):
            yield from one.functions.values()


def _says(function: Function, name: str) -> bool:
    """Whether a body, its decorators aside, has a name, an attribute or a text that reads so."""
    return function.holds((name,)) and any(
        name in (getattr(node, "attr", None), getattr(node, "id", None), getattr(node, "value", None))
        for node in walk(*function.body)
    )


def _hands_itself_on(hub: Semantics, task: Task) -> bool:
    """Whether a body gives the task to other code, which may do with it what it likes."""
    for function in _bodies(hub, task):
        names = {task.function.name} if task.function is not None and task.cls is None else set()
        if function.positional and (function is not task.function or task.is_bound):
            names.add(function.positional[0].arg)
        if function.holds(frozenset(names)) and _is_bare(function, names):
            return True
    return False


def _is_bare(function: Function, names: set[str]) -> bool:
    """Whether one of the names stands anywhere but before a dot."""
    owners: set[ast.AST] = set()
    for node in walk(*function.body):
        if isinstance(node, ast.Attribute):
            owners.add(node.value)
        elif isinstance(node, ast.Name) and node.id in names and node not in owners:
            return True
    return False


def _decorators_may_retry(hub: Semantics, task: Task) -> bool:
    """Whether a decorator under the task's own may catch what the body raises, and retry."""
    if task.function is None or task.decorator is None or task.decorator not in task.function.decorators:
        return False
    below = task.function.decorators[list(task.function.decorators).index(task.decorator) + 1 :]
    for decorator in below:
        node = decorator.func if isinstance(decorator, ast.Call) else decorator
        value = hub.evaluate(node, task.function.module)
        if isinstance(value, FunctionValue) and not value.function.mentions(_RETRY):
            continue
        if not (isinstance(value, External) and value.path.startswith(_HARMLESS)):
            return True
    return False


_CURRENT = frozenset({"current_task", "retry"})


def _helpers_may_retry(hub: Semantics, function: Function, depth: int) -> bool:
    """Whether a helper retries the task that happens to run: `current_task.retry()`."""
    for call in hub.flow(function).calls:
        if not isinstance(call.callee, FunctionValue):
            continue
        for target in hub.calls.targets(call):
            if target.function.words >= _CURRENT:
                return True
            if depth > 1 and _helpers_may_retry(hub, target.function, depth - 1):
                return True
    return False


def _is_read(hub: Semantics, task: Task, name: str) -> bool:
    """Whether code of the project reads an option of the task by itself."""
    if _hands_itself_on(hub, task) or any(_says(function, name) for function in _bodies(hub, task)):
        return True
    return hub.memo.get(("option is read", name), lambda: _is_read_somewhere(hub, name), True)


def _is_read_somewhere(hub: Semantics, name: str) -> bool:
    """Whether code reads an option of whatever task it is given, as signal handlers do: `sender.max_retries`."""
    for filename in hub.project.mentioning(name):
        module = hub.project.module_or_none(filename)
        for node in module.nodes_around((name,)) if module is not None else ():
            read = node.value if isinstance(node, ast.Attribute) and node.attr == name else None
            if isinstance(node, ast.Call) and last_name(node.func) == "getattr" and len(node.args) > 1:
                wanted = node.args[1]
                read = node.args[0] if isinstance(wanted, ast.Constant) and wanted.value == name else None
            if read is not None and (last_name(read) == "sender" or last_name(read).endswith("task")):
                # A helper's own callers show which tasks it gets.
                around = function_around(read, module) if module is not None else None
                if around is None or not hub.calls.callers(around):
                    return True
    return False


def _is_made_unseen(hub: Semantics, task: Task) -> bool:
    """Whether a class that nobody can read has a say in the task's retries."""
    if hub.tasks.has_unreadable_base(task):
        return True
    base = task.option("base")
    if base is None and task.cls is None and (hub.tasks.has_foreign_app_task_class or _has_own_application(hub)):
        return True
    # A class that derives from a task may retry in its own methods.
    return task.cls is not None and bool(hub.classes.heirs(task.cls))


def _has_own_application(hub: Semantics) -> bool:
    """Whether an application of the project makes tasks in its own way: `class Shop(Celery): def task(...)`."""

    def search() -> bool:
        made_by = [hub.evaluate(app.node.func, app.module) for app in hub.project_settings.all_apps]
        return any(isinstance(one, ClassValue) and hub.classes.function(one.cls, "task") for one in made_by)

    return hub.memo.get(("own application",), search, False)


# How often and how soon


# What a body compares when it ends its retries by itself.
_BOUNDS = re.compile(r"retr|attempt|tries|now|time|age|deadline|expire|until|count", re.IGNORECASE)


def is_endless(hub: Semantics, task: Task) -> bool:
    """Whether a task that says `max_retries=None` retries, and nothing ends its retries."""
    option = task.option(MAX_RETRIES)
    if option is None or option.constant is not None or task.function is None:
        return False
    if task.option("expires") is not None or any(map(_compares, _bodies(hub, task))):
        return False
    if has_autoretry(task):
        return _given(task, MAX_RETRIES) in (None, Constant(None)) and not _is_opaque_option(task, RETRY_KWARGS)
    retries = [rerun.call for rerun in reruns(hub, task) if rerun.call is not None]
    return any(
        call.name == "retry" and not call.is_opaque and not _has_limit(call) and not _counts_down(task.function, call)
        for call in retries
    )


def _has_limit(call: Call) -> bool:
    given = call.keyword(MAX_RETRIES)
    return given is not None and given.value != Constant(None)


def _counts_down(function: Function, retry: Call) -> bool:
    """Whether a retry is sent with other arguments, and the body compares one of its parameters."""
    if not retry.positional and all(retry.keyword(name) is None for name in ("args", "kwargs")):
        return False
    return any(
        isinstance(part, ast.Name) and part.id in function.parameters
        for node in walk(*function.body)
        if isinstance(node, ast.Compare)
        for part in walk(node)
    )


def _is_opaque_option(task: Task, name: str) -> bool:
    option = task.option(name)
    return option is not None and not (isinstance(option.value, Collection) and option.value.keys is not None)


def _compares(function: Function) -> bool:
    """Whether a body compares something that grows with time or with each retry."""
    return any(
        _BOUNDS.search(last_name(part))
        for node in walk(*function.body)
        if isinstance(node, ast.Compare)
        for part in walk(node)
        if isinstance(part, (ast.Name, ast.Attribute))
    )


def has_fixed_delay(hub: Semantics, task: Task) -> bool:
    """Whether the retries of `autoretry_for` surely come after the same time each."""
    if task.is_opaque or task.is_remade or _is_made_unseen(hub, task) or not has_autoretry(task):
        return False
    if may_annotate(hub, task, BACKOFF) or _is_read(hub, task, BACKOFF):
        return False
    backoff, kwargs = task.option(BACKOFF), task.option(RETRY_KWARGS)
    if _is_on(task, BACKOFF) or (backoff is not None and backoff.constant is NotImplemented):
        return False
    if kwargs is not None and _is_opaque_option(task, RETRY_KWARGS):
        return False
    most = _given(task, MAX_RETRIES) or (task.options[MAX_RETRIES].value if MAX_RETRIES in task.options else None)
    # The first retry is not put off any longer by a backoff.
    return not (isinstance(most, Constant) and most.value in (0, 1))


def delay_of(task: Task) -> Option | None:
    """Where a task gives the time between its retries; None for Celery's 180 seconds."""
    if _given(task, "countdown") is not None:
        return task.options[RETRY_KWARGS]
    return task.option(DELAY)


# Base classes


def idle_for_all(hub: Semantics, cls: Class) -> Sequence[Idle]:
    """The options of a base class that do nothing for any of the tasks made on it."""
    if RETRY_OPTIONS.isdisjoint(cls.assigns) or "run" in cls.functions or not hub.tasks.is_task_class(cls):
        return ()
    tasks = [task for task in _tasks_of(hub, cls) if not RETRY_OPTIONS.isdisjoint(task.options)]
    if not tasks or hub.classes.heirs(cls):
        return ()
    found: list[Idle] = []
    own = {binding.value for name in cls.assigns for binding in cls.assigns[name]}
    for idle in idle_options(hub, tasks[0]):
        others = [{n for i in idle_options(hub, task) for n in i.names} for task in tasks[1:]]
        if idle.option.node in own and all(other.issuperset(idle.names) for other in others):
            found.append(idle)
    return found


def _tasks_of(hub: Semantics, cls: Class) -> Iterator[Task]:
    """The tasks that name a class as their base."""
    for filename in hub.project.mentioning(cls.name):
        module = hub.project.module_or_none(filename)
        for task in hub.tasks.in_module(module) if module is not None else ():
            base = task.option("base")
            if base is not None and base.value == ClassValue(cls):
                yield task
    for heir in hub.classes.heirs(cls):
        task_of_heir = hub.tasks.of_class(heir) if "run" in heir.functions else None
        if task_of_heir is not None:
            yield task_of_heir


# Acknowledgement


def acks_early(hub: Semantics, task: Task) -> bool:
    """Whether a task's messages are surely acknowledged before it runs."""
    option = task.option(LATE)
    if option is not None:
        return option.constant is False or option.constant is None
    app = app_of_task(hub, task)
    if task.is_opaque or app == FOREIGN or not hub.project_settings.all_apps or _is_made_unseen(hub, task):
        return False
    if any(s.value != Constant(False) and may_reach(hub, s, task) for s in hub.project_settings.all(f"task_{LATE}")):
        return False
    return not may_annotate(hub, task, LATE) and not may_hide(hub, app if isinstance(app, ast.Call) else None)


# The pool that runs tasks in processes which can die alone.
_PROCESSES = ("prefork", "processes", NotImplemented)


def late_without_reject(hub: Semantics, module: Module) -> Iterator[Stated | Setting]:
    """The places in a module that acknowledge late, and let a run go whose process dies.

    celery/worker/request.py, `on_failure`: without `reject_on_worker_lost` the message is acknowledged then as well.
    """
    settings = hub.project_settings
    if settings.is_set("worker_pool") and settings.constant("worker_pool") not in _PROCESSES:
        return
    name = f"task_{REJECT_LOST}"
    if settings.all(name) or may_annotate(hub, None, REJECT_LOST) or may_hide(hub, None):
        return
    for one in stated(hub, module, LATE):
        if one.option.constant is True and not _says_reject(hub, one):
            yield one
    for setting in settings.all(f"task_{LATE}"):
        if setting.module is module and setting.value == Constant(True) and not hub.project.mentioning(REJECT_LOST):
            yield setting


def _says_reject(hub: Semantics, one: Stated) -> bool:
    """Whether the option is given beside late acknowledgement, or may be."""
    if one.cls is not None and hub.classes.assignment(one.cls, REJECT_LOST) is not None:
        return True
    tasks = made_on(hub, one)
    return any(task.is_opaque or task.option(REJECT_LOST) is not None or _is_made_unseen(hub, task) for task in tasks)


def rejects_in_vain(hub: Semantics, task: Task) -> Iterator[Raised]:
    """The places in a task's body that raise Reject when its message is acknowledged already."""
    if task.function is None or not task.function.mentions(("Reject",)) or not acks_early(hub, task):
        return
    for raised in raised_predicates(hub, hub.flow(task.function), depth=0):
        if raised.kind == "Reject":
            yield raised


def limits_given_as_none(hub: Semantics, task: Task) -> Iterator[ast.expr]:
    """The `None` of each `retry(max_retries=None)` in a task whose own retries have a limit."""
    if is_unlimited(task) or task.is_opaque:
        return
    for call in (rerun.call for rerun in reruns(hub, task)):
        given = call.keyword(MAX_RETRIES) if call is not None and call.name == "retry" else None
        if given is not None and given.value == Constant(None):
            yield given.node


__all__ = [
    "AUTORETRY_FOR",
    "BACKOFF",
    "LATE",
    "MAX_RETRIES",
    "REJECT_LOST",
    "RETRY_OPTIONS",
    "Fault",
    "Idle",
    "Stated",
    "acks_early",
    "delay_of",
    "fault_of",
    "has_autoretry",
    "has_fixed_delay",
    "idle_for_all",
    "idle_options",
    "is_endless",
    "is_narrowed",
    "is_unlimited",
    "late_without_reject",
    "limit_of",
    "limits_given_as_none",
    "made_on",
    "may_retry",
    "raised_outside",
    "rejects_in_vain",
    "stated",
]
