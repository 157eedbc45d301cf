"""The master grants seconds ahead, and knows what became of every arrival of them."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import ceil
from random import Random
from unittest.mock import patch

import pytest
from hand_clock import Clock
from hypothesis import given
from hypothesis import strategies as st

from mcstress.cluster.messages import Delta, Drained
from mcstress.evidence.store.history import History
from mcstress.load.schedule import ArrivalCounts, ArrivalRate, RatePlan, places
from mcstress.master import offered_load as module
from mcstress.master.completeness import completeness
from mcstress.master.offered_load import (
    AHEAD_S,
    Offering,
    offered_seconds,
    shares_of,
    totals_of,
)
from mcstress.master.stages import WorkerStage
from mcstress.master.worker_registry import WorkerState
from mcstress.metrics.arrivals import OfferedSecond
from mcstress.metrics.availability import PAUSES_KEPT, Pause
from mcstress.metrics.verdict import evaluate, parse_check
from mcstress.process.loop_lag import LoopSecond

SHARES = (("a", 5), ("b", 4))


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    clock.now = 1000.0
    monkeypatch.setattr(module, "CLOCK", clock)
    return clock


class Told:
    """What workers were told: the numbers of their seconds, and when the first begins."""

    def __init__(self):
        self.seconds = {"a": [], "b": []}

    def __call__(self, worker, seconds, in_s):
        self.seconds[worker] += [granted.second.number for granted in seconds]
        self.in_s = in_s


def test_seconds_are_granted_at_most_so_far_ahead_and_each_once(clock):
    offering, told = Offering(ArrivalRate(20, 20), "poisson", 42), Told()
    offering.grant(SHARES, told)
    assert told.seconds["a"] == [], "before the schedule begins"
    clock.now = 1000.3
    offering.begin()
    assert offering.begin_s == 1002
    for tenth in range(200):
        clock.now = 1000.3 + tenth / 10
        offering.grant(SHARES, told)
        latest = max(told.seconds["a"], default=-1)
        assert latest <= clock.now - 1002 + AHEAD_S <= clock.now - 1002 + 5
    assert told.seconds["a"] == told.seconds["b"] == list(range(latest + 1))
    assert offering.passed == 0


def test_all_workers_together_are_granted_what_the_schedule_says(clock):
    offering = Offering(ArrivalRate(10, 100, 10), "poisson", 7)
    offering.begin()
    clock.now += 12
    offering.grant(SHARES, Told())
    first = offering.seconds[0].time - 1002
    expected = {
        n: len(places(RatePlan(ArrivalRate(10, 100, 10)).second(n), "poisson", 7))
        for n in range(first, first + len(offering.seconds))
    }
    assert [second.arrivals for second in offering.seconds] == [*expected.values()]
    assert sum(map(offering.dealt_to, ("a", "b"))) == sum(expected.values())


def test_a_master_that_was_too_busy_offers_no_seconds_that_are_over(clock):
    offering, told = Offering(ArrivalRate(20, 20), "constant", 42), Told()
    offering.begin()
    clock.now = 1002.0
    offering.grant(SHARES, told)
    clock.now = 1020.5
    offering.grant(SHARES, told)
    assert offering.passed == 14
    assert told.seconds["a"] == [0, 1, 2, 3, 18, 19, 20, 21]
    assert told.in_s == pytest.approx(1020 - 1020.5)


def test_a_rate_that_is_changed_changes_later_seconds_only(clock):
    offering = Offering(ArrivalRate(20, 20), "constant", 42)
    offering.begin()
    clock.now = 1002.0
    offering.grant(SHARES, Told())
    offering.change_to(ArrivalRate(20, 20))
    assert offering.plan.second(4).before == 80, "the same changes nothing"
    offering.change_to(ArrivalRate(50, 50))
    assert offering.rate_per_s == 20
    clock.now = 1006.5
    offering.grant(SHARES, Told())
    assert [second.arrivals for second in offering.seconds[:8]] == [20] * 4 + [50] * 4
    assert offering.rate_per_s == 50


def test_seconds_without_users_are_missed_by_nobody_in_particular(clock):
    offering = Offering(ArrivalRate(20, 20), "constant", 42)
    offering.begin()
    clock.now = 1002.0
    offering.grant((), Told())
    offering.grant((("a", 0),), Told())
    clock.now = 1010.0
    offering.end()
    totals = totals_of(offering, [], 0, over=True)
    assert totals.missed == totals.offered == 80


def test_of_seconds_without_users_what_comes_after_the_end_was_not_offered(clock):
    offering = Offering(ArrivalRate(20, 20), "constant", 42)
    offering.begin()
    clock.now = 1002.0
    offering.grant((), Told())
    clock.now = 1003.5
    offering.end()
    totals = totals_of(offering, [], 0, over=True)
    assert totals.missed == totals.offered == 30
    assert sum(second.arrivals for second in offered_seconds(offering, [], over=True)) == 30


RATES = st.one_of(st.sampled_from([0.5, 1.5, 1 / 3, 0.1, 10, 33.3]), st.floats(0.01, 120))
EDGE = Fraction(1, 10**6)
"""Of an arrival: that near to the end, floats may say either."""


@given(
    rates=st.lists(st.tuples(RATES, st.integers(1, 6)), min_size=1, max_size=3),
    last_s=st.floats(0, 1),
    shares=st.lists(st.integers(0, 4), min_size=1, max_size=3),
    untold=st.lists(st.integers(0, 9), min_size=3, max_size=3),
    late=st.integers(0, 2),
)
def test_all_that_was_offered_is_in_its_seconds_whatever_became_of_it(
    rates, last_s, shares, untold, late
):
    """A rate r over t seconds is every n with (n + 1/2)/r before t, whatever the end cuts off."""
    clock = Clock()
    with patch.object(module, "CLOCK", clock):
        offering = Offering(ArrivalRate(rates[0][0], rates[0][0]), "constant", 42)
        offering.begin()
        pool = tuple((f"worker-{place}", users) for place, users in enumerate(shares))
        expected, clock.now = Fraction(0), offering.begin_s
        for rate, seconds in rates:
            offering.change_to(ArrivalRate(rate, rate))
            for _ in range(seconds):
                offering.grant(pool, lambda *_: None)
                clock.now += 1
        offering.grant(pool, lambda *_: None)
        clock.now += last_s
        offering.end()
        for second in offering.seconds:
            lasted = min(max(Fraction(clock.now) - second.time, 0), 1)
            expected += Fraction(second.rate_per_s) * lasted
        parts = [WorkerState(name, name, "boot") for name, users in pool if users]
        for part, of_it in zip(parts, untold, strict=False):
            due = offering.due_of(part.name)
            # Of what came while word of the end was under way some began, or none had a turn.
            known = min(max(due - of_it + late, 0), offering.dealt_to(part.name))
            part.arrivals = ArrivalCounts(offering.dealt_to(part.name), known // 2, known // 5)
            part.arrivals.cut = known - known // 2 - known // 5
            part.arrivals.withdrawn = part.arrivals.granted - known
            part.stage, part.drained = WorkerStage.HANDED_OVER, Drained("u", part.name, "boot")
        due = sum(second.arrivals for second in offering.seconds_so_far())
        totals = totals_of(offering, parts, 0, over=True)
        found = offered_seconds(offering, parts, over=True)
    least, most = (ceil(expected - Fraction(1, 2) + edge) for edge in (-EDGE, EDGE))
    assert least <= due <= most
    fates = totals.begun, totals.missed, totals.cut, totals.unknown
    assert sum(second.arrivals for second in found) == totals.offered == sum(fates)
    assert totals.unknown == 0
    assert all(0 < second.lasted_s <= 1 for second in found)
    assert [second.time for second in found] == [
        second.time for second in offering.seconds if second.time < clock.now
    ]


def test_what_comes_after_the_end_was_not_offered(clock):
    offering = Offering(ArrivalRate(20, 20), "constant", 42)
    offering.begin()
    clock.now = 1002.0
    offering.grant(SHARES, Told())
    clock.now = 1003.5
    offering.end()
    clock.now = 1010.0
    due = sum(offering.due_of(name) for name in "ab")
    assert due == 30
    last = OfferedSecond(1003, 20.0, 10, 0.5)
    assert offering.seconds_so_far() == [OfferedSecond(1002, 20.0, 20), last]
    offering.grant(SHARES, Told())
    assert len(offering.seconds) == 4


def handed_over(part, counts):
    loop = [LoopSecond(1, 9.0, 0.1, 0.2), LoopSecond(2, 1.0, 0.95, 1.1), LoopSecond(3, 1.0, 0.1, 3)]
    more = {"arrivals": counts, "loop": loop, "pauses": [Pause(9.0, 0.5), Pause(3.0, 2.5)]}
    part.takes(Delta("u", part.name, "boot", 1, 0, [], {}, {}, **more))
    part.hand_over(Drained("u", part.name, "boot", deltas=1))


@pytest.fixture
def parts(made_run, clock):
    """Two workers of a run by a schedule that was granted four seconds of 20, and has ended."""
    made_run.offering = Offering(ArrivalRate(20, 20), "constant", 42)
    made_run.offering.begin()
    clock.now = 1002.0
    made_run.offering.grant(SHARES, Told())
    clock.now = 1005.0
    made_run.offering.end()
    return [made_run.registry.enter(name, f"client-{name}", "boot") for name in "ab"]


def test_every_arrival_of_workers_that_handed_over_is_known(made_run, parts):
    dealt = {part.name: made_run.offering.dealt_to(part.name) for part in parts}
    for part in parts:
        handed_over(part, ArrivalCounts(dealt[part.name], dealt[part.name] - 13, 2, 1, 10))
    found = completeness(made_run, 0, 0, scheduled=54)
    assert found.faults == []
    totals = found.arrivals
    assert (totals.begun, totals.missed, totals.cut, totals.unknown) == (54, 4, 2, 0)
    assert totals.offered == 60 == 80 - 20
    assert found.workers[0].seconds_watched == 3
    assert found.workers[0].seconds_saturated == 2
    assert found.workers[0].own_wait_s == pytest.approx(0.2 + 1.1)  # the third was not saturated
    assert found.saturated_share == pytest.approx(2 / 3)
    assert found.workers[0].pauses == [Pause(3.0, 2.5), Pause(9.0, 0.5)]


def test_of_a_workers_pauses_the_longest_are_kept(made_run):
    part = made_run.registry.enter("a", "client-a", "boot")
    random = Random(3)
    lengths = [random.uniform(0.2, 5) for _ in range(3 * PAUSES_KEPT)]
    for number, seconds in enumerate(lengths, 1):
        pauses = [Pause(float(number), seconds)]
        part.takes(Delta("u", "a", "boot", number, 0, [], {}, {}, pauses=pauses))
    kept = completeness(made_run, 0, 0).workers[0].pauses
    assert sorted(pause.seconds for pause in kept) == sorted(lengths)[-PAUSES_KEPT:]
    assert [pause.begin for pause in kept] == sorted(pause.begin for pause in kept)


def test_the_file_of_a_run_says_what_its_last_seconds_came_to_be(made_run, parts):
    made_run.write_offered()
    part = parts[0]
    handed_over(part, ArrivalCounts(made_run.offering.dealt_to("a"), 30, 0, 0, 14))
    found = offered_seconds(made_run.offering, [part], over=True)
    assert [second.time for second in found] == [1002, 1003, 1004]
    assert sum(second.arrivals for second in found) == 30 + made_run.offering.due_of("b")
    made_run.write_offered_at_the_end(found)
    made_run.segment.flush()
    assert History([made_run.segment.path]).offered() == found


def test_what_a_lost_worker_did_not_tell_is_unknown_and_so_is_the_verdict(made_run, parts):
    a, b = parts
    due = made_run.offering.due_of("b")
    dealt = made_run.offering.dealt_to("a")
    handed_over(a, ArrivalCounts(dealt, made_run.offering.due_of("a"), 0, 0, dealt - 33))
    b.takes(Delta("u", "b", "boot", 1, 0, [], {}, {}, arrivals=ArrivalCounts(due, 11, 1, 0, 0)))
    b.lose()
    found = completeness(made_run, 0, 0, scheduled=0)
    totals = found.arrivals
    assert totals.unknown == due - 12
    assert totals.offered == totals.begun + totals.missed + totals.cut + totals.unknown == 60
    assert f"what became of {due - 12} of 60 arrivals is unknown" in found.faults
    # Its file has five events more than it told.
    more = completeness(made_run, 0, 0, scheduled=totals.begun + 5).arrivals
    assert (more.begun, more.unknown) == (totals.begun + 5, due - 17)
    assert more.offered == 60
    (outcome,) = evaluate([parse_check("arrivals.missed == 0")], {}, selected_phases=["baseline"],
                          complete=found.complete)  # fmt: skip
    assert outcome.verdict == "unknown"


def test_who_left_before_the_end_leaves_nothing_unknown(made_run, parts):
    a, b = parts
    handed_over(a, ArrivalCounts(made_run.offering.dealt_to("a"), made_run.offering.dealt_to("a")))
    handed_over(b, ArrivalCounts(20, 15, 0, 0, 5))
    b.left_early = True
    totals = totals_of(made_run.offering, parts, 0, over=True)
    assert totals.unknown == 0
    assert totals.begun == made_run.offering.dealt_to("a") + 15


def test_shares_follow_the_seats(made_run):
    for name in "ab":
        made_run.registry.enter(name, f"client-{name}", "boot")
    seats = [made_run.seats.lease(persona, worker) for persona in ("alice", "bob", "carol")
             for worker in "aba"]  # fmt: skip
    assert Counter(dict(shares_of(made_run))) == {"a": 6, "b": 3}
    made_run.seats.done(seats[0])
    made_run.seats.release(seats[2])
    assert shares_of(made_run) == (("a", 4), ("b", 3))
    made_run.registry.parts["b"].lose()
    assert shares_of(made_run) == (("a", 4),)
