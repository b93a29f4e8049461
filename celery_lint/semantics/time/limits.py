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
from celery_lint.semantics.configuration.annotations import may_annotate
from celery_lint.semantics.configuration.configurations import may_hide, reaches, reads_vaguely, setting_app, with_stars
from celery_lint.semantics.configuration.settings import Setting, value_at
from celery_lint.semantics.inference.packages import TASK_DECORATORS
from celery_lint.semantics.inference.values import (
    UNKNOWN,
    AppValue,
    BoundMethod,
    Constant,
    External,
    SignatureValue,
    TaskValue,
    Value,
    number,
)
from celery_lint.semantics.model import App, Argument, Call, Dispatch, Option, Step, Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

HARD, SOFT = "time_limit", "soft_time_limit"
# Pools that apply no limit at all (celery/concurrency/solo.py, thread.py, eventlet.py).
_UNLIMITED_POOLS = frozenset({"solo", "threads", "eventlet"})


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
        or hub.tasks.has_unreadable_base(task)
        or _base_sends_limits(hub, task)
        or _is_limited_by_app(hub, task)
        or may_annotate(hub, task, HARD, SOFT)
        or _limited_when_sent(hub, task)
        or _limited_later(hub, task)
    )


def _is_limited_by_app(hub: Semantics, task: Task) -> bool:
    """Whether the settings of the task's application limit it, or may do so."""
    app = app_of_task(hub, task)
    return app == FOREIGN or are_set(hub, app if isinstance(app, ast.Call) else None)


def _base_sends_limits(hub: Semantics, task: Task) -> bool:
    """Whether the base class puts limits into what it sends or runs."""
    base = hub.tasks.class_of(task)
    if base is None:
        return False
    return any(
        {HARD, SOFT} & function.words
        for cls in hub.classes.ancestors(base)
        if isinstance(cls, Class)
        for function in cls.functions.values()
    )


def are_set(hub: Semantics, app: ast.Call | None) -> bool:
    """Whether the settings limit all tasks of an application, or may do so where they can't be read.

    Where it can't be told which application it is, those of any count.
    """
    return hub.memo.get(("limits are set", app), lambda: _are_set(hub, app), False)


def _are_set(hub: Semantics, app: ast.Call | None) -> bool:
    apps = [app] if app is not None else [one.node for one in hub.project_settings.all_apps]
    for name in (f"task_{HARD}", f"task_{SOFT}"):
        for setting in hub.project_settings.all(name):
            if setting.value != Constant(None) and (
                not apps or any(reaches(hub, setting, one) is not False for one in apps)
            ):
                return True
    return may_hide(hub, app)


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


def _limited_later(hub: Semantics, task: Task) -> bool:
    """Whether a limit is assigned to the task itself after its definition: `fetch.time_limit = 30`."""
    if not _is_named_beside_limits(hub, task):
        return False
    for filename in sorted({*hub.project.mentioning(HARD), *hub.project.mentioning(SOFT)}):
        module = hub.project.module_or_none(filename)
        for node in module.nodes_around((HARD, SOFT)) if module is not None else ():
            if isinstance(node, ast.Assign) and module is not None:
                for target in node.targets:
                    if isinstance(target, ast.Attribute) and target.attr in (HARD, SOFT):
                        if value_at(hub, target.value, module) == TaskValue(task):
                            return True
    return False


# The application of a task


def may_reach(hub: Semantics, setting: Setting, task: Task) -> bool:
    """Whether a setting may hold for a task: not when another application alone has it."""
    app = app_of_task(hub, task)
    return not isinstance(app, ast.Call) or reaches(hub, setting, app) is not False


FOREIGN: Literal["foreign"] = "foreign"


def app_of_task(hub: Semantics, task: Task) -> ast.Call | Literal["foreign"] | None:
    """The call that makes a task's application, FOREIGN when another package does, None when it can't be told.

    The project's only application has all tasks that name no other.
    """
    return hub.memo.get(("app of task", task), lambda: _app_of_task(hub, task), None)


def _app_of_task(hub: Semantics, task: Task) -> ast.Call | Literal["foreign"] | None:
    node = task.decorator.func if isinstance(task.decorator, ast.Call) else task.decorator
    made = value_at(hub, node, task.module) if node is not None and task.factory is None else UNKNOWN
    if isinstance(made, BoundMethod) and isinstance(made.receiver, AppValue) and made.receiver.node is not None:
        return made.receiver.node
    if _is_foreign(hub, made):
        return FOREIGN
    apps = hub.project_settings.all_apps
    if not apps and hub.memo.get(("foreign app",), lambda: _uses_foreign_app(hub), False):
        return FOREIGN
    return apps[0].node if len(apps) == 1 else None


def _is_foreign(hub: Semantics, decorator: Value) -> bool:
    """Whether a decorator is the `task` of an application that another package makes."""
    return (
        isinstance(decorator, External)
        and decorator.path not in TASK_DECORATORS
        and decorator.path not in hub.settings.task_decorators
        and not decorator.path.startswith("celery.")
    )


def _uses_foreign_app(hub: Semantics) -> bool:
    """Whether any task of the project belongs to an application of another package."""
    for filename in sorted(hub.project.traced):
        module = None if is_test_file(filename) else hub.project.module_or_none(filename)
        for task in hub.tasks.in_module(module) if module is not None else ():
            node = task.decorator.func if isinstance(task.decorator, ast.Call) else task.decorator
            if node is not None and _is_foreign(hub, hub.evaluate(node, task.module)):
                return True
    return False


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

    Of several applications in one repository, each is taken to run its own tasks,
    and of those that name none the ones that lie nearest to it in the tree of files.
    """

    def search() -> tuple[Unlimited, ...]:
        apps = hub.project_settings.all_apps
        nearest: dict[int, list[Task]] = {}
        for task in unlimited_tasks(hub) if apps else ():
            own = [app.node is app_of_task(hub, task) for app in apps]
            shared = [_shared_folders(app.module.filename, task.module.filename) for app in apps]
            index = own.index(True) if True in own else shared.index(max(shared))
            nearest.setdefault(index, []).append(task)
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
    return _meeting(hub, task.options, lambda o: o.node in inside, "task", task.name, app_of_task(hub, task))


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
    apps = hub.project_settings.all_apps
    app = apps[0].node if len(apps) == 1 else None
    return _meeting(hub, options, lambda o: o.node in inside, "class", cls.name, app)


def _meeting(
    hub: Semantics,
    options: Mapping[str, Option],
    is_own: Callable[[Option], bool],
    where: Where,
    owner: str,
    app: ast.Call | Literal["foreign"] | None,
) -> Pair | None:
    soft, hard = options.get(SOFT), options.get(HARD)
    said = next((o for o in (soft, hard) if o is not None and is_own(o)), None)
    if said is None or said.node is None:
        return None
    settings = {name: _setting_for(hub, name, app) for name in (SOFT, HARD) if options.get(name) is None}
    soft_value, hard_value = (_limit(hub, options.get(name), settings.get(name)) for name in (SOFT, HARD))
    if not soft_value or not hard_value:
        return None
    other = next((o for o in (soft, hard) if o is not None and not is_own(o)), None)
    step = None
    if other is not None and other.node is not None and other.module is not None:
        step = Step(other.module.source.place(other.node), "the other limit")
    for setting in settings.values():
        if setting is not None:
            step = Step(setting.module.source.place(setting.node), "the other limit")
    return Pair(soft_value, hard_value, said.node, where, owner, step)


def _limit(hub: Semantics, option: Option | None, setting: Setting | None) -> float | None:
    """A limit in seconds: the task's own, else that of the settings."""
    if option is None:
        return number(setting.value) if setting is not None else None
    value = option.value
    if not isinstance(value, Constant) and option.module is not None:
        if isinstance(option.node, (ast.Call, ast.Attribute)):
            value = hub.project_settings.read(option.node, option.module)
    return number(value)


def _setting_for(hub: Semantics, name: str, app: ast.Call | Literal["foreign"] | None) -> Setting | None:
    """The setting that surely limits the tasks of an application; None when there is none, or several that differ.

    Without any application in the project, its settings are those of the one that is elsewhere.
    """
    apps = hub.project_settings.all_apps
    if app == FOREIGN or (app is None and apps):
        return None
    settings = hub.project_settings.all(f"task_{name}")
    if isinstance(app, ast.Call):
        settings = [s for s in settings if reaches(hub, s, app) is not False]
        if not all(reaches(hub, s, app) or (len(apps) == 1 and _is_vague(hub, s, app)) for s in settings):
            return None
    return settings[0] if len({s.value for s in settings}) == 1 else None


def _is_vague(hub: Semantics, setting: Setting, app: ast.Call) -> bool:
    """Whether the project's only application reads a setting as far as can be told."""
    return isinstance(setting.holder, Module) or reads_vaguely(hub, app)


def pairs_of_settings(hub: Semantics, module: Module) -> Iterator[Pair]:
    """The limits that a module of settings gives together, or changes one of."""
    names = {name: hub.project_settings.all(f"task_{name}") for name in (SOFT, HARD)}
    places = {s.module for settings in names.values() for s in settings}
    if module in places:
        owners: dict[object, None] = {
            _owner(hub, s): None for settings in names.values() for s in settings if s.module is module
        }
        for owner in owners:
            softs, hards = (_of_owner(hub, settings, owner) for settings in names.values())
            if len(softs) == len(hards) == 1:
                yield from _pair_of_settings(softs[0], hards[0], module)
    yield from _annotated_pairs(hub, module)


def _pair_of_settings(soft: Setting, hard: Setting, module: Module) -> Iterator[Pair]:
    soft_value, hard_value = number(soft.value), number(hard.value)
    if soft_value and hard_value:
        own, other = (soft, hard) if soft.module is module else (hard, soft)
        step = None
        if other.module is not own.module:
            step = Step(other.module.source.place(other.node), "the other limit")
        yield Pair(soft_value, hard_value, own.node, "settings", "the settings", step)


def _owner(hub: Semantics, setting: Setting) -> object:
    """What a setting belongs to: the application on whose `conf` it is set, else what has it among others."""
    holder = setting.holder
    if isinstance(holder, ast.expr):
        app = setting_app(hub, setting)
        if app is not None:
            return app
        return ast.dump(holder) if isinstance(holder, (ast.Name, ast.Attribute)) else holder
    return holder


def _of_owner(hub: Semantics, settings: Sequence[Setting], owner: object) -> Sequence[Setting]:
    """The settings of an owner; where it has none, those that a module or class has from others."""
    line: Sequence[object] = (owner,)
    if isinstance(owner, Module):
        line = with_stars(hub, owner)
    elif isinstance(owner, Class):
        line = hub.classes.ancestors(owner)
    for one in line:
        found = [s for s in settings if _owner(hub, s) == one]
        if found:
            return found
    return ()


def _annotated_pairs(hub: Semantics, module: Module) -> Iterator[Pair]:
    """The limits that `task_annotations` gives a task together."""
    for setting in hub.project_settings.all("task_annotations"):
        if setting.module is module and isinstance(setting.given, ast.Dict):
            for key, options in zip(setting.given.keys, setting.given.values, strict=True):
                if not isinstance(key, ast.Constant) or not isinstance(options, ast.Dict):
                    continue
                pairs = zip(options.keys, options.values, strict=True)
                given = {k.value: v for k, v in pairs if isinstance(k, ast.Constant)}
                if SOFT in given and HARD in given:
                    soft, hard = (number(hub.project_settings.read(given[n], module)) for n in (SOFT, HARD))
                    if soft and hard:
                        yield Pair(soft, hard, given[SOFT], "task", str(key.value))


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
    "may_reach",
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
