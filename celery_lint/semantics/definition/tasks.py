"""Which functions and classes are tasks, and with which options."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celery_lint.project.modules import AssignBinding, Class, Function, Module
from celery_lint.project.syntax import last_name, own_nodes, walk
from celery_lint.semantics.calls.context_managers import is_context_manager
from celery_lint.semantics.calls.passing import wraps_unchanged
from celery_lint.semantics.definition.factories import add_options, making
from celery_lint.semantics.inference.packages import TASK_DECORATORS
from celery_lint.semantics.inference.values import (
    UNKNOWN,
    AppValue,
    BoundMethod,
    Captured,
    ClassValue,
    Collection,
    Constant,
    Decorator,
    External,
    FunctionValue,
    Instance,
    Partial,
    TaskValue,
    Value,
)
from celery_lint.semantics.model import Option, Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

TASK_CLASSES = frozenset(
    {
        "celery.Task", "celery.app.task.Task", "celery.app.Task", "celery.task.Task", "celery.task.base.Task",
        "celery.task.PeriodicTask", "celery.task.base.PeriodicTask", "celery.contrib.django.task.DjangoTask",
        "celery.contrib.abortable.AbortableTask", "celery_once.QueueOnce", "celery_once.tasks.QueueOnce",
        "celery_singleton.Singleton", "celery_singleton.singleton.Singleton", "celery.contrib.batches.Batches",
        "celery_batches.Batches", "celery_haystack.tasks.CeleryHaystackSignalHandler",
        "post_request_task.task.PostRequestTask", "djcelery_transactions.PostTransactionTask",
    }
)  # fmt: skip
# Packages whose task classes log, lock or switch tenants, and send at once.
_PLAIN_PACKAGES = frozenset(
    {
        "celery", "celery_batches", "celery_haystack", "celery_once", "celery_singleton", "celery_utils",
        "tenant_schemas_celery", "builtins",
    }
)  # fmt: skip
# Options that a class attribute gives to the tasks made on it (celery/app/task.py, class Task).
OPTIONS = frozenset(
    {
        "name", "bind", "autoretry_for", "dont_autoretry_for", "retry_kwargs", "retry_backoff", "retry_backoff_max",
        "retry_jitter", "max_retries", "default_retry_delay", "rate_limit", "ignore_result", "time_limit",
        "soft_time_limit", "acks_late", "acks_on_failure_or_timeout", "reject_on_worker_lost", "throws", "expires",
        "priority", "serializer", "queue", "typing", "track_started", "store_errors_even_if_ignored", "backend",
        "pydantic", "trail", "send_events", "compression", "abstract", "once", "unique_on", "lock_expiry",
        "raise_on_duplicate",
    }
)  # fmt: skip
_CELERY_NAME = re.compile(r"celery", re.IGNORECASE)
# What a `.py` file must mention for a function in it to be a task maker.
_MAKERS = frozenset({"shared_task", "task", "periodic_task"})


class Tasks:
    """Recognises tasks. Each is one Task object, however often it is asked for."""

    def __init__(self, hub: Semantics) -> None:
        self._hub = hub
        self.app_value: Value = AppValue()
        self._made: dict[Function, tuple[Task, int]] = {}
        """The tasks that calls made of functions, and what each rests on."""

    def of_function(self, function: Function, captured: Captured | None = None) -> Task | None:
        """The task that a decorated function is, or None."""
        if not function.decorators:
            made = self._made.get(function)
            if made is None:
                return None
            self._hub.project.inputs.collected |= made[1]
            return made[0]
        return self._hub.memo.get(("task", function), self._of_function, None, function, captured)

    def _of_function(self, function: Function, captured: Captured | None) -> Task | None:
        for decorator in function.decorators:
            node = decorator.func if isinstance(decorator, ast.Call) else decorator
            value = self._decorator_value(node, function, captured)
            made = self.makes_task(value, node, function.module)
            if made is None:
                continue
            factory = made if isinstance(made, Function) else None
            return self._task(function, None, decorator, factory, value)
        return None

    def _decorator_value(self, node: ast.expr, function: Function, captured: Captured | None) -> Value:
        from celery_lint.semantics.inference.expressions import Evaluator

        hub = self._hub
        if function.parent is not None:
            names = captured.names if captured is not None else {}
            run = Evaluator(hub, function.module, function.parent, names, fuel=1)
            run.recording = False
            return run.eval(node)
        return hub.evaluate(node, function.module)

    def makes_task(self, value: Value, node: ast.expr, module: Module) -> bool | Function | None:
        """Whether a decorator makes tasks: True, or the project's function that does; else None."""
        for one in value.alternatives():
            if isinstance(one, External):
                if one.path in TASK_DECORATORS or one.path in self._hub.settings.task_decorators:
                    return True
                # An application that another package makes: `from company.celery import app`.
                head, _, last = one.path.rpartition(".")
                if last in _MAKERS and _CELERY_NAME.search(head):
                    return True
            elif isinstance(one, BoundMethod):
                if isinstance(one.receiver, AppValue) and one.name in _MAKERS:
                    return True
            elif isinstance(one, Decorator) and one.kind == "task":
                return True
            elif isinstance(one, Partial):  # `retried = partial(shared_task, max_retries=3)`
                return self.makes_task(one.function, node, module)
            elif isinstance(one, FunctionValue):
                if one.function.dotted in self._hub.settings.task_decorators or self.is_factory(one.function):
                    return one.function
        if (
            isinstance(node, ast.Attribute)
            and node.attr in _MAKERS
            and all(not isinstance(v, (ClassValue, TaskValue, Constant, FunctionValue)) for v in value.alternatives())
        ):
            # The application is a parameter, or comes from where nothing can be read.
            root = node.value
            name = last_name(root)
            if _CELERY_NAME.search(name):
                return True
        return None

    def is_factory(self, function: Function) -> bool:
        """Whether a project's own decorator makes tasks of what it decorates."""
        return self._hub.memo.get(("factory", function), self._is_factory, False, function)

    def _is_factory(self, function: Function) -> bool:
        if isinstance(function.node, ast.Lambda) or not function.mentions(_MAKERS):
            return False
        # Somewhere inside, the result of a task decorator is returned, or a nested `def` under one is.
        returned_names = {
            n.value.id for n in walk(function.node) if isinstance(n, ast.Return) and isinstance(n.value, ast.Name)
        }
        for node in walk(function.node):
            if isinstance(node, ast.Return) and isinstance(node.value, ast.Call):
                if self._calls_maker(node.value, function):
                    return True
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                targets = {t.id for t in node.targets if isinstance(t, ast.Name)}
                if targets & returned_names and self._calls_maker(node.value, function):
                    return True
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node is not function.node:
                if node.name in returned_names:
                    for decorator in node.decorator_list:
                        inner = decorator.func if isinstance(decorator, ast.Call) else decorator
                        if self.is_maker(inner, function):
                            return True
        return False

    def _calls_maker(self, call: ast.Call, function: Function) -> bool:
        """Whether a call is `shared_task(...)(f)`, `shared_task(f)` or `app.task(...)`."""
        node: ast.expr = call
        while isinstance(node, ast.Call):
            node = node.func
        return self.is_maker(node, function)

    def is_maker(self, node: ast.expr, function: Function) -> bool:
        """Whether an expression in a function's body is one of Celery's task decorators, or a project's own."""
        if not isinstance(node, (ast.Name, ast.Attribute)):
            return False
        last = node.attr if isinstance(node, ast.Attribute) else node.id
        if last not in _MAKERS:
            return False
        value = self._hub.evaluate(node, function.module)
        if value == UNKNOWN:
            for statement in own_nodes(function.body):
                if isinstance(statement, ast.ImportFrom) and function.module.absolute(statement).startswith("celery"):
                    return True
        return self.makes_task(value, node, function.module) is not None

    def by_call(self, function: Function, node: ast.Call | None, factory: Function | None = None) -> Task:
        """The task that `app.task(function)` or `shared_task(**options)(function)` makes."""
        inputs = self._hub.project.inputs
        known = self._made.get(function)
        if known is None:
            task = self._task(function, None, node, factory)
            known = self._made[function] = (task, inputs.collected)
        inputs.collected |= known[1]
        return known[0]

    @property
    def made_by_calls(self) -> int:
        """How many functions calls have made tasks of so far: these are tasks only once the call was read."""
        return len(self._made)

    def of_class(self, cls: Class) -> Task | None:
        """The task that a class below `celery.Task` with a `run` method is, or None."""
        return self._hub.memo.get(("class task", cls), self._of_class, None, cls)

    def around(self, function: Function) -> Task | None:
        """The task that a function is, or in whose class it stands, or None."""
        task = self.of_function(function)
        return self.of_class(function.cls) if task is None and function.cls is not None else task

    def of_body(self, function: Function) -> Task | None:
        """The task that runs a function as its body, or None."""
        task = self.around(function)
        return task if task is not None and task.function is function else None

    def is_task_class(self, cls: Class) -> bool:
        """Whether a class derives from Celery's Task, an application's own `app.Task` included."""
        return self._hub.classes.derives_from(cls, TASK_CLASSES)

    def _of_class(self, cls: Class) -> Task | None:
        if not self.is_task_class(cls):
            return None
        run = self._hub.classes.function(cls, "run")
        if run is None:
            return None
        return self._task(run, cls, None, None)

    def _task(
        self,
        function: Function,
        cls: Class | None,
        decorator: ast.expr | None,
        factory: Function | None,
        stored: Value = UNKNOWN,
    ) -> Task:
        task = Task(cls.module if cls else function.module, function, cls, decorator, factory=factory)
        made = making(self._hub, factory) if factory is not None else None
        if factory is not None and made is not None:
            task.takes_options = False
            add_options(self._hub, task, factory, made, is_default=False)
        elif factory is not None:
            task.is_remade = True
            self._factory_options(task, factory)
        if isinstance(decorator, ast.Call):
            self._decorator_options(task, decorator, task.module, made.kept if made is not None else frozenset())
        if factory is not None and made is not None:
            add_options(self._hub, task, factory, made, is_default=True)
        self._stored_options(task, stored)
        base = self.class_of(task)
        if base is not None:
            self._class_options(task, base)
        return task

    def _stored_options(self, task: Task, decorator: Value) -> None:
        """The options of a decorator that a variable holds, which those at the task itself outrank."""
        if isinstance(decorator, (Decorator, Partial)) and decorator.node is not None and decorator.module is not None:
            self._decorator_options(task, decorator.node, decorator.module)
            if isinstance(decorator, Partial):
                self._stored_options(task, decorator.function)
            else:
                task.takes_options = False

    def _decorator_options(
        self, task: Task, decorator: ast.Call, module: Module, kept: frozenset[str] = frozenset()
    ) -> None:
        """The options that a decorator gives, but for the keywords that the project's own one keeps for itself."""
        hub = self._hub
        for keyword in decorator.keywords:
            if keyword.arg in kept:
                continue
            value = hub.evaluate(keyword.value, module)
            if keyword.arg is not None:
                task.options.setdefault(keyword.arg, Option(value, keyword.value, module))
            elif isinstance(value, Collection) and value.keys is not None and value.items is not None:
                for key, item in zip(value.keys, value.items, strict=True):
                    task.options.setdefault(key, Option(item, keyword.value, module))
            else:
                task.is_opaque = True

    def _factory_options(self, task: Task, factory: Function) -> None:
        """The options that a project's decorator gives by itself."""
        task.is_opaque = True
        for node in walk(factory.node):
            if isinstance(node, ast.Call) and self.is_maker(node.func, factory):
                for keyword in node.keywords:
                    if keyword.arg is not None:
                        value = self._hub.evaluate(keyword.value, factory.module)
                        task.options.setdefault(keyword.arg, Option(value, keyword.value, factory.module))

    def _class_options(self, task: Task, cls: Class) -> None:
        for one in self._hub.classes.ancestors(cls):
            if isinstance(one, Class):
                for name in one.assigns:
                    if name in OPTIONS and name not in task.options:
                        binding = one.assigns[name][-1]
                        value = (
                            self._hub.evaluate_in_class(binding.value, one) if binding.value is not None else UNKNOWN
                        )
                        where = "decorator" if one is task.cls else "base"
                        task.options[name] = Option(value, binding.value, one.module, where)
            elif one not in TASK_CLASSES and not is_pythons(one):
                task.is_opaque = True

    def base_class(self, task: Task) -> Class | None:
        """The project's class that the task is made on (`base=`, or the application's own)."""
        base = task.options.get("base")
        if base is not None:
            return base.value.cls if isinstance(base.value, ClassValue) else None
        return self.app_task_class

    def class_of(self, task: Task) -> Class | None:
        """The project's class that the task is an instance of: its own, or the one that it is made on."""
        return task.cls or self.base_class(task)

    def has_unreadable_base(self, task: Task) -> bool:
        """Whether `base=` names a class that is neither the project's nor Celery's own."""
        base = task.options.get("base")
        if base is None or isinstance(base.value, ClassValue):
            return False
        return not (isinstance(base.value, External) and base.value.path in TASK_CLASSES)

    def overrides(self, task: Task, *names: str) -> bool:
        """Whether the task's class has a method of its own by one of these names."""
        cls = self.class_of(task)
        return cls is not None and any(self._hub.classes.function(cls, name) is not None for name in names)

    @property
    def app_task_class(self) -> Class | None:
        """The class that the project's application makes its tasks on (`task_cls=`, `app.Task = X`)."""
        return self._hub.memo.get(("app task class",), self._app_task_class, None)

    def _app_task_class(self) -> Class | None:
        for found in self._app_task_values():
            if isinstance(found, ClassValue) and self.is_task_class(found.cls):
                return found.cls
        return None

    @property
    def has_foreign_app_task_class(self) -> bool:
        """Whether the project's application makes its tasks on a class of another package that nobody knows."""
        return self._hub.memo.get(
            ("foreign app task class",),
            lambda: self.app_task_class is None and any(is_foreign_base(v) for v in self._app_task_values()),
            False,
        )

    def _app_task_values(self) -> Iterator[Value]:
        hub = self._hub
        for filename in sorted({*hub.project.holding("task_cls"), *hub.project.holding(".Task = ")}):
            module = hub.project.module_or_none(filename)
            if module is None:
                continue
            for node in walk(module.tree):
                found: Value = Constant(None)
                if isinstance(node, ast.keyword) and node.arg == "task_cls":
                    found = hub.evaluate(node.value, module)
                elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
                    target = node.targets[0]
                    if target.attr == "Task" and isinstance(node.value, (ast.Name, ast.Attribute)):
                        found = hub.evaluate(node.value, module)
                elif (
                    isinstance(node, ast.Assign)
                    and isinstance(node.targets[0], ast.Name)
                    and node.targets[0].id == "task_cls"
                ):
                    found = hub.evaluate(node.value, module)
                if isinstance(found, Constant) and isinstance(found.value, str):
                    known = self.by_path(found.value, module)
                    found = known if known != UNKNOWN else External(found.value.replace(":", "."))
                yield found

    def by_path(self, path: str, module: Module) -> Value:
        """What a dotted path such as `"pkg.mod:Class"` names."""
        module_name, _, name = path.replace(":", ".").rpartition(".")
        found = self._hub.project.import_module(module_name, module.filename)
        if found is None:
            return UNKNOWN
        return self._hub.module_name(found, name) or UNKNOWN

    def named(self, value: Value) -> Task | str | None:
        """The task that `send_task("pkg.tasks.name")` names, or its name, or None."""
        if isinstance(value, TaskValue):
            return value.task
        if not isinstance(value, Constant) or not isinstance(value.value, str):
            return None
        return self.registered(value.value) or value.value

    def registered(self, name: str) -> Task | None:
        """The project's task of a registered name."""
        return self._hub.memo.get(("registered", name), lambda: self._registered(name), None)

    def _registered(self, name: str) -> Task | None:
        module_name, _, last = name.rpartition(".")
        module = self._hub.project.import_module(module_name) if module_name else None
        if module is not None:
            for task in self.in_module(module):
                # A file may be imported under more names than one.
                if task.registered_name == name or (
                    "name" not in task.options and task.name.rpartition(".")[2] == last
                ):
                    return task
        # A name of its own stands as a literal in the file that defines the task.
        holding = frozenset(self._hub.project.holding(name))
        for filename in self._hub.project.mentioning(last):
            if filename in holding:
                found = self._hub.project.module_or_none(filename)
                for task in self.in_module(found) if found is not None else ():
                    if task.registered_name == name:
                        return task
        return None

    def in_module(self, module: Module) -> tuple[Task, ...]:
        """The tasks that a module defines, in their order."""
        return self._hub.memo.get(("tasks in", module), lambda: self._in_module(module), ())

    def _in_module(self, module: Module) -> tuple[Task, ...]:
        found: list[Task] = []
        for function in module.functions:
            task = self.of_function(function)
            if task is not None:
                found.append(task)
        for cls in module.classes:
            task = self.of_class(cls)
            if task is not None and "run" in cls.functions:
                found.append(task)
        for name, bindings in module.bindings.items():
            # `name = app.task(function)`: imports and plain values are not worth resolving.
            if ast.Call not in [b.value.__class__ for b in bindings if b.__class__ is AssignBinding]:
                continue
            value = self._hub.module_name(module, name)
            if isinstance(value, TaskValue) and not isinstance(value.task, str):
                if value.task.module is module and value.task not in found:
                    found.append(value.task)
        # Tasks made inside functions: application factories, tests.
        for function in list(module.holding(_MAKERS)):
            if function.has_nested and function.mentions(_MAKERS):
                for nested, _, _ in self._hub.flow(function).closures:
                    task = self.of_function(nested)
                    if task is not None and task not in found:
                        found.append(task)
        return tuple(sorted(found, key=lambda t: t.node.lineno))  # type: ignore[attr-defined]

    def is_wrapped(self, task: Task) -> bool:
        """Whether a decorator under the task's own may change what the body gets."""
        if task.function is None or task.decorator is None or task.decorator not in task.function.decorators:
            return False
        below = task.function.decorators[list(task.function.decorators).index(task.decorator) + 1 :]
        for decorator in below:
            node = decorator.func if isinstance(decorator, ast.Call) else decorator
            value = self._hub.evaluate(node, task.function.module)
            if isinstance(value, FunctionValue):
                # What `@contextmanager` makes is a decorator as well (contextlib.ContextDecorator).
                is_context = isinstance(decorator, ast.Call) and is_context_manager(self._hub, value.function)
                if is_context or self.passes_on(value.function):
                    continue
            if not (
                isinstance(value, External)
                and value.path != "functools.partial"
                and value.path.startswith(("django.db.transaction.", "functools.", "django.utils."))
            ):
                return True
        return False

    def passes_on(self, decorator: Function) -> bool:
        """Whether a project's decorator calls what it decorates with the very arguments that it gets."""

        def decide() -> bool:
            return wraps_unchanged(decorator, {*decorator.parameters, *inner_names(decorator)})

        return self._hub.memo.get(("passes on", decorator), decide, False)

    def is_task_instance(self, value: Value) -> bool:
        """Whether a value is some task, without saying which: a parameter `task: Task`."""
        if isinstance(value, TaskValue):
            return True
        if isinstance(value, Instance):
            if not isinstance(value.cls, Class):
                return value.cls in TASK_CLASSES
            return self.is_task_class(value.cls) or self._is_task_mixin(value.cls)
        return False

    def _is_task_mixin(self, cls: Class) -> bool:
        """Whether a class is no task class, and all that derive from it are: its `self` is a task nevertheless."""
        return self._hub.memo.get(("task mixin", cls), self._decide_mixin, False, cls)

    def _decide_mixin(self, cls: Class) -> bool:
        heirs = self._hub.classes.heirs(cls)
        return bool(heirs) and all(self.is_task_class(one) or self._is_task_mixin(one) for one in heirs)


def is_foreign_base(value: Value) -> bool:
    """Whether a task class comes from another package that nobody knows: it may send in its own way."""
    return isinstance(value, External) and is_foreign_class(value.path)


def is_foreign_class(path: str) -> bool:
    """Whether a class of another package may change how a task is sent, as far as its name tells."""
    root = path.partition(".")[0]
    return root not in _PLAIN_PACKAGES and root not in sys.stdlib_module_names


def is_pythons(path: str) -> bool:
    """Whether a class is Python's own, such as `abc.ABC` or `typing.Generic`: it brings nothing of a task's."""
    return path.partition(".")[0] in sys.stdlib_module_names


def inner_names(function: Function) -> set[str]:
    """The parameters of the functions nested in a function: a decorator factory's inner decorator gets the function."""
    return {
        a.arg
        for n in walk(function.node)
        if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)) and n is not function.node
        for a in n.args.args
    }
