"""One parsed module: its functions, classes and module-level names.

Function bodies are not entered here: whoever needs one walks it then.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from celery_lint.project.outline import first_row, is_unreadable, outline
from celery_lint.project.syntax import FIELDS, IS_SCOPE, blocks, children, walk
from celery_lint.records import record
from celery_lint.source import Source

# What follows the name of an attribute that is assigned to, alone or with others.
_ASSIGNS = re.compile(r"\s*(?:=(?!=)|[-+*/%&|^@<>]{1,3}=|:[^=\n]*=(?!=)|,[^=()]*\)?\s*=(?!=)|[)\]]\s*=(?!=))")
_NESTED = re.compile(r"\n[ \t]*(?:def|async)[ \t]")

# Up to so many words are looked for one by one.
MANY_WORDS = 12

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@record()
class ImportBinding:
    """`import module` or `from module import name`; `module` is absolute."""

    module: str
    name: str | None


@record()
class AssignBinding:
    """`target = value`; `index` is the place in an unpacked tuple.

    With `value` None the name is only bound (a loop variable, a `with` target).
    """

    value: ast.expr | None
    annotation: ast.expr | None = None
    index: int | None = None


@dataclass(eq=False)
class Function:
    """A function, a method, a nested function or a lambda."""

    module: Module
    node: FunctionNode
    cls: Class | None = None
    parent: Function | None = None

    @property
    def name(self) -> str:
        return "<lambda>" if isinstance(self.node, ast.Lambda) else self.node.name

    @cached_property
    def qualname(self) -> str:
        """The dotted name inside the module: `Order.save`, `outer.inner`."""
        if self.parent is not None:
            return f"{self.parent.qualname}.{self.name}"
        return f"{self.cls.qualname}.{self.name}" if self.cls else self.name

    @property
    def dotted(self) -> str:
        return f"{self.module.name}.{self.qualname}"

    @property
    def outermost(self) -> Function:
        """The module-level function or method that a nested one stands in; any other is its own."""
        function = self
        while function.parent is not None:
            function = function.parent
        return function

    @property
    def decorators(self) -> Sequence[ast.expr]:
        return () if isinstance(self.node, ast.Lambda) else self.node.decorator_list

    @property
    def returns(self) -> ast.expr | None:
        return None if isinstance(self.node, ast.Lambda) else self.node.returns

    @property
    def is_async(self) -> bool:
        return isinstance(self.node, ast.AsyncFunctionDef)

    @cached_property
    def body(self) -> Sequence[ast.stmt]:
        """The statements; a lambda's expression as one `return`."""
        if isinstance(self.node, ast.Lambda):
            value = self.node.body
            statement = ast.copy_location(ast.Return(value), value)
            return (statement,)
        return self.node.body

    @property
    def is_unreadable(self) -> bool:
        """Whether the body is no Python."""
        return not isinstance(self.node, ast.Lambda) and is_unreadable(self.node)

    @cached_property
    def positional(self) -> Sequence[ast.arg]:
        """Parameters that can be given by position, in order."""
        arguments = self.node.args
        return (*arguments.posonlyargs, *arguments.args)

    @cached_property
    def parameters(self) -> dict[str, ast.arg]:
        """All parameters by name, `*args` and `**kwargs` too."""
        arguments = self.node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
        return {a.arg: a for a in every}

    @cached_property
    def defaults(self) -> dict[str, ast.expr]:
        """Default values by parameter name."""
        arguments = self.node.args
        found: dict[str, ast.expr] = {}
        if arguments.defaults:
            for arg, default in zip(self.positional[-len(arguments.defaults) :], arguments.defaults, strict=True):
                found[arg.arg] = default
        for arg, keyword_default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            if keyword_default is not None:
                found[arg.arg] = keyword_default
        return found

    @cached_property
    def is_static(self) -> bool:
        return any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in self.decorators)

    @cached_property
    def is_classmethod(self) -> bool:
        return any(isinstance(d, ast.Name) and d.id == "classmethod" for d in self.decorators)

    @cached_property
    def scan(self) -> Scan:
        """What one walk over the function brings to light."""
        return scan(self)

    @property
    def is_generator(self) -> bool:
        """Whether the body itself yields."""
        return self.scan.yields

    @cached_property
    def rows(self) -> tuple[int, int]:
        """The first row, of a decorator if there are any, and the last."""
        return rows_of(self.node)

    @property
    def text(self) -> str:
        """The function's own text, in whole lines."""
        return self.module.source.rows_text(*self.rows)

    def holds(self, words: Collection[str]) -> bool:
        """Whether any of the words stands in the function's text, strings included.

        Nothing is parsed for it; lines that are comments don't count.
        """
        return meets(self.module.rows_of(words), *self.rows)

    @property
    def words(self) -> frozenset[str]:
        """Every name and attribute that the function mentions, nested functions included."""
        return self.scan.words

    def mentions(self, names: Collection[str]) -> bool:
        """Whether the function mentions one of these names or attributes: its text decides most often."""
        rows = self.module.rows_of(names)
        first, last = self.rows
        if not meets(rows, first, last):
            return False
        if not self.words_of_head.isdisjoint(names):
            return True
        start = first if isinstance(self.node, ast.Lambda) else first_row(self.node)
        return meets(rows, start, last) and (self.is_unreadable or not self.words.isdisjoint(names))

    @cached_property
    def words_of_head(self) -> frozenset[str]:
        """What its decorators, parameters and annotations mention."""
        words: set[str] = set()
        _add_words(children(self.node, without="body"), words)  # to look at the body is to parse it
        return frozenset(words)

    def may_set(self, attribute: str) -> bool:
        """Whether the text looks as if it assigned to an attribute of some object; nothing is parsed for it."""
        if not self.holds((attribute,)):
            return False
        text, wanted = self.text, f".{attribute}"
        at = text.find(wanted)
        while at >= 0:
            at += len(wanted)
            if _ASSIGNS.match(text, at):
                return True
            at = text.find(wanted, at)
        return False

    @cached_property
    def has_nested(self) -> bool:
        """Whether there may be a `def` inside: found without parsing, and never too rarely."""
        return _NESTED.search(self.module.source.rows_text(self.node.lineno, self.rows[1])) is not None

    def __repr__(self) -> str:
        return f"<Function {self.module.name}:{self.qualname}>"


@dataclass(eq=False)
class Class:
    """A class statement."""

    module: Module
    node: ast.ClassDef
    outer: Class | None = None
    parent: Function | None = None
    functions: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, Class] = field(default_factory=dict)
    assigns: dict[str, list[AssignBinding]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.node.name

    @cached_property
    def qualname(self) -> str:
        return f"{self.outer.qualname}.{self.name}" if self.outer else self.name

    @property
    def dotted(self) -> str:
        return f"{self.module.name}.{self.qualname}"

    def __repr__(self) -> str:
        return f"<Class {self.module.name}:{self.qualname}>"


@record()
class Scan:
    """The names that a function mentions and binds."""

    words: frozenset[str]
    """Names, attributes, imports and identifiers in strings; those of nested functions too."""
    locals: frozenset[str]
    """The variables of the function itself."""
    stored: frozenset[str]
    """Those of them that are set in the body."""
    stored_attributes: frozenset[str]
    """The `x` of every `something.x = ...` of the function itself."""
    tests: Sequence[ast.expr]
    """What every `if` of the function itself tests."""
    yields: bool
    returns_value: bool
    assigns_within: bool
    """Whether an expression binds a name: `:=`."""


def scan(function: Function) -> Scan:
    """Walk a function once. Nodes of nested functions only add to the words."""
    words = set(function.words_of_head)
    elsewhere: set[str] = set()
    names: set[str] = set()
    attributes: set[str] = set()
    tests: list[ast.expr] = []
    yields = returns_value = assigns_within = False
    # What only adds to the words: nested functions and classes.
    inner: list[ast.AST] = []
    stack: list[ast.AST | None] = list(function.body)
    push, pop = stack.append, stack.pop
    mention, bind = words.add, names.add
    while stack:
        node = pop()
        if node is None:
            continue
        kind = node.__class__
        if kind is ast.Name:
            mention(node.id)  # type: ignore[attr-defined]
            if node.ctx.__class__ is not ast.Load:  # type: ignore[attr-defined]
                bind(node.id)  # type: ignore[attr-defined]
        elif kind is ast.Attribute:
            mention(node.attr)  # type: ignore[attr-defined]
            if node.ctx.__class__ is ast.Store:  # type: ignore[attr-defined]
                attributes.add(node.attr)  # type: ignore[attr-defined]
            push(node.value)  # type: ignore[attr-defined]
        elif kind is ast.Constant:
            value = node.value  # type: ignore[attr-defined]
            if value.__class__ is str and value.isidentifier():
                mention(value)
        elif IS_SCOPE[kind]:
            if kind is not ast.Lambda:
                bind(node.name)  # type: ignore[attr-defined]
            inner += children(node)
        elif kind is ast.alias:
            bound = node.asname or node.name  # type: ignore[attr-defined]
            mention(bound.rpartition(".")[2])
            mention(node.name.rpartition(".")[2])  # type: ignore[attr-defined]
            bind(bound.partition(".")[0])
        else:
            if kind is ast.If:
                tests.append(node.test)  # type: ignore[attr-defined]
            elif kind is ast.Return:
                returns_value |= node.value is not None  # type: ignore[attr-defined]
            elif kind in _YIELDS:
                yields = True
            elif kind is ast.NamedExpr:
                assigns_within = True
            elif kind in _BINDERS:
                if node.name:  # type: ignore[attr-defined]
                    bind(node.name)  # type: ignore[attr-defined]
            elif kind in _ELSEWHERE:
                elsewhere.update(node.names)  # type: ignore[attr-defined]
            for name in FIELDS[kind]:
                value = getattr(node, name, None)
                if value.__class__ is list:
                    stack += value
                elif value is not None and value.__class__ is not str:
                    push(value)
    _add_words(inner, words)
    names -= elsewhere
    own = frozenset(names.union(function.parameters) - elsewhere)
    return Scan(
        frozenset(words), own, frozenset(names), frozenset(attributes), tests, yields, returns_value, assigns_within
    )


def _add_words(nodes: Iterable[ast.AST], words: set[str]) -> None:
    """Add the names that nodes and all below them mention: names, attributes, imports, identifiers in strings."""
    mention = words.add
    for node in walk(*nodes):
        kind = node.__class__
        if kind is ast.Name:
            mention(node.id)  # type: ignore[attr-defined]
        elif kind is ast.Attribute:
            mention(node.attr)  # type: ignore[attr-defined]
        elif kind is ast.Constant:
            value = node.value  # type: ignore[attr-defined]
            if value.__class__ is str and value.isidentifier():
                mention(value)
        elif kind is ast.alias:
            mention((node.asname or node.name).rpartition(".")[2])  # type: ignore[attr-defined]
            mention(node.name.rpartition(".")[2])  # type: ignore[attr-defined]


_YIELDS = frozenset({ast.Yield, ast.YieldFrom})
_BINDERS = frozenset({ast.ExceptHandler, ast.MatchAs, ast.MatchStar})
_ELSEWHERE = frozenset({ast.Global, ast.Nonlocal})

Binding: TypeAlias = ImportBinding | AssignBinding | Function | Class


class Module:
    """One source file, parsed: at once, or function by function as they are looked at.

    Raises source.UnreadableError when it can't be.
    """

    def __init__(self, name: str, source: Source, *, at_once: bool = True) -> None:
        self.name = name
        self.source = source
        self.filename = source.filename
        self.is_package = source.filename.endswith("__init__.py")
        self.tree = source.tree if at_once else outline(source)
        self.bindings: dict[str, list[Binding]] = {}
        self.star_imports: list[str] = []
        self.functions: list[Function] = []
        self.classes: list[Class] = []
        self.nested: dict[ast.AST, Function] = {}
        self._rows: dict[str | Collection[str], Sequence[int]] = {}
        self._collect(self.tree.body)

    def __repr__(self) -> str:
        return f"<Module {self.name}>"

    @property
    def package(self) -> str:
        """The package that relative imports start from."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    def absolute(self, node: ast.ImportFrom) -> str:
        """The absolute name of the module that a `from` import names."""
        if not node.level:
            return node.module or ""
        parts = self.package.split(".") if self.package else []
        base = parts[: len(parts) - (node.level - 1)] if node.level > 1 else parts
        return ".".join([*base, *([node.module] if node.module else [])])

    def import_bindings(self, node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, ImportBinding]]:
        """The names that an import statement binds; `*` for a star import."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    yield alias.asname, ImportBinding(alias.name, None)
                else:
                    top = alias.name.partition(".")[0]
                    yield top, ImportBinding(top, None)
            return
        module = self.absolute(node)
        for alias in node.names:
            yield alias.asname or alias.name, ImportBinding(module, alias.name)

    def _bind(self, name: str, binding: Binding) -> None:
        self.bindings.setdefault(name, []).append(binding)

    def _collect(self, body: Sequence[ast.stmt]) -> None:
        for node in flat_statements(body):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                function = Function(self, node)
                self.functions.append(function)
                self.nested[node] = function
                self._bind(node.name, function)
            elif isinstance(node, ast.ClassDef):
                cls = self.define_class(node, None, None)
                self._bind(node.name, cls)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                for name, binding in self.import_bindings(node):
                    if name == "*":
                        self.star_imports.append(binding.module)
                    else:
                        self._bind(name, binding)
            else:
                for name, assign in assigned(node):
                    self._bind(name, assign)

    def define_class(self, node: ast.ClassDef, outer: Class | None, parent: Function | None) -> Class:
        """The class of a class statement, its methods and inner classes with it."""
        cls = Class(self, node, outer, parent)
        self.classes.append(cls)
        for inner in flat_statements(node.body):
            if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)):
                method = Function(self, inner, cls, parent)
                self.functions.append(method)
                self.nested[inner] = method
                # A property's setter or an overload must not hide the first definition.
                if inner.name not in cls.functions or not is_accessor(inner):
                    cls.functions[inner.name] = method
            elif isinstance(inner, ast.ClassDef):
                cls.classes[inner.name] = self.define_class(inner, cls, parent)
            else:
                for name, assign in assigned(inner):
                    cls.assigns.setdefault(name, []).append(assign)
        return cls

    def nested_function(self, node: FunctionNode, parent: Function | None) -> Function:
        """The function of a nested `def` or a lambda: the same object each time."""
        function = self.nested.get(node)
        if function is None:
            cls = parent.cls if parent is not None else None
            function = self.nested[node] = Function(self, node, cls, parent)
        return function

    @cached_property
    def run_as_script(self) -> frozenset[str]:
        """The names that the module uses under `if __name__ == "__main__":`."""
        if not self.rows_of(("__main__",)):
            return frozenset()
        parts = [
            node
            for node in self.tree.body
            if isinstance(node, ast.If)
            and any(isinstance(part, ast.Constant) and part.value == "__main__" for part in walk(node.test))
        ]
        return frozenset(n.id for part in parts for n in walk(*part.body) if isinstance(n, ast.Name))

    def nodes_around(self, words: Collection[str]) -> Iterator[ast.AST]:
        """The nodes of the statements, whole functions and methods too, in whose text any of the words stands."""
        rows = self.rows_of(words)
        waiting = list(reversed(self.tree.body))
        while waiting:
            node = waiting.pop()
            if meets(rows, *rows_of(node)):
                if isinstance(node, ast.ClassDef):
                    yield node
                    yield from walk(*node.decorator_list, *node.bases, *node.keywords)
                    waiting += reversed(node.body)
                else:
                    yield from walk(node)

    def holding(self, words: Collection[str]) -> Iterator[Function]:
        """The functions in whose text any of the words stands; nothing is parsed for it."""
        rows = self.rows_of(words)
        if not rows:
            return
        for function in self.functions:
            first, last = function.rows
            # The first and the last of the rows rule out most functions.
            if first <= rows[-1] and last >= rows[0] and meets(rows, first, last):
                yield function

    def rows_of(self, words: Collection[str]) -> Sequence[int]:
        """The rows in which any of the words stands, as a whole word, in order."""
        known = self._rows.get(words)
        if known is None:
            known = self._rows[words] = self._find_rows(words)
        return known

    def _find_rows(self, words: Collection[str]) -> Sequence[int]:
        found: set[int] = set()
        many = len(words) >= MANY_WORDS
        for word in self.source.words().intersection(words) if many else words:
            found.update(self.source.rows_of(word))
        return sorted(found)


def rows_of(node: ast.stmt | ast.expr) -> tuple[int, int]:
    """The first row of a node, of a decorator if it has any, and the last."""
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
    return first, node.end_lineno or first


def scope_at(body: Sequence[ast.stmt], row: int) -> str:
    """The qualified name of the innermost function or class around a row, its decorators included; empty for none."""
    names: list[str] = []
    while True:
        inner = next((each for each in _definitions(body) if rows_of(each)[0] <= row <= rows_of(each)[1]), None)
        if inner is None:
            return ".".join(names)
        names.append(inner.name)
        body = inner.body


def has_scope(body: Sequence[ast.stmt], scope: str) -> bool:
    """Whether there is a function or class of this qualified name."""
    name, _, rest = scope.partition(".")
    return any(each.name == name and (not rest or has_scope(each.body, rest)) for each in _definitions(body))


def _definitions(body: Sequence[ast.stmt]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    for node in flat_statements(body):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node


def meets(rows: Sequence[int], first: int, last: int) -> bool:
    """Whether any of the rows, which are in order, lies between two."""
    at = bisect_left(rows, first)
    return at < len(rows) and rows[at] <= last


def is_accessor(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a method is `@x.setter`, `@x.deleter` or the like."""
    return any(isinstance(d, ast.Attribute) and d.attr in ("setter", "deleter", "getter") for d in node.decorator_list)


def flat_statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module or class body, those under `if`, `try`, `with` and loops included.

    A block under `if TYPE_CHECKING:` counts: its names serve annotations.
    """
    stack = list(reversed(body))
    while stack:
        node = stack.pop()
        yield node
        if not IS_SCOPE[node.__class__]:
            for block in reversed(blocks(node)):
                stack.extend(reversed(block))


def assigned(node: ast.stmt) -> Iterator[tuple[str, AssignBinding]]:
    """The plain names that a statement itself binds by assignment."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _targets(target, node.value)
    elif isinstance(node, ast.AnnAssign):
        if isinstance(node.target, ast.Name):
            yield node.target.id, AssignBinding(node.value, node.annotation)
    elif isinstance(node, (ast.For, ast.AsyncFor)):
        yield from _targets(node.target, None)
    elif isinstance(node, (ast.With, ast.AsyncWith)):
        for item in node.items:
            if item.optional_vars is not None:
                yield from _targets(item.optional_vars, None)


def _targets(target: ast.expr, value: ast.expr | None) -> Iterator[tuple[str, AssignBinding]]:
    if isinstance(target, ast.Name):
        yield target.id, AssignBinding(value)
    elif isinstance(target, (ast.Tuple, ast.List)):
        for index, element in enumerate(target.elts):
            if isinstance(element, ast.Name):
                if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
                    yield element.id, AssignBinding(value.elts[index])
                else:
                    yield element.id, AssignBinding(value, index=index)
