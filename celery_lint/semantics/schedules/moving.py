"""Expressions whose value is another one each time that a program starts: random, or of the clock."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from celery_lint.project.modules import Module
from celery_lint.project.syntax import walk
from celery_lint.semantics.configuration.settings import value_at
from celery_lint.semantics.inference.bindings import bound, returned
from celery_lint.semantics.inference.values import Constant, External, FunctionValue

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

_RANDOM = frozenset(
    {"betavariate", "choice", "choices", "expovariate", "gauss", "getrandbits", "normalvariate", "randbytes", "randint",
     "randrange", "random", "sample", "triangular", "uniform"}
)  # fmt: skip
_MOVING = frozenset(
    {
        *(f"random.{name}" for name in _RANDOM),
        "secrets.choice", "secrets.randbelow", "secrets.randbits", "os.getpid", "uuid.uuid1", "uuid.uuid4",
        "datetime.datetime.now", "datetime.datetime.today", "datetime.datetime.utcnow", "datetime.date.today",
        "django.utils.timezone.now", "django.utils.timezone.localtime", "django.utils.timezone.localdate",
        "time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.monotonic", "pendulum.now", "arrow.now",
        "arrow.utcnow",
    }
)  # fmt: skip
_GENERATORS = frozenset({"random.Random", "random.SystemRandom"})
_MAX_DEPTH = 4


def moving_part(hub: Semantics, node: ast.expr, module: Module, depth: int = 0) -> tuple[ast.expr, Module] | None:
    """The call that makes an expression another one at each start, and the module of the call; None without one."""
    if depth > _MAX_DEPTH or isinstance(node, ast.Constant):
        return None
    for part in walk(node):
        if isinstance(part, ast.Call):
            if _is_moving(hub, part, module):
                return part, module
            callee = value_at(hub, part.func, module)
            if isinstance(callee, FunctionValue):
                for value in returned(callee.function):
                    found = moving_part(hub, value, callee.function.module, depth + 1)
                    if found is not None:
                        return found
        elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
            values = list(bound(hub, part, module))
            if len(values) == 1 and values[0][1] is not node:
                found = moving_part(hub, values[0][1], values[0][2], depth + 1)
                if found is not None:
                    return found
    return None


def _is_moving(hub: Semantics, call: ast.Call, module: Module) -> bool:
    func = call.func
    callee = value_at(hub, func, module)
    if isinstance(callee, External):
        if callee.path == "builtins.hash":
            # The hashes of texts are salted for each process.
            given = value_at(hub, call.args[0], module) if len(call.args) == 1 else None
            return isinstance(given, Constant) and isinstance(given.value, (str, bytes))
        is_seeded = callee.path.startswith("random.") and module.rows_of(("seed",))
        return callee.path in _MOVING and not is_seeded
    if not isinstance(func, ast.Attribute) or func.attr not in _RANDOM:
        return False
    maker = func.value
    if isinstance(maker, ast.Name):
        values = list(bound(hub, maker, module))
        if len(values) != 1:
            return False
        maker, module = values[0][1], values[0][2]
    # A generator with a seed gives the same numbers each time.
    made = value_at(hub, maker.func, module) if isinstance(maker, ast.Call) and not maker.args else None
    return isinstance(made, External) and made.path in _GENERATORS
