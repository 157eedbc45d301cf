"""Baseline lists that wait for the others of their trio and round, to be paired with them."""

from __future__ import annotations

from collections.abc import Iterator
from sys import intern
from typing import Any

import msgspec

from mcstress.metrics import jaccard
from mcstress.metrics.band import Bands
from mcstress.metrics.event import CellKey
from mcstress.metrics.metric import Faults, Unit

LISTS_KEPT = 200_000
"""Lists that wait at most, 50 to 80 MB; beyond it the oldest rounds are given up."""

SHARED_FROM = 2_000
"""Beyond so many, lists that come share what is the same in others: of one question they often are
the same whole. 200 bytes each then (of four in a round), 300 where only strings are the same; 400
to 1,000 before."""

SHARED_KEPT = 4_096
"""Cells and lists that are known for that; beyond it they are learnt anew."""

TrioRound = tuple[int, int]


class Listed(msgspec.Struct, frozen=True, gc=False):
    """One cell's baseline: when it began, and the band of users and trio's unit it counts for.

    ``pool`` is the size of the corpora searched, 0 where unknown; ``ids`` are distinct identities
    (corpus and id), and None where the search did not succeed.
    """

    time_us: int
    users_from: int
    unit: Unit
    pool: int
    ids: tuple[str, ...] | None


class Rounds:
    """Waiting lists by (trio, round) and cell.

    A list is paired with those of its trio and round that are there, when it comes: what has come
    is always counted, in any order. A round with ``cells`` lists is complete and dropped. One that
    never becomes complete waits until too many do; lists that come after that are counted as late,
    and lack the pairs with those given up.
    """

    def __init__(self, cells: int | None = None) -> None:
        self._cells = cells
        self._lists = 0
        self._given_up: dict[int, int] = {}
        self._same: dict[Any, Any] = {}
        self.waiting: dict[TrioRound, dict[CellKey, Listed]] = {}

    def hold(self, key: TrioRound, cell: CellKey, listed: Listed, faults: Faults) -> None:
        """Keep a list without pairing it: another will."""
        present = self.waiting.setdefault(key, {})
        if cell in present:
            faults[("repeated_lists",)] += 1
            return
        present[cell] = listed
        self._lists += 1

    def pair(
        self, key: TrioRound, cell: CellKey, listed: Listed, bands: Bands, faults: Faults
    ) -> None:
        """Pair a list with those of its trio and round; keep it for those that come later."""
        present = self.waiting.setdefault(key, {})
        if cell in present:
            faults[("repeated_lists",)] += 1
            return
        if key[1] <= self._given_up.get(key[0], -1):
            faults[("late_lists",)] += 1
        if listed.pool and listed.ids is not None:
            bands[listed.users_from].diversity.pools[(listed.pool,)] += 1
        _pair_all(cell, listed, present, bands)
        self._keep(key, {cell: listed})

    def join(self, other: Rounds, bands: Bands) -> None:
        """Take in lists that were paired among themselves: pair them with those here."""
        for key, lists in other.waiting.items():
            present = dict(self.waiting.get(key, {}))
            for cell, listed in lists.items():
                _pair_all(cell, listed, present, bands)
            self._keep(key, lists)

    def _keep(self, key: TrioRound, lists: dict[CellKey, Listed]) -> None:
        present = self.waiting.setdefault(key, {})
        self._lists += len(lists)
        many = self._lists > SHARED_FROM
        present.update(map(self._shared, lists.items()) if many else lists)
        if self._cells is not None and len(present) >= self._cells:
            self._lists -= len(self.waiting.pop(key))
        if self._lists > LISTS_KEPT:
            self._give_up_oldest()

    def _shared(self, held: tuple[CellKey, Listed]) -> tuple[CellKey, Listed]:
        """The same of parts that lists share: a message brings its own."""
        cell, listed = held
        if len(self._same) >= SHARED_KEPT:
            self._same.clear()
        same = self._same.setdefault
        ids, pool = listed.ids, same(listed.pool, listed.pool)
        if ids is not None:
            ids = self._same.get(ids) or same(shared := tuple(map(intern, ids)), shared)
        shared_cell = self._same.get(cell) or same(
            named := (intern(cell[0]), intern(cell[1])), named
        )
        return shared_cell, msgspec.structs.replace(listed, pool=pool, ids=ids)

    def _give_up_oldest(self) -> None:
        newest = {key: max(one.time_us for one in ls.values()) for key, ls in self.waiting.items()}
        for key in sorted(newest, key=lambda key: (newest[key], key)):
            if self._lists <= LISTS_KEPT * 9 // 10:
                break
            self._lists -= len(self.waiting.pop(key))
            self._given_up[key[0]] = max(key[1], self._given_up.get(key[0], -1))

    def __iter__(self) -> Iterator[tuple[TrioRound, CellKey, Listed]]:
        for key in sorted(self.waiting):
            for cell in sorted(self.waiting[key]):
                yield key, cell, self.waiting[key][cell]

    def state(self) -> list[list[Any]]:
        """One row per waiting list, sorted."""
        return [
            [*key, *cell, *sizes, None if ids is None else list(ids)]
            for key, cell, listed in self
            for *sizes, ids in [msgspec.structs.astuple(listed)]
        ]

    def restore(self, state: list[list[Any]]) -> None:
        """Keep the lists that ``state()`` gave as they were."""
        for trio, number, contract, role, time_us, users_from, unit, pool, ids in state:
            kept = None if ids is None else tuple(ids)
            listed = Listed(time_us, users_from, unit, pool, kept)
            self.waiting.setdefault((trio, number), {})[contract, role] = listed
            self._lists += 1


def _pair_all(cell: CellKey, listed: Listed, present: dict[CellKey, Listed], bands: Bands) -> None:
    """Count the pairs of a list with others; each belongs to the band of its later list."""
    ids = None if listed.ids is None else frozenset(listed.ids)
    time_us, users_from = listed.time_us, listed.users_from
    own = bands[users_from].diversity
    for other_cell, other in present.items():
        diversity = own
        if other.users_from != users_from and (other.time_us, other_cell) > (time_us, cell):
            diversity = bands[other.users_from].diversity
        if ids is None or other.ids is None:
            diversity.add_missing(cell, other_cell)
        else:
            diversity.add_pair(cell, other_cell, listed.unit, jaccard.overlap(ids, other.ids))
