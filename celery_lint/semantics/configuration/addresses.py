"""Addresses of brokers and result backends, as far as they are written down."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import Module
from celery_lint.project.syntax import walk
from celery_lint.records import record
from celery_lint.semantics.configuration.eagerness import TRIALS
from celery_lint.semantics.configuration.readings import readings
from celery_lint.semantics.configuration.setting_names import NEW_NAMES, in_namespace

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

_SETTINGS = ("broker_url", "broker_read_url", "broker_write_url", "result_backend")
_KEYWORDS = ("broker", "backend")
_ADDRESS = re.compile(r"^\s*[\w+.-]+://(?P<user>[^:/@\s]*):(?P<password>[^/@\s]*)@(?P<host>\[[^\]]*\]|[^:/?;\s]*)")
_LOCAL = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "[::1]", "host.docker.internal", ""})
# What stands for a value: `<password>`, `{password}`, `%s`, `$PASSWORD`, `***`; and a hole in an f-string.
_HOLE = "\0"
_PLACEHOLDER = re.compile(r"[<>{}$%*\0]|^x+$", re.IGNORECASE)
# Files for somebody's own machine, and what only stands on it.
_ASIDE = re.compile(
    rf"(?:^|[/_.\-])(?:{TRIALS}|locals?|dev|devel|development|ci|examples?|samples?|demos?|docs?|compose|sandbox"
    r"|tutorials?|benchmarks?)(?=$|[/_.\-])"
)


@record()
class Secret:
    """An address with a user's password in it, and whose it is: `name` as it is given there."""

    node: ast.expr
    name: str
    host: str


def secrets(hub: Semantics, module: Module) -> Iterator[Secret]:
    """The addresses in a module that hold a password for a server that is not this machine's."""
    if "://" not in module.source.text or "@" not in module.source.text or is_test_file(module.filename):
        return
    if _ASIDE.search(module.filename.lower()):
        return
    for reading in readings(hub, module):
        names = {NEW_NAMES.get(reading.name), reading.name}
        if reading.namespace is not None:
            names |= {name for name in _SETTINGS if in_namespace(name, reading.namespace) == reading.name}
        if names.intersection(_SETTINGS):
            yield from _in_value(reading.given.value, reading.name)
    for app in hub.project_settings.apps(module):
        for keyword in _KEYWORDS:
            if keyword in app.keywords:
                yield from _in_value(app.keywords[keyword], keyword)


def _in_value(value: ast.expr, name: str) -> Iterator[Secret]:
    """The addresses in an expression, a default value among them."""
    parts: set[ast.AST] = {part for node in walk(value) if isinstance(node, ast.JoinedStr) for part in node.values}
    # A text of which something is replaced has a word of its own for the password.
    parts.update(
        node.value for node in walk(value) if isinstance(node, ast.Attribute) and node.attr in ("replace", "sub")
    )
    for node in walk(value):
        if isinstance(node, ast.JoinedStr) and node not in parts:
            text = "".join(str(p.value) if isinstance(p, ast.Constant) else _HOLE for p in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in parts:
            text = node.value
        else:
            continue
        # Several addresses may stand in one text (kombu/connection.py, `alt`).
        for one in text.split(";"):
            found = _ADDRESS.match(one)
            if found is not None and _is_secret(found["user"], found["password"], found["host"]):
                yield Secret(node, name, found["host"])
                break


def _is_secret(user: str, password: str, host: str) -> bool:
    """Whether a password is one that should not be known: not a default, or that of a server on this machine."""
    if not password or _PLACEHOLDER.search(password) or _PLACEHOLDER.search(user):
        return False
    # RabbitMQ's own default account, on a host without a domain: a container beside this one.
    return host.lower() not in _LOCAL and not (user == password == "guest" and "." not in host)
