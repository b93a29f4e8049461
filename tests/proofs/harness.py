"""The shop: a Django project with Celery in which examples run, and what is seen of it.

Django is configured once in a process, on an SQLite file: a worker thread has a
connection of its own and so sees only what has been committed, as a worker
elsewhere would. The Celery application, its broker, the tasks, the model
signals' receivers and the rows are new for each test.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar
from unittest import mock

import django
from celery import Celery, _state, signals
from celery.contrib.testing.worker import TestWorkController, start_worker

from tests.proofs.examples import DEFAULT_MODULE, PROJECT, others_to_run, to_run

DEADLINE = 20.0
"""Seconds after which something that must happen is taken not to happen."""

T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """One run of a task, as Celery reported it at its end."""

    task: str  # the function's name
    args: tuple[Any, ...]
    state: str
    value: Any  # what it returned, or the exception
    eager: bool  # run by `apply()` in the caller, without a message


class Shop:
    """The project with a fresh application.

    `sent` are the names of the tasks whose messages have reached the broker, `runs` the
    runs that have ended, both in order. Where no `worker()` is open, whatever
    a task did it did in the caller.
    """

    def __init__(self, app: Celery) -> None:
        self.app = app
        self.sent: list[str] = []
        self.runs: list[Run] = []
        self._loaded: list[str] = []
        self._running = 0
        self._changed = threading.Condition()

    # What is observed. Celery calls these in the thread that sends or runs.

    def on_published(self, sender: str, **_: Any) -> None:
        with self._changed:
            self.sent.append(sender.rpartition(".")[2])
            self._changed.notify_all()

    def on_start(self, **_: Any) -> None:
        with self._changed:
            self._running += 1

    def on_end(self, sender: Any, args: Any, retval: Any, state: str, **_: Any) -> None:
        run = Run(sender.name.rpartition(".")[2], tuple(args), state, retval, bool(sender.request.is_eager))
        with self._changed:
            self._running -= 1
            self.runs.append(run)
            self._changed.notify_all()

    @property
    def states(self) -> list[str]:
        return [run.state for run in self.runs]

    @property
    def mails(self) -> list[str]:
        """The subjects of the mails sent, in order."""
        from django.core import mail

        return [message.subject for message in mail.outbox]

    # What a test does.

    def load(self, source: str, module: str = DEFAULT_MODULE) -> Any:
        """Run `source` as the project's module `module`, and give the module."""
        assert not others_to_run(source), "a repair of several files is run by a worker with processes"
        loaded = ModuleType(module)
        loaded.__file__ = str(PROJECT.joinpath(*module.split(".")).with_suffix(".py"))
        # Registered first: Celery looks the module up when it names a task.
        sys.modules[module] = loaded
        self._loaded.append(module)
        exec(compile(to_run(source), loaded.__file__, "exec"), vars(loaded))
        return loaded

    def order(self, total: int = 30) -> Any:
        """A new row: an order of a new customer."""
        from shop.models import Customer, Order

        customer = Customer.objects.create(name="Ada", email="ada@localhost")
        return Order.objects.create(customer=customer, total=total)

    def unload(self) -> None:
        """Forget the modules that `load` made."""
        while self._loaded:
            sys.modules.pop(self._loaded.pop(), None)

    @contextmanager
    def worker(self, pool: str = "solo", concurrency: int = 1) -> Iterator[None]:
        """A worker in a thread of this process, for the block.

        Celery's own helper, hence `get()` inside a task does not raise as it
        does in production.
        """
        # The helper sets up logging for the whole process, its environment included.
        signals.setup_logging.connect(_leave_logging_alone)
        with mock.patch.dict(os.environ):
            try:
                with start_worker(
                    self.app,
                    pool=pool,
                    concurrency=concurrency,
                    perform_ping_check=False,
                    WorkController=_NamedWorker,
                ) as worker:
                    try:
                        yield
                    finally:
                        # Wakes the worker: left alone, it looks at its end only every other second.
                        self.app.control.shutdown(destination=[worker.hostname])
            finally:
                logging.captureWarnings(False)
                signals.setup_logging.disconnect(_leave_logging_alone)

    def settle(self) -> None:
        """Wait until each message sent has been run, those of retries too."""
        self._wait(lambda: len(self.sent) == self._worked and not self._running)

    def wait_for_message(self) -> None:
        """Wait until some message has been sent."""
        self._wait(lambda: bool(self.sent))

    def wait_for_runs(self, task: str, number: int) -> None:
        """Wait until a task has run so many times."""
        self._wait(lambda: sum(run.task == task for run in self.runs) >= number)

    @property
    def _worked(self) -> int:
        return sum(not run.eager for run in self.runs)

    def wait_for_run(self) -> None:
        """Wait until some run has ended, where other messages never come to one."""
        self._wait(lambda: bool(self.runs))

    def _wait(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, DEADLINE):
                raise AssertionError(f"still waiting: sent {self.sent}, ran {self.runs}")

    def request(self, path: str, urls: str = DEFAULT_MODULE) -> int:
        """POST to `path` as a client would, with the `urlpatterns` of the module `urls`. Gives the status."""
        from django.test import Client, override_settings

        with override_settings(ROOT_URLCONF=urls):
            response = Client(raise_request_exception=False, HTTP_HOST="localhost").post(path)
        return int(response.status_code)

    @contextmanager
    def in_thread(self, function: Callable[[], T]) -> Iterator[Future[T]]:
        """Call `function` in a thread with a database connection of its own."""
        from django.db import connections

        def call() -> T:
            try:
                return function()
            finally:
                connections.close_all()

        with ThreadPoolExecutor(1) as executor:
            yield executor.submit(call)


def _leave_logging_alone(**_: Any) -> None:
    """A receiver of `setup_logging`: where there is one, Celery leaves the loggers as they are."""


class _NamedWorker(TestWorkController):  # type: ignore[misc]
    """A worker with a name of its own, so that what is meant for one never reaches the next.

    Celery names a worker after its process, and before 5.4 takes no other name.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "hostname": f"{uuid.uuid4().hex}@localhost"})


def configure(data: Path) -> None:
    """Configure Django for this process, with the database in the folder `data`, once."""
    sys.path.insert(0, str(PROJECT))
    with _environment(data):
        django.setup()

    from django.apps import apps
    from django.db import connection

    with connection.cursor() as cursor:
        # Readers don't wait for the writer. A property of the file, so that it holds for all connections.
        cursor.execute("PRAGMA journal_mode=WAL")
    with connection.schema_editor() as editor:
        for model in apps.get_app_config("shop").get_models():
            editor.create_model(model)


@contextmanager
def open_shop(data: Path) -> Iterator[Shop]:
    """A fresh shop; everything that it registered is gone afterwards."""
    from django.core import mail
    from django.core.management import call_command

    with ExitStack() as stack:
        stack.enter_context(_shared_state_kept())
        app = _new_app(data)
        stack.callback(app.close)
        shop = Shop(app)
        stack.callback(shop.unload)
        for signal, handler in (
            (signals.after_task_publish, shop.on_published),
            (signals.task_prerun, shop.on_start),
            (signals.task_postrun, shop.on_end),
        ):
            signal.connect(handler)
            stack.callback(signal.disconnect, handler)
        mail.outbox = []
        stack.callback(call_command, "flush", verbosity=0, interactive=False, inhibit_post_migrate=True)
        yield shop


def _new_app(data: Path) -> Celery:
    """The project's application, made anew by its own module."""
    import shop

    sys.modules.pop("shop.celery", None)
    with _environment(data):
        from shop.celery import app
    shop.celery_app = app
    app.set_default()
    app.conf.update(
        # The broker lives in the process's memory, so a queue of its own is a broker of its own.
        task_default_queue=uuid.uuid4().hex,
        worker_redirect_stdouts=False,
    )
    return app


@contextmanager
def _environment(data: Path) -> Iterator[None]:
    """The environment in which the project is started. Making the application also extends the path."""
    path = list(sys.path)
    environment = {
        "DJANGO_SETTINGS_MODULE": "shop.settings",
        "SHOP_DATA": str(data),
        "SHOP_BROKER_OPTIONS": '{"polling_interval": 0.01}',
    }
    with mock.patch.dict(os.environ, environment):
        yield
    sys.path[:] = path


@contextmanager
def _shared_state_kept() -> Iterator[None]:
    """Put back what examples change for the whole process.

    Celery remembers every `shared_task` for the applications to come, by name,
    and Django's signals remember their receivers.
    """
    from django.db.models import signals as model_signals

    finalizers = set(_state._on_app_finalizers)
    watched = [signal for signal in vars(model_signals).values() if hasattr(signal, "receivers")]
    receivers = [list(signal.receivers) for signal in watched]
    try:
        yield
    finally:
        for signal, before in zip(watched, receivers, strict=True):
            with signal.lock:
                signal.receivers = before
                signal.sender_receivers_cache.clear()
        _state._on_app_finalizers.clear()
        _state._on_app_finalizers.update(finalizers)
        _state.set_default_app(None)
        _state._set_current_app(None)
