"""One forward pass over a function: the kinds of its values, and what it calls in which blocks.

The pass follows assignments in order, joins the branches of `if`, `try` and
loops, and narrows by `isinstance` and `is None`. It is not a proof: a loop's
body is read once.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from celery_lint.project.modules import Class
from celery_lint.project.syntax import dotted_name, own_nodes, walk
from celery_lint.semantics.calls.context_managers import as_context, entering
from celery_lint.semantics.inference.expressions import Evaluator, Methods, Names, join
from celery_lint.semantics.inference.narrowing import (
    asks_for_more,
    class_of,
    instance_of,
    members,
    narrow,
    narrow_instance,
    narrow_missing,
    value_of,
)
from celery_lint.semantics.inference.packages import NEVER_RETURNING
from celery_lint.semantics.inference.returning import returned
from celery_lint.semantics.inference.values import (
    NONE,
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
    Value,
)
from celery_lint.semantics.model import Exit, Frame, FunctionFlow

# Statements that a slice leaves out unless they are kept.
_SKIPPED = (
    ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.Import, ast.ImportFrom, ast.Raise, ast.Assert,
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef,
)  # fmt: skip
_ATTRIBUTE_ERROR = External("builtins.AttributeError")


class Interpreter(Evaluator):
    """Reads one body, statement by statement."""

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


_STATEMENTS = Methods(Interpreter, "do_")


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
