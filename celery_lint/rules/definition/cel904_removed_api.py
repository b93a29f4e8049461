"""CEL904."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import Applicability, Finding, Fix, Import, PutStatement, Replace, Severity, Side
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.definition.removals import METHODS, OldUse, Removal, old_uses, removed_method
from celery_lint.semantics.inference.values import TaskValue
from celery_lint.semantics.model import Call, FunctionFlow


class RemovedApi(Rule):
    """Something is used that Celery has no more.

    ## What it does
    Reports imports and attributes of modules, names and methods of tasks that are gone: `celery.task`,
    `celery.decorators`, `celery.five`, `celery.utils.encoding`, `celery.contrib.batches`,
    `task.get_logger()` and others.

    ## Why is this bad
    The import raises `ModuleNotFoundError` or `ImportError`: the module's tasks are never
    registered, and whatever imports it does not start. A missing method raises `AttributeError` when it
    is called. Some went with Celery 4, most with Celery 5.

    ## Example
    ```python
    from celery.task import task


    @task
    def charge(order_id): ...
    ```

    ## Use instead
    ```python
    from celery import shared_task


    @shared_task
    def charge(order_id): ...
    ```

    ## Silent when
    The oldest version of Celery that the project allows still has it (`celery-version`, or the
    project's requirements), the import is tried and its failure handled, a test of a version
    stands around it. Where no requirement says which Celery is meant, it is a warning.

    ## Fix safety
    Safe: what has the same name and meaning elsewhere is imported from there, and `task` is `shared_task`
    from then on. There is no fix where the code has to change, as for `periodic_task`.

    ## Options
    - `celery-version`

    ## References
    - [Celery 5.0: what is new](https://docs.celeryq.dev/en/stable/history/whatsnew-5.0.html)
    """

    severity = Severity.ERROR
    fixable = "safe"

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        for use in old_uses(file.hub, file.module):
            gone = [one for one in use.removed if _is_gone(one, file)]
            if gone:
                names = ", ".join(f"`{one.path}`" for one in gone)
                error = "this raises AttributeError" if isinstance(use.node, ast.Attribute) else "the import fails"
                yield self._report(use.node, names, gone, error, file, _fix(use, file) if gone == use.removed else None)

    def check_function(self, flow: FunctionFlow, file: FileContext) -> Iterator[Finding]:
        for call in flow.calls:
            if call.name not in METHODS or not isinstance(call.node.func, ast.Attribute):
                continue
            value = flow.value(call.node.func.value)
            gone = removed_method(call.name)
            if gone is None or not isinstance(value, TaskValue) or isinstance(value.task, str):
                continue
            has_own = file.hub.tasks.overrides(value.task, call.name)
            if _is_gone(gone, file) and not has_own and not value.task.is_opaque:
                what = f"`{file.text(call.node.func)}`"
                yield self._report(call.node, what, [gone], "the call raises AttributeError", file, _logger(call, file))

    def _report(
        self, node: ast.AST, names: str, gone: list[Removal], error: str, file: FileContext, fix: Fix | None
    ) -> Finding:
        advice = sorted({one.advice for one in gone if one.advice is not None and one.replacement is None})
        message = (
            f"{names} {'is' if len(gone) == 1 else 'are'} gone since Celery {max(one.since for one in gone)}: {error}"
        )
        if advice:
            message += f"; use {' and '.join(advice)}"
        severity = Severity.WARNING if file.hub.settings.celery_version is None else None
        return self.finding(file.place(node), message, severity=severity, fix=fix)


def _is_gone(one: Removal, file: FileContext) -> bool:
    version = file.hub.settings.celery_version
    return version is None or version >= (one.since,)


def _logger(call: Call, file: FileContext) -> Fix | None:
    """The logger that `task.get_logger()` gave."""
    func = call.node.func
    if call.name != "get_logger" or call.args or not isinstance(func, ast.Attribute):
        return None
    code = f"$get_task_logger({file.module.source.code(func.value)}.name)"
    change = Replace(file.place(call.node), code, (Import("celery.utils.log", "get_task_logger"),))
    return Fix(Applicability.SAFE, "Use `get_task_logger()`", (change,))


def _fix(use: OldUse, file: FileContext) -> Fix | None:
    node = use.node
    title = "Use what has taken its place"
    if isinstance(node, ast.Attribute):
        found = use.removed[0].replacement
        root = node.value
        while isinstance(root, ast.Attribute):
            root = root.value
        if found is None or found[0] != "celery":
            return None
        return Fix(Applicability.SAFE, title, (Replace(file.place(node), f"{file.text(root)}.{found[1]}"),))
    if isinstance(node, ast.Import) or any(one.replacement is None for one in use.removed):
        return None
    if "#" in file.module.source.code(node) or len(use.removed) != len(node.names):
        return None
    lines: dict[str, list[str]] = {}
    for alias, one in zip(node.names, use.removed, strict=True):
        assert one.replacement is not None
        module, name = one.replacement
        local = alias.asname or alias.name
        if one.path == "celery.task" and _is_module(local, file):
            return None
        lines.setdefault(module, []).append(name if name == local else f"{name} as {local}")
    code = "\n".join(f"from {module} import {', '.join(names)}" for module, names in lines.items())
    return Fix(Applicability.SAFE, title, (PutStatement(file.place(node), Side.INSTEAD, code),))


def _is_module(name: str, file: FileContext) -> bool:
    """Whether a file looks into what it has imported as `task`: into the module, not the decorator."""
    return any(
        isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name
        for node in ast.walk(file.module.source.tree)
    )
