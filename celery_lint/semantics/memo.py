"""Memory for answers that depend on each other, cycles included."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator

from celery_lint.project.inputs import Inputs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol, TypeVar

    T = TypeVar("T")
    D = TypeVar("D")

    class _Remembers(Protocol):
        @property
        def memo(self) -> Memo: ...


class Memo:
    """Computes each answer once.

    An answer that is asked for while it is being computed is `default`. What was
    computed from such a stand-in is not kept (unless it is the head of the
    cycle), so that no answer depends on which question came first. With each
    answer the inputs are kept that it rests on.
    """

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._known: dict[Hashable, tuple[object, int]] = {}
        self._open: dict[Hashable, int] = {}
        self.depth = 0
        """How many answers are being computed."""
        self._lowest = NOTHING_OPEN

    def get(self, key: Hashable, compute: Callable[..., T], default: D, *args: object) -> T | D:
        """The answer for `key`: what `compute(*args)` gives."""
        inputs = self._inputs
        known = self._known.get(key)
        if known is not None:
            inputs.collected |= known[1]
            return known[0]  # type: ignore[return-value]
        being_computed = self._open
        if key in being_computed:
            depth = being_computed[key]
            if depth < self._lowest:
                self._lowest = depth
            return default
        depth = being_computed[key] = self.depth
        self.depth += 1
        around, self._lowest = self._lowest, NOTHING_OPEN
        collected, inputs.collected = inputs.collected, 0
        try:
            result = compute(*args)
        finally:
            self.depth = depth
            del being_computed[key]
            own = inputs.collected
            inputs.collected = collected | own
            lowest = self._lowest
            if lowest >= depth or around < lowest:
                self._lowest = around
        if lowest >= depth:
            self._known[key] = (result, inputs.shared(own) if own else 0)
        return result

    def once(self, key: Hashable, compute: Callable[..., T], *args: object) -> T:
        """The same for a question whose answer never leads back to it."""
        return self.get(key, compute, None, *args)  # type: ignore[return-value]

    def put(self, key: Hashable, answer: object, inputs: int) -> None:
        """Let an answer in that was found before."""
        self._known[key] = (answer, inputs)

    def kept(self, kind: str) -> Iterator[tuple[Hashable, object, int]]:
        """The answers to questions `(kind, what)`: what, the answer, its inputs."""
        for key, (answer, inputs) in self._known.items():
            if isinstance(key, tuple) and len(key) == 2 and key[0] == kind:
                yield key[1], answer, inputs

    def __contains__(self, key: Hashable) -> bool:
        """Whether the answer is known for good."""
        return key in self._known

    @property
    def is_settled(self) -> bool:
        """Whether nothing computed so far for the answer under way rests on a stand-in."""
        return self._lowest == NOTHING_OPEN


NOTHING_OPEN = 1 << 30


def remembered(method: Callable[[Any], T]) -> T:
    """A property of an object with a `memo`, computed once."""
    key = (method.__name__,)

    def get(owner: _Remembers) -> T:
        return owner.memo.once(key, method, owner)

    return property(get, doc=method.__doc__)  # type: ignore[return-value]
