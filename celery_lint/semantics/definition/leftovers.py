"""What a run of a task leaves on the task object for the next one.

Celery makes one object of each task in a process, and all runs share it
(celery/app/task.py, class Task: "a task is not instantiated for every request").
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class, Function, Module
from celery_lint.project.syntax import last_name, own_nodes, walk
from celery_lint.records import record
from celery_lint.semantics.definition.options import KNOWN
from celery_lint.semantics.model import Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

_HOOKS_OF_ENDS = ("on_success", "after_return")
_HOOKS_OF_FAILURES = ("on_failure", "on_retry")
_LOOKING = ("hasattr", "getattr")
_EVERYTHING = "*"
_MAX_DEPTH = 4

Names = frozenset[str]
"""The attributes that a run has certainly set so far; with `*`, nobody knows which."""


@record(eq=False)
class Leftover:
    """An attribute that a run may read as an earlier run has left it: where it is set, and where it is read."""

    name: str
    store: ast.Attribute
    read: ast.expr
    module: Module
    grows: bool
    """Whether each run adds to what it finds."""


def leftovers(hub: Semantics, task: Task) -> Iterator[Leftover]:
    """The attributes that a run of a task may find as an earlier run has left them."""
    function = task.function
    if function is None or not task.is_bound or not function.positional:
        return
    cls = hub.tasks.class_of(task)
    methods = hub.classes.lineage(cls).functions.values() if cls is not None else ()
    if not any(one.scan.stored_attributes for one in (function, *methods)):
        return
    run = _Run(hub, cls)
    run.follow(function)
    for name, stores in run.stores.items():
        read = run.reads.get(name)
        if read is None or name in run.kept or name in KNOWN or (cls is not None and _is_method(hub, cls, name)):
            continue
        node, module, grows = stores[0]
        if module is task.module and read[1] is task.module:
            yield Leftover(name, node, read[0], module, grows)


def _is_method(hub: Semantics, cls: Class, name: str) -> bool:
    return hub.classes.function(cls, name) is not None


class _Run:
    """One run of a task, from its start to its hooks: what it sets on the task, and what it reads before."""

    def __init__(self, hub: Semantics, cls: Class | None) -> None:
        self._hub = hub
        self._cls = cls
        self._open: list[Function] = []
        self._ends: list[Names] = []
        self._returned: list[Names] = []
        """What was set at each end of the function that was followed last."""
        self._me = ""
        self.stores: dict[str, list[tuple[ast.Attribute, Module, bool]]] = {}
        self.reads: dict[str, tuple[ast.expr, Module]] = {}
        self.kept: set[str] = set()
        """What is meant to last: filled where a test finds it empty or old, or taken away at the end."""
        self._told: dict[tuple[Function, str, bool], Names] = {}
        """What is set where a test has come out so: the same test tells it again."""

    def follow(self, function: Function) -> None:
        """Follow a whole run whose body is `function`."""
        done: Names = frozenset()
        for name in ("__call__", "before_start"):
            done |= self._method(name, done)
        start = done
        done = self._function(function, start)
        returned = self._returned
        for name in _HOOKS_OF_ENDS:
            self._method(name, done)
        # A run that fails does not return early.
        for name in _HOOKS_OF_FAILURES:
            self._method(name, start.union(*returned))

    def _method(self, name: str, done: Names) -> Names:
        method = self._hub.classes.function(self._cls, name) if self._cls is not None else None
        return self._function(method, done) if method is not None else done

    def _function(self, function: Function, done: Names) -> Names:
        """What is set once a method has returned."""
        if function in self._open or len(self._open) >= _MAX_DEPTH or not function.positional:
            return done
        ends, me = self._ends, self._me
        self._open.append(function)
        self._ends, self._me = [], function.positional[0].arg
        last = self._block(function.body, done)
        result = _joined([*self._ends, last])
        self._returned = [one for one in (*self._ends, last) if one is not None]
        self._open.pop()
        self._ends, self._me = ends, me
        return result if result is not None else done

    def _block(self, body: Sequence[ast.stmt], done: Names) -> Names | None:
        """What is set after some statements; None where nothing comes after them."""
        for statement in body:
            after = self._statement(statement, done)
            if after is None:
                return None
            done = after
        return done

    def _statement(self, node: ast.stmt, done: Names) -> Names | None:
        if isinstance(node, ast.If):
            self._note_renewed(node)
            done = self._expressions([node.test], done)
            return _joined(
                [self._branch(node, node.body, True, done), self._branch(node, node.orelse, False, done)],
            )
        if isinstance(node, (ast.For, ast.AsyncFor, ast.While)):
            head = [node.test] if isinstance(node, ast.While) else [node.iter]
            if isinstance(node, ast.While):
                self._note_kept(node.test, node.body)
            done = self._expressions(head, done)
            inside = self._block(node.body, done)
            # Most loops have something to go through, and end where it is set.
            done |= self._set_in(node.body) | (inside or done)
            return self._block(node.orelse, done) if node.orelse else done
        if isinstance(node, (ast.With, ast.AsyncWith)):
            done = self._expressions([item.context_expr for item in node.items], done)
            return self._block(node.body, done | self._set_in(node.items))
        if isinstance(node, ast.Try):
            return self._try(node, done)
        if isinstance(node, ast.Match):
            done = self._expressions([node.subject], done)
            return _joined([done, *(self._block(case.body, done) for case in node.cases)])
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            self.kept.update(self._set_in([node]))  # nobody knows when it is called
            return done
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
            return self._assignment(node, done)
        done = self._expressions([node], done)
        if isinstance(node, ast.Return):
            self._ends.append(done)
        return None if isinstance(node, (ast.Return, ast.Raise, ast.Continue, ast.Break)) else done

    def _branch(self, node: ast.If, body: Sequence[ast.stmt], holds: bool, done: Names) -> Names | None:
        """What is set after a branch, which begins with what an earlier one under the same test has set."""
        test = node.test
        while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            test, holds = test.operand, not holds
        key = (self._open[-1], ast.unparse(test), holds)
        after = self._block(body, done | self._told.get(key, frozenset()))
        if after is not None:
            self._told[key] = after
        return after

    def _try(self, node: ast.Try, done: Names) -> Names | None:
        if any("AttributeError" in ast.unparse(h.type) for h in node.handlers if h.type is not None):
            self.kept.update(self._attributes(*node.body))
        self.kept.update(self._set_in(node.finalbody))
        body = self._block(node.body, done)
        if body is not None and node.orelse:
            body = self._block(node.orelse, body)
        after = _joined([body, *(self._block(handler.body, done) for handler in node.handlers)])
        final = self._block(node.finalbody, after if after is not None else done)
        return final if after is not None else None

    def _assignment(self, node: ast.Assign | ast.AugAssign | ast.AnnAssign, done: Names) -> Names:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if node.value is None:
            return done
        done = self._expressions([node.value], done)
        own = [n for n in walk(*targets) if isinstance(n, ast.Attribute) and self._is_own(n)]
        own = [n for n in own if isinstance(n.ctx, ast.Store)]
        done = self._expressions([t for t in targets if t not in own], done)
        if isinstance(node.value, (ast.BoolOp, ast.IfExp)):
            self._note_kept(node.value, [node])
        for target in own:
            grows = isinstance(node, ast.AugAssign) or target.attr in self._attributes(node.value)
            if isinstance(node, ast.AugAssign):
                self._read(target.attr, target, done)
            module = self._open[-1].module
            self.stores.setdefault(target.attr, []).append((target, module, grows and target.attr not in done))
            done |= {target.attr}
        return done

    def _expressions(self, nodes: Sequence[ast.AST], done: Names) -> Names:
        for node in own_nodes(nodes):
            if isinstance(node, ast.Call):
                name = self._looked_up(node)
                if name is not None:
                    self._read(name, node, done)
                    continue
                given = [*node.args, *(keyword.value for keyword in node.keywords)]
                if any(isinstance(one, ast.Name) and one.id == self._me for one in given):
                    done |= {_EVERYTHING}
                elif isinstance(node.func, ast.Attribute) and self._is_own(node.func):
                    done = self._method(node.func.attr, done)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and self._is_own(node):
                self._read(node.attr, node, done)
        return done

    def _looked_up(self, call: ast.Call) -> str | None:
        """The attribute that `getattr(self, "name", ...)` reads."""
        if last_name(call.func) not in _LOOKING or len(call.args) < 2:
            return None
        owner, name = call.args[:2]
        is_own = isinstance(owner, ast.Name) and owner.id == self._me
        return str(name.value) if is_own and isinstance(name, ast.Constant) else None

    def _read(self, name: str, node: ast.expr, done: Names) -> None:
        if name not in done and _EVERYTHING not in done:
            self.reads.setdefault(name, (node, self._open[-1].module))

    def _note_kept(self, test: ast.expr, body: Sequence[ast.stmt]) -> None:
        """What a test looks at, and what stands under it sets, is made once and kept."""
        tested = set(self._attributes(test))
        tested.update(name for call in walk(test) if isinstance(call, ast.Call) and (name := self._looked_up(call)))
        self.kept.update(tested & self._set_in(body))

    def _note_renewed(self, node: ast.If) -> None:
        """A test for what is kept: `if self.day != day:` renews it with what belongs to it, or goes without it."""
        branches = [*node.body, *node.orelse]
        self._note_kept(node.test, branches)
        compared = set(self._attributes(*(n for n in walk(node.test) if isinstance(n, ast.Compare))))
        if compared & self._set_in(branches):
            self.kept.update(self._set_in(branches))
        elif compared and isinstance(node.body[-1], (ast.Return, ast.Raise)):
            # What was added to before the test is no such thing.
            self.kept.update({*compared, *self._attributes(*node.body)} - self.reads.keys())

    def _attributes(self, *nodes: ast.AST) -> Iterator[str]:
        return (node.attr for node in walk(*nodes) if isinstance(node, ast.Attribute) and self._is_own(node))

    def _set_in(self, nodes: Sequence[ast.AST]) -> Names:
        """The attributes that some code sets, or takes away."""
        return frozenset(
            node.attr
            for node in walk(*nodes)
            if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load) and self._is_own(node)
        )

    def _is_own(self, node: ast.Attribute) -> bool:
        return isinstance(node.value, ast.Name) and node.value.id == self._me


def _joined(ends: Sequence[Names | None]) -> Names | None:
    """What is set on every way that goes on."""
    going = [one for one in ends if one is not None]
    return frozenset.intersection(*(one for one in going)) if going else None
