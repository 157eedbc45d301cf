"""What each worker handed over, counted: gaps, repeats, and who is waited for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcstress.cluster.messages import LOCAL, Delta, Drained
from mcstress.master.stages import WrongChangeError
from mcstress.master.worker_registry import WorkerRegistry, WorkerState


def delta(number, *, boot="boot", made=0):
    return Delta("uid", "worker-0", boot, number, made, [], {}, {})


@pytest.fixture
def registry():
    return WorkerRegistry()


@given(st.lists(st.integers(1, 20), max_size=40))
def test_gaps_and_repeats_are_those_of_the_numbers(numbers):
    """Against a count by sets: a number below the highest so far is no news."""
    part, taken, repeated = WorkerState("worker-0", "client", "boot"), set(), 0
    for number in numbers:
        is_new = number > max(taken, default=0)
        assert part.takes(delta(number)) == is_new
        taken |= {number} if is_new else set()
        repeated += not is_new
    assert part.deltas == max(taken, default=0)
    assert part.deltas_repeated == repeated
    assert part.gaps() == part.deltas - len(taken)


def test_the_totals_tell_of_deltas_that_never_came():
    part = WorkerState("worker-0", "client", "boot")
    part.takes(delta(1, made=10))
    assert (part.events_made, part.gaps()) == (10, 0)
    part.hand_over(Drained("uid", "worker-0", "boot", deltas=3, events_made=30))
    assert (part.events_made, part.gaps()) == (30, 2)
    with pytest.raises(WrongChangeError):
        part.lose()


def test_a_process_that_was_started_again_under_the_same_name_is_another():
    part = WorkerState("worker-0", "client", "boot")
    assert not part.takes(delta(1, boot="another"))
    assert part.deltas == 0


def test_entering_twice_is_once(registry):
    part = registry.enter("worker-0", "client", "boot", "host")
    assert registry.enter("worker-0", "client", "boot", "host") is part
    assert registry.of_client("client") is part
    assert registry.of_client("stranger") is None
    assert not part.local
    assert registry.enter(LOCAL, "here", "boot").local


def test_one_that_takes_no_part_is_struck_and_one_that_handed_over_stays(registry):
    registry.enter("worker-0", "quiet", "boot")
    registry.enter("worker-1", "busy", "boot").takes(delta(1))
    registry.strike("quiet")
    registry.strike("busy")
    registry.strike("stranger")
    assert list(registry.parts) == ["worker-1"]
    assert registry.of_client("quiet") is None


def test_one_that_is_lost_is_waited_for_as_long_as_it_may_come_back(registry, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("mcstress.master.worker_registry.time.monotonic", lambda: now[0])
    part = registry.enter("worker-0", "client", "boot")
    assert registry.waiting() == [part]
    part.lose()
    assert registry.waiting() == []
    assert registry.waiting(grace_s=10) == [part]
    now[0] += 10
    assert registry.waiting(grace_s=10) == []
    assert registry.lost() == [part]


def test_everyone_has_left_only_where_somebody_was(registry):
    assert not registry.everyone_left()
    part = registry.enter("worker-0", "client", "boot")
    assert not registry.everyone_left()
    part.hand_over(Drained("uid", "worker-0", "boot"))
    assert registry.everyone_left()
    assert registry.lost() == []
