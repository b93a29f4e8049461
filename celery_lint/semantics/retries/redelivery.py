"""How long a broker waits for a message's acknowledgement before it delivers it once more, and what lasts longer.

A worker holds a message with a `countdown` or an `eta` until it is due, and one of a task that
acknowledges late until it has run. Redis and SQS give what is not acknowledged within
the `visibility_timeout` to another worker (kombu/transport/redis.py, `QoS.restore_visible`; kombu/transport/SQS.py).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from celery_lint.findings import Place
from celery_lint.project.modules import Module
from celery_lint.project.syntax import keyword_of, last_name
from celery_lint.records import record
from celery_lint.semantics.configuration.configurations import reaches, setting_app
from celery_lint.semantics.configuration.settings import Setting, gifts, value_at
from celery_lint.semantics.dispatching.due_times import COUNTDOWN, ETA, Schedule, least_seconds
from celery_lint.semantics.inference.values import NONE, UNKNOWN, Collection, Constant, Value, number
from celery_lint.semantics.model import Call, Option, Task
from celery_lint.semantics.retries.reruns import reruns
from celery_lint.semantics.time.limits import FOREIGN, HARD, app_of_task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# Brokers by the schemes of their URLs, and how long they wait by default.
_BROKERS = {"redis": "Redis", "rediss": "Redis", "sentinel": "Redis", "redis+socket": "Redis", "sqs": "SQS"}
_DEFAULTS = {"Redis": 3600.0, "SQS": 1800.0}
_OPTION = "visibility_timeout"
_MAX_DEPTH = 4


@record()
class Patience:
    """How long the project's broker waits for an acknowledgement, and where that is said if it is."""

    broker: str
    seconds: float
    place: Place | None = None


def patience(hub: Semantics, task: Task | None) -> Patience | None:
    """The patience of the broker that has a task's messages; None when it or what it is told can't be read.

    Where the task's application is not known, all of the project's have to have the same broker.
    """
    app = app_of_task(hub, task) if task is not None else None
    return hub.memo.get(("patience", app), lambda: _patience(hub, app), None) if app != FOREIGN else None


def _patience(hub: Semantics, app: ast.Call | None) -> Patience | None:
    brokers = {_broker(url) for url in _urls(hub, app)}
    broker = brokers.pop() if len(brokers) == 1 else None
    if broker is None or hub.project.containing("predefined_queues"):
        return None
    options = hub.project_settings.all("broker_transport_options")
    own = [s for s in options if app is not None and setting_app(hub, s) is app and isinstance(s.holder, ast.expr)]
    timeouts = [] if own else [(s.value, s) for s in hub.project_settings.all(_OPTION)]
    for setting in own or [s for s in options if _may_have(hub, app, s)]:
        value = hub.evaluate(setting.given, setting.module) if setting.given is not None else UNKNOWN
        if not isinstance(value, Collection) or value.keys is None or value.items is None:
            return None
        timeouts += [(item, setting) for key, item in zip(value.keys, value.items, strict=True) if key == _OPTION]
    if not timeouts:
        return Patience(broker, _DEFAULTS[broker])
    if any(number(value) is None for value, _ in timeouts):
        return None
    longest, setting = max(timeouts, key=lambda each: number(each[0]) or 0.0)
    return Patience(broker, number(longest) or 0.0, setting.module.source.place(setting.node))


def _may_have(hub: Semantics, app: ast.Call | None, setting: Setting) -> bool:
    """Whether an application may read a setting; of any application where it is not known."""
    return app is None or reaches(hub, setting, app) is not False


def _broker(url: str | None) -> str | None:
    """The broker behind a URL, or the beginning of one."""
    scheme, separator, _ = (url or "").partition("://")
    return _BROKERS.get(scheme) if separator else None


def _urls(hub: Semantics, app: ast.Call | None) -> Iterator[str | None]:
    """The broker URLs of an application, or of all, as far as they begin with a literal; None for one that does not.

    What the application is made with outranks the settings that it reads (celery/app/base.py, `_load_config`).
    """
    has_own = False
    for one in hub.project_settings.all_apps:
        node = one.keywords.get("broker")
        if app in (None, one.node) and node is not None and not (isinstance(node, ast.Constant) and not node.value):
            has_own |= app is not None
            yield _beginning(hub, node, one.module, _MAX_DEPTH)
    for setting in hub.project_settings.all("broker_url") if not has_own else ():
        if setting.value != NONE and _may_have(hub, app, setting):
            yield _beginning(hub, setting.given, setting.module, _MAX_DEPTH)


def _beginning(hub: Semantics, node: ast.expr | None, module: Module, depth: int) -> str | None:
    """The literal that a text begins with; of what the environment may give, that of its default."""
    if node is None or depth <= 0:
        return None
    value: Value = hub.project_settings.read(node, module)
    value = value if isinstance(value, Constant) else value_at(hub, node, module)
    if isinstance(value, Constant):
        return value.value if isinstance(value.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return _beginning(hub, node.values[0], module, depth) if node.values else None
    if isinstance(node, ast.BinOp):
        return _beginning(hub, node.left, module, depth - 1)
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr == "format":
            return _beginning(hub, node.func.value, module, depth - 1)
        default = keyword_of(node, "default") or (node.args[1] if len(node.args) == 2 else None)
        return _beginning(hub, default, module, depth - 1)
    return _named(hub, last_name(node), depth - 1)


def _named(hub: Semantics, name: str, depth: int) -> str | None:
    """What the one setting of a name begins with: `settings.REDIS_URL`."""
    project, found = hub.project, []
    for filename in hub.project_settings.consulted(project.mentioning(name)) if name else ():
        module = project.module_or_none(filename)
        given = gifts(module, frozenset({name})) if module is not None else ()
        found += [(one.value, module) for one in given if not isinstance(one.around, ast.Call)]
    if len(found) != 1 or found[0][1] is None:
        return None
    return _beginning(hub, found[0][0], found[0][1], depth)


Why = Literal["countdown", "eta", "default_retry_delay", "retry_kwargs", "retry_backoff_max", "late"]


@record()
class Stay:
    """How long a message may stay without acknowledgement, why, and where that is said."""

    why: Why
    seconds: float
    """At least so many."""
    node: ast.AST


def stay_of_schedule(schedule: Schedule) -> Stay | None:
    """How long the message of a dispatch or a retry waits in a worker until it is due."""
    for name in (COUNTDOWN, ETA):
        wait = least_seconds(schedule.value(name))
        if wait and wait > 0:
            node = schedule.call.node if schedule.is_forwarded else schedule.given[name].node
            return Stay("countdown" if name == COUNTDOWN else "eta", wait, node)
    return None


def stays_of_task(hub: Semantics, task: Task) -> Iterator[Stay]:
    """How long a task's own options make its messages stay: between retries, and while it runs."""
    found = reruns(hub, task)
    kinds = {rerun.kind for rerun in found}
    if any(rerun.call is not None and _waits_as_usual(rerun.call) for rerun in found):
        yield from _stay("default_retry_delay", task, "default_retry_delay")
    if "autoretry" in kinds:
        yield from _between_autoretries(task)
    if "late" in kinds:
        yield from _stay("late", task, HARD)


def _waits_as_usual(retry: Call) -> bool:
    """Whether `self.retry()` says nothing of when, so that the task's own delay counts."""
    return retry.name == "retry" and not (retry.is_opaque or retry.keyword(COUNTDOWN) or retry.keyword(ETA))


def _stay(why: Why, task: Task, name: str, wait: float | None = None) -> Iterator[Stay]:
    """What an option says, or `wait`; reported at the task where another file gives it."""
    option = task.option(name)
    if option is None:
        return
    wait = number(option.value) if wait is None else wait
    if wait:
        is_here = option.module is task.module and option.node is not None
        yield Stay(why, wait, option.node if is_here and option.node is not None else task.report_node)


def _between_autoretries(task: Task) -> Iterator[Stay]:
    """The longest wait of `autoretry_for` (celery/app/autoretry.py; celery/utils/time.py, exponential backoff)."""
    backoff, keywords = task.option("retry_backoff"), task.option("retry_kwargs")
    if backoff is not None and backoff.constant not in (None, False, 0):
        factor = 1.0 if backoff.constant is True else number(backoff.value)
        longest, times = task.option("retry_backoff_max"), _retries(task)
        maximum = number(longest.value) if longest is not None else None
        if factor and maximum and times:
            wait = min(maximum, max(1.0, factor) * 2 ** min(times - 1, 64))
            yield from _stay("retry_backoff_max", task, "retry_backoff_max", wait)
    elif keywords is None:
        yield from _stay("default_retry_delay", task, "default_retry_delay")
    elif isinstance(keywords.value, Collection) and keywords.value.keys and keywords.value.items:
        given = dict(zip(keywords.value.keys, keywords.value.items, strict=True))
        if COUNTDOWN in given:
            yield from _stay("retry_kwargs", task, "retry_kwargs", number(given[COUNTDOWN]) or 0.0)


def _retries(task: Task) -> int | None:
    """How often a task is tried again at most; a large number for ever, None when that is not known."""
    value: Option | None = task.option("max_retries")
    keywords = task.option("retry_kwargs")
    if keywords is not None:
        known = keywords.value
        if not isinstance(known, Collection) or known.keys is None or known.items is None:
            return None
        inner = dict(zip(known.keys, known.items, strict=True)).get("max_retries")
        value = Option(inner) if inner is not None else value
    if value is None:
        return 3
    if value.constant is None:
        return 1000
    found = number(value.value)
    return int(found) if found else None
