"""What newer versions of Celery have no more, and what stands in its place.

Tried on 5.3, 5.6 and 5.7, where each of these raises ImportError or AttributeError; what
4.4 still has is gone since 5. Much that is as old still imports, and is not here:
celery.registry, celery.execute, celery.log, celery.messaging, `from celery import subtask`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.modules import Module
from celery_lint.project.syntax import last_name, walk
from celery_lint.records import record
from celery_lint.semantics.inference.values import External

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# Modules, each with the version that has them no more.
_MODULES = {
    "celery.task": 5, "celery.decorators": 5, "celery.five": 5, "celery.utils.encoding": 5, "celery.backends.amqp": 5,
    "celery.conf": 4, "celery.utils.compat": 4, "celery.utils.timeutils": 4, "celery.utils.mail": 4,
    "celery.contrib.batches": 4, "celery.contrib.methods": 4, "celery.contrib.bundles": 4, "celery.loaders.djcelery": 4,
    "celery.worker.job": 4, "celery.worker.bootsteps": 4, "celery.concurrency.processes": 4, "celery.tests": 4,
    "celery.bin.celeryd": 4, "celery.bin.camqadm": 4, "celery.bin.celerybeat": 4, "celery.bin.celeryctl": 4,
    "celery.bin.celeryev": 4, "celery.datastructures": 4, "celery.utils.datastructures": 4,
}  # fmt: skip
# Names of modules that are still there.
_NAMES = {
    "celery.result.BaseAsyncResult": 4, "celery.result.TaskSetResult": 4, "celery.bin.base.Command": 5,
    "celery.bin.base.Option": 4, "celery.bin.Option": 4, "celery.backends.get_backend_cls": 5,
    "celery.backends.get_backend_by_url": 5, "celery.loaders.current_loader": 4, "celery.loaders.load_settings": 4,
}  # fmt: skip
# What a task had.
METHODS = {
    "get_logger": 5, "establish_connection": 5, "get_publisher": 5, "get_consumer": 5,
    "send_error_email": 4, "replace_in_chord": 4,
}  # fmt: skip

_DECORATOR = ("celery", "shared_task")
_ENCODINGS = """bytes_to_str default_encode default_encoding ensure_bytes from_utf8 safe_repr safe_str
    str_to_bytes""".split()
_TIMES = """timezone maybe_timedelta delta_resolution remaining rate weekday humanize_seconds maybe_iso8601 is_naive
    make_aware localize to_utc maybe_make_aware ffwd utcoffset adjust_timestamp""".split()
# Where the same is found today, as (module, name).
_REPLACEMENTS = {
    "celery.task": _DECORATOR, "celery.task.task": _DECORATOR, "celery.task.base.task": _DECORATOR,
    "celery.decorators.task": _DECORATOR, "celery.task.current": ("celery", "current_task"),
    "celery.task.schedules.crontab": ("celery.schedules", "crontab"),
    "celery.task.schedules.schedule": ("celery.schedules", "schedule"),
    "celery.task.sets.subtask": ("celery", "subtask"),
    "celery.worker.job.Request": ("celery.worker.request", "Request"),
    "celery.result.BaseAsyncResult": ("celery.result", "AsyncResult"),
    "celery.result.TaskSetResult": ("celery.result", "GroupResult"),
    "celery.datastructures.ExceptionInfo": ("billiard.einfo", "ExceptionInfo"),
    **{f"celery.task.{name}": ("celery", name) for name in ("group", "chord", "subtask")},
    **{f"celery.utils.encoding.{name}": ("kombu.utils.encoding", name) for name in _ENCODINGS},
    **{f"celery.utils.timeutils.{name}": ("celery.utils.time", name) for name in _TIMES},
    **{
        f"celery.datastructures.{name}": ("celery.utils.collections", name)
        for name in ("AttributeDict", "ConfigurationView", "DictAttribute", "LimitedSet")
    },
}  # fmt: skip
# What to do in the place of the rest.
_ADVICE = {
    "periodic_task": "`beat_schedule`", "PeriodicTask": "`beat_schedule`",
    "Task": "`celery.Task` and `app.register_task()`", "celery.task.control": "`app.control`",
    "celery.contrib.batches": "the package celery-batches", "celery.backends.amqp": "`rpc://`",
    "get_logger": "`celery.utils.log.get_task_logger()`", "establish_connection": "`app.connection_for_write()`",
    "get_publisher": "`app.producer_or_acquire()`", "get_consumer": "`app.amqp.TaskConsumer`",
    "replace_in_chord": "`replace()`",
}  # fmt: skip

_LAST_NAMES = "|".join(sorted({name.rpartition(".")[2] for name in (*_MODULES, *_NAMES)}))
# Two patterns, as each begins with a word of its own, and is found by it.
_TRACES = (
    re.compile(rf"celery\.(?:\w+\.)*(?:{_LAST_NAMES})\b"),
    re.compile(rf"from\s+celery[\w.]*\s+import\s+(?:\([^)]*|[^\n(]*)\b(?:{_LAST_NAMES})\b"),
)
_VERSION_TEST = re.compile(r"version|PY[23]|TYPE_CHECKING|find_spec|hasattr", re.IGNORECASE)
_IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "AttributeError", "Exception", "BaseException"})


@record()
class Removal:
    """A name that is gone: its full name, since which version, and what to use in its place."""

    path: str
    since: int
    advice: str | None = None
    replacement: tuple[str, str] | None = None


@record(eq=False)
class OldUse:
    """An import statement, or an attribute, that asks for what may be gone."""

    node: ast.Import | ast.ImportFrom | ast.Attribute
    removed: Sequence[Removal]


def removal(path: str) -> Removal | None:
    """What became of a name of Celery's; None when it is still there, as far as is known."""
    since = _NAMES.get(path)
    known = path
    while since is None and known:
        since = _MODULES.get(known)
        known = known.rpartition(".")[0]
    if since is None:
        return None
    advice = _ADVICE.get(path.rpartition(".")[2]) or next((_ADVICE[m] for m in _ADVICE if path.startswith(m)), None)
    return Removal(path, since, advice, _REPLACEMENTS.get(path))


def removed_method(name: str) -> Removal | None:
    """What became of a method that tasks had."""
    since = METHODS.get(name)
    return Removal(name, since, _ADVICE.get(name)) if since is not None else None


def old_uses(hub: Semantics, module: Module) -> Iterator[OldUse]:
    """Where a module asks Celery for what newer versions don't have, and is not prepared to miss it."""
    if not any(trace.search(module.source.text) for trace in _TRACES):
        return
    if hub.project.is_own_package("celery", module.filename):
        return
    nodes = list(module.nodes_around(("celery",)))
    spared = set(_prepared(nodes))
    imported: set[str] = set()
    attributes: list[ast.Attribute] = []
    for node in nodes:
        if node in spared:
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            base = f"{module.absolute(node)}." if isinstance(node, ast.ImportFrom) else ""
            paths = [f"{base}{alias.name}".removesuffix(".*") for alias in node.names]
            if isinstance(node, ast.Import):
                imported.update(paths)
            removed = [one for path in paths if (one := removal(path)) is not None]
            if removed:
                yield OldUse(node, removed)
        elif isinstance(node, ast.Attribute):
            attributes.append(node)
    inner = {attribute.value for attribute in attributes}
    for attribute in attributes:
        if attribute not in inner:
            yield from _of_attribute(hub, module, attribute, imported)


def _of_attribute(hub: Semantics, module: Module, node: ast.Attribute, imported: set[str]) -> Iterator[OldUse]:
    """`celery.task.task` after `import celery`."""
    parts: list[str] = []
    root: ast.expr = node
    while isinstance(root, ast.Attribute):
        parts.append(root.attr)
        root = root.value
    if not isinstance(root, ast.Name) or hub.evaluate(root, module) != External("celery"):
        return
    path = ".".join(["celery", *reversed(parts)])
    found = removal(path)
    if found is not None and not any(path.startswith(f"{one}.") for one in imported if one != "celery"):
        yield OldUse(node, [found])


def _prepared(nodes: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """What stands under a test of a version, in a `try` for a failing import, or in what handles it."""
    for node in nodes:
        if isinstance(node, ast.Try):
            caught = [h for h in node.handlers if _catches_import(h)]
            if caught:
                yield from walk(*node.body, *caught)
        elif isinstance(node, ast.With) and any(_suppresses_import(item.context_expr) for item in node.items):
            yield from walk(*node.body)
        elif isinstance(node, (ast.If, ast.IfExp)) and _VERSION_TEST.search(ast.unparse(node.test)):
            yield from walk(node)


def _suppresses_import(node: ast.expr) -> bool:
    """Whether a context manager is `suppress(ImportError)`."""
    return (
        isinstance(node, ast.Call)
        and last_name(node.func) == "suppress"
        and any(last_name(one) in _IMPORT_ERRORS for one in node.args)
    )


def _catches_import(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    named = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(last_name(one) in _IMPORT_ERRORS for one in named)
