"""Tally and Accumulator: integer states that add up to the same bits in any order."""

from __future__ import annotations

from typing import Any, Self, TypeVar

TallyKey = TypeVar("TallyKey", bound=tuple[Any, ...])


class Tally(dict[TallyKey, int]):
    """How often each key (a tuple of strings and integers) was seen; 0 for others.

    Not a ``Counter``, whose items take twice as long to set. In what runs for every event it is
    read by ``get``: brackets take four times as long with any subclass of dict.
    """

    def __missing__(self, key: TallyKey) -> int:
        return 0

    def total(self) -> int:
        """How often any key was seen."""
        return sum(self.values())

    def merge(self, other: Tally[TallyKey]) -> None:
        """Add ``other``'s counts to these."""
        for key, count in other.items():
            self[key] += count

    def state(self) -> list[list[Any]]:
        """One row per key, ``[*key, count]``, sorted."""
        return sorted([*key, count] for key, count in self.items())

    def restore(self, state: list[list[Any]]) -> None:
        """Add the rows that ``state()`` gave."""
        for *key, count in state:
            self[tuple(key)] += count  # type: ignore[index]  # a row has its key's parts


class Accumulator:
    """Attributes that are added up, written down as JSON and read back, one by one.

    Each has ``merge(other)``, ``state()`` (integers, strings, lists and dicts with string keys;
    falsy where nothing was added) and ``restore(state)``, which adds what ``state()`` gave: Tally,
    Histograms, or another Accumulator.
    """

    def merge(self, other: Self) -> None:
        """Add all that ``other`` holds."""
        for name, part in vars(other).items():
            getattr(self, name).merge(part)

    def state(self) -> dict[str, Any]:
        """The states of the attributes that hold anything, by name."""
        states = ((name, part.state()) for name, part in vars(self).items())
        return {name: state for name, state in states if state}

    def restore(self, state: dict[str, Any]) -> None:
        """Add what ``state()`` gave."""
        for name, part in state.items():
            getattr(self, name).restore(part)
