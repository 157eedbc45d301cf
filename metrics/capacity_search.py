"""The search for a capacity: which rate is tried next, and what is known after each trial.

From the first rate up by half as much again, as long as trials hold. A rate breaks where two trials
in a row do not hold. Then the gap between the highest rate that held and the lowest that broke is
halved three times, so that the two are at most 1/16 of the lower one apart (6.3 %); where no rate
held, an eighth of the first one. Where the pool of users or the load generator ends what can be
offered, nothing is known of the service beyond: the capacity is at least the highest that held.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Self

from mcstress.metrics.arrivals import Trial

UP = 1.5
HALVINGS = 3
MOST_PER_S = 1_000_000.0

EndedBy = Literal["", "service", "pool", "generator", "mix"]
"""What ended a search: the service, whose capacity is found; else what kept it from being found."""


class CapacitySearch:
    """``rate_per_s`` is to be tried next; None: the search is over, and ``ended_by`` says why.

    ``held`` is the trial of the highest rate that held, ``broken`` that of the lowest that broke,
    ``limit`` the one after which nothing more could be learnt.
    """

    def __init__(self, first_per_s: float) -> None:
        self.rate_per_s: float | None = first_per_s
        self.held: Trial | None = None
        self.broken: Trial | None = None
        self.limit: Trial | None = None
        self.ended_by: EndedBy = ""
        self._is_second = False
        self._halvings = 0

    @classmethod
    def of(cls, trials: Iterable[Trial]) -> Self:
        """The search that made these trials, in their order."""
        search = None
        for trial in trials:
            search = search or cls(trial.rate_per_s)
            search.take(trial)
        return search or cls(0.0)

    def take(self, trial: Trial) -> None:
        """A trial of ``rate_per_s`` is over; what was not judged changes nothing."""
        if self.rate_per_s is None or trial.held is None:
            return
        if not (trial.held or self._is_second):
            self._is_second = True
            return
        self._is_second = False
        if trial.held:
            self.held = trial
        elif trial.by in ("", "service"):
            self.broken = trial
        else:
            self.rate_per_s, self.ended_by, self.limit = None, trial.by, trial
            return
        self._go_on()

    def _go_on(self) -> None:
        held_per_s = self.held.rate_per_s if self.held else 0.0
        if self.broken is None:
            self.rate_per_s = held_per_s * UP
            if self.rate_per_s > MOST_PER_S:
                self.rate_per_s, self.ended_by = None, "generator"
        elif self._halvings == HALVINGS:
            self.rate_per_s, self.ended_by = None, "service"
        else:
            self._halvings += 1
            self.rate_per_s = (held_per_s + self.broken.rate_per_s) / 2
