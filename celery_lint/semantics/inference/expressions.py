"""The kinds of a body's expressions, with the variables in force and what becomes known of them.

Statements are read in `flow.py`. Nested functions and lambdas are values here; their bodies
are read when somebody asks for their own flow.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from celery_lint.project.modules import Class, Function, Module
from celery_lint.project.syntax import children, dotted_name
from celery_lint.semantics.inference import attributes, operators
from celery_lint.semantics.inference.call_values import result
from celery_lint.semantics.inference.narrowing import falsy, narrow
from celery_lint.semantics.inference.slices import CHANGING
from celery_lint.semantics.inference.values import (
    NONE,
    TEXT,
    UNKNOWN,
    Captured,
    Collection,
    Constant,
    External,
    FunctionValue,
    Origin,
    Scalar,
    Union,
    Value,
    each,
    union,
)
from celery_lint.semantics.model import Argument, Call, Frame, FunctionFlow, Store, Use

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

MAX_DEPTH = 120
_DISPLAYS: dict[type[ast.expr], str] = {
    ast.List: "list",
    ast.Tuple: "tuple",
    ast.Set: "set",
    ast.ListComp: "list",
    ast.SetComp: "set",
    ast.GeneratorExp: "generator",
}
_CALLS = frozenset({ast.Call, ast.Await})
_SUPER = External("builtins.super")
_BOOL = Scalar("bool")
Names = dict[str, Value]


class Evaluator:
    """Reads the expressions of one body. `names` are the variables in force; names not in it are looked up outside."""

    def __init__(
        self,
        hub: Semantics,
        module: Module,
        function: Function | None = None,
        names: Names | None = None,
        captured: Captured | None = None,
        cls: Class | None = None,
        fuel: int = 0,
        kept: frozenset[ast.AST] | None = None,
    ) -> None:
        self.hub = hub
        self.module = module
        self.function = function
        self.cls = cls
        self.names: Names = dict(names) if names else {}
        self.captured = captured
        self.fuel = fuel
        self.kept = kept
        """The statements to read, where not all matter (slices.py, Candidates.statements); None for all."""
        self.frame = Frame("function", function.node if function else module.tree)
        self.flow = FunctionFlow(module, function, self.frame)
        self.recording = function is not None and kept is None
        self._locals = function.scan.locals if function is not None else frozenset()
        self._dotted = {name.partition(".")[0] for name in self.names if "." in name} if names else set()
        """The variables of whose attributes something is, or was, known."""
        self._depth = 0
        self._discarded: set[ast.expr] = set()
        """Calls of whose results at most the truth counts."""

    # Names

    def visible(self) -> Names:
        """All variables that a function nested here sees, apart from the module's."""
        return {**self.captured.names, **self.names} if self.captured else dict(self.names)

    def outside(self, name: str) -> Value:
        """The value of a name that is no variable in force: of one around the body, or of the module."""
        if name in self._locals:
            return UNKNOWN
        if self.captured is not None:
            value = self.captured.names.get(name)
            if value is not None:
                return value
        if self.cls is not None:
            value = self.hub.class_scope(self.cls, name)
            if value is not None:
                return value
        return self.hub.global_name(self.module, name)

    def forget(self, name: str) -> None:
        """Drop what is known of a variable and its attributes."""
        self.names.pop(name, None)
        if name.partition(".")[0] in self._dotted:
            prefix = name + "."
            for key in [k for k in self.names if k.startswith(prefix)]:
                del self.names[key]

    def learn(self, path: str, value: Value) -> None:
        """Take in what becomes known of a variable or of an attribute of one: `order`, `order.customer`."""
        self.names[path] = value
        variable, dot, _ = path.partition(".")
        if dot:
            self._dotted.add(variable)

    def assign(self, target: ast.expr, value: Value, node: ast.stmt | ast.expr | None) -> None:
        """Bind a target."""
        if target.__class__ is ast.Name:
            if target.id in self._dotted:
                self.forget(target.id)
            self.names[target.id] = value
            self.flow.values[target] = value
        elif target.__class__ is ast.Attribute:
            receiver = self.eval(target.value)
            path = dotted_name(target)
            if path is not None:
                self.forget(path)
                self.learn(path, value)
            self.flow.values[target] = value
            if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
                self.flow.stores.append(Store(node, target, receiver, self.frame, len(self.flow.calls)))
        elif isinstance(target, (ast.Tuple, ast.List)):
            items = value.items if isinstance(value, Collection) else None
            for index, element in enumerate(target.elts):
                if isinstance(element, ast.Starred):
                    self.assign(element.value, Collection("list", self.element(value, None)), node)
                elif items is not None and len(items) == len(target.elts):
                    self.assign(element, items[index], node)
                else:
                    self.assign(element, self.element(value, None), node)
        elif isinstance(target, ast.Subscript):
            container = self.eval(target.value)
            member = self.eval(target.slice)
            # A display that gets another member is one of unknown members, unless the member has a name.
            if isinstance(container, Collection) and isinstance(target.value, ast.Name):
                key = join_key(container, member) if container.kind == "dict" else UNKNOWN
                named = (
                    {member.value: value} if isinstance(member, Constant) and isinstance(member.value, str) else None
                )
                extended = with_items(container, named) if named is not None else None
                self.names[target.value.id] = extended or Collection(
                    container.kind, join_element(container, value), key=key
                )
        elif isinstance(target, ast.Starred):
            self.assign(target.value, value, node)

    def shrink(self, name: str, key: Value) -> None:
        """Note that a container that a variable holds loses a member."""
        container = self.names.get(name)
        if not isinstance(container, Collection) or container.items is None:
            return
        held = dict(zip(container.keys, container.items, strict=True)) if container.keys is not None else {}
        gone = key.value if isinstance(key, Constant) else None
        if isinstance(gone, str) and gone in held:
            del held[gone]
            self.names[name] = Collection("dict", container.element, tuple(held.values()), tuple(held))
        elif not isinstance(gone, str) or container.keys is None:
            self.names[name] = Collection(container.kind, container.element, key=container.key)

    # Expressions

    def eval_quietly(self, node: ast.expr) -> Value:
        """The kind of an expression, without recording its calls once more."""
        known = self.flow.values.get(node)
        if known is not None:
            return known
        recording, self.recording = self.recording, False
        try:
            return self.eval(node)
        finally:
            self.recording = recording

    def eval(self, node: ast.expr, use: Use | None = None) -> Value:
        """The kind of an expression; `use` says what becomes of it."""
        value: Value
        if node.__class__ is ast.Name:
            value = self.names[node.id] if node.id in self.names else self.outside(node.id)
        elif node.__class__ is ast.Constant:
            value = constant(node.value)
        elif self._depth > MAX_DEPTH:
            return UNKNOWN
        else:
            self._depth += 1
            try:
                method = _EXPRESSIONS[node.__class__]
                value = method(self, node) if method is not None else self.eval_children(node)
            finally:
                self._depth -= 1
            if use is not None and node.__class__ in _CALLS and self.recording:
                self.mark(node, use)
        if self.recording:
            self.flow.values[node] = value
        return value

    def discard(self, *nodes: ast.expr) -> None:
        """Note expressions whose results nobody keeps."""
        for node in nodes:
            inner = node.value if node.__class__ is ast.Await else node
            if inner.__class__ is ast.Call:
                self._discarded.add(inner)
            elif isinstance(inner, ast.BoolOp):
                self.discard(*inner.values)

    def eval_children(self, node: ast.AST) -> Value:
        for child in children(node):
            if isinstance(child, ast.expr):
                self.eval(child)
        return UNKNOWN

    def eval_Attribute(self, node: ast.Attribute) -> Value:
        base = self.eval(node.value)
        if self._dotted:
            path = dotted_name(node)
            if path in self.names:
                return self.names[path]
        return attributes.attribute(self, base, node.attr, node)

    def eval_Call(self, node: ast.Call) -> Value:
        callee = self.eval(node.func)
        args: list[Argument] = []
        for arg in node.args:
            inner, star = (arg.value, "*") if arg.__class__ is ast.Starred else (arg, "")
            args.append(Argument(inner, self.eval(inner, "argument"), None, star))
        for keyword in node.keywords:
            value = self.eval(keyword.value, "argument")
            args.append(Argument(keyword.value, value, keyword.arg, "" if keyword.arg else "**"))
        func = node.func
        if func.__class__ is ast.Name and func.id == "super" and callee == _SUPER and not node.args:
            return self.hub.super_of(self.function, self.names)
        flow = self.flow
        call = Call(node, callee, tuple(args), self.frame, len(flow.calls), flow)
        if self.recording:
            flow.calls.append(call)
            flow.events[node] = call
        if node not in self._discarded or callee.__class__ is not FunctionValue:
            # What a project's function gives is worth reading its body only where somebody uses it.
            call.result = result(self, callee, call.args, node)
        if func.__class__ is ast.Attribute and func.attr in CHANGING and isinstance(func.value, ast.Name):
            if func.attr == "pop":
                self.shrink(func.value.id, args[0].value if args else UNKNOWN)
            else:
                self.grow(func.value.id, func.attr, args)
        return call.result

    def grow(self, name: str, method: str, args: Sequence[Argument]) -> None:
        """Note what `append`, `update` and the like put into a container that a variable holds."""
        container = self.names.get(name)
        if not isinstance(container, Collection) or not args:
            return
        value = args[-1].value if method == "insert" else args[0].value
        if container.kind == "dict":
            extra = value if isinstance(value, Collection) and method == "update" and not args[0].keyword else None
            given = [(a.keyword, a.value) for a in args if a.keyword is not None]
            if extra is not None and extra.keys is not None and extra.items is not None:
                given += list(zip(extra.keys, extra.items, strict=True))
            elif extra is not None:
                self.names[name] = Collection("dict", union(container.element, extra.element))
                return
            extended = with_items(container, {k: v for k, v in given if k is not None})
            if extended is not None:
                self.names[name] = extended
            elif given:
                self.names[name] = Collection("dict", union(container.element, *(v for _, v in given)))
            return
        if method in ("extend", "update"):
            value = self.element(value, None)
        self.names[name] = Collection(container.kind, join_element(container, value))

    def mark(self, node: ast.expr, use: Use) -> None:
        """Note what becomes of a call's value."""
        if isinstance(node, ast.Await):
            node = node.value
        if node in self.flow.events:
            self.flow.events[node].use = use

    def eval_Await(self, node: ast.Await) -> Value:
        return self.eval(node.value)

    def eval_Starred(self, node: ast.Starred) -> Value:
        return self.eval(node.value)

    def eval_JoinedStr(self, node: ast.JoinedStr) -> Value:
        for part in node.values:
            self.eval(part)
        return TEXT

    def eval_FormattedValue(self, node: ast.FormattedValue) -> Value:
        self.discard(node.value)
        self.eval(node.value)
        return TEXT

    def eval_Compare(self, node: ast.Compare) -> Value:
        self.discard(node.left, *node.comparators)
        self.eval(node.left)
        for compared in node.comparators:
            self.eval(compared)
        return _BOOL

    def eval_UnaryOp(self, node: ast.UnaryOp) -> Value:
        self.discard(node.operand)
        value = self.eval(node.operand)
        if isinstance(node.op, ast.USub) and isinstance(value, Constant) and isinstance(value.value, (int, float)):
            return Constant(-value.value)
        return _BOOL if isinstance(node.op, ast.Not) else Scalar("")

    def eval_BinOp(self, node: ast.BinOp) -> Value:
        # `a + b + c + ...` leans to the left: go down the spine without recursion.
        spine: list[ast.BinOp] = []
        inner: ast.expr = node
        while isinstance(inner, ast.BinOp):
            spine.append(inner)
            inner = inner.left
        value = self.eval(inner)
        for part in reversed(spine):
            value = self.binary(value, part.op, self.eval(part.right))
        return value

    def binary(self, left: Value, op: ast.operator, right: Value) -> Value:
        """The kind of `left op right`."""
        return operators.binary(self, left, op, right)

    def eval_BoolOp(self, node: ast.BoolOp) -> Value:
        before = dict(self.names)
        values = []
        for index, part in enumerate(node.values):
            values.append(self.eval(part))
            if index + 1 < len(node.values):
                narrow(self, part, isinstance(node.op, ast.And))
        self.names = join(before, self.names)
        *tests, last = values
        if isinstance(node.op, ast.Or):
            # `a or b` is `a` only where it is true: a None among its kinds is not the result.
            return union(*(k for v in tests for k in v.alternatives() if k != NONE), last)
        if all(isinstance(v, (Scalar, Constant)) for v in tests):
            return last
        return union(*(k for v in tests for k in falsy(v)), last)

    def eval_IfExp(self, node: ast.IfExp) -> Value:
        self.eval(node.test)
        before = dict(self.names)
        narrow(self, node.test, True)
        body = self.eval(node.body)
        self.names = dict(before)
        narrow(self, node.test, False)
        orelse = self.eval(node.orelse)
        self.names = before
        return union(body, orelse)

    def eval_NamedExpr(self, node: ast.NamedExpr) -> Value:
        value = self.eval(node.value)
        self.assign(node.target, value, node)
        return value

    def eval_Lambda(self, node: ast.Lambda) -> Value:
        function = self.module.nested_function(node, self.function)
        value = FunctionValue(function, None, Captured(self.visible()))
        self.flow.closures.append((function, value, self.frame))
        return value

    def eval_List(self, node: ast.List | ast.Tuple | ast.Set) -> Value:
        items = tuple([self.eval(e, "argument") for e in node.elts])
        if ast.Starred in [e.__class__ for e in node.elts]:
            members = [
                self.element(v, None) if isinstance(e, ast.Starred) else v
                for e, v in zip(node.elts, items, strict=True)
            ]
            return Collection(_DISPLAYS[type(node)], union(*members))
        return Collection(_DISPLAYS[type(node)], union(*items) if items else UNKNOWN, items)

    eval_Tuple = eval_Set = eval_List

    def eval_Dict(self, node: ast.Dict) -> Value:
        values: list[Value] = []
        keys: list[str] = []
        others: list[Value] = []
        known = True
        for key, item in zip(node.keys, node.values, strict=True):
            value = self.eval(item, "argument")
            if key is None:
                if isinstance(value, Collection) and value.items is not None and value.keys is not None:
                    keys += value.keys
                    values += value.items
                else:
                    known = False
                    values.append(self.element(value, None))
                continue
            name = self.eval(key)
            if isinstance(name, Constant) and isinstance(name.value, str):
                keys.append(name.value)
            else:
                known = False
                others.append(name)
            values.append(value)
        element = union(*values) if values else UNKNOWN
        if known:
            return Collection("dict", element, tuple(values), tuple(keys))
        return Collection("dict", element, key=union(*others) if others else UNKNOWN)

    def comprehension(self, generators: Sequence[ast.comprehension]) -> Names:
        """Bind the loop variables of a comprehension; returns the names from before."""
        before = dict(self.names)
        for generator in generators:
            iterable = self.eval(generator.iter)
            self.frame = Frame("loop", generator, self.frame, iterable)
            self.assign(generator.target, self.element(iterable, generator.iter), None)
            for test in generator.ifs:
                self.eval(test)
                narrow(self, test, True)
        return before

    def eval_ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Value:
        frame = self.frame
        before = self.comprehension(node.generators)
        element = self.eval(node.elt, "argument")
        self.names, self.frame = before, frame
        return Collection(_DISPLAYS[type(node)], element)

    eval_SetComp = eval_GeneratorExp = eval_ListComp

    def eval_DictComp(self, node: ast.DictComp) -> Value:
        frame = self.frame
        before = self.comprehension(node.generators)
        key = self.eval(node.key)
        element = self.eval(node.value)
        self.names, self.frame = before, frame
        return Collection("dict", element, key=key)

    def eval_Subscript(self, node: ast.Subscript) -> Value:
        base = self.eval(node.value)
        index = self.eval(node.slice)
        return each(base, lambda one: operators.item(self, one, node, index))

    def eval_Slice(self, node: ast.Slice) -> Value:
        for bound in (node.lower, node.upper, node.step):
            if bound is not None:
                self.eval(bound)
        return Scalar()

    def eval_Yield(self, node: ast.Yield) -> Value:
        value = self.eval(node.value, "argument") if node.value is not None else NONE
        self.flow.yields.append((node, value, self.frame))
        return UNKNOWN

    def eval_YieldFrom(self, node: ast.YieldFrom) -> Value:
        value = self.eval(node.value)
        self.flow.yields.append((node, self.element(value, None), self.frame))
        return UNKNOWN

    def element(self, value: Value, node: ast.expr | None) -> Value:
        """A member of an iterable. `node` makes each loop's row a row of its own."""
        if not isinstance(value, Union):
            return operators.element(self, value, node)
        return union(*(operators.element(self, one, node) for one in value.members))

    def row(self, node: ast.AST, created: bool = False, built: bool = False) -> Origin:
        """The origin of the row that an expression produces."""
        return Origin((node,), created, built)


class Methods(dict[type[ast.AST], Callable[..., Any] | None]):
    """The methods of a class for each kind of node: `do_For`, `eval_Call`."""

    def __init__(self, owner: type[Evaluator], prefix: str) -> None:
        self._owner = owner
        self._prefix = prefix

    def __missing__(self, kind: type[ast.AST]) -> Callable[..., Any] | None:
        found = self[kind] = getattr(self._owner, self._prefix + kind.__name__, None)
        return found


_EXPRESSIONS = Methods(Evaluator, "eval_")


def constant(value: object) -> Value:
    """The kind of a literal."""
    if value is None or value is True or value is False:
        return _SINGLE[value]
    return Constant(value) if isinstance(value, (str, int, float, bytes)) else UNKNOWN


_SINGLE: dict[object, Value] = {None: NONE, True: Constant(True), False: Constant(False)}


def join(left: Names, right: Names) -> Names:
    """The variables after two branches meet: a name known in one only is unknown."""
    if left is right:
        return left
    joined: Names = {}
    for name, value in left.items():
        if name in right:
            other = right[name]
            joined[name] = value if value is other else union(value, other)
        elif "." not in name:
            joined[name] = union(value, UNKNOWN)
    for name, value in right.items():
        if name not in left and "." not in name:
            joined[name] = union(value, UNKNOWN)
    return joined


def join_element(container: Collection, value: Value) -> Value:
    """The members of a container that gets one more."""
    if container.items == ():
        return value
    return union(container.element, value)


def with_items(container: Collection, given: Mapping[str, Value]) -> Collection | None:
    """A dictionary once it has got further items; None where not all of its keys are known."""
    if container.keys is None or container.items is None:
        return None
    held: dict[str, Value] = {**dict(zip(container.keys, container.items, strict=True)), **given}
    return Collection("dict", union(*held.values()), tuple(held.values()), tuple(held))


def join_key(container: Collection, key: Value) -> Value:
    """The keys of a mapping that gets one more."""
    return key if container.key is UNKNOWN else union(container.key, key)
