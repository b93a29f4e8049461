"""Who calls a function from outside: a web framework, a worker, a command line, a test."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from celery_lint.project.index import is_test_file
from celery_lint.project.modules import AssignBinding, Class, Function, Module
from celery_lint.project.syntax import last_name, literal_text, own_nodes, walk
from celery_lint.records import record
from celery_lint.semantics.frameworks import conventions, forms, signal_handlers
from celery_lint.semantics.inference.values import External, FunctionValue, HttpRequest, Instance, Value
from celery_lint.semantics.model import Step, Task

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

RoleKind = Literal["view", "admin", "signal", "middleware", "task", "command", "script", "test", "model", "none"]
REQUEST_ROLES = frozenset({"view", "admin", "signal", "middleware", "model"})
_VIEW_METHODS = frozenset(
    """get post put patch delete head options dispatch list create retrieve update partial_update destroy form_valid
    form_invalid perform_create perform_update perform_destroy post_save pre_save get_context_data get_queryset
    mutate mutate_and_get_payload perform_mutation get_object""".split()
)
_ADMIN_METHODS = frozenset(
    "save_model delete_model save_related save_formset save_form response_add response_change response_delete".split()
)
# What an admin's pages ask for, in a transaction or not (django/contrib/admin/options.py).
_ADMIN_REQUESTS = frozenset(
    """changelist_view change_view add_view delete_view history_view get_queryset get_object get_form
    get_search_results get_list_display get_readonly_fields get_fields get_fieldsets get_actions
    get_changeform_initial_data has_add_permission has_change_permission has_delete_permission
    has_view_permission""".split()
)
_MIDDLEWARE_METHODS = frozenset({"__call__", "process_request", "process_response", "process_view"})
_BACKEND_METHODS = frozenset({"authenticate", "aauthenticate"})
_MODEL_METHODS = frozenset({"save", "delete"})
# The methods of mixins that a framework calls.
_MIXED_IN = _VIEW_METHODS | _ADMIN_METHODS | _ADMIN_REQUESTS | _MODEL_METHODS | {"delete_queryset"}
_PLAIN_BASES = ("builtins.object", "abc.", "typing.", "typing_extensions.")
# What the worker calls around a task's body (celery/app/task.py, class Task).
_TASK_HOOKS = frozenset({"before_start", "on_success", "on_failure", "on_retry", "after_return"})
_CONSUMER_METHODS = frozenset({"connect", "disconnect", "receive", "receive_json"})
_ROUTES = frozenset(
    "route get post put delete patch head options websocket api_route view_config action api_view".split()
)
# Hooks of Flask, FastAPI and flask-login that run around each request, and those that answer one which failed.
_REQUEST_HOOKS = frozenset(
    """before_request after_request teardown_request before_app_request after_app_request teardown_app_request
    context_processor app_context_processor user_loader request_loader""".split()
)
_ERROR_HOOKS = frozenset({"errorhandler", "app_errorhandler", "exception_handler"})
_WEB_PACKAGES = ("aiohttp", "fastapi", "flask", "starlette")
# How code makes a function a dependency, or a view under a path: `Depends(f)`, `add_get("/", f)`.
_DEPENDING = ("Depends", "Security")
_REGISTERING = (
    *("Route", "WebSocketRoute", "add_route", "add_api_route", "add_url_rule"),
    *("add_get", "add_post", "add_put", "add_patch", "add_delete"),
)
_VIEWS_FILE = re.compile(r"(^|/)(views?|viewsets?)(/|[^/]*\.py$)")
_COMMAND_FILE = re.compile(
    r"(^|/)(management/commands|scripts|bin|tools)/|(^|/)(manage|setup|fabfile|conftest|tasks_cli|__main__)\.py$"
)
_SCRIPT_DECORATORS = ("click.", "typer.", "flask.cli", "invoke.", "fabric.")
_PARSERS = frozenset({"ArgumentParser", "OptionParser", "docopt"})
_MAKING_PARSERS = frozenset(map(External, ("argparse.ArgumentParser", "optparse.OptionParser", "docopt.docopt")))
_COMMAND_MAKERS = frozenset({"command", "group", "callback"})
_VIEW_DECORATORS = (
    "rest_framework.decorators",
    "django.contrib.admin.action",
    "django.contrib.admin.decorators.action",
    "django.views.decorators",
    "django.contrib.auth.decorators",
    "pyramid.view",
    "ninja",
    "cornice",
    # strawberry/types/field.py; strawberry_django/mutations: what resolves a field of GraphQL's
    "strawberry.field",
    "strawberry.mutation",
    "strawberry.subscription",
    "strawberry_django.",
)
# Decorators from a package of views that any function may have.
_FOR_ANY_FUNCTION = frozenset({"django.views.decorators.debug.sensitive_variables"})
_RESPONSES = (
    "django.http.",
    "django.shortcuts.render",
    "django.shortcuts.redirect",
    "django.template.response.",
    "rest_framework.response.",
)
MAX_UP = 4


@record()
class Role:
    """Why code outside the project calls a function. `detail` is the signal's name."""

    kind: RoleKind = "none"
    always_atomic: bool = False
    detail: str = ""


@record()
class TaskPath:
    """How a worker comes to run a function: the task, and the calls that lead from it, outermost first."""

    task: Task
    steps: tuple[Step, ...]


class Roles:
    """Roles of the project's functions."""

    def __init__(self, hub: Semantics) -> None:
        self._hub = hub

    def of(self, function: Function) -> Role:
        """The role of a function."""
        return self._hub.memo.get(("role", function), lambda: self._of(function), Role())

    def _of(self, function: Function) -> Role:
        hub = self._hub
        if self.is_test(function):
            return Role("test")
        if hub.tasks.of_function(function) is not None:
            return Role("task")
        if function.parent is not None:
            return self._of_nested(function)
        cls = function.cls
        if cls is not None:
            role = self._of_method(function, cls)
            if role.kind != "none":
                return role
        elif _COMMAND_FILE.search(function.module.filename) or self._is_program(function):
            return Role("command")
        handler = self._of_handler(function)
        if handler is not None:
            return handler
        if self._has_route(function):
            return Role("view")
        if cls is None:
            return self._by_hook(function) or self._by_registration(function) or self._by_arguments(function)
        return Role()

    def _of_handler(self, function: Function) -> Role | None:
        """The role of a function that handles signals."""
        names = [name for name, _ in signal_handlers.signals_of(self._hub, function)]
        if names and self._hub.calls.defers(function):
            return Role()  # what is connected only puts the function off until the commit
        for name in names:
            if signal_handlers.MODEL_SIGNALS.get(name):
                return Role("signal", True, name)
        for name in names:
            if name in signal_handlers.MODEL_SIGNALS:
                return Role("signal", False, name)
        if any(name.startswith(signal_handlers.WORKER) for name in names):
            return Role("task")
        if any(name.startswith(signal_handlers.SETUP) for name in names):
            return Role("script")
        if any(name in signal_handlers.COMMAND_SIGNALS for name in names):
            return Role("command")
        return Role("signal", False, names[0]) if names else None

    def _of_nested(self, function: Function) -> Role:
        """The role of a function inside another: a route of an application's factory, a handler of a signal,
        or Django's middleware."""
        if self._has_route(function):
            return Role("view")
        hook = self._by_hook(function) or self._of_handler(function)
        if hook is not None:
            return hook
        return Role("middleware") if is_middleware(function) else Role()

    def _by_arguments(self, function: Function) -> Role:
        return Role("view") if self._is_function_view(function) else Role()

    def _by_hook(self, function: Function) -> Role | None:
        """The role that a decorator for all requests, or for failed ones, gives to a function."""
        for decorator in function.decorators:
            node = decorator.func if isinstance(decorator, ast.Call) else decorator
            last = node.attr if isinstance(node, ast.Attribute) else ""
            if last in _ERROR_HOOKS and isinstance(decorator, ast.Call):
                return Role("view")
            if last in _REQUEST_HOOKS or (last == "middleware" and is_for_http(decorator)):
                return Role("middleware")
        return None

    def _by_registration(self, function: Function) -> Role | None:
        """The role of a function that a call makes a view or a dependency: `Route("/", f)`, `Depends(f)`."""
        name = function.name.encode()
        for words, role in ((_REGISTERING, Role("view")), (_DEPENDING, Role("middleware"))):
            for filename in self._files_with(words):
                text = self._hub.project.read(filename)
                if name in text and self._is_given(function, words, filename, text.decode("utf-8", "replace")):
                    return role
        return None

    def _files_with(self, words: Sequence[str]) -> Sequence[str]:
        """The files in which a web framework is told of functions by one of these names; without parsing."""

        def search() -> Sequence[str]:
            project = self._hub.project
            if not any(project.mentioning(package) for package in _WEB_PACKAGES):
                return ()
            return tuple(dict.fromkeys(f for word in words for f in project.mentioning(word) if not is_test_file(f)))

        return self._hub.memo.once(("files with", words), search)

    def _is_given(self, function: Function, words: Sequence[str], filename: str, text: str) -> bool:
        """Whether a call of one of these names has a path, if it is for one, and the function for arguments."""
        path = r"""(?:path=|rule=)?['"][^'"]*['"],[^()]*?""" if words is _REGISTERING else ""
        given = re.compile(rf"\b(?:{'|'.join(words)})\(\s*{path}\b((?:\w+\.)*{function.name})\b(?!\s*[(=.])")
        names = {found[1] for found in given.finditer(text)}
        module = self._hub.project.module_or_none(filename) if names else None
        for name in names if module is not None else ():
            value = self._hub.evaluate(ast.parse(name, mode="eval").body, module) if module is not None else None
            if isinstance(value, FunctionValue) and value.function is function:
                return True
        return False

    def _of_method(self, function: Function, cls: Class) -> Role:
        hub, name = self._hub, function.name
        task = hub.tasks.of_class(cls)
        if task is not None and name in ("run", "__call__"):
            return Role("task")
        if name in _TASK_HOOKS and hub.tasks.is_task_class(cls):
            return Role("task")
        ancestors = [a for a in hub.classes.ancestors(cls) if isinstance(a, str)]
        if (
            any(a.endswith("BaseCommand") or a.endswith(".Command") for a in ancestors)
            or "/management/commands/" in function.module.filename
        ):
            return Role("command")
        if conventions.is_admin_class(hub, cls):
            if name in _ADMIN_METHODS:
                return Role("admin", True)
            if name == "delete_queryset" or [a.arg for a in function.positional[1:]] == [
                "request",
                "queryset",
            ]:
                # An action, as the one that calls `delete_queryset`: a request, but no transaction of its own.
                return Role("view")
            if name in _ADMIN_REQUESTS or conventions.is_shown_in_admin(hub, function, cls):
                return Role("view")
        if conventions.is_view_class(hub, cls) and name in _VIEW_METHODS:
            return Role("view")
        if conventions.is_mapped_action(hub, function):
            return Role("view")
        if any(a.startswith(("graphene", "strawberry", "channels.", "rest_framework")) for a in ancestors):
            if name in _VIEW_METHODS or name in _CONSUMER_METHODS or name.startswith("resolve_"):
                return Role("view")
        if self._has_route(function):
            return Role("view")
        if any("iddleware" in a for a in ancestors) or (name in _MIDDLEWARE_METHODS and self._is_middleware(cls)):
            return Role("middleware")
        if name in _BACKEND_METHODS and any(a.startswith("django.contrib.auth.backends.") for a in ancestors):
            return Role("view")  # Django's own login view calls it
        if hub.classes.is_model(cls) and hub.classes.is_django_model(cls) and name in _MODEL_METHODS:
            return Role("model")
        if forms.is_form_class(hub, cls) and name == "save":
            return Role("view")
        if forms.is_called_by_form(hub, function, cls) or forms.is_called_by_serializer(hub, function, cls):
            return Role("view")
        return self._of_mixed_in(function, cls)

    def _of_mixed_in(self, function: Function, cls: Class) -> Role:
        """The role of a method of a mixin: the one that it has in all classes which inherit it."""
        if function.name not in _MIXED_IN or not self.is_mixin(cls):
            return Role()
        heirs = [heir for heir in self._hub.classes.heirs(cls) if self._hub.classes.may_run(heir, function)]
        found = {self._of_method(function, heir) for heir in heirs}
        role = found.pop() if len(found) == 1 else Role()
        return role if role.kind in ("view", "admin", "model") else Role()

    def is_mixin(self, cls: Class) -> bool:
        """Whether a class has no base in any framework, so that what it is for is up to those which inherit it."""
        return all(path.startswith(_PLAIN_BASES) for path in self._hub.classes.lineage(cls).foreign)

    def served_classes(self, cls: Class, function: Function) -> tuple[Class, ...]:
        """The classes in which a framework runs a method of a class: the class, or, of a mixin, what inherits it."""
        if not self.is_mixin(cls):
            return (cls,)
        heirs = (heir for heir in self._hub.classes.heirs(cls) if self._hub.classes.may_run(heir, function))
        return tuple(one for heir in heirs for one in self.served_classes(heir, function))

    def _is_middleware(self, cls: Class) -> bool:
        """Whether a class without such a base is a middleware by its name, or by what Django makes it with."""
        init = self._hub.classes.function(cls, "__init__")
        return "iddleware" in cls.name or (init is not None and "get_response" in init.parameters)

    def _is_program(self, function: Function) -> bool:
        """Whether a function is run from the command line: a command of click's or its like, or what a script calls."""
        for decorator in function.decorators:
            node = decorator.func if isinstance(decorator, ast.Call) else decorator
            value = self._hub.evaluate(node, function.module)
            if isinstance(value, External) and value.path.startswith(_SCRIPT_DECORATORS):
                return True
            if (
                isinstance(node, ast.Attribute)
                and node.attr in _COMMAND_MAKERS
                and self._is_group(node.value, function)
            ):
                return True
        return function.name in function.module.run_as_script or self._reads_arguments(function)

    def _reads_arguments(self, function: Function) -> bool:
        """Whether a function makes the parser of a command line, as the entry point of a script does."""
        return function.mentions(_PARSERS) and any(
            isinstance(node, ast.Call) and self._hub.evaluate(node.func, function.module) in _MAKING_PARSERS
            for node in own_nodes(function.body)
        )

    def _is_group(self, node: ast.expr, function: Function) -> bool:
        """Whether commands belong to an object: `app.cli` of Flask, a group of click's, an application of typer's."""
        if isinstance(node, ast.Attribute) and node.attr == "cli":
            return True
        value = self._hub.evaluate(node, function.module)
        if isinstance(value, FunctionValue):
            return value.function is not function and self._is_program(value.function)
        path = value.cls if isinstance(value, Instance) else None
        return isinstance(path, str) and path.startswith(_SCRIPT_DECORATORS)

    def _has_route(self, function: Function) -> bool:
        for decorator in function.decorators:
            node = decorator.func if isinstance(decorator, ast.Call) else decorator
            last = last_name(node)
            value = self._hub.evaluate(node, function.module)
            path = value.path if isinstance(value, External) else ""
            if path.startswith(_SCRIPT_DECORATORS):
                return False
            if path in _FOR_ANY_FUNCTION:
                continue
            if path.startswith(_VIEW_DECORATORS):
                return True
            if last in _ROUTES and isinstance(decorator, ast.Call) and isinstance(node, ast.Attribute):
                route = route_of(decorator)
                if route is not None and (
                    route.startswith("/") or (route == "" and self._is_router(node.value, function))
                ):
                    return True
        return False

    def _is_router(self, node: ast.expr, function: Function) -> bool:
        """Whether an expression is a router or an application of a web framework."""
        value = self._hub.evaluate(node, function.module)
        return isinstance(value, Instance) and isinstance(value.cls, str) and value.cls.startswith(_WEB_PACKAGES)

    def _is_function_view(self, function: Function) -> bool:
        positional = function.positional
        if not positional:
            return False
        first = positional[0]
        if [a.arg for a in positional] == ["modeladmin", "request", "queryset"]:
            return True  # an admin action, as Django's documentation writes them
        if first.arg != "request" and not isinstance(self._annotated(first, function.module), HttpRequest):
            return False
        return (
            bool(_VIEWS_FILE.search(function.module.filename)) or self._is_routed(function) or self._answers(function)
        )

    def _answers(self, function: Function) -> bool:
        """Whether some `return` gives a response of Django or REST framework."""
        for node in own_nodes(function.body):
            if isinstance(node, ast.Return) and isinstance(node.value, ast.Call):
                made = self._hub.evaluate(node.value.func, function.module)
                if isinstance(made, External) and made.path.startswith(_RESPONSES):
                    return True
        return False

    def _annotated(self, arg: ast.arg, module: Module) -> Value | None:
        return self._hub.annotation(arg.annotation, module) if arg.annotation is not None else None

    def _is_routed(self, function: Function) -> bool:
        """Whether a module of URL patterns names the function."""
        name = function.name
        for filename in self._hub.project.mentioning(name):
            if not filename.rpartition("/")[2].startswith("urls"):
                continue
            module = self._hub.project.module_or_none(filename)
            if module is not None and any(
                last_name(node) == name and signal_handlers.handles(self._hub, node, function, module)
                for node in module.nodes_around((name,))
                if isinstance(node, (ast.Name, ast.Attribute))
            ):
                return True
        return False

    def is_non_atomic(self, function: Function) -> bool:
        """Whether `non_atomic_requests` takes a view out of ATOMIC_REQUESTS: as a decorator, or in the URL patterns."""
        classes = self.served_classes(function.cls, function) if function.cls is not None else ()
        decorators = list(function.decorators)
        for cls in classes:
            dispatch = self._hub.classes.function(cls, "dispatch")
            decorators += dispatch.decorators if dispatch is not None else []
            for owner in self._hub.classes.ancestors(cls):
                decorators += owner.node.decorator_list if isinstance(owner, Class) else []
        if any("non_atomic_requests" in ast.unparse(d) for d in decorators):
            return True
        names = [cls.name for cls in classes] if function.cls is not None else [function.name]
        return not self._names_taken_out.isdisjoint(names)

    @property
    def _names_taken_out(self) -> frozenset[str]:
        """The names of the views in `non_atomic_requests(views.upload)`."""

        def search() -> frozenset[str]:
            found: set[str] = set()
            for filename in self._hub.project.mentioning("non_atomic_requests"):
                module = self._hub.project.module_or_none(filename)
                for node in walk(module.tree) if module is not None else ():
                    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("non_atomic_requests"):
                        inner = [n for a in node.args for n in walk(a)]
                        found.update(n.attr for n in inner if isinstance(n, ast.Attribute))
                        found.update(n.id for n in inner if isinstance(n, ast.Name))
            return frozenset(found)

        return self._hub.memo.get(("names taken out",), search, frozenset())

    def is_test(self, function: Function) -> bool:
        """Whether pytest or unittest runs the function."""
        if self.is_test_module(function.module):
            return True
        cls = function.cls
        return cls is not None and any(
            isinstance(a, str) and a.rpartition(".")[2].endswith("TestCase") for a in self._hub.classes.ancestors(cls)
        )

    def is_test_module(self, module: Module) -> bool:
        """Whether a module belongs to the tests."""
        return is_test_file(module.filename)

    def request_path(self, function: Function | None, depth: int = MAX_UP) -> tuple[Step, ...] | None:
        """The calls that lead from a request into a function, outermost first; None when none is known."""
        if function is None:
            return None
        return self._hub.memo.get(("request path", function, depth), lambda: self._request_path(function, depth), None)

    def task_path(self, function: Function | None, depth: int = MAX_UP) -> TaskPath | None:
        """The calls that lead from a task into a function; None when no task is known to run it."""
        if function is None:
            return None
        return self._hub.memo.get(("task path", function, depth), lambda: self._task_path(function, depth), None)

    def _task_path(self, function: Function, depth: int) -> TaskPath | None:
        task = self._hub.tasks.of_function(function)
        if task is None and function.cls is not None and function.name in ("run", "__call__", *_TASK_HOOKS):
            task = self._hub.tasks.of_class(function.cls)
        if self.is_test(function):
            return None
        if task is not None:
            step = Step(function.module.source.place(function.node), f"a worker runs `{task.name}`")
            return TaskPath(task, (step,))
        if depth <= 0:
            return None
        if function.parent is not None:
            return self.task_path(function.parent, depth)
        for site in self._hub.calls.callers(function) or ():
            above = self.task_path(site.caller, depth - 1)
            if above is not None:
                place = site.call.flow.module.source.place(site.call.node)
                return TaskPath(above.task, (*above.steps, Step(place, f"`{function.qualname}` is called here")))
        return None

    def _may_be_sent_by_task(self, detail: str) -> bool:
        """Whether a role's detail names a signal that the project itself makes, or that Celery sends with a task."""
        name = detail.removeprefix("custom:")
        if name == detail:
            return False
        if name in signal_handlers.PUBLISHING:
            return True
        modules = [self._hub.project.module_or_none(f) for f in self._hub.project.mentioning(name)]
        bindings = [b for m in modules if m is not None for b in m.bindings.get(name, ())]
        return any(isinstance(b, AssignBinding) and isinstance(b.value, ast.Call) for b in bindings)

    def _request_path(self, function: Function, depth: int) -> tuple[Step, ...] | None:
        role = self.of(function)
        if role.kind in ("task", "command", "script", "test"):
            return None
        if role.kind in REQUEST_ROLES and not self._may_be_sent_by_task(role.detail):
            text = {
                "view": f"`{function.qualname}` handles requests",
                "admin": f"`{function.qualname}` handles requests of the admin",
                "signal": f"`{function.qualname}` handles the signal `{role.detail.removeprefix('custom:')}`,"
                " in the process that sends it",
                "middleware": f"`{function.qualname}` runs for each request",
                "model": f"`{function.qualname}` runs wherever the row is saved or deleted",
            }[role.kind]
            return (Step(function.module.source.place(function.node), text),)
        if depth <= 0:
            return None
        if function.parent is not None:
            return self.request_path(function.parent, depth)
        for site in self._hub.calls.callers(function) or ():
            above = self.request_path(site.caller, depth - 1)
            if above is not None:
                place = site.call.flow.module.source.place(site.call.node)
                return (*above, Step(place, f"`{function.qualname}` is called here"))
        return None


def is_middleware(function: Function) -> bool:
    """Whether a nested function is what a middleware factory returns: it calls the factory's `get_response`."""
    factory = function.parent
    if factory is None or factory.cls is not None or list(factory.parameters) != ["get_response"]:
        return False
    returned = {
        n.value.id for n in own_nodes(factory.body) if isinstance(n, ast.Return) and isinstance(n.value, ast.Name)
    }
    return function.name in returned and function.mentions(("get_response",))


def route_of(decorator: ast.Call) -> str | None:
    """The path that a decorator names: `@router.get("/orders")`, `@router.get(path="/orders")`."""
    first = decorator.args[0] if decorator.args else None
    for keyword in decorator.keywords:
        if keyword.arg in ("path", "rule"):
            first = keyword.value
    return None if first is None else literal_text(first)


def is_for_http(decorator: ast.expr) -> bool:
    """Whether a decorator is `@app.middleware("http")`."""
    return isinstance(decorator, ast.Call) and route_of(decorator) == "http"
