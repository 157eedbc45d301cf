"""The master begins a trial, waits until nothing is left of it, judges it, and tries the next."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hand_clock import Clock
from msgspec import UNSET

from mcstress.cluster.messages import Delta
from mcstress.load.schedule import ArrivalCounts, ArrivalRate, TrialPlan
from mcstress.master import capacity_trials, offered_load
from mcstress.master.capacity_trials import COUNTED_WITHIN_S, RECOVERS_WITHIN_S, CapacityTrials
from mcstress.metrics.arrivals import Offered, Trial
from mcstress.metrics.check import parse_check
from mcstress.metrics.event import Event, Scheduled, StepRecord, utc
from mcstress.process.loop_lag import LoopSecond
from mcstress.users.run import Seat

SHARES = (("a", 3),)


class Seats(list):
    """The leases of seats that are all held."""

    def leases(self):
        return self


class Search:
    """A run's search, of a service that is told for each trial how long its answers take."""

    def __init__(self, run, monkeypatch, rate=30.0):
        self.clock = Clock()
        for module in (capacity_trials, offered_load):
            monkeypatch.setattr(module, "CLOCK", self.clock)
        plan = TrialPlan(ArrivalRate(rate, rate))
        run.settings = SimpleNamespace(checks=[parse_check("latency.response.all.p95_ms < 100")])
        run.seats = Seats(SimpleNamespace(seat=Seat(name, 1)) for name in ("alice", "bob", "carol"))
        run.offering = offered_load.Offering(ArrivalRate(rate, rate), "constant", 1, plan)
        run.capacity = self.trials = CapacityTrials(rate, plan)
        self.run, self.part = run, run.registry.enter("a", "client", "boot")
        self.granted, self.begun, self.events, self.deltas = [], 0, 0, 0
        run.offering.begin()

    def tick(self, seconds=0.25):
        self.clock.now += seconds
        self.trials.look(self.run, self.run.offering)
        self.run.offering.grant(SHARES, lambda _, granted, __: self.granted.extend(granted))

    def begun_in(self, trial):
        """How many arrivals were granted for it."""
        return sum(int(granted.second.rate_per_s) for granted in self.granted
                   if granted.second.trial == trial.number)  # fmt: skip

    def tell(self, lasts_ms, *, begun=None, counted=None, loop=()):
        """The worker says what it did of all that it was granted, or of ``begun`` of it."""
        dealt = self.run.offering.dealt_to("a")
        begun = dealt if begun is None else begun
        trial = (
            self.trials.trials
            or [Trial(number=0, rate_per_s=30.0, begins=int(self.clock.now), seconds=1)]
        )[-1]
        for _ in range((begun if counted is None else counted) - self.events):
            self.events += 1
            at = utc(trial.begins)
            step = StepRecord("matrix.search", at, lasts_ms)
            its = Scheduled(intended=at, offered_per_s=trial.rate_per_s, response_ms=lasts_ms,
                            trial=trial.number or UNSET)  # fmt: skip
            self.run.figures.add(Event(
                seq=self.events, worker="a", time=at, round=1, trio=1, phase="baseline",
                coordinator="alice", k=8, users=3, steps=[step], lasted_ms=lasts_ms,
                latency_ms=lasts_ms, scheduled=its,
            ))  # fmt: skip
        self.deltas += 1
        self.part.takes(Delta("u", "a", "boot", self.deltas, self.events, [], {}, {},
                              arrivals=ArrivalCounts(dealt, begun), loop=list(loop)))  # fmt: skip
        self.trials.note(loop)

    def over(self):
        """Until the trial that is on has been offered to its end."""
        trial = self.trials.trials[-1]
        while self.clock.now < trial.begins + trial.seconds:
            self.tick()


@pytest.fixture
def search(make_run, monkeypatch):
    """Of a phase that needs no other: each part of a round is like the whole."""
    return Search(make_run("--tags", "merge"), monkeypatch)


def test_the_first_part_of_a_round_is_in_no_trial(made_run, monkeypatch):
    """It lacks the phases that need a baseline: no later trial would have its mix."""
    search = Search(made_run, monkeypatch)
    search.tick()
    assert search.trials.trials == []
    events = sum(capacity_trials.events_of_a_trio(made_run.run).values())
    while made_run.offering.rate_per_s != 0:
        search.tick()
    assert {granted.second.trial for granted in search.granted} == {0}
    assert len(search.granted) * 30 == pytest.approx(
        events * round(len(search.granted) * 30 / events), abs=30
    )
    search.tick(COUNTED_WITHIN_S)
    assert search.trials.trials == [], "its arrivals wait"
    search.tell(10)
    search.tick()
    (first,) = search.trials.trials
    assert (first.number, first.rate_per_s) == (1, 30)
    assert first.begins > made_run.offering.begin_s + len(search.granted)
    search.over()
    search.tell(10)
    search.tick()
    begun = search.begun_in(first)
    entry = made_run.figures.trial(first, Offered([], []), None)
    assert sum(entry["events"]["by_phase"].values()) == begun < search.events
    assert search.trials.trials[0].held is True


def test_a_trial_is_whole_rounds_in_ten_seconds_or_more_and_its_seconds_are_its_own(search):
    search.tick()
    (trial,) = search.trials.trials
    events = sum(capacity_trials.events_of_a_trio(search.run.run).values())
    assert trial.seconds >= 10
    rounds = trial.seconds * 30 / events
    assert round(rounds) >= 1
    assert abs(rounds - round(rounds)) * events <= 30, "whole rounds, to a second"
    search.over()
    search.tick()
    assert [granted.second.number for granted in search.granted] == [
        trial.begins - int(search.run.offering.begin_s) + n for n in range(trial.seconds)
    ]
    assert {granted.second.trial for granted in search.granted} == {1}
    assert search.run.offering.rate_per_s == 0
    assert search.run.offering.passed == 0


def test_it_goes_on_where_nothing_waits_and_all_is_counted(search):
    search.tick()
    search.over()
    search.tell(10, begun=10)
    search.tick()
    assert search.trials.trials[-1].held is None, "arrivals wait"
    search.tell(10, counted=search.run.offering.dealt_to("a") - 5)
    search.tick()
    assert search.trials.trials[-1].held is None, "five events are under way"
    search.tell(10)
    search.tick()
    assert search.trials.trials[-1].held is True
    search.tick()
    first, second = search.trials.trials
    assert second.rate_per_s == pytest.approx(45)
    assert second.begins > first.begins + first.seconds
    search.over()
    search.tell(10, counted=0)
    search.tick(COUNTED_WITHIN_S - 1)
    assert second.held is None
    search.tick(2)
    search.tick(COUNTED_WITHIN_S + 1)
    assert search.trials.trials[1].held is not None, "it is not waited for for ever"
    assert search.run.offering.passed == 0


def test_a_service_that_does_not_recover_breaks_the_trial(search):
    for _ in range(2):
        search.tick()
        search.over()
        search.tell(10, begun=search.begun + 7, counted=0)
        search.tick(RECOVERS_WITHIN_S - 1)
        assert search.trials.trials[-1].held is None
        search.tick(3)
    assert [one.held for one in search.trials.trials] == [False, False]
    assert "did not recover" in search.trials.trials[-1].why
    assert search.trials.search.broken.rate_per_s == 30


def test_a_search_is_recorded_and_comes_to_its_end(search):
    while not search.trials.is_over:
        search.tick()
        search.over()
        slow = search.trials.trials[-1].rate_per_s > 50
        search.tell(500 if slow else 10)
        search.tick()
    rates = [round(one.rate_per_s, 2) for one in search.trials.trials]
    assert rates == [30, 45, 67.5, 67.5, 56.25, 56.25, 50.62, 50.62, 47.81]
    assert search.trials.search.held.rate_per_s == pytest.approx(47.8125)
    search.run.segment.flush()
    lines = search.run.paths.events.read_text().splitlines()
    assert sum('"record":"trial"' in line for line in lines) == len(rates)


def test_a_process_that_does_not_keep_up_is_to_blame_itself(search):
    for _ in range(2):
        search.tick()
        search.over()
        begins = search.trials.trials[-1].begins
        search.tell(500, loop=[LoopSecond(begins + n, 9.0, 0.5) for n in range(5)])
        search.tick()
    assert [one.by for one in search.trials.trials] == ["generator", "generator"]
    assert search.trials.search.ended_by == "generator"
