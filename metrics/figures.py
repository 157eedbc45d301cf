"""Figures: every metric of a run, streaming and mergeable. The front door of this room.

    figures = Figures(k=8)
    figures.add(event)          # as events come, or as they are read back
    figures.merge(delta)        # what a worker handed over
    figures.result()["metrics"]["determinism"]["mean_jaccard"]

All states are integers and strings: adding them in any order gives the same bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Self

from mcstress.metrics.accumulators import Accumulators
from mcstress.metrics.arrivals import Offered, Trial
from mcstress.metrics.band import Band
from mcstress.metrics.capacity import capacity_reading
from mcstress.metrics.check import Check
from mcstress.metrics.event import Event
from mcstress.metrics.load_curve import load_curve, trial_entry
from mcstress.metrics.load_reading import load_curve_reading
from mcstress.metrics.metric import FAULTS, Mean, Say, Unit, WholeRun
from mcstress.metrics.observer import Observer
from mcstress.metrics.outside_outages import calm_bands
from mcstress.metrics.overview import Overview, overview_of
from mcstress.metrics.readings import readings
from mcstress.metrics.rounds import Rounds
from mcstress.metrics.users_timeline import RunSpan, TimelineRows, UsersTimeline
from mcstress.metrics.within_run import in_blocks

Results = dict[str, Any]
NOTHING_OFFERED = Offered()

AXIS_SLOTS = 12
"""What a table over time has room for."""


class DifferentKError(ValueError):
    """Lists of another length than the run's were offered: their figures cannot be compared."""


class Figures:
    """All accumulators. ``k`` is the length of lists; ``cells`` the number of (contract, role).

    ``folds=False`` is a worker's: it keeps baseline lists unpaired, for the master to pair with
    those of other workers, and ``take`` hands over all that was counted. ``cells`` lets a folding
    one drop the lists of a trio's round once all have come; the figures are the same without.
    ``say`` hears of each event that it is compared or rated, and with what outcome.
    """

    def __init__(
        self,
        k: int,
        *,
        folds: bool = True,
        cells: int | None = None,
        say: Say | None = None,
    ) -> None:
        self.k = k
        self.folds = folds
        self._new_sums = partial(Accumulators, say=say)
        self._sums = self._new_sums(cells)
        self._observer = Observer(folds=folds)

    def add(self, event: Event) -> None:
        """Count an event. Both events of a pair are added to the same Figures, in their order."""
        self.add_all((event,))

    def add_all(self, events: Iterable[Event]) -> None:
        """Count ``events``, in their order; ``say`` must let nobody else have a turn meanwhile."""
        k, add, sums = self.k, self._observer.add, self._sums
        for event in events:
            if event.k != k:
                raise DifferentKError(
                    f"event {event.seq} of {event.worker or 'this run'} has k = {event.k}; "
                    f"this run's is {k}, and lists of different lengths cannot be compared"
                )
            add(event, sums)

    @property
    def scheduled(self) -> int:
        """How many of the events a schedule asked for."""
        self._sums.settle()
        return sum(band.responses.events for band in self._sums.bands.values())

    @property
    def events(self) -> int:
        """How many events were counted."""
        self._sums.settle()
        return sum(band.events.total() for band in self._sums.bands.values())

    def take(self) -> Figures:
        """What was counted since the last take; what waits for its counterpart stays."""
        if self.folds:
            raise RuntimeError("lists that were paired here cannot be handed over: folds=False can")
        taken = Figures(self.k, folds=False)
        taken._sums, self._sums = self._sums, self._new_sums()
        return taken

    def merge(self, other: Figures) -> None:
        """Add what ``other`` counted."""
        if other.k != self.k:
            raise DifferentKError(f"figures for k = {other.k} cannot join those for k = {self.k}")
        if other.folds and not self.folds:
            raise RuntimeError("figures with folds=False cannot take in lists that were paired")
        self._sums.settle()
        other._sums.settle()
        self._sums.merge(other._sums)
        self._take_in(other._sums.rounds, paired=other.folds)

    def _take_in(self, rounds: Rounds, *, paired: bool) -> None:
        sums = self._sums
        if paired:
            sums.rounds.join(rounds, sums.bands)
            return
        for key, cell, listed in rounds:
            if self.folds:
                sums.rounds.pair(key, cell, listed, sums.bands, sums.faults)
            else:
                sums.rounds.hold(key, cell, listed, sums.faults)

    def state(self) -> dict[str, Any]:
        """All that was counted, as JSON or msgpack takes it: integers, strings, lists, dicts."""
        self._sums.settle()
        return {"k": self.k, "folds": self.folds, **self._sums.state()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """The Figures whose ``state()`` this is."""
        figures = cls(state["k"], folds=state["folds"])
        figures._sums.restore(dict(state))
        return figures

    def per_question(self) -> dict[str, dict[Unit, Mean]]:
        """By figure and unit: the sum of its values, and their number. What compare pairs."""
        self._sums.settle()
        return self._sums.bands.joined().per_question()

    def joined(self) -> Band:
        """All bands as one: a copy, for those who need the counts behind the figures."""
        self._sums.settle()
        return self._sums.bands.joined()

    def glance(self) -> Overview:
        """What a line of progress shows: once a second, while users wait for their answers."""
        self._sums.settle()
        return overview_of(self._sums.bands.values())

    def over_all_bands(self) -> Results:
        """``metrics`` and ``latency`` only, of all bands together."""
        self._sums.settle()
        total = self._sums.bands.joined()
        return {"metrics": total.result(self.k, {}, None), "latency": total.latency_section()}

    def result(
        self,
        users_timeline: TimelineRows | None = None,
        planned: Mapping[str, int] | None = None,
        candidates: Mapping[str, int] | None = None,
        checks: Sequence[Check] | None = None,
        span: RunSpan | None = None,
        *,
        offered: Offered = NOTHING_OFFERED,
    ) -> Results:
        """Every figure (see docs/metrics.md); changes nothing that counts.

        ``users_timeline``: [unix second, users] once a second. ``planned``: the least number of
        samples that was planned, by figure ("determinism", "handover.verbatim", …).
        ``candidates``: how many people there are for each role, where that is known.
        ``checks`` and the seed's healthy ranges are what the load curve is read by. ``span``: when
        the run was; without, from the first to the last moment of which anything is known.
        ``offered``: what a schedule offered beside the events.
        """
        self._sums.settle()
        sums, total = self._sums, self._sums.bands.joined()
        users = UsersTimeline(users_timeline, span)
        curve = load_curve(sums.bands, self.k, users, candidates, offered)
        span = span or RunSpan(*(sums.availability.extent() or (0.0, 0.0)))
        whole = self._whole(span, offered)
        calm = calm_bands(curve, sums.timeline, users, whole.silences)
        results = {
            "metrics": total.result(self.k, planned or {}, candidates, whole),
            "latency": total.latency_section(offered.unserved, offered.appointments),
            "load_curve": curve,
            "load_curve_reading": capacity_reading(offered.trials)
            if offered.trials
            else load_curve_reading(
                curve,
                checks or (),
                users.most,
                calm,
                whole.silences,
                starved=offered.starved.why if offered.starved else "",
            ),
            "heat_map": total.diversity.heat_map(),
            "worst_reissues": sums.worst.result(),
            "examples": sums.examples.result(),
            "timeline": sums.timeline.result(users),
            "time_axis": sums.timeline.coarse(AXIS_SLOTS, span.begin_s, span.end_s).result(users),
            "faults": {name: sums.faults[(name,)] for name in FAULTS},
        }
        return {**results, "readings": readings(results)}

    def trial(
        self, trial: Trial, offered: Offered, candidates: Mapping[str, int] | None
    ) -> dict[str, Any]:
        """The load curve's entry of one trial of a search for the capacity."""
        self._sums.settle()
        return trial_entry(self._sums.bands, self.k, candidates, offered, trial)

    def _whole(self, span: RunSpan, offered: Offered) -> WholeRun:
        """What the run as a whole has, and no band of it; the sums are settled."""
        timeline, availability = self._sums.timeline, self._sums.availability
        width = 1 << timeline.doublings
        slots = [
            (float(number * width), slot.failed[()], slot.asked())
            for number, slot in sorted(timeline.slots.items())
        ]
        return WholeRun(
            run_s=span.seconds,
            availability=availability.result(
                span.begin_s, span.end_s, span.clock_error_s, span.pauses
            ),
            blocks=in_blocks(slots, width, span.begin_s, span.end_s),
            arrivals=offered.totals,
            trials=offered.trials,
            appointments=offered.appointment_totals,
        )
