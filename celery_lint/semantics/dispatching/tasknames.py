"""Whether a name that a message is sent by is that of a task, as far as the project can tell.

Only of names of the project's own can be said that no task has them: those in its packages, those
that one of its tasks has but for a prefix, and bare ones that are a task's own but for a letter.
Nothing is said where a name may be made when the program runs.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import Function, Module
from celery_lint.project.syntax import last_name, walk
from celery_lint.records import record
from celery_lint.semantics.inference.bindings import bound, parts_of
from celery_lint.semantics.inference.values import ClassValue, External, FunctionValue, ModuleValue, TaskValue
from celery_lint.semantics.model import Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# Packages whose tasks are not the project's, even where it has a folder of that name.
_FOREIGN = frozenset({"celery", "kombu", "django", "django_celery_beat", "django_celery_results"})
_NAME = re.compile(r"[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*")
_MAKERS = frozenset({"task", "shared_task", "periodic_task", "register_task"})
_NAMED = ("name=", "name =")
_LIKE = 0.9
"""How much a bare name has to be like another one for it to be a typing error."""
_NEAR = 0.75
"""How much a task's name has to be like one that none has to be offered."""
_ANY = ".*"
# A task is put under another name: `app.tasks["before"] = task`.
_RENAMED = re.compile(rb"\.tasks\[[^\]]+\]\s*=[^=]")
_MAX_DEPTH = 8
# The settings whose keys are names, and what a module says in which some of them may stand.
_SETTINGS = {"task_routes": ("route", "queue"), "task_annotations": ("annotation", "rate_limit")}


@record()
class Missing:
    """Why no task has a name, and the name that may be meant."""

    reason: str
    near: str | None = None

    @property
    def hint(self) -> str:
        """The name that may be meant, unless the reason says it."""
        return f" (is `{self.near}` meant?)" if self.near is not None and self.near not in self.reason else ""


def missing(hub: Semantics, name: str, module: Module) -> Missing | None:
    """Why no task has a name that a module uses; None when one has it, or when it can't be told."""
    key = ("missing task", name, module.filename.rpartition("/")[0])
    return hub.memo.get(key, lambda: _missing(hub, name, module), None)


def _missing(hub: Semantics, name: str, module: Module) -> Missing | None:
    top = name.partition(".")[0]
    if not _NAME.fullmatch(name) or top in _FOREIGN or hub.tasks.registered(name) is not None:
        return None
    found = _in_own_package(hub, name, module) if "." in name else None
    if found is None and hub.project.find_module(top, module.filename) is None:
        found = _but_for_a_part(hub, name)
    if found is None or may_be_made(hub, name):
        return None
    if found.near is not None:
        return found
    return Missing(found.reason, _nearest(hub, name))


def _in_own_package(hub: Semantics, name: str, module: Module) -> Missing | None:
    """Why a dotted name in a package of the project is no task's."""
    project = hub.project
    head, _, last = name.rpartition(".")
    home = project.find_module(head, module.filename)
    if home is None:
        return _in_no_module(hub, head, module)
    found = project.module_or_none(home)
    if found is None:
        return None
    value = hub.module_name(found, last)
    if value is None:
        # What a foreign `*` brings can't be told.
        is_known = all(project.find_module(star, found.filename) is not None for star in found.star_imports)
        return Missing(f"`{head}` has no `{last}`") if is_known else None
    if isinstance(value, TaskValue) and isinstance(value.task, Task):
        return _registered_elsewhere(hub, value.task, name, found)
    if isinstance(value, ClassValue):
        task = hub.class_task(value.cls)
        return _registered_elsewhere(hub, task, name, found) if task is not None else None
    if isinstance(value, FunctionValue) and _is_plain(hub, value.function):
        return Missing(f"`{last}` is a plain function there, with no task decorator")
    if isinstance(value, ModuleValue) and project.find_module(name, module.filename) == value.module.filename:
        return Missing(f"`{name}` is a module, which may hold tasks and is none")
    return None


def _in_no_module(hub: Semantics, head: str, module: Module) -> Missing | None:
    """That a module is not there, for one below a package that surely is the project's own."""
    parts = head.split(".")
    is_own = False
    for length in range(1, len(parts) + 1):
        path = ".".join(parts[:length])
        if hub.project.find_module(path, module.filename) is not None:
            is_own = True
        elif is_own:
            return Missing(f"no module is called `{path}`") if not _is_imported(hub, path) else None
        # A folder without `__init__.py` may have other parts elsewhere.
    return None


def _is_imported(hub: Semantics, path: str) -> bool:
    """Whether some code imports a module that is not there: it is where more is installed than the project's files."""
    project = hub.project
    statement = re.compile(
        rf"^[ \t]*(?:from|import)[ \t]+({re.escape(path)}(?:\.\w+)*)(?:[ \t]+import[ \t(]+(\w+))?".encode(),
        re.MULTILINE,
    )
    is_imported = False
    for filename in project.containing(path):
        for found in statement.finditer(project.read(filename)):
            module, name = found[1].decode(), (found[2] or b"").decode()
            if project.find_module(module, filename) or project.find_module(f"{module}.{name}", filename):
                # A folder without `__init__.py`, of which the project has the modules: others are not there.
                return False
            is_imported = True
    return is_imported


def _registered_elsewhere(hub: Semantics, task: Task, name: str, module: Module) -> Missing | None:
    """That a task which stands where a name says is registered under another one."""
    known = name_of(hub, task)
    given = task.option("name")
    if known is None or known == name or (given is None and task.module is module):
        return None
    known = _seen(hub, task, known, name)
    return Missing(f"the task is registered as `{known}`", known)


def name_of(hub: Semantics, task: Task) -> str | None:
    """The name that a task has in messages; None when it can't be told."""
    given = task.option("name")
    if given is not None and given.constant is not None:
        return given.constant if isinstance(given.constant, str) else None
    if hub.project.mentioning("gen_task_name"):
        return None
    if task.is_remade and task.factory is not None and "wraps" not in task.factory.words:
        return None
    return task.registered_name


def _seen(hub: Semantics, task: Task, known: str, name: str) -> str:
    """A task's name as it must be where another one is used: a file may be imported by a longer path."""
    top = name.partition(".")[0]
    if task.option("name") is None and hub.project.find_module(f"{top}.{task.module.name}") == task.module.filename:
        return f"{top}.{known}"
    return known


def _is_plain(hub: Semantics, function: Function) -> bool:
    """Whether nothing makes a task of a function: neither a decorator nor a call."""
    for decorator in function.decorators:
        node = decorator.func if isinstance(decorator, ast.Call) else decorator
        value = hub.evaluate(node, function.module)
        is_known = isinstance(value, FunctionValue) and hub.tasks.passes_on(value.function)
        if not is_known and not (
            isinstance(value, External) and value.path.startswith(("django.", "functools.", "contextlib."))
        ):
            return False
    called = re.compile(rf"task\b[^\n]*\(\s*[\w.]*\b{re.escape(function.name)}\b")
    return not any(
        called.search(hub.project.read(filename).decode(errors="replace"))
        for filename in hub.project.mentioning(function.name)
    )


def _but_for_a_part(hub: Semantics, name: str) -> Missing | None:
    """The task of the project that a name outside its packages must mean."""
    known = {found: task for task in all_tasks(hub) if (found := name_of(hub, task)) is not None}
    for found, task in known.items():
        # `tasks.tidy` may be how the file is imported; a name that the task has of its own is not.
        is_own = "." not in name or task.option("name") is not None
        if is_own and found.endswith(f".{name}"):
            return Missing(f"the task is registered as `{found}`", found)
    head, dot, last = name.rpartition(".")
    # Names that tasks have of their own, and that begin alike: `billing.colect` beside `billing.collect`.
    kin = {found.rpartition(".")[2]: found for found in known if found.rpartition(".")[0] == head}
    for near in _alike(last, sorted(kin), _LIKE):
        if re.sub(r"\d", "", near) != re.sub(r"\d", "", last):
            return Missing("no task has this name", kin[near])
    if not dot:
        for task in known.values():
            if task.name == name and task.option("name") is not None:
                own = name_of(hub, task)
                return Missing(f"the task is registered as `{own}`", own)
    return None


def all_tasks(hub: Semantics) -> Sequence[Task]:
    """The tasks of the whole project, tests left out."""

    def search() -> tuple[Task, ...]:
        found: list[Task] = []
        for filename in sorted(f for f in hub.project.traced if not is_test_file(f)):
            module = hub.project.module_or_none(filename)
            found += hub.tasks.in_module(module) if module is not None else ()
        return tuple(found)

    return hub.memo.get(("all tasks",), search, ())


def _nearest(hub: Semantics, name: str) -> str | None:
    """The name of a task that is called the same as one that none has, or almost."""
    by_last: dict[str, list[str]] = {}
    for task in all_tasks(hub):
        known = name_of(hub, task)
        if known is not None:
            by_last.setdefault(known.rpartition(".")[2], []).append(_seen(hub, task, known, name))
    for last in _alike(name.rpartition(".")[2], sorted(by_last), _NEAR):
        return _alike(name, by_last[last], 0)[0]
    return None


def _alike(name: str, known: Sequence[str], least: float) -> list[str]:
    """The one of some names that is most like another one, if any is."""
    import difflib  # takes long to load, and is seldom needed

    return difflib.get_close_matches(name, known, 1, least)


# Names in settings


def named_in_settings(hub: Semantics, module: Module) -> Iterator[tuple[str, ast.expr, str]]:
    """The task names that routes and annotations written in a module have for keys: the setting, the key, the name."""
    text = module.source.text
    for setting, words in _SETTINGS.items():
        if any(word in text or word.upper() in text for word in words):
            for key, where in _keys_of(hub, setting):
                if where is module and isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield setting, key, key.value


def _keys_of(hub: Semantics, setting: str) -> Sequence[tuple[ast.expr, Module]]:
    def search() -> tuple[tuple[ast.expr, Module], ...]:
        given = ((one.given, one.module) for one in hub.project_settings.all(setting) if one.given is not None)
        return tuple(key for node, module in given for key in _keys(hub, node, module, 0))

    return hub.memo.get(("keys of", setting), search, ())


def _keys(hub: Semantics, node: ast.expr, module: Module, depth: int) -> Iterator[tuple[ast.expr, Module]]:
    """The keys of a dictionary, of pairs, or of a list of either."""
    if depth > _MAX_DEPTH:
        return
    inner: list[tuple[ast.expr, Module]] = []
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                inner.append((value, module))
            else:
                yield key, module
    elif isinstance(node, (ast.List, ast.Tuple)):
        if len(node.elts) == 2 and isinstance(node.elts[0], ast.Constant) and isinstance(node.elts[1], ast.Dict):
            yield node.elts[0], module
        else:
            inner += [(element, module) for element in node.elts]
    elif isinstance(node, (ast.Name, ast.Attribute)):
        inner += [(value, where) for _, value, where in bound(hub, node, module)]
    else:
        inner += [(part, module) for part in parts_of(node)]
    for part, where in inner:
        yield from _keys(hub, part, where, depth + 1)


# Names that are made when the program runs


def may_be_made(hub: Semantics, name: str) -> bool:
    """Whether some task may have a name that is not written out where the task is."""
    is_hidden = False
    head, _, last = name.rpartition(".")
    for task in all_tasks(hub):
        given = task.option("name")
        if given is not None and given.constant == name:
            return True
        if name_of(hub, task) is None and task.name.rpartition(".")[2] == last:
            return True
        if given is None and task.name.rpartition(".")[2] == last and _is_imported_as(task.module, head):
            return True
        if given is not None and given.constant is NotImplemented:
            is_hidden = True
    project = hub.project
    for filename in sorted({f for text in _NAMED for f in project.containing(text) if f in project.traced}):
        module = project.module_or_none(filename)
        for pattern in _patterns(module) if module is not None else ():
            if pattern != _ANY and re.fullmatch(pattern, name):
                return True
    return _is_given(hub, name, is_hidden)


def _is_imported_as(module: Module, name: str) -> bool:
    """Whether a file's path allows a dotted name: services of one repository may have modules of the same name."""
    path = "/" + module.filename.removesuffix(".py").removesuffix("/__init__")
    return bool(name) and path.endswith("/" + name.replace(".", "/")) and path[1:].count("/") > name.count(".")


def _patterns(module: Module) -> Iterator[str]:
    """What the names that a module makes for tasks look like."""
    for node in module.nodes_around(frozenset({"name"})):
        if isinstance(node, ast.Call) and last_name(node.func) in _MAKERS:
            yield from (_pattern(k.value) for k in node.keywords if k.arg == "name")
        elif isinstance(node, ast.Assign) and any(last_name(target) == "name" for target in node.targets):
            yield _pattern(node.value)


def _pattern(node: ast.expr) -> str:
    """A pattern of the texts that an expression makes."""
    parts: list[str] = []
    waiting: list[ast.expr] = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Add):
            waiting += (part.left, part.right)  # taken from the end
        elif isinstance(part, ast.JoinedStr):
            waiting += part.values
        else:
            is_text = isinstance(part, ast.Constant) and isinstance(part.value, str)
            parts.append(re.escape(str(part.value)) if isinstance(part, ast.Constant) and is_text else _ANY)
    return "".join(reversed(parts)).replace(_ANY * 2, _ANY)


def _is_given(hub: Semantics, name: str, is_hidden: bool) -> bool:
    """Whether a name is given to something in other ways: by a decorator, or among the registered tasks.

    Where some task's name `is_hidden`, it may be any that a variable holds.
    """
    are_renamed = any(_RENAMED.search(hub.project.read(f)) for f in hub.project.holding(".tasks["))
    for filename in hub.project.containing(name):
        module = hub.project.module_or_none(filename)
        for node in walk(module.tree) if module is not None else ():
            given: Sequence[ast.expr | None] = ()
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                given = [part for part in walk(*node.decorator_list) if isinstance(part, ast.expr)]
            elif isinstance(node, (ast.Assign, ast.AnnAssign)) and is_hidden:
                given = [node.value]
            elif isinstance(node, ast.Dict) and are_renamed:
                given = node.keys
            elif isinstance(node, ast.Subscript) and are_renamed:
                given = [node.slice]
            if any(isinstance(one, ast.Constant) and one.value == name for one in given):
                return True
    return False
