"""What a partner takes over: the recordings of a round, on whatever worker they were made."""

from __future__ import annotations

from time import monotonic
from typing import Literal

import msgspec
from gevent.event import Event as Signal

from mcstress.metrics.event import Item

Absence = Literal["skipped", "unmet", "revoked"]


class Recordings(msgspec.Struct, frozen=True):
    """What a seat recorded in a round: its namespace, and the recorded hit of each role.

    ``records``: all that the namespace was told until then, filler included.
    """

    persona: str
    trio: int
    round: int
    namespace: str
    answers: dict[str, Item]
    records: int | None = None


class HandoverBoard:
    """The recordings that this process knows of, and who can be expected to make more.

    Filled with what the master passes on. A round is dropped when the partner has gone on to a
    later one.
    """

    def __init__(self) -> None:
        self._recordings: dict[tuple[str, int], dict[int, Recordings]] = {}
        self._present: dict[tuple[str, int], tuple[int, int | None]] = {}
        self._news: dict[tuple[str, int], Signal] = {}
        self._spawning_complete = False
        self._revocations = 0

    def put(self, recordings: Recordings) -> None:
        """Take in what a seat recorded; whoever waits for it goes on."""
        seat = (recordings.persona, recordings.trio)
        rounds = self._recordings.setdefault(seat, {})
        rounds[recordings.round] = recordings
        self._tell(seat)

    def present(
        self, persona: str, trio: int, first_round: int | None, last_round: int | None = None
    ) -> None:
        """A seat was leased, to begin with ``first_round``, or is empty (None).

        After ``last_round`` its holder has done all its rounds.
        """
        if first_round is None:
            self._present.pop((persona, trio), None)
        else:
            self._present[persona, trio] = (first_round, last_round)
        self._tell((persona, trio))

    def newest(self, persona: str, trio: int) -> int:
        """The latest round that the seat is known to have recorded; 0 where there is none."""
        return max(self._recordings.get((persona, trio), ()), default=0)

    def spawning_complete(self, *, complete: bool) -> None:
        """From now on nobody new is to be expected (or again somebody is)."""
        self._spawning_complete = complete
        for seat in list(self._news):
            self._tell(seat)

    def revoke(self) -> None:
        """The seats of this process are others': who waits for a partner has none any more."""
        self._revocations += 1
        self._present.clear()
        for seat in list(self._news):
            self._tell(seat)

    def wait(self, persona: str, trio: int, round_: int, deadline_s: float) -> Recordings | Absence:
        """The recordings of ``round_``, or why there will be none.

        ``skipped``: the partner was never there, is gone or done, or began after that round;
        ``unmet``: the partner was there and silent until the deadline (seconds from now);
        ``revoked``: the seat of whoever waits went to another meanwhile.
        """
        seat, end, revocations = (persona, trio), monotonic() + deadline_s, self._revocations
        rounds = self._recordings.setdefault(seat, {})
        for past in [known for known in rounds if known < round_]:
            del rounds[past]
        while True:
            if self._revocations != revocations:
                return "revoked"
            if found := rounds.get(round_):
                return found
            present = self._present.get(seat)
            if self._spawning_complete if present is None else _is_beyond(round_, *present):
                return "skipped"
            left = end - monotonic()
            if left <= 0:
                return "skipped" if present is None else "unmet"
            self._news.setdefault(seat, Signal()).wait(left)

    def _tell(self, seat: tuple[str, int]) -> None:
        if signal := self._news.pop(seat, None):
            signal.set()


def _is_beyond(round_: int, first_round: int, last_round: int | None) -> bool:
    return round_ < first_round or (last_round is not None and round_ > last_round)
