"""What SQLAlchemy's sessions, queries and results give.

A query, a statement and a result are all of the kind QuerySetValue: `cls` says which of them it is.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING

from celery_lint.semantics.inference.packages import PAGINATION, QUERIES, QUERY, RESULT, SCALARS, SELECT
from celery_lint.semantics.inference.values import (
    NONE,
    UNKNOWN,
    Atomic,
    ClassValue,
    Collection,
    External,
    ModelValue,
    Origin,
    QuerySetValue,
    Scalar,
    Value,
    union,
)
from celery_lint.semantics.model import Argument

if TYPE_CHECKING:
    from celery_lint.project.modules import Class
    from celery_lint.semantics.inference.expressions import Evaluator

# Methods that give a query of the same rows (sqlalchemy/sql/selectable.py, sqlalchemy/orm/query.py).
_SAME = frozenset(
    {
        "where", "filter", "filter_by", "order_by", "limit", "offset", "slice", "fetch", "join", "outerjoin",
        "join_from", "outerjoin_from", "select_from", "options", "execution_options", "distinct", "group_by", "having",
        "with_for_update", "correlate", "correlate_except", "prefix_with", "suffix_with", "with_hint",
        "with_statement_hint", "params", "populate_existing", "yield_per", "enable_eagerloads", "enable_assertions",
        "autoflush", "with_session", "with_parent", "reset_joinpoint", "unique", "tuples",
    }
)  # fmt: skip
_LISTS = frozenset({"all", "fetchall", "fetchmany"})
_ONE = frozenset({"first", "one", "one_or_none", "fetchone", "get", "get_or_404", "first_or_404", "one_or_404", "next"})
_MAY_BE_NONE = frozenset({"first", "one_or_none", "fetchone"})
_FIRST_COLUMN = frozenset({"scalar", "scalar_one", "scalar_one_or_none"})
_NUMBERS = frozenset({"count", "update", "delete"})


def is_query(value: QuerySetValue) -> bool:
    """Whether a query or a result is SQLAlchemy's."""
    return value.cls in QUERIES


def query(run: Evaluator, cls: str, args: Sequence[Argument]) -> Value:
    """The query of a class for what the arguments name: `select(Order)`, `session.query(Order, Line.id)`."""
    if any(a.star for a in args):
        return UNKNOWN
    columns = tuple([_entity(run, a.value) for a in args if a.keyword is None])
    if len(columns) == 1:
        return QuerySetValue(columns[0].model, cls=cls) if isinstance(columns[0], ModelValue) else UNKNOWN
    if all(column is UNKNOWN for column in columns):
        return UNKNOWN
    return QuerySetValue(None, "tuples", cls, columns=columns)


def _entity(run: Evaluator, value: Value) -> Value:
    """A row of the model that a query asks for; UNKNOWN for a column and anything else."""
    if isinstance(value, ClassValue):
        return ModelValue(value.cls)
    is_model = isinstance(value, External) and run.hub.classes.is_model(value.path)
    return ModelValue(value.path) if is_model and isinstance(value, External) else UNKNOWN


def of_session(run: Evaluator, name: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of a session's method."""
    if name in ("begin", "begin_nested"):
        return Atomic(None, "session", is_savepoint=name == "begin_nested")
    if name == "query":
        return query(run, QUERY, args)
    value = args[0].value if args else UNKNOWN
    if name in ("get", "get_one"):
        entity = _entity(run, value)
        return ModelValue(entity.model, run.row(node)) if isinstance(entity, ModelValue) else UNKNOWN
    if name == "merge":
        return value
    return executed(run, name, value, node)


def executed(run: Evaluator, name: str, statement: Value, node: ast.Call) -> Value:
    """What a session or a connection gives for a statement."""
    if not isinstance(statement, QuerySetValue) or statement.cls != SELECT:
        return UNKNOWN
    result = QuerySetValue(statement.model, statement.rows, RESULT, columns=statement.columns)
    if name in ("execute", "stream") or (name == "exec" and statement.columns):
        return result
    if name in ("scalars", "stream_scalars", "exec"):
        return _scalars(result)
    return _first_column(run, result, node) if name in _FIRST_COLUMN else UNKNOWN


def of_extension(run: Evaluator, name: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """The result of a method of Flask-SQLAlchemy's `db` (flask_sqlalchemy/extension.py)."""
    value = args[0].value if args else UNKNOWN
    if name == "get_or_404":
        return of_session(run, "get", args, node)
    if name in ("first_or_404", "one_or_404"):
        return executed(run, "scalar", value, node)
    if name == "paginate" and isinstance(value, QuerySetValue):
        return QuerySetValue(value.model, value.rows, PAGINATION)
    return UNKNOWN


def of_query(
    run: Evaluator, base: QuerySetValue, name: str, args: Sequence[Argument], node: ast.Call, origin: Origin | None
) -> Value:
    """The result of a method of a query, a statement or a result; `origin` is the row that the arguments name."""
    if name in _SAME:
        return QuerySetValue(base.model, base.rows, base.cls, origin or base.origin, base.columns)
    if base.cls in (SELECT, PAGINATION):
        return UNKNOWN
    if name in _LISTS:
        return Collection("list", row(base, node))
    if name in _ONE:
        member = row(base, node) if origin is None or base.model is None else ModelValue(base.model, origin)
        return union(member, NONE) if name in _MAY_BE_NONE else member
    if name in _FIRST_COLUMN:
        return _first_column(run, base, node)
    if name == "scalars":
        return _scalars(base)
    if name == "paginate":
        return QuerySetValue(base.model, base.rows, PAGINATION)
    return Scalar("int") if name in _NUMBERS else UNKNOWN


def row(base: QuerySetValue, node: ast.AST | None) -> Value:
    """What a query or a result gives for each row: an instance, or a row that holds several."""
    key: tuple[object, ...] | None = None if node is None else (node,)
    if base.columns:
        parts = tuple([_placed(column, key and (*key, index)) for index, column in enumerate(base.columns)])
        return _row(parts)
    if base.model is None or base.cls == SELECT:
        return UNKNOWN
    one = _placed(ModelValue(base.model), key)
    return _row((one,)) if base.cls == RESULT else one


def _placed(column: Value, key: tuple[object, ...] | None) -> Value:
    return ModelValue(column.model, Origin(key)) if isinstance(column, ModelValue) and key is not None else column


def _row(parts: tuple[Value, ...]) -> Collection:
    """A row that holds several values; an instance stands under its class's name."""
    return Collection("row", union(*parts), parts, tuple([_label(part) for part in parts]))


def _label(part: Value) -> str:
    if not isinstance(part, ModelValue):
        return ""
    return part.model.rpartition(".")[2] if isinstance(part.model, str) else part.model.name


def _scalars(base: QuerySetValue) -> Value:
    """The first value of each row."""
    model = _first_model(base)
    return QuerySetValue(model, cls=SCALARS) if model is not None else UNKNOWN


def _first_column(run: Evaluator, base: QuerySetValue, node: ast.Call) -> Value:
    """The first value of the first row."""
    model = _first_model(base)
    return ModelValue(model, run.row(node)) if model is not None else UNKNOWN


def _first_model(base: QuerySetValue) -> Class | str | None:
    first = base.columns[0] if base.columns else None
    return first.model if isinstance(first, ModelValue) else base.model
