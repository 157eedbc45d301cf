"""Freshness: are new resumes found? Higher is better; intervals Wilson's."""

from __future__ import annotations

from typing import Any

from mcstress.metrics.rates import ABSENT, LISTED, TOP1, rate, rate_ci95
from mcstress.metrics.tally import Accumulator, Tally


class Freshness(Accumulator):
    """Resumes by where their query found them; ``attempted`` counts those that were not cut off."""

    def __init__(self) -> None:
        self.places: Tally[tuple[int]] = Tally()
        self.attempted: Tally[tuple[()]] = Tally()

    def result(self, planned: int = 0) -> dict[str, Any]:
        """The figure's section; ``ci95`` belongs to ``top_k_rate``."""
        top1, listed, absent = (self.places[(at,)] for at in (TOP1, LISTED, ABSENT))
        resumes, top_k = top1 + listed + absent, top1 + listed
        return {
            "resumes": resumes,
            "planned": max(planned, self.attempted[()]),
            "top1": top1,
            "top_k": top_k,
            "top1_rate": rate(top1, resumes),
            "top1_ci95": rate_ci95(top1, resumes),
            "top_k_rate": rate(top_k, resumes),
            "ci95": rate_ci95(top_k, resumes),
        }
