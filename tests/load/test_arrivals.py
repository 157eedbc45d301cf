"""Idle users take arrivals; what nobody takes in time is missed; nothing is counted twice."""

from __future__ import annotations

from time import perf_counter
from types import SimpleNamespace

import gevent
import pytest
from gevent.event import Event as Signal
from locust.user.task import LOCUST_STATE_RUNNING
from test_pacer import Context

from mcstress.load import round_places
from mcstress.load.arrivals import Arrivals, ArrivalsPacer
from mcstress.load.round_places import events_of_a_trio, phases_from
from mcstress.load.schedule import ArrivalRate, GrantedSecond, RatePlan
from mcstress.locust_compat import StoppableUser
from mcstress.services.steady_clock import CLOCK
from mcstress.users import phases
from mcstress.users.phases.registry import Silent
from mcstress.users.run import Seat

DEADLINE_S = 10


class User(StoppableUser):
    """One that Locust could stop, without Locust."""

    abstract = True

    def __init__(self):
        self._state = LOCUST_STATE_RUNNING
        self.coordinator = SimpleNamespace(slot=None, seat=Seat("alice", 1))


def seconds(rate, numbers, shares=(("local", 1),)):
    plan = RatePlan(ArrivalRate(rate, rate))
    return [GrantedSecond(plan.second(number), shares) for number in numbers]


def pacer(max_wait_s=10.0, kind="constant"):
    return ArrivalsPacer(Arrivals(kind, 42, max_wait_s), "local")


def until(condition):
    with gevent.Timeout(DEADLINE_S):
        while not condition():
            gevent.sleep(0.005)


def balanced(counts):
    return counts.granted == counts.begun + counts.missed + counts.cut + counts.withdrawn


def worker(the_pacer, taken, busy=None):
    user = User()

    def live():
        while (slot := the_pacer.take(user)) is not None:
            taken.append((perf_counter(), slot.scheduled))
            if busy is not None:
                busy.wait()

    return gevent.spawn(live)


def test_an_idle_user_takes_each_arrival_when_it_is_due():
    its, taken = pacer(), []
    began_s = perf_counter()
    greenlet = worker(its, taken)
    its.grant(seconds(20, [0]), in_s=0.1, trios=1)
    until(lambda: len(taken) == 20)
    for nth, (at_s, scheduled) in enumerate(taken):
        due_s = began_s + 0.1 + (nth + 0.5) / 20
        assert at_s >= due_s
        assert scheduled.queue_ms == 0
        assert scheduled.generator_ms == pytest.approx((at_s - due_s) * 1000, abs=20)
        assert scheduled.intended.timestamp() == pytest.approx(CLOCK.anchor_s + due_s, abs=0.02)
        assert scheduled.offered_per_s == pytest.approx(20)
    its.end()
    greenlet.kill()
    assert its.counts.begun == 20
    assert balanced(its.counts)


def test_what_waits_for_a_busy_user_waits_in_the_queue_and_is_taken_in_its_order():
    its, taken, free = pacer(), [], Signal()
    greenlet = worker(its, taken, free)
    its.grant(seconds(40, [0]), in_s=0.0, trios=1)
    until(lambda: its._due and not its._coming)
    free.set()
    until(lambda: len(taken) == 40)
    intended = [scheduled.intended for _, scheduled in taken]
    assert intended == sorted(intended)
    assert all(scheduled.queue_ms > 0 for _, scheduled in taken[1:])
    assert all(scheduled.generator_ms == 0 for _, scheduled in taken[1:])
    greenlet.kill()


def test_an_arrival_that_waited_too_long_is_missed_and_the_end_cuts_what_waits():
    its, taken = pacer(max_wait_s=0.3), []
    greenlet = worker(its, taken, Signal())  # its first event never ends
    its.grant(seconds(50, [0, 1, 2]), in_s=0.0, trios=1)
    until(lambda: its.counts.missed >= 20)
    its.end()
    counts = its.counts
    assert counts.begun == 1
    assert counts.cut > 0
    assert counts.withdrawn > 0
    assert counts.granted == 150
    assert balanced(counts)
    rows = its.take_unserved().rows()
    assert sum(row[4] for row in rows) == counts.missed + counts.cut
    assert all(row[3] == 300 for row in rows if row[2] == "missed")
    assert all(0 <= row[3] <= 300 for row in rows if row[2] == "cut")
    assert its.take_unserved().rows() == []
    its.grant(seconds(50, [3]), in_s=0.0, trios=1)  # a late grant: nothing begins, all is counted
    assert counts.withdrawn > 50
    assert balanced(counts)
    greenlet.kill()


def test_with_the_last_round_done_what_came_since_is_withdrawn_and_no_more_begins():
    its, taken, free = pacer(), [], Signal()
    its.all_done()  # of the reference: the schedule has not begun
    assert its.counts.withdrawn == 0
    greenlet = worker(its, taken, free)
    its.grant(seconds(40, [0]), in_s=0.0, trios=1)
    until(lambda: len(its._due) >= 5)
    waiting = len(its._due)
    its.all_done()
    assert (its.counts.begun, its.counts.withdrawn) == (1, waiting)
    until(lambda: its.counts.withdrawn == 39)
    assert balanced(its.counts)
    assert its.take_unserved().rows() == [], "nobody was to take them"
    greenlet.kill()


def test_who_is_stopped_takes_no_arrival_with_it():
    """Whether it is killed asleep, or in the moment in which it was woken."""
    its, taken = pacer(), []
    sleepers = [worker(its, taken) for _ in range(3)]
    gevent.sleep(0)
    sleepers[0].kill()
    its.grant(seconds(10, [0]), in_s=0.0, trios=1)
    until(lambda: its._due or taken)
    its._wake_for_due()
    sleepers[1].kill()
    until(lambda: len(taken) == 10)
    assert its.counts.begun == 10
    sleepers[2].kill()


def test_seconds_are_its_own_by_the_shares_and_no_grant_is_no_arrival():
    shares = (("local", 5), ("other", 4))
    its, taken = pacer(), []
    greenlet = worker(its, taken)
    its.grant(seconds(90, [0], shares), in_s=0.0, trios=3)
    until(lambda: len(taken) == 50)
    gevent.sleep(1.2)  # beyond what was granted
    assert its.counts.granted == its.counts.begun == 50
    greenlet.kill()


@pytest.fixture
def done(monkeypatch):
    """What was done, in its order: (persona, round, phase); each phase has a silent task."""
    seen = []

    def phase_of(name):
        def tasks(me):
            yield lambda: seen.append((me.seat.persona, me.round, name))
            yield Silent(lambda: seen.append((me.seat.persona, me.round, f"{name} silent")))

        return tasks

    for name in ("first", "second"):
        monkeypatch.setitem(phases.PHASE_FUNCTIONS, name, phase_of(name))
        monkeypatch.setattr(round_places, "PHASES", {name: SimpleNamespace(needs=()) for name in
                                                     ("first", "second")})  # fmt: skip
    return seen


def test_personas_go_by_the_schedule_and_a_silent_task_takes_no_arrival(done, trio):
    its = pacer(kind="poisson")
    context = Context(its, rounds=2)
    its.grant(seconds(40, range(3)), in_s=0.0, trios=1)
    trio(context)
    assert its.counts.begun == 3 * 2 * 2, "three users, two rounds, two phases that ask"
    walk = [(round_, f"{phase}{silent}") for round_ in (1, 2) for phase in ("first", "second")
            for silent in ("", " silent")]  # fmt: skip
    for persona in ("alice", "bob", "carol"):
        assert [tuple(what) for who, *what in done if who == persona] == walk


def test_users_wait_for_the_schedule_to_begin(done, trio):
    its = pacer()
    context = Context(its, rounds=1)
    greenlet = gevent.spawn_later(0.3, its.grant, seconds(100, [0]), 0.0, 1)
    began_s = perf_counter()
    trio(context)
    assert perf_counter() - began_s > 0.3
    assert len(done) == 3 * 4
    greenlet.kill()


class Moved(Context):
    """Its first seats are given to others once ``revoke`` is called, as of a frozen worker."""

    def __init__(self, pacer):
        super().__init__(pacer, rounds=1)
        self.leased = []

    def lease(self, persona):
        again = sum(seat.persona == persona for seat in self.leased)
        seat = Seat(persona, 1, generation=again + 1)
        self.leased.append(seat)
        self.held.add(seat)
        return seat

    def revoke(self):
        self.held.clear()
        self.pacer.revoked()


@pytest.mark.parametrize("before", [True, False], ids=["before_second_0", "idle"])
def test_who_waits_in_a_seat_that_was_given_to_others_asks_for_another(done, trio, before):
    """A process without seats is granted no arrival: its users would wait for ever."""
    its = pacer()
    context = Moved(its)

    def lose_and_go_on():
        until(lambda: len(context.leased) == 3)
        if not before:
            its.grant(seconds(100, [0], (("local", 0), ("other", 3))), 0.0, 1)
            until(lambda: len(its._idle) == 3)
        context.revoke()
        until(lambda: len(context.leased) == 6)
        its.grant(seconds(100, [1], (("local", 3),)), 0.0, 1)

    greenlet = gevent.spawn(lose_and_go_on)
    trio(context)
    greenlet.get()
    assert {seat.generation for seat in context.leased[3:]} == {2}
    assert sorted(context.free[:3]) == ["alice", "bob", "carol"]
    assert its.counts.begun == 3 * 2
    assert len(done) == 3 * 4


def test_second_0_is_what_the_least_delayed_grant_says():
    its, taken = pacer(), []
    began_s = perf_counter()
    greenlet = worker(its, taken)
    its.grant(seconds(20, [0]), in_s=0.5, trios=1)  # it was under way for 0.3 s
    its.grant(seconds(20, [1]), in_s=1.2, trios=1)
    its.grant(seconds(20, [2]), in_s=2.4, trios=1)
    until(lambda: len(taken) >= 3)
    due = [CLOCK.anchor_s + began_s + 0.2 + (nth + 0.5) / 20 for nth in range(3)]
    intended = [scheduled.intended.timestamp() for _, scheduled in taken[:3]]
    assert intended == pytest.approx(due, abs=0.02)
    its.grant(seconds(20, [3]), in_s=-5.0, trios=1)  # what has begun stays where it is
    assert its._coming.first_s > perf_counter()
    greenlet.kill()


def test_trios_begin_at_evenly_spread_places():
    run = Context(None).run
    run = type(run)(**{name: getattr(run, name) for name in run.__struct_fields__}
                    | {"phases": [*phases.PHASE_FUNCTIONS]})  # fmt: skip
    events = events_of_a_trio(run)
    total = sum(events.values())
    firsts = [phases_from(run, trio, 12) for trio in range(1, 13)]
    assert firsts[0] == run.phases
    assert "reissue" not in firsts[3]
    assert not any("handover" in part for part in firsts if len(part) < len(run.phases))
    begins = {phase: sum(list(events.values())[:place]) for place, phase in enumerate(events)}
    for before, part in enumerate(firsts):
        place = before / 12 * total
        if 0 < place < begins["merge"]:  # where every phase may come first
            assert abs(begins[part[0]] - place) == min(abs(at - place) for at in begins.values())
    assert len({part[0] for part in firsts}) >= 6
    assert phases_from(run, 13, 12) == run.phases, "one that came later"
