"""How runs differ by themselves (logarithms), and how tests fare where the truth is known."""

from __future__ import annotations

from math import log, sqrt

import numpy as np

FAMILY = 15
RUNS = 4, 4


def even(rng, shape):
    return rng.normal(0, 0.08, shape)


def heavy(rng, shape):
    return 0.08 * rng.standard_t(3, shape)


def heavier(rng, shape):
    return 0.08 * rng.standard_t(2, shape)


def spoiled(rng, shape):
    """One run in ten is slower, by half to twice."""
    slow = (rng.random(shape) < 0.1) * rng.uniform(log(1.5), log(2), shape)
    return rng.normal(0, 0.08, shape) + slow


def together(rng, shape):
    """A slow run is slow in both: its seconds and its latency."""
    return rng.normal(0, 0.08, (shape[0], 1)) + rng.normal(0, 0.03, shape)


def wide(rng, shape):
    return rng.normal(0, 0.3, shape)


EFFECTS = {
    "normal, 8 %": even,
    "normal, 8 %, latency and pace together": together,
    "heavy tails: t with 3 degrees, scale 8 %": heavy,
    "heavier tails: t with 2 degrees, scale 8 %": heavier,
    "one run in ten slower by half to twice": spoiled,
    "normal, 30 %": wide,
}
ALONE = tuple(name for name in EFFECTS if "together" not in name and "3 degrees" not in name)
"""Those of figures that do not depend on one another; ``simulated`` has its own way for others."""


def simulated(p_values, name, ratio, repeats, *, together, seed=1):
    """The shares of comparisons with any false alarm, and with the one true difference found.

    ``p_values`` gives the corrected p of each pair of sides of a family. ``together``: half of a
    run's effect is common to all its figures.
    """
    rng, draw, alarms, found = np.random.default_rng(seed), EFFECTS[name], 0, 0
    for _ in range(repeats):
        values = draw(rng, (FAMILY, sum(RUNS)))
        if together:
            values = (values + draw(rng, (1, sum(RUNS)))) / sqrt(2)
        values[0, RUNS[0] :] += log(ratio)
        p = p_values([(row[: RUNS[0]], row[RUNS[0] :]) for row in values.tolist()])
        found += p[0] <= 0.05
        alarms += min(p if ratio == 1 else p[1:]) <= 0.05
    return alarms / repeats, found / repeats


def most_alarms(repeats):
    """Five per cent and three standard deviations of so many comparisons."""
    return 0.05 + 3 * sqrt(0.05 * 0.95 / repeats)


def print_table(p_values, repeats):
    """False alarms and finds by how runs differ; too many alarms fail."""
    print("\n| runs | A/A | 1.3 x | 1.5 x | doubled |\n|---|---|---|---|---|")  # noqa: T201
    for name in ALONE:
        for together in (False, True):
            alarms, _ = simulated(p_values, name, 1.0, repeats, together=together, seed=5)
            found = [
                simulated(p_values, name, ratio, repeats // 2, together=together, seed=6)[1]
                for ratio in (1.3, 1.5, 2)
            ]
            row = " | ".join(f"{share:.1%}" for share in (alarms, *found))
            print(f"| {name}{', together' if together else ''} | {row} |")  # noqa: T201
            assert alarms <= most_alarms(repeats)
