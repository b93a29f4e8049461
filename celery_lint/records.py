"""Immutable records that are quickly made.

A run makes hundreds of thousands of them. `dataclass(frozen=True)` sets each field through a
call, which takes three times as long as an assignment; so a record is a dataclass with slots
whose fields only the type checker keeps from being set again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from typing_extensions import dataclass_transform

    T = TypeVar("T")

    @dataclass_transform(frozen_default=True, field_specifiers=(field,))
    def record(*, eq: bool = True, order: bool = False) -> Callable[[type[T]], type[T]]:
        """A class whose instances are equal, and hash alike, when their fields are equal.

        `eq=False` leaves both to the class; `order=True` orders by the fields as well.
        """
        ...

else:

    def record(*, eq=True, order=False):
        make = dataclass(slots=True, eq=eq, order=order, unsafe_hash=eq, repr=False, match_args=False)

        def decorate(cls):
            made = make(cls)
            made.__repr__ = _shown
            return made

        return decorate


# Each method that a dataclass writes itself is compiled when its module is imported.
def _shown(self: Any) -> str:
    given = ", ".join(f"{each.name}={getattr(self, each.name)!r}" for each in fields(self))
    return f"{type(self).__qualname__}({given})"
