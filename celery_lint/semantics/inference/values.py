"""The kinds of value that an expression may have.

A value says only what is known for certain; `UNKNOWN` is always a legal answer
and silences rules. Values are frozen and compare by what they say, so that
joining the branches of an `if` is a union of sets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Literal

from celery_lint.records import record

if TYPE_CHECKING:
    import ast

    from celery_lint.project.modules import Class, Function, Module
    from celery_lint.semantics.model import Task

MAX_ALTERNATIVES = 8


@record()
class Origin:
    """Which row a value belongs to: two values with one origin are, or name, the same row.

    `key` identifies the expression that produced it inside one function.
    `created` says that the row was made in this function, `built` that it was made in memory, and may be saved.
    """

    key: tuple[object, ...]
    created: bool = False
    built: bool = False


class Value:
    """What is known of an expression's value."""

    __slots__ = ()

    def alternatives(self) -> Sequence[Value]:
        """The members of a union; the value itself otherwise."""
        return (self,)


@record(eq=False)
class Unknown(Value):
    """Nothing is known. There is one, UNKNOWN: it may be compared by identity."""


UNKNOWN = Unknown()


@record(eq=False)
class Union(Value):
    """One of several values, in the order in which the code gives them; equal whatever the order."""

    members: tuple[Value, ...]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Union) and frozenset(self.members) == frozenset(other.members)

    def __hash__(self) -> int:
        return hash(frozenset(self.members))

    def alternatives(self) -> Sequence[Value]:
        return self.members


@record()
class External(Value):
    """A name that a module outside the project defines: `django.db.transaction.atomic`."""

    path: str


@record()
class ModuleValue(Value):
    """A module of the project."""

    module: Module


@record()
class FunctionValue(Value):
    """A function of the project, bound to `receiver` when it was reached through one.

    `bound` holds the closure's captured variables for a nested function.
    """

    function: Function
    receiver: Value | None = None
    captured: Captured | None = field(default=None, compare=False)


class Captured:
    """The variables that a nested function or lambda sees of the functions around it."""

    __slots__ = ("names",)

    def __init__(self, names: dict[str, Value]) -> None:
        self.names = names


@record()
class ClassValue(Value):
    """A class of the project."""

    cls: Class


@record()
class Instance(Value):
    """An instance of a class, of the project or (by dotted path) of another package.

    `model` is whose row it holds, of a form, a serializer or its data whose own class does not tell.
    """

    cls: Class | str
    origin: Origin | None = None
    model: Class | str | None = None


Clock = Literal["local", "written", "utc", "aware", ""]
"""What a `datetime` is counted by: the process's own zone or UTC without saying so, figures in the code,
or a zone that it has. Empty where that is not known."""


@record()
class Moment(Instance):
    """A `datetime`. `after` is how many seconds from now it lies, where that is known."""

    clock: Clock = ""
    after: float | None = None
    node: ast.Call | None = field(default=None, compare=False)
    """The call that it comes from: `datetime.now()`."""


@record()
class Duration(Instance):
    """A `timedelta`, of so many seconds where that is known."""

    seconds: float | None = None


@record()
class ModelValue(Value):
    """An instance of a database model: one row."""

    model: Class | str
    origin: Origin | None = None


@record()
class KeyValue(Value):
    """A column's value of a row: its primary key when `column` is `pk` or `id`.

    `kind` is the Python type that it was made into: `str(order.id)`.
    """

    column: str
    model: Class | str | None = None
    origin: Origin | None = None
    kind: str = ""


@record()
class ManagerValue(Value):
    """A manager of a model. `related` is the row whose related manager it is."""

    model: Class | str | None
    cls: Class | str | None = None
    related: Origin | None = None


@record()
class QuerySetValue(Value):
    """A queryset of a model; `rows` is `instances`, `dicts`, `tuples` or `flat`.

    `columns` is what each row holds of a SQLAlchemy query that asks for several things.
    """

    model: Class | str | None
    rows: str = "instances"
    cls: Class | str | None = None
    origin: Origin | None = None
    columns: tuple[Value, ...] = ()


@record()
class Scalar(Value):
    """A plain value that every serializer carries: a number, a string, a flag, None.

    `kind` is the Python type's name where it is known, `origin` the row that it may be the key of.
    """

    kind: str = ""
    origin: Origin | None = None


@record()
class Content(Value):
    """All that something holds, of whatever size: read from a file, downloaded, rows made into text.

    `source` is `file`, `upload`, `response`, `buffer` or `rows`; `is_parsed` when objects were made of it.
    """

    source: str
    is_parsed: bool = False


@record()
class Constant(Value):
    """A literal."""

    value: str | int | float | bool | bytes | None


NONE = Constant(None)
TEXT = Scalar("str")


@record()
class Collection(Value):
    """A built-in container; `kind` is `list`, `tuple`, `set`, `dict`, `generator`, ....

    `element` is any member (any value of a mapping). `items` holds the members
    of a display of known length, `keys` the constant keys of a dict display;
    `key` is any other key of a mapping.
    """

    kind: str
    element: Value = UNKNOWN
    items: tuple[Value, ...] | None = None
    keys: tuple[str, ...] | None = None
    key: Value = UNKNOWN


@record()
class Parameter(Value):
    """A parameter of which only its callers know more."""

    function: Function
    name: str
    star: str = ""
    """`*` or `**` for the collected arguments."""


@record()
class Field(Value):
    """An attribute of a parameter or of another value that is not known."""

    base: Value
    name: str


@record()
class BoundMethod(Value):
    """A method of a value that is no class of the project: `task.delay`, `queryset.filter`."""

    receiver: Value
    name: str


@record()
class Partial(Value):
    """`partial(function, *args, **keywords)`."""

    function: Value
    args: tuple[Value, ...] = ()
    keywords: tuple[tuple[str, Value], ...] = ()
    node: ast.Call | None = field(default=None, compare=False)
    module: Module | None = field(default=None, compare=False)
    """Where `node` stands."""


@record()
class Dynamic(Value):
    """`getattr(x, "name")` of an unknown `x`: the attribute of that name of some object."""

    name: str


@record()
class Super(Value):
    """`super()` seen from a method of `cls`."""

    cls: Class
    receiver: Value


@record()
class TaskValue(Value):
    """A task of the project, or by its dotted path a task of another package."""

    task: Task | str


@record()
class AppValue(Value):
    """A Celery application; `node` is the call that makes it, None when it can't be told which one it is."""

    node: ast.Call | None = None


@record()
class SignatureValue(Value):
    """`task.s(...)`; `task` is None when only a name or nothing is known of it."""

    task: Task | str | None = None
    immutable: bool = False


@record()
class CanvasValue(Value):
    """A chain, group, chord, chunks or map."""

    kind: str


@record()
class ResultValue(Value):
    """An AsyncResult, GroupResult or EagerResult."""

    task: Task | str | None = None
    eager: bool = False


@record()
class TaskRequest(Value):
    """`self.request` of a bound task."""


@record()
class HttpRequest(Value):
    """A web framework's request. `by_name`: nothing but a parameter's name says so."""

    by_name: bool = False


@record()
class CleanedData(Value):
    """What a form or serializer class makes of its input: `form.cleaned_data`, `serializer.validated_data`."""

    cls: Class


@record()
class Atomic(Value):
    """An object that opens a transaction: `transaction.atomic(...)`, `session.begin()`.

    `using` is the database alias as source code, None for the default one.
    """

    using: str | None = None
    kind: str = "atomic"
    is_savepoint: bool = False
    """The end of its block commits nothing for good."""
    manager: Value | None = None
    """The context manager that opens it, where `as` binds what that gives."""


@record()
class ContextManager(Value):
    """A context manager made by a generator function; `yielded` is what `as` binds."""

    yielded: Value


@record()
class Decorator(Value):
    """What a decorator factory returned: `task` when it makes tasks."""

    kind: str
    node: ast.Call | None = field(default=None, compare=False)
    module: Module | None = field(default=None, compare=False)
    """Where `node` stands."""


def union(*values: Value) -> Value:
    """The value that is one of `values`: UNKNOWN absorbs nothing, too many become UNKNOWN."""
    count = len(values)
    if count == 1:
        return values[0]
    if count == 2:
        one, other = values
        if one is other:
            return one
        if one.__class__ is not Union and other.__class__ is not Union:
            return one if one.__class__ is other.__class__ and one == other else Union(values)
    # Not a set: an order by hashes would differ from run to run, and with it the findings.
    members: dict[Value, None] = {}
    for value in values:
        for member in value.members if isinstance(value, Union) else (value,):
            members[member] = None
        if len(members) > MAX_ALTERNATIVES:
            return UNKNOWN
    if len(members) == 1:
        return next(iter(members))
    return Union(tuple(members)) if members else UNKNOWN


def each(value: Value, change: Callable[[Value], Value]) -> Value:
    """What `change` makes of a value; of a union, what it makes of any of the members."""
    return union(*map(change, value.members)) if value.__class__ is Union else change(value)


class ByKind(dict[type[Value], Callable[..., Value]]):
    """Functions by the kind of value that they look at first; of other kinds nothing is known."""

    def __missing__(self, kind: type[Value]) -> Callable[..., Value]:
        # A kind that is a sort of another is looked at as that.
        self[kind] = next((self[base] for base in kind.__mro__[1:] if base in self), unknown)
        return self[kind]


def unknown(*_: object) -> Value:
    """What is known of a value that nothing tells about."""
    return UNKNOWN


def number(value: Value) -> float | None:
    """The number that a value surely is; None for any other, a truth value among them."""
    if isinstance(value, Constant) and isinstance(value.value, (int, float)) and not isinstance(value.value, bool):
        return value.value
    return None


def may_be_row(value: Value) -> bool:
    """Whether a value is a row, or may be one among others: a row or None, of two models."""
    return any(isinstance(one, ModelValue) for one in value.alternatives())
