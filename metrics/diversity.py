"""Diversity: different needs get different people.

Jaccards of baseline lists, pairs formed within a trio and a round: one role in two contracts (9),
two roles in one contract (18). The estimate is ΣS/ΣN over all pairs, lower is better.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from math import comb, fsum
from typing import Any

from mcstress.metrics import jaccard
from mcstress.metrics.diversity_interval import interval
from mcstress.metrics.event import CellKey
from mcstress.metrics.jaccard import Sum, sums_by_group
from mcstress.metrics.metric import (
    BY_CHANCE,
    COUNT,
    JACCARD,
    NO_QUESTION,
    FigureGroup,
    Metric,
    MetricName,
    PerQuestion,
    PlannedRound,
    Range,
    ResultContext,
    Unit,
    question_means,
)
from mcstress.metrics.tally import Tally


@lru_cache(maxsize=1024)
def chance_jaccard(k: int, pool: int) -> float:
    """The expected Jaccard of two random lists of ``k`` from one ``pool``, about k/(2·pool).

    The size m of the intersection is hypergeometric: Σ m/(2k - m) · C(k,m)·C(N-k,k-m)/C(N,k). A
    pool of at most k gives two equal lists: 1.
    """
    if pool <= k:
        return 1.0
    ways = sum(
        Fraction(m, 2 * k - m) * comb(k, m) * comb(pool - k, k - m)
        for m in range(max(0, 2 * k - pool), k + 1)
    )
    return float(ways / comb(pool, k))


SAME_ROLE = "same_role_across_contracts"
DIFFERENT_ROLES = "different_roles_within_contract"
FIGURES = (SAME_ROLE, DIFFERENT_ROLES)

RANGES = {
    SAME_ROLE: (
        Range("<", 0.30, "healthy", "lists for the same {role} differ between {contracts}"),
        Range(
            "<=",
            0.50,
            "high",
            "{contracts} share more {items} than they should",
            "what sets one {contract} apart counts little in the search",
        ),
        Range(
            "<=",
            1.0,
            "cycling",
            "the same {items} whatever the {contract}",
            "a cache, a filter or an embedding leaves the {contract} out",
        ),
    ),
    DIFFERENT_ROLES: (
        Range("<", 0.10, "healthy", "different {roles} get different {items}"),
        Range(
            "<=",
            0.50,
            "high",
            "{roles} share more {items} than they should",
            "the {role} counts little in the search",
        ),
        Range(
            "<=",
            1.0,
            "cycling",
            "the same {items} whatever the {role}",
            "the query itself is left out: a cache, or vectors that are all alike",
        ),
    ),
}
WHOSE = {SAME_ROLE: "one role in two contracts", DIFFERENT_ROLES: "two roles in one contract"}
TABLE = "diversity"
ROWS = {
    SAME_ROLE: "same {role} in different {contracts}",
    DIFFERENT_ROLES: "different {roles} in the same {contract}",
}
"""Table and rows of the report."""
BY_LOAD = {SAME_ROLE: "Same {role}", DIFFERENT_ROLES: "Two {roles}"}
LABELS = {
    SAME_ROLE: "Jaccard of one {role}, two {contracts}",
    DIFFERENT_ROLES: "Jaccard of two {roles}, one {contract}",
}

CellKeys = tuple[CellKey, CellKey]

_OLDER_PAIR = 5
"""Parts of a row of pairs: figure, unit, shared, union, count."""


def figure_of(a: CellKey, b: CellKey) -> str | None:
    """The figure that a pair of cells belongs to; None where both contract and role differ."""
    if a[1] == b[1]:
        return SAME_ROLE
    return DIFFERENT_ROLES if a[0] == b[0] else None


@lru_cache(maxsize=4096)
def in_order(a: CellKey, b: CellKey) -> tuple[tuple[str, str, str, str], str | None]:
    """Two cells as one key, the lesser first, and the figure of their pair."""
    first, second = (a, b) if a < b else (b, a)
    return (*first, *second), figure_of(a, b)


class Diversity(Metric):
    """Pairs of baseline lists by the sizes of what they share and hold together.

    ``pairs``: figure, trio's unit, what the cells share (a role, or a contract), and the sizes
    shared and union. ``cells``: contract, role, contract, role, shared, union. ``missing``: figure,
    of pairs that lack a list since a search did not succeed. ``pools``: lists by the size of the
    corpora that they came from. Lists come through ``Rounds``, which has those of all workers:
    ``add`` hears none.
    """

    key = section = "diversity"

    def __init__(self) -> None:
        self.pairs: Tally[tuple[str, Unit, str, int, int]] = Tally()
        self.cells: Tally[tuple[str, str, str, str, int, int]] = Tally()
        self.missing: Tally[tuple[str]] = Tally()
        self.pools: Tally[tuple[int]] = Tally()

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """The figures of both sections."""
        for figure, whose in WHOSE.items():
            of = FigureGroup(f"diversity.{figure}", ("baseline",), "pairs").name
            yield of(
                "mean_jaccard",
                JACCARD,
                f"how alike the lists of {whose} are; lower is better",
                "ci95",
                ranges=RANGES[figure],
                label=LABELS[figure],
                better="lower",
                table=TABLE,
                row=ROWS[figure],
                column="Mean Jaccard",
                by_load=BY_LOAD[figure],
            )
            yield of("pairs", COUNT, f"pairs of lists of {whose}, within a trio and a round")
            yield of("planned", COUNT, "pairs that were attempted or planned")
            trios = "trios with lists of their own; those of one variant count once"
            yield of("trios", COUNT, trios)
            yield of("sharing_pairs", COUNT, "pairs that share anyone", table=TABLE,
                     row=ROWS[figure], column="Pairs with {items} in common",
                     counts=("sharing_pairs", "pairs"))  # fmt: skip
            yield of("empty_pairs", COUNT, "pairs of two empty lists, which are alike")
            yield of("chance", BY_CHANCE, "what random lists from the same pool would have",
                     table=TABLE, row=ROWS[figure], column="Expected by chance")  # fmt: skip

    @classmethod
    def planned(cls, one_round: PlannedRound) -> Mapping[str, int]:
        """Every two baselines of a trio that share a role, or a contract."""
        if not one_round.asked.get("baseline"):
            return {}
        roles = [role for contract in one_round.contracts for role in contract]
        same = sum(comb(roles.count(role), 2) for role in set(roles))
        within = sum(comb(len(contract), 2) for contract in one_round.contracts)
        return {
            f"diversity.{SAME_ROLE}": same * one_round.trios,
            f"diversity.{DIFFERENT_ROLES}": within * one_round.trios,
        }

    def add_pair(self, a: CellKey, b: CellKey, unit: Unit, sizes: tuple[int, int]) -> None:
        """Count a pair of lists with its (shared, union)."""
        cells, figure = in_order(a, b)
        self.cells[cells + sizes] += 1
        if figure is not None:
            self.pairs[(figure, unit, a[1] if figure == SAME_ROLE else a[0], *sizes)] += 1

    def add_missing(self, a: CellKey, b: CellKey) -> None:
        """Count a pair that was attempted and lacks a list."""
        if figure := figure_of(a, b):
            self.missing[(figure,)] += 1

    def per_question(self) -> PerQuestion:
        """Jaccards by unit and by what the lists share: the role, or the contract."""
        return {
            f"diversity.{figure}.mean_jaccard": question_means(
                (f"{unit}/{shared}", jaccard.jaccard(s, all_), n)
                for (its_figure, unit, shared, s, all_), n in self.pairs.items()
                if its_figure == figure
            )
            for figure in FIGURES
        }

    def restore(self, state: Any) -> None:
        """Add what ``state()`` gave; older versions did not say what the cells of a pair share."""
        older = [row for row in state.get("pairs", ()) if len(row) == _OLDER_PAIR]
        self.pairs.restore([[figure, unit, NO_QUESTION, *rest] for figure, unit, *rest in older])
        pairs = [row for row in state.get("pairs", ()) if len(row) > _OLDER_PAIR]
        super().restore({**state, "pairs": pairs})

    def result(self, context: ResultContext) -> dict[str, Any]:
        """Both figures."""
        k, planned = context.k, context.planned
        cells = self._cell_sums()
        pool = [(chance_jaccard(k, n), count) for (n,), count in self.pools.items() if n]
        return {
            figure: self._figure(
                figure,
                k,
                planned.get(f"diversity.{figure}", 0),
                {pair: total for pair, total in cells.items() if figure_of(*pair) == figure},
            )
            | _chance(k, figure, cells, pool, context.candidates)
            for figure in FIGURES
        }

    def _figure(
        self, figure: str, k: int, planned: int, cells: Mapping[CellKeys, Sum]
    ) -> dict[str, Any]:
        rows = [(u, s, all_, n) for (f, u, _, s, all_), n in self.pairs.items() if f == figure]
        trios = sums_by_group(rows)
        pairs = sum(n for _, n in trios.values())
        ci95, label = interval(trios, cells, k)
        return {
            "mean_jaccard": fsum(s for s, _ in trios.values()) / pairs if pairs else None,
            "pairs": pairs,
            "planned": max(planned, pairs + self.missing[(figure,)]),
            "ci95": ci95 and list(ci95),
            "ci95_label": label,
            "trios": len(trios),
            "sharing_pairs": sum(row[3] for row in rows if row[1]),
            "empty_pairs": sum(row[3] for row in rows if not row[2]),
        }

    def _cell_sums(self) -> dict[CellKeys, Sum]:
        return sums_by_group(
            (((ca, ra), (cb, rb)), s, u, n) for (ca, ra, cb, rb, s, u), n in self.cells.items()
        )

    def heat_map(self) -> dict[str, Any]:
        """Every pair of cells: ``cells`` sorted, ``pairs`` by the cells' positions there."""
        sums = self._cell_sums()
        cells = sorted({cell for pair in sums for cell in pair})
        number = {cell: index for index, cell in enumerate(cells)}
        return {
            "cells": [{"contract": contract, "role": role} for contract, role in cells],
            "pairs": [
                {"a": number[a], "b": number[b], "mean_jaccard": total / n, "pairs": n}
                for (a, b), (total, n) in sums.items()
            ],
        }


def _chance(
    k: int,
    figure: str,
    cells: Mapping[CellKeys, Sum],
    whole: Iterable[tuple[float, int]],
    candidates: Mapping[str, int] | None,
) -> dict[str, Any]:
    """What random lists would have, and the pool it was worked out for."""
    if figure == SAME_ROLE and candidates:
        roles = [(a[1], n) for (a, b), (_, n) in cells.items() if figure_of(a, b) == SAME_ROLE]
        if roles and all(role in candidates for role, _ in roles):
            by_role = [(chance_jaccard(k, candidates[role]), n) for role, n in roles]
            return {"chance": _weighted(by_role), "chance_pool": "candidates of the role"}
    chance = _weighted(list(whole))
    return {"chance": chance, "chance_pool": None if chance is None else "whole corpora"}


def _weighted(values: list[tuple[float, int]]) -> float | None:
    count = sum(n for _, n in values)
    return fsum(value * n for value, n in values) / count if count else None
