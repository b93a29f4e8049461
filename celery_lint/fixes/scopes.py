"""What names mean at a place of a file: enough to reuse an import and to shadow none.

Where it is not certain what a name means it counts as taken, which costs an
alias at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import libcst as cst

from celery_lint.findings import Import
from celery_lint.fixes.bridge import Bridge, children

ImportStatement = cst.Import | cst.ImportFrom
ScopeNode = cst.Module | cst.FunctionDef | cst.ClassDef | cst.Lambda


@dataclass(frozen=True)
class Imported:
    """What an alias of an import statement makes reachable.

    `import a.b` binds `a`, and makes both `a` and `a.b` reachable.
    """

    local: str  # the name that it binds
    bound: str  # what that name is, dotted
    expression: str  # how code calls the imported thing
    full: str  # what the imported thing is, dotted
    relative: bool
    statement: ImportStatement

    def is_named(self, full: str) -> bool:
        """Whether the imported thing is `full`.

        A relative import is resolved against the path, which may start above
        the directory that Python imports from.
        """
        return self.full == full or (self.relative and self.full.endswith("." + full))


def module_name(filename: str) -> str:
    """The dotted name of a file, seen from the project's root."""
    parts = filename.rpartition(".")[0].split("/")
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(filename: str, module: str) -> bool:
    """Whether `module` may be the name that the file is imported under."""
    name = module_name(filename)
    return name == module or name.endswith("." + module)


class Scopes:
    """The names that each scope of a file binds, and by what."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._bound: dict[cst.CSTNode, dict[str, list[Imported | None]]] = {}
        self._package = bridge.filename.split("/")[:-1]
        self.has_star_import = False
        self.used: set[str] = set()
        self._collect()

    def imports(self, use: cst.CSTNode) -> Iterator[Imported]:
        """The imports that code at `use` can rely on, nearest scope first."""
        for scope in self._chain(use):
            for local, bindings in self._bound[scope].items():
                for binding in bindings:
                    if binding and self._means(local, use) == scope and self._reaches(binding, scope, use):
                        yield binding

    def defines(self, name: str, use: cst.CSTNode) -> bool:
        """Whether `name` at `use` is a function or class that the module itself defines, once."""
        module = self._bridge.module
        if self._means(name, use) is not module or len(self._bound[module][name]) != 1:
            return False
        return any(
            isinstance(statement, (cst.FunctionDef, cst.ClassDef))
            and statement.name.value == name
            and (self.is_deferred(use) or self._bridge.span(statement)[1] <= self._bridge.span(use)[0])
            for statement in module.body
        )

    def is_free(self, name: str, use: cst.CSTNode) -> bool:
        """Whether `name` can be given a meaning in the module that code at `use` sees."""
        if name in self.used and self.has_star_import:
            return False
        return self._means(name, use) is None

    def means_in_module(self, name: str, use: cst.CSTNode) -> str | None:
        """What `name` at `use` is, dotted, if imports of the module alone bind it."""
        module = self._bridge.module
        if self._means(name, use) is not module:
            return None
        meanings = {binding.bound if binding else None for binding in self._bound[module][name]}
        return meanings.pop() if len(meanings) == 1 else None

    def is_shadowed(self, name: str, use: cst.CSTNode) -> bool:
        """Whether a scope inside the module hides the module's `name` from code at `use`."""
        return self._means(name, use) not in (None, self._bridge.module)

    def is_deferred(self, use: cst.CSTNode) -> bool:
        """Whether code at `use` runs after the module has been imported."""
        return any(not isinstance(scope, (cst.Module, cst.ClassDef)) for scope in self._enclosing(use))

    def needed_before(self, use: cst.CSTNode) -> int:
        """The offset that a top-level import for code at `use` must stand before."""
        if self.is_deferred(use):
            return len(self._bridge.text) + 1
        top = next((child for child, parent in self._bridge.path(use) if parent is self._bridge.module), use)
        return self._bridge.span(top)[0]

    def _enclosing(self, use: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """The scopes round a node, innermost first. Decorators stand outside of what they decorate."""
        for child, parent in self._bridge.path(use):
            if parent in self._bound and not isinstance(child, (cst.Decorator, cst.Arg)):
                yield parent

    def _chain(self, use: cst.CSTNode) -> list[cst.CSTNode]:
        """The scopes whose names code at `use` sees: of classes, only the innermost scope."""
        enclosing = list(self._enclosing(use))
        return [scope for scope in enclosing if scope is enclosing[0] or not isinstance(scope, cst.ClassDef)]

    def _means(self, name: str, use: cst.CSTNode) -> cst.CSTNode | None:
        """The scope whose binding of `name` code at `use` sees."""
        return next((scope for scope in self._chain(use) if name in self._bound[scope]), None)

    def _reaches(self, binding: Imported, scope: cst.CSTNode, use: cst.CSTNode) -> bool:
        """Whether an import has certainly been run, and nothing else bound, when `use` runs."""
        others = self._bound[scope][binding.local]
        if any(other is None or other.bound != binding.bound for other in others):
            return False
        line = self._bridge.parent(binding.statement)
        block = line and self._bridge.parent(line)
        if not any(parent is block for _, parent in self._bridge.path(use)):
            return False
        before = self._bridge.span(binding.statement)[0] < self._bridge.span(use)[0]
        # A function called later sees what the module, or the function round it, has bound since.
        return before or (next(self._enclosing(use)) is not scope and self.is_deferred(use))

    def _collect(self) -> None:
        module = self._bridge.module
        self._bound[module] = {}
        waiting: list[tuple[cst.CSTNode, cst.CSTNode]] = [(child, module) for child in children(module)]
        while waiting:
            node, scope = waiting.pop()
            kind = node.__class__  # isinstance() goes through libcst's abstract classes, which takes long
            if kind is cst.Name:
                self.used.add(cst.ensure_type(node, cst.Name).value)
                continue
            if kind in _IMPORTS:
                assert isinstance(node, _IMPORTS)
                for imported in self._imported(node):
                    self._bound[scope].setdefault(imported.local, []).append(imported)
                continue
            for name in _bound_by(node):
                self._bound[scope].setdefault(name, []).append(None)
                if kind in _DECLARATIONS:
                    self._bound[module].setdefault(name, []).append(None)
            if kind in _SCOPES:
                self._bound[node] = {}
                for child in children(node):
                    waiting.append((child, scope if isinstance(child, (cst.Decorator, cst.Arg)) else node))
            else:
                waiting += [(child, scope) for child in children(node)]

    def _imported(self, node: ImportStatement) -> Iterator[Imported]:
        if isinstance(node, cst.Import):
            for alias in node.names:
                full = dotted(alias.name)
                local = _alias(alias) or full.partition(".")[0]
                bound = full if alias.asname else local
                yield Imported(local, bound, _alias(alias) or full, full, False, node)
                if bound != full:
                    yield Imported(local, bound, local, bound, False, node)
        elif isinstance(node.names, cst.ImportStar):
            self.has_star_import = True
        else:
            level = len(node.relative)
            package = self._package[: len(self._package) - level + 1] if level else []
            module = ".".join([*package, *([dotted(node.module)] if node.module else [])])
            for alias in node.names:
                name = dotted(alias.name)
                local, full = _alias(alias) or name, f"{module}.{name}"
                yield Imported(local, full, local, full, bool(level), node)


def _alias(alias: cst.ImportAlias) -> str | None:
    return alias.asname.name.value if alias.asname and isinstance(alias.asname.name, cst.Name) else None


def dotted(node: cst.BaseExpression) -> str:
    """The dotted name that an import statement spells."""
    parts = []
    while isinstance(node, cst.Attribute):
        parts.append(node.attr.value)
        node = node.value
    if isinstance(node, cst.Name):
        parts.append(node.value)
    return ".".join(reversed(parts))


def spelled_module(node: cst.ImportFrom) -> str:
    """The module of a `from` import as it stands there, with the dots of a relative one."""
    return "." * len(node.relative) + (dotted(node.module) if node.module else "")


def full_name(need: Import) -> str:
    """The dotted name of what an import gives."""
    return f"{need.module}.{need.name}" if need.name else need.module


_IMPORTS = (cst.Import, cst.ImportFrom)
_SCOPES = (cst.FunctionDef, cst.ClassDef, cst.Lambda)
_DECLARATIONS = (cst.Global, cst.Nonlocal)
_TARGETS: dict[type[cst.CSTNode], str] = {
    **dict.fromkeys((cst.FunctionDef, cst.ClassDef, cst.Param, cst.TypeAlias, cst.AsName), "name"),
    **dict.fromkeys((cst.MatchAs, cst.MatchStar), "name"),
    **dict.fromkeys((cst.AssignTarget, cst.AnnAssign, cst.AugAssign), "target"),
    **dict.fromkeys((cst.For, cst.CompFor, cst.NamedExpr, cst.Del), "target"),
    cst.MatchMapping: "rest",
}
"""The part of a node that binds names."""


def _bound_by(node: cst.CSTNode) -> Iterable[str]:
    """The names that a node itself binds in its scope."""
    field = _TARGETS.get(node.__class__)
    if field is not None:
        return _targets(getattr(node, field))
    if isinstance(node, _DECLARATIONS):
        return [item.name.value for item in node.names]
    return ()


def _targets(node: cst.CSTNode | None) -> Iterator[str]:
    """The names in the target of an assignment."""
    if isinstance(node, cst.Name):
        yield node.value
    elif isinstance(node, (cst.Tuple, cst.List)):
        for element in node.elements:
            yield from _targets(element.value)
