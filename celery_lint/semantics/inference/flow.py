"""One forward pass over a function: the kinds of its values, and what it calls in which blocks.

The pass follows assignments in order, joins the branches of `if`, `try` and
loops, and narrows by `isinstance` and `is None`. It is not a proof: a loop's
body is read once. Nested functions and lambdas are values here; their bodies
are read when somebody asks for their own flow.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from celery_lint.project.modules import Class, Function, Module
from celery_lint.project.syntax import children, dotted_name, own_nodes, walk
from celery_lint.semantics.calls.context_managers import as_context, entering
from celery_lint.semantics.inference import attributes, operators
from celery_lint.semantics.inference.call_values import result
from celery_lint.semantics.inference.narrowing import (
    asks_for_more,
    class_of,
    falsy,
    instance_of,
    members,
    narrow,
    narrow_instance,
    narrow_missing,
    value_of,
)
from celery_lint.semantics.inference.packages import NEVER_RETURNING
from celery_lint.semantics.inference.returning import returned
from celery_lint.semantics.inference.slices import CHANGING
from celery_lint.semantics.inference.values import (
    NONE,
    TEXT,
    UNKNOWN,
    Atomic,
    Captured,
    ClassValue,
    Collection,
    Constant,
    ContextManager,
    External,
    FunctionValue,
    Instance,
    Origin,
    Scalar,
    Union,
    Value,
    each,
    union,
)
from celery_lint.semantics.model import Argument, Call, Exit, Frame, FunctionFlow, Store, Use

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
# Statements that a slice leaves out unless they are kept.
_SKIPPED = (
    ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.Import, ast.ImportFrom, ast.Raise, ast.Assert,
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef,
)  # fmt: skip
_CALLS = frozenset({ast.Call, ast.Await})
_ATTRIBUTE_ERROR = External("builtins.AttributeError")
_SUPER = External("builtins.super")
_BOOL = Scalar("bool")
Names = dict[str, Value]


class Interpreter:
    """Reads one body. `names` are the variables in force; names not in it are looked up outside."""

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

    # Bodies

    def run(self, body: Sequence[ast.stmt]) -> FunctionFlow:
        """Read a body; returns its flow. Of a function's slice it has nothing but what is returned and yielded."""
        self.recording = self.kept is None or self.function is None
        falls_through = self.block(body, self.frame)
        function = self.function
        if function is not None and falls_through and not isinstance(function.node, ast.Lambda):
            self.flow.returns.append((body[-1], NONE))
        return self.flow

    def block(self, body: Sequence[ast.stmt], frame: Frame) -> bool:
        """Read statements in a block; returns whether control can reach its end."""
        around, self.frame = self.frame, frame
        try:
            for statement in body:
                self.flow.frames[statement] = self.frame
                if not self.statement(statement):
                    return False
            return True
        finally:
            self.frame = around

    def statement(self, node: ast.stmt) -> bool:
        """Read one statement; returns whether control can pass it."""
        if self.kept is not None and node not in self.kept and isinstance(node, _SKIPPED):
            return not isinstance(node, ast.Raise)
        method = _STATEMENTS[node.__class__]
        if method is None:
            self.eval_children(node)
            return True
        return bool(method(self, node))

    def do_Expr(self, node: ast.Expr) -> bool:
        self.discard(node.value)
        self.eval(node.value, "discarded")
        if node.value.__class__ is ast.Call:
            self.enter_context(node.value)
        return not (isinstance(node.value, ast.Call) and self.flow.values.get(node.value.func) in NEVER_RETURNING)

    def discard(self, *nodes: ast.expr) -> None:
        """Note expressions whose results nobody keeps."""
        for node in nodes:
            inner = node.value if node.__class__ is ast.Await else node
            if inner.__class__ is ast.Call:
                self._discarded.add(inner)
            elif isinstance(inner, ast.BoolOp):
                self.discard(*inner.values)

    def do_Return(self, node: ast.Return) -> bool:
        value = self.eval(node.value, "returned") if node.value is not None else NONE
        self.flow.returns.append((node, value))
        return False

    def do_Raise(self, node: ast.Raise) -> bool:
        value = self.eval(node.exc, "returned") if node.exc is not None else UNKNOWN
        if node.cause is not None:
            self.eval(node.cause)
        self.flow.raises.append((node, value, self.frame))
        return False

    def do_Break(self, node: ast.Break) -> bool:
        return False

    do_Continue = do_Break

    def do_Assign(self, node: ast.Assign) -> bool:
        value = self.eval(node.value, "assigned")
        for target in node.targets:
            self.assign(target, value, node)
        return True

    def do_AnnAssign(self, node: ast.AnnAssign) -> bool:
        value = self.eval(node.value, "assigned") if node.value is not None else UNKNOWN
        if value == UNKNOWN or isinstance(value, (Constant, Collection)):
            declared = self.hub.annotation(node.annotation, self.module)
            # `dict[str, Callable]` says less than what the dictionary holds.
            is_vague = isinstance(declared, Collection) and declared.element is UNKNOWN and declared.items is None
            says_more = (
                is_vague and isinstance(value, Collection) and (value.element is not UNKNOWN or value.items == ())
            )
            if declared != UNKNOWN and not says_more and not (isinstance(value, Constant) and value.value is not None):
                value = declared
        self.assign(node.target, value, node)
        return True

    def do_AugAssign(self, node: ast.AugAssign) -> bool:
        before = self.eval(node.target) if not isinstance(node.target, ast.Subscript) else UNKNOWN
        operand = self.eval(node.value)
        value = self.binary(before, node.op, operand)
        self.assign(node.target, value, node)
        return True

    def do_Delete(self, node: ast.Delete) -> bool:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.forget(target.id)
            elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
                self.shrink(target.value.id, self.eval(target.slice))
        return True

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

    def do_Import(self, node: ast.Import | ast.ImportFrom) -> bool:
        for name, binding in self.module.import_bindings(node):
            if name != "*":
                self.names[name] = self.hub.imported(binding, self.module)
        return True

    do_ImportFrom = do_Import

    def do_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        if self.function is None and node in self.module.nested:
            # A module-level definition: its value comes from the module's bindings.
            for decorator in node.decorator_list:
                self.eval(decorator)
            return True
        function = self.module.nested_function(node, self.function)
        for decorator in node.decorator_list:
            self.eval(decorator)
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self.eval(default)
        captured = Captured(self.visible())
        value = self.hub.function_value(function, captured)
        self.names[node.name] = value
        captured.names[node.name] = value
        self.flow.closures.append((function, value, self.frame))
        return True

    do_AsyncFunctionDef = do_FunctionDef

    def do_ClassDef(self, node: ast.ClassDef) -> bool:
        if self.function is None:
            for decorator in node.decorator_list:
                self.eval(decorator)
            for statement in node.body:
                if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                    around = dict(self.names)
                    self.statement(statement)
                    self.names = around
            return True
        self.names[node.name] = ClassValue(self.hub.local_class(node, self.module, self.function))
        return True

    def test(self, node: ast.If | ast.While) -> bool:
        """Read a test; returns whether its outcome may say something of a variable that counts."""
        if self.kept is None or node in self.kept:
            self.discard(node.test)
            self.eval(node.test)
            return True
        return False

    def do_If(self, node: ast.If) -> bool:
        narrows = self.test(node)
        atomic_test = tests_atomic(node.test)
        before = dict(self.names)
        if narrows:
            narrow(self, node.test, True)
        body_frame = Frame("outside" if atomic_test is False else "if", node, self.frame)
        body_ends = self.block(node.body, body_frame)
        after_body = self.names
        self.names = before
        if narrows:
            narrow(self, node.test, False)
        else_ends = True
        if node.orelse:
            else_frame = Frame("outside" if atomic_test is True else "orelse", node, self.frame)
            else_ends = self.block(node.orelse, else_frame)
        if not body_ends:
            self.flow.exits.append(Exit(node.test, node, self.frame, len(self.flow.calls)))
            if atomic_test is True and else_ends and not node.orelse:
                self.frame = Frame("outside", node, self.frame)
        if body_ends and else_ends:
            self.names = join(after_body, self.names)
        elif body_ends:
            self.names = after_body
            if node.orelse:
                self.flow.exits.append(Exit(node.test, node, self.frame, len(self.flow.calls), "orelse"))
        return body_ends or else_ends

    def do_For(self, node: ast.For | ast.AsyncFor) -> bool:
        iterable: Value = UNKNOWN
        before = dict(self.names)
        if self.kept is None or node in self.kept:
            iterable = self.eval(node.iter)
            before = dict(self.names)
            self.assign(node.target, self.element(iterable, node.iter), node)
        frame = Frame("loop", node, self.frame, iterable)
        self.block(node.body, frame)
        self.names = join(before, self.names)
        self.block(node.orelse, self.frame)
        return True

    do_AsyncFor = do_For

    def do_While(self, node: ast.While) -> bool:
        narrows = self.test(node)
        before = dict(self.names)
        if narrows:
            narrow(self, node.test, True)
        self.block(node.body, Frame("loop", node, self.frame))
        self.names = join(before, self.names)
        self.block(node.orelse, self.frame)
        forever = isinstance(node.test, ast.Constant) and bool(node.test.value)
        return not forever or any(isinstance(n, ast.Break) for n in own_nodes(node.body))

    def do_With(self, node: ast.With | ast.AsyncWith) -> bool:
        frame = self.frame
        around = self.frame
        for item in node.items:
            self.frame = frame
            value = as_context(self.hub, self.eval(item.context_expr))
            kind = "atomic" if isinstance(value, Atomic) else "with"
            frame = Frame(kind, node, frame, value)  # type: ignore[arg-type]
            self.flow.withs.append((item.context_expr, node, value, frame))
            if item.optional_vars is not None:
                self.assign(item.optional_vars, self.entered(value), node)
        self.frame = around
        ends = self.block(node.body, frame)
        if any(is_durable(item.context_expr) for item in node.items):
            # django.db.transaction.Atomic raises when a durable block lies inside another: here none is open.
            self.frame = Frame("outside", node, self.frame)
        # `suppress` and its kin may end the block early.
        suppresses = any(
            isinstance(f.detail, Instance) and f.detail.cls == "contextlib.suppress"
            for f in frame.chain()
            if f.node is node
        )
        return ends or suppresses

    do_AsyncWith = do_With

    def enter_context(self, node: ast.Call) -> None:
        """Note that `stack.enter_context(...)` opens a transaction that lasts to the end of `with ... as stack`."""
        func = node.func
        if not isinstance(func, ast.Attribute) or func.attr != "enter_context" or len(node.args) != 1:
            return
        value = as_context(self.hub, self.flow.values.get(node.args[0], UNKNOWN))
        block = next((f.node for f in self.frame.chain() if binds(f.node, func.value)), None)
        if isinstance(value, Atomic) and isinstance(block, (ast.With, ast.AsyncWith)):
            self.frame = Frame("atomic", node, self.frame, value)
            self.flow.withs.append((node.args[0], block, value, self.frame))

    def entered(self, value: Value) -> Value:
        """What `with value as name` binds."""
        if isinstance(value, Atomic) and value.manager is not None:
            value = value.manager
        if isinstance(value, ContextManager):
            return value.yielded
        if isinstance(value, Instance):
            if isinstance(value.cls, Class):
                method = entering(self.hub, value.cls)
                if method is not None:
                    return returned(self, FunctionValue(method, value), (), None)
            return value
        if isinstance(value, Atomic) and value.kind == "session":
            return Instance("sqlalchemy.orm.Session")
        # Pyramid's environment of a script is a dict, and a block of its own.
        return value if isinstance(value, Collection) else UNKNOWN

    def do_Try(self, node: ast.Try) -> bool:
        before = dict(self.names)
        body_ends = self.block(node.body, Frame("try", node, self.frame))
        after_body = self.names
        middle = join(before, after_body)
        outcomes: list[Names] = []
        for handler in node.handlers:
            self.names = dict(middle)
            classes = self.eval(handler.type) if handler.type is not None else External("builtins.BaseException")
            if any(kind == _ATTRIBUTE_ERROR for kind in members(classes)):
                narrow_missing(self, node.body)
            if handler.name:
                self.names[handler.name] = instance_of(classes)
            frame = Frame("handler", handler, self.frame, classes)
            self.flow.handlers.append((handler, node, frame, classes))
            if self.block(handler.body, frame):
                outcomes.append(self.names)
        self.names = after_body
        if body_ends and self.block(node.orelse, Frame("else", node, self.frame)):
            outcomes.append(self.names)
        self.names = outcomes[0] if outcomes else middle
        for other in outcomes[1:]:
            self.names = join(self.names, other)
        finally_ends = self.block(node.finalbody, Frame("finally", node, self.frame))
        return bool(outcomes) and finally_ends

    do_TryStar = do_Try

    def do_Match(self, node: ast.Match) -> bool:
        subject = self.eval(node.subject)
        path = dotted_name(node.subject)
        before = dict(self.names)
        outcomes = []
        for case in node.cases:
            self.names = dict(before)
            cls = class_of(self, case.pattern)
            if path is not None and cls is not None:
                narrow_instance(self, path, subject, cls, outcome=True)
            self.bind_pattern(case.pattern, subject if path is None else value_of(self, path, node.subject))
            if case.guard is not None:
                self.eval(case.guard)
            if self.block(case.body, Frame("if", case, self.frame)):
                outcomes.append(self.names)
            if path is not None and cls is not None and case.guard is None and not asks_for_more(case.pattern):
                self.names = before
                narrow_instance(self, path, subject, cls, outcome=False)
                subject = self.names[path]
        last = node.cases[-1].pattern
        total = isinstance(last, ast.MatchAs) and last.pattern is None
        if not total:
            outcomes.append(before)
        if not outcomes:
            return False
        self.names = outcomes[0]
        for other in outcomes[1:]:
            self.names = join(self.names, other)
        return True

    def bind_pattern(self, pattern: ast.pattern, subject: Value) -> None:
        """Bind the variables of a pattern: the whole subject, or parts of which nothing is known."""
        for part in walk(pattern):
            name = getattr(part, "name", None)
            if isinstance(name, str):
                is_whole = part is pattern and isinstance(part, ast.MatchAs)
                self.names[name] = subject if is_whole else UNKNOWN

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


class _Methods(dict[type[ast.AST], Callable[..., Any] | None]):
    """The Interpreter's methods for each kind of node: `do_For`, `eval_Call`."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def __missing__(self, kind: type[ast.AST]) -> Callable[..., Any] | None:
        found = self[kind] = getattr(Interpreter, self._prefix + kind.__name__, None)
        return found


_STATEMENTS = _Methods("do_")
_EXPRESSIONS = _Methods("eval_")


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


def binds(block: ast.AST, name: ast.expr) -> bool:
    """Whether a `with` statement binds a variable."""
    return (
        isinstance(block, (ast.With, ast.AsyncWith))
        and isinstance(name, ast.Name)
        and any(isinstance(i.optional_vars, ast.Name) and i.optional_vars.id == name.id for i in block.items)
    )


def is_durable(node: ast.expr) -> bool:
    """Whether a `with` item is `atomic(durable=True)`."""
    return isinstance(node, ast.Call) and any(
        k.arg == "durable" and isinstance(k.value, ast.Constant) and k.value.value is True for k in node.keywords
    )


def tests_atomic(test: ast.expr) -> bool | None:
    """Whether a test asks for an open transaction: True, False for its negation, None for any other."""
    outcome = True
    while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test, outcome = test.operand, not outcome
    if isinstance(test, ast.Attribute):
        return outcome if test.attr == "in_atomic_block" else None
    if isinstance(test, ast.Call) and isinstance(test.func, ast.Attribute) and test.func.attr == "get_autocommit":
        return not outcome
    return None


__all__ = ["Interpreter", "dotted_name", "instance_of", "join", "tests_atomic"]
