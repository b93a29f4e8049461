"""Connections that are opened when a module is imported, and so before a worker forks.

A prefork worker imports the tasks' modules first and forks its processes then: each has the
same socket. Clients that connect when they are first used are none of these (redis, requests,
SQLAlchemy's engines, boto3, elasticsearch).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import Class, Function, ImportBinding, Module, flat_statements
from celery_lint.project.syntax import keyword_of, own_nodes, walk
from celery_lint.records import record
from celery_lint.semantics.calls.imports import is_for_type_checkers, is_imported_late
from celery_lint.semantics.inference.packages import CONNECTIONS
from celery_lint.semantics.inference.values import ClassValue, External, FunctionValue, Instance, ModuleValue
from celery_lint.semantics.model import Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# What connects, or starts the threads of a client, by being called.
_CONNECTING = frozenset(
    {
        "psycopg2.connect", "psycopg.connect", "psycopg.Connection.connect", "MySQLdb.connect", "pymysql.connect",
        "mysql.connector.connect", "pyodbc.connect", "pymssql.connect", "cx_Oracle.connect", "oracledb.connect",
        "sqlite3.connect", "snowflake.connector.connect", "socket.create_connection", "pika.BlockingConnection",
        "kafka.KafkaProducer", "kafka.KafkaConsumer", "confluent_kafka.Producer", "confluent_kafka.Consumer",
        "pymongo.MongoClient", "pymongo.mongo_client.MongoClient", "psycopg2.pool.SimpleConnectionPool",
        "psycopg2.pool.ThreadedConnectionPool", "imaplib.IMAP4", "imaplib.IMAP4_SSL",
    }
)  # fmt: skip
# These connect when they are given where to.
_CONNECTING_TO = frozenset(
    {
        "smtplib.SMTP", "smtplib.SMTP_SSL", "ftplib.FTP", "ftplib.FTP_TLS", "poplib.POP3", "poplib.POP3_SSL",
        "telnetlib.Telnet",
    }
)  # fmt: skip
_ROOTS = sorted({path.partition(".")[0] for path in _CONNECTING | _CONNECTING_TO} | {"sqlalchemy"})
_LAST_NAMES = frozenset(path.rpartition(".")[2] for path in _CONNECTING | _CONNECTING_TO) | {"connect"}
_OTHER_POOLS = frozenset({"solo", "threads", "gevent", "eventlet"})
# What is called on a connection and needs it open; anything else gives what was read with it.
_HANDING_ON = frozenset({"cursor", "channel", "get_database", "get_collection", "get_default_database", "makefile"})
_WITH_OPEN_PARTS = "pymongo."
_RENEWING = ("worker_process_init", "register_at_fork")
SHARING = "files with shared connections"
_MAX_UP = 3
_MAX_FILES = 40


@record(eq=False)
class Opening:
    """A connection that the import of a module opens: the variable that holds it, and the call."""

    module: Module
    name: str
    node: ast.Call
    cls: Class | None = None
    """The class whose attribute it is."""


@record(eq=False)
class SharedConnection:
    """An opening that a task uses: the function that does, and the task that comes to it."""

    opening: Opening
    user: Function
    task: Task


def shared_connections(hub: Semantics, module: Module) -> Iterator[SharedConnection]:
    """The connections that all processes of a worker share, and that a module opens or has a task for."""
    if module.filename in files_sharing(hub):
        yield from (one for one in _all_shared(hub) if module in (one.opening.module, one.task.module))


def files_sharing(hub: Semantics) -> frozenset[str]:
    """The files that open such connections, or have their tasks."""

    def search() -> frozenset[str]:
        return frozenset(
            module.filename for one in _all_shared(hub) for module in (one.opening.module, one.task.module)
        )

    return hub.shared(SHARING, search, frozenset())


def _all_shared(hub: Semantics) -> Sequence[SharedConnection]:
    return hub.memo.once(("shared connections",), lambda: tuple(_shared_connections(hub)))


def _shared_connections(hub: Semantics) -> Iterator[SharedConnection]:
    if hub.project_settings.constant("worker_pool") in _OTHER_POOLS:
        return
    for opening in _openings(hub):
        if _is_renewed(hub, opening) or is_imported_late(hub, opening.module):
            continue
        for user in _users(hub, opening):
            task = _task_of(hub, user, _MAX_UP)
            if task is not None and not is_test_file(task.module.filename):
                yield SharedConnection(opening, user, task)
                break


def _openings(hub: Semantics) -> Iterator[Opening]:
    project = hub.project
    files = {name for root in _ROOTS for name in project.mentioning(root)}
    files &= {name for last in _LAST_NAMES for name in project.mentioning(last)}
    for filename in sorted(files):
        module = project.module_or_none(filename)
        if module is None or is_test_file(filename):
            continue
        bodies: list[tuple[Sequence[ast.stmt], Class | None]] = [(module.tree.body, None)]
        bodies += [(cls.node.body, cls) for cls in module.classes if cls.parent is None]
        for body, cls in bodies:
            for node in flat_statements(_imported(body)):
                if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                    call = _opening_call(hub, node.value, module)
                    if call is not None:
                        yield Opening(module, node.targets[0].id, call, cls)


def _imported(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """The statements that run when a module is imported, and not only when it is run as a script."""
    return [
        node
        for node in body
        if not (isinstance(node, ast.If) and (is_for_type_checkers(node) or "__main__" in ast.unparse(node.test)))
    ]


def _opening_call(hub: Semantics, node: ast.expr, module: Module) -> ast.Call | None:
    """The call in an expression that connects: itself, what its methods are called on, or what it runs."""
    has_part = False
    while isinstance(node, (ast.Call, ast.Attribute, ast.Subscript)):
        if isinstance(node, ast.Call):
            if _connects(hub, node, module):
                return node if not has_part or _has_open_parts(hub, node, module) else None
            value = hub.evaluate(node.func, module)
            function = value.function if isinstance(value, FunctionValue) else None
            if isinstance(value, ClassValue):
                function = hub.classes.function(value.cls, "__init__")
            if function is not None and _opens(hub, function):
                return node
            if isinstance(node.func, ast.Attribute) and node.func.attr not in _HANDING_ON:
                return None
            node = node.func.value if isinstance(node.func, ast.Attribute) else node.func
        else:
            has_part = True
            node = node.value
    return None


def _has_open_parts(hub: Semantics, call: ast.Call, module: Module) -> bool:
    """Whether the attributes of a client use it: `MongoClient(...).shop`; those of a connection are data."""
    value = hub.evaluate(call.func, module)
    return isinstance(value, External) and value.path.startswith(_WITH_OPEN_PARTS)


def _connects(hub: Semantics, call: ast.Call, module: Module) -> bool:
    value = hub.evaluate(call.func, module)
    if isinstance(value, External):
        return _is_connecting(value.path, call)
    if isinstance(call.func, ast.Attribute) and call.func.attr == "connect":
        made = hub.evaluate(call, module)
        return isinstance(made, Instance) and made.cls in CONNECTIONS
    return False


def _is_connecting(path: str, call: ast.Call) -> bool:
    if path in _CONNECTING_TO:
        return bool(call.args) or keyword_of(call, "host") is not None
    if path not in _CONNECTING:
        return False
    connect = keyword_of(call, "connect")
    if connect is not None and not (isinstance(connect, ast.Constant) and connect.value):
        return False  # MongoClient(connect=False)
    first = call.args[0] if call.args else None
    # A database in memory is no connection, and a pool may start without one.
    return not (isinstance(first, ast.Constant) and first.value in (":memory:", 0))


def _opens(hub: Semantics, function: Function) -> bool:
    """Whether a function of the project, or a class's `__init__`, connects and keeps the connection."""
    if not function.mentions(_LAST_NAMES) or function.decorators:
        return False
    kept = [
        node.value
        for node in own_nodes(function.body)
        if isinstance(node, (ast.Return, ast.Assign)) and isinstance(node.value, ast.Call)
    ]
    return any(_connects(hub, call, function.module) for call in kept)


def _is_renewed(hub: Semantics, opening: Opening) -> bool:
    """Whether something opens the connection anew, in each process or when it is used."""
    word = re.escape(opening.name)
    if re.search(rf"^\s+global\b.*\b{word}\b", opening.module.source.text, re.MULTILINE):
        return True
    return any(
        re.search(rf"\b{word}\b".encode(), hub.project.read(filename))
        for renewing in _RENEWING
        for filename in hub.project.mentioning(renewing)
    )


def _users(hub: Semantics, opening: Opening) -> Iterator[Function]:
    """The functions that use a connection, each as its module calls it."""
    files = hub.project.mentioning(opening.name)
    if len(files) > _MAX_FILES:
        files = [opening.module.filename]
    for filename in sorted(files):
        module = None if is_test_file(filename) else hub.project.module_or_none(filename)
        if module is None:
            continue
        names: tuple[str, ...] = (opening.name,)
        is_home = module is opening.module
        if not is_home and opening.cls is None:
            names = tuple(
                name
                for name, bindings in module.bindings.items()
                if any(_imports(hub, module, b, opening) for b in bindings)
            ) or (opening.name,)
        for function in module.holding(names):
            if function.mentions(names) and any(_uses(hub, function, name, opening, is_home) for name in names):
                yield function


def _imports(hub: Semantics, module: Module, binding: object, opening: Opening) -> bool:
    return (
        isinstance(binding, ImportBinding)
        and binding.name == opening.name
        and hub.project.find_module(binding.module, module.filename) == opening.module.filename
    )


def _uses(hub: Semantics, function: Function, name: str, opening: Opening, is_home: bool) -> bool:
    if opening.cls is not None:
        return is_home and function.cls is opening.cls
    module = function.module
    is_bound = is_home or any(_imports(hub, module, b, opening) for b in module.bindings.get(name, ()))
    if is_bound and name not in function.scan.locals:
        return any(isinstance(n, ast.Name) and n.id == name for n in own_nodes(function.body))
    # `database.connection` after `import database`.
    return any(
        isinstance(n, ast.Attribute)
        and n.attr == opening.name
        and hub.evaluate(n.value, module) == ModuleValue(opening.module)
        for n in walk(function.node)
    )


def _task_of(hub: Semantics, function: Function, depth: int) -> Task | None:
    """The task whose body a function is, or that calls it, through a few functions."""
    function = function.outermost
    task = hub.tasks.around(function)
    if task is not None or depth <= 0:
        return task
    for site in hub.calls.callers(function) or ():
        found = _task_of(hub, site.caller, depth - 1) if site.caller is not None else None
        if found is not None:
            return found
    return None
