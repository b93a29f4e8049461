"""Which options of a task anybody reads, and which one a wrong name was meant for.

Celery makes each keyword of a task's decorator an attribute of the task's class
(celery/app/base.py, Celery._task_from_fun), whether something reads it or not.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class
from celery_lint.records import record
from celery_lint.semantics.inference.packages import TASK_METHODS
from celery_lint.semantics.inference.values import ClassValue, Collection, Constant, External, Value
from celery_lint.semantics.model import Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# What an option of each kind takes.
_FLAGS = """acks_late acks_on_failure acks_on_failure_or_timeout acks_on_timeout bind ignore_result pydantic
    reject_on_worker_lost retry_jitter retry_on_worker_lost send_events store_eager_result store_errors_even_if_ignored
    track_started trail typing""".split()
_NUMBERS = """default_retry_delay expires max_retries priority retry_backoff_max soft_time_limit time_limit""".split()
_TEXTS = """compression exchange name queue routing_key serializer""".split()
_CLASSES = """autoretry_for dont_autoretry_for throws""".split()
_KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(_FLAGS, (bool,)),
    **dict.fromkeys(_NUMBERS, (int, float)),
    **dict.fromkeys(_TEXTS, (str,)),
    **dict.fromkeys(_CLASSES, ()),
    "rate_limit": (str, int, float),
    "retry_backoff": (bool, int, float),
    "retry_kwargs": (),
    "backend": (),
    "base": (),
    "shadow_name": (),
}
# celery/app/base.py (Celery.task), celery/app/task.py (class Task, extract_exec_options), celery/app/autoretry.py.
KNOWN = frozenset(_KINDS) | TASK_METHODS | frozenset(
    """shared filter lazy pydantic_strict pydantic_context pydantic_dump_kwargs delivery_mode immediate mandatory
    resultrepr_maxsize abstract virtual Request Strategy MaxRetriesExceededError OperationalError before_start on_bound
    on_replace start_strategy app type from_config autoregister request request_stack add_trail""".split()
)  # fmt: skip
# Options of Celery 3 and 4, and of the decorators that went with Celery 5.
_OLD = frozenset(
    """accept_magic_kwargs send_error_emails error_whitelist disable_error_emails exchange_type run_every relative
    options""".split()
)
_ALIASES = {
    "retries": "max_retries", "max_retry": "max_retries", "retry_delay": "default_retry_delay",
    "retry_for": "autoretry_for", "hard_time_limit": "time_limit", "soft_timeout": "soft_time_limit",
    "retry_limit": "max_retries", "backoff": "retry_backoff", "autoretry": "autoretry_for", "jitter": "retry_jitter",
}  # fmt: skip
_PLAIN_BASES = frozenset(
    {
        "celery.Task", "celery.app.Task", "celery.app.task.Task", "celery.contrib.django.task.DjangoTask",
        "celery.contrib.abortable.AbortableTask", "builtins.object",
    }
)  # fmt: skip
_NEAR = 0.88


@record(eq=False)
class UnknownOption:
    """An option that nobody reads: its name, where it stands, and the option that was probably meant."""

    name: str
    node: ast.expr | ast.keyword
    meant: str | None = None
    fits: bool = False
    """Whether the value is one for the option that was meant."""


_BY_VARIABLE = re.compile(rb"\bgetattr\(\s*[\w.]+,\s*[A-Za-z_][\w.]*\s*[,)]")


def unknown_options(hub: Semantics, task: Task) -> Iterator[UnknownOption]:
    """The options of a task's decorator that neither Celery, its base class nor the project reads."""
    if task.cls is not None or not _has_readable_base(hub, task):
        return
    base = hub.tasks.base_class(task)
    keywords = {k.arg: k for k in task.decorator.keywords if k.arg} if isinstance(task.decorator, ast.Call) else {}
    for name, option in task.options.items():
        if option.where != "decorator" or option.module is not task.module or option.node is None:
            continue
        if name in KNOWN or name.startswith("_") or (name in _OLD and not _is_new(hub)):
            continue
        if base is not None and _declares(hub, base, name):
            continue
        meant = nearest(name)
        # A project's own decorator, or application, may take the option for itself.
        is_sure = task.factory is None and not hub.app_class_names
        if (meant is None and not is_sure) or _takes(task, name) or is_read(hub, name):
            continue
        given = meant in task.options and task.options[meant].where == "decorator" if meant else False
        fits = meant is not None and not given and name in keywords and _fits(meant, option.value)
        yield UnknownOption(name, keywords.get(name, option.node), meant, fits)


def unknown_attributes(hub: Semantics, cls: Class) -> Iterator[UnknownOption]:
    """The attributes of a task class that are probably meant for options, and that nobody reads."""
    if not hub.tasks.is_task_class(cls) or not _is_plain(hub, cls):
        return
    for statement in cls.node.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else ()
        for target in targets:
            if isinstance(target, ast.Name) and target.id not in KNOWN and not target.id.startswith("_"):
                meant = nearest(target.id)
                if meant is not None and not is_read(hub, target.id):
                    value = hub.evaluate_in_class(statement.value, cls) if isinstance(statement, ast.Assign) else None
                    fits = value is not None and meant not in cls.assigns and _fits(meant, value)
                    yield UnknownOption(target.id, target, meant, fits)


def nearest(name: str) -> str | None:
    """The option that a wrong name was probably meant for."""
    wanted = name.lower()
    if wanted in _ALIASES:
        return _ALIASES[wanted]
    bare = {option.replace("_", ""): option for option in _KINDS}
    if wanted.replace("_", "") in bare:
        return bare[wanted.replace("_", "")]
    import difflib  # seldom needed, and slow to load

    found = difflib.get_close_matches(wanted, sorted(_KINDS), n=2, cutoff=_NEAR)
    return found[0] if found else None


def is_read(hub: Semantics, name: str) -> bool:
    """Whether code of the project may read an attribute or an option of this name."""
    return hub.memo.get(("option read", name), lambda: _is_read(hub, name), True)


def _is_read(hub: Semantics, name: str) -> bool:
    word = re.escape(name.encode())
    pattern = re.compile(
        # A run's number of retries is no option: `self.request.retries`.
        rb"(?<!request)\." + word + rb"\b(?!\s*=[^=])"
        rb"|(?:getattr|hasattr)\([^()]*,\s*['\"]" + word + rb"['\"]"
        rb"|\.(?:get|pop|setdefault)\(\s*['\"]" + word + rb"['\"]"
    )
    # `for key in ("team", "page"): getattr(task, key)`; the keys of a dictionary may be the options themselves.
    listed = re.compile(rb"['\"]" + word + rb"['\"](?!\s*:)")
    is_listed = _reads_by_variable(hub)
    return any(
        pattern.search(text) or (is_listed and listed.search(text))
        for text in map(hub.project.read, hub.project.mentioning(name))
    )


def _reads_by_variable(hub: Semantics) -> bool:
    """Whether code of the project reads attributes whose names are in a variable."""

    def search() -> bool:
        return any(_BY_VARIABLE.search(hub.project.read(filename)) for filename in hub.project.mentioning("getattr"))

    return hub.memo.get(("reads by variable",), search, True)


def _has_readable_base(hub: Semantics, task: Task) -> bool:
    """Whether the class that a task is made on can be read: another package's may read options of its own."""
    given = task.options.get("base")
    if given is not None and not isinstance(given.value, ClassValue):
        return isinstance(given.value, External) and given.value.path in _PLAIN_BASES
    if given is None and hub.tasks.has_foreign_app_task_class:
        return False
    base = hub.tasks.base_class(task)
    return base is None or _is_plain(hub, base)


def _is_plain(hub: Semantics, cls: Class) -> bool:
    return all(isinstance(one, Class) or one in _PLAIN_BASES for one in hub.classes.ancestors(cls))


def _declares(hub: Semantics, cls: Class, name: str) -> bool:
    """Whether a class names an attribute itself, so that it is meant to be set."""
    return hub.classes.assignment(cls, name) is not None or hub.classes.function(cls, name) is not None


def _takes(task: Task, name: str) -> bool:
    """Whether the project's decorator that makes a task has a use of its own for an option."""
    return task.factory is not None and task.factory.holds((name,))


def _is_new(hub: Semantics) -> bool:
    version = hub.settings.celery_version
    return version is not None and version >= (5,)


def _fits(option: str, value: Value) -> bool:
    """Whether a value may be one for an option, as far as it can be read."""
    kinds = _KINDS[option]
    if isinstance(value, Constant):
        return value.value is None or (
            bool in kinds if isinstance(value.value, bool) else isinstance(value.value, kinds)
        )
    if isinstance(value, Collection):
        return value.kind == "dict" if option == "retry_kwargs" else option in _CLASSES and value.kind != "dict"
    return True
