"""Pairing: what an event is compared with, remembered until the other one comes.

A worker sees both events of a pair, since one user makes them. A seat's memory holds one round: it
is empty again when the next begins.
"""

from __future__ import annotations

import msgspec

from mcstress.metrics.event import Event, Hit
from mcstress.metrics.identity import identities
from mcstress.metrics.overlap_figure import Cell

Ids = tuple[str, ...]


class Remembered(msgspec.Struct, frozen=True, gc=False):
    """The part of an event that its counterpart needs: identities; ``place`` is for handovers."""

    phase: str
    cell: Cell
    ids: Ids
    corpus_sizes: dict[str, int] | None
    place: int | None


class Pairing:
    """What each seat's user did this round and will be compared with, by the event's ``seq``."""

    def __init__(self) -> None:
        self._seats: dict[tuple[str, str], tuple[int, dict[int, Remembered]]] = {}

    def remember(self, event: Event, ids: Ids, place: int | None = None) -> None:
        """Keep an event for its counterpart."""
        remembered = Remembered(event.phase, event.cell, ids, event.corpus_sizes, place)
        self._of(event)[event.seq] = remembered

    def recall(self, event: Event, phase: str) -> Remembered | None:
        """The counterpart of ``event``, an event of ``phase``, once.

        It is the one that ``paired_seq`` names; where it names none, the first of its cell.
        """
        seat = self._of(event)
        if event.paired_seq is not None:
            return seat.pop(event.paired_seq, None)
        for seq, remembered in seat.items():
            if remembered.phase == phase and remembered.cell == event.cell:
                return seat.pop(seq)
        return None

    def _of(self, event: Event) -> dict[int, Remembered]:
        key = (event.worker, event.coordinator)
        held = self._seats.get(key)
        if held is None or held[0] != event.round:
            held = self._seats[key] = (event.round, {})
        return held[1]


def compact(hits: list[Hit]) -> Ids:
    """The identities of ``hits`` as they are kept: of equal strings from many answers, one."""
    return tuple(identities(hits))
