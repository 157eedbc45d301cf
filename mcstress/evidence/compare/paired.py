"""A paired permutation test over queries, and the interval that belongs to it.

Where nothing changed, a query's difference between two runs could as well have the other sign. The
test compares the mean difference with those under all (or 9,999 random) choices of signs (Fisher
1935; Good, Permutation, Parametric and Bootstrap Tests of Hypotheses, 2005, section 3.2). Its
interval holds the shifts that it does not reject at 5 %.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from mcstress.metrics.intervals import ALPHA

FEWEST = 6
"""With fewer differences no choice of signs is rare enough: 2 of 2⁵ is above 5 %."""

_MOST_EXACT = 13
_RANDOM = 9_999
_CHUNK = 500
_HALVINGS = 50
_SLACK = 1e-9
_Z = 1.959963984540054

Floats = NDArray[np.floating]


class PairedTest(msgspec.Struct, frozen=True):
    """``p`` and ``ci95`` of a mean difference; None where there are too few queries for either.

    ``least_p`` is the smallest p that as many queries can reach, whatever they show.
    """

    effect: float
    ci95: tuple[float, float] | None
    p: float | None
    least_p: float | None


def paired_test(differences: Sequence[float], span: float = 1.0) -> PairedTest:
    """Test that the mean of ``differences`` is 0; none is larger than ``span``."""
    values = np.asarray(differences, dtype=float)
    effect, spread = float(values.mean()), float(np.ptp(values))
    if len(values) < FEWEST:
        return PairedTest(effect, None, None, None)
    flips = _Flips(values)
    if spread <= _SLACK:
        return PairedTest(effect, _without_spread(values, span), flips.p(0.0), flips.least_p)
    low, high = (
        last_kept(flips.p, effect, effect + way * (2 * spread + _SLACK)) for way in (-1, 1)
    )
    ci95 = max(low, -span), min(high, span)
    return PairedTest(effect, ci95, flips.p(0.0), flips.least_p)


class _Flips:
    """The sums of some values under choices of signs, and of the signs themselves."""

    def __init__(self, values: Floats) -> None:
        self._count, self._total = len(values), float(values.sum())
        chunks = [(signs @ values, signs.sum(axis=1)) for signs in _signs(len(values))]
        self._flipped = np.concatenate([flipped for flipped, _ in chunks])
        self._signs = np.concatenate([counted for _, counted in chunks])

    @property
    def least_p(self) -> float:
        """The p of values that all have the same sign."""
        return 2 / len(self._flipped) if self._count <= _MOST_EXACT else 1 / len(self._flipped)

    def p(self, shift: float) -> float:
        """How rare the mean is where the true one is ``shift``."""
        observed = abs(self._total - self._count * shift)
        extreme = int((np.abs(self._flipped - shift * self._signs) >= observed - _SLACK).sum())
        # Random choices are joined by the one that was observed (Phipson and Smyth 2010).
        more = self._count > _MOST_EXACT
        return (extreme + more) / (len(self._flipped) + more)


def last_kept(p: Callable[[float], float], inside: float, outside: float) -> float:
    """The last shift, from ``inside`` towards ``outside``, that a test does not reject at 5 %."""
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        if p(middle) > ALPHA:
            inside = middle
        else:
            outside = middle
    return inside


def _signs(number: int) -> list[Floats]:
    if number <= _MOST_EXACT:
        bits = np.arange(2**number)[:, None] >> np.arange(number) & 1
        return [1.0 - 2.0 * bits]
    # The same signs each time, so that a comparison says the same twice.
    random = np.random.default_rng(number)
    sizes = [min(_CHUNK, _RANDOM - start) for start in range(0, _RANDOM, _CHUNK)]
    return [random.choice((-1.0, 1.0), (size, number)) for size in sizes]


def _without_spread(values: Floats, span: float) -> tuple[float, float]:
    """Equal differences say nothing of their spread.

    Bonett and Price's interval (2012) instead: one difference of ``span`` added either way. The
    test rejects 0 where all differences have the same sign. So towards 0 it ends where one
    difference of their own size, added either way, has it end: that is never at 0.
    """
    low, high = _with_one_either_way(values, span)
    value = float(values[0])
    if abs(value) > _SLACK and low <= 0 <= high:
        nearer, farther = _with_one_either_way(values, abs(value))
        low, high = (nearer, high) if value > 0 else (low, farther)
    return max(low, -span), min(high, span)


def _with_one_either_way(values: Floats, size: float) -> tuple[float, float]:
    """The interval of the mean with differences of ``size`` and of -``size`` added."""
    number = len(values) + 2
    mean = float(values.sum()) / number
    variance = (float((values**2).sum()) + 2 * size**2) / number - mean**2
    half = _Z * (variance / number) ** 0.5
    return mean - half, mean + half
