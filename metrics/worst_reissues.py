"""The worst reissues: what changed most between a baseline and the same query later."""

from __future__ import annotations

from typing import Any, NamedTuple

from mcstress.metrics.event import Event, utc
from mcstress.metrics.identity import named
from mcstress.metrics.jaccard import jaccard

KEPT = 5


class Reissue(NamedTuple):
    """A reissue that is not its baseline, with both lists; compares by how bad, then by which.

    The lists hold identities.
    """

    jaccard: float
    rbo_nano: int
    time_us: int
    coordinator: str
    round: int
    contract: str
    role: str
    query: str
    trace_id: str
    shared: int
    union: int
    baseline: tuple[str, ...]
    reissue: tuple[str, ...]


class WorstReissues(list[Reissue]):
    """The five worst: lowest Jaccard, then lowest rank-biased overlap, then the earliest."""

    def add(
        self,
        event: Event,
        sizes: tuple[int, int],
        rbo_nano: int,
        lists: tuple[tuple[str, ...], tuple[str, ...]],
    ) -> None:
        """Keep a reissue if it is among the worst."""
        likeness = jaccard(*sizes)
        if len(self) == KEPT and likeness > self[-1].jaccard:
            return
        seat = (
            event.coordinator,
            event.round,
            *event.cell,
            event.query or "",
            event.trace_id or "",
        )
        self.append(Reissue(likeness, rbo_nano, time_us(event), *seat, *sizes, *lists))
        self._cut()

    def _cut(self) -> None:
        self.sort()
        del self[KEPT:]

    def merge(self, other: WorstReissues) -> None:
        """Keep the worst of both."""
        self.extend(other)
        self._cut()

    def state(self) -> list[list[Any]]:
        """One row each, without the Jaccard, which follows from the sizes."""
        return [[*one[1:-2], list(one.baseline), list(one.reissue)] for one in self]

    def restore(self, state: list[list[Any]]) -> None:
        """Add what ``state()`` gave."""
        for *ranked, baseline, reissue in state:
            row = [jaccard(*ranked[-2:]), *ranked, tuple(baseline), tuple(reissue)]
            self.append(Reissue._make(row))
        self._cut()

    def result(self) -> list[dict[str, Any]]:
        """The worst first; both lists as ``{"id", "corpus"}`` in rank order."""
        return [
            {
                "jaccard": one.jaccard,
                "rbo": one.rbo_nano / 1e9,
                "time": utc(one.time_us / 1e6).isoformat(),
                "coordinator": one.coordinator,
                "round": one.round,
                "contract": one.contract,
                "role": one.role,
                "query": one.query,
                "trace_id": one.trace_id or None,
                "baseline": list(map(named, one.baseline)),
                "reissue": list(map(named, one.reissue)),
            }
            for one in self
        ]


def time_us(event: Event) -> int:
    """When the event began, in microseconds since 1970."""
    return round(event.time.timestamp() * 1_000_000)
