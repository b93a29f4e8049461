"""The queues that a project declares, the names of queues that it uses, and rate limits.

With `task_queues`, workers consume the queues in it and no others, unless `-Q` tells them;
a message for another name goes into a queue that is made for it (celery/app/amqp.py, `Queues`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import Module
from celery_lint.project.syntax import keyword_of, last_name, literal_text
from celery_lint.records import record
from celery_lint.semantics.configuration.configurations import may_hide
from celery_lint.semantics.configuration.readings import named, readings
from celery_lint.semantics.dispatching.tasknames import all_tasks, name_of
from celery_lint.semantics.inference.bindings import bound
from celery_lint.semantics.inference.values import Constant

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# What adds queues to those of the settings, as long as a process lives.
_ADDING = ("add_consumer", "select_add", "worker_direct", "CELERY_WORKER_DIRECT")
# `app.amqp.queues.add(...)`, not the `amqp://` of an address.
_ADDING_TO = ".amqp."
_MORE = r"\.(?:append|extend|insert|add|update|setdefault)\b|\[[^\]\n]*\]\s*=[^=]"
_UNITS = frozenset({"s", "m", "h"})


@record()
class Used:
    """A name of a queue in the settings, and where it stands."""

    queue: str
    node: ast.expr


def declared_queues(hub: Semantics) -> frozenset[str] | None:
    """The queues of the project's one application; None when it declares none, or not all can be read."""
    return hub.memo.get(("declared queues",), lambda: _declared(hub), None)


def _declared(hub: Semantics) -> frozenset[str] | None:
    given = hub.project_settings.all("task_queues")
    if not given or len(hub.project_settings.all_apps) > 1:
        return None
    if any(hub.project.mentioning(word) for word in _ADDING) or hub.project.containing(_ADDING_TO):
        return None
    if any(_is_added_to(hub, name) for name in hub.project_settings.spellings("task_queues")):
        return None
    found: set[str] = set()
    for setting in given:
        read = any(
            named(hub, reading) == "task_queues" and reading.given.value is setting.given
            for reading in readings(hub, setting.module)
        )
        names = _names(hub, setting.given, setting.module) if read and setting.given is not None else None
        if names is None:
            return None
        found |= names
    if not found or may_hide(hub, None):
        return None
    # Celery before 5.7 reads the default queue besides.
    defaults = [setting.value for setting in hub.project_settings.all("task_default_queue")] or [Constant("celery")]
    for value in defaults:
        if not isinstance(value, Constant):
            return None
        found.add(str(value.value))
    return frozenset(found)


def _is_added_to(hub: Semantics, name: str) -> bool:
    """Whether any place puts something into the queues of a setting: `app.conf.task_queues.append(...)`."""
    return any(
        _adds_to(name, hub.project.read(filename).decode(errors="replace")) for filename in hub.project.mentioning(name)
    )


def _adds_to(name: str, text: str) -> bool:
    return re.search(rf"\b{name}\b(?:[\"']\])?(?:{_MORE})", text) is not None


def _names(hub: Semantics, node: ast.expr, module: Module) -> set[str] | None:
    """The names of the queues in a list or a dictionary; None when one of them can't be read."""
    if isinstance(node, (ast.Name, ast.Attribute)):
        given = list(bound(hub, node, module))
        if len(given) != 1:
            return None
        variable, value, home = given[0]
        if any(_adds_to(variable, one.source.text) for one in (module, home)):
            return None
        return _names(hub, value, home) if isinstance(value, (ast.List, ast.Tuple, ast.Dict)) else None
    if isinstance(node, ast.Dict):
        keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
        return {str(key) for key in keys} if None not in keys else None
    if not isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return None
    found = set()
    for one in node.elts:
        name = _name(one)
        if name is None:
            return None
        found.add(name)
    return found


def _name(node: ast.expr) -> str | None:
    """The name in `Queue("mail", ...)`."""
    if not isinstance(node, ast.Call) or last_name(node.func) not in ("Queue", "Broadcast"):
        return None
    given = node.args[0] if node.args else keyword_of(node, "name")
    return literal_text(given) if given is not None else None


def queues_in_settings(hub: Semantics, module: Module) -> Iterator[Used]:
    """The names of queues in the routes and the schedule of a module's settings."""
    if is_test_file(module.filename) or "queue" not in module.source.text:
        return
    for reading in readings(hub, module):
        name = named(hub, reading)
        value = reading.given.value
        if name == "task_routes":
            for pattern, one in _routes(value):
                if not is_foreign(hub, pattern, module):
                    yield from _used(one)
        elif name == "beat_schedule" and isinstance(value, ast.Dict):
            for entry in value.values:
                if not is_foreign(hub, _item(entry, "task"), module):
                    yield from _used(_item(entry, "options"))


def _routes(node: ast.expr | None) -> Iterator[tuple[ast.expr | None, ast.expr]]:
    """The patterns and routes of `task_routes`: a dictionary, or a list of such, or of lists of pairs."""
    if isinstance(node, ast.Dict):
        yield from zip(node.keys, node.values, strict=True)
    elif isinstance(node, (ast.List, ast.Tuple)):
        if len(node.elts) == 2 and isinstance(node.elts[0], ast.Constant):
            yield node.elts[0], node.elts[1]
        else:
            for one in node.elts:
                yield from _routes(one)


def is_foreign(hub: Semantics, name: ast.expr | None, module: Module) -> bool:
    """Whether a name, or a pattern of names, is for tasks of another project, whose workers read their own queues."""
    if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
        return False
    top = name.value.partition(".")[0]
    if "*" in top or hub.project.find_module(top, module.filename) is not None:
        return False
    return not any((name_of(hub, task) or top).partition(".")[0] == top for task in all_tasks(hub))


def _used(node: ast.expr | None) -> Iterator[Used]:
    """The queue of a route: its name alone, or among options."""
    given = _item(node, "queue") if isinstance(node, ast.Dict) else node
    if isinstance(given, ast.Constant) and isinstance(given.value, str):
        yield Used(given.value, given)


def _item(node: ast.expr | None, key: str) -> ast.expr | None:
    for name, value in zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ():
        if isinstance(name, ast.Constant) and name.value == key:
            return value
    return None


# Rate limits


def is_rate(value: object) -> bool:
    """Whether Celery can read a rate limit (celery/utils/time.py, `rate`)."""
    if not isinstance(value, str):
        return True
    number, _, unit = value.partition("/")
    try:
        float(number)
    except ValueError:
        return not value
    return unit in _UNITS or not unit


def rates_in_settings(hub: Semantics, module: Module) -> Iterator[tuple[str, ast.Constant]]:
    """The rate limits that a module's settings give, each with its setting's name."""
    if is_test_file(module.filename) or "rate_limit" not in module.source.text.lower():
        return
    for reading in readings(hub, module):
        name, value = named(hub, reading), reading.given.value
        if name == "task_default_rate_limit" and isinstance(value, ast.Constant):
            yield reading.name, value
        elif name == "task_annotations" and isinstance(value, ast.Dict):
            for one in value.values:
                limit = _item(one, "rate_limit")
                if isinstance(limit, ast.Constant):
                    yield reading.name, limit
