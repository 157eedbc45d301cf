"""Whoever looks on takes no part: a display that is gone changes nothing."""

from __future__ import annotations

from types import SimpleNamespace

from mcstress.master.progress import Progress, busiest, words
from mcstress.master.seat_pool import SeatPool
from mcstress.master.worker_registry import WorkerRegistry
from mcstress.metrics.figures import Figures


class Gone:
    """A terminal, or the reader of a pipe, that went away."""

    shown = 0

    def show(self, glance):
        self.shown += 1
        self.glance = glance
        raise BrokenPipeError(32, "Broken pipe")

    def close(self):
        pass


def test_a_display_that_is_gone_is_asked_once():
    display = Gone()
    progress = Progress(display, run_time_s=None)
    run = SimpleNamespace(
        figures=Figures(8),
        started_s=0.0,
        seats=SeatPool(),
        registry=WorkerRegistry(),
        segment=SimpleNamespace(error=None),
        offering=SimpleNamespace(rate_per_s=40.00049),
        clock=None,
    )
    for _ in range(3):
        progress.tick(run)
    progress.close()
    assert display.shown == 1
    assert words(display.glance).split(" · ")[3:5] == ["0 users", "40/s offered"]


def test_the_phase_is_that_of_most_events_since_the_last_look():
    first_round = {"baseline": 12, "surge": 12, "reissue": 12}
    assert busiest(first_round, {}) == "reissue"
    assert busiest(first_round | {"baseline": 20, "surge": 13}, first_round) == "baseline"
    assert busiest(first_round, first_round) is None
