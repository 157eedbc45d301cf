"""Diversity as it is folded against its exact computation from lists that were kept."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from random import Random
from time import process_time

from benchmarks.row import Row, print_rows
from mcstress.metrics.band import Bands
from mcstress.metrics.diversity import FIGURES, figure_of
from mcstress.metrics.event import CellKey
from mcstress.metrics.intervals import import_scipy
from mcstress.metrics.metric import Faults, ResultContext
from mcstress.metrics.rounds import Listed, Rounds

SIZES = (10_000, 100_000, 1_000_000)
K = 8
TRIOS = 100
CELLS: list[CellKey] = [
    (c, r) for c in ("alpha", "beta", "gamma") for r in ("a", "b", "c", f"of {c}")
]
CHUNK = TRIOS * len(CELLS)
EXACT = "exact: lists kept, every pair at the end of its round"

Lists = list[tuple[int, int, CellKey, tuple[str, ...]]]


class Exact:
    """Keeps every list, and forms each Jaccard from sets."""

    def __init__(self) -> None:
        self.jaccards: dict[str, list[float]] = {figure: [] for figure in FIGURES}

    def fold(self, lists: Lists) -> None:
        """The Jaccards of the lists, within each trio and round."""
        rounds: dict[tuple[int, int], list[tuple[CellKey, set[str]]]] = defaultdict(list)
        for trio, round_, cell, ids in lists:
            rounds[trio, round_].append((cell, set(ids)))
        for held in rounds.values():
            for (a, x), (b, y) in combinations(held, 2):
                if figure := figure_of(a, b):
                    self.jaccards[figure].append(len(x & y) / len(x | y))

    def mean(self, figure: str) -> float:
        """The plain mean."""
        return sum(self.jaccards[figure]) / len(self.jaccards[figure])


class Folded:
    """What Figures does with a baseline list; it keeps counts, and also fills the heat map."""

    def __init__(self) -> None:
        self.rounds, self.bands, self.faults = Rounds(len(CELLS)), Bands(), Faults()

    def fold(self, lists: Lists) -> None:
        """Pair each list with those that are there."""
        for time_us, (trio, round_, cell, ids) in enumerate(lists):
            listed = Listed(time_us, 1, trio % 20, 15_000, ids)
            self.rounds.pair((trio, round_), cell, listed, self.bands, self.faults)

    def mean(self, figure: str) -> float:
        """The figure's."""
        result = self.bands.joined().diversity.result(ResultContext(K))
        return float(result[figure]["mean_jaccard"])


def run() -> list[Row]:
    """Time per baseline list, chunks of whole rounds in turns; and that the means agree."""
    import_scipy()
    rows: list[Row] = []
    for size in SIZES:
        folded, exact, ours_s, exact_s = Folded(), Exact(), 0.0, 0.0
        random = Random(size)
        for round_ in range(-(-size // CHUNK)):
            lists = _round(random, round_)
            start = process_time()
            folded.fold(lists)
            between = process_time()
            exact.fold(lists)
            ours_s, exact_s = ours_s + between - start, exact_s + process_time() - between
        start = process_time()
        means = [folded.mean(figure) for figure in FIGURES]
        ours_s += process_time() - start
        apart = max(abs(m - exact.mean(f)) for m, f in zip(means, FIGURES, strict=True))
        name = f"diversity, {size:,} lists"
        rows += [
            Row(name, ours_s / size * 1e6, "µs per list", ours_s / exact_s, EXACT),
            Row(f"{name}: apart from the exact mean", apart, "Jaccard"),
        ]
    return rows


def _round(random: Random, round_: int) -> Lists:
    """Every trio's twelve lists of one round, a few ids shared."""
    pool = [f"w-{number:05d}" for number in range(200)]
    return [
        (trio, round_, cell, tuple(random.sample(pool, K)))
        for trio in range(TRIOS)
        for cell in CELLS
    ]


if __name__ == "__main__":
    print_rows(run())
