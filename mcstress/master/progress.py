"""What one sees while a headless run goes on: one line, or JSON lines for machines."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from rich.console import Console
from rich.live import Live
from rich.text import Text

from mcstress.master.completeness import evidence_faults
from mcstress.master.run_state import RunState
from mcstress.metrics.load_curve import pace
from mcstress.metrics.number_format import a_second, milliseconds, shown
from mcstress.metrics.overview import Overview
from mcstress.metrics.phase import PHASES
from mcstress.services.steady_clock import CLOCK

logger = logging.getLogger(__name__)


class Glance(msgspec.Struct):
    """The figures that matter while a run goes on. What has no samples yet is None.

    ``clock``: the scenario's time, where its clock is on. The last one of a run has its totals: its
    length, steps by that, the most users, the last round.
    """

    elapsed_s: float
    phase: str | None
    round: int
    events: int
    users: int
    requests_per_s: float | None
    p95_ms: float | None
    determinism: float | None
    handover: float | None
    failed: int
    left_s: float | None = None
    evidence_fault: str | None = None
    offered_per_s: float | None = None
    clock: str | None = None


class Display(Protocol):
    """Shows glances."""

    def show(self, glance: Glance) -> None:
        """Show the newest."""

    def close(self) -> None:
        """Leave the screen as it was."""


class JsonLines:
    """For machines: a JSON object a line on standard error."""

    def show(self, glance: Glance) -> None:
        """Write it."""
        sys.stderr.write(msgspec.json.encode(glance).decode() + "\n")
        sys.stderr.flush()

    def close(self) -> None:
        """Nothing to put back."""


class TerminalLine:
    """For people: one line that is written over."""

    def __init__(self) -> None:
        # Refreshed by us: a refresher thread and gevent's patched locks do not go together.
        self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)
        self._live.start()

    def show(self, glance: Glance) -> None:
        """Write over the last one."""
        self._live.update(Text(words(glance), no_wrap=True, overflow="ellipsis"), refresh=True)

    def close(self) -> None:
        """Leave the screen as it was."""
        self._live.stop()


def open_display(*, json_progress: bool, headless: bool) -> Display | None:
    """JSON where asked for, a line on a terminal, else nothing."""
    if json_progress:
        return JsonLines()
    return TerminalLine() if headless and sys.stderr.isatty() else None


class Progress:
    """Looks at a run once a second, where there is a display."""

    def __init__(self, display: Display | None, run_time_s: float | None) -> None:
        self._display = display
        self._run_time_s = run_time_s
        self._last = (time.monotonic(), 0)
        self._by_phase: Mapping[str, int] = {}
        self._phase: str | None = None

    def tick(self, run: RunState) -> None:
        """Show the newest figures."""
        if self._display is None:
            return
        self._show(self._glance(run, run.figures.glance()))

    def finish(self, run: RunState) -> None:
        """Show the run's own totals; what is done for its report takes no part in them."""
        if self._display is None:
            return
        overview = run.figures.glance()
        glance = self._glance(run, overview)
        elapsed_s = (CLOCK.now_s() if run.ended_s is None else run.ended_s) - run.started_s
        a_second = pace(overview.steps, elapsed_s)
        glance.elapsed_s = round(elapsed_s, 1)
        glance.requests_per_s = a_second and round(a_second, 1)
        glance.users = max((users for _, users in run.users_timeline), default=0)
        glance.round = run.last_round
        glance.left_s = None
        self._show(glance)

    def _show(self, glance: Glance) -> None:
        if self._display is None:
            return
        try:
            self._display.show(glance)
        except OSError as fault:
            self._display = None
            logger.warning("progress display stopped: %s", fault.strerror)

    def close(self) -> None:
        """The run is over."""
        if self._display is not None:
            self._display.close()

    def _phase_now(self, by_phase: Mapping[str, int]) -> str | None:
        """What most of the events since the last look were; of none, what it was then."""
        self._phase = busiest(by_phase, self._by_phase) or self._phase
        self._by_phase = by_phase
        return self._phase

    def _glance(self, run: RunState, overview: Overview) -> Glance:
        elapsed_s = CLOCK.now_s() - run.started_s
        left_s = max(0.0, self._run_time_s - elapsed_s) if self._run_time_s else None
        return Glance(
            elapsed_s=round(elapsed_s, 1),
            phase=self._phase_now(overview.by_phase),
            round=max((lease.round for lease in run.seats.leases()), default=0),
            events=overview.events,
            users=len(run.seats),
            requests_per_s=self._pace_per_s(overview.steps),
            p95_ms=overview.search_p95_ms,
            determinism=overview.determinism,
            handover=overview.handover,
            failed=overview.failed,
            left_s=left_s if left_s is None else round(left_s, 1),
            evidence_fault=next(iter(evidence_faults(run)), None),
            offered_per_s=_offered_per_s(run),
            clock=(run.clock.time_of_day or None) if run.clock else None,
        )

    def _pace_per_s(self, steps: int) -> float:
        now_s = time.monotonic()
        (before_s, steps_before), self._last = self._last, (now_s, steps)
        return round((steps - steps_before) / max(now_s - before_s, 0.001), 1)


def _offered_per_s(run: RunState) -> float | None:
    """What a schedule offers now, rounded; None without one."""
    rate = None if run.offering is None else run.offering.rate_per_s
    return None if rate is None else round(rate, 3)


def busiest(by_phase: Mapping[str, int], before: Mapping[str, int]) -> str | None:
    """The phase with the most events since ``before``; of several the one that is last in a round.

    None where there were none.
    """
    since = {name: by_phase.get(name, 0) - before.get(name, 0) for name in PHASES}
    name = max(reversed(since), key=since.__getitem__)
    return name if since[name] > 0 else None


def words(glance: Glance) -> str:
    """The line as people read it."""
    parts: list[Any] = [
        f"NOT WRITTEN: {glance.evidence_fault}" if glance.evidence_fault else None,
        glance.clock,
        glance.phase or "starting",
        f"round {glance.round}",
        f"{glance.events:,} events",
        f"{glance.users:,} users",
        None if glance.offered_per_s is None else f"{a_second(glance.offered_per_s)}/s offered",
        None if glance.requests_per_s is None else f"{glance.requests_per_s:,.0f} req/s",
        None if glance.p95_ms is None else f"p95 {milliseconds(glance.p95_ms)} ms",
        None if glance.determinism is None else f"determinism {shown(glance.determinism)}",
        None if glance.handover is None else f"handover {shown(glance.handover)}",
        f"{glance.failed:,} failed" if glance.failed else None,
        None if glance.left_s is None else f"{glance.left_s:.0f} s left",
    ]
    return " · ".join(part for part in parts if part)
