"""Whoever looks on takes no part: a display that is gone changes nothing."""

from __future__ import annotations

import json
from types import SimpleNamespace

from mcstress.master.progress import Glance, JsonLines, Progress, busiest, open_display, words
from mcstress.master.seat_pool import SeatPool
from mcstress.master.worker_registry import WorkerRegistry
from mcstress.metrics.figures import Figures
from mcstress.metrics.overview import Overview


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


def glance(**known):
    """One of a run of which little is known yet."""
    unknown = dict.fromkeys(("phase", "requests_per_s", "p95_ms", "determinism", "handover"))
    counts = {"elapsed_s": 1.0, "round": 0, "events": 0, "users": 0, "failed": 0}
    return Glance(**(unknown | counts | known))


def test_what_is_not_known_is_left_out_of_the_line():
    assert words(glance()) == "starting \u00b7 round 0 \u00b7 0 events \u00b7 0 users"


def test_the_line_says_first_what_is_wrong_and_last_how_long_it_goes_on():
    whole = glance(
        phase="reissue", round=3, events=1234, users=5678, requests_per_s=910.4, p95_ms=12.3,
        determinism=0.98765, handover=0.5, failed=7, left_s=59.6, evidence_fault="disk full",
        offered_per_s=12.5, clock="day 2, 09:12",
    )  # fmt: skip
    assert words(whole).split(" \u00b7 ") == [
        "NOT WRITTEN: disk full", "day 2, 09:12", "reissue", "round 3", "1,234 events",
        "5,678 users", "12.5/s offered", "910 req/s", "p95 12.3 ms", "determinism 0.988",
        "handover 0.500", "7 failed", "60 s left",
    ]  # fmt: skip


def test_for_machines_each_glance_is_a_line_of_json(capfd):
    display = JsonLines()
    display.show(glance(events=3))
    display.show(glance(events=9, clock="day 1, 08:00"))
    display.close()
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [(line["events"], line["clock"]) for line in lines] == [(3, None), (9, "day 1, 08:00")]


def test_without_a_terminal_nothing_is_shown_unless_json_is_asked_for():
    assert open_display(json_progress=False, headless=True) is None
    assert open_display(json_progress=False, headless=False) is None
    assert isinstance(open_display(json_progress=True, headless=False), JsonLines)


def test_the_last_glance_has_the_runs_own_totals(made_run):
    """The time of its report does not count, and users who have left do."""
    shown = []
    display = SimpleNamespace(show=shown.append, close=lambda: None)
    made_run.started_s, made_run.ended_s = 1000.0, 1020.0
    made_run.users_timeline += [(1000, 3), (1010, 9), (1019, 0)]
    made_run.last_round = 4
    made_run.figures = SimpleNamespace(glance=lambda: Overview(50, {}, 100, 0, None, None, None))
    progress = Progress(display, run_time_s=30.0)
    progress.tick(made_run)
    progress.finish(made_run)
    first, last = shown
    assert first.left_s is not None
    assert (last.elapsed_s, last.requests_per_s, last.users) == (20.0, 5.0, 9)
    assert (last.round, last.events, last.left_s) == (4, 50, None)


def test_without_a_display_no_figure_is_counted(made_run):
    made_run.figures = None
    progress = Progress(None, None)
    progress.tick(made_run)
    progress.finish(made_run)
    progress.close()
