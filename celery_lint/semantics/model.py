"""The things that rules reason about: tasks, dispatches, calls and the blocks around them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from celery_lint.findings import Place
from celery_lint.project.modules import Class, Function, Module
from celery_lint.project.syntax import mentions_name, own_nodes
from celery_lint.records import record
from celery_lint.semantics.inference.values import UNKNOWN, Constant, External, Origin, Value

FrameKind = Literal[
    "function", "atomic", "outside", "loop", "try", "handler", "else", "finally", "if", "orelse", "with"
]


@dataclass(eq=False, slots=True)
class Frame:
    """One block around a statement, linked to the block around it.

    `outside` is a branch that runs only where no transaction is open
    (`if not connection.in_atomic_block:`). `detail` is the value of a `with`
    item, and for an atomic frame what opened it.
    """

    kind: FrameKind
    node: ast.AST
    parent: Frame | None = None
    detail: Value = UNKNOWN

    def chain(self) -> Iterator[Frame]:
        """This frame and those around it, inmost first."""
        frame: Frame | None = self
        while frame is not None:
            yield frame
            frame = frame.parent

    def find(self, *kinds: FrameKind) -> Frame | None:
        """The inmost frame of one of these kinds."""
        return next((f for f in self.chain() if f.kind in kinds), None)

    def encloses(self, other: Frame) -> bool:
        """Whether `other` is this frame or lies inside it."""
        return any(f is self for f in other.chain())


@dataclass(eq=False, slots=True)
class Argument:
    """One argument of a call; `star` is `*` or `**` for a spread one."""

    node: ast.expr
    value: Value
    keyword: str | None = None
    star: str = ""


def calls_external(call: Call, *paths: str) -> bool:
    """Whether a call is one of these functions of another package."""
    return any(isinstance(c, External) and c.path in paths for c in call.callee.alternatives())


def first_argument(args: Sequence[Argument], keyword: str = "") -> Argument | None:
    """The first positional argument, or the one given by keyword."""
    for arg in args:
        if (arg.keyword is None and not arg.star) or (keyword and arg.keyword == keyword):
            return arg
    return None


Use = Literal["discarded", "returned", "assigned", "argument", "awaited", "other"]


@dataclass(eq=False, slots=True)
class Call:
    """A call that a function makes, in the order of evaluation."""

    node: ast.Call
    callee: Value
    args: tuple[Argument, ...]
    frame: Frame
    index: int
    flow: FunctionFlow
    result: Value = UNKNOWN
    use: Use = "other"

    @property
    def name(self) -> str:
        """The last part of what is called: `delay` of `task.delay(x)`."""
        func = self.node.func
        return func.attr if func.__class__ is ast.Attribute else func.id if func.__class__ is ast.Name else ""

    def keyword(self, name: str) -> Argument | None:
        """The argument given by this keyword."""
        return next((a for a in self.args if a.keyword == name), None)

    @property
    def positional(self) -> tuple[Argument, ...]:
        """The arguments given by position, spread ones too."""
        return tuple(a for a in self.args if a.keyword is None and a.star != "**")

    @property
    def is_opaque(self) -> bool:
        """Whether a `*` or `**` hides some arguments."""
        return any(a.star for a in self.args)


@dataclass(eq=False, slots=True)
class Exit:
    """An early end of the run: `if test: return`, `if test: raise Ignore()`."""

    test: ast.expr
    node: ast.stmt
    frame: Frame
    index: int
    """The calls made before it have lower indexes."""
    branch: Literal["if", "orelse"] = "if"
    """Which branch of the `if` ends the run."""


@dataclass(eq=False, slots=True)
class FunctionFlow:
    """What one function body does, as far as it can be told without running it."""

    module: Module
    function: Function | None
    """None for the module's own body."""
    root: Frame
    calls: list[Call] = field(default_factory=list)
    exits: list[Exit] = field(default_factory=list)
    returns: list[tuple[ast.stmt | ast.expr, Value]] = field(default_factory=list)
    yields: list[tuple[ast.expr, Value, Frame]] = field(default_factory=list)
    handlers: list[tuple[ast.ExceptHandler, ast.Try, Frame, Value]] = field(default_factory=list)
    """Each `except`, its `try`, the frame of its body, and the classes that it names."""
    withs: list[tuple[ast.expr, ast.With | ast.AsyncWith, Value, Frame]] = field(default_factory=list)
    stores: list[Store] = field(default_factory=list)
    closures: list[tuple[Function, Value, Frame]] = field(default_factory=list)
    values: dict[ast.expr, Value] = field(default_factory=dict)
    """The kinds of names, attributes and calls, by node."""
    raises: list[tuple[ast.Raise, Value, Frame]] = field(default_factory=list)
    events: dict[ast.Call, Call] = field(default_factory=dict)
    """The call events by their nodes."""
    frames: dict[ast.stmt, Frame] = field(default_factory=dict)
    """The block that each statement stands in."""

    def value(self, node: ast.expr | None) -> Value:
        """The kind of an expression of this function."""
        return UNKNOWN if node is None else self.values.get(node, UNKNOWN)

    @property
    def body(self) -> Sequence[ast.AST]:
        """The function's statements; none for the module's own body."""
        return self.function.body if self.function is not None else ()

    def assigned(self, name: str) -> Iterator[ast.expr]:
        """What the function's assignments give to a variable."""
        for node in own_nodes(self.body):
            if isinstance(node, (ast.Assign, ast.NamedExpr)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if any(mentions_name(target, name) for target in targets):
                    yield node.value

    def entered(self, name: str) -> Iterator[ast.expr]:
        """The expressions whose context a `with` statement of the function binds to a variable."""
        for node in own_nodes(self.body):
            if isinstance(node, ast.withitem) and node.optional_vars is not None:
                if mentions_name(node.optional_vars, name):
                    yield node.context_expr


@dataclass(eq=False, slots=True)
class Store:
    """An attribute set: `row.count = ...`, `row.count += 1`."""

    node: ast.Assign | ast.AugAssign | ast.AnnAssign
    target: ast.Attribute
    receiver: Value
    frame: Frame
    index: int


@record()
class Option:
    """An option of a task, and where it stands. `value` is UNKNOWN when it can't be read."""

    value: Value
    node: ast.expr | None = None
    module: Module | None = None
    where: str = "decorator"
    """`decorator`, `maker` (the project's own decorator, by itself), `base` or `settings`."""

    @property
    def constant(self) -> object:
        """The literal value; NotImplemented when it is not a literal."""
        return self.value.value if isinstance(self.value, Constant) else NotImplemented


@dataclass(eq=False)
class Task:
    """A function or class registered with Celery."""

    module: Module
    function: Function | None
    """The body: the decorated function, or the class's `run`."""
    cls: Class | None = None
    decorator: ast.expr | None = None
    options: dict[str, Option] = field(default_factory=dict)
    """The decorator's own options, the base class's under them."""
    is_opaque: bool = False
    """Whether options may be there that can't be read (`**OPTIONS`, a project decorator)."""
    factory: Function | None = None
    """The project's own decorator that makes the task."""
    is_remade: bool = False
    """Whether that may make it of another function than the decorated one."""
    takes_options: bool = True
    """Not where a variable holds the decorator with its options (`retried = shared_task(max_retries=3)`), or a
    decorator of the project's makes the task."""

    @property
    def name(self) -> str:
        """The name in the project's own code."""
        if self.cls is not None:
            return self.cls.qualname
        return self.function.qualname if self.function else "?"

    @cached_property
    def registered_name(self) -> str:
        """The name that messages carry.

        Celery makes it of the module's name and the function's own, whatever that is nested in
        (celery/utils/imports.py, gen_task_name). A class given as `base` names no task.
        """
        given = self.options.get("name")
        if given is not None and isinstance(given.constant, str) and (given.where == "decorator" or self.cls):
            return given.constant
        return f"{self.module.name}.{self.name.rpartition('.')[2]}"

    @property
    def node(self) -> ast.AST:
        """The definition."""
        if self.cls is not None:
            return self.cls.node
        assert self.function is not None
        return self.function.node

    @property
    def report_node(self) -> ast.AST:
        """Where to point at the task as a whole: its decorator, else its definition."""
        decorators = self.function.decorators if self.function is not None and self.cls is None else ()
        return self.decorator if self.decorator is not None and self.decorator in decorators else self.node

    @property
    def is_bound(self) -> bool:
        """Whether the body gets the task itself as its first argument."""
        if self.cls is not None:
            return True
        bind = self.options.get("bind")
        return bind is not None and bind.constant is not False

    @cached_property
    def parameters(self) -> Sequence[ast.arg]:
        """The parameters that a message fills by position, `self` of a bound task left out."""
        if self.function is None:
            return ()
        positional = tuple(self.function.positional)
        return positional[1:] if self.is_bound else positional

    def option(self, name: str) -> Option | None:
        return self.options.get(name)

    def is_true(self, name: str) -> bool:
        """Whether an option is given and not known to be false."""
        option = self.options.get(name)
        return option is not None and option.constant not in (False, None)

    def __repr__(self) -> str:
        return f"<Task {self.registered_name}>"


@record()
class Sent:
    """One argument as the task receives it."""

    node: ast.expr
    value: Value
    keyword: str | None = None


@dataclass(eq=False, slots=True)
class Dispatch:
    """A call that sends a task message, or makes a signature that will.

    `verb` is the method's name. `task` is None when nothing is known of it.
    `is_deferred`: the verb itself waits for the commit (`delay_on_commit`).
    `is_signature`: nothing is sent yet.
    """

    call: Call
    verb: str
    task: Task | None
    sent: tuple[Sent, ...]
    options: dict[str, Argument] = field(default_factory=dict)
    is_opaque: bool = False
    is_signature: bool = False
    is_deferred: bool = False
    forwarder: Function | None = None
    """The project's wrapper that sends it, when it goes through one."""
    target: ast.expr | None = None
    """The expression that names what is sent: `task.delay`."""
    packed: dict[str, Argument] = field(default_factory=dict)
    """The task's arguments as they are given in one piece: `args` and `kwargs`."""

    @property
    def node(self) -> ast.Call:
        return self.call.node

    @property
    def flow(self) -> FunctionFlow:
        return self.call.flow


@record()
class Write:
    """A change to the database: `row.save()`, `Model.objects.create(...)`."""

    call: Call
    model: Class | str | None
    origin: Origin | None
    verb: str


@dataclass(eq=False, slots=True)
class App:
    """A Celery application made in the project."""

    module: Module
    node: ast.Call
    keywords: dict[str, ast.expr]


@record()
class Step:
    """One step of a path of calls that proves something: where, and what it shows."""

    place: Place
    text: str
