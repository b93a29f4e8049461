"""What of a project's files an answer rests on.

Each answer that is remembered keeps a set of inputs: a file's content, or the
list of files for which a test on their text holds (those that mention a name,
say). An answer still holds as long as none of its inputs has changed, which is
what the cache asks. A set of inputs is an integer, one bit an input.
"""

from __future__ import annotations

from collections.abc import Sequence

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
        self._bits: dict[Key, int] = {}
        self._shared: dict[int, int] = {}

    def note(self, *key: str) -> None:
        """The answer under way rests on this input."""
        bit = self._bits.get(key)
        if bit is None:
            bit = self._bits[key] = 1 << len(self.keys)
            self.keys.append(key)
        self.collected |= bit

    def number(self, keys: Sequence[Sequence[str]]) -> dict[Key, int]:
        """Number the inputs of an earlier run as they were then; each with the set that has it alone."""
        for key in keys:
            self.note(*key)
        self.collected = 0
        return dict(self._bits)

    def translated(self, inputs: int, known: int, later: Sequence[Key]) -> int:
        """A set of a copy of this process, whose numbers are ours below `known` and then those of `later`."""
        own = inputs & ((1 << known) - 1)
        inputs >>= known
        for key in later:
            if not inputs:
                break
            if inputs & 1:
                self.note(*key)
                own |= self._bits[key]
            inputs >>= 1
        return own

    def texts(self) -> list[tuple[str, ...]]:
        """The inputs in the order of their numbers."""
        return list(self.keys)

    def shared(self, inputs: int) -> int:
        """The same set, as one object for all who have it."""
        return self._shared.setdefault(inputs, inputs)
