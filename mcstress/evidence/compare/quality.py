"""Quality, compared by query: what both sides were asked, and what only one can show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Literal

from mcstress.evidence.compare.figure import Better, Figure
from mcstress.evidence.compare.paired import paired_test
from mcstress.evidence.compare.queries import (
    DETERMINISM,
    DIFFERENT_ROLES,
    FRESHNESS,
    HANDOVER,
    RATING,
    RETURNED,
    SAME_ROLE,
    Query,
    QueryScores,
    query_scores,
    side_means,
)
from mcstress.evidence.report import words
from mcstress.evidence.store.history import RunFile, events_as_made

Means = Mapping[Query, float]

_QUALITY: dict[str, tuple[Better, float]] = {
    SAME_ROLE: ("lower", 1.0),
    DIFFERENT_ROLES: ("lower", 1.0),
    DETERMINISM: ("higher", 1.0),
    **dict.fromkeys(HANDOVER.values(), ("higher", 1.0)),
    FRESHNESS: ("higher", 1.0),
    RATING: ("higher", 4.0),
    RETURNED: ("lower", 0.0),
}
"""Which way each figure is better, and the largest difference that it can have; 0: as many as K."""


class Quality:
    """The mean score of each query on both sides, by figure."""

    def __init__(self, a: Sequence[RunFile], b: Sequence[RunFile]) -> None:
        self._k = a[0].document.run.k
        self._sampled = not all(run.document.run.keeps_all for run in (*a, *b))
        sides = [[_scores(run) for run in side] for side in (a, b)]
        self._means: dict[str, tuple[Means, Means]] = {
            name: (side_means(sides[0], name), side_means(sides[1], name))
            for name in _QUALITY
            if not self._is_unknown(name)
        }

    def _is_unknown(self, name: str) -> bool:
        """Whether a sample does not say which query a score is of: messages bear no number."""
        return self._sampled and name == RATING

    def figures(self, *, paired: bool) -> list[Figure]:
        """A figure for each that both sides have some queries of."""
        return [
            self._figure(name, shared, paired=paired)
            for name, (before, after) in self._means.items()
            if (shared := sorted(before.keys() & after.keys()))
        ]

    def _figure(self, name: str, shared: list[Query], *, paired: bool) -> Figure:
        (before, after), (better, span) = self._means[name], _QUALITY[name]
        differences = [after[query] - before[query] for query in shared]
        test = paired_test(differences, span or float(self._k))
        return Figure(
            name=name,
            better=better,
            unit="queries",
            a=fmean(before[query] for query in shared),
            b=fmean(after[query] for query in shared),
            n_a=len(shared),
            n_b=len(shared),
            effect=test.effect,
            ci95=test.ci95 if paired else None,
            p=test.p if paired else None,
            least_p=test.least_p if paired else None,
        )

    def only(self, side: Literal["a", "b"]) -> list[str]:
        """The figures that the other side has no query of."""
        if self._sampled:
            return []
        own, other = (0, 1) if side == "a" else (1, 0)
        return [name for name, means in self._means.items() if means[own] and not means[other]]

    def notes(self) -> list[str]:
        """What is left out of the comparison."""
        found = []
        for name, (before, after) in self._means.items():
            alone = {"A": len(before.keys() - after.keys()), "B": len(after.keys() - before.keys())}
            said = [
                f"{words.plural(number, 'query', 'queries')} that only {side} has"
                for side, number in alone.items()
                if number
            ]
            if said:
                found.append(f"{name} leaves out {' and '.join(said)}.")
        if self._sampled:
            found.append(
                f"{RATING} is not compared: of a sample it is not known which message is which."
            )
        return found


def _scores(run: RunFile) -> QueryScores:
    cells = sum(len(contract.demands) for contract in run.document.asked.contracts)
    return query_scores(events_as_made(run), cells or None)
