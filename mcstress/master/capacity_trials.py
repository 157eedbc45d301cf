"""A search for the capacity, conducted: one trial after the other, with pauses between them.

The rates are those of ``metrics.capacity_search``. A trial lasts for as many whole rounds of all
seats as ten seconds have room for, one at least, so that all have the same mix of phases. In the
pause after it nothing is offered until nothing waits and all events that began are counted.

The first part of a round that seats begin with lacks the phases that need a baseline
(load/round_places.py): a trial of it would have a mix that no later one has. So a round that is
judged in no trial goes before the first, where there are such phases.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from math import ceil
from typing import TYPE_CHECKING

import msgspec

from mcstress.load.round_places import begins_with_a_part, events_of_a_trio
from mcstress.load.schedule import TrialPlan
from mcstress.master.offered_load import Offering
from mcstress.metrics.arrivals import Offered, Trial
from mcstress.metrics.band import BandEntry
from mcstress.metrics.capacity import capacity_reading, per_s
from mcstress.metrics.capacity_search import CapacitySearch
from mcstress.metrics.number_format import a_second
from mcstress.metrics.trial_judgement import Circumstances, Watched, judged
from mcstress.process.loop_lag import LoopSecond
from mcstress.services.steady_clock import CLOCK

if TYPE_CHECKING:
    from mcstress.master.run_state import RunState

SHORTEST_S = 10
RECOVERS_WITHIN_S = 30.0
COUNTED_WITHIN_S = 15.0
"""An event that began may be under way for longer: a look for a new resume takes ten seconds."""
NO_TRIAL = 0
"""What the seconds of the warm-up have as the number of their trial."""

logger = logging.getLogger(__name__)


class CapacityTrials:
    """Conducts one run's search; ``trials`` are those that were begun, the last one unjudged."""

    def __init__(self, first_per_s: float, plan: TrialPlan) -> None:
        self.trials: list[Trial] = []
        self.search = CapacitySearch(first_per_s)
        self._plan = plan
        self._lowest: BandEntry | None = None
        self._watched: Counter[int] = Counter()
        self._saturated: Counter[int] = Counter()
        self._calm_since_s: float | None = None
        self._warm_up_ends_s: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to try."""
        return self.search.rate_per_s is None

    def note(self, seconds: Iterable[LoopSecond]) -> None:
        """What a process said of itself."""
        for second in seconds:
            self._watched[second.time] += 1
            self._saturated[second.time] += second.saturated

    def look(self, run: RunState, offering: Offering) -> None:
        """Begin the next trial, wait for the end of the last one, or judge it."""
        if offering.begin_s is None or self.is_over:
            return
        trial = self.trials[-1] if self.trials else None
        if trial is None and self._warm_up_ends_s is None:
            self._warm_up(run, offering)
        end_s = trial.begins + trial.seconds if trial else self._warm_up_ends_s or 0.0
        if trial is not None and trial.held is not None:
            self._begin(run, offering)
        elif self._is_still(run, offering, end_s):
            if trial is None:
                self._begin(run, offering)
            else:
                self._judge(run, offering, trial)

    def _warm_up(self, run: RunState, offering: Offering) -> None:
        """Offer the first rate for a round that is of no trial, where seats begin with a part."""
        assert offering.begin_s is not None
        self._warm_up_ends_s = 0.0
        if not begins_with_a_part(run.run):
            return
        rate, second = self.search.rate_per_s or 0.0, offering.next_second()
        seconds = _seconds(run, rate)
        self._plan.begin(NO_TRIAL, rate, second, seconds)
        self._warm_up_ends_s = offering.begin_s + second + seconds
        logger.info(
            "warm-up, a round that is of no trial: %s/s are offered for %d s",
            a_second(rate),
            seconds,
        )

    def _is_still(self, run: RunState, offering: Offering, end_s: float) -> bool:
        """Whether nothing waits after ``end_s`` and all is counted, or it is given up."""
        now_s = CLOCK.now_s()
        if now_s < end_s:
            return False
        if offering.waiting(run.registry.parts.values()):
            self._calm_since_s = None
            return now_s >= end_s + RECOVERS_WITHIN_S
        self._calm_since_s = self._calm_since_s or now_s
        counted = run.figures.scheduled >= _begun(run)
        return counted or now_s >= self._calm_since_s + COUNTED_WITHIN_S

    def _begin(self, run: RunState, offering: Offering) -> None:
        rate = self.search.rate_per_s
        assert rate is not None
        assert offering.begin_s is not None
        second, seconds = offering.next_second(), _seconds(run, rate)
        number = len(self.trials) + 1
        self._plan.begin(number, rate, second, seconds)
        self._calm_since_s = None
        trial = Trial(
            number=number,
            rate_per_s=rate,
            begins=int(offering.begin_s) + second,
            seconds=seconds,
        )
        self.trials.append(trial)
        logger.info("trial %d: %s are offered for %d s", number, per_s(trial), seconds)

    def _judge(self, run: RunState, offering: Offering, trial: Trial) -> None:
        offered = Offered(offering.seconds_so_far(), run.unserved.rows())
        entry = run.figures.trial(trial, offered, run.system.target.candidates)
        self._lowest = self._lowest or entry
        its = range(trial.begins, trial.begins + trial.seconds)
        by = Circumstances(
            checks=run.settings.checks,
            users=len(run.seats),
            lowest=self._lowest,
            watched=Watched(
                sum(self._watched[second] for second in its),
                sum(self._saturated[second] for second in its),
            ),
            waiting=offering.waiting(run.registry.parts.values()),
        )
        self.trials[-1] = trial = judged(trial, entry, by)
        self.search.take(trial)
        run.segment.record({"record": "trial", "trial": msgspec.to_builtins(trial)})
        became = "held" if trial.held else f"did not hold: {trial.why}"
        logger.info("trial %d: %s %s", trial.number, per_s(trial), became)
        if self.is_over:
            logger.info("%s", capacity_reading(self.trials))


def _begun(run: RunState) -> int:
    """Arrivals that became events, as far as workers told; those of a lost one may be uncounted."""
    return sum(part.arrivals.begun for part in run.registry.parts.values() if not part.lost)


def _seconds(run: RunState, per_s: float) -> int:
    """Whole rounds of all seats, in ten seconds or more."""
    trios = max((lease.seat.trio for lease in run.seats.leases()), default=1)
    round_s = sum(events_of_a_trio(run.run).values()) * trios / per_s
    return ceil(ceil(SHORTEST_S / round_s) * round_s)
