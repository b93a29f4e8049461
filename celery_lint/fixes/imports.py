"""The imports that replacement code needs: found in the file, or added to it."""

from __future__ import annotations

import bisect
import builtins
import sys
from collections.abc import Iterator, Sequence

import libcst as cst

from celery_lint.findings import Import
from celery_lint.fixes import lists
from celery_lint.fixes.bridge import Bridge
from celery_lint.fixes.layout import Layout, Line
from celery_lint.fixes.scopes import Scopes, full_name, is_module, module_name, spelled_module
from celery_lint.fixes.text import NotExact, Splice, splice
from celery_lint.records import record

_DECORATED = (cst.FunctionDef, cst.ClassDef)


@record()
class Added:
    """An import to add, and the name that it binds."""

    need: Import
    local: str
    before: int  # code that runs at this offset while the module is imported needs it
    function: cst.FunctionDef | None = None  # whose body it goes into, if it must not stand at the top

    @property
    def _target(self) -> str:
        return self.need.name or self.need.module

    @property
    def _has_alias(self) -> bool:
        return self.local != self._target.partition(".")[0]

    @property
    def clause(self) -> str:
        """What stands behind `import`."""
        return f"{self._target} as {self.local}" if self._has_alias else self._target

    @property
    def expression(self) -> str:
        """How code calls the imported thing."""
        return self.local if self._has_alias else self._target


class FileImports:
    """What one file imports, and what must be added for the fixes made to it.

    It remembers what it was asked for, so that several fixes share an import;
    `restore` takes back what a fix asked for that is not made after all.
    """

    def __init__(self, bridge: Bridge, scopes: Scopes, width: int | None = None) -> None:
        self._bridge = bridge
        self._scopes = scopes
        self._width = width
        self._added: tuple[Added, ...] = ()

    def snapshot(self) -> tuple[Added, ...]:
        return self._added

    def restore(self, snapshot: tuple[Added, ...]) -> None:
        self._added = snapshot

    def existing(self, need: Import, use: cst.CSTNode) -> str | None:
        """How code at `use` can call the import already, or None."""
        full = full_name(need)
        reachable = list(self._scopes.imports(use))
        direct = next((found.expression for found in reachable if found.is_named(full)), None)
        if direct or not need.name:
            return direct
        if is_module(self._bridge.filename, need.module):
            if self._scopes.defines(need.name, use):
                return need.name
            raise NotExact(f"{need.name} is not defined where the file needs it")
        if not _is_attribute(need):
            return None
        through = next((found.expression for found in reachable if found.is_named(need.module)), None)
        return f"{through}.{need.name}" if through else None

    def name(self, need: Import, use: cst.CSTNode) -> str:
        """How code at `use` calls the import, which is added if the file has none there."""
        found = self.existing(need, use)
        if found is not None:
            return found
        if need.is_local or self._is_for_type_checkers(need, use):
            return self._local_name(need, use)
        before = self._scopes.needed_before(use)
        for index, added in enumerate(self._added):
            if added.need == need and added.function is None and not self._scopes.is_shadowed(added.local, use):
                earliest = Added(need, added.local, min(before, added.before))
                self._added = (*self._added[:index], earliest, *self._added[index + 1 :])
                return added.expression
        for local in _locals(need):
            if self._is_available(need, local, use):
                self._added += (Added(need, local, before),)
                return self._added[-1].expression
        raise NotExact(f"no name is free for {full_name(need)}")

    def _is_for_type_checkers(self, need: Import, use: cst.CSTNode) -> bool:
        """Whether the file keeps the import from happening at run time: at the top, it would need another name."""
        function = next((above for _, above in self._bridge.path(use) if isinstance(above, cst.FunctionDef)), None)
        if function is None or not isinstance(function.body, cst.IndentedBlock):
            return False
        return bool(need.name) and self._scopes.means_in_module(need.name, use) == full_name(need)

    def _local_name(self, need: Import, use: cst.CSTNode) -> str:
        """How code at `use` calls an import that its own function makes."""
        function = next((above for _, above in self._bridge.path(use) if isinstance(above, cst.FunctionDef)), None)
        if function is None:
            raise NotExact(f"{full_name(need)} must not be imported at the top of the file, and no function is there")
        for added in self._added:
            if added.need == need and added.function is function:
                return added.expression
        for local in _locals(need):
            taken = hasattr(builtins, local) or any(a.local == local for a in self._added if a.function is function)
            is_same = self._scopes.means_in_module(local, use) == full_name(need)  # imported for type checkers alone
            if not taken and (is_same or self._scopes.is_free(local, use)):
                self._added += (Added(need, local, 0, function),)
                return self._added[-1].expression
        raise NotExact(f"no name is free for {full_name(need)}")

    def _is_available(self, need: Import, local: str, use: cst.CSTNode) -> bool:
        if hasattr(builtins, local) or any(added.local == local for added in self._added):
            return False
        if self._scopes.is_free(local, use):
            return True
        # `import a.b` may stand beside `import a.c`.
        return not need.name and self._scopes.means_in_module(local, use) == need.module.partition(".")[0] == local

    def splices(self) -> list[Splice]:
        """The edits that add the imports asked for."""
        splices: list[Splice] = []
        lines: list[Line] = []
        by_module: dict[str, list[Added]] = {}
        in_functions: dict[cst.FunctionDef, list[Added]] = {}
        for added in self._added:
            if added.function is not None:
                in_functions.setdefault(added.function, []).append(added)
            elif added.need.name:
                by_module.setdefault(self._spelled(added.need.module), []).append(added)
            else:
                lines.append(Line(added.need.module, False, f"import {added.clause}", added.before))
        for module, group in by_module.items():
            before = min(added.before for added in group)
            clauses = sorted((added.clause for added in group), key=_name_key)
            statement = self._extendable(module, before)
            if statement is not None:
                splices += self._extended(statement, clauses)
            elif self._has_one_name_a_line():
                lines += [Line(module, True, f"from {module} import {clause}", before) for clause in clauses]
            else:
                lines.append(Line(module, True, f"from {module} import {', '.join(clauses)}", before))
        if lines:
            splices += Layout(self._bridge).splices(lines)
        splices += [self._local_splice(function, group) for function, group in in_functions.items()]
        return splices

    def _local_splice(self, function: cst.FunctionDef, group: Sequence[Added]) -> Splice:
        """The edit that adds a function's own imports: below those it has, else below its docstring."""
        source, body = self._bridge.source, function.body
        is_documented = function.get_docstring(clean=False) is not None
        lines = body.body[is_documented:] if isinstance(body, cst.IndentedBlock) else ()
        above = None
        for line in lines:
            if not isinstance(line, cst.SimpleStatementLine) or not all(
                isinstance(statement, (cst.Import, cst.ImportFrom)) for statement in line.body
            ):
                break
            above = line
        if not lines:
            raise NotExact("the function has no lines that an import could stand before")
        first = lines[0].decorators[0] if isinstance(lines[0], _DECORATED) and lines[0].decorators else lines[0]
        start = self._bridge.span(first)[0]
        indentation = source.indentation(start)
        offset = self._bridge.above_comments(start, indentation)
        if above is not None:
            offset = source.next_line(self._bridge.span(above)[1])
        statements = [f"import {added.clause}" for added in group if not added.need.name]
        for module in sorted({added.need.module for added in group if added.need.name}):
            clauses = (added.clause for added in group if added.need.name and added.need.module == module)
            names = ", ".join(sorted(clauses, key=_name_key))
            statements.append(f"from {self._spelled(module)} import {names}")
        text = "".join(f"{indentation}{statement}{source.newline}" for statement in statements)
        return Splice(offset, offset, text if above is not None else text + source.newline)

    def _spelled(self, module: str) -> str:
        """The module as a `from` import of the file names it: relative where the file so names its package's others."""
        package = module_name(self._bridge.filename).split(".")
        if not self._bridge.filename.endswith("/__init__.py"):
            package.pop()
        target = module.split(".")
        if target[0] not in package:
            return module
        package = package[package.index(target[0]) :]
        froms = [spelled_module(node) for node in self._bridge.nodes if isinstance(node, cst.ImportFrom)]
        if any(name.partition(".")[0] == target[0] for name in froms) or not any(n.startswith(".") for n in froms):
            return module
        shared = 0
        while shared < min(len(package), len(target)) and package[shared] == target[shared]:
            shared += 1
        return "." * (len(package) - shared + 1) + ".".join(target[shared:])

    def _extendable(self, module: str, before: int) -> cst.ImportFrom | None:
        """The top-level `from module import ...` that can take more names, unless each has one name in this file."""
        if self._has_one_name_a_line():
            return None
        for line in self._bridge.module.body:
            for statement in line.body if isinstance(line, cst.SimpleStatementLine) else ():
                if (
                    isinstance(statement, cst.ImportFrom)
                    and not isinstance(statement.names, cst.ImportStar)
                    and spelled_module(statement) == module
                    and self._bridge.span(statement)[0] < before
                ):
                    return statement
        return None

    def _has_one_name_a_line(self) -> bool:
        """Whether the file is written as by isort's `force_single_line`."""
        froms = [
            statement
            for line in self._bridge.module.body
            for statement in (line.body if isinstance(line, cst.SimpleStatementLine) else ())
            if isinstance(statement, cst.ImportFrom) and not isinstance(statement.names, cst.ImportStar)
        ]
        modules = [spelled_module(statement) for statement in froms]
        return len(set(modules)) < len(modules) and all(len(names_of(statement)) == 1 for statement in froms)

    def _extended(self, statement: cst.ImportFrom, clauses: Sequence[str]) -> list[Splice]:
        """The names added in their order, where the names of the statement are ordered."""
        if isinstance(statement.names, cst.ImportStar):
            return []
        source = self._bridge.source
        elements = [self._bridge.span(alias) for alias in statement.names]
        keys = [_name_key(self._bridge.code(element)) for element in elements]
        at: dict[int, list[str]] = {}
        for clause in clauses:
            index = bisect.bisect(keys, _name_key(clause)) if keys == sorted(keys) else len(keys)
            if index < len(keys) and self._bridge.comment_above(elements[index][0]) is not None:
                index = len(keys)
            at.setdefault(index, []).append(clause)
        in_brackets = statement.lpar is not None
        splices = [
            lists.insert(source, elements[index], new)
            if index < len(elements)
            else lists.append(source, elements[-1], new, in_brackets=in_brackets)
            for index, new in at.items()
        ]
        return splices if in_brackets else self._in_brackets(splices, elements[0][0], elements[-1][1])

    def _in_brackets(self, splices: list[Splice], start: int, end: int) -> list[Splice]:
        """The names of a statement without brackets, one a line in brackets if they make its line too long."""
        source, bridge = self._bridge.source, self._bridge
        line = bridge.text[source.line_start(start) : source.line_end(start)]
        longer = sum(len(each.text) for each in splices)
        if self._width is None or len(line) + longer <= self._width or end > source.line_end(start):
            return splices
        names = splice(bridge.text[:end], splices)[start:].split(", ")
        lines = [f"{bridge.module.default_indent}{name.strip()},{source.newline}" for name in names]
        indentation = source.indentation(start)
        text = "".join(indentation + each for each in lines)
        return [Splice(start, end, f"({source.newline}{text}{indentation})")]


def names_of(statement: cst.ImportFrom) -> Sequence[cst.ImportAlias]:
    """The names that a `from` import lists; none of `*`."""
    return () if isinstance(statement.names, cst.ImportStar) else statement.names


def _locals(need: Import) -> Iterator[str]:
    """The names that the import may bind, the plainest first."""
    plain = need.name or need.module.partition(".")[0]
    qualified = "_".join(full_name(need).split(".")[-2:])
    yield plain
    if qualified != plain:
        yield qualified
    yield f"{qualified}_"


def _is_attribute(need: Import) -> bool:
    """Whether `module.name` works once `module` is imported: a submodule may not be loaded."""
    return need.name[:1].isupper() or need.module in sys.stdlib_module_names


def _name_key(clause: str) -> tuple[int, str]:
    """isort's order inside an import: constants, classes, the rest."""
    name = clause.split()[0]
    if name.isupper() and len(name) > 1:
        return (0, name.lower())
    return (1 if name[:1].isupper() else 2, name.lower())
