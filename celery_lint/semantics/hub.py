"""The one place that answers questions about the project's meaning.

Rules and the other modules of this package ask `Semantics`; it remembers every
answer. What each answer is made of stands in the module that the method names.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from celery_lint.project.index import Project, is_test_file
from celery_lint.project.inputs import CANDIDATES, SENDERS, TASKS
from celery_lint.project.modules import AssignBinding, Class, Function, ImportBinding, Module
from celery_lint.project.syntax import walk
from celery_lint.semantics.calls.callgraph import CallGraph
from celery_lint.semantics.calls.passing import changes_result
from celery_lint.semantics.candidates import Candidates
from celery_lint.semantics.configuration import readings
from celery_lint.semantics.configuration.settings import ProjectSettings
from celery_lint.semantics.definition import forks
from celery_lint.semantics.definition.tasks import Tasks
from celery_lint.semantics.dispatching.dispatches import Dispatches
from celery_lint.semantics.dispatching.serializers import Serializers
from celery_lint.semantics.frameworks import conventions, databases, flask_extensions, forms, model_references
from celery_lint.semantics.frameworks.classes import MODEL_ROOTS, Classes
from celery_lint.semantics.frameworks.dependencies import provided
from celery_lint.semantics.frameworks.roles import Roles
from celery_lint.semantics.inference import attributes, declarations, generics
from celery_lint.semantics.inference.expressions import MAX_DEPTH, Evaluator
from celery_lint.semantics.inference.flow import Interpreter
from celery_lint.semantics.inference.packages import APP_CLASSES, SQLALCHEMY
from celery_lint.semantics.inference.returning import argument_for
from celery_lint.semantics.inference.slices import slice_of
from celery_lint.semantics.inference.values import (
    NONE,
    UNKNOWN,
    BoundMethod,
    Captured,
    ClassValue,
    Collection,
    Constant,
    External,
    Field,
    FunctionValue,
    Instance,
    ModelValue,
    ModuleValue,
    Origin,
    Parameter,
    QuerySetValue,
    Scalar,
    Super,
    TaskValue,
    Union,
    Value,
    each,
    union,
)
from celery_lint.semantics.memo import Memo, remembered
from celery_lint.semantics.model import App, Argument, Call, Dispatch, Frame, FunctionFlow
from celery_lint.semantics.time import timeouts
from celery_lint.semantics.transactions.contexts import Transactions
from celery_lint.semantics.transactions.hazards import Hazards
from celery_lint.semantics.transactions.sessions import Sessions
from celery_lint.semantics.transactions.writes import Writes

if TYPE_CHECKING:
    from celery_lint.configuration import Settings
    from celery_lint.semantics.model import Task

T = TypeVar("T")
_BUILTINS = {name: External(f"builtins.{name}") for name in dir(builtins)}
_IMPORTS_SQLALCHEMY = re.compile(rb"^\s*(?:from|import)\b.*\b(?:flask_sqlalchemy|sqlalchemy|sqlmodel)\b", re.MULTILINE)
_STANDARD = ("builtins.", "functools.", "abc.", "typing.", "contextlib.")
FUEL = 3
"""How many calls deep a returned value is followed through bodies without annotations."""


class Semantics:
    """Everything that is known of one project."""

    def __init__(self, project: Project, settings: Settings, memo: Memo) -> None:
        self.project = project
        self.settings = settings
        self.memo = memo
        self.classes = Classes(self)
        self.tasks = Tasks(self)
        self.candidates = Candidates(self)
        self.dispatches = Dispatches(self)
        self.calls = CallGraph(self)
        self.roles = Roles(self)
        self.project_settings = ProjectSettings(self)
        self.transactions = Transactions(self)
        self.writes = Writes(self)
        self.sessions = Sessions(self)
        self.hazards = Hazards(self)
        self.serializers = Serializers(self)
        self._readers: dict[Module, Evaluator] = {}
        self._externals: dict[str, Value] = {}

    def may_open_transaction(self, function: Function) -> bool:
        """Whether a decorator's body, or one that it calls, may open a transaction."""
        return ("atomic" in function.text or function.holds(("begin",))) and any(
            "atomic" in word or word == "begin" for word in function.words
        )

    def may_send(self, function: Function) -> bool:
        """Whether it is worth to look for dispatches below a function."""
        return not (function.name.startswith("__") and function.name.endswith("__")) or function.name in (
            "__init__",
            "__call__",
            "__enter__",
            "__exit__",
        )

    def shared(self, name: str, compute: Callable[[], T], default: T) -> T:
        """An answer that is made of many files and seldom changes: to rest on it is to rest on its value alone.

        Its name must be known to `shared_answer`, its value holds texts only.
        """
        inputs = self.project.inputs
        collected = inputs.collected
        answer = self.memo.get(("shared", name), compute, default)
        inputs.collected = collected
        inputs.note("shared", name)
        return answer

    def find_shared_answers(self) -> None:
        """Find all shared answers now: for copies of this process to start with them."""
        for name in self._shared_answers:
            self.shared_answer(name)

    def shared_answer(self, name: str) -> object:
        """The shared answer of a name."""
        return self._shared_answers[name]()

    @cached_property
    def _shared_answers(self) -> Mapping[str, Callable[[], object]]:
        return {
            TASKS: lambda: self.candidates.task_names,
            SENDERS: lambda: self.candidates.sender_names,
            model_references.RELATED_NAMES: lambda: model_references.related_names(self),
            conventions.MAPPED_ACTIONS: lambda: conventions.mapped_actions(self),
            readings.SOURCE_FILES: lambda: readings.source_files(self),
            timeouts.SESSION_MAKERS: lambda: timeouts.makers_of_sessions(self),
            forks.SHARING: lambda: forks.files_sharing(self),
            CANDIDATES: lambda: self.candidates.files,
        }

    @remembered
    def app_class_names(self) -> frozenset[str]:
        """The project's own classes below `celery.Celery`."""
        found = set()
        for filename in self.project.holding("(Celery)"):
            module = self.project.module_or_none(filename)
            for cls in module.classes if module is not None else ():
                if self.classes.derives_from(cls, APP_CLASSES):
                    found.add(cls.name)
        return frozenset(found)

    @remembered
    def uses_django(self) -> bool:
        """Whether the project has anything of Django's."""
        return any(not is_test_file(f) for f in self.project.mentioning("django"))

    @remembered
    def uses_sqlalchemy(self) -> bool:
        """Whether the project imports anything of SQLAlchemy's: a mere word of it makes no sessions."""
        files = {f for name in SQLALCHEMY for f in self.project.mentioning(name) if not is_test_file(f)}
        return any(_IMPORTS_SQLALCHEMY.search(self.project.read(filename)) for filename in sorted(files))

    @remembered
    def atomic_requests(self) -> bool | None:
        """Whether each request runs in a transaction; None when the settings do not tell."""
        if self.settings.atomic_requests is not None:
            return self.settings.atomic_requests
        return databases.atomic_requests(self)

    def uses_pyramid_tm(self, function: Function) -> bool:
        """Whether a view belongs to a Pyramid application whose requests run in a transaction."""
        return b"pyramid" in self.project.read(function.module.filename) and any(
            not is_test_file(f) for f in self.project.mentioning("pyramid_tm")
        )

    # Names

    def evaluate(self, node: ast.expr, module: Module) -> Value:
        """The kind of an expression that stands at module level."""
        parts: list[ast.Attribute] = []
        root = node
        while root.__class__ is ast.Attribute:
            parts.append(root)
            root = root.value
        if root.__class__ is not ast.Name or len(parts) > MAX_DEPTH:
            return Evaluator(self, module, fuel=FUEL).eval(node)
        value = self.global_name(module, root.id)
        while parts:
            part = parts.pop()
            value = attributes.attribute(self._reader(module), value, part.attr, part)
        return value

    def _reader(self, module: Module) -> Evaluator:
        """What looks up attributes for a module's own expressions."""
        found = self._readers.get(module)
        if found is None:
            found = self._readers[module] = Evaluator(self, module, fuel=FUEL)
        return found

    def evaluate_in_class(self, node: ast.expr, cls: Class) -> Value:
        """The kind of an expression in a class body."""
        return self.memo.get(
            ("in class", node), lambda: Evaluator(self, cls.module, cls=cls, fuel=FUEL).eval(node), UNKNOWN
        )

    def class_scope(self, cls: Class, name: str) -> Value | None:
        """A name of a class body, seen from that body."""
        if name in cls.functions:
            return self.function_value(cls.functions[name])
        if name in cls.classes:
            return ClassValue(cls.classes[name])
        for binding in reversed(cls.assigns.get(name, ())):
            if binding.value is not None:
                return self.evaluate_in_class(binding.value, cls)
            return UNKNOWN
        return None

    def global_name(self, module: Module, name: str) -> Value:
        """What a name stands for that no function or class around it binds."""
        value = self.module_name(module, name)
        return value if value is not None else _BUILTINS.get(name, UNKNOWN)

    def module_name(self, module: Module, name: str) -> Value | None:
        """What a module's global name stands for; None when the module has no such name."""
        if name not in module.bindings and not module.star_imports and not module.is_package:
            return None
        return self.memo.get(("name", module, name), self._module_name, UNKNOWN, module, name)

    def _module_name(self, module: Module, name: str) -> Value | None:
        self.project.inputs.note("content", module.filename)
        bindings = module.bindings.get(name)
        if bindings:
            values = [self._bound(b, module) for b in bindings]
            if len(values) == 1:
                return values[0]
            known = [v for v in values if v is not UNKNOWN]
            # `try: from a import x / except ImportError: x = None` is `x` from a.
            better = [v for v in known if v != NONE]
            return union(*(better or known)) if known else UNKNOWN
        for star in module.star_imports:
            other = self.project.import_module(star, module.filename)
            if other is not None and other is not module and not name.startswith("_"):
                value = self.module_name(other, name)
                if value is not None:
                    return value
        if module.is_package:
            inner = self.project.find_module(f"{module.name}.{name}", module.filename)
            found = self.project.module_or_none(inner)
            if found is not None:
                return ModuleValue(found)
        return None

    def _bound(self, binding: AssignBinding | ImportBinding | Function | Class, module: Module) -> Value:
        if isinstance(binding, ImportBinding):
            return self.imported(binding, module)
        if isinstance(binding, Function):
            return self.function_value(binding)
        if isinstance(binding, Class):
            return ClassValue(binding)
        if binding.value is not None:
            value = self.evaluate(binding.value, module)
            if binding.index is not None:
                value = Evaluator(self, module, fuel=FUEL).element(value, None)
            if value is UNKNOWN and binding.annotation is not None:
                return self.annotation(binding.annotation, module)
            return value
        return self.annotation(binding.annotation, module) if binding.annotation is not None else UNKNOWN

    def imported(self, binding: ImportBinding, module: Module) -> Value:
        """What an import binds."""
        key = ("import", binding.module, binding.name, module.filename)
        return self.memo.get(key, self._imported, UNKNOWN, binding, module)

    def _imported(self, binding: ImportBinding, module: Module) -> Value:
        project = self.project
        if binding.module == "" and binding.name is not None:
            inner = project.import_module(binding.name, module.filename)
            return ModuleValue(inner) if inner is not None else UNKNOWN
        filename = project.find_module(binding.module, module.filename)
        if filename is not None and not self._shadows_package(filename, binding.module):
            found = project.module_or_none(filename)
            if found is None:
                return UNKNOWN
            if binding.name is None:
                return ModuleValue(found)
            # `from . import orders` in a package's own `__init__`: no name there but this import's.
            is_its_own = found is module and binding in module.bindings.get(binding.name, ())
            value = None if is_its_own else self.module_name(found, binding.name)
            if value is not None:
                return value
            inner = project.import_module(f"{binding.module}.{binding.name}", module.filename)
            return ModuleValue(inner) if inner is not None else UNKNOWN
        if binding.name is None:
            return self.external(binding.module)
        if project.is_own_package(binding.module, module.filename):
            inner = project.import_module(f"{binding.module}.{binding.name}", module.filename)
            if inner is not None:
                return ModuleValue(inner)
        return self.external(f"{binding.module}.{binding.name}")

    def _shadows_package(self, filename: str, name: str) -> bool:
        # A project's own `celery.py` beside its settings is never what `import celery` means.
        return (
            name.partition(".")[0] in ("celery", "django", "kombu")
            and not filename.endswith("__init__.py")
            and "." not in name
        )

    def external(self, path: str) -> Value:
        """A name of another package; the Celery application's own proxies among them."""
        if path in model_references.LOGGED_IN:
            return self.logged_in_user if self.logged_in_user is not UNKNOWN else External(path)
        if path not in self._externals:
            self._externals[path] = self._external(path)
        return self._externals[path]

    def _external(self, path: str) -> Value:
        if path in ("celery.current_app", "celery._state.current_app", "celery.app.current_app"):
            return self.tasks.app_value
        if path in ("celery.current_task", "celery._state.current_task"):
            return Instance("celery.app.task.Task")
        return Instance(path) if path.startswith("flask.request") else External(path)

    # Functions

    def local_class(self, node: ast.ClassDef, module: Module, function: Function | None) -> Class:
        """The class of a class statement inside a function."""
        return self.memo.once(("class", node), module.define_class, node, None, function)

    def function_value(self, function: Function, captured: Captured | None = None) -> Value:
        """What a function's name stands for once its decorators have run."""
        task = self.tasks.of_function(function, captured)
        if task is not None:
            return TaskValue(task)
        return FunctionValue(function, None, captured)

    def bind(self, function: Function, receiver: Value | None) -> Value:
        """A method reached through a receiver."""
        value = self.function_value(function)
        if isinstance(value, FunctionValue):
            return FunctionValue(function, receiver)
        return value

    def super_of(self, function: Function | None, names: dict[str, Value]) -> Value:
        """`super()` in a method."""
        function = function and function.outermost
        if function is None or function.cls is None or not function.positional:
            return UNKNOWN
        receiver = names.get(function.positional[0].arg, UNKNOWN)
        return Super(function.cls, receiver)

    def parameter_values(
        self, function: Function, captured: Captured | None, wanted: frozenset[str] | None = None
    ) -> dict[str, Value]:
        """The kinds of a function's parameters, as far as it says itself; of `wanted` ones only, where given."""
        # A call may make a task of the function later on.
        task = self.tasks.of_function(function)
        values = self.memo.get(("parameters", function, task), self._parameters, {}, function, task)
        values = {name: value for name, value in values.items() if wanted is None or name in wanted}
        if function.parent is not None and captured is not None:
            inner = Evaluator(self, function.module, function.parent, captured.names, fuel=0)
            inner.recording = False
            for name, default in function.defaults.items():
                if isinstance(values.get(name), Parameter):
                    values[name] = inner.eval(default)
        return values

    def _parameters(self, function: Function, task: Task | None) -> dict[str, Value]:
        return {name: self._parameter(function, task, name, arg) for name, arg in function.parameters.items()}

    def _parameter(self, function: Function, task: Task | None, name: str, arg: ast.arg) -> Value:
        arguments = function.node.args
        if arguments.vararg is arg:
            return Parameter(function, name, "*")
        if arguments.kwarg is arg:
            return Parameter(function, name, "**")
        is_first = bool(function.positional) and function.positional[0] is arg
        if is_first and function.cls is not None and function.parent is None and not function.is_static:
            if function.is_classmethod or name in ("cls", "klass"):
                return ClassValue(function.cls)
            if task is None or task.is_bound:
                return self.self_value(function.cls) if task is None else TaskValue(task)
        if task is not None and task.is_bound and is_first:
            return TaskValue(task)
        if arg.annotation is not None:
            declared = self.annotation(arg.annotation, function.module)
            if isinstance(declared, Scalar):
                return Scalar(declared.kind, Origin((Parameter(function, name),)))
            if declared is not UNKNOWN:
                return conventions.as_given(self, function, name, with_origin(declared, name))
        else:
            given = provided(self, function, name)
            if given is not UNKNOWN:
                return with_origin(given, name)
        known = conventions.parameter(self, function, name, is_first)
        return with_origin(known, name) if known is not None else Parameter(function, name)

    def collected(self, function: Function, name: str) -> Value:
        """What a framework gives to a function by a name that its `**kwargs` collect."""
        known = conventions.parameter(self, function, name, is_first=False)
        return with_origin(known, name) if known is not None else UNKNOWN

    def self_value(self, cls: Class) -> Value:
        """`self` in a method of a class."""
        return self.memo.get(("self", cls), lambda: self._self_value(cls), UNKNOWN)

    def _self_value(self, cls: Class) -> Value:
        if self.classes.is_model(cls):
            return ModelValue(cls, Origin(("self",)))
        manager_of = model_references.managed_model(self, cls)
        if manager_of is not None:
            return manager_of
        return Instance(cls, Origin(("self",)))

    def flow(self, function: Function, captured: Captured | None = None, fuel: int = FUEL) -> FunctionFlow:
        """What a function's body does."""
        if function.parent is not None and captured is None:
            captured = self.captured(function)
        # A nested function's variables are those of the place where it was last seen: one flow serves.
        found = self.memo.get(("flow", function, fuel), self._flow, None, function, captured, {}, fuel)
        return found if found is not None else empty_flow(function.module, function)

    def _flow(self, function: Function, captured: Captured | None, bound: dict[str, Value], fuel: int) -> FunctionFlow:
        names = {**self.parameter_values(function, captured), **bound}
        run = Interpreter(self, function.module, function, names, captured, fuel=fuel)
        return run.run(function.body)

    def flow_with(
        self, function: Function, bound: dict[str, Value], captured: Captured | None, fuel: int
    ) -> FunctionFlow:
        """What a function's body does when parameters have the given values."""
        key = ("flow with", function, tuple(sorted(bound.items(), key=lambda kv: kv[0])), fuel)
        found = self.memo.get(key, self._flow, None, function, captured, bound, fuel)
        return found if found is not None else empty_flow(function.module, function)

    def captured(self, function: Function) -> Captured | None:
        """The variables that a nested function sees, from its parent's flow."""
        if function.parent is None:
            return None
        for nested, value, _ in self.flow(function.parent).closures:
            if nested is function and isinstance(value, FunctionValue):
                return value.captured
            if nested is function and isinstance(value, TaskValue):
                return Captured({})
        return None

    def module_flow(self, module: Module, whole: bool = False) -> FunctionFlow:
        """What a module does when it is imported: the statements that may matter to a rule, or all of them."""

        def read() -> FunctionFlow:
            kept = None if whole else self.candidates.statements(module)
            return Interpreter(self, module, fuel=FUEL, kept=kept).run(module.tree.body)

        found = self.memo.get(("flow", module, whole), read, None)
        return found if found is not None else empty_flow(module, None)

    def returned(self, callee: FunctionValue, fuel: int) -> Value:
        """What a function's `return` statements give, its parameters left open."""
        function = callee.function
        if fuel <= 0 or function.node is None:
            return UNKNOWN
        if self.memo.depth > 60:
            return UNKNOWN
        if function.parent is not None and callee.captured is None:
            return UNKNOWN
        if not (isinstance(function.node, ast.Lambda) or function.scan.returns_value or function.is_generator):
            return Constant(None)
        key = ("returned", function, fuel)
        return self.memo.get(key, self._returned, UNKNOWN, function, callee.captured, {}, fuel - 1)

    def returned_with(self, function: Function, bound: dict[str, Value], captured: Captured | None, fuel: int) -> Value:
        """What a function gives when parameters have the given values; a generator's members as a collection."""
        key = ("returned with", function, tuple(sorted(bound.items(), key=lambda kv: kv[0])), fuel)
        return self.memo.get(key, self._returned, UNKNOWN, function, captured, bound, fuel)

    def _returned(self, function: Function, captured: Captured | None, bound: dict[str, Value], fuel: int) -> Value:
        if function.parent is not None and captured is None:
            captured = self.captured(function)
        part = self.memo.once(("slice", function), slice_of, function)
        first = function.positional[0].arg if function.positional else ""
        names = {**self.parameter_values(function, captured, part.names | {first}), **bound}
        run = Interpreter(self, function.module, function, names, captured, fuel=fuel, kept=part.statements)
        flow = run.run(function.body)
        if flow.yields or function.is_generator:
            return Collection("generator", union(*(v for _, v, _ in flow.yields)) if flow.yields else UNKNOWN)
        return union(*(v for _, v in flow.returns)) if flow.returns else UNKNOWN

    def is_remade(self, function: Function) -> bool:
        """Whether a decorator gives something else to the caller than what the function returns."""
        return bool(function.decorators) and self.memo.get(("remade", function), self._is_remade, False, function)

    def _is_remade(self, function: Function) -> bool:
        for decorator in function.decorators:
            value = self.evaluate(decorator.func if isinstance(decorator, ast.Call) else decorator, function.module)
            if isinstance(value, FunctionValue) and changes_result(value.function):
                return True
            if isinstance(value, External) and value.path in (
                "functools.singledispatch",
                "functools.singledispatchmethod",
            ):
                return True
            # Decorators such as funcy's `collecting` make a list of what a generator gives.
            if function.is_generator and isinstance(value, External) and not value.path.startswith(_STANDARD):
                return True
        return False

    # Types

    def annotation(self, node: ast.expr, module: Module) -> Value:
        """The kind of value that an annotation promises."""
        return self.memo.get(("annotation", node), declarations.declared, UNKNOWN, self, node, module)

    def annotation_in(self, cls: Class, node: ast.expr, owner: Class) -> Value:
        """The kind of value that an annotation in a class promises in one that derives from it."""
        known = generics.type_arguments(self, cls, owner)
        if not known:
            return self.annotation(node, owner.module)
        key = ("annotation in", cls, node)
        return self.memo.get(key, declarations.declared, UNKNOWN, self, node, owner.module, known)

    def is_instance(self, value: Value, cls: Value) -> bool:
        """Whether a value is certainly an instance of a class."""
        if isinstance(value, (ModelValue, Instance)):
            own = value.model if isinstance(value, ModelValue) else value.cls
            if isinstance(cls, ClassValue):
                return isinstance(own, Class) and self.classes.inherits(own, cls.cls)
            if isinstance(cls, External):
                return self.classes.has_foreign_base(own, cls.path)
        if isinstance(cls, External) and cls.path.startswith("builtins."):
            kind = cls.path.removeprefix("builtins.")
            if isinstance(value, Constant):
                return type(value.value).__name__ == kind
            if isinstance(value, Scalar):
                return value.kind == kind
            if isinstance(value, Collection):
                return value.kind == kind
        if isinstance(cls, External) and cls.path.endswith(".QuerySet"):
            return isinstance(value, QuerySetValue)
        return False

    def is_of_rows(self, cls: Value) -> bool:
        """Whether a class is one of rows or of sets of rows."""
        if isinstance(cls, ClassValue):
            return self.classes.is_model(cls.cls)
        return isinstance(cls, External) and (
            cls.path in MODEL_ROOTS or self.classes.is_model(cls.path) or cls.path.endswith((".QuerySet", ".Manager"))
        )

    def instance_attribute(self, cls: Class, name: str) -> Value:
        """The kind of `self.name`, from what the class's methods assign to it."""
        return self.memo.get(("own", cls, name), self._instance_attribute, UNKNOWN, cls, name)

    def _instance_attribute(self, cls: Class, name: str) -> Value:
        for one in self.classes.ancestors(cls):
            if not isinstance(one, Class):
                continue
            init = one.functions.get("__init__")
            methods = ([init] if init else []) + [f for f in one.functions.values() if f is not init]
            found = []
            for function in methods:
                if not (function.may_set(name) and name in function.scan.stored_attributes):
                    continue
                flow = self.flow(function, fuel=1)
                for store in flow.stores:
                    if store.target.attr == name and isinstance(store.target.value, ast.Name) and function.positional:
                        if store.target.value.id == function.positional[0].arg and store.node.value is not None:
                            found.append(self._given_to_class(flow.value(store.target), cls, one))
                if function is init and found:
                    break
            better = [v for v in found if v not in (UNKNOWN, Constant(None)) and not isinstance(v, Parameter)]
            if found:
                return union(*better) if better else UNKNOWN
        return UNKNOWN

    def _given_to_class(self, value: Value, cls: Class, owner: Class) -> Value:
        """A parameter that a method stores, as its annotation describes it in a class that inherits the method."""
        if isinstance(value, Parameter) and not value.star and owner is not cls:
            annotation = value.function.parameters[value.name].annotation
            known = self.annotation_in(cls, annotation, owner) if annotation is not None else UNKNOWN
            return known if isinstance(known, ClassValue) else value
        return value

    # Models

    @remembered
    def user_model(self) -> Class | str:
        """The model of `request.user`: AUTH_USER_MODEL's, or Django's own."""
        return model_references.user_model(self)

    @remembered
    def logged_in_user(self) -> Value:
        """The row behind Flask-Login's `current_user`; UNKNOWN where the project does not say."""
        return model_references.logged_in_user(self)

    def class_or_external(self, model: Class | str) -> Value:
        return External(model) if isinstance(model, str) else ClassValue(model)

    def model_reference(self, node: ast.expr, owner: Class) -> Class | str | None:
        """The model that a relation names: a class, `"app.Model"`, `"self"`, a setting."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if node.value == "self":
                return owner
            return model_references.model_by_label(self, node.value, owner.module)
        if isinstance(node, ast.Attribute) and node.attr == "AUTH_USER_MODEL":
            return self.user_model
        value = self.evaluate(node, owner.module)
        if isinstance(value, ClassValue):
            return value.cls
        if isinstance(value, Constant) and isinstance(value.value, str):
            return model_references.model_by_label(self, value.value, owner.module)
        return value.path if isinstance(value, External) and self.classes.is_model(value.path) else None

    def model_by_label(self, args: Sequence[Argument]) -> Value:
        """The class that `apps.get_model("app", "Model")` gives."""
        parts = [a.value.value for a in args if isinstance(a.value, Constant) and isinstance(a.value.value, str)]
        if not parts or len(parts) > 2:
            return UNKNOWN
        found = model_references.model_by_label(self, ".".join(parts), None)
        return self.class_or_external(found) if found is not None else UNKNOWN

    def model_by_lower_name(self, name: str, near: Class) -> Class | str | None:
        """The model behind the default reverse name `order_set`."""
        return model_references.model_by_lower_name(self, name, near)

    def reverse_relation(self, model: Class, name: str) -> Value | None:
        """The manager, row or rows that another model's `related_name` or `backref` adds to a model."""
        return self.memo.get(
            ("reverse", model, name), lambda: model_references.reverse_relation(self, model, name), None
        )

    def passed(self, call: Call, function: Function, name: str) -> Value:
        """What a call that runs a function gives to one of its parameters, its receiver included."""
        func = call.node.func
        receiver: Value = UNKNOWN
        for callee in call.callee.alternatives():
            if isinstance(callee, FunctionValue) and callee.receiver is not None:
                receiver = callee.receiver
            elif isinstance(callee, (Field, BoundMethod)):
                receiver = callee.base if isinstance(callee, Field) else callee.receiver
        if receiver == UNKNOWN and isinstance(func, ast.Attribute):
            receiver = call.flow.value(func.value)
        bound = FunctionValue(function, receiver if function.cls is not None and not function.is_static else None)
        if name == "self" and "self" not in function.parameters:
            return receiver
        return argument_for(bound, Parameter(function, name), call.args)

    def element(self, value: Value, module: Module) -> Value:
        """A member of an iterable."""
        return Evaluator(self, module, fuel=1).element(value, None)

    def dispatches_of(self, task: Task) -> Sequence[Dispatch]:
        """The dispatches and signatures of a task in the whole project, tests left out."""
        return self.memo.get(("dispatches of", task), lambda: tuple(self._dispatches_of(task)), ())

    def _dispatches_of(self, task: Task) -> Iterator[Dispatch]:
        words = frozenset({task.name.rpartition(".")[2], task.registered_name.rpartition(".")[2]})
        for filename in sorted({f for word in words for f in self.project.mentioning(word)}):
            module = None if is_test_file(filename) else self.project.module_or_none(filename)
            if module is None:
                continue
            flows = [self.module_flow(module)]
            for function in module.holding(words):
                if function.parent is not None:
                    continue
                if function.words & words or task.registered_name in self._strings(function):
                    flows += self.calls.flows_within(function)
            for flow in flows:
                yield from (d for d in self.dispatches.of_flow(flow) if d.task is task)

    def _strings(self, function: Function) -> frozenset[str]:
        return self.memo.get(("strings", function), string_words, frozenset(), function)

    def has_delay_on_commit(self, task: Task | None) -> bool:
        """Whether the task surely has `delay_on_commit`.

        Celery gives it to tasks on its own DjangoTask class, from 5.4 on, when
        DJANGO_SETTINGS_MODULE is set before the application is made and no other
        class is asked for (celery/fixups/django.py, celery/contrib/django/task.py).
        """
        version = self.settings.celery_version
        if task is None or version is None or version < (5, 4) or "base" in task.options or task.cls is not None:
            return False
        if self.tasks.app_task_class is not None or task.is_opaque:
            return False
        apps = self.project_settings.all_apps
        return len(apps) == 1 and "task_cls" not in apps[0].keywords and sets_django_settings_first(apps[0])

    # Frameworks

    def is_view_class(self, cls: Class) -> bool:
        return conventions.is_view_class(self, cls)

    def is_form(self, cls: Class) -> bool:
        return forms.is_form(self, cls)

    def cleaned(self, cls: Class, name: str) -> Value:
        return forms.cleaned(self, cls, name)

    def cleaned_whole(self, cls: Class) -> Value:
        return self.memo.get(("cleaned whole", cls), lambda: forms.cleaned_whole(self, cls), UNKNOWN)

    def row_attribute(self, model: Class, name: str) -> Value:
        """The kind of an attribute of a model's rows."""
        return attributes.attribute(Evaluator(self, model.module, fuel=1), ModelValue(model), name)

    def framework_attribute(self, base: Instance, name: str) -> Value | None:
        return conventions.attribute(self, base, name)

    def framework_result(
        self, run: Evaluator, base: Instance, name: str, args: Sequence[Argument], node: ast.Call
    ) -> Value:
        return conventions.result(self, run, base, name, args, node)

    def framework_item(self, base: Instance, index: Value) -> Value:
        return conventions.item(self, base, index)

    def extension(self, holder: Value, index: Value) -> Value:
        return flask_extensions.extension(self, holder, index)

    # Tasks

    def task_by_call(self, function: Function, node: ast.Call | None, factory: Function | None = None) -> Value:
        return TaskValue(self.tasks.by_call(function, node, factory))

    def class_task(self, cls: Class) -> Task | None:
        return self.tasks.of_class(cls)

    def task_named(self, value: Value) -> Task | str | None:
        return self.tasks.named(value)

    def makes_tasks(self, function: Function) -> bool:
        return self.tasks.is_factory(function)


def string_words(function: Function) -> frozenset[str]:
    """The string literals of a function."""
    return frozenset(n.value for n in walk(function.node) if isinstance(n, ast.Constant) and isinstance(n.value, str))


def sets_django_settings_first(app: App) -> bool:
    """Whether the module sets DJANGO_SETTINGS_MODULE before it makes the application."""
    for node in app.module.tree.body:
        if node.lineno >= app.node.lineno:
            return False
        if isinstance(node, ast.Expr) and "DJANGO_SETTINGS_MODULE" in ast.unparse(node):
            return True
    return False


def with_origin(value: Value, name: str) -> Value:
    """A row that comes in as a parameter is that parameter's row."""
    if isinstance(value, ModelValue) and value.origin is None:
        return ModelValue(value.model, Origin((name,)))
    return each(value, lambda one: with_origin(one, name)) if isinstance(value, Union) else value


def empty_flow(module: Module, function: Function | None) -> FunctionFlow:
    """The flow of a body that is being read already."""
    return FunctionFlow(module, function, Frame("function", function.node if function else module.tree))
