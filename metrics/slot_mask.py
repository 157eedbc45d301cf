"""Slots of 100 ms as bits: in which of them something was so. Mergeable exactly, by OR."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

SLOTS_A_SECOND = 10

Slots = NDArray[np.bool_]

CHUNK_BITS = 9
CHUNK = 1 << CHUNK_BITS
HEX = 16
LONGEST_SLOTS = 86_400 * SLOTS_A_SECOND


class Mask(dict[int, int]):
    """Slots since 1970 as bits, by chunks of 512. Merging is OR.

    Per hour 70 chunks: in memory 12 KB, as JSON at most 10 KB; per day 290 KB and 240 KB.
    """

    def mark(self, first: int, last: int) -> None:
        """Set the slots from ``first`` to ``last``; the last alone where a clock was set."""
        if not 0 < last - first <= LONGEST_SLOTS:
            chunk = last >> CHUNK_BITS
            self[chunk] = self.get(chunk, 0) | 1 << (last & CHUNK - 1)
            return
        for chunk in range(first >> CHUNK_BITS, (last >> CHUNK_BITS) + 1):
            start = chunk << CHUNK_BITS
            low, high = max(first - start, 0), min(last - start, CHUNK - 1)
            self[chunk] = self.get(chunk, 0) | ((2 << high - low) - 1) << low

    def slots(self, first: int, count: int) -> Slots:
        """Whether each of ``count`` slots from ``first`` on is set."""
        start, end = first >> CHUNK_BITS, (first + count >> CHUNK_BITS) + 1
        packed = b"".join(
            self.get(chunk, 0).to_bytes(CHUNK // 8, "little") for chunk in range(start, end)
        )
        bits = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little")
        begin = first - (start << CHUNK_BITS)
        return bits[begin : begin + count].astype(np.bool_)

    def extent(self) -> tuple[int, int]:
        """The first and the last slot that is set, of a mask that has one."""
        first, last = min(self), max(self)
        lowest = (self[first] & -self[first]).bit_length() - 1
        return (first << CHUNK_BITS) + lowest, (last << CHUNK_BITS) + self[last].bit_length() - 1

    def merge(self, other: Mask) -> None:
        """Set the slots of ``other`` too."""
        for chunk, bits in other.items():
            self[chunk] = self.get(chunk, 0) | bits

    def state(self) -> dict[str, str]:
        """The bits as hexadecimal digits, by chunk."""
        return {str(chunk): f"{self[chunk]:x}" for chunk in sorted(self)}

    def restore(self, state: dict[str, str]) -> None:
        """Set what ``state()`` gave."""
        for chunk, digits in state.items():
            self[int(chunk)] = self.get(int(chunk), 0) | int(digits, HEX)


class MasksByLatency(dict[int, Mask]):
    """Masks by the number of the latency's upper edge."""

    def __missing__(self, edge: int) -> Mask:
        mask = self[edge] = Mask()
        return mask

    def merge(self, other: MasksByLatency) -> None:
        """Set the slots of ``other`` too."""
        for edge, mask in other.items():
            self[edge].merge(mask)

    def state(self) -> dict[str, dict[str, str]]:
        """The masks' states by edge."""
        return {str(edge): self[edge].state() for edge in sorted(self)}

    def restore(self, state: dict[str, dict[str, str]]) -> None:
        """Set what ``state()`` gave."""
        for edge, mask in state.items():
            self[int(edge)].restore(mask)


def either(masks: Iterable[Mask], first: int, count: int) -> Slots:
    """``count`` slots from ``first`` on: whether one of the masks has each."""
    found = np.zeros(count, np.bool_)
    for mask in masks:
        found |= mask.slots(first, count)
    return found
