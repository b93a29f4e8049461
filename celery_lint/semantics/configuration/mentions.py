"""Where a setting's name stands: what has to change with it, and whether the project's own code reads it."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import Module
from celery_lint.project.syntax import mentions_name, walk
from celery_lint.records import record
from celery_lint.semantics.configuration.readings import is_django_settings, readings
from celery_lint.semantics.configuration.settings import gifts

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics


@record()
class Mention:
    """One place where a name stands as a name: `is_text` for a key in quotes, `is_keyword` for an argument's name."""

    module: Module
    node: ast.AST
    is_text: bool = False
    is_keyword: bool = False


def mentions(hub: Semantics, name: str) -> Sequence[Mention] | None:
    """Every place that has to change with a setting's name; None when one of them can't be told."""
    return hub.memo.get(("mentions", name), lambda: _mentions(hub, name), None)


def _mentions(hub: Semantics, name: str) -> Sequence[Mention] | None:
    found: list[Mention] = []
    for filename in hub.project.mentioning_anywhere(name):
        module = None if is_test_file(filename) else hub.project.module_or_none(filename)
        here = _mentions_in(hub, module, name) if module is not None else None
        if here is None:
            return None
        found += here
    return found


def _mentions_in(hub: Semantics, module: Module, name: str) -> Sequence[Mention] | None:
    own = [reading for reading in readings(hub, module) if reading.name == name]
    if not own and not is_django_settings(hub, module):
        return None
    targets = {reading.node for reading in own}
    # `os.environ.get("BROKER_URL")`: the environment's names are its own.
    values = {node for reading in own for node in walk(reading.given.value)}
    word = re.compile(rf"\b{name}\b")
    found: list[Mention] = []
    for node in module.nodes_around((name,)):
        if isinstance(node, ast.JoinedStr) and mentions_name(node, name):
            return None
        if isinstance(node, ast.Name) and node.id == name:
            found.append(Mention(module, node))
        elif isinstance(node, ast.Subscript) and node in targets:
            found.append(Mention(module, node.slice, is_text=True))
            targets.add(node.slice)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and word.search(node.value):
            if node in targets:
                found.append(Mention(module, node, is_text=True))
            elif node not in values:
                return None
        elif isinstance(node, ast.keyword) and node.arg == name:
            if node.value not in targets:
                return None
            found.append(Mention(module, node, is_keyword=True))
        elif isinstance(node, ast.Attribute) and node.attr == name:
            if node not in targets:
                return None
            found.append(Mention(module, node))
        elif name in (getattr(node, "arg", None), getattr(node, "name", None), getattr(node, "asname", None)):
            return None
    return found


def is_read_elsewhere(hub: Semantics, name: str) -> bool:
    """Whether code beside the settings mentions a name: the project may have it for itself."""
    return hub.memo.get(("is read elsewhere", name), lambda: _find_reader(hub, name), True)


def _find_reader(hub: Semantics, name: str) -> bool:
    for filename in hub.project.mentioning(name):
        module = hub.project.module_or_none(filename)
        if module is None:
            return True
        gives = any(reading.name == name for reading in readings(hub, module))
        if not gives and not is_django_settings(hub, module) and _reads(module, name):
            return True
    return False


def is_read(hub: Semantics, name: str) -> bool:
    """Whether any code mentions a name, the settings' own included, but to give it a value."""
    return hub.memo.get(("is read", name), lambda: _is_read(hub, name), True)


def _is_read(hub: Semantics, name: str) -> bool:
    for filename in hub.project.mentioning(name):
        module = hub.project.module_or_none(filename)
        if module is None:
            return True
        given = list(gifts(module, frozenset({name})))
        # `os.environ["TASK_QUEUES"]`: the environment's names are its own.
        own: set[ast.AST] = {n for one in given for n in walk(one.value) if isinstance(n, ast.Constant)}
        own.update(node for one in given if one.target is not one.value for node in walk(one.target))
        if _reads(module, name, own):
            return True
    return False


def _reads(module: Module, name: str, without: Collection[ast.AST] = ()) -> bool:
    """Whether a module does more with a name than to set a variable of it."""
    return any(
        name in (getattr(node, "attr", None), getattr(node, "value", None), getattr(node, "name", None))
        or (isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load))
        for node in module.nodes_around((name,))
        if node not in without
    )
