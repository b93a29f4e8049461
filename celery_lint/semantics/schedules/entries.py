"""What beat is told to send: the entries of schedules, wherever they are written.

An entry stands in the setting `beat_schedule` under any of its names and in whatever that is made
of (variables, other modules, `update`, single keys), in a call of `add_periodic_task`, in
RedBeat's entries, or in a row of django-celery-beat's `PeriodicTask`. Of what each is made is
told by syntax and by the kinds of its values; what can't be read makes the entry not whole.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import AssignBinding, Class, Function, ImportBinding, Module
from celery_lint.project.syntax import keyword_of, last_name, own_nodes, walk
from celery_lint.records import record
from celery_lint.semantics.configuration.configurations import loadings
from celery_lint.semantics.configuration.settings import Setting, class_around, function_around, value_at
from celery_lint.semantics.inference.values import (
    ClassValue,
    Collection,
    Constant,
    FunctionValue,
    Instance,
    ModuleValue,
    SignatureValue,
    TaskValue,
    Value,
)
from celery_lint.semantics.model import Call, Dispatch, FunctionFlow, Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

SETTING = "beat_schedule"
_MAX_DEPTH = 8
_ADDING = "add_periodic_task"
_ROW = "PeriodicTask"
_ROW_PACKAGES = ("django_celery_beat", "djcelery")
_ROW_MAKERS = frozenset(
    {"create", "get_or_create", "update_or_create", "acreate", "aget_or_create", "aupdate_or_create"}
)
# Parameters of `Celery.add_periodic_task` (celery/app/base.py); what else it is given becomes an option.
_ADDED = ("schedule", "task", "args", "kwargs", "name")
# redbeat/schedulers.py, `RedBeatSchedulerEntry`.
_REDBEAT = "RedBeatSchedulerEntry"
_REDBEAT_PARAMETERS = ("name", "task", "schedule", "args", "kwargs")
_COPYING = frozenset({"dict", "deepcopy", "copy", "OrderedDict", "MappingProxyType", "frozendict"})

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
# What a module says in which entries stand.
_FIELDS = ('"schedule"', "'schedule'", '"task"', "'task'")
_FIELD_GIVEN = re.compile(r"schedule\s*=[^=]")
_OWN_SCHEDULER = "celery.beat"

Way = Literal["setting", "call", "redbeat", "row"]


@record()
class Part:
    """A field of an entry: where its name stands, and what it is given."""

    key: ast.AST
    value: ast.expr
    module: Module


@record()
class Entry:
    """One thing that beat sends, again and again. `node` is what describes it, `key` its name in the schedule."""

    way: Way
    module: Module
    node: ast.Call | ast.Dict
    key: ast.expr | None
    parts: Mapping[str, Part]
    is_whole: bool
    """Whether all that it is made of can be read, and nothing changes it afterwards."""

    def shows(self, part: Part) -> bool:
        """Whether a field is written in the entry itself, and not in what is spread into it."""
        first, last = self.node.lineno, self.node.end_lineno or self.node.lineno
        return part.module is self.module and first <= part.value.lineno <= last


def entries(hub: Semantics, module: Module) -> Sequence[Entry]:
    """The entries of schedules that are written in a module, in the order of the source."""
    return hub.memo.get(("entries", module), lambda: _entries_in(hub, module), ())


def _entries_in(hub: Semantics, module: Module) -> tuple[Entry, ...]:
    found = list(_by_calls(hub, module))
    # Where an answer rests on the settings, each change of them makes it be found anew.
    text = module.source.text
    if any(field in text for field in _FIELDS) or _FIELD_GIVEN.search(text):
        found += [entry for entry in _of_settings(hub) if entry.module is module]
    return tuple(sorted(found, key=lambda entry: (entry.node.lineno, entry.node.col_offset)))


def value_of(hub: Semantics, part: Part) -> Value:
    """The kind of what a field is given."""
    return value_at(hub, part.value, part.module)


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
    for call in flow.calls if flow.module.rows_of((_ADDING,)) else ():
        key = _key(call) if call.name == _ADDING else None
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
    rows = set(hub.project.mentioning(_ROW)) - {entry.module.filename}
    return any(
        not rows.isdisjoint(hub.project.containing(f"{quote}{text}{quote}"))
        for text in texts
        if isinstance(text, str)
        for quote in "'\""
    )


def label(hub: Semantics, node: ast.expr, module: Module) -> str:
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


# Arguments


@record()
class Arguments:
    """What an entry gives its task: how many by position, which by name. `signature` is the dispatch that it sends."""

    positional: int
    keywords: tuple[str, ...]
    is_whole: bool = True
    signature: Dispatch | None = None


def arguments_of(hub: Semantics, entry: Entry) -> Arguments | None:
    """The arguments that an entry sends; None when they can't be read."""
    args, kwargs = _members(hub, entry, "args"), _members(hub, entry, "kwargs")
    if args is None or kwargs is None:
        return None
    positional, keywords = len(args), kwargs if entry.parts.get("kwargs") is not None else ()
    if entry.way == "row":
        # `get_or_create` may find a row that has arguments.
        is_whole = entry.is_whole and last_name(
            entry.node.func if isinstance(entry.node, ast.Call) else entry.node
        ) in (
            "create",
            "acreate",
        )
        return Arguments(positional, keywords, is_whole)
    if entry.way == "call" and "task" in entry.parts:
        return _with_signature(hub, entry, positional, keywords)
    return Arguments(positional, keywords, entry.is_whole)


def no_sequence(hub: Semantics, entry: Entry) -> Part | None:
    """The `args` of an entry that are one value, for want of a comma: `("north")`."""
    part = entry.parts.get("args")
    value = value_of(hub, part) if part is not None and entry.way != "row" else None
    if isinstance(value, Constant) and isinstance(value.value, (str, int, float)) and value.value:
        return part
    return None


def _members(hub: Semantics, entry: Entry, name: str) -> tuple[str, ...] | None:
    """What `args` or `kwargs` hold, keys as they are called; None when it can't be told."""
    part = entry.parts.get(name)
    if part is None:
        return ()
    node, value = part.value, value_of(hub, part)
    if entry.way == "row":
        if isinstance(node, ast.Call) and last_name(node.func) == "dumps" and len(node.args) == 1:
            value = value_at(hub, node.args[0], part.module)
        elif isinstance(value, Constant) and isinstance(value.value, str):
            return _of_json(value.value, name)
    if not isinstance(value, Collection):
        return () if isinstance(value, Constant) and not value.value else None
    if name == "kwargs":
        return value.keys if value.kind == "dict" else None
    return ("",) * len(value.items) if value.items is not None and value.kind in ("list", "tuple") else None


def _of_json(text: str, name: str) -> tuple[str, ...] | None:
    import json  # for rows only

    try:
        value = json.loads(text)
    except ValueError:
        return None
    if not isinstance(value, dict if name == "kwargs" else list):
        return None
    return tuple(str(key) for key in value)


def _with_signature(hub: Semantics, entry: Entry, positional: int, keywords: tuple[str, ...]) -> Arguments | None:
    """The arguments that a signature sends with those it is added with (celery/canvas.py, `Signature._merge`)."""
    part = entry.parts["task"]
    if isinstance(value_of(hub, part), TaskValue):
        return Arguments(positional, keywords, entry.is_whole)
    node = part.value
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "set":
        node = node.func.value
    sent = _dispatch(hub, node, part.module) if isinstance(node, ast.Call) else None
    if sent is None or sent.is_opaque:
        return None
    if sent.verb == "si":
        positional, keywords = 0, ()
    own = [one.keyword for one in sent.sent]
    names = {*keywords, *(name for name in own if name is not None)}
    return Arguments(positional + own.count(None), tuple(sorted(names)), entry.is_whole, sent)


def _dispatch(hub: Semantics, node: ast.Call, module: Module) -> Dispatch | None:
    """The one dispatch that a call is."""
    function = function_around(node, module)
    flows = hub.calls.flows_within(function) if function is not None else (hub.module_flow(module),)
    for flow in flows:
        call = flow.events.get(node)
        if call is not None:
            found = list(hub.dispatches.of_call(call))
            return found[0] if len(found) == 1 else None
    return None


# The setting


def _of_settings(hub: Semantics) -> Sequence[Entry]:
    """The entries of the schedules in all settings."""
    return hub.memo.get(("scheduled",), lambda: tuple(_Schedules(hub).all()), ())


class _Schedules:
    """Follows schedules to their entries, each part once."""

    def __init__(self, hub: Semantics) -> None:
        self._hub = hub
        self._seen: set[ast.AST] = set()

    def all(self) -> Iterator[Entry]:
        project = self._hub.project
        settings = self._hub.project_settings
        names = settings.spellings(SETTING)
        for setting in settings.all(SETTING):
            if setting.given is not None and not self._is_answer(setting):
                yield from self._of_schedule(setting.given, setting.module, 0, not is_changed(setting.module, names))
        for filename in sorted({f for name in names for f in project.mentioning(name)}):
            module = None if is_test_file(filename) else project.module_or_none(filename)
            if module is not None:
                yield from self._grown(module, names, 0)

    def _is_answer(self, setting: Setting) -> bool:
        """Whether a dictionary with a schedule is what some function answers, and no application's settings."""
        function = function_around(setting.node, setting.module) if isinstance(setting.node, ast.expr) else None
        if function is None or not isinstance(setting.holder, ast.Dict):
            return False
        inside = (node for value in returned(function) for node in walk(value))
        return setting.holder in inside and all(one.source is not setting.holder for one in loadings(self._hub))

    def _grown(self, module: Module, names: frozenset[str], depth: int) -> Iterator[Entry]:
        """What a module adds to schedules of these names."""
        is_final = not is_changed(module, names)
        for node in module.nodes_around(names):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Subscript) and last_name(target.value) in names:
                        yield from self._of_entry(target.slice, node.value, module, is_final)
            elif isinstance(node, ast.AugAssign) and last_name(node.target) in names:
                yield from self._of_schedule(node.value, module, depth, is_final)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if last_name(node.func.value) not in names:
                    continue
                if node.func.attr == "setdefault" and len(node.args) == 2:
                    yield from self._of_entry(node.args[0], node.args[1], module, is_final)
                elif node.func.attr == "update":
                    yield from self._of_call(node, module, depth, is_final)

    def _of_schedule(self, node: ast.expr, module: Module, depth: int, is_final: bool) -> Iterator[Entry]:
        """The entries of a dictionary of entries."""
        if depth > _MAX_DEPTH or node in self._seen:
            return
        self._seen.add(node)
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if key is None:
                    yield from self._of_schedule(value, module, depth + 1, is_final)
                else:
                    yield from self._of_entry(key, value, module, is_final)
        elif isinstance(node, ast.DictComp):
            yield from self._of_entry(None, node.value, module, is_final)
        elif isinstance(node, ast.Call):
            yield from self._of_call(node, module, depth, is_final)
        elif isinstance(node, (ast.Name, ast.Attribute)):
            for name, value, where in bound(self._hub, node, module):
                names = frozenset({name})
                yield from self._of_schedule(value, where, depth + 1, is_final and not is_changed(where, names))
                yield from self._grown(where, names, depth + 1)
        else:
            for part in parts_of(node):
                yield from self._of_schedule(part, module, depth + 1, is_final)

    def _of_call(self, node: ast.Call, module: Module, depth: int, is_final: bool) -> Iterator[Entry]:
        callee = value_at(self._hub, node.func, module)
        if isinstance(callee, FunctionValue):
            for value in returned(callee.function):
                yield from self._of_schedule(value, callee.function.module, depth + 1, is_final)
        elif last_name(node.func) in _COPYING | {"update"}:
            for argument in node.args:
                yield from self._of_schedule(argument, module, depth + 1, is_final)
            for keyword in node.keywords:
                if keyword.arg is None:
                    yield from self._of_schedule(keyword.value, module, depth + 1, is_final)
                else:
                    yield from self._of_entry(None, keyword.value, module, is_final)

    def _of_entry(self, key: ast.expr | None, node: ast.expr, module: Module, is_final: bool) -> Iterator[Entry]:
        """The entry that an expression is, where it is written out."""
        if isinstance(node, ast.IfExp):
            for part in (node.body, node.orelse):
                if not isinstance(part, ast.IfExp):
                    yield from self._of_entry(key, part, module, is_final)
            return
        if isinstance(node, (ast.Name, ast.Attribute)):
            values = list(bound(self._hub, node, module))
            if len(values) != 1:
                return
            name, node, where = values[0]
            if is_filled(where, name):
                is_final = False
            key = key if where is module else None
            module = where
        if node in self._seen:
            return
        self._seen.add(node)
        fields = fields_of(self._hub, node, module) or made_fields(self._hub, node, module)
        if fields is not None and isinstance(node, (ast.Dict, ast.Call)):
            parts, is_whole = fields
            if parts.keys() & {"task", "schedule"}:
                yield Entry("setting", module, node, key, parts, is_whole and is_final)


def fields_of(hub: Semantics, node: ast.expr, module: Module, depth: int = 0) -> tuple[Mapping[str, Part], bool] | None:
    """The fields of a dictionary that is written out, and whether they are all; None for anything else."""
    parts: dict[str, Part] = {}
    is_whole = True
    given: list[tuple[str | None, ast.AST, ast.expr]] = []
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                given.append((None, value, value))
                continue
            name = value_at(hub, key, module)
            if isinstance(name, Constant) and isinstance(name.value, str):
                given.append((name.value, key, value))
            else:
                is_whole = False
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        given += [(None, argument, argument) for argument in node.args]
        given += [(keyword.arg, keyword, keyword.value) for keyword in node.keywords]
    else:
        return None
    for name_, key_, value in given:
        if name_ is not None:
            parts[name_] = Part(key_, value, module)
            continue
        spread = _spread(hub, value, module, depth)
        if spread is None:
            is_whole = False
        else:
            parts.update(spread[0])
            is_whole &= spread[1]
    return parts, is_whole


def made_fields(hub: Semantics, node: ast.expr, module: Module) -> tuple[Mapping[str, Part], bool] | None:
    """The fields of an entry that a function of the project makes, each parameter as what the call gives it."""
    callee = value_at(hub, node.func, module) if isinstance(node, ast.Call) else None
    if not isinstance(node, ast.Call) or not isinstance(callee, FunctionValue) or callee.function.cls is not None:
        return None
    function = callee.function
    values = list(returned(function))
    fields = fields_of(hub, values[0], function.module) if len(values) == 1 else None
    if fields is None or any(isinstance(a, ast.Starred) for a in node.args) or not all(k.arg for k in node.keywords):
        return None
    given = {name: (default, function.module) for name, default in function.defaults.items()}
    given |= {p.arg: (a, module) for p, a in zip(function.positional, node.args, strict=False)}
    given |= {keyword.arg: (keyword.value, module) for keyword in node.keywords if keyword.arg is not None}
    parts, is_whole = {}, fields[1]
    for name, part in fields[0].items():
        used = part.value.id if isinstance(part.value, ast.Name) else None
        if used is None or used not in function.parameters:
            parts[name] = part
        elif used in given and not list(_set_in(function, used)):
            parts[name] = Part(part.key, *given[used])
        else:
            is_whole = False
    return parts, is_whole


def _spread(hub: Semantics, node: ast.expr, module: Module, depth: int) -> tuple[Mapping[str, Part], bool] | None:
    """The fields of `**node`."""
    if isinstance(node, (ast.Name, ast.Attribute)) and depth < _MAX_DEPTH:
        values = list(bound(hub, node, module))
        if len(values) != 1 or is_filled(values[0][2], values[0][0]):
            return None
        _, node, module = values[0]
    return fields_of(hub, node, module, depth + 1) if depth < _MAX_DEPTH else None


def is_changed(module: Module, names: frozenset[str]) -> bool:
    """Whether a module looks into schedules of these names, and so may change entries: `for entry in X.values()`."""
    for node in module.nodes_around(names):
        if isinstance(node, (ast.Assign, ast.AugAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(_is_inside(target, names) for target in targets):
                return True
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            receiver = node.func.value
            if node.func.attr in ("values", "items", "get", "pop") and last_name(receiver) in names:
                return True
            if isinstance(receiver, ast.Subscript) and last_name(receiver.value) in names:
                return True
        elif isinstance(node, (ast.For, ast.comprehension)) and last_name(node.iter) in names:
            return True
    return False


def _is_inside(target: ast.expr, names: frozenset[str]) -> bool:
    """Whether a target is a part of an entry: `X["nightly"]["options"]`."""
    return (
        isinstance(target, ast.Subscript)
        and isinstance(target.value, ast.Subscript)
        and last_name(target.value.value) in names
    )


def is_filled(module: Module, name: str) -> bool:
    """Whether a module puts something into a dictionary of a name, later on."""
    return any(
        (isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and last_name(node.value) == name)
        or (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("update", "setdefault", "pop")
            and last_name(node.func.value) == name
        )
        for node in module.nodes_around((name,))
    )


# Calls


def _by_calls(hub: Semantics, module: Module) -> Iterator[Entry]:
    text = module.source.text
    words = frozenset(word for word in (_ADDING, _REDBEAT, _ROW) if word in text)
    is_row = _ROW in words and any(package in text for package in _ROW_PACKAGES)
    for node in module.nodes_around(words) if words else ():
        if not isinstance(node, ast.Call):
            continue
        last = last_name(node.func)
        if last == _ADDING and isinstance(node.func, ast.Attribute):
            yield _call("call", node, module, _ADDED)
        elif last == _REDBEAT:
            yield _call("redbeat", node, module, _REDBEAT_PARAMETERS)
        elif is_row and _makes_row(node, last):
            entry = _row(hub, node, module)
            if entry.parts.keys() & {"task"}:
                yield entry


def _call(way: Way, node: ast.Call, module: Module, parameters: Sequence[str]) -> Entry:
    parts = {name: Part(a, a, module) for name, a in zip(parameters, node.args, strict=False)}
    is_whole = not any(isinstance(a, ast.Starred) for a in node.args)
    for keyword in node.keywords:
        if keyword.arg is None:
            is_whole = False
        else:
            name = "task" if keyword.arg == "sig" and way == "call" else keyword.arg
            parts[name] = Part(keyword, keyword.value, module)
    key = parts["name"].value if "name" in parts else None
    return Entry(way, module, node, key, parts, is_whole)


def _makes_row(node: ast.Call, last: str) -> bool:
    """Whether a call makes a row: `PeriodicTask(...)`, `PeriodicTask.objects.create(...)`."""
    if last == _ROW:
        return True
    func = node.func
    return (
        last in _ROW_MAKERS
        and isinstance(func, ast.Attribute)
        and isinstance(func.value, ast.Attribute)
        and last_name(func.value.value) == _ROW
    )


def _row(hub: Semantics, node: ast.Call, module: Module) -> Entry:
    parts: dict[str, Part] = {}
    is_whole = not node.args
    for keyword in node.keywords:
        if keyword.arg is None:
            is_whole = False
        elif keyword.arg not in ("defaults", "create_defaults"):
            parts[keyword.arg] = Part(keyword, keyword.value, module)
    for name in ("defaults", "create_defaults"):
        given = keyword_of(node, name)
        spread = _spread(hub, given, module, 0) if given is not None else None
        if spread is not None:
            parts.update(spread[0])
            is_whole &= spread[1]
        elif given is not None:
            is_whole = False
    return Entry("row", module, node, parts["name"].value if "name" in parts else None, parts, is_whole)


# What names stand for


def bound(hub: Semantics, node: ast.expr, module: Module) -> Iterator[tuple[str, ast.expr, Module]]:
    """What a variable or an attribute is set to: its name there, each expression, and the module of it."""
    if isinstance(node, ast.Name):
        function = function_around(node, module)
        if function is not None:
            local = list(_set_in(function, node.id))
            yield from ((node.id, value, module) for value in local)
            if local or node.id in function.parameters:
                return
        cls = class_around(node, module) if function is None else None
        if cls is not None and node.id in cls.assigns:
            yield from _of_class(cls, node.id)
        else:
            yield from _of_module(hub, node.id, module, 0)
    elif isinstance(node, ast.Attribute):
        base = value_at(hub, node.value, module)
        if isinstance(base, ModuleValue):
            yield from _of_module(hub, node.attr, base.module, 0)
        elif isinstance(base, (ClassValue, Instance)) and isinstance(base.cls, Class):
            yield from _of_class(base.cls, node.attr)


def _set_in(function: Function, name: str) -> Iterator[ast.expr]:
    for node in walk(*function.body):
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            yield node.value
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            if isinstance(node.target, ast.Name) and node.target.id == name:
                yield node.value


def _of_class(cls: Class, name: str) -> Iterator[tuple[str, ast.expr, Module]]:
    for binding in cls.assigns.get(name, ()):
        if binding.value is not None and binding.index is None:
            yield name, binding.value, cls.module


def _of_module(hub: Semantics, name: str, module: Module, depth: int) -> Iterator[tuple[str, ast.expr, Module]]:
    """What a module's variable is set to, there or where the module has it from."""
    hub.project.inputs.note("content", module.filename)
    bindings = module.bindings.get(name, ())
    for binding in bindings:
        if isinstance(binding, AssignBinding) and binding.value is not None and binding.index is None:
            yield name, binding.value, module
        elif isinstance(binding, ImportBinding) and binding.name is not None and depth < _MAX_DEPTH:
            other = hub.project.import_module(binding.module, module.filename)
            if other is not None and other is not module:
                yield from _of_module(hub, binding.name, other, depth + 1)
    for star in module.star_imports if not bindings and depth < _MAX_DEPTH else ():
        other = hub.project.import_module(star, module.filename)
        if other is not None and other is not module:
            yield from _of_module(hub, name, other, depth + 1)


def returned(function: Function) -> Iterator[ast.expr]:
    """What a function returns."""
    for node in own_nodes(function.body):
        if isinstance(node, ast.Return) and node.value is not None:
            yield node.value


def parts_of(node: ast.expr) -> Sequence[ast.expr]:
    """The expressions of which one, or all together, are what an expression gives."""
    if isinstance(node, ast.IfExp):
        return (node.body, node.orelse)
    if isinstance(node, ast.BoolOp):
        return node.values
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return (node.left, node.right)
    return (node.value,) if isinstance(node, ast.NamedExpr) else ()
