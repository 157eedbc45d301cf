"""The master grants a schedule's seconds and a clock's hours to workers that are there."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hand_clock import Clock
from test_run_session import Post

from mcstress.cluster.messages import ClockGrant, Drained, Grant
from mcstress.master import offered_load, scenario_clock
from mcstress.master.controller import RunController
from mcstress.master.run_state import ENDED_BY_CLOCK
from mcstress.master.stages import RunStage
from mcstress.users.appointments import HOUR_MS


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    for module in (offered_load, scenario_clock):
        monkeypatch.setattr(module, "CLOCK", clock)
    return clock


class Conducted(RunController):
    """A controller without a network: ``told`` is what it told each worker; ``stops`` are counted.

    Its run has workers ``a``, ``b`` and ``c``.
    """

    def __init__(self, run):
        runner = SimpleNamespace(state="running", quit=self._count, stop=self._count)
        super().__init__(_environment(), runner, Post())
        self.told, self.stops = [], 0
        self.open(run)
        for name in "abc":
            run.registry.enter(name, f"client-{name}", "boot")

    def _count(self):
        self.stops += 1

    def notify(self, run, worker, message, *, soon=False):
        del run, soon
        self.told.append((worker, message))

    def take_told(self):
        told, self.told = self.told, []
        return told


def _environment():
    listeners = SimpleNamespace(add_listener=lambda _: None)
    return SimpleNamespace(
        events=SimpleNamespace(spawning_complete=listeners),
        parsed_options=SimpleNamespace(headless=True),
    )


def test_a_schedule_begins_when_all_sit_and_goes_to_those_who_have_users(clock, make_run):
    run = make_run("--arrival-rate", "20", "--arrivals", "constant", "-t", "60s")
    its = Conducted(run)
    for persona, worker in (("alice", "a"), ("bob", "b"), ("alice", "b")):
        run.seats.lease(persona, worker)
    its._offer(run)
    assert (run.offering.begin_s, its.told) == (None, []), "users are still on their way"
    run.go(RunStage.RUNNING)
    its._offer(run)
    assert run.offering.begin_s == 1002
    told = its.take_told()
    assert [worker for worker, _ in told] == ["a", "b"], "nobody of c has a seat"
    for _, grant in told:
        assert isinstance(grant, Grant)
        assert (grant.run_uid, grant.trios) == (run.run.uid, 2)
        assert grant.in_s == pytest.approx(1.7)
        assert [one.second.number for one in grant.seconds] == [0, 1]
        assert [dict(one.shares) for one in grant.seconds] == [{"a": 1, "b": 2}] * 2
    its._offer(run)
    assert its.told == [], "each second is granted once"
    clock.now += 1
    its._offer(run)
    assert {tuple(s.second.number for s in grant.seconds) for _, grant in its.told} == {(2,)}


@pytest.mark.usefixtures("clock")
def test_a_schedule_waits_for_the_reference_to_be_over(make_run):
    run = make_run("--arrival-rate", "20", "-t", "60s", "--reference", "15")
    its = Conducted(run)
    run.seats.lease("alice", "a")
    run.go(RunStage.RUNNING)
    its._offer(run)
    assert (run.offering.begin_s, its.told) == (None, [])


def test_the_end_of_a_run_ends_its_schedule(clock, make_run):
    run = make_run("--arrival-rate", "20", "-t", "60s")
    its = Conducted(run)
    run.seats.lease("alice", "a")
    run.go(RunStage.RUNNING)
    its._offer(run)
    its.take_told()
    run.go(RunStage.STOPPING)
    its._offer_forever(run, run.offering)
    clock.now += 30
    its._offer(run)
    assert its.told == []


def test_a_clock_is_granted_to_all_that_are_there_and_ends_the_run(clock, make_run):
    run = make_run("--clock", "48", "--time-scale", "3600")
    its = Conducted(run)
    run.seats.lease("alice", "a")
    _, b, c = run.registry.parts.values()
    b.lose()
    c.hand_over(Drained(run.run.uid, "c", "boot", 0, 0))
    its._grant_clock(run)
    assert (run.clock.hour_0_s, its.told) == (None, [])
    run.go(RunStage.RUNNING)
    its._grant_clock(run)
    ((worker, grant),) = its.take_told()
    assert (worker, type(grant), grant.run_uid) == ("a", ClockGrant, run.run.uid)
    assert grant.hour_0_in_s == pytest.approx(1.7)
    assert grant.up_to_ms == pytest.approx(1.3 * HOUR_MS, abs=1), "an hour a second, 3 s ahead"
    clock.now = 1002 + 48 + 10.0
    its._grant_clock(run)
    assert (run.stage, run.stopped_by) == (RunStage.RUNNING, "")
    clock.now += 0.5
    its._grant_clock(run)
    assert (run.stage, run.stopped_by) == (RunStage.STOPPING, ENDED_BY_CLOCK)
    its.take_told()
    its._grant_clock(run)
    assert its.told == [], "it has ended"
