"""Methods of objects that a function is handed without an annotation: `def tell(mailer): mailer.send()`.

What such a parameter is differs from call to call, so that the function's own flow cannot
tell; the call that is being followed can.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from celery_lint.project.modules import Class, Function
from celery_lint.semantics.inference.values import Field, FunctionValue, Instance, Parameter
from celery_lint.semantics.model import Call, FunctionFlow

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

Handed: TypeAlias = tuple[tuple[str, Class], ...]
NOTHING: Handed = ()


def handed(hub: Semantics, call: Call, flow: FunctionFlow) -> Handed:
    """The classes of what a call hands to the parameters whose methods the called function's flow calls."""
    function = flow.function
    names = hub.memo.once(("receiving", flow), _receiving, flow)
    if function is None or not names or not all(isinstance(c, FunctionValue) for c in call.callee.alternatives()):
        return NOTHING
    given = ((name, hub.passed(call, function, name)) for name in names)
    return tuple((name, v.cls) for name, v in given if isinstance(v, Instance) and isinstance(v.cls, Class))


def method_of_handed(hub: Semantics, call: Call, known: Handed) -> Function | None:
    """The project's method that a call on such a parameter runs."""
    for name, cls in known:
        if any(_parameter(callee) == name for callee in call.callee.alternatives()):
            return hub.classes.function(cls, call.name)
    return None


def _receiving(flow: FunctionFlow) -> Sequence[str]:
    names = (_parameter(callee) for call in flow.calls for callee in call.callee.alternatives())
    return tuple(dict.fromkeys(name for name in names if name))


def _parameter(callee: object) -> str:
    """The name of the parameter whose method a callee is; empty for anything else."""
    base = callee.base if isinstance(callee, Field) else None
    return base.name if isinstance(base, Parameter) and not base.star else ""
