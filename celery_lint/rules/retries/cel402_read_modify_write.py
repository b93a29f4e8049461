"""CEL402."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celery_lint.findings import (
    AddArguments,
    Applicability,
    Change,
    Finding,
    Fix,
    Import,
    PutStatement,
    Related,
    Replace,
    Severity,
    Side,
)
from celery_lint.project.syntax import mentions_name, walk
from celery_lint.rules.base import Rule
from celery_lint.semantics.context import FileContext
from celery_lint.semantics.dispatching.inline import is_for_operators
from celery_lint.semantics.model import Call
from celery_lint.semantics.retries.query_updates import QueryUpdate, lossy_queries, may_query
from celery_lint.semantics.retries.updates import Update, lossy_updates, may_be_read_elsewhere, may_update

_F = Import("django.db.models", "F")
_OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Mod: "%", ast.Pow: "**"}
_ATOMS = (ast.Name, ast.Constant, ast.Attribute, ast.Call, ast.Subscript)


class ReadModifyWrite(Rule):
    """A number is read from a row, changed in Python and saved back.

    ## What it does
    Reports `row.column += n` (also `row.column = row.column + n`, through variables, and
    inside `max(...)`, `a if b else c` and the like) on a numeric column where the row is
    saved afterwards: by `save()` with Django, peewee and mongoengine, by the session's
    commit with SQLAlchemy; and `filter(pk=...).update(column=row.column + n)` with Django.

    ## Why is this bad
    Workers run side by side. Two runs read the same number, both add to it, and the later
    save overwrites the earlier one: of 100 increments by eight threads 35 were left. A plain
    `atomic` block does not help, it does not lock what it reads.

    ## Example
    ```python
    player = Player.objects.get(pk=player_id)
    player.games += 1
    player.save()
    ```

    ## Use instead
    ```python
    player = Player.objects.get(pk=player_id)
    player.games = F("games") + 1
    player.save(update_fields=["games"])
    ```
    or `Player.objects.filter(pk=player_id).update(games=F("games") + 1)`; with SQLAlchemy
    `player.games = Player.games + 1`. Where the new value decides what happens next, read the
    row with `select_for_update()` inside `atomic`, or `with_for_update()`.

    ## Silent when
    The row is read with `select_for_update()` or `with_for_update()`; SQLAlchemy's model has a
    version column, or the project names a stricter isolation level, so that the later write
    fails; a lock is held around it, by the function or by a caller; the row was created in the
    same function; a query tests more than the key, as a version column; in tests, migrations, commands and scripts.

    ## Fix safety
    Unsafe: after the save the attribute is an expression until the row is read again, and
    `update_fields` leaves columns alone that a full `save()` writes. Offered for models of
    Django where the save follows at once and nothing reads the column afterwards: neither
    the function, nor a caller that has the row, nor a handler of `pre_save` or `post_save`.

    ## References
    - [Django: avoiding race conditions using F()](https://docs.djangoproject.com/en/stable/ref/models/expressions.html#avoiding-race-conditions-using-f)
    """

    severity = Severity.WARNING
    fixable = "unsafe"

    def check_file(self, file: FileContext) -> Iterator[Finding]:
        if file.is_test or file.is_migration:
            return
        for function in file.module.functions:
            if function.parent is not None or not (may_update(function) or may_query(function)):
                continue
            flows = list(file.hub.calls.flows_within(function))
            updates = [u for flow in flows for u in lossy_updates(file.hub, flow)]
            queries = [q for flow in flows for q in lossy_queries(file.hub, flow)]
            # To ask for the callers is to read them, and theirs: last of all.
            if (updates or queries) and not is_for_operators(file.hub, function):
                yield from (self._report(update, file) for update in updates)
                yield from (self._report_query(query, file) for query in queries)

    def _report(self, update: Update, file: FileContext) -> Finding:
        node = update.store.node
        row = file.text(update.store.target.value)
        line = update.saved.lineno
        saver = f"line {line}" if update.save is not None else f"the transaction of line {line}"
        message = (
            f"`{file.text(node)}` computes the new value from what was read earlier, and {saver} saves"
            f" it: a change that another process makes to `{row}.{update.column}` in between is lost"
        )
        saved = Related("and written back here", file.place(update.saved))
        return self.finding(file.place(node), message, related=(saved,), fix=self._fix(update, file))

    def _report_query(self, query: QueryUpdate, file: FileContext) -> Finding:
        column = file.text(query.read)
        message = (
            f"`{file.text(query.value)}` computes the new value from what was read earlier, and the query writes"
            f" it: a change that another process makes to `{column}` in between is lost"
        )
        fix = None
        reads = sum(ast.unparse(n) == column for n in walk(query.value) if isinstance(n, ast.Attribute))
        if query.is_plain and reads == 1 and not any(isinstance(n, ast.FloorDiv) for n in walk(query.value)):
            change = Replace(file.place(query.read), f'$F("{query.column}")', (_F,))
            fix = Fix(Applicability.UNSAFE, f'Let the database compute it: `F("{query.column}")`', (change,))
        return self.finding(file.place(query.value), message, fix=fix)

    def _fix(self, update: Update, file: FileContext) -> Fix | None:
        if update.save is None or not file.hub.classes.is_django_model(update.row.model):
            return None
        arithmetic = self._in_database(update, file)
        columns = saved_columns(update, update.save, file)
        if arithmetic is None or columns is None or may_be_read_elsewhere(file.hub, update, update.save):
            return None
        listed = ", ".join(f'"{c}"' for c in columns)
        changes: list[Change] = [arithmetic]
        if update.save.keyword("update_fields") is None:
            changes.append(AddArguments(file.place(update.save.node), (("update_fields", f"[{listed}]"),)))
        return Fix(Applicability.UNSAFE, f'Let the database compute it: `F("{update.column}")`', tuple(changes))

    def _in_database(self, update: Update, file: FileContext) -> Change | None:
        """The statement's repair: the column's old value is `F("column")`."""
        node = update.store.node
        if isinstance(node, ast.AugAssign):
            operator = _OPERATORS.get(type(node.op))
            value = file.module.source.segment(node.value)
            if operator is None or any(c in value for c in "#${"):
                return None
            value = value if isinstance(node.value, _ATOMS) else f"({value})"
            target = file.module.source.segment(node.target)
            code = f'{target} = $F("{update.column}") {operator} {value}'
            return PutStatement(file.place(node), Side.INSTEAD, code, (_F,))
        if update.read is None or any(isinstance(n, ast.FloorDiv) for n in walk(node)):
            return None
        column = ast.unparse(update.read)
        # The target, and one that is read: the database cannot do half of it.
        if sum(isinstance(n, ast.Attribute) and ast.unparse(n) == column for n in walk(node)) == 2:
            return Replace(file.place(update.read), f'$F("{update.column}")', (_F,))
        return None


def saved_columns(update: Update, save: Call, file: FileContext) -> list[str] | None:
    """The columns for `update_fields`; None where the repair would not be exact.

    The save is the very next statement and has no arguments but `update_fields`,
    the row is a plain variable that nothing reads afterwards but for its key, and
    the model's own `save()` is Django's.
    """
    store, flow = update.store, save.flow
    row = store.target.value
    model = update.row.model
    if (
        not isinstance(row, ast.Name)
        or flow.function is None
        or isinstance(model, str)
        or save.frame is not store.frame
    ):
        return None
    if any(a.keyword != "update_fields" for a in save.args) or file.hub.classes.function(model, "save") is not None:
        return None
    if following(store.node, flow.function.node) is not statement_of(save.node, flow.function.node):
        return None
    reads = [
        n
        for n in walk(flow.function.node)
        if isinstance(n, ast.Name) and n.id == row.id and isinstance(n.ctx, ast.Load)
    ]
    inside = {id(n) for n in walk(store.node)} | {id(n) for n in walk(save.node)}
    keys = {id(n.value) for n in walk(flow.function.node) if isinstance(n, ast.Attribute) and n.attr in ("pk", "id")}
    if any(id(n) not in inside | keys and n.lineno >= store.node.lineno for n in reads):
        return None
    if isinstance(store.node, ast.AugAssign) and mentions_name(store.node.value, row.id):
        return None
    if any(
        isinstance(a.node, ast.Name) and a.node.id == row.id for c in flow.calls if c.index < save.index for a in c.args
    ):
        return None  # a helper may have set other columns
    earlier = [s for s in flow.stores if isinstance(s.target.value, ast.Name) and s.target.value.id == row.id]
    columns = [s.target.attr for s in earlier if s.index <= save.index]
    for owner in file.hub.classes.ancestors(model):
        if not isinstance(owner, str):
            columns += [name for name, bound in owner.assigns.items() if is_auto_now(bound[-1].value)]
    return list(dict.fromkeys(columns))


def is_auto_now(value: ast.expr | None) -> bool:
    """Whether a column is set by each full save: `DateTimeField(auto_now=True)`."""
    return isinstance(value, ast.Call) and any(k.arg == "auto_now" for k in value.keywords)


def following(node: ast.stmt, root: ast.AST) -> ast.stmt | None:
    """The statement right after another in the same block."""
    for parent in walk(root):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(parent, name, None)
            if isinstance(block, list) and node in block[:-1]:
                found = block[block.index(node) + 1]
                return found if isinstance(found, ast.stmt) else None
    return None


def statement_of(call: ast.Call, root: ast.AST) -> ast.stmt | None:
    """The statement that is nothing but a call."""
    for node in walk(root):
        if isinstance(node, ast.Expr):
            inner = node.value.value if isinstance(node.value, ast.Await) else node.value
            if inner is call:
                return node
    return None
