"""How a message says that arguments do not fit."""

from __future__ import annotations

from collections.abc import Sequence

from celery_lint.semantics.dispatching.fitting import Mismatch
from celery_lint.semantics.model import Task


def difference(found: Mismatch, task: str) -> str:
    """What is given, and what the task wants in its place."""
    taken = found.interface
    if found.unknown:
        by_position = [name for name in found.unknown if name in taken.by_position_only]
        if by_position:
            return f"gives {listed(by_position)} by name, and {task} takes it by position only"
        return f"gives {listed(found.unknown)}, and {task} takes {listed(taken.names)}"
    if found.twice:
        return f"gives {listed(found.twice)} of {task} twice, by position and by name"
    if found.is_too_many:
        return f"gives {count(found.positional)} by position, and {task} takes {listed(taken.positional)}"
    return f"gives {count(found.positional + len(found.keywords))}, and {task} also needs {listed(found.missing)}"


def parameters(found: Mismatch, task: Task) -> Sequence[str]:
    """The parameters that a message fills."""
    assert task.function is not None
    stars = [f"*{task.function.node.args.vararg.arg}"] if task.function.node.args.vararg is not None else []
    return (*found.interface.names, *stars)


def count(number: int) -> str:
    """Some arguments: `2 arguments`."""
    return "no argument" if number == 0 else f"{number} argument{'s' * (number > 1)}"


def listed(names: Sequence[str]) -> str:
    """Names in a sentence."""
    quoted = [f"`{name}`" for name in names]
    return "nothing" if not quoted else " and ".join([", ".join(quoted[:-1]), quoted[-1]] if quoted[1:] else quoted)
