"""Time limits: what ends a run of a task, by whatever way it is said.

A run's limit is that of its message (`apply_async(time_limit=...)`), else the
task's own or its base class's, else the settings' (celery/app/task.py,
`Task.from_config` and `_get_exec_options`; celery/worker/request.py,
`execute_using_pool`; billiard/pool.py, `Pool.apply_async`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import Class, Module
from celery_lint.project.syntax import walk
from celery_lint.records import record
from celery_lint.semantics.model import App, Argument, Call, Dispatch, Option, Step, Task
from celery_lint.semantics.tasks import TASK_CLASSES
from celery_lint.semantics.values import (
    UNKNOWN,
    BoundMethod,
    ClassValue,
    Collection,
    Constant,
    External,
    Instance,
    ModuleValue,
    SignatureValue,
    Value,
)

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

HARD, SOFT = "time_limit", "soft_time_limit"
# Pools that apply no limit at all (celery/concurrency/solo.py, thread.py, eventlet.py).
_UNLIMITED_POOLS = frozenset({"solo", "threads", "eventlet"})
_LOADERS = ("config_from_object", "config_from_envvar", "conf", "config_source", "Celery")


def number(value: Value) -> float | None:
    """A limit in seconds; None when there is none or it can't be read."""
    if isinstance(value, Constant) and isinstance(value.value, (int, float)) and not isinstance(value.value, bool):
        return value.value
    return None


def own(task: Task, name: str) -> Option | None:
    """The task's own limit, or its base class's; None when it has none or it is switched off."""
    option = task.options.get(name)
    return None if option is None or option.constant in (None, 0, False) else option


def bearable(hub: Semantics, soft: float, hard: float) -> tuple[bool, bool]:
    """Whether the settings can give all tasks a soft limit, and a hard one, without a clash.

    A task or a message may have one limit of its own, and would get the other from the settings.
    """
    softs, hards = True, True
    for filename in sorted(hub.project.traced):
        module = None if is_test_file(filename) else hub.project.module_or_none(filename)
        for task in hub.tasks.in_module(module) if module is not None else ():
            for own_soft, own_hard in _given_limits(hub, task):
                if own_soft is not None and own_hard is None:
                    hards &= (number(own_soft) or hard) < hard
                elif own_hard is not None and own_soft is None:
                    softs &= (number(own_hard) or soft) > soft
    return softs, hards


def _given_limits(hub: Semantics, task: Task) -> Iterator[tuple[Value | None, Value | None]]:
    """The soft and hard limits that a task has itself, and those that its messages carry."""
    soft, hard = own(task, SOFT), own(task, HARD)
    yield (soft.value if soft is not None else None, hard.value if hard is not None else None)
    for dispatch in hub.dispatches_of(task) if _is_named_beside_limits(hub, task) else ():
        given = [dispatch.options.get(name) for name in (SOFT, HARD)]
        yield (given[0].value if given[0] is not None else None, given[1].value if given[1] is not None else None)


def pool_applies(hub: Semantics, name: str) -> bool:
    """Whether the project's pool applies a limit: soft ones are prefork's alone, gevent knows hard ones."""
    pool = hub.project_settings.constant("worker_pool")
    return pool not in _UNLIMITED_POOLS and not (name == SOFT and pool == "gevent")


def is_limited(hub: Semantics, task: Task) -> bool:
    """Whether something limits a task's runs, or may do so where nothing can be read."""
    return hub.memo.get(("is limited", task), lambda: _is_limited(hub, task), True)


def _is_limited(hub: Semantics, task: Task) -> bool:
    return (
        task.is_opaque
        or own(task, HARD) is not None
        or own(task, SOFT) is not None
        or _has_foreign_base(task)
        or _base_sends_limits(hub, task)
        or are_set(hub)
        or _annotated(hub, task)
        or _limited_when_sent(hub, task)
    )


def _has_foreign_base(task: Task) -> bool:
    """Whether the task is made on a class that nobody can read."""
    base = task.options.get("base")
    if base is None or isinstance(base.value, ClassValue):
        return False
    return not (isinstance(base.value, External) and base.value.path in TASK_CLASSES)


def _base_sends_limits(hub: Semantics, task: Task) -> bool:
    """Whether the base class puts limits into what it sends or runs."""
    base = task.cls or hub.base_class(task)
    if base is None:
        return False
    return any(
        {HARD, SOFT} & function.words
        for cls in hub.classes.ancestors(base)
        if isinstance(cls, Class)
        for function in cls.functions.values()
    )


def are_set(hub: Semantics) -> bool:
    """Whether the settings limit all tasks, or may do so where they can't be read."""
    settings = hub.project_settings
    if settings.is_set("task_time_limit") or settings.is_set("task_soft_time_limit"):
        return True
    return hub.memo.get(("opaque configuration",), lambda: any(_opaque_parts(hub)), False)


def _annotated(hub: Semantics, task: Task) -> bool:
    """Whether `task_annotations` limits the task (celery/app/annotations.py: by name, or `*` for all)."""
    for setting in hub.project_settings.all("task_annotations"):
        value = setting.value
        if value == UNKNOWN:
            value = _assigned_value(hub, setting.node, setting.module)
        if not isinstance(value, Collection) or value.keys is None or value.items is None:
            return True
        for name, options in zip(value.keys, value.items, strict=True):
            if name in ("*", task.registered_name) and (
                not isinstance(options, Collection) or options.keys is None or {HARD, SOFT} & set(options.keys)
            ):
                return True
    return False


def _assigned_value(hub: Semantics, target: ast.expr, module: Module) -> Value:
    """The value of the setting given at `target`."""
    for node in walk(module.tree):
        if isinstance(node, ast.Assign) and target in node.targets:
            return hub.evaluate(node.value, module)
        if isinstance(node, ast.AnnAssign) and node.target is target and node.value is not None:
            return hub.evaluate(node.value, module)
        if isinstance(node, ast.Dict) and target in node.keys:
            return hub.evaluate(node.values[node.keys.index(target)], module)
    return hub.evaluate(target, module)


def _is_named_beside_limits(hub: Semantics, task: Task) -> bool:
    """Whether some file names both the task and a limit, as one that sends it with a limit does."""
    mentions = hub.project.mentioning
    return bool(set(mentions(task.name.rpartition(".")[2])) & {*mentions(HARD), *mentions(SOFT)})


def _limited_when_sent(hub: Semantics, task: Task) -> bool:
    """Whether every dispatch of the task carries a limit."""
    if not _is_named_beside_limits(hub, task):
        return False
    sent = [d for d in hub.dispatches_of(task) if not d.is_signature]
    return bool(sent) and all(HARD in d.options or SOFT in d.options for d in sent)


# Configuration that can't be read


def _opaque_parts(hub: Semantics) -> Iterator[bool]:
    """For each way in which settings reach the application, whether it hides what it sets."""
    project = hub.project
    for filename in sorted({f for w in _LOADERS for f in set(project.mentioning(w)).intersection(project.holding(w))}):
        module = project.module_or_none(filename)
        if module is None:
            continue
        for node in module.nodes_around(_LOADERS):
            if isinstance(node, ast.Call):
                yield _hides_settings(hub, node, module)
    for filename in project.mentioning("INSTALLED_APPS"):
        module = None if is_test_file(filename) else project.module_or_none(filename)
        if module is not None:
            yield any(_is_foreign(hub, star, module) for star in module.star_imports)


def _is_foreign(hub: Semantics, name: str, module: Module) -> bool:
    """Whether a module comes from another package. A local file that is not committed does not count."""
    return not name.startswith("django.") and not hub.project.is_own_package(name, module.filename)


def _hides_settings(hub: Semantics, node: ast.Call, module: Module) -> bool:
    func = node.func
    last = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
    if last == "config_from_envvar":
        return True
    if last == "config_from_object" and node.args:
        return not _is_readable(hub, node.args[0], module)
    if last == "Celery":
        sources = [k.value for k in node.keywords if k.arg in ("config_source", None)]
        return any(not _is_readable(hub, s, module) for s in sources)
    if last == "update" and isinstance(func, ast.Attribute) and _is_conf(func.value):
        given = [*node.args, *(k.value for k in node.keywords if k.arg is None)]
        return any(not _is_readable(hub, g, module) for g in given)
    return False


def _is_conf(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "conf"


def _is_readable(hub: Semantics, node: ast.expr, module: Module) -> bool:
    """Whether the settings in an object, or in the module that a text names, stand in the project's files."""
    value = hub.evaluate(node, module)
    if isinstance(value, Constant) and isinstance(value.value, str):
        return _is_own_module(hub, value.value, module)
    if isinstance(value, External):
        return value.path.startswith("django.conf")
    if isinstance(value, (ClassValue, ModuleValue, Collection)):
        return True
    if isinstance(value, Instance):
        return isinstance(value.cls, Class)
    # A name or a call of the project's own: the names of what it sets stand in its files.
    while isinstance(node, (ast.Call, ast.Attribute, ast.Subscript)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return not isinstance(hub.evaluate(node, module), External) and value == UNKNOWN and isinstance(node, ast.Name)


def _is_own_module(hub: Semantics, name: str, module: Module) -> bool:
    if name.startswith("django.conf:") or name == "django.conf.settings":
        return bool(hub.project.mentioning("INSTALLED_APPS"))
    dotted = name.replace(":", ".")
    candidates = (dotted, dotted.rpartition(".")[0])
    return any(c and hub.project.find_module(c, module.filename) is not None for c in candidates)


# The application that has no limit


@record()
class Unlimited:
    """A Celery application, and the tasks near it that nothing limits."""

    app: App
    tasks: tuple[Task, ...]


def unlimited_tasks(hub: Semantics) -> Sequence[Task]:
    """The project's tasks that nothing limits, those of the tests left out."""

    def search() -> tuple[Task, ...]:
        found: list[Task] = []
        for filename in sorted(hub.project.traced):
            module = None if is_test_file(filename) else hub.project.module_or_none(filename)
            if module is not None:
                found += [t for t in hub.tasks.in_module(module) if not is_limited(hub, t)]
        return tuple(found)

    return hub.memo.get(("unlimited tasks",), search, ())


def unlimited_apps(hub: Semantics) -> Sequence[Unlimited]:
    """The applications whose settings should limit their tasks and do not.

    Of several applications in one repository, each is taken to run the tasks
    that lie nearest to it in the tree of files.
    """

    def search() -> tuple[Unlimited, ...]:
        apps = hub.project_settings.all_apps
        nearest: dict[int, list[Task]] = {}
        for task in unlimited_tasks(hub) if apps else ():
            shared = [_shared_folders(app.module.filename, task.module.filename) for app in apps]
            nearest.setdefault(shared.index(max(shared)), []).append(task)
        return tuple(Unlimited(apps[i], tuple(tasks)) for i, tasks in sorted(nearest.items()))

    return hub.memo.get(("unlimited apps",), search, ())


def _shared_folders(one: str, other: str) -> int:
    count = 0
    for a, b in zip(PurePosixPath(one).parent.parts, PurePosixPath(other).parent.parts, strict=False):
        if a != b:
            break
        count += 1
    return count


# Limits that can be compared

Where = Literal["task", "class", "settings", "message"]


@record()
class Pair:
    """A soft and a hard limit that meet in one run.

    `node` is where to report them, `owner` whose they are.
    """

    soft: float
    hard: float
    node: ast.AST
    where: Where
    owner: str
    other: Step | None = None
    """The limit of the two that stands elsewhere."""


def pair_of_task(hub: Semantics, task: Task) -> Pair | None:
    """The limits of a decorated task, when its own decorator gives at least one of them.

    What it does not give comes from its base class or the settings, which
    become attributes of the task since Celery 5.7 (`Task.from_config`) and are
    the pool's defaults before.
    """
    inside = set(walk(task.decorator)) if task.decorator is not None and task.cls is None else set()
    return _meeting(hub, task.options, lambda o: o.node in inside, "task", task.name)


def pair_of_class(hub: Semantics, cls: Class) -> Pair | None:
    """The limits of a task class, when its own body gives at least one of them."""
    if not {HARD, SOFT} & set(cls.assigns) or not hub.tasks.is_task_class(cls):
        return None
    options: dict[str, Option] = {}
    for name in (HARD, SOFT):
        assigned = hub.classes.assignment(cls, name)
        if assigned is not None:
            owner, binding = assigned
            value = hub.evaluate_in_class(binding.value, owner) if binding.value is not None else UNKNOWN
            options[name] = Option(value, binding.value, owner.module)
    inside = {b.value for name in (HARD, SOFT) for b in cls.assigns.get(name, ())}
    return _meeting(hub, options, lambda o: o.node in inside, "class", cls.name)


def _meeting(
    hub: Semantics, options: Mapping[str, Option], is_own: Callable[[Option], bool], where: Where, owner: str
) -> Pair | None:
    soft, hard = options.get(SOFT), options.get(HARD)
    said = next((o for o in (soft, hard) if o is not None and is_own(o)), None)
    if said is None or said.node is None:
        return None
    soft_value, hard_value = _effective(hub, SOFT, soft), _effective(hub, HARD, hard)
    if not soft_value or not hard_value:
        return None
    other = next((o for o in (soft, hard) if o is not None and not is_own(o)), None)
    step = None
    if other is not None and other.node is not None and other.module is not None:
        step = Step(other.module.source.place(other.node), "the other limit")
    elif soft is None or hard is None:
        name = "task_soft_time_limit" if soft is None else "task_time_limit"
        setting = hub.project_settings.all(name)[0]
        step = Step(setting.module.source.place(setting.node), "the other limit")
    return Pair(soft_value, hard_value, said.node, where, owner, step)


def _effective(hub: Semantics, name: str, option: Option | None) -> float | None:
    """A task's limit: its own, else that of the settings when they give exactly one."""
    if option is not None:
        return number(option.value)
    value = hub.project_settings.constant(f"task_{name}")
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def pairs_of_settings(hub: Semantics, module: Module) -> Iterator[Pair]:
    """The limits that a module of settings gives together."""
    softs = [s for s in hub.project_settings.all("task_soft_time_limit") if s.module is module]
    hards = [s for s in hub.project_settings.all("task_time_limit") if s.module is module]
    if len(softs) == len(hards) == 1:
        soft, hard = number(softs[0].value), number(hards[0].value)
        if soft and hard:
            yield Pair(soft, hard, softs[0].node, "settings", "the settings")


def pair_of_dispatch(dispatch: Dispatch) -> Pair | None:
    """The limits that a message carries: those of the call, the task's own for what it does not say."""
    return _carried({name: arg for name, arg in dispatch.options.items() if name in (HARD, SOFT)}, dispatch.task)


def pair_of_set(call: Call) -> Pair | None:
    """The limits given by `signature.set(...)`."""
    if call.name != "set":
        return None
    for callee in call.callee.alternatives():
        if isinstance(callee, BoundMethod) and isinstance(callee.receiver, SignatureValue):
            task = callee.receiver.task
            given = {a.keyword: a for a in call.args if a.keyword in (HARD, SOFT)}
            return _carried(given, task if isinstance(task, Task) else None)
    return None


def _carried(given: Mapping[str, Argument], task: Task | None) -> Pair | None:
    if not given:
        return None
    values = {name: arg.value for name, arg in given.items()}
    steps = []
    for name in {HARD, SOFT} - given.keys():
        option = task.options.get(name) if task is not None else None
        if option is not None and option.node is not None and option.module is not None:
            values[name] = option.value
            steps.append(Step(option.module.source.place(option.node), "the task's other limit"))
    soft, hard = number(values.get(SOFT, UNKNOWN)), number(values.get(HARD, UNKNOWN))
    if not soft or not hard:
        return None
    node = (given.get(SOFT) or given[HARD]).node
    return Pair(
        soft,
        hard,
        node,
        "message",
        task.name if task is not None else "the task",
        steps[0] if steps else None,
    )


__all__ = [
    "HARD",
    "SOFT",
    "Pair",
    "Unlimited",
    "bearable",
    "is_limited",
    "own",
    "pair_of_class",
    "pair_of_dispatch",
    "pair_of_set",
    "pair_of_task",
    "pairs_of_settings",
    "pool_applies",
    "unlimited_apps",
    "unlimited_tasks",
]
