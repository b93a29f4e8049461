"""What entries of beat's schedules say: which task they send, until when, and who reads their fields."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celery_lint.project.modules import Module
from celery_lint.project.syntax import last_name
from celery_lint.semantics.configuration.settings import function_around, value_at
from celery_lint.semantics.inference.values import Collection, Constant, FunctionValue, SignatureValue, TaskValue
from celery_lint.semantics.model import Call, FunctionFlow, Task
from celery_lint.semantics.schedules.crontabs import Crontab
from celery_lint.semantics.schedules.written import ADDING, ROW, Entry, Part, entries, value_of

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

FIELDS = frozenset({"task", "schedule", "args", "kwargs", "options", "relative"})
"""What an entry is made of (celery/beat.py, `ScheduleEntry`); beat fills in the rest itself."""
OPTIONS = frozenset(
    """queue routing_key exchange priority expires serializer compression delivery_mode time_limit soft_time_limit
    countdown eta retry retry_policy headers link link_error ignore_result shadow task_id""".split()
)
"""What `apply_async` takes from an entry's `options`."""
_TAKEN = FIELDS | {"name", "app", "last_run_at", "total_run_count"}
# What other packages' schedulers take besides: the columns of django-celery-beat's `PeriodicTask`,
# to which entries are written (schedulers.py, `ModelEntry.from_entry`), and RedBeat's flag.
_TAKEN_BESIDES = {
    "django_celery_beat": frozenset(
        {
            "queue", "exchange", "routing_key", "headers", "priority", "expires", "expire_seconds", "one_off",
            "start_time", "enabled", "date_changed", "description", "interval", "crontab", "solar", "clocked",
        }
    ),
    "redbeat": frozenset({"enabled"}),
}  # fmt: skip
_EXPIRING = frozenset({"expires", "expire_seconds"})
# Packages with schedulers of which nobody here knows what they take.
_OTHER_SCHEDULERS = (
    "tenant_schemas_celery", "sqlalchemy_celery_beat", "celery_sqlalchemy_scheduler", "celerybeatmongo", "rdbbeat",
)  # fmt: skip
_OWN_SCHEDULER = "celery.beat"
# How the name of an entry, or a comment, says that a run in each minute is meant.
_EACH_MINUTE = re.compile(r"minute|\d ?min\b", re.IGNORECASE)


def name_of(hub: Semantics, entry: Entry) -> str | None:
    """The task's name, where the entry gives one as a text."""
    part = entry.parts.get("task")
    value = value_of(hub, part) if part is not None else None
    return value.value if isinstance(value, Constant) and isinstance(value.value, str) else None


def task_of(hub: Semantics, entry: Entry) -> Task | None:
    """The project's task that an entry sends."""
    part = entry.parts.get("task")
    if part is None:
        return None
    node = part.value
    if isinstance(node, ast.Attribute) and node.attr == "name" and entry.way != "call":
        node = node.value  # `"task": tidy.name`
    value = value_at(hub, node, part.module)
    name = name_of(hub, entry)
    if name is not None:
        return hub.tasks.registered(name)
    found = value.task if isinstance(value, (TaskValue, SignatureValue)) else None
    return found if isinstance(found, Task) else None


def taken(hub: Semantics) -> frozenset[str] | None:
    """The fields that the scheduler takes; None when it is one that nobody knows."""
    return hub.memo.get(("taken fields",), lambda: _taken_by(hub), None)


def _taken_by(hub: Semantics) -> frozenset[str] | None:
    found = _TAKEN
    if any(hub.project.mentioning(package) for package in _OTHER_SCHEDULERS):
        return None
    for package, names in _TAKEN_BESIDES.items():
        if hub.project.mentioning_part(package):
            found |= names
    for setting in hub.project_settings.all("beat_scheduler"):
        path = setting.value.value if isinstance(setting.value, Constant) else None
        if not isinstance(path, str) or not path.startswith((*_TAKEN_BESIDES, _OWN_SCHEDULER)):
            return None
    return found


def is_stored(hub: Semantics) -> bool:
    """Whether entries may be kept by a scheduler of another package, or of the project's own."""
    return any(hub.project.mentioning_part(package) for package in _TAKEN_BESIDES) or taken(hub) != _TAKEN


def may_expire(hub: Semantics, entry: Entry) -> bool:
    """Whether the messages of an entry expire, for all that can be told (celery/beat.py, `Scheduler.apply_async`)."""
    task = task_of(hub, entry)
    if not entry.is_whole or task is None or task.is_opaque or task.option("expires") is not None:
        return True
    if _EXPIRING & entry.parts.keys() or hub.project.containing("x-message-ttl"):
        return True
    if entry.way == "call":
        signature = entry.parts["task"].value
        return _sets_options(signature) or not isinstance(
            value_of(hub, entry.parts["task"]), (TaskValue, SignatureValue)
        )
    part = entry.parts.get("options")
    if part is None:
        return False
    value = value_of(hub, part)
    if isinstance(value, Constant) and value.value is None:
        return False
    return not isinstance(value, Collection) or value.keys is None or bool(_EXPIRING & set(value.keys))


def _sets_options(signature: ast.expr) -> bool:
    """Whether a signature has options of its own: only `s` and `si` take none."""
    return isinstance(signature, ast.Call) and last_name(signature.func) not in ("s", "si")


def is_scheduled(hub: Semantics, node: ast.expr, module: Module) -> bool:
    """Whether a schedule that a module makes is one of beat's from the start, and not made for one occasion."""
    function = function_around(node, module)
    if function is None:
        return True
    for entry in entries(hub, module):
        part = entry.parts.get("schedule")
        if part is None or entry.way not in ("setting", "call"):
            continue
        if entry.node.lineno <= node.lineno <= (entry.node.end_lineno or 0):
            return True
        made = value_of(hub, Part(part.key, part.value.func, part.module)) if isinstance(part.value, ast.Call) else None
        if isinstance(made, FunctionValue) and made.function is function:
            return True
    return False


def repeated(flow: FunctionFlow) -> Iterator[tuple[Call, Call]]:
    """The calls of `add_periodic_task` that replace an earlier one: the same signature, and no name for either.

    The key of such an entry is the signature as text (celery/app/base.py, `_sig_to_periodic_task_entry`).
    """
    earlier: dict[str, list[Call]] = {}
    for call in flow.calls if flow.module.rows_of((ADDING,)) else ():
        key = _key(call) if call.name == ADDING else None
        for other in earlier.setdefault(key, []) if key is not None else ():
            if other.frame.encloses(call.frame):
                yield other, call
                break
        if key is not None:
            earlier[key].append(call)


def _key(call: Call) -> str | None:
    """What stands for the name of an entry that has none; None when it has one, or can't be read."""
    node = call.node
    if call.is_opaque or len(node.args) < 2 or call.keyword("name") is not None or len(node.args) > 4:
        return None
    signature = node.args[1]
    while isinstance(signature, ast.Call) and last_name(signature.func) == "set":
        signature = signature.func.value  # type: ignore[attr-defined]
    value = call.flow.value(signature)
    task = value.task if isinstance(value, (TaskValue, SignatureValue)) else None
    if not isinstance(task, Task):
        return None
    given = [*node.args[2:], *(k.value for k in node.keywords if k.arg in ("args", "kwargs"))]
    if isinstance(signature, ast.Call):
        given += [*signature.args, *(k.value for k in signature.keywords)]
        names = [k.arg for k in signature.keywords]
    else:
        names = []
    try:
        values = [repr(ast.literal_eval(argument)) for argument in given]
    except ValueError:
        return None
    return f"{task.registered_name} {names} {values} {ast.dump(node.func)}"


def is_rewritten(hub: Semantics, entry: Entry) -> bool:
    """Whether other code speaks of a row, by its name or by its task's, and so may have changed it since."""
    key = entry.parts.get("name")
    value = value_of(hub, key) if key is not None else None
    task = name_of(hub, entry)
    texts = [task, value.value if isinstance(value, Constant) else None]
    rows = set(hub.project.mentioning(ROW)) - {entry.module.filename}
    return any(
        not rows.isdisjoint(hub.project.containing(f"{quote}{text}{quote}"))
        for text in texts
        if isinstance(text, str)
        for quote in "'\""
    )


def forgets_minute(hub: Semantics, crontab: Crontab) -> bool:
    """Whether a crontab names hours or days and no minute, and nothing says that it is to run in each one."""
    is_open = crontab.is_whole and bool(crontab.given) and "minute" not in crontab.specs
    return is_open and not _EACH_MINUTE.search(_label(hub, crontab.node, crontab.module))


def _label(hub: Semantics, node: ast.expr, module: Module) -> str:
    """What the code calls a schedule: its own lines with their comments, the line above, the entry's name."""
    source = module.source
    above = source.rows_text(node.lineno - 1, node.lineno - 1) if node.lineno > 1 else ""
    text = source.rows_text(node.lineno, node.end_lineno or node.lineno)
    if above.lstrip().startswith("#"):
        text = f"{above}\n{text}"
    for entry in entries(hub, module):
        if entry.key is not None and entry.node.lineno <= node.lineno <= (entry.node.end_lineno or 0):
            text = f"{source.segment(entry.key)} {text}"
    return text
