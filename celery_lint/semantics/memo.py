"""Memory for answers that depend on each other, cycles included."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Memo:
    """Computes each answer once.

    An answer that is asked for while it is being computed is `default`. What was
    computed from such a stand-in is not kept (unless it is the head of the
    cycle), so that no answer depends on which question came first.
    """

    def __init__(self) -> None:
        self._known: dict[Hashable, object] = {}
        self._open: dict[Hashable, int] = {}
        self._lowest = NOTHING_OPEN

    def get(self, key: Hashable, compute: Callable[[], T], default: Any) -> T:
        """The answer for `key`."""
        if key in self._known:
            return self._known[key]  # type: ignore[return-value]
        depth = self._open.get(key)
        if depth is not None:
            self._lowest = min(self._lowest, depth)
            return default  # type: ignore[no-any-return]
        depth = len(self._open)
        self._open[key] = depth
        around, self._lowest = self._lowest, NOTHING_OPEN
        try:
            result = compute()
        finally:
            del self._open[key]
            lowest, self._lowest = (
                self._lowest,
                min(around, self._lowest if self._lowest < depth else NOTHING_OPEN),
            )
        if lowest >= depth:
            self._known[key] = result
        return result

    def __contains__(self, key: Hashable) -> bool:
        """Whether the answer is known for good."""
        return key in self._known

    @property
    def is_settled(self) -> bool:
        """Whether nothing computed so far for the answer under way rests on a stand-in."""
        return self._lowest == NOTHING_OPEN

    @property
    def depth(self) -> int:
        """How many answers are being computed."""
        return len(self._open)


NOTHING_OPEN = 1 << 30
