"""How runs differ by themselves, for simulated comparisons (logarithms)."""

from __future__ import annotations

from math import log


def even(rng, shape):
    return rng.normal(0, 0.08, shape)


def heavy(rng, shape):
    return 0.08 * rng.standard_t(2, shape)


def spoiled(rng, shape):
    """One run in ten is slower, by half to twice."""
    slow = (rng.random(shape) < 0.1) * rng.uniform(log(1.5), log(2), shape)
    return rng.normal(0, 0.08, shape) + slow


def wide(rng, shape):
    return rng.normal(0, 0.3, shape)


EFFECTS = {"normal, 8 %": even, "t with 2 degrees": heavy, "one in ten slow": spoiled,
           "normal, 30 %": wide}  # fmt: skip
