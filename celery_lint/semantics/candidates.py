"""Which files and functions are worth reading at all.

Names decide, found in the bytes of files: whatever has none of them cannot hold
a task, a dispatch, a transaction around one, or a call of a task.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.index import is_test_file
from celery_lint.project.inputs import CANDIDATES, SENDERS, TASKS
from celery_lint.project.modules import (
    AssignBinding,
    Function,
    ImportBinding,
    Module,
    assigned,
    flat_statements,
    meets,
    rows_of,
)
from celery_lint.project.syntax import walk
from celery_lint.semantics.calls.callgraph import COMMON
from celery_lint.semantics.configuration.readings import source_files
from celery_lint.semantics.inference.values import TaskValue
from celery_lint.semantics.memo import Memo, remembered
from celery_lint.semantics.time.sleeping import SLEEP
from celery_lint.semantics.time.timeouts import CLIENT_IMPORTS, CLIENT_WORDS

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# What a function that matters to some rule mentions.
_WORDS = frozenset(
    """delay apply_async delay_on_commit apply_async_on_commit send_task on_commit atomic s si signature subtask apply
    chain group chord chunks starmap retry update_state AsyncResult GroupResult shared_task task begin
    in_atomic_block inspect ping""".split()
)
# Those that matter for the transaction around a dispatch only, which no rule asks for in tests.
_TRANSACTION_WORDS = frozenset({"atomic", "begin", "in_atomic_block"})
_SENDING_WORDS = frozenset({"delay", "apply_async", "send_task"})
_RESULT_WORDS = frozenset({"AsyncResult", "GroupResult"})
_GIVING_WORDS = _SENDING_WORDS | _RESULT_WORDS
# What makes results and signatures, which code goes on to use.
_MAKING_WORDS = _GIVING_WORDS | frozenset("s si signature subtask chain group chord chunks starmap".split())
# How a call looks that may wait for a result. A mapping's `get` has a key, a text's `join` what it joins.
_WAITS = re.compile(
    r"(?:(?<![\w.])(?P<name>(?:self\.)?\w+)|[)\]])\s*\.(?:get|wait|join|join_native|collect|get_leaf)"
    r"\(\s*(?:\)|timeout\b|propagate\b|interval\b|[\d.]+\s*\))"
)
# What every such call has in its text; a pattern that begins with a letter is looked for several times as fast.
_WAIT = re.compile(
    r"\.(?:get|wait|join|join_native|collect|get_leaf)\(\s*(?:\)|timeout\b|propagate\b|interval\b|[\d.])"
)
_WAITING_TEXTS = (".get()", ".get(timeout", ".wait(", ".join()")
_CALLED = re.compile(r"(\w+)\(")
NEAR = 120
"""How many characters before a call its receiver is looked for."""
MAX_HOMES = 3
"""A function of a name that is defined in more files than this says too little of what it returns."""
# What a file mentions that holds code which the framework calls while it saves rows.
_HOOK_WORDS = """sender save_model save_related perform_create perform_update perform_destroy super""".split()


def _gives_result(function: Function) -> bool:
    """Whether a function may look up a result and return it."""
    return function.name not in COMMON and function.mentions(_RESULT_WORDS) and function.scan.returns_value


def _names_of_sent(node: ast.stmt) -> Iterator[str]:
    """The variables that a statement binds to the result of a task, a signature or the like."""
    for name, binding in assigned(node):
        if binding.value is not None and _mentions(_MAKING_WORDS, binding.value):
            yield name


def _mentions(words: frozenset[str], *parts: ast.AST) -> bool:
    """Whether names or attributes in these nodes are among the words."""
    return any(
        (n.id if isinstance(n, ast.Name) else n.attr) in words
        for n in walk(*parts)
        if isinstance(n, (ast.Name, ast.Attribute))
    )


class Candidates:
    """The files and functions in which a rule may find something."""

    def __init__(self, hub: Semantics) -> None:
        self._hub = hub
        self._waiting: dict[Module, bool] = {}
        self.made_by_calls: set[str] = set()
        """The files in which calls make tasks of functions: to know these, the files have to be read."""

    def __contains__(self, filename: str) -> bool:
        """Whether a rule may have something to say about a file."""
        return filename in self.files

    @property
    def memo(self) -> Memo:
        return self._hub.memo

    @property
    def files(self) -> frozenset[str]:
        """The files that may hold what a rule reports.

        Those with a trace of Celery, those that may open transactions, those that name a task, those that
        applications read their settings from, and those whose functions, which tasks may call, may sleep or wait
        for other machines.
        """
        return self._hub.shared(CANDIDATES, self._files, frozenset())

    def _files(self) -> frozenset[str]:
        project = self._hub.project
        found = set(project.traced)
        found.update(f for f in project.mentioning_part("atomic") if "/migrations/" not in f)
        found.update(f for f in project.mentioning("on_commit") if "/migrations/" not in f)
        for name in self.task_names:
            found.update(project.mentioning(name))
        # What the package of an application's module imports, and what it does not, is a question for a rule.
        for filename in project.holding("Celery("):
            package = project.find_module(project.layout.module_name(filename).rpartition(".")[0], filename)
            found.update([package] if package is not None and package.endswith("__init__.py") else [])
        # Settings need no trace of Celery: `task_acks_late = True` alone in `config.py`.
        found.update(source_files(self._hub))
        hooks = {f for word in _HOOK_WORDS for f in project.mentioning(word)}
        waits = {f for text in _WAITING_TEXTS for f in project.containing(text)}
        for name in self.sender_names:
            users = hooks | waits if self._is_telling(name) else hooks
            found.update(users.intersection(project.mentioning(name)))
        clients = {f for text in CLIENT_IMPORTS for f in project.containing(text)}
        clients.update(f for word in (*CLIENT_WORDS, SLEEP) for f in project.mentioning(word))
        found.update(f for f in clients if "/migrations/" not in f)
        return frozenset(found)

    @property
    def sender_names(self) -> frozenset[str]:
        """The names of functions, tests left out, that send a task or look up a result themselves."""
        return self._hub.shared(SENDERS, lambda: self._everywhere(SENDERS, self._senders), frozenset())

    @property
    def task_names(self) -> frozenset[str]:
        """The names under which the project's tasks are defined, tests left out."""
        return self._hub.shared(TASKS, lambda: self._everywhere(TASKS, self._tasks), frozenset())

    def _everywhere(self, kind: str, names: Callable[[Module], Iterator[str]]) -> frozenset[str]:
        found: set[str] = set()
        for filename in sorted(f for f in self._hub.project.traced if not is_test_file(f)):
            found.update(self._in_file(kind, filename, names))
        return frozenset(found)

    def _in_file(self, kind: str, filename: str, names: Callable[[Module], Iterator[str]]) -> Sequence[str]:
        def search() -> Sequence[str]:
            before = self._hub.tasks.made_by_calls
            module = self._hub.project.module_or_none(filename)
            found = () if module is None else tuple(sorted(set(names(module))))
            if self._hub.tasks.made_by_calls > before:
                self.made_by_calls.add(filename)
            return found

        return self._hub.memo.get((kind, filename), search, ())

    def _senders(self, module: Module) -> Iterator[str]:
        for function in module.holding(_GIVING_WORDS):
            if not function.name.endswith("__") and (function.mentions(_SENDING_WORDS) or _gives_result(function)):
                yield function.name

    def _tasks(self, module: Module) -> Iterator[str]:
        for task in self._hub.tasks.in_module(module):
            yield task.name.rpartition(".")[2]
            if task.cls is not None:
                yield task.cls.name
        # `remove_file = app.register_task(RemoveFile())`
        for name, bindings in module.bindings.items():
            if any(isinstance(b, AssignBinding) and isinstance(b.value, ast.Call) for b in bindings):
                if isinstance(self._hub.module_name(module, name), TaskValue):
                    yield name

    def task_aliases(self, module: Module) -> frozenset[str]:
        """The other names under which a module imports tasks: `from .tasks import rate as rate_later`."""

        def search() -> frozenset[str]:
            return frozenset(
                name
                for name, bindings in module.bindings.items()
                for b in bindings
                if isinstance(b, ImportBinding) and b.name != name and b.name in self.task_names
            )

        return self._hub.memo.get(("task aliases", module), search, frozenset())

    @remembered
    def telling_words(self) -> frozenset[str]:
        """The names of which a function must mention one to matter."""
        return _WORDS | self.task_names | self.sender_names

    @remembered
    def giving_words(self) -> frozenset[str]:
        """The names of which a function must mention one to give a result to its caller."""
        return _GIVING_WORDS | self.sender_names

    @remembered
    def _telling_words_in_tests(self) -> frozenset[str]:
        return (_WORDS - _TRANSACTION_WORDS) | self.task_names

    def _wanted(self, module: Module) -> frozenset[str]:
        aliases = self.task_aliases(module)
        words = self._telling_words_in_tests if is_test_file(module.filename) else self.telling_words
        return words | aliases if aliases else words

    def statements(self, module: Module) -> frozenset[ast.AST]:
        """The statements of a module and its classes that may hold something that a rule looks at.

        Of a compound statement, its head counts; of a definition, the decorators. What a script does
        with a result or a signature that it keeps in a variable counts as well.
        """
        wanted = self._wanted(module)
        found = self._mentioning(module, wanted)
        kept = frozenset(name for node in found if isinstance(node, ast.stmt) for name in _names_of_sent(node))
        return self._mentioning(module, wanted | kept) if kept else found

    def _mentioning(self, module: Module, wanted: frozenset[str]) -> frozenset[ast.AST]:
        rows = module.rows_of(wanted)
        if not rows:
            return frozenset()

        def tells(*parts: ast.AST) -> bool:
            return _mentions(wanted, *parts)

        def search(body: Sequence[ast.stmt]) -> Iterator[ast.AST]:
            for node in flat_statements(body):
                if not meets(rows, *rows_of(node)):
                    continue
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    if tells(*node.decorator_list):
                        yield node
                elif isinstance(node, ast.ClassDef):
                    inner = list(search(node.body))
                    if inner or tells(*node.decorator_list):
                        yield node
                        yield from inner
                elif isinstance(node, (ast.If, ast.While)):
                    if tells(node.test):
                        yield node
                elif isinstance(node, (ast.For, ast.AsyncFor)):
                    if tells(node.iter):
                        yield node
                elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr)) and tells(node):
                    yield node

        return frozenset(search(module.tree.body))

    def has(self, function: Function) -> bool:
        """Whether a function's body may hold something that a rule looks at."""
        wanted = self._wanted(function.module)
        tasks = self._hub.tasks
        return (
            function.mentions(wanted)
            or tasks.around(function) is not None
            or (self._module_waits(function.module) and self._may_wait(function))
        )

    def _module_waits(self, module: Module) -> bool:
        """Whether the text of a module shows a call that may wait for a result. Tests may wait."""
        known = self._waiting.get(module)
        if known is None:
            known = not is_test_file(module.filename) and _WAIT.search(module.source.text) is not None
            self._waiting[module] = known
        return known

    def _may_wait(self, function: Function) -> bool:
        """Whether a function, for all that its text shows, waits for a result that another one gives it."""
        text = function.text
        for wait in _WAITS.finditer(text):
            name = wait["name"]
            if name is None:
                made = _CALLED.findall(text, max(0, wait.start() - NEAR), wait.start())
            elif name in function.parameters or name.startswith("self."):
                return True
            else:
                made = re.findall(rf"\b{name} = (?:await )?[\w.]*?(\w+)\(", text)
            if any(self._may_give_result(one) for one in made):
                return True
        return False

    def _is_telling(self, name: str) -> bool:
        """Whether the functions of a name are few, so that it says which of them is called."""
        return name not in COMMON and 0 < len(self._hub.project.defining(name)) <= MAX_HOMES

    def _may_give_result(self, name: str) -> bool:
        """Whether a function of a name sends a task or looks up a result, or calls one that does."""

        def search() -> bool:
            if not self._is_telling(name):
                return False
            return any(f.mentions(self.giving_words) for f in self._hub.calls.methods_named(name))

        return self._hub.memo.get(("may give result", name), search, False)
