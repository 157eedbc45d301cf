"""What bob needs from alice: her recordings of a round, on whatever worker they were made."""

from __future__ import annotations

from time import monotonic
from typing import Literal

import msgspec
from gevent.event import Event as Signal

Absence = Literal["skipped", "unmet"]


class Recordings(msgspec.Struct, frozen=True):
    """What a seat recorded in a round: its namespace, and the recorded id of each role."""

    persona: str
    trio: int
    round: int
    namespace: str
    answers: dict[str, str]


class Board:
    """The recordings that this process knows of, and who can be expected to make more.

    Filled by the harness with what the master passes on. A round is dropped when the partner has
    gone on to a later one.
    """

    def __init__(self) -> None:
        self._recordings: dict[tuple[str, int], dict[int, Recordings]] = {}
        self._present: dict[tuple[str, int], int] = {}
        self._news: dict[tuple[str, int], Signal] = {}
        self._spawning_complete = False

    def put(self, recordings: Recordings) -> None:
        """Take in what a seat recorded; whoever waits for it goes on."""
        seat = (recordings.persona, recordings.trio)
        rounds = self._recordings.setdefault(seat, {})
        rounds[recordings.round] = recordings
        self._tell(seat)

    def present(self, persona: str, trio: int, first_round: int | None) -> None:
        """A seat was leased, to begin with ``first_round``, or is empty (None)."""
        if first_round is None:
            self._present.pop((persona, trio), None)
        else:
            self._present[persona, trio] = first_round
        self._tell((persona, trio))

    def spawning_complete(self, *, complete: bool) -> None:
        """From now on nobody new is to be expected (or again somebody is)."""
        self._spawning_complete = complete
        for seat in list(self._news):
            self._tell(seat)

    def wait(self, persona: str, trio: int, round_: int, deadline_s: float) -> Recordings | Absence:
        """The recordings of ``round_``, or why there will be none.

        ``skipped``: the partner was never there, is gone, or began after that round; ``unmet``: the
        partner was there and silent until the deadline (seconds from now).
        """
        seat, end = (persona, trio), monotonic() + deadline_s
        rounds = self._recordings.setdefault(seat, {})
        for past in [known for known in rounds if known < round_]:
            del rounds[past]
        while True:
            if found := rounds.get(round_):
                return found
            first_round = self._present.get(seat)
            if first_round is None and self._spawning_complete:
                return "skipped"
            if first_round is not None and first_round > round_:
                return "skipped"
            left = end - monotonic()
            if left <= 0:
                return "skipped" if first_round is None else "unmet"
            self._news.setdefault(seat, Signal()).wait(left)

    def _tell(self, seat: tuple[str, int]) -> None:
        if signal := self._news.pop(seat, None):
            signal.set()
