"""How much a series grows: Theil and Sen's slope over means of blocks, with its interval."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

BLOCKS = 12
"""What follows each other within a block hangs together; means of blocks hardly do."""
FEWEST = 2 * BLOCKS


class Growth(NamedTuple):
    """Over ``duration_s``, in the unit of the series: most likely, and the 95 % interval."""

    middle: float
    low: float
    high: float
    duration_s: float


def growth(times_s, values, warm_up: float) -> Growth:
    """The growth after the first ``warm_up`` of the time; of few values none is known."""
    times, values = np.asarray(times_s), np.asarray(values)
    if len(times) < FEWEST:
        return Growth(0.0, 0.0, 0.0, 0.0)
    warm = times >= times[0] + warm_up * (times[-1] - times[0])
    blocks = np.array_split(np.arange(warm.sum()), BLOCKS)
    middles = [times[warm][block].mean() for block in blocks]
    means = [values[warm][block].mean() for block in blocks]
    slope, _, low, high = stats.theilslopes(means, middles, 0.95)
    duration_s = float(times[-1] - times[warm][0])
    return Growth(*(float(each * duration_s) for each in (slope, low, high)), duration_s)
