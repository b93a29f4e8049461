"""What of a project's files an answer rests on.

Each answer that is remembered keeps a set of inputs: a file's content, or the
list of files for which a test on their text holds (those that mention a name,
say). An answer still holds as long as none of its inputs has changed, which is
what the cache asks. A set of inputs is an integer, one bit an input.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

# The kinds of answer that are kept from one run to the next, each by file.
FOUND = "found"
"""A file's findings."""
TASKS = "task names"
SENDERS = "sender names"
CANDIDATE = "candidate"
"""The input that says of a file's findings that a rule was asked for them. It never changes."""

# The answers that are shared by all files: of these it counts whether they came out the same, not what they rest on.
CANDIDATES = "candidates"
"""The files in which a rule may find something."""

Key = tuple[str, ...]


class Inputs:
    """The inputs of one run, numbered as they come, and those of the answer under way."""

    def __init__(self) -> None:
        self.collected = 0
        self.keys: list[Key] = []
        self._numbers: dict[Key, int] = {}
        self._shared: dict[int, int] = {}

    def note(self, *key: str) -> None:
        """The answer under way rests on this input."""
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.keys)
            self.keys.append(key)
        self.collected |= 1 << number

    def number(self, keys: Iterable[Sequence[str]]) -> None:
        """Number the inputs of an earlier run as they were then."""
        for key in keys:
            self.note(*key)
        self.collected = 0

    def only(self, *key: str) -> int:
        """The set that has one input alone; the empty one if nothing has rested on that."""
        number = self._numbers.get(key)
        return 0 if number is None else 1 << number

    def translated(self, numbers: Iterable[int], known: int, later: Sequence[Key]) -> int:
        """A set of a copy of this process, by its numbers: they are ours below `known` and then those of `later`."""
        own = []
        for number in numbers:
            if number < known:
                own.append(number)
            else:
                key = later[number - known]
                self.note(*key)
                own.append(self._numbers[key])
        return set_of(own)

    def texts(self) -> list[tuple[str, ...]]:
        """The inputs in the order of their numbers."""
        return list(self.keys)

    def shared(self, inputs: int) -> int:
        """The same set, as one object for all who have it."""
        return self._shared.setdefault(inputs, inputs)


_ONE = re.compile("1")


def numbers_of(inputs: int) -> list[int]:
    """The numbers of a set of inputs, in order."""
    return [digit.start() for digit in _ONE.finditer(f"{inputs:b}"[::-1])]


def set_of(numbers: Collection[int]) -> int:
    """The set of inputs with these numbers. Raises ValueError for one that is none."""
    if not numbers:
        return 0
    if min(numbers) < 0:
        raise ValueError("a number below zero")
    data = bytearray(max(numbers) // 8 + 1)
    for number in numbers:
        data[number // 8] |= 1 << number % 8
    return int.from_bytes(data, "little")
