"""Names of other packages that the analysis knows."""

from __future__ import annotations

from celery_lint.semantics.inference.values import External

# celery.Celery and its old and re-exported homes (celery/__init__.py, celery/app/base.py).
APP_CLASSES = frozenset({"celery.Celery", "celery.app.Celery", "celery.app.base.Celery", "flask_celery.Celery"})
TASK_DECORATORS = frozenset(
    {
        "celery.shared_task",
        "celery.app.shared_task",
        "celery.task",
        "celery.task.task",
        "celery.task.base.task",
        "celery.decorators.task",
        "celery.task.periodic_task",
        "celery.decorators.periodic_task",
        "djcelery_transactions.task",
        "post_request_task.task.task",
        "post_request_task.task.shared_task",
        "django_celery_oncommit.task",
        "celery.app.task",
        "celery.current_app.task",
    }
)
# What a task offers (celery/app/task.py, celery/contrib/django/task.py).
TASK_METHODS = frozenset(
    {
        "delay", "apply_async", "delay_on_commit", "apply_async_on_commit", "apply", "s", "si", "signature", "subtask",
        "retry", "replace", "map", "starmap", "chunks", "AsyncResult", "update_state", "run", "add_to_chord",
        "send_event", "signature_from_request", "subtask_from_request", "on_failure", "on_success", "on_retry",
        "after_return", "add_around", "annotate", "bind", "__call__", "push_request", "pop_request",
    }
)  # fmt: skip
# What sends commands to workers, and what asks them (celery/app/control.py); an application's `control` first.
CONTROLS = ("celery.Celery.control", "celery.app.control.Control")
INSPECT = "celery.app.control.Inspect"

SQLALCHEMY = ("sqlalchemy", "flask_sqlalchemy", "sqlmodel")
# `request.tm`, the manager that pyramid_tm gives each request.
REQUEST_TRANSACTION = "pyramid.request.tm"
SCOPED_SESSION = "sqlalchemy.orm.scoped_session"
SESSIONS = (
    "sqlalchemy.orm.Session",
    SCOPED_SESSION,
    "sqlalchemy.ext.asyncio.AsyncSession",
    "sqlmodel.Session",
    "sqlalchemy.orm.session.Session",
    "sqlmodel.ext.asyncio.session.AsyncSession",
)
SESSION_MAKERS = (
    "sqlalchemy.orm.sessionmaker",
    "sqlalchemy.ext.asyncio.async_sessionmaker",
    "sqlalchemy.orm.session.sessionmaker",
)
ENGINES = ("sqlalchemy.create_engine()", "sqlalchemy.engine.Engine", "sqlalchemy.Engine")
NEVER_RETURNING = frozenset(
    map(External, ("sys.exit", "os._exit", "os.abort", "builtins.exit", "builtins.quit", "_thread.exit"))
)
CONNECTIONS = (
    "sqlalchemy.Connection",
    "sqlalchemy.engine.Connection",
    "sqlalchemy.engine.base.Connection",
    "sqlalchemy.ext.asyncio.AsyncConnection",
)
# Statements of SQLAlchemy that change rows.
CHANGES = ("sqlalchemy.Insert", "sqlalchemy.Update", "sqlalchemy.Delete")
# What SQLAlchemy's queries are made as and give (sqlalchemy/orm/query.py, sqlalchemy/engine/result.py), and a page
# of rows as Flask-SQLAlchemy cuts them (flask_sqlalchemy/pagination.py).
SELECT = "sqlalchemy.Select"
QUERY = "sqlalchemy.orm.Query"
RESULT = "sqlalchemy.Result"
SCALARS = "sqlalchemy.ScalarResult"
PAGINATION = "flask_sqlalchemy.pagination.Pagination"
QUERIES = frozenset({SELECT, QUERY, RESULT, SCALARS, PAGINATION})
PATHS = frozenset(
    f"pathlib.{name}" for name in ("Path", "PurePath", "PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")
)
# Methods and properties of a path that give another one.
PATH_STEPS = frozenset(
    {
        "parent", "resolve", "absolute", "joinpath", "with_suffix", "with_name", "with_stem", "expanduser",
        "relative_to", "rename", "replace", "readlink",
    }
)  # fmt: skip
PYDANTIC = frozenset({"pydantic.BaseModel", "pydantic.main.BaseModel", "pydantic_settings.BaseSettings"})
# With `table=True` a class below it is a database model, without a schema (sqlmodel/main.py).
SQLMODEL = frozenset({"sqlmodel.SQLModel", "sqlmodel.main.SQLModel"})
# Classes that pydantic checks, database models among them.
CHECKED = PYDANTIC | SQLMODEL | {"beanie.Document", "beanie.odm.documents.Document"}
# Class methods of theirs that make an instance out of data (pydantic/main.py).
CONSTRUCTORS = frozenset({"model_validate", "model_construct", "model_validate_json", "from_orm", "parse_obj"})
