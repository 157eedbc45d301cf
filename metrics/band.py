"""A band of load, of users, of an offered rate or of one trial, and all figures within it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from msgspec import UNSET

from mcstress.metrics.appointments import AppointmentRows
from mcstress.metrics.arrivals import UnservedRow
from mcstress.metrics.determinism import Determinism
from mcstress.metrics.diversity import Diversity
from mcstress.metrics.errors import Errors
from mcstress.metrics.event import Event
from mcstress.metrics.events import Events
from mcstress.metrics.freshness import Freshness
from mcstress.metrics.handover import HandoverFigures
from mcstress.metrics.latency import Latency
from mcstress.metrics.metric import (
    BESIDE_METRICS,
    RARE,
    Mean,
    Metric,
    ResultContext,
    Seen,
    Unit,
    WholeRun,
)
from mcstress.metrics.rank_correlation import RankCorrelation
from mcstress.metrics.registry import REGISTRY
from mcstress.metrics.response_time import Response
from mcstress.metrics.unparseable import Unparseable

RATES = 10**10
"""Bands from here on are of an offered rate: this, and its lowest in thousandths a second."""

TRIALS = 10**11
"""Bands from here on are of one trial of a search for the capacity: this, and its number."""

_STEPS = (100, 150, 220, 330, 470, 680)
RATE_EDGES: list[int] = [step * 10**power for power in range(8) for step in _STEPS]
"""The lowest rate of each band, in thousandths a second: 0.1, 0.15, 0.22, …, each half more."""

EDGES: list[int] = [mantissa * 10**power for power in range(8) for mantissa in (1, 2, 5)]
"""The lowest number of users of each band: 1, 2, 5, 10, 20, 50, …"""

BandEntry = Mapping[str, Any]
"""What the load curve has of a band, as the document has it: its range, and its figures by section.
"""
Add = Callable[[Event, Seen], None]
Count = Callable[[str, int], None]
MetricKind = TypeVar("MetricKind", bound=Metric)


def band_of(users: int) -> int:
    """The lowest number of users in the band of ``users``, which are at least the event's own."""
    return EDGES[bisect_right(EDGES, max(users, 1)) - 1]


def rate_band(per_s: float) -> int:
    """The band of an offered rate."""
    return RATES + RATE_EDGES[max(bisect_right(RATE_EDGES, round(per_s * 1000)) - 1, 0)]


def load_band(event: Event) -> int:
    """The band of an event: by trial or offered rate, or where nothing offered one by its users."""
    scheduled = event.scheduled
    if scheduled is UNSET or scheduled.hour is not None:
        return band_of(event.users)
    if scheduled.trial is not UNSET:
        return TRIALS + scheduled.trial
    return rate_band(scheduled.offered_per_s)


class Band:
    """Every registered metric, over the events of one band.

    ``listeners``: what hears the events of a phase; ``plain``: without those that are about a field
    that few events have; ``counters``: what only needs their number. Most of the named metrics are
    fed in other ways: by seconds, and Diversity by ``Rounds``; overview.py reads the others.
    """

    def __init__(self) -> None:
        self.metrics: dict[str, Metric] = {key: kind() for key, kind in REGISTRY.items()}
        self.determinism = self._of(Determinism)
        self.diversity = self._of(Diversity)
        self.errors = self._of(Errors)
        self.events = self._of(Events).counted
        self.latency = self._of(Latency)
        self.responses = self._of(Response)
        self.unparseable = self._of(Unparseable)
        self.freshness = self._of(Freshness)
        self.handover = self._of(HandoverFigures)
        self.rank_correlation = self._of(RankCorrelation)
        self.listeners: dict[str, list[Add]] = {}
        self.plain: dict[str, list[Add]] = {}
        self.counters: dict[str, list[Count]] = {}
        for metric in self.metrics.values():
            for phase in metric.hears:
                self.listeners.setdefault(phase, []).append(metric.add)
                plain = self.plain.setdefault(phase, [])
                if metric.about not in RARE:
                    plain.append(metric.add)
                if type(metric).heard is not Metric.heard:
                    self.counters.setdefault(phase, []).append(metric.heard)

    def _of(self, kind: type[MetricKind]) -> MetricKind:
        return cast("MetricKind", self.metrics[kind.key])

    def merge(self, other: Band) -> None:
        """Add all that ``other`` holds."""
        for key, metric in other.metrics.items():
            if key in self.metrics:
                self.metrics[key].merge(metric)

    def state(self) -> dict[str, Any]:
        """The states of the metrics that hold anything, by key."""
        states = ((key, metric.state()) for key, metric in self.metrics.items())
        return {key: state for key, state in states if state}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Add what ``state()`` gave; a metric that is not registered here is left out."""
        for key, part in state.items():
            if key in self.metrics:
                self.metrics[key].restore(part)

    def result(
        self,
        k: int,
        planned: Mapping[str, int],
        candidates: Mapping[str, int] | None,
        whole: WholeRun | None = None,
    ) -> dict[str, Any]:
        """The ``metrics`` section (DESIGN.md section 6)."""
        steps, failed = self.latency.steps, self.errors.failed
        context = ResultContext(k, planned, candidates, steps, failed, whole)
        sections: dict[str, Any] = {}
        for metric in self.metrics.values():
            if metric.section not in BESIDE_METRICS:
                found = metric.result(context)
                if metric.may_be_absent and not found:
                    continue
                section = sections
                for part in metric.section.split("."):
                    section = section.setdefault(part, {})
                section |= found
        return sections

    def latency_section(
        self, unserved: Sequence[UnservedRow] = (), appointments: AppointmentRows = ()
    ) -> dict[str, Any]:
        """What stands under ``latency``; ``unserved``: arrivals of its load that never began.

        ``appointments``: what became of those of a run by the clock.
        """
        return {**self.latency.result(), **self.responses.summaries(unserved, appointments)}

    def per_question(self) -> dict[str, dict[Unit, Mean]]:
        """By figure and unit: what its values add up to; of figures that are compared so."""
        return {
            name: dict(means)
            for metric in self.metrics.values()
            for name, means in metric.per_question().items()
        }


class Bands(dict[int, Band]):
    """Bands by their lowest number of users, or from ``RATES`` on by their offered rate."""

    def __missing__(self, users_from: int) -> Band:
        band = self[users_from] = Band()
        return band

    def merge(self, other: Bands) -> None:
        """Add ``other``'s bands to these."""
        for users_from, band in other.items():
            self[users_from].merge(band)

    def state(self) -> dict[str, Any]:
        """The states by lowest number of users."""
        return {str(users_from): self[users_from].state() for users_from in sorted(self)}

    def restore(self, state: dict[str, Any]) -> None:
        """Add what ``state()`` gave."""
        for users_from, band in state.items():
            self[int(users_from)].restore(band)

    def joined(self) -> Band:
        """All bands as one."""
        total = Band()
        for users_from in sorted(self):
            total.merge(self[users_from])
        return total
